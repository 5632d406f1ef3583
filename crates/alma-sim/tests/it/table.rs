//! Every event in every state of an item: whether it is allowed or refused, and the state that follows.
//!
//! A result is `process type / status of the first reader's hold / loan`; `-` for none, or the refusal's code.

use alma_sim::{Mark, Refusal, Sim, SimClock, SimOptions, Staff, presets};

use crate::support::{BOOK, DESK, INST, KEY, noon};

const STATES: [&str; 11] = [
    "in place",
    "requested",
    "to pickup",
    "on shelf",
    "lent",
    "going home",
    "lost",
    "claimed",
    "paid",
    "missing",
    "work order",
];

const EVENTS: [&str; 14] = [
    "hold by another",
    "scan at home",
    "scan at pickup",
    "scan elsewhere",
    "lend to reader",
    "lend to another",
    "cancel the hold",
    "renew",
    "lost",
    "claimed returned",
    "found",
    "missing",
    "withdraw",
    "expire the shelf",
];

/// `state + event = result`, in the order above.
const TABLE: &str = include_str!("table.txt");

struct Bench {
    sim: Sim,
    staff: Staff,
    hold: Option<String>,
}

impl Bench {
    /// An item of MAIN; the hold, where there is one, is for `jo.reader` at BRANCH.
    fn in_state(state: &str) -> Bench {
        let sim = Sim::new(&SimOptions { clock: SimClock::Stepped(noon()), ..SimOptions::default() });
        sim.add_institution(presets::university(INST, KEY)).unwrap();
        let staff = sim.staff(INST).unwrap();
        let mut bench = Bench { sim, staff, hold: None };
        let lend = |bench: &Bench| bench.staff.lend(BOOK, "jo.reader", "MAIN", DESK).unwrap();
        match state {
            "in place" => {}
            "requested" => bench.place_hold(),
            "to pickup" => {
                bench.place_hold();
                bench.staff.scan_in(BOOK, "MAIN", DESK).unwrap();
            }
            "on shelf" => {
                bench.place_hold();
                bench.staff.scan_in(BOOK, "BRANCH", DESK).unwrap();
            }
            "lent" => drop(lend(&bench)),
            "going home" => {
                lend(&bench);
                bench.staff.scan_in(BOOK, "BRANCH", DESK).unwrap();
            }
            "lost" => {
                lend(&bench);
                bench.staff.mark(BOOK, Mark::Lost).unwrap();
            }
            "claimed" => {
                lend(&bench);
                bench.staff.mark(BOOK, Mark::ClaimedReturned).unwrap();
            }
            "paid" => {
                lend(&bench);
                bench.staff.mark(BOOK, Mark::Lost).unwrap();
                bench.staff.mark(BOOK, Mark::LostAndPaid).unwrap();
            }
            "missing" => bench.staff.mark(BOOK, Mark::Missing).unwrap(),
            "work order" => drop(bench.staff.scan_at_department(BOOK, "MAIN", "CATALOGING", false).unwrap()),
            other => panic!("no state {other}"),
        }
        bench
    }

    fn place_hold(&mut self) {
        self.hold = Some(self.staff.place_hold("jo.reader", BOOK, "BRANCH").unwrap());
    }

    fn act(&self, event: &str) -> Result<(), Refusal> {
        let staff = &self.staff;
        let no_hold = || Refusal { status: 400, code: "no hold".to_owned(), message: String::new() };
        match event {
            "hold by another" => staff.place_hold("sam.student", BOOK, "MAIN").map(drop),
            "scan at home" => staff.scan_in(BOOK, "MAIN", DESK).map(drop),
            "scan at pickup" => staff.scan_in(BOOK, "BRANCH", DESK).map(drop),
            "scan elsewhere" => staff.scan_in(BOOK, "SHARING", DESK).map(drop),
            "lend to reader" => staff.lend(BOOK, "jo.reader", "MAIN", DESK).map(drop),
            "lend to another" => staff.lend(BOOK, "sam.student", "MAIN", DESK).map(drop),
            "cancel the hold" => {
                self.hold.as_deref().map_or_else(|| Err(no_hold()), |id| staff.cancel(id, "CannotBeFulfilled"))
            }
            "renew" => staff.renew(BOOK),
            "lost" => staff.mark(BOOK, Mark::Lost),
            "claimed returned" => staff.mark(BOOK, Mark::ClaimedReturned),
            "found" => staff.mark(BOOK, Mark::Found),
            "missing" => staff.mark(BOOK, Mark::Missing),
            "withdraw" => staff.withdraw(BOOK),
            "expire the shelf" => {
                self.sim.advance(jiff::SignedDuration::from_hours(24 * 30));
                if staff.run_hold_shelf_expiry() == 0 { Err(no_hold()) } else { Ok(()) }
            }
            other => panic!("no event {other}"),
        }
    }

    fn describe(&self) -> String {
        let Ok(item) = self.staff.item(BOOK) else { return "gone".to_owned() };
        let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let requests = self.staff.requests();
        let hold = requests.iter().find(|request| Some(&request.id) == self.hold.as_ref());
        let loans = self.staff.loans();
        let loan = loans.first().map_or("-", |loan| loan.process_status.as_str());
        format!("{}/{}/{loan}", dash(&item.process_type), hold.map_or("-", |hold| hold.status.as_str()))
    }
}

#[test]
fn every_event_in_every_state_is_allowed_or_refused_as_declared() {
    let mut found = String::new();
    for state in STATES {
        for event in EVENTS {
            let bench = Bench::in_state(state);
            let before = bench.describe();
            let result = match bench.act(event) {
                Ok(()) => bench.describe(),
                Err(refusal) => {
                    assert_eq!(bench.describe(), before, "{state} + {event}: a refusal changes nothing");
                    format!("refused {}", refusal.code)
                }
            };
            found.push_str(&format!("{state} + {event} = {result}\n"));
        }
    }
    for (found, declared) in found.lines().zip(TABLE.lines()) {
        assert_eq!(found, declared);
    }
    assert_eq!(found.lines().count(), TABLE.lines().count());
}
