//! Limits costly work at an institution to one caller at a time.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;
use lending::InstitutionCode;
use parking_lot::Mutex;

use crate::problem::Problem;

/// Work that makes many calls of an institution's API.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Work {
    /// A check of its set-up.
    Check,
    /// A read of its codes.
    Codes,
    /// A search for orphans.
    Search,
}

type Running = Arc<Mutex<HashSet<(Work, InstitutionCode)>>>;

/// The work in progress on this node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exclusive(Running);

/// Permission to do the work, until it is dropped. It is also dropped when the caller closes the connection.
#[derive(Debug)]
pub(crate) struct Permit {
    running: Running,
    what: (Work, InstitutionCode),
}

impl Exclusive {
    /// Starts the work, or returns a 409 if another caller's is in progress.
    pub(crate) fn begin(&self, work: Work, institution: &InstitutionCode) -> Result<Permit, Problem> {
        let what = (work, institution.clone());
        if !self.0.lock().insert(what.clone()) {
            let detail = match work {
                Work::Check => "A check of this institution is under way. Wait for its end, and try again.",
                Work::Codes => "The codes of this institution are being read. Wait for the end, and try again.",
                Work::Search => "A search at this institution is under way. Wait for its end, and try again.",
            };
            return Err(Problem::new(StatusCode::CONFLICT, "UNDER_WAY", detail).retry_after(10));
        }
        Ok(Permit { running: Arc::clone(&self.0), what })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.running.lock().remove(&self.what);
    }
}
