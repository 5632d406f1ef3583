//! Recognises the start of a record or of the end of the list after damage.

use crate::scan::local;
use crate::verb::Verb;

pub(crate) enum Start {
    Yes,
    No,
    /// More bytes are needed.
    Unknown,
}

/// How far a start is searched: a tag `record` with some namespaces, white space, and the tag `header`.
const REACH: usize = 4096;

/// Whether `bytes`, which begin with `<`, start a record, the token or the end of the list.
pub(crate) fn is_start(bytes: &[u8], verb: Verb, ended: bool) -> Start {
    let unknown = if ended || bytes.len() >= REACH { Start::No } else { Start::Unknown };
    let Some((name, rest)) = tag(bytes) else {
        return if bytes.len() > 256 { Start::No } else { unknown };
    };
    if let Some(name) = name.strip_prefix(b"/") {
        return if local(name) == verb.name().as_bytes() { Start::Yes } else { Start::No };
    }
    match (local(name), verb) {
        (b"resumptionToken", _) | (b"header", Verb::ListIdentifiers) => Start::Yes,
        (b"record", Verb::ListRecords | Verb::GetRecord) => {
            let Some(end) = rest.iter().take(REACH).position(|byte| *byte == b'>') else { return unknown };
            let inner = rest[end + 1..].trim_ascii_start();
            match tag(inner) {
                Some((name, _)) if inner.starts_with(b"<") && local(name) == b"header" => Start::Yes,
                None if inner.len() < 256 && (inner.is_empty() || inner.starts_with(b"<")) => unknown,
                _ => Start::No,
            }
        }
        _ => Start::No,
    }
}

/// Returns the name of a tag, with its `/` if it is an end tag, and the bytes after it.
fn tag(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let bytes = bytes.get(1..)?;
    let end =
        bytes.iter().skip(1).take(256).position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))?;
    Some(bytes.split_at(end + 1))
}
