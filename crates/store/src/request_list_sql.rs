//! The SQL of the list of requests: macros that write the statement for an index and an order, each a literal.
//!
//! A macro expands where `request_list` calls it, and names the types of that module.

/// The conditions of the list and its end. `REPLACE` finds a line in a set of lines: `LIKE` would take `_` in a code for any
/// character. The last condition is the one that has an index: which one it is depends on the filter. A pair compared with a
/// pair is the place in the order of the list. SQLite numbers parameters as they first occur, so they occur in order.
macro_rules! conditions {
    ($indexed:literal, $key:literal, $beyond:literal, $direction:literal) => {
        conditions!($indexed, $key, "id", "placed_at", $beyond, $direction, "$18")
    };
    (
        $indexed:expr, $key:literal, $id:literal, $placed:literal, $beyond:literal, $direction:literal, $limit:literal
    ) => {
        concat!(
            "($1 = '' OR $1 LIKE '%,' || status || ',%') AND ($2 = '' OR borrower = $2 OR lender = $2) \
              AND open >= $3 AND ($4 = 0 OR needs_staff = 1) AND (",
            $key,
            ", ",
            $id,
            ") ",
            $beyond,
            " ($5, $6) AND ($7 = '' OR id IN (SELECT request FROM request_barcode WHERE barcode = $7)) \
              AND ($8 = '*' OR REPLACE($8, '\n' || agency || '\n', '') <> $8 \
                  OR REPLACE($9, '\n' || lender_place || '\n', '') <> $9 \
                  OR (REPLACE($10, '\n' || lender || '\n', '') <> $10 \
                      AND REPLACE($11, '\n' || lender_place || '\n', '') = $11) \
                  OR REPLACE($12, '\n' || pickup_location || '\n', '') <> $12) \
              AND ($13 = '' OR patron_identifier_digest = $13 OR patron_verified = $13) \
              AND ($14 = '' OR agency = $14) AND ",
            $placed,
            " >= $15 AND ",
            $placed,
            " < $16 AND ($17 = '' OR title LIKE $17 ESCAPE '!') AND ",
            $indexed,
            " ORDER BY ",
            $key,
            $direction,
            ", ",
            $id,
            $direction,
            " LIMIT ",
            $limit
        )
    };
}

/// A statement that reads the requests which wait at the desks: first the narrow rows of these. `CROSS JOIN` is the order in
/// which SQLite reads the tables. The agencies' sides are compared in the narrow rows, so that few wide ones are read. So is
/// the time of placing: by a condition on the wide rows, PostgreSQL would begin with these.
macro_rules! at_desks {
    ($columns:literal, $wait:literal, $key:literal, $id:literal, $beyond:literal, $direction:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM open_work CROSS JOIN patron_request WHERE ",
            conditions!(
                concat!(
                    "id = request AND ",
                    $wait,
                    " AND ($19 = '' OR queue = $19) AND COALESCE(waits_since, 9223372036854775806) < $20 \
                      AND ($21 = '' OR ($21 = '*' AND cases <> '') OR cases LIKE '%,' || $21 || ',%') \
                      AND ($22 = '' OR request IN (SELECT unread_message.request FROM unread_message \
                          WHERE REPLACE($22, '\n' || agency || '\n', '') <> $22)) \
                      AND ($8 = '*' OR REPLACE($8, '\n' || at_agency || '\n', '') <> $8 \
                          OR REPLACE($9, '\n' || at_place || '\n', '') <> $9 \
                          OR (REPLACE($10, '\n' || at_lender || '\n', '') <> $10 \
                              AND REPLACE($11, '\n' || at_place || '\n', '') = $11) \
                          OR REPLACE($12, '\n' || at_pickup || '\n', '') <> $12)"
                ),
                $key,
                $id,
                "asked_at",
                $beyond,
                $direction,
                "$23"
            )
        )
    };
}

/// The start of a statement that reads the versions of requests, and by what they are ordered.
macro_rules! select_version {
    ($($rest:tt)+) => {
        concat!(
            "SELECT id, version, placed_at, updated_at, SUBSTR(title, 1, 60) AS title FROM patron_request WHERE ",
            $($rest)+
        )
    };
}

/// A page in each order.
macro_rules! select_page {
    ($indexed:literal, $sort:expr, $select:ident) => {
        match $sort {
            Sort::NewestFirst => $select!(conditions!($indexed, "placed_at", "<", " DESC")),
            Sort::OldestFirst => $select!(conditions!($indexed, "placed_at", ">", "")),
            Sort::ChangedLast => $select!(conditions!($indexed, "updated_at", "<", " DESC")),
            Sort::ChangedFirst => $select!(conditions!($indexed, "updated_at", ">", "")),
            Sort::Title => $select!(conditions!($indexed, "SUBSTR(title, 1, 60)", ">", "")),
        }
    };
}

/// The number of requests.
macro_rules! count {
    ($indexed:literal) => {
        concat!(
            "SELECT COUNT(*) AS requests FROM (SELECT 1 AS one FROM patron_request WHERE ",
            conditions!($indexed, "placed_at", "<", " DESC"),
            ") AS found"
        )
    };
}

/// A page of requests that wait at the desks, in each order.
macro_rules! page_at_desks {
    ($columns:literal, $wait:literal, $sort:expr) => {
        match $sort {
            Sort::NewestFirst => at_desks!($columns, $wait, "asked_at", "request", "<", " DESC"),
            Sort::OldestFirst => at_desks!($columns, $wait, "asked_at", "request", ">", ""),
            Sort::ChangedLast => at_desks!($columns, $wait, "updated_at", "id", "<", " DESC"),
            Sort::ChangedFirst => at_desks!($columns, $wait, "updated_at", "id", ">", ""),
            Sort::Title => at_desks!($columns, $wait, "SUBSTR(title, 1, 60)", "id", ">", ""),
        }
    };
}

/// The number of requests that wait at the desks.
macro_rules! count_at_desks {
    ($wait:literal) => {
        concat!(
            "SELECT COUNT(*) AS requests FROM (",
            at_desks!("1 AS one", $wait, "asked_at", "request", "<", " DESC"),
            ") AS found"
        )
    };
}

/// A page of requests with unread messages, in each order.
macro_rules! page_of_unread {
    ($sort:expr, $select:ident) => {
        match $sort {
            Sort::NewestFirst => $select!(unread!("placed_at", "<", " DESC")),
            Sort::OldestFirst => $select!(unread!("placed_at", ">", "")),
            Sort::ChangedLast => $select!(unread!("updated_at", "<", " DESC")),
            Sort::ChangedFirst => $select!(unread!("updated_at", ">", "")),
            Sort::Title => $select!(unread!("SUBSTR(title, 1, 60)", ">", "")),
        }
    };
}

/// The conditions of a list of requests with unread messages.
macro_rules! unread {
    ($key:literal, $beyond:literal, $direction:literal) => {
        conditions!(
            "id IN (SELECT request FROM unread_message WHERE REPLACE($18, '\n' || agency || '\n', '') <> $18)",
            $key,
            "id",
            "placed_at",
            $beyond,
            $direction,
            "$19"
        )
    };
}

/// The number of requests with unread messages.
macro_rules! count_of_unread {
    () => {
        concat!(
            "SELECT COUNT(*) AS requests FROM (SELECT 1 AS one FROM patron_request WHERE ",
            unread!("placed_at", "<", " DESC"),
            ") AS found"
        )
    };
}

/// Chooses the statement by the index that the filter can use.
macro_rules! by_index {
    (@desk select_page, $wait:literal, $sort:expr, select) => {
        page_at_desks!(
            "id, version, updated_at, document, audit_head, audit_count, audit_key, finished_at", $wait, $sort
        )
    };
    (@desk select_page, $wait:literal, $sort:expr, select_version) => {
        page_at_desks!("id, version, placed_at, updated_at, SUBSTR(title, 1, 60) AS title", $wait, $sort)
    };
    (@desk count, $wait:literal) => { count_at_desks!($wait) };
    (@unread select_page, $sort:expr, $select:ident) => { page_of_unread!($sort, $select) };
    (@unread count) => { count_of_unread!() };
    ($filter:expr, $statement:ident $(, $sort:expr, $select:ident)?) => {
        match $filter.index() {
            Index::Wait => by_index!(@desk $statement, "wait = $18" $(, $sort, $select)?),
            Index::Case => by_index!(@desk $statement, "cases <> '' AND $18 = ''" $(, $sort, $select)?),
            Index::Unread => by_index!(@unread $statement $(, $sort, $select)?),
            Index::Barcode => {
                $statement!("id IN (SELECT request FROM request_barcode WHERE barcode = $7)" $(, $sort, $select)?)
            }
            Index::Patron => $statement!("(patron_identifier_digest = $13 OR patron_verified = $13)" $(, $sort, $select)?),
            Index::NeedsStaff => $statement!("needs_staff = 1" $(, $sort, $select)?),
            Index::FinalStatus => $statement!("final_status = REPLACE($1, ',', '')" $(, $sort, $select)?),
            Index::Institution => $statement!("(borrower = $2 OR lender = $2)" $(, $sort, $select)?),
            Index::Open => $statement!("open = 1" $(, $sort, $select)?),
            Index::Placed => $statement!("1 = 1" $(, $sort, $select)?),
        }
    };
}
