//! What was last read of institutions' systems. Each read costs calls, so pages show the last one and its time.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::Deserialize;

/// How long codes are offered without being read anew.
const LASTS: SignedDuration = SignedDuration::from_mins(10);

/// The result of one check.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Finding {
    pub(crate) subject: String,
    pub(crate) verdict: String,
    pub(crate) problem: Option<String>,
    pub(crate) detail: String,
}

/// A code with its name.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Code {
    pub(crate) code: String,
    pub(crate) name: Option<String>,
}

impl Code {
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.code)
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LibraryCodes {
    pub(crate) code: String,
    pub(crate) name: Option<String>,
    pub(crate) desks: Vec<Code>,
    pub(crate) locations: Vec<Code>,
}

/// The codes among which the settings of an institution choose.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Codes {
    pub(crate) libraries: Vec<LibraryCodes>,
    pub(crate) user_groups: Vec<Code>,
    pub(crate) material_types: Vec<Code>,
    pub(crate) item_policies: Vec<Code>,
    pub(crate) identifier_types: Vec<Code>,
    pub(crate) cancellation_reasons: Vec<Code>,
    pub(crate) patron_types: Vec<String>,
    pub(crate) item_types: Vec<String>,
}

/// What was read at a time.
#[derive(Clone, Debug)]
pub(crate) struct Read<T> {
    pub(crate) at: Timestamp,
    pub(crate) value: Arc<T>,
}

/// What was last read of each institution. A reader gets it only after the API has shown the institution to them.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    checks: Mutex<BTreeMap<String, Read<Vec<Finding>>>>,
    codes: Mutex<BTreeMap<String, Read<Codes>>>,
}

impl Seen {
    pub(crate) fn check(&self, institution: &str) -> Option<Read<Vec<Finding>>> {
        self.checks.lock().get(institution).cloned()
    }

    pub(crate) fn keep_check(&self, institution: &str, findings: Vec<Finding>, at: Timestamp) {
        self.checks.lock().insert(institution.to_owned(), Read { at, value: Arc::new(findings) });
    }

    pub(crate) fn codes(&self, institution: &str, now: Timestamp) -> Option<Arc<Codes>> {
        let known = self.codes.lock().get(institution).cloned()?;
        (now.duration_since(known.at) < LASTS).then_some(known.value)
    }

    pub(crate) fn keep_codes(&self, institution: &str, codes: Codes, at: Timestamp) -> Arc<Codes> {
        let value = Arc::new(codes);
        self.codes.lock().insert(institution.to_owned(), Read { at, value: Arc::clone(&value) });
        value
    }

    /// Forgets what was read of an institution whose settings have changed.
    pub(crate) fn forget(&self, institution: &str) {
        self.checks.lock().remove(institution);
        self.codes.lock().remove(institution);
    }
}
