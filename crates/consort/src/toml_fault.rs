//! Reports faults of TOML files by file, line, column and key. The value is never shown: it may be a key or a password.

use std::path::Path;

use serde::de::DeserializeOwned;

/// Reads a file's text, or returns a message about its first fault. `known` names the keys that the message may show if
/// the text isn't valid TOML at all.
pub(crate) fn read<T: DeserializeOwned>(file: &Path, text: &str, known: &[&str]) -> Result<T, String> {
    check_syntax(file, text, known)?;
    toml::from_str(text).map_err(|error| {
        let key = error.span().and_then(|span| key_before(text, span.start));
        at(file, text, error.span(), key, &lms::without_value(error.message()))
    })
}

/// Checks that a text is TOML. Otherwise returns a message about the place of the fault.
pub(crate) fn check_syntax(file: &Path, text: &str, known: &[&str]) -> Result<(), String> {
    toml::de::DeTable::parse(text).map(drop).map_err(|error| {
        // The text before a `=` may be a part of a value here, so only a known key is shown.
        let key = error.span().and_then(|span| key_before(text, span.start)).filter(|key| known.contains(key));
        at(file, text, error.span(), key, "this is no valid TOML; is a quotation mark or bracket missing?")
    })
}

/// Returns the place of a key, as `line 3, column 11`. A number in the path is an index of an array.
pub(crate) fn place_of(text: &str, path: &[String]) -> Option<String> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut parts = path.iter();
    let mut span = None;
    while let Some(name) = parts.next() {
        let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name.as_str())?;
        span = Some(key.span());
        let mut value = value;
        while let toml::de::DeValue::Array(rows) = value.get_ref() {
            let Some(index) = parts.next() else { break };
            value = rows.get(index.parse::<usize>().ok()?)?;
            span = Some(value.span());
        }
        match value.get_ref() {
            toml::de::DeValue::Table(inner) => table = inner,
            _ if parts.len() > 0 => return None,
            _ => {}
        }
    }
    span.map(|span| position(text, span.start))
}

fn at(file: &Path, text: &str, span: Option<std::ops::Range<usize>>, key: Option<&str>, what: &str) -> String {
    let place = span.map(|span| format!(", {}", position(text, span.start))).unwrap_or_default();
    let key = key.map(|key| format!(", {key}")).unwrap_or_default();
    format!("{}{place}{key}: {what}", file.display())
}

fn position(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}

/// Returns the bare key at the beginning of a line.
fn key_before(text: &str, offset: usize) -> Option<&str> {
    let begin = text.get(..offset)?.rfind('\n').map_or(0, |at| at + 1);
    let (key, _) = text.get(begin..)?.lines().next()?.split_once('=')?;
    let key = key.trim();
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    (!key.is_empty() && key.chars().all(is_bare)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[allow(dead_code, reason = "only its faults are of interest")]
        port: u16,
    }

    fn fault(text: &str) -> String {
        read::<Sample>(Path::new("x.toml"), text, &["port"]).unwrap_err()
    }

    #[test]
    fn fault_is_identified_by_file_line_column_and_key() {
        assert_eq!(fault("# a\nport = \"canary\""), "x.toml, line 2, column 8, port: expected u16");
        assert!(fault("port = \"canary").starts_with("x.toml, line 1, column "));
        assert!(fault("port = \"canary").contains(", port: this is no valid TOML"));
        assert_eq!(fault("").split(": ").nth(1), Some("missing field `port`"));
        assert!(fault("port = 1\ncolour = \"canary\"").contains("unknown field `colour`"));
    }

    #[test]
    fn no_fault_shows_a_value() {
        for text in [
            "port = canary",
            "port = \"canary",
            "port = 'canary\n",
            "port = [\"canary\"",
            "port = \"canary\" canary",
            "port = \"\\canary\"",
            "port = \"\"\"\ncanary=\ncanary=\"",
            "canary",
            "\"canary",
            "canary=canary=canary",
            "port = {canary = \"canary\"",
            "[canary",
            "port = \"canary\"",
            "port = [\"canary\"]",
            "port = [\n\"canary=\",\n]",
            "port = {x = \"canary\"}",
            "port = 1979-05-27T07:32:00Z",
            "port = 1\nport = \"canary\"",
        ] {
            let said = fault(text);
            assert!(!said.contains("canary") && !said.contains("1979"), "{text}: {said}");
        }
    }

    #[test]
    fn key_is_found_by_its_path() {
        let text = "a = 1\n[engine]\n  workers = \"canary\"\n";
        assert_eq!(place_of(text, &["engine".to_owned(), "workers".to_owned()]).as_deref(), Some("line 3, column 3"));
        assert_eq!(place_of(text, &["engine".to_owned(), "node".to_owned()]), None);
    }
}
