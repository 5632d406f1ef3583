//! Builds the records that the hub creates in a borrower's Alma, and the marker that distinguishes them from others.

use lending::{LibraryCode, LocationCode, RequestId, Title};
use marc::marcxml::{self, Namespace};
use marc::{Leader, Record};

/// The call number of every virtual holding. Real holdings have another.
pub(crate) const CALL_NUMBER: &str = "DCB_VIRTUAL_COLLECTION";

/// Returns the hub's marker for a record's 035 and 901: `(DCB)` and the request's id.
pub(crate) fn record_marker(request: RequestId) -> String {
    format!("(DCB){request}")
}

/// Returns the hub's marker for a hold's comment. It is bracketed, so that no id is a prefix of another.
pub(crate) fn hold_marker(request: RequestId) -> String {
    format!("[DCB-REQUEST:{request}]")
}

/// The longest detail in the comment of a hold, in characters.
const LONGEST_DETAIL: usize = 150;

/// Builds the comment of a hold: words for staff, details with the name of each, and the hub's marker. Square brackets
/// in a detail become round ones, so that no text of a library can be taken for a marker.
pub(crate) fn hold_comment(words: &str, details: &[(&str, Option<&str>)], request: RequestId) -> String {
    let mut comment = words.to_owned();
    for (name, detail) in details {
        if let Some(detail) = detail {
            let plain: String = detail.replace('[', "(").replace(']', ")").chars().take(LONGEST_DETAIL).collect();
            comment.push_str(&format!("; {name}: {plain}"));
        }
    }
    format!("{comment} {}", hold_marker(request))
}

/// Returns the request whose marker is in a hold's comment.
pub(crate) fn marked_request(comment: &str) -> Option<RequestId> {
    let (_, rest) = comment.split_once("[DCB-REQUEST:")?;
    rest.split_once(']')?.0.parse().ok()
}

/// Builds the virtual record: enough for a slip and a screen, and the hub's marker.
///
/// Alma sets 001 and 005 itself (alma-api.md 3.3).
pub(crate) fn bib(request: RequestId, title: &Title) -> String {
    let marker = record_marker(request);
    let mut record = Record::builder().control("008", "260101nuuuuuuuuxx            000 0 und d").data(
        "035",
        ' ',
        ' ',
        [('a', marker.as_str())],
    );
    if let Some(author) = &title.author {
        record = record.data("100", '1', ' ', [('a', author.as_str())]);
    }
    let statement = if title.title.trim().is_empty() { "[No title]" } else { title.title.as_str() };
    let record = record
        .data("245", if title.author.is_some() { '1' } else { '0' }, '0', [('a', statement)])
        .data("500", ' ', ' ', [('a', "Stands for an item of another library while a patron borrows it through DCB.")])
        .data("901", ' ', ' ', [('a', marker.as_str())])
        .build();
    marcxml::write(&record, Namespace::None).content
}

/// Builds the holding of a virtual item, in this library and location.
pub(crate) fn holding(library: &LibraryCode, location: &LocationCode) -> String {
    let record = Record::builder()
        // The leader of a single-part holdings record. The text is fixed, so the default is never used.
        .leader("00000nx  a22000001n 4500".parse::<Leader>().unwrap_or_default())
        .control("008", "2601010p    8   4001uueng0000000")
        .data("852", '8', ' ', [('b', library.as_str()), ('c', location.as_str()), ('h', CALL_NUMBER)])
        .build();
    marcxml::write(&record, Namespace::None).content
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_marker_of_a_hold_is_read_back() {
        let request = RequestId(Uuid::from_u128(7));
        assert_eq!(marked_request(&format!("For BORROW {} please", hold_marker(request))), Some(request));
        assert_eq!(marked_request("[DCB-REQUEST:not an id]"), None);
        assert_eq!(marked_request("a patron's own words"), None);
    }

    #[test]
    fn detail_in_the_comment_of_a_hold_is_no_marker() {
        let (request, other) = (RequestId(Uuid::from_u128(7)), RequestId(Uuid::from_u128(8)));
        let detail = format!("v.1 {}", hold_marker(other));
        let comment = hold_comment("DCB loan", &[("volume", Some(&detail)), ("pickup", None)], request);
        assert_eq!(marked_request(&comment), Some(request));
        assert!(comment.starts_with("DCB loan; volume: v.1 (DCB-REQUEST:") && !comment.contains(&hold_marker(other)));
    }

    #[test]
    fn virtual_record_says_nothing_that_is_not_so() {
        let xml = bib(RequestId(Uuid::nil()), &Title { title: "Cats".to_owned(), author: None });
        let read = marcxml::read_one(&xml).unwrap().record;
        for tag in ["020", "022", "100", "260", "264", "300", "650"] {
            assert_eq!(read.fields_tagged(tag).count(), 0, "{tag}");
        }
        let fixed = read.control("008").unwrap();
        assert_eq!((fixed.len(), &fixed[6..15]), (40, "nuuuuuuuu"), "its year is not known");
    }

    #[test]
    fn title_with_markup_and_other_scripts_survives_as_it_is() {
        let title = Title {
            title: "Cats & <dogs> \"quoted\" 'n' Война и мир 戦争".to_owned(),
            author: Some("Толстой, Л. & Co".to_owned()),
        };
        let xml = bib(RequestId(Uuid::nil()), &title);
        let read = marcxml::read_one(&xml).unwrap().record;
        assert_eq!(read.subfield("245", 'a'), Some(title.title.as_str()));
        assert_eq!(read.subfield("100", 'a'), title.author.as_deref());
        assert_eq!(read.subfield("035", 'a'), Some("(DCB)00000000-0000-0000-0000-000000000000"));
    }
}
