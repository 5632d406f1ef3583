//! A request walked through events, with effects answered as two willing libraries would.

use lending::{
    Closure, Command, Decision, Effect, EffectResult, Event, Hold, HoldState, ItemState, Loan, LoanState, Observation,
    Observed, Request, Side, Status, decide, example,
};

/// A request, the statuses it went through and the effects it asked for.
pub(crate) struct Walk {
    pub(crate) request: Request,
    pub(crate) path: Vec<Status>,
    pub(crate) effects: Vec<Effect>,
}

impl Walk {
    pub(crate) fn new() -> Self {
        let mut walk = Self { request: example::placed(), path: vec![Status::SubmittedToDcb], effects: vec![] };
        walk.apply(Command::Place);
        walk
    }

    pub(crate) fn apply(&mut self, event: impl Into<Event>) -> Decision {
        let decision = decide(&self.request, &event.into(), example::noon());
        for step in &decision.transitions {
            assert_eq!(Some(&step.from), self.path.last(), "transitions form a path");
            self.path.push(step.to);
        }
        if let Some(effect) = decision.effect {
            assert_eq!(self.request_after(&decision).in_flight, Some(effect));
            self.effects.push(effect);
        }
        self.request = decision.next.clone();
        decision
    }

    fn request_after<'a>(&self, decision: &'a Decision) -> &'a Request {
        &decision.next
    }

    /// Answers open effects until the libraries have the next move.
    pub(crate) fn run(&mut self) -> &mut Self {
        while let Some(effect) = self.request.in_flight {
            self.apply(willing(effect));
        }
        self
    }

    /// Runs until an effect is open that equals `effect`, which stays unanswered.
    pub(crate) fn run_until(&mut self, effect: Effect) -> &mut Self {
        while let Some(open) = self.request.in_flight {
            if open == effect {
                break;
            }
            self.apply(willing(open));
        }
        assert_eq!(self.request.in_flight, Some(effect));
        self
    }

    pub(crate) fn see(&mut self, side: Side, seen: Observation) -> &mut Self {
        self.apply(Observed::Seen { side, observation: seen, source: lending::ObservationSource::Poll });
        self.run()
    }

    pub(crate) fn status(&self) -> Status {
        self.request.status
    }
}

/// What a library's system that does as asked answers.
pub(crate) fn willing(effect: Effect) -> EffectResult {
    let loan = |id: &str, days: i64| Loan { id: id.into(), due: Some(after_days(days)) };
    match effect {
        Effect::VerifyPatron => EffectResult::PatronVerified(example::verified()),
        Effect::FindCopies => {
            EffectResult::CopiesFound { copies: vec![example::candidate("31999")], summary: "One copy.".to_owned() }
        }
        Effect::ChooseSupplier => EffectResult::SupplierChosen(Box::new(example::copy("31999"))),
        Effect::EnsureVirtualPatron(side) => EffectResult::VirtualPatronReady { side, id: "dcb-1".into() },
        Effect::PlaceHold(side) => EffectResult::HoldPlaced { side, hold: hold(), pickup: None },
        Effect::CreateVirtualBib(side) => EffectResult::VirtualBibCreated { side, bib: "992".into() },
        Effect::CreateVirtualHolding(side) => EffectResult::VirtualHoldingCreated { side, holding: "222".into() },
        Effect::CreateVirtualItem(side) | Effect::UpdateVirtualItem(side) => {
            EffectResult::VirtualItemReady { side, item: "232".into(), barcode: "31999".into() }
        }
        Effect::ChangePickup(side) => EffectResult::PickupChanged { side, hold: hold(), pickup: None },
        Effect::SendIntoTransit(side) => EffectResult::SentIntoTransit { side, skipped: None },
        Effect::Lend(side) => EffectResult::Lent { side, loan: loan("71", 28) },
        Effect::Renew(side) => EffectResult::Renewed { side, loan: loan("71", 56) },
        Effect::LimitDueDate(side) => EffectResult::DueDateLimited { side, loan: loan("72", 28) },
        Effect::RaiseDueDate(side) => {
            EffectResult::DueDateRaised { side, loan: loan("72", 42), until: Some(after_days(42)) }
        }
        Effect::DenyRenewal(side) => EffectResult::RenewalDenied { side },
        Effect::CancelHold(side) => EffectResult::HoldCancelled { side },
        Effect::CheckIn(side) => EffectResult::CheckedIn { side },
        Effect::DeleteVirtualItem(side) => EffectResult::VirtualItemDeleted { side, with_record: false },
        Effect::DeleteVirtualBib(side) => EffectResult::VirtualBibDeleted { side },
    }
}

pub(crate) fn hold() -> Hold {
    Hold { id: "81".into(), state: HoldState::NotStarted, shelf_until: None }
}

/// A time some days after noon.
pub(crate) fn after_days(days: i64) -> jiff::Timestamp {
    example::noon() + jiff::SignedDuration::from_hours(24 * days)
}

pub(crate) fn item(state: ItemState) -> Observation {
    Observation { item: Some(state), ..Observation::default() }
}

pub(crate) fn item_and_hold(state: ItemState, hold: HoldState) -> Observation {
    Observation { item: Some(state), hold: Some(hold), ..Observation::default() }
}

pub(crate) fn on_loan() -> Observation {
    on_loan_until(after_days(28))
}

pub(crate) fn on_loan_until(due: jiff::Timestamp) -> Observation {
    let loan = LoanState::Active { id: "72".into(), due: Some(due) };
    Observation { loan: Some(loan), ..item_and_hold(ItemState::OnLoan, HoldState::Gone) }
}

/// The copy on loan to the virtual patron, as the lender shows it.
pub(crate) fn on_loan_at_lender(due: jiff::Timestamp) -> Observation {
    let loan = LoanState::Active { id: "71".into(), due: Some(due) };
    Observation { loan: Some(loan), ..item(ItemState::OnLoan) }
}

pub(crate) fn returned(state: ItemState) -> Observation {
    Observation { loan: Some(LoanState::None), ..item(state) }
}

/// A message that the hold on a side has ended so.
pub(crate) fn hold_closed(side: Side, closure: Closure) -> Event {
    let observation = Observation { hold: Some(HoldState::Gone), closure: Some(closure), ..Observation::default() };
    Observed::Seen { side, observation, source: lending::ObservationSource::Notification }.into()
}
