//! A request walked through events, with effects answered as two willing libraries would.

use lending::{
    Decision, Effect, Event, Hold, HoldState, ItemState, Loan, LoanState, Observation, Request, Side, Status, decide,
    example,
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
        walk.tell(&Event::Placed);
        walk
    }

    pub(crate) fn tell(&mut self, event: &Event) -> Decision {
        let decision = decide(&self.request, event, example::noon());
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
            let event = willing(effect);
            self.tell(&event);
        }
        self
    }

    /// Runs until an effect is open that equals `effect`, which stays unanswered.
    pub(crate) fn run_until(&mut self, effect: Effect) -> &mut Self {
        while let Some(open) = self.request.in_flight {
            if open == effect {
                break;
            }
            self.tell(&willing(open));
        }
        assert_eq!(self.request.in_flight, Some(effect));
        self
    }

    pub(crate) fn see(&mut self, side: Side, seen: Observation) -> &mut Self {
        self.tell(&Event::Observed { side, seen });
        self.run()
    }

    pub(crate) fn status(&self) -> Status {
        self.request.status
    }
}

/// What a library's system that does as asked answers.
pub(crate) fn willing(effect: Effect) -> Event {
    match effect {
        Effect::VerifyPatron => Event::PatronVerified(example::verified()),
        Effect::ChooseSupplier => Event::SupplierChosen(Box::new(example::copy("31999"))),
        Effect::EnsureVirtualPatron => Event::VirtualPatronReady { id: "dcb-1".into() },
        Effect::PlaceHoldAtLender => placed(Side::Lender),
        Effect::CreateVirtualBib => Event::VirtualBibCreated { bib: "992".into() },
        Effect::CreateVirtualHolding => Event::VirtualHoldingCreated { holding: "222".into() },
        Effect::CreateVirtualItem | Effect::UpdateVirtualItem => {
            Event::VirtualItemReady { item: "232".into(), barcode: "31999".into() }
        }
        Effect::PlaceHoldAtBorrower => placed(Side::Borrower),
        Effect::SendIntoTransit => Event::SentIntoTransit { skipped: None },
        Effect::LendToVirtualPatron => {
            Event::LentToVirtualPatron { loan: Loan { id: "71".into(), due: Some(example::noon()) } }
        }
        Effect::CancelHoldAtLender => Event::HoldCancelled { side: Side::Lender },
        Effect::CancelHoldAtBorrower => Event::HoldCancelled { side: Side::Borrower },
        Effect::DeleteVirtualItem => Event::VirtualItemDeleted,
        Effect::DeleteVirtualBib => Event::VirtualBibDeleted,
    }
}

fn placed(side: Side) -> Event {
    Event::HoldPlaced { side, hold: Hold { id: "81".into(), state: HoldState::NotStarted } }
}

pub(crate) fn item(state: ItemState) -> Observation {
    Observation { item: Some(state), hold: None, loan: None }
}

pub(crate) fn item_and_hold(state: ItemState, hold: HoldState) -> Observation {
    Observation { item: Some(state), hold: Some(hold), loan: None }
}

pub(crate) fn on_loan() -> Observation {
    let loan = LoanState::Active { id: "72".into(), due: Some(example::noon()) };
    Observation { item: Some(ItemState::OnLoan), hold: Some(HoldState::Gone), loan: Some(loan) }
}

pub(crate) fn returned(state: ItemState) -> Observation {
    Observation { item: Some(state), hold: None, loan: Some(LoanState::None) }
}
