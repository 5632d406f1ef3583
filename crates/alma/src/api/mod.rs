//! The calls of the API, with a handler for each area.

mod bibs;
mod conf;
mod holdings;
mod items;
mod loans;
mod requests;
mod sets;
mod task_lists;
mod users;

use std::fmt;

pub use bibs::Bibs;
pub use conf::{Access, Area, Conf};
pub use holdings::Holdings;
pub use items::{DeleteItem, Items, ScanAt, ScanIn};
pub use loans::{ItemLoans, ItemRef, LoanFilter, UserLoans};
pub use requests::{BibRequests, ItemRequests, RequestFilter, UserRequests};
pub use sets::Sets;
pub use task_lists::TaskLists;
pub use users::Users;

use crate::client::Client;
use crate::code::Code;
use crate::ids::{ItemPath, MmsId, UserId};

/// The codes with which Alma answers that a user doesn't exist.
const NO_USER: &[Code] = &[Code::UserNotFound, Code::UserOfTypeNotFound];

/// What to do with a record whose content is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmptyHoldingPolicy {
    /// It stays.
    #[default]
    Retain,
    /// It is deleted too.
    Delete,
    /// It stays, hidden from discovery.
    Suppress,
}

impl fmt::Display for EmptyHoldingPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retain => "retain",
            Self::Delete => "delete",
            Self::Suppress => "suppress",
        })
    }
}

impl Client {
    /// Returns the calls for users.
    pub fn users(&self) -> Users {
        Users::new(self.clone())
    }

    /// Returns the calls for the requests of a user.
    pub fn user_requests(&self, user: &UserId) -> UserRequests {
        UserRequests::new(self.clone(), user.clone())
    }

    /// Returns the calls for the loans of a user.
    pub fn user_loans(&self, user: &UserId) -> UserLoans {
        UserLoans::new(self.clone(), user.clone())
    }

    /// Returns the calls for the requests for an item, by any user.
    pub fn item_requests(&self, item: &ItemPath) -> ItemRequests {
        ItemRequests::new(self.clone(), item.clone())
    }

    /// Returns the calls for the loans of an item, to any user.
    pub fn item_loans(&self, item: &ItemPath) -> ItemLoans {
        ItemLoans::new(self.clone(), item.clone())
    }

    /// Returns the calls for the requests for a title, by any user.
    pub fn bib_requests(&self, mms: &MmsId) -> BibRequests {
        BibRequests::new(self.clone(), mms.clone())
    }

    /// Returns the calls for bibliographic records.
    pub fn bibs(&self) -> Bibs {
        Bibs::new(self.clone())
    }

    /// Returns the calls for the holdings of a title.
    pub fn holdings(&self, mms: &MmsId) -> Holdings {
        Holdings::new(self.clone(), mms.clone())
    }

    /// Returns the calls for physical items.
    pub fn items(&self) -> Items {
        Items::new(self.clone())
    }

    /// Returns the calls for the institution's set-up.
    pub fn conf(&self) -> Conf {
        Conf::new(self.clone())
    }

    /// Returns the calls for sets of records.
    pub fn sets(&self) -> Sets {
        Sets::new(self.clone())
    }

    /// Returns the calls for task lists of staff.
    pub fn task_lists(&self) -> TaskLists {
        TaskLists::new(self.clone())
    }
}
