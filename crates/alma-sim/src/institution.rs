//! The description of an institution: keys, libraries, desks, code tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::options::Behaviour;
use crate::seed::{Bib, User};

/// An area of the API to which a key gives access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Users, their requests and loans.
    Users,
    /// Bibs, holdings, items, their requests and loans, scan-in.
    Bibs,
    /// Configuration.
    Conf,
    /// Task lists.
    TaskLists,
}

/// The access of a key to an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// GET only.
    Read,
    /// Everything.
    ReadWrite,
}

/// A key of the gateway and the areas it opens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKey {
    /// The key's text.
    pub key: String,
    /// Its areas.
    pub areas: BTreeMap<Area, Permission>,
}

impl ApiKey {
    /// A key for all areas, read and write.
    pub fn new(key: &str) -> ApiKey {
        let all = [Area::Users, Area::Bibs, Area::Conf, Area::TaskLists];
        ApiKey { key: key.to_owned(), areas: all.into_iter().map(|area| (area, Permission::ReadWrite)).collect() }
    }

    /// Takes an area away.
    #[must_use]
    pub fn without(mut self, area: Area) -> ApiKey {
        self.areas.remove(&area);
        self
    }

    /// Makes an area read-only.
    #[must_use]
    pub fn read_only(mut self, area: Area) -> ApiKey {
        self.areas.insert(area, Permission::Read);
        self
    }
}

/// A library of an institution.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Library {
    /// Code, as in requests and scans.
    pub code: String,
    /// Name, as staff see it.
    pub name: String,
    /// Alma's own resource sharing library: never a pickup library.
    pub resource_sharing: bool,
    /// Campus code.
    pub campus: String,
    /// Shelving locations.
    pub locations: Vec<Location>,
    /// Circulation desks.
    pub desks: Vec<Desk>,
}

impl Library {
    /// A library without locations and desks.
    pub fn new(code: &str) -> Library {
        Library {
            code: code.to_owned(),
            name: code.to_owned(),
            resource_sharing: false,
            campus: String::new(),
            locations: Vec::new(),
            desks: Vec::new(),
        }
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Library {
        self.name = name.to_owned();
        self
    }

    /// Makes it the resource sharing library.
    #[must_use]
    pub fn resource_sharing(mut self) -> Library {
        self.resource_sharing = true;
        self
    }

    /// Adds a location; desks added so far and later serve it.
    #[must_use]
    pub fn location(mut self, location: Location) -> Library {
        for desk in self.desks.iter_mut().filter(|desk| desk.serves_all) {
            desk.locations.push(location.code.clone());
        }
        self.locations.push(location);
        self
    }

    /// Adds a desk, which serves all locations of the library unless it names its own.
    #[must_use]
    pub fn desk(mut self, mut desk: Desk) -> Library {
        if desk.serves_all {
            desk.locations = self.locations.iter().map(|location| location.code.clone()).collect();
        }
        self.desks.push(desk);
        self
    }

    pub(crate) fn find_desk(&self, code: &str) -> Option<&Desk> {
        self.desks.iter().find(|desk| desk.code == code)
    }

    pub(crate) fn find_location(&self, code: &str) -> Option<&Location> {
        self.locations.iter().find(|location| location.code == code)
    }
}

/// A shelving location.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Location {
    /// Code, as in 852 `$c`.
    pub code: String,
    /// Name.
    pub name: String,
    /// OPEN, CLOSED, REMOTE or UNAVAILABLE.
    pub kind: String,
    /// Fulfilment unit.
    pub fulfillment_unit: String,
    /// Suppressed from publishing.
    pub suppressed: bool,
    /// Returned items wait here to be reshelved.
    pub reshelving: bool,
}

impl Location {
    /// An open location.
    pub fn new(code: &str) -> Location {
        Location {
            code: code.to_owned(),
            name: code.to_owned(),
            kind: "OPEN".to_owned(),
            fulfillment_unit: "GENERAL".to_owned(),
            suppressed: false,
            reshelving: false,
        }
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Location {
        self.name = name.to_owned();
        self
    }

    /// Suppresses it from publishing.
    #[must_use]
    pub fn suppressed(mut self) -> Location {
        self.suppressed = true;
        self
    }
}

/// A circulation desk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Desk {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// The library's first desk.
    pub primary: bool,
    /// Keeps a hold shelf.
    pub has_hold_shelf: bool,
    /// Days an item waits on its hold shelf.
    pub hold_shelf_days: Option<i64>,
    /// Items reach the shelf by a second scan, or by `place_on_hold_shelf`.
    pub hold_shelf_processing: bool,
    /// Reshelves items of locations it does not serve without sending them on.
    pub reshelve_without_transit: bool,
    /// Codes of the locations it serves: check-in, check-out, reshelving.
    pub locations: Vec<String>,
    /// Whether the desk serves all locations that its library has.
    pub serves_all: bool,
}

impl Desk {
    /// A desk with a hold shelf that serves every location of its library.
    pub fn new(code: &str) -> Desk {
        Desk {
            code: code.to_owned(),
            name: code.to_owned(),
            primary: true,
            has_hold_shelf: true,
            hold_shelf_days: None,
            hold_shelf_processing: false,
            reshelve_without_transit: false,
            locations: Vec::new(),
            serves_all: true,
        }
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Desk {
        self.name = name.to_owned();
        self
    }

    /// Serves just these locations.
    #[must_use]
    pub fn serves(mut self, locations: &[&str]) -> Desk {
        self.locations = locations.iter().map(|code| (*code).to_owned()).collect();
        self.serves_all = false;
        self
    }

    /// Takes the hold shelf away.
    #[must_use]
    pub fn without_hold_shelf(mut self) -> Desk {
        self.has_hold_shelf = false;
        self
    }

    /// Turns hold shelf processing on.
    #[must_use]
    pub fn hold_shelf_processing(mut self) -> Desk {
        self.hold_shelf_processing = true;
        self
    }
}

/// A code table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CodeTable {
    /// Name, as in the path.
    pub name: String,
    /// Name, as staff see it.
    pub description: String,
    /// Code, description, enabled; in order.
    pub rows: Vec<(String, String, bool)>,
}

impl CodeTable {
    /// A table of enabled rows.
    pub fn new(name: &str, description: &str, rows: &[(&str, &str)]) -> CodeTable {
        let rows = rows.iter().map(|(code, text)| ((*code).to_owned(), (*text).to_owned(), true)).collect();
        CodeTable { name: name.to_owned(), description: description.to_owned(), rows }
    }

    pub(crate) fn describe(&self, code: &str) -> Option<&str> {
        self.rows.iter().find(|(each, ..)| each == code).map(|(_, text, _)| text.as_str())
    }

    pub(crate) fn enabled(&self, code: &str) -> bool {
        self.rows.iter().any(|(each, _, enabled)| each == code && *enabled)
    }
}

/// A set that the institution publishes over OAI-PMH.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OaiSet {
    /// Set spec.
    pub spec: String,
    /// Set name.
    pub name: String,
    /// Only titles with a holding in one of these libraries; all titles when empty.
    pub libraries: Vec<String>,
}

/// A saved search of staff: a logical set of a library's items with a given process type.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedSearch {
    /// The set's id, of digits.
    pub id: u64,
    /// Name.
    pub name: String,
    /// The items' library.
    pub library: String,
    /// Code of PROCESSTYPE.
    pub process: String,
}

/// An institution: one Alma.
#[derive(Debug, Clone)]
pub struct Institution {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) environment: String,
    pub(crate) keys: Vec<ApiKey>,
    pub(crate) libraries: Vec<Library>,
    pub(crate) departments: Vec<(String, String, String)>,
    pub(crate) tables: Vec<CodeTable>,
    pub(crate) users: Vec<User>,
    pub(crate) bibs: Vec<Bib>,
    pub(crate) sets: Vec<OaiSet>,
    pub(crate) searches: Vec<SavedSearch>,
    pub(crate) behaviour: Option<Behaviour>,
    pub(crate) patron_role_rule: bool,
}

impl Institution {
    /// An institution with the usual code tables and nothing else.
    pub fn new(code: &str) -> Institution {
        Institution {
            code: code.to_owned(),
            name: code.to_owned(),
            environment: "SANDBOX".to_owned(),
            keys: Vec::new(),
            libraries: Vec::new(),
            departments: Vec::new(),
            tables: crate::presets::code_tables(),
            users: Vec::new(),
            bibs: Vec::new(),
            sets: Vec::new(),
            searches: Vec::new(),
            behaviour: None,
            patron_role_rule: false,
        }
    }

    /// Sets the name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Institution {
        name.clone_into(&mut self.name);
        self
    }

    /// `SANDBOX` or `PRODUCTION`.
    #[must_use]
    pub fn environment(mut self, kind: &str) -> Institution {
        kind.clone_into(&mut self.environment);
        self
    }

    /// Adds a key for all areas, read and write.
    #[must_use]
    pub fn api_key(self, key: &str) -> Institution {
        self.key(ApiKey::new(key))
    }

    /// Adds a key.
    #[must_use]
    pub fn key(mut self, key: ApiKey) -> Institution {
        self.keys.push(key);
        self
    }

    /// Adds a library.
    #[must_use]
    pub fn library(mut self, library: Library) -> Institution {
        self.libraries.push(library);
        self
    }

    /// Adds a department: code, name, library.
    #[must_use]
    pub fn department(mut self, code: &str, name: &str, library: &str) -> Institution {
        self.departments.push((code.to_owned(), name.to_owned(), library.to_owned()));
        self
    }

    /// Adds or replaces a code table.
    #[must_use]
    pub fn code_table(mut self, table: CodeTable) -> Institution {
        self.tables.retain(|each| each.name != table.name);
        self.tables.push(table);
        self
    }

    /// Adds a user.
    #[must_use]
    pub fn user(mut self, user: User) -> Institution {
        self.users.push(user);
        self
    }

    /// Adds a title.
    #[must_use]
    pub fn bib(mut self, bib: Bib) -> Institution {
        self.bibs.push(bib);
        self
    }

    /// Publishes a set over OAI-PMH; all titles when `libraries` is empty.
    #[must_use]
    pub fn oai_set(mut self, spec: &str, name: &str, libraries: &[&str]) -> Institution {
        let libraries = libraries.iter().map(|code| (*code).to_owned()).collect();
        self.sets.push(OaiSet { spec: spec.to_owned(), name: name.to_owned(), libraries });
        self
    }

    /// Saves a search of staff as a logical set.
    #[must_use]
    pub fn saved_search(mut self, search: SavedSearch) -> Institution {
        self.searches.push(search);
        self
    }

    /// Gives the institution a role assignment rule that makes new users patrons ([`Behaviour::patron_role_rule`]).
    #[must_use]
    pub fn patron_role_rule(mut self) -> Institution {
        self.patron_role_rule = true;
        self
    }

    /// Sets how this Alma behaves. Without it the simulator's options apply.
    #[must_use]
    pub fn behaviour(mut self, behaviour: Behaviour) -> Institution {
        self.behaviour = Some(behaviour);
        self
    }
}
