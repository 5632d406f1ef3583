//! The adapter for Ex Libris Alma, at both sides of a request.
//!
//! - `absence`: which answers prove that a record doesn't exist.
//! - `address`: where an item is that staff have moved.
//! - `lender`: virtual patron, hold, loan (requirements page: "Place request at lending agency").
//! - `borrower`: virtual record, holding and item, the patron's hold ("… at borrowing agency").
//! - `removal`: their removal.
//! - `circulation`: renewals, due dates, another pickup location, a loan closed by hand.
//! - `batch`: lists that show changes of many requests at once.
//! - `leavers`: the removal of virtual patrons that nobody needs any more.
//! - `copies`: which copies of a record can be lent.
//! - `eligibility`: reads of a patron, and the reasons why they may not borrow.
//! - `reads`: reads of a copy, and of an item with hold and loan.
//! - `shelves`: which pickup locations have a hold shelf.
//! - `shown`: the data of a patron that other libraries see.
//! - `unrequestable`: the reason for a hold that Alma refused with 401129.
//! - `webhooks`: Alma's messages, as hints.
//! - `codes`: the codes among which the settings choose.
//! - `check`: every read that the hub will need, for setting an institution up.
//!
//! Alma has no idempotency keys. Each write has a natural key instead: the virtual patron's id, the marker in the
//! record or in the hold's comment, the barcode, the one loan an item can be on.

mod absence;
mod address;
mod batch;
mod borrower;
mod check;
mod circulation;
mod codes;
mod copies;
mod eligibility;
mod errors;
mod leavers;
mod lender;
mod mapping;
mod orphans;
mod patrons;
mod reads;
mod records;
mod removal;
mod settings;
mod shelves;
mod shown;
mod suppressed;
mod unrequestable;
mod webhooks;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use alma::{CallOutcome, Client, HoldingId, ItemPath, ItemPid, MmsId, RetryPolicy, Timeouts};
use async_trait::async_trait;
use cache::Cache;
use jiff::{SignedDuration, Timestamp};
use lending::{
    AgencyCode, Barcode, BibId, CancelledBy, Copy, CopyRef, Hold, HoldId, InstitutionCode, ItemId, ItemType,
    LibraryCode, Loan, Observation, PatronId, PatronRefusal, PatronType, PickupLocation, Priority, Refusal, RequestId,
    Title, VerifiedPatron,
};
use secrecy::SecretString;

use self::address::done_if_gone;
pub use self::settings::Settings;
use crate::codes::InstitutionCodes;
use crate::connect::{Adapter, Operation};
use crate::error::Result;
use crate::finding::{Finding, Registration};
use crate::held_copies::{BibCopies, CopiesDetail};
use crate::host::{
    Attempt, HostLms, ItemRef, LenderHold, MarkedHold, PatronCheck, PatronHold, PollQuery, VirtualItem,
    VirtualItemDeletion, VirtualPatron, VirtualPatronRemoval, Withdrawn,
};
use crate::list::{ExpectedChange, ListContents, ListEntry};
use crate::pseudonym::PseudonymKey;
use crate::quota::{CallRate, CallReport, QuotaSettings};
use crate::settings::SettingError;
use crate::webhook::{WebhookMessage, WebhookRejection};

/// The time for which a virtual record counts as verified. Staff rarely take a record over, and mostly while it is new.
const RECORD_VERIFIED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// One Alma installation.
#[derive(Debug)]
pub struct Alma {
    settings: Settings,
    client: Client,
    locations: suppressed::Locations,
    shelves: shelves::Shelves,
    patrons: patrons::Patrons,
    /// Virtual records that the hub has verified as its own, so that one call reads those that are deleted on the same
    /// day.
    records: Cache<BibId, ()>,
    /// The key of pseudonyms; none for an adapter that only checks.
    pseudonyms: Option<PseudonymKey>,
    /// Whether this Alma deletes a record with its last item if the call asks for it; unknown before the first
    /// deletion.
    deletes_records: OnceLock<bool>,
}

impl Alma {
    /// Creates an adapter for the Alma that `settings` describe, with its API key. Without `operation` it only checks. Nothing is
    /// sent.
    ///
    /// # Errors
    ///
    /// Fails if the address can't be one.
    pub fn new(
        settings: Settings,
        api_key: SecretString,
        operation: Option<Operation>,
    ) -> Result<Self, Vec<SettingError>> {
        let (pseudonyms, observer) = operation.map(|with| (with.pseudonyms, with.observer)).unzip();
        let whole = Duration::from_secs(u64::from(settings.timeout_seconds));
        let mut builder = Client::builder(&settings.base_url, api_key)
            .allow_unencrypted(settings.allow_unencrypted_http)
            .priority_from(priority_of_calls)
            .calls_per_second(settings.calls_per_second)
            .share_that_can_wait(f64::from(settings.allowance.background_percent) / 100.0)
            .retries(RetryPolicy {
                base: Duration::from_millis(settings.retry_wait_ms.into()),
                ..RetryPolicy::default()
            })
            .timeouts(Timeouts { connect: Duration::from_secs(10).min(whole), first_byte: whole, whole });
        if let Some(shared) = settings.institution_calls_per_second {
            builder = builder.shared_per_second(shared);
        }
        if let Some(observer) = observer {
            let rows = observer.clone();
            builder = builder
                .on_call(Arc::new(move |report| observer.notify(&to_call_report(report))))
                .on_unreadable_row(Arc::new(move |endpoint| rows.unreadable_row(endpoint)));
        }
        let client = builder.build().map_err(|error| {
            let advice = match error {
                alma::ConfigError::Unencrypted => " unless allow_unencrypted_http is true",
                _ => "",
            };
            vec![SettingError { key: "base_url".to_owned(), message: format!("{error}{advice}") }]
        })?;
        Ok(Self::with_client(settings, client, pseudonyms))
    }

    /// Returns the key of pseudonyms.
    fn pseudonyms(&self) -> Result<&PseudonymKey> {
        self.pseudonyms
            .as_ref()
            .ok_or_else(|| crate::Error::retryable("This connection only checks, and knows no patron."))
    }

    /// Creates an adapter that uses the caller's client. Without a key of pseudonyms it only checks.
    pub fn with_client(settings: Settings, client: Client, pseudonyms: Option<PseudonymKey>) -> Self {
        Self {
            settings,
            client,
            locations: suppressed::Locations::default(),
            shelves: shelves::Shelves::default(),
            patrons: patrons::Patrons::default(),
            pseudonyms,
            records: Cache::new(RECORD_VERIFIED_FOR),
            deletes_records: OnceLock::new(),
        }
    }

    fn path(item: &ItemRef) -> ItemPath {
        ItemPath {
            mms: MmsId::from(item.bib.as_str()),
            holding: HoldingId::from(item.holding.as_str()),
            pid: ItemPid::from(item.item.as_str()),
        }
    }
}

/// Returns the client's priority for the hub's calls at this moment.
fn priority_of_calls() -> alma::Priority {
    match crate::priority::current_priority() {
        Priority::Patron => alma::Priority::Patron,
        Priority::Circulation => alma::Priority::Circulation,
        Priority::Availability => alma::Priority::Availability,
        Priority::Poll => alma::Priority::Poll,
        Priority::Bulk => alma::Priority::Bulk,
    }
}

fn to_priority(priority: alma::Priority) -> Priority {
    match priority {
        alma::Priority::Patron => Priority::Patron,
        alma::Priority::Circulation => Priority::Circulation,
        alma::Priority::Availability => Priority::Availability,
        alma::Priority::Poll => Priority::Poll,
        alma::Priority::Bulk => Priority::Bulk,
    }
}

/// The entry for Alma in the list of library systems.
pub(crate) const ADAPTER: Adapter = Adapter {
    kind: "alma",
    example_settings: settings::example,
    origin: alma::origin,
    connect: |institution, table, key, operation| {
        let alma = Alma::new(Settings::read(institution, table)?, key, operation)?;
        Ok(Arc::new(alma))
    },
    signature_header: alma::webhook::SIGNATURE_HEADER,
    is_signed: alma::webhook::is_signed_with,
};

/// Converts the client's report of a call into the hub's.
fn to_call_report(report: &alma::CallReport) -> CallReport {
    // Alma doesn't count the calls that it refused because of a limit.
    let counted = !matches!(report.outcome, CallOutcome::Limited(_) | CallOutcome::Unreachable);
    CallReport {
        endpoint: report.endpoint,
        priority: to_priority(report.priority),
        outcome: report.outcome.name(),
        counted,
        rate_limited: report.outcome == CallOutcome::Limited(alma::Limit::PerSecond),
        waited: report.waited,
        duration: report.duration,
        remaining: report.remaining,
        day: report.day,
    }
}

#[async_trait]
impl HostLms for Alma {
    fn institution(&self) -> &InstitutionCode {
        &self.settings.institution
    }

    fn quota_settings(&self) -> QuotaSettings {
        self.settings.allowance
    }

    fn call_rate(&self) -> Option<CallRate> {
        let call_rate = self.client.call_rate();
        Some(CallRate {
            configured: self.settings.calls_per_second.get(),
            allowed: call_rate.allowed,
            background: call_rate.background,
            other_apps: call_rate.other_apps,
            waiting: call_rate.waiting,
        })
    }

    fn set_node_count(&self, nodes: u32) {
        self.client.share_with(nodes);
    }

    async fn verify_patron(&self, check: &PatronCheck<'_>) -> Result<Result<VerifiedPatron, PatronRefusal>> {
        self.read_patron(check).await
    }

    async fn resolve_copy(&self, named: &CopyRef) -> Result<Result<Copy, Refusal>> {
        self.read_copy(named).await
    }

    async fn read_copies(&self, bib: &BibId, detail: CopiesDetail) -> Result<BibCopies> {
        self.copies_of(bib, detail).await
    }

    fn check_item_type(&self, item_type: &ItemType) -> Option<Refusal> {
        self.settings.check_item_type(item_type)
    }

    fn check_patron_type(&self, patron_type: &PatronType) -> Option<Refusal> {
        self.settings.check_patron_type(patron_type)
    }

    async fn has_hold_shelf(&self, pickup: &PickupLocation, now: Timestamp) -> Result<Option<bool>> {
        self.shelf_of(pickup, now).await
    }

    async fn ensure_virtual_patron(&self, wanted: &VirtualPatron, now: Timestamp) -> Result<PatronId> {
        self.find_or_create_virtual_patron(wanted, now).await
    }

    async fn remove_virtual_patron(&self, id: &PatronId) -> Result<VirtualPatronRemoval> {
        self.delete_virtual_patron(id).await
    }

    async fn place_lender_hold(&self, wanted: &LenderHold, attempt: Attempt) -> Result<Hold> {
        self.at_item(&wanted.item, async |item| {
            self.hold_for_virtual_patron(&LenderHold { item, ..wanted.clone() }, attempt).await
        })
        .await
    }

    async fn update_lender_hold(&self, wanted: &LenderHold, hold: &HoldId) -> Result<()> {
        self.at_item(&wanted.item, async |item| {
            self.change_lender_hold(&LenderHold { item, ..wanted.clone() }, hold).await
        })
        .await
    }

    async fn create_virtual_bib(&self, request: RequestId, title: &Title, attempt: Attempt) -> Result<BibId> {
        self.create_bib(request, title, attempt).await
    }

    async fn create_virtual_holding(
        &self,
        bib: &BibId,
        agency: Option<&AgencyCode>,
        attempt: Attempt,
    ) -> Result<lending::HoldingId> {
        self.create_holding(bib, agency, attempt).await
    }

    async fn create_virtual_item(&self, wanted: &VirtualItem, attempt: Attempt) -> Result<(ItemId, Barcode)> {
        self.create_item(wanted, attempt).await
    }

    async fn update_virtual_item(&self, item: &ItemRef, wanted: &VirtualItem) -> Result<Barcode> {
        self.at_item(item, async |item| self.update_item(&item, wanted).await).await
    }

    async fn place_patron_hold(&self, wanted: &PatronHold, attempt: Attempt) -> Result<Hold> {
        self.at_item(&wanted.item, async |item| {
            self.hold_for_patron(&PatronHold { item, ..wanted.clone() }, attempt).await
        })
        .await
    }

    async fn send_into_transit(&self, item: &ItemRef, pickup: Option<&PickupLocation>) -> Result<Option<String>> {
        self.at_item(item, async |item| self.scan_into_transit(&item, pickup).await).await
    }

    async fn lend(
        &self,
        item: &ItemRef,
        library: &LibraryCode,
        to: &PatronId,
        hold: Option<&HoldId>,
        attempt: Attempt,
    ) -> Result<Loan> {
        self.at_item(item, async |item| self.lend_to_virtual_patron(&item, library, to, hold, attempt).await).await
    }

    async fn lend_virtual_item(&self, item: &ItemRef, to: &PatronId, attempt: Attempt) -> Result<Loan> {
        let (library, _) = self.settings.virtual_place(item.agency.as_ref());
        self.at_item(item, async |item| self.lend_to_virtual_patron(&item, library, to, None, attempt).await).await
    }

    async fn renew(&self, loan: &Loan, of: &PatronId, attempt: Attempt) -> Result<Loan> {
        self.renew_loan(loan, of, attempt).await
    }

    async fn set_due_date(&self, loan: &Loan, of: &PatronId, due: Timestamp) -> Result<Loan> {
        self.change_due_date(loan, of, due).await
    }

    async fn deny_renewal(&self, item: &ItemRef) -> Result<()> {
        self.at_item(item, async |item| self.stop_renewals(&item).await).await
    }

    async fn move_hold(&self, wanted: &PatronHold, hold: &HoldId, attempt: Attempt) -> Result<Hold> {
        self.at_item(&wanted.item, async |item| {
            self.hold_elsewhere(&PatronHold { item, ..wanted.clone() }, hold, attempt).await
        })
        .await
    }

    async fn check_in(&self, item: &ItemRef, of: &PatronId) -> Result<()> {
        done_if_gone(self.at_item(item, async |item| self.end_loan(&item, Some(of)).await.map(drop)).await)
    }

    async fn cancel_hold(&self, item: &ItemRef, hold: &HoldId, by: Option<CancelledBy>) -> Result<()> {
        done_if_gone(self.at_item(item, async |item| self.cancel(&item, hold, by).await).await)
    }

    async fn withdraw_hold(&self, what: &Withdrawn<'_>) -> Result<Option<Observation>> {
        let withdrawn = self.at_item(what.item, async |item| self.withdraw(&Withdrawn { item: &item, ..*what }).await);
        done_if_gone(withdrawn.await)
    }

    async fn delete_virtual_item(&self, what: &VirtualItemDeletion<'_>) -> Result<bool> {
        let done = self.delete_virtual(what).await;
        self.records.remove(what.bib);
        done
    }

    fn is_record_verified(&self, bib: &BibId, now: Timestamp) -> bool {
        self.records.contains(bib, now)
    }

    async fn delete_virtual_bib(&self, request: RequestId, bib: &BibId) -> Result<()> {
        self.delete_bib(request, bib).await
    }

    async fn poll(&self, what: &PollQuery) -> Result<Observation> {
        self.read_side(what).await
    }

    fn list_entry(&self, expected: &ExpectedChange<'_>) -> Option<ListEntry> {
        self.list_of(expected)
    }

    async fn read_list(&self, list: &str, keys: &[String]) -> Result<Option<ListContents>> {
        self.read(list, keys).await
    }

    async fn check_address(&self) -> std::result::Result<(), SettingError> {
        let checked = self.client.check_address().await;
        checked.map_err(|error| SettingError { key: "base_url".to_owned(), message: error.to_string() })
    }

    fn signature_header(&self) -> &'static str {
        alma::webhook::SIGNATURE_HEADER
    }

    fn parse_webhook(
        &self,
        secrets: &[SecretString],
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<WebhookMessage, WebhookRejection> {
        webhooks::open(&self.settings.institution, secrets, signature, body)
    }

    fn sign_webhook(&self, secret: &SecretString, body: &[u8]) -> String {
        alma::webhook::signature(secret, body)
    }

    async fn find_marked_records(&self, request: RequestId) -> Result<Vec<BibId>> {
        self.find_records_of(request).await
    }

    async fn find_marked_holds(&self, patron: &VirtualPatron) -> Result<Vec<MarkedHold>> {
        self.find_holds_of(patron).await
    }

    async fn remove_hold(&self, hold: &MarkedHold) -> Result<()> {
        self.cancel_marked(hold).await
    }

    async fn remove_record(&self, request: RequestId, bib: &BibId) -> Result<()> {
        self.delete_record_of(request, bib).await
    }

    fn patron_types(&self) -> BTreeSet<PatronType> {
        self.settings.patron_types.values().cloned().collect()
    }

    fn item_types(&self) -> BTreeSet<ItemType> {
        self.settings.item_types.values().cloned().collect()
    }

    async fn check_setup(&self, registration: &Registration) -> Vec<Finding> {
        check::run(&self.client, &self.settings, registration).await
    }

    async fn read_codes(&self) -> Result<InstitutionCodes> {
        codes::read(&self.client).await
    }

    async fn check_new_users(&self, name: &str, now: Timestamp) -> Vec<Finding> {
        check::new_users::check(&self.client, &self.settings, name, now).await
    }
}
