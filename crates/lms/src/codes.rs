//! The codes of an institution's system, among which its settings choose.

/// The codes of an institution's system.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InstitutionCodes {
    /// Its libraries, each with desks and locations.
    pub libraries: Vec<LibraryCodes>,
    /// The groups of its users.
    pub user_groups: Vec<NamedCode>,
    /// The types of its items.
    pub material_types: Vec<NamedCode>,
    /// The policies of its items.
    pub item_policies: Vec<NamedCode>,
    /// The types of its users' further identifiers.
    pub identifier_types: Vec<NamedCode>,
    /// The reasons with which requests are cancelled.
    pub cancellation_reasons: Vec<NamedCode>,
    /// The parts that could not be read, each with the reason.
    pub unread: Vec<String>,
}

/// A code with its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedCode {
    /// The code.
    pub code: String,
    /// The name, for people, if it has one.
    pub name: Option<String>,
}

/// The codes of a library.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LibraryCodes {
    /// The library.
    pub library: NamedCode,
    /// Its circulation desks.
    pub desks: Vec<NamedCode>,
    /// Its locations.
    pub locations: Vec<LocationOfLibrary>,
}

/// A location of a library.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocationOfLibrary {
    /// The location.
    pub location: NamedCode,
    /// Whether its items are suppressed from the catalogue.
    pub is_suppressed: bool,
}
