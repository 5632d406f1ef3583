//! Extracts the data by which people identify a record: title, author, numbers.

use std::collections::BTreeSet;

use crate::{CompactRecord, FieldRef, Isbn, Record};

impl Record {
    /// Returns the content of field 001 without surrounding blanks.
    #[must_use]
    pub fn control_number(&self) -> Option<&str> {
        self.control("001").map(str::trim).filter(|number| !number.is_empty())
    }

    /// Returns the title proper with its other title information and parts (245 `a`, `b`, `n`, `p`), without the
    /// punctuation that ISBD puts before the next area.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        let field = self.fields_tagged("245").find(|field| !field.subfields().is_empty())?;
        title(field.subfields().iter().map(|subfield| (subfield.code, subfield.value.as_str())))
    }

    /// Returns the name in the main entry (100, 110, 111), or else in the first added entry (700, 710, 711).
    #[must_use]
    pub fn author(&self) -> Option<String> {
        let entry = |tags: [&str; 3]| self.fields.iter().find(|field| tags.iter().any(|tag| field.tag() == *tag));
        let field = entry(["100", "110", "111"]).or_else(|| entry(["700", "710", "711"]))?;
        name(field.subfields().iter().map(|subfield| (subfield.code, subfield.value.as_str())))
    }

    /// Returns the valid ISBNs of the record (020 `a`), each once in the form that comes first.
    #[must_use]
    pub fn isbns(&self) -> Vec<Isbn> {
        let mut seen = BTreeSet::new();
        self.subfields("020", 'a').filter_map(Isbn::find).filter(|isbn| seen.insert(isbn.to_13())).collect()
    }
}

impl CompactRecord {
    /// Returns the title; see [`Record::title`].
    #[must_use]
    pub fn title(&self) -> Option<String> {
        self.fields_tagged("245").find(|field| field.subfields().next().is_some())?.title()
    }

    /// Returns the main author; see [`Record::author`].
    #[must_use]
    pub fn author(&self) -> Option<String> {
        let entry = |tags: [&str; 3]| self.fields().find(|field| tags.iter().any(|tag| field.tag() == *tag));
        let field = entry(["100", "110", "111"]).or_else(|| entry(["700", "710", "711"]))?;
        name(field.subfields().map(|subfield| (subfield.code, subfield.value)))
    }
}

impl FieldRef<'_> {
    /// Returns the title in a field 245, or in the field 880 that is linked to one; see [`Record::title`].
    #[must_use]
    pub fn title(&self) -> Option<String> {
        title(self.subfields().map(|subfield| (subfield.code, subfield.value)))
    }
}

fn title<'a>(subfields: impl Iterator<Item = (char, &'a str)>) -> Option<String> {
    let mut title = String::new();
    for (code, value) in subfields.filter(|(code, _)| matches!(code, 'a' | 'b' | 'n' | 'p')) {
        if !title.is_empty() {
            // The colon is in a medium designator ($h) that isn't part of the title.
            title.push_str(match code {
                'b' if !title.ends_with([':', ';', '=', ',', '.', '/']) => " : ",
                _ => " ",
            });
        }
        title.push_str(&sortable(value.trim()));
    }
    non_empty(without_isbd(&title))
}

fn name<'a>(subfields: impl Iterator<Item = (char, &'a str)>) -> Option<String> {
    let parts = subfields.filter(|(code, _)| matches!(code, 'a' | 'b'));
    non_empty(without_isbd(&parts.map(|(_, value)| value.trim()).collect::<Vec<_>>().join(" ")))
}

/// Removes the marks around an article that is ignored in sorting (U+0098, U+009C).
fn sortable(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '\u{98}' | '\u{9C}')).collect()
}

fn without_isbd(text: &str) -> &str {
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '/' | ':' | ';' | '=' | ','));
    match text.strip_suffix('.') {
        Some(sentence) if !ends_with_abbreviation(sentence) => sentence.trim_end(),
        _ => text,
    }
}

/// Returns whether the full stop after this text belongs to it: an ellipsis, an initial, `etc.`, `Jr.`
fn ends_with_abbreviation(text: &str) -> bool {
    let word = text.rsplit([' ', '.', '-']).next().unwrap_or_default();
    text.ends_with('.')
        || (word.chars().count() == 1 && word.chars().all(char::is_uppercase))
        || ["etc", "Jr", "Sr", "al"].contains(&word)
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::Record;

    fn titled<const N: usize>(subfields: [(char, &str); N]) -> Option<String> {
        Record::builder().data("245", '0', '0', subfields).build().title()
    }

    #[test]
    fn title_ends_before_the_statement_of_responsibility() {
        let title = titled([('a', "Aristocrats of color :"), ('b', "the Black elite /"), ('c', "W. Gatewood.")]);
        assert_eq!(title.as_deref(), Some("Aristocrats of color : the Black elite"));
    }

    #[test]
    fn title_keeps_its_colon_when_the_medium_carried_it() {
        let title = titled([('a', "Escape"), ('h', "[sound recording] :"), ('b', "a novel /")]);
        assert_eq!(title.as_deref(), Some("Escape : a novel"));
    }

    #[test]
    fn title_keeps_the_full_stop_of_an_ellipsis_or_initial() {
        assert_eq!(titled([('a', "Once upon ...")]).as_deref(), Some("Once upon ..."));
        assert_eq!(titled([('a', "Made in the U.S.A.")]).as_deref(), Some("Made in the U.S.A."));
        assert_eq!(titled([('a', "A whole sentence.")]).as_deref(), Some("A whole sentence"));
    }

    #[test]
    fn title_without_text_is_none() {
        assert_eq!(titled([('a', " /")]), None);
        assert_eq!(Record::default().title(), None);
    }

    #[test]
    fn isbn_in_both_its_forms_is_listed_once() {
        let isbns = Record::builder()
            .data("020", ' ', ' ', [('a', "020161622X")])
            .data("020", ' ', ' ', [('a', "9780201616224 (pbk.)"), ('z', "0914378287")])
            .build()
            .isbns();
        assert_eq!(isbns.iter().map(ToString::to_string).collect::<Vec<_>>(), ["020161622X"]);
    }

    #[test]
    fn author_is_the_main_entry_before_any_added_entry() {
        let added = Record::builder().data("700", '1', ' ', [('a', "Thomas, David,"), ('d', "1956-")]);
        assert_eq!(added.clone().build().author().as_deref(), Some("Thomas, David"));
        let main = added.data("100", '1', ' ', [('a', "Wise, Arthur E.")]).build();
        assert_eq!(main.author().as_deref(), Some("Wise, Arthur E."));
    }
}
