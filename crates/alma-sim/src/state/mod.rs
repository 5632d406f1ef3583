//! The state of one institution, free of HTTP. Staff and REST calls read and change it.
//!
//! Ids are numbers inside and text outside. Every map that a call needs is an index, so a catalogue of a million
//! items answers as fast as one of ten.

pub(crate) mod catalogue;
pub(crate) mod events;
pub(crate) mod fees;
pub(crate) mod inventory;
pub(crate) mod jobs;
pub(crate) mod loans;
pub(crate) mod model;
pub(crate) mod publish;
pub(crate) mod requests;
pub(crate) mod scan;
pub(crate) mod sets;
pub(crate) mod staff;
pub(crate) mod users;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::institution::{CodeTable, Desk, Institution, Library, OaiSet};
use crate::options::Behaviour;
use crate::refusal::Refusal;
use events::EventLog;
use model::{Bib, Holding, Id, Item, Loan, Request, UserEntry};
use publish::Published;

/// The actor: the API, whose changes raise fewer events, or staff at a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Origin {
    Api,
    #[default]
    Staff,
}

/// One institution.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Alma {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) environment: String,
    /// Last four digits of every id.
    pub(crate) suffix: u16,
    pub(crate) libraries: Vec<Library>,
    pub(crate) departments: Vec<(String, String, String)>,
    pub(crate) tables: BTreeMap<String, CodeTable>,
    pub(crate) sets: Vec<OaiSet>,
    pub(crate) behaviour: Behaviour,
    pub(crate) users: HashMap<Id, UserEntry>,
    pub(crate) bibs: HashMap<Id, Bib>,
    pub(crate) holdings: HashMap<Id, Holding>,
    pub(crate) items: HashMap<Id, Item>,
    pub(crate) requests: HashMap<Id, Request>,
    pub(crate) loans: HashMap<Id, Loan>,
    /// Requests that are not closed, in the order they were placed.
    pub(crate) active_requests: BTreeSet<Id>,
    #[serde(default)]
    pub(crate) fees: BTreeMap<Id, fees::Fee>,
    #[serde(default)]
    pub(crate) sets_of_records: BTreeMap<Id, sets::RecordSet>,
    /// Runs of Alma's own jobs.
    #[serde(default)]
    pub(crate) runs: Vec<jobs::Run>,
    pub(crate) published: Published,
    pub(crate) events: EventLog,
    sequence: u64,
    #[serde(skip)]
    pub(crate) index: Index,
    /// A counter of the actions that may have changed something.
    #[serde(skip)]
    pub(crate) version: u64,
    /// The time of the present action. The caller that locks the state sets it.
    pub(crate) now: Timestamp,
    pub(crate) origin: Origin,
}

/// Copies and their first requests.
pub(crate) type Waiting = Arc<Vec<(Id, Id)>>;

/// Indexes, which can be rebuilt from the rest.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Barcodes in lower case.
    pub(crate) barcodes: HashMap<String, Id>,
    /// User identifiers in lower case; whether they are active.
    pub(crate) identifiers: HashMap<String, (Id, bool)>,
    /// E-mail addresses in lower case; they need not be unique.
    pub(crate) emails: HashMap<String, Vec<Id>>,
    /// The task list of each library's desk, and the version of the state that it belongs to.
    pub(crate) waiting: HashMap<(String, String), (u64, Waiting)>,
    /// The results of saved searches, the version of the state that they belong to, and their time.
    pub(crate) searches: HashMap<Id, (u64, Timestamp, Arc<Vec<String>>)>,
    /// 035 `$a` of bibs.
    pub(crate) system_ids: HashMap<String, Vec<Id>>,
}

impl Alma {
    /// An institution as described, with its users and titles.
    pub(crate) fn new(spec: Institution, suffix: u16, defaults: &Behaviour, now: Timestamp) -> Result<Alma, Refusal> {
        let mut behaviour = spec.behaviour.unwrap_or_else(|| defaults.clone());
        behaviour.patron_role_rule |= spec.patron_role_rule;
        let mut alma = Alma {
            code: spec.code,
            name: spec.name,
            environment: spec.environment,
            suffix,
            libraries: spec.libraries,
            departments: spec.departments,
            tables: spec.tables.into_iter().map(|table| (table.name.clone(), table)).collect(),
            sets: spec.sets,
            behaviour,
            users: HashMap::new(),
            bibs: HashMap::new(),
            holdings: HashMap::new(),
            items: HashMap::new(),
            requests: HashMap::new(),
            loans: HashMap::new(),
            active_requests: BTreeSet::new(),
            fees: BTreeMap::new(),
            sets_of_records: BTreeMap::new(),
            runs: Vec::new(),
            published: Published::default(),
            events: EventLog::default(),
            sequence: 0,
            index: Index::default(),
            version: 0,
            now,
            origin: Origin::Staff,
        };
        alma.events.muted = true;
        for user in spec.users {
            alma.create_user(&user.0)?;
        }
        for bib in spec.bibs {
            alma.seed_bib(bib)?;
        }
        for item in alma.items.values_mut() {
            item.settled_at = now;
        }
        for search in spec.searches {
            alma.save_search(search);
        }
        alma.events.muted = false;
        Ok(alma)
    }

    /// A new id of the form `{prefix}{running number}{suffix}`.
    pub(crate) fn next_id(&mut self, prefix: u64, digits: u32) -> Id {
        self.sequence += 1;
        (prefix * 10u64.pow(digits) + self.sequence) * 10_000 + u64::from(self.suffix)
    }

    /// Builds the indexes anew, after a restore.
    pub(crate) fn rebuild_index(&mut self) {
        let mut index = Index::default();
        for item in self.items.values().filter(|item| !item.barcode.is_empty()) {
            index.barcodes.insert(item.barcode.to_lowercase(), item.pid);
        }
        for user in self.users.values() {
            user.add_to(&mut index);
        }
        for bib in self.bibs.values() {
            for id in &bib.network_numbers {
                index.system_ids.entry(id.clone()).or_default().push(bib.mms);
            }
        }
        self.index = index;
    }

    pub(crate) fn library(&self, code: &str) -> Option<&Library> {
        self.libraries.iter().find(|library| library.code == code)
    }

    pub(crate) fn library_name<'a>(&'a self, code: &'a str) -> &'a str {
        self.library(code).map_or(code, |library| &library.name)
    }

    pub(crate) fn location_name<'a>(&'a self, library: &str, code: &'a str) -> &'a str {
        let location = self.library(library).and_then(|library| library.find_location(code));
        location.map_or(code, |location| &location.name)
    }

    /// Whether some library has a location of this code.
    pub(crate) fn has_location(&self, code: &str) -> bool {
        self.libraries.iter().any(|library| library.find_location(code).is_some())
    }

    pub(crate) fn desk(&self, library: &str, code: &str) -> Option<&Desk> {
        self.library(library).and_then(|library| library.find_desk(code))
    }

    /// The text of a code in a table, or the code itself.
    pub(crate) fn describe<'a>(&'a self, table: &str, code: &'a str) -> &'a str {
        self.tables.get(table).and_then(|table| table.describe(code)).unwrap_or(code)
    }
}
