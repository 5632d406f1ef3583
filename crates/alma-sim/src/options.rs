//! Options of a simulator and the behaviour of an institution. Wherever sites differ, or no public source settles the
//! behaviour of Alma, there is a switch here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::SimClock;

/// The status of a fresh hold on an available item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FirstRequestStatus {
    /// `NOT_STARTED` until a scan.
    NotStarted,
    /// `IN_PROCESS` at once, with the task "Pickup From Shelf".
    InProcess,
}

/// The identifier by which a loan names its user. Alma accepts any of a user's identifiers, in any case, for the user
/// (`GET /users/{user_id}`). No source states that a loan always spells the primary id as the user's record does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoanUser {
    /// By the primary id, as the user's record spells it.
    #[default]
    PrimaryId,
    /// By the primary id in upper case.
    UpperCase,
    /// By the first other identifier, where the user has one.
    OtherIdentifier,
}

/// The answer of a site's gateway to a key that isn't valid (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BadKey {
    /// 400 `UNAUTHORIZED`, as recorded by public clients (alma-gotchas.md).
    #[default]
    Unauthorized,
    /// 403 `FORBIDDEN`, as sites report (alma-field-notes.md, "Added 2026-11-29").
    Forbidden,
    /// 403 `INVALID_REQUEST`, from the same reports.
    InvalidRequest,
}

/// The number of calls per second that a gateway accepts from an institution, as sources report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quota {
    /// No limit.
    None,
    /// 25: the number that the vendor stated in 2016.
    Usual,
    /// 50: production, by reports of 2026.
    Production,
    /// 10: a sandbox, by reports of 2026.
    Sandbox,
}

impl Quota {
    /// Calls in a second; `None` for no limit.
    pub fn per_second(self) -> Option<u32> {
        match self {
            Quota::None => None,
            Quota::Usual => Some(25),
            Quota::Production => Some(50),
            Quota::Sandbox => Some(10),
        }
    }
}

/// The text names no quota.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a quota is none, usual, production or sandbox, and not {0:?}")]
pub struct NoQuota(String);

impl std::str::FromStr for Quota {
    type Err = NoQuota;

    fn from_str(text: &str) -> Result<Quota, NoQuota> {
        match text {
            "none" => Ok(Quota::None),
            "usual" => Ok(Quota::Usual),
            "production" => Ok(Quota::Production),
            "sandbox" => Ok(Quota::Sandbox),
            _ => Err(NoQuota(text.to_owned())),
        }
    }
}

/// Options of a whole simulator; institutions may differ through [`Behaviour`].
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// How time runs.
    pub clock: SimClock,
    /// Limit of calls in any second for each institution; `None` for no limit.
    pub calls_per_second: Option<u32>,
    /// Limit of calls per day (UTC) for each institution.
    pub calls_per_day: Option<u64>,
    /// The status a fresh hold on an available item shows.
    pub first_request_status: FirstRequestStatus,
    /// For how long after its creation, or after a loan, a request on an item is refused with 401129.
    pub settle: Duration,
    /// Refuse a `limit` above 100 (the alternative is to treat it as 100).
    pub strict_paging: bool,
}

impl Default for SimOptions {
    fn default() -> Self {
        SimOptions {
            clock: SimClock::Real,
            calls_per_second: None,
            calls_per_day: None,
            first_request_status: FirstRequestStatus::NotStarted,
            settle: Duration::ZERO,
            strict_paging: true,
        }
    }
}

/// The behaviour of an institution's Alma where sites differ. `POST /sim/{inst}/behaviour` changes it at run time.
/// docs/simulator.md names the source of each switch, or says that no source settles it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Behaviour {
    /// The status of a fresh hold on an available item.
    pub first_request_status: FirstRequestStatus,
    /// Milliseconds in which a new item, or one just lent or returned, is not requestable (401129).
    pub settle_ms: u64,
    /// Milliseconds by which search, availability (`p_avail`) and publishing lag behind the records themselves.
    pub index_lag_ms: u64,
    /// Refuse a `limit` above 100.
    pub strict_paging: bool,
    /// Show `REQUESTED` as process type while a hold waits on an item in place.
    pub requested_process_type: bool,
    /// Letters whose sending raises NOTIFICATION, as staff activate them: `FulPlaceOnHoldShelfLetter`,
    /// `FulCancelRequestLetter`, `FulItemChangeDueDateLetter`.
    pub letters: BTreeSet<String>,
    /// An active block on the user refuses requests too (401129), not only loans.
    pub blocks_refuse_requests: bool,
    /// Finished requests and loans stay visible as history (no anonymisation).
    pub keep_history: bool,
    /// A finished request read by id answers 200 and `HISTORY`; the default is 401694. Needs `keep_history`.
    pub gone_request_answers_history: bool,
    /// A waiting request refuses renewals (401822).
    pub request_refuses_renewal: bool,
    /// A hold on a lent item recalls it: the due date is shortened to this many days from now.
    pub recall_days: Option<i64>,
    /// Days on the hold shelf if the desk names none.
    pub hold_shelf_days: i64,
    /// The largest number of renewals of a loan.
    pub max_renewals: Option<u32>,
    /// The largest number of loans of a user (401161).
    pub max_loans: Option<usize>,
    /// A `suppress_from_publishing` missing in a new bib means suppressed.
    pub suppress_when_unsaid: bool,
    /// `expand=fees` fails with 401652, as seen for patrons with fees.
    pub fees_fail: bool,
    /// `Location` of the barcode redirect is a path instead of a full address.
    pub relative_redirect: bool,
    /// An identifier with an encoded slash is refused with an HTML page, as the real gateway does.
    pub refuse_encoded_slash: bool,
    /// The gateway refuses keys in XML, whatever format the caller wants.
    pub gateway_errors_as_xml: bool,
    /// The answer to a key that was revoked.
    pub bad_key: BadKey,
    /// Changes made through the API raise LOAN, REQUEST, ITEM and BIB events (USER is never raised by them).
    pub api_raises_events: bool,
    /// A change of an item's circulation state raises ITEM_UPDATED.
    pub circulation_raises_item_events: bool,
    /// The event of an expired request: `REQUEST_CANCELED`, else `REQUEST_CLOSED`.
    pub expiry_is_cancellation: bool,
    /// The fee for a lost item, in cents; no fee if absent.
    pub lost_fee_cents: Option<i64>,
    /// Deleting an item deletes its holding at most, whatever `bib` is.
    pub item_deletion_leaves_bib: bool,
    /// The time that a scan takes to answer, in milliseconds. Other calls answer at once.
    pub scan_delay_ms: u64,
    /// The identifier by which a loan names its user.
    pub loans_name_users: LoanUser,
    /// A role assignment rule makes each user that the API creates a patron (role 200). Without such a rule the user has
    /// no role, and Alma lends it nothing (401151). Staff give the role to the users whom they register. Sources: the
    /// vendor's "Configuring Role Assignment Rules"; alma-field-notes.md, line "New users made by API".
    pub patron_role_rule: bool,
    /// Rules of circulation.
    pub rules: Rules,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            first_request_status: FirstRequestStatus::NotStarted,
            settle_ms: 0,
            index_lag_ms: 0,
            strict_paging: true,
            requested_process_type: false,
            letters: BTreeSet::new(),
            blocks_refuse_requests: false,
            keep_history: false,
            gone_request_answers_history: false,
            request_refuses_renewal: true,
            recall_days: None,
            hold_shelf_days: 7,
            max_renewals: None,
            max_loans: None,
            suppress_when_unsaid: false,
            fees_fail: false,
            relative_redirect: false,
            refuse_encoded_slash: false,
            gateway_errors_as_xml: true,
            bad_key: BadKey::default(),
            api_raises_events: true,
            circulation_raises_item_events: false,
            expiry_is_cancellation: true,
            lost_fee_cents: Some(5_000),
            item_deletion_leaves_bib: false,
            scan_delay_ms: 0,
            loans_name_users: LoanUser::default(),
            patron_role_rule: false,
            rules: Rules::default(),
        }
    }
}

impl Behaviour {
    pub(crate) fn from_options(options: &SimOptions) -> Behaviour {
        Behaviour {
            first_request_status: options.first_request_status,
            settle_ms: u64::try_from(options.settle.as_millis()).unwrap_or(u64::MAX),
            strict_paging: options.strict_paging,
            ..Behaviour::default()
        }
    }
}

/// Fulfilment rules: who may request or borrow an item, and for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// User groups that have no term of use for a hold.
    pub groups_without_holds: BTreeSet<String>,
    /// Item policies that cannot be requested.
    pub policies_without_holds: BTreeSet<String>,
    /// Item policies that cannot be lent (401651).
    pub policies_without_loans: BTreeSet<String>,
    /// Item policies whose loans are not renewed (401822).
    pub policies_without_renewal: BTreeSet<String>,
    /// Locations, as `LIBRARY/location`, that cannot be requested from.
    pub locations_without_holds: BTreeSet<String>,
    /// Days of a loan by item policy.
    pub loan_days: BTreeMap<String, i64>,
    /// Days of a loan for any other policy.
    pub default_loan_days: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            groups_without_holds: BTreeSet::new(),
            policies_without_holds: BTreeSet::new(),
            policies_without_loans: BTreeSet::new(),
            policies_without_renewal: BTreeSet::new(),
            locations_without_holds: BTreeSet::new(),
            loan_days: BTreeMap::new(),
            default_loan_days: 28,
        }
    }
}
