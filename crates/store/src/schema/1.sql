-- The schema of both databases. Columns are text or 64-bit integers: times are microseconds since 1970 in UTC, documents
-- are JSON, and 0 and 1 stand for no and yes.

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Installations of library systems.
CREATE TABLE institution (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    credentials TEXT NOT NULL, -- sealed
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Libraries that lend and borrow.
CREATE TABLE agency (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    institution TEXT NOT NULL REFERENCES institution (code),
    library TEXT,
    rules TEXT NOT NULL DEFAULT '{}'
);

CREATE TABLE pickup_location (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    agency TEXT NOT NULL REFERENCES agency (code),
    library TEXT NOT NULL,
    desk TEXT
);

-- Requests: a document each, and columns for the searches. What changes with every decision has no index: a row with an
-- unchanged index costs a third.
CREATE TABLE patron_request (
    id TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT,
    open BIGINT NOT NULL,
    needs_staff BIGINT NOT NULL,
    borrower TEXT NOT NULL,
    lender TEXT,
    patron_identifier_digest TEXT NOT NULL,
    patron_verified TEXT,
    placed_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    document TEXT NOT NULL, -- what names the patron is sealed
    audit_head TEXT NOT NULL DEFAULT '', -- the hash of the last entry
    audit_count BIGINT NOT NULL DEFAULT 0,
    lender_item TEXT,
    borrower_item TEXT,
    pickup_item TEXT,
    final_status TEXT -- the status of one that is over
);
CREATE INDEX patron_request_placed ON patron_request (placed_at, id);
CREATE INDEX patron_request_final ON patron_request (final_status, placed_at, id) WHERE final_status IS NOT NULL;
CREATE INDEX patron_request_borrower ON patron_request (borrower, placed_at);
CREATE INDEX patron_request_lender ON patron_request (lender, placed_at);
CREATE INDEX patron_request_open ON patron_request (placed_at, id) WHERE open = 1;
CREATE INDEX patron_request_needs_staff ON patron_request (placed_at, id) WHERE needs_staff = 1;
CREATE INDEX patron_request_identifier ON patron_request (patron_identifier_digest) WHERE open = 1;
CREATE INDEX patron_request_verified ON patron_request (patron_verified) WHERE open = 1;
CREATE INDEX patron_request_lender_item ON patron_request (lender_item) WHERE open = 1;
CREATE INDEX patron_request_borrower_item ON patron_request (borrower_item) WHERE open = 1;
CREATE INDEX patron_request_pickup_item ON patron_request (pickup_item) WHERE open = 1;

-- What happened to each request, in order. Entries are only ever added.
CREATE TABLE audit (
    request TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    from_status TEXT,
    to_status TEXT,
    reason TEXT,
    note TEXT,
    evidence TEXT,
    hash TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (request, seq)
);

-- Effects and deadlines. An effect stays with its outcome; a deadline that is over goes.
CREATE TABLE work (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    kind TEXT NOT NULL, -- 'effect' or 'deadline'
    target TEXT NOT NULL, -- which effect or deadline
    institution TEXT NOT NULL,
    state TEXT NOT NULL, -- 'open' or 'done'
    attempts BIGINT NOT NULL DEFAULT 0,
    unclear BIGINT NOT NULL DEFAULT 0, -- whether an attempt may have been done without an answer
    due_at BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT NOT NULL DEFAULT 0, -- 0 without a lease
    fencing_token BIGINT NOT NULL DEFAULT 0,
    outcome TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX work_one_effect ON work (request) WHERE state = 'open' AND kind = 'effect';
CREATE UNIQUE INDEX work_one_deadline ON work (request, target) WHERE state = 'open' AND kind = 'deadline';
CREATE INDEX work_due ON work (kind, due_at) WHERE state = 'open';
CREATE INDEX work_open_request ON work (request) WHERE state = 'open';
CREATE INDEX work_leased ON work (lease_until) WHERE lease_until > 0;
CREATE INDEX work_unclear ON work (institution, updated_at) WHERE unclear = 1;

-- The polls of a request's sides.
CREATE TABLE poll (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    side TEXT NOT NULL,
    institution TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0, -- how often nothing was new
    due_at BIGINT NOT NULL,
    hints BIGINT NOT NULL DEFAULT 0, -- how many hints came in all
    hinted_at BIGINT NOT NULL DEFAULT 0, -- when the last hint came that is still in `hint`
    list TEXT NOT NULL DEFAULT '', -- the list that covers it
    list_key TEXT NOT NULL DEFAULT '',
    list_expected BIGINT NOT NULL DEFAULT 0,
    last_polled_at BIGINT NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '',
    lease_owner TEXT,
    lease_until BIGINT NOT NULL DEFAULT 0,
    fencing_token BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX poll_side ON poll (request, side);
CREATE INDEX poll_due ON poll (due_at);
CREATE INDEX poll_list ON poll (list, institution) WHERE list <> '';
CREATE INDEX poll_alone ON poll (institution, last_polled_at) WHERE list = '';
CREATE INDEX poll_leased ON poll (lease_until) WHERE lease_until > 0;
CREATE INDEX poll_failing ON poll (institution) WHERE failures > 0;

-- What was reported about a poll since it was last made: a message, a mismatch on a list, or a person's wish.
CREATE TABLE hint (
    request TEXT NOT NULL,
    side TEXT NOT NULL,
    seq BIGINT NOT NULL, -- the value of poll.hints with it
    body TEXT NOT NULL,
    PRIMARY KEY (request, side, seq)
);

-- Lists that are read instead of polls.
CREATE TABLE batch_poll (
    institution TEXT NOT NULL,
    list TEXT NOT NULL,
    library TEXT,
    interval_factor BIGINT NOT NULL,
    needs_item_messages BIGINT NOT NULL,
    last_change_at BIGINT NOT NULL,
    last_read_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT NOT NULL DEFAULT 0,
    fencing_token BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (institution, list)
);

CREATE TABLE webhook (
    institution TEXT PRIMARY KEY,
    secret TEXT NOT NULL, -- sealed
    previous TEXT, -- sealed, one per line
    changed_at BIGINT NOT NULL,
    last_message_at BIGINT NOT NULL DEFAULT 0,
    last_item_message_at BIGINT NOT NULL DEFAULT 0,
    missed_message_at BIGINT NOT NULL DEFAULT 0,
    missed_message_kind TEXT NOT NULL DEFAULT ''
);

-- Messages that came, so that one that is sent again is known.
CREATE TABLE webhook_message (
    institution TEXT NOT NULL,
    message TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (institution, message)
);
CREATE INDEX webhook_message_received ON webhook_message (received_at);
