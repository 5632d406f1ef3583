//! The fields of the index, and how a document fills them.

use tantivy::schema::{
    BytesOptions, FAST, Field, IndexRecordOption, NumericOptions, STORED, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::{TantivyDocument, Term};

use crate::analysis::folded;
use crate::document::{Document, IdentifierKind};

/// The version of everything that shapes the index: fields, analysis, stored forms. Another version is filled anew.
pub(crate) const VERSION: u32 = 2;
/// The name under which tantivy knows our tokenizer.
pub(crate) const TOKENIZER: &str = "words";
/// The name under which tantivy knows the tokenizer of ids.
pub(crate) const ID_TOKENIZER: &str = "id";
/// The longest key in bytes; longer ones are cut, in records and in queries.
const LONGEST_KEY: usize = 250;
/// The longest title in bytes by which results are sorted.
const LONGEST_SORT_KEY: usize = 60;

/// The fields of the index.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) schema: Schema,
    /// The id of the title.
    pub(crate) id: Field,
    /// All words of a title.
    pub(crate) any: Field,
    pub(crate) title: Field,
    pub(crate) author: Field,
    pub(crate) subject: Field,
    pub(crate) publisher: Field,
    pub(crate) series: Field,
    pub(crate) note: Field,
    /// Values that are compared as a whole; see [`Key`].
    pub(crate) key: Field,
    /// The year, as a column.
    pub(crate) year: Field,
    pub(crate) sort_title: Field,
    pub(crate) format: Field,
    pub(crate) language: Field,
    pub(crate) agency: Field,
    /// The brief form, stored as JSON.
    pub(crate) brief: Field,
    /// The display record, in the compact form of `marc`.
    pub(crate) record: Field,
}

/// The kind of a value that is compared as a whole. Its letter begins the stored key, so that one field serves all kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Title,
    Author,
    Subject,
    Publisher,
    Series,
    Isbn,
    Issn,
    /// Any identifier, of whatever kind.
    Identifier,
    Format,
    Language,
    Agency,
    Institution,
    FormerId,
}

impl Key {
    fn letter(self) -> char {
        match self {
            Self::Title => 't',
            Self::Author => 'a',
            Self::Subject => 's',
            Self::Publisher => 'p',
            Self::Series => 'r',
            Self::Isbn => 'b',
            Self::Issn => 'n',
            Self::Identifier => 'i',
            Self::Format => 'f',
            Self::Language => 'l',
            Self::Agency => 'g',
            Self::Institution => 'o',
            Self::FormerId => 'm',
        }
    }

    /// Returns the key of a value in its normal form.
    pub(crate) fn of(self, value: &str) -> String {
        let mut key = String::with_capacity(value.len() + 1);
        key.push(self.letter());
        let end = value.floor_char_boundary(LONGEST_KEY);
        key.push_str(&value[..end]);
        key
    }
}

impl Fields {
    pub(crate) fn new() -> Self {
        let mut schema = Schema::builder();
        let words = |options: IndexRecordOption| {
            TextOptions::default()
                .set_indexing_options(TextFieldIndexing::default().set_tokenizer(TOKENIZER).set_index_option(options))
        };
        let whole = |tokenizer: &str| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_fieldnorms(false)
                .set_index_option(IndexRecordOption::Basic);
            TextOptions::default().set_indexing_options(indexing)
        };
        let column = || TextOptions::default().set_fast("raw");
        let positions = || words(IndexRecordOption::WithFreqsAndPositions);
        Self {
            id: schema.add_text_field("id", whole(ID_TOKENIZER).set_stored()),
            any: schema.add_text_field("any", positions()),
            title: schema.add_text_field("title", positions()),
            author: schema.add_text_field("author", positions()),
            subject: schema.add_text_field("subject", positions()),
            publisher: schema.add_text_field("publisher", positions()),
            series: schema.add_text_field("series", positions()),
            note: schema.add_text_field("note", positions()),
            key: schema.add_text_field("key", whole("raw")),
            year: schema.add_u64_field("year", NumericOptions::from(FAST)),
            sort_title: schema.add_text_field("sort_title", column()),
            format: schema.add_text_field("format", column()),
            language: schema.add_text_field("language", column()),
            agency: schema.add_text_field("agency", column()),
            brief: schema.add_bytes_field("brief", BytesOptions::from(STORED)),
            record: schema.add_bytes_field("record", BytesOptions::from(STORED)),
            schema: schema.build(),
        }
    }

    /// Returns the term that selects a title by its id.
    pub(crate) fn id_term(&self, id: &str) -> Term {
        Term::from_field_text(self.id, id)
    }

    /// Returns the term of a key.
    pub(crate) fn key_term(&self, key: Key, value: &str) -> Term {
        Term::from_field_text(self.key, &key.of(value))
    }

    /// Makes the entry of a document.
    pub(crate) fn entry(&self, document: &Document) -> Result<TantivyDocument, serde_json::Error> {
        let mut entry = TantivyDocument::new();
        entry.add_text(self.id, &document.id);
        for id in &document.former_ids {
            entry.add_text(self.key, Key::FormerId.of(id));
        }
        let lists = [
            (self.title, Some(Key::Title), &document.titles),
            (self.author, Some(Key::Author), &document.authors),
            (self.subject, Some(Key::Subject), &document.subjects),
            (self.publisher, Some(Key::Publisher), &document.publishers),
            (self.series, Some(Key::Series), &document.series),
            (self.note, None, &document.notes),
        ];
        for (field, key, values) in lists {
            for value in values {
                entry.add_text(field, value);
                entry.add_text(self.any, value);
                if let Some(key) = key {
                    entry.add_text(self.key, key.of(&folded(value)));
                }
            }
        }
        self.add_identifiers(document, &mut entry);
        self.add_facets(document, &mut entry);
        entry.add_text(self.sort_title, sort_title(document));
        entry.add_bytes(self.brief, &serde_json::to_vec(&document.brief)?);
        let mut record = Vec::new();
        document.record.encode(&mut record);
        entry.add_bytes(self.record, &record);
        Ok(entry)
    }

    fn add_identifiers(&self, document: &Document, entry: &mut TantivyDocument) {
        for identifier in &document.identifiers {
            entry.add_text(self.key, Key::Identifier.of(&identifier.value));
            match identifier.kind {
                IdentifierKind::Isbn => entry.add_text(self.key, Key::Isbn.of(&identifier.value)),
                IdentifierKind::Issn => entry.add_text(self.key, Key::Issn.of(&identifier.value)),
                _ => {}
            }
        }
    }

    fn add_facets(&self, document: &Document, entry: &mut TantivyDocument) {
        let brief = &document.brief;
        if !brief.format.is_empty() {
            entry.add_text(self.format, &brief.format);
            entry.add_text(self.key, Key::Format.of(&brief.format.to_lowercase()));
        }
        for language in &brief.languages {
            entry.add_text(self.language, language);
            entry.add_text(self.key, Key::Language.of(&language.to_lowercase()));
        }
        for agency in &brief.agencies {
            entry.add_text(self.agency, agency);
            entry.add_text(self.key, Key::Agency.of(&agency.to_lowercase()));
        }
        for institution in &brief.institutions {
            entry.add_text(self.key, Key::Institution.of(&institution.to_lowercase()));
        }
        if let Some(year) = brief.year {
            entry.add_u64(self.year, u64::from(year));
        }
    }
}

/// Returns the text by which a title is sorted, without the article at its beginning.
fn sort_title(document: &Document) -> String {
    let title = folded(&document.brief.title);
    let skipped = document.record.fields_tagged("245").next().and_then(|field| {
        let article = usize::try_from(field.ind2().to_digit(10)?).ok()?;
        Some(folded(&field.subfield('a')?.chars().take(article).collect::<String>()))
    });
    let skipped = skipped.unwrap_or_default();
    let title = title.strip_prefix(skipped.as_str()).unwrap_or(&title).trim_start();
    title[..title.floor_char_boundary(LONGEST_SORT_KEY)].to_owned()
}
