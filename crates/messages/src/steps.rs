//! The sentence for each step of a request.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use lending::{CancelledBy, Condition, Outcome, Request, Status};

use crate::message::Message;

impl Message {
    /// Returns the sentence that the patron of `request` should read now. `zone` is the time zone of the patron's library,
    /// which decides on which day a loan ends.
    pub fn of_request(request: &Request, zone: &TimeZone) -> Self {
        let has = |condition| request.conditions.contains(&condition);
        let place = |id| Self { place: Some(request.pickup.name.clone()), ..Self::plain(id) };
        match request.status {
            Status::SubmittedToDcb => Self::plain("checking-account"),
            Status::PatronVerified | Status::NotSuppliedCurrentSupplier => Self::plain("searching"),
            _ if request.is_in_queue() => Self::plain("queued"),
            Status::Resolved
            | Status::RequestPlacedAtSupplyingAgency
            | Status::Confirmed
            | Status::RequestPlacedAtBorrowingAgency
            | Status::RequestPlacedAtPickupAgency => Self::plain("asked"),
            Status::PickupTransit if has(Condition::MissingInTransit) => place("delayed"),
            Status::PickupTransit => place("on-its-way"),
            Status::ReceivedAtPickup | Status::ReadyForPickup if has(Condition::MissingAtPickup) => {
                place("missing-at-pickup")
            }
            Status::ReceivedAtPickup => place("arrived"),
            Status::ReadyForPickup => place("ready"),
            Status::Loaned => of_loan(request, zone),
            Status::ReturnTransit => of_return(request),
            Status::NoItemsSelectableAtAnyAgency => Self::plain("no-library"),
            Status::HandedOffAsLocal => Self::plain("at-own-library"),
            Status::Cancelled | Status::Completed | Status::Finalised => of_end(request),
        }
    }
}

/// Returns the sentence while the patron has the item. The condition that asks most of the patron comes first.
fn of_loan(request: &Request, zone: &TimeZone) -> Message {
    let has = |condition| request.conditions.contains(&condition);
    let place = |id| Message { place: Some(request.pickup.name.clone()), ..Message::plain(id) };
    let due: Option<Date> =
        request.at_pickup().loan.open().and_then(|loan| loan.due).map(|due| zone.to_datetime(due).date());
    let until = |id, otherwise| match due {
        Some(_) => Message { date: due, ..Message::plain(id) },
        None => Message::plain(otherwise),
    };
    if has(Condition::ClaimedReturned) {
        place("claimed-returned")
    } else if has(Condition::Lost) {
        place("lost")
    } else if has(Condition::Overdue) {
        Message::plain("overdue")
    } else if has(Condition::Recalled) {
        Message::plain("recalled")
    } else if has(Condition::RenewalRefused) {
        until("renewal-refused-until", "renewal-refused")
    } else if has(Condition::Renewed) {
        until("renewed-until", "lent")
    } else {
        until("lent-until", "lent")
    }
}

/// Returns the sentence while the item is on its way home. The patron may never have had it.
fn of_return(request: &Request) -> Message {
    match request.outcome {
        None | Some(Outcome::Supplied) => Message::plain("going-home"),
        Some(_) => of_end(request),
    }
}

/// Returns the sentence for a request that has ended.
fn of_end(request: &Request) -> Message {
    let refused = request.refusal.as_ref().and_then(|refusal| Message::of_refusal(&refusal.code));
    match (request.outcome, &request.cancellation) {
        (Some(Outcome::Supplied), _) => Message::plain("ended-supplied"),
        (Some(Outcome::NotCollected), _) => Message::plain("ended-not-collected"),
        (Some(Outcome::Lost), _) => Message::plain("ended-lost"),
        (Some(Outcome::NotSupplied), _) => Message::plain("no-library"),
        (Some(Outcome::Unknown), _) => Message::plain("ended"),
        (Some(Outcome::Cancelled) | None, Some(ended)) => Message::plain(match ended.by {
            CancelledBy::Patron => "cancelled-by-patron",
            CancelledBy::Deadline => "no-longer-needed",
            CancelledBy::Staff | CancelledBy::AtBorrower => "cancelled",
        }),
        (Some(Outcome::Cancelled), None) => refused.unwrap_or_else(|| Message::plain("cancelled")),
        (None, None) if request.status == Status::Cancelled => refused.unwrap_or_else(|| Message::plain("cancelled")),
        (None, None) => Message::plain("ended"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lending::{Cancellation, PatronRefusal, example};

    use super::*;
    use crate::{IDS, Language};

    const OUTCOMES: [Option<Outcome>; 7] = [
        None,
        Some(Outcome::Supplied),
        Some(Outcome::NotSupplied),
        Some(Outcome::Cancelled),
        Some(Outcome::NotCollected),
        Some(Outcome::Lost),
        Some(Outcome::Unknown),
    ];

    /// Returns requests in every status with every outcome, condition and party that ended it.
    fn requests() -> Vec<Request> {
        let mut all = Vec::new();
        for status in Status::ALL {
            for outcome in OUTCOMES {
                for condition in Condition::ALL.map(Some).into_iter().chain([None]) {
                    let conditions = condition.into_iter().collect();
                    let request = Request { status, outcome, conditions, ..example::placed() };
                    for by in [CancelledBy::Patron, CancelledBy::Staff, CancelledBy::AtBorrower, CancelledBy::Deadline]
                    {
                        let cancellation = Some(Cancellation { by, reason: None });
                        all.push(Request { cancellation, ..request.clone() });
                    }
                    let refusal = Some(PatronRefusal::Inactive.refusal());
                    all.push(Request { refusal, ..request.clone() });
                    all.push(request);
                }
            }
        }
        all
    }

    #[test]
    fn every_status_outcome_and_condition_has_a_sentence_in_each_language() {
        let mut used = BTreeSet::new();
        for request in requests() {
            let message = Message::of_request(&request, &TimeZone::UTC);
            for language in Language::ALL {
                assert!(message.text(language).is_some(), "{message:?} in {}", language.tag());
            }
            used.insert(message.id);
        }
        // Those of the list that need more than these requests have: a loan with a due date, a queue, other refusals. The
        // sentences about faults of a new request come last.
        let needs_more = |id: &str| id.ends_with("-until") || id.starts_with("account-") || id == "queued";
        let unused: Vec<_> = IDS.iter().filter(|id| !used.contains(**id) && !needs_more(id)).collect();
        let faults_from = IDS.iter().position(|id| *id == "too-many-requests").unwrap();
        assert_eq!(unused, IDS[faults_from..].iter().filter(|id| !needs_more(id)).collect::<Vec<_>>());
    }

    #[test]
    fn patron_who_may_not_borrow_reads_why() {
        let refusal = PatronRefusal::Expired { on: None }.refusal();
        let refused = Request {
            status: Status::Finalised,
            outcome: Some(Outcome::Cancelled),
            refusal: Some(refusal),
            ..example::placed()
        };
        assert_eq!(Message::of_request(&refused, &TimeZone::UTC).id, "account-expired");
    }

    #[test]
    fn each_reason_against_a_patron_has_a_sentence_of_its_own() {
        let causes = [
            PatronRefusal::Unknown,
            PatronRefusal::Inactive,
            PatronRefusal::Expired { on: None },
            PatronRefusal::Blocked { blocks: Vec::new() },
            PatronRefusal::Contact,
            PatronRefusal::OtherAgency { agency: "NORTH".into() },
            PatronRefusal::UnmappedCampus { campus: None },
            PatronRefusal::LoanLimit { loans: 9, most: 9 },
            PatronRefusal::RequestLimit { requests: 5, most: 5 },
            PatronRefusal::Overdue { items: 1, most: 0 },
            PatronRefusal::Fees { most: 20 },
            PatronRefusal::UnmappedType { group: None },
            PatronRefusal::NoHoldShelf { pickup: "MAIN".into() },
        ];
        let sentences: std::collections::BTreeSet<String> =
            causes.iter().map(|cause| Message::of_refusal(cause.code()).unwrap().id).collect();
        assert_eq!(sentences.len(), causes.len());
        let of_deleted = Message::of_refusal(PatronRefusal::Deleted.code());
        assert_eq!(of_deleted, Message::of_refusal(PatronRefusal::Unknown.code()), "a patron can't tell these apart");
    }

    #[test]
    fn fault_that_a_patron_cannot_correct_refers_to_the_staff() {
        assert_eq!(Message::of_fault("OWN_COPY").id, "item-at-your-library");
        assert_eq!(Message::of_fault("UNKNOWN_AGENCY").id, "ask-staff");
        assert_eq!(Message::of_refused_copy("COPY_ON_LOAN").id, "item-not-lent");
        assert_eq!(Message::of_refused_copy("PATRON_EXPIRED").id, "account-expired");
    }
}
