//! The names of indexes, relations and context sets.

use super::super::{Field, Problem, Relation};

/// A context set of names.
#[derive(Debug, Clone, Copy)]
pub struct ContextSet {
    /// Its short name, such as `dc`.
    pub name: &'static str,
    /// Its identifier.
    pub identifier: &'static str,
}

/// The context sets that queries can use.
pub const CONTEXT_SETS: [ContextSet; 4] = [
    ContextSet { name: "cql", identifier: "info:srw/cql-context-set/1/cql-v1.2" },
    ContextSet { name: "dc", identifier: "info:srw/cql-context-set/1/dc-v1.1" },
    ContextSet { name: "bath", identifier: "http://zing.z3950.org/cql/bath/2.0/" },
    ContextSet { name: "rec", identifier: "info:srw/cql-context-set/2/rec-1.1" },
];

/// A name of an index.
#[derive(Debug, Clone, Copy)]
pub struct IndexName {
    /// The context set.
    pub set: &'static str,
    /// The name in it.
    pub name: &'static str,
    /// The text or the field that is searched.
    pub field: Field,
    /// A title for people.
    pub title: &'static str,
}

const fn index(set: &'static str, name: &'static str, field: Field, title: &'static str) -> IndexName {
    IndexName { set, name, field, title }
}

/// The indexes of the context sets.
pub const INDEXES: [IndexName; 32] = [
    index("cql", "anywhere", Field::Any, "All words and numbers"),
    index("cql", "serverChoice", Field::Any, "All words and numbers"),
    index("cql", "keywords", Field::Any, "All words and numbers"),
    index("cql", "anyIndexes", Field::Any, "All words and numbers"),
    index("cql", "allRecords", Field::All, "Every title"),
    index("dc", "title", Field::Title, "Title"),
    index("dc", "creator", Field::Author, "Author"),
    index("dc", "contributor", Field::Author, "Author"),
    index("dc", "subject", Field::Subject, "Subject heading"),
    index("dc", "description", Field::Note, "Notes, contents, summary"),
    index("dc", "publisher", Field::Publisher, "Publisher and place"),
    index("dc", "date", Field::Year, "Year of publication"),
    index("dc", "type", Field::Format, "Format"),
    index("dc", "format", Field::Format, "Format"),
    index("dc", "identifier", Field::Identifier, "Any identifier"),
    index("dc", "language", Field::Language, "Language (MARC code)"),
    index("bath", "any", Field::Any, "All words and numbers"),
    index("bath", "title", Field::Title, "Title"),
    index("bath", "uniformTitle", Field::Title, "Title"),
    index("bath", "keyTitle", Field::Title, "Title"),
    index("bath", "seriesTitle", Field::Series, "Series"),
    index("bath", "name", Field::Author, "Author"),
    index("bath", "personalName", Field::Author, "Author"),
    index("bath", "corporateName", Field::Author, "Author"),
    index("bath", "conferenceName", Field::Author, "Author"),
    index("bath", "subject", Field::Subject, "Subject heading"),
    index("bath", "notes", Field::Note, "Notes, contents, summary"),
    index("bath", "isbn", Field::Isbn, "ISBN"),
    index("bath", "issn", Field::Issn, "ISSN"),
    index("bath", "standardIdentifier", Field::Identifier, "Any identifier"),
    index("bath", "possessingInstitution", Field::Institution, "Institution"),
    index("rec", "identifier", Field::Id, "Id of the title"),
];

/// The names that need no context set. The first one of a field is the one that is printed.
const PLAIN: [(&str, Field); 24] = [
    ("anywhere", Field::Any),
    ("any", Field::Any),
    ("title", Field::Title),
    ("author", Field::Author),
    ("creator", Field::Author),
    ("name", Field::Author),
    ("subject", Field::Subject),
    ("publisher", Field::Publisher),
    ("series", Field::Series),
    ("note", Field::Note),
    ("description", Field::Note),
    ("isbn", Field::Isbn),
    ("issn", Field::Issn),
    ("identifier", Field::Identifier),
    ("id", Field::Id),
    ("format", Field::Format),
    ("type", Field::Format),
    ("language", Field::Language),
    ("date", Field::Year),
    ("year", Field::Year),
    ("agency", Field::Agency),
    ("institution", Field::Institution),
    ("allRecords", Field::All),
    ("keywords", Field::Any),
];

/// Returns the field that an index name stands for.
pub(super) fn field(name: &str) -> Result<Field, Problem> {
    let unknown = || Problem::UnknownIndex(name.to_owned());
    let Some((set, index)) = name.split_once('.') else {
        return PLAIN
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, field)| *field)
            .ok_or_else(unknown);
    };
    if !CONTEXT_SETS.iter().any(|known| known.name.eq_ignore_ascii_case(set)) {
        return Err(Problem::UnknownContextSet(set.to_owned()));
    }
    INDEXES
        .iter()
        .find(|known| known.set.eq_ignore_ascii_case(set) && known.name.eq_ignore_ascii_case(index))
        .map(|known| known.field)
        .ok_or_else(unknown)
}

/// Returns the name by which a field is printed.
pub(super) fn name(field: Field) -> &'static str {
    PLAIN.iter().find(|(_, known)| *known == field).map_or("anywhere", |(name, _)| name)
}

/// The relations by their names; the first name of each is the one that is printed.
const RELATIONS: [(&str, Relation); 12] = [
    ("=", Relation::Phrase),
    ("adj", Relation::Phrase),
    ("scr", Relation::Phrase),
    ("==", Relation::Whole),
    ("exact", Relation::Whole),
    ("all", Relation::All),
    ("any", Relation::Any),
    ("<=", Relation::LessOrEqual),
    ("<", Relation::Less),
    (">=", Relation::GreaterOrEqual),
    (">", Relation::Greater),
    ("within", Relation::Within),
];

/// Returns the relation with this name.
pub(super) fn relation(name: &str) -> Result<Relation, Problem> {
    RELATIONS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, relation)| *relation)
        .ok_or_else(|| Problem::UnknownRelation(name.to_owned()))
}

/// Returns the name by which a relation is printed.
pub(super) fn relation_name(relation: Relation) -> &'static str {
    RELATIONS.iter().find(|(_, known)| *known == relation).map_or("=", |(name, _)| name)
}

/// Returns whether a word has a meaning of its own in the language, so that a term of this word is quoted.
pub(super) fn is_reserved(word: &str) -> bool {
    ["and", "or", "not", "prox", "sortby", "adj", "scr", "exact", "all", "any", "within"]
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(word))
}
