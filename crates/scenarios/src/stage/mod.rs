//! The stage: a hub, two lenders and a borrower, and one request between them.
//!
//! - `waiting`: waits until the hub shows a change, with a deadline and a sentence about the request's status.
//! - `staff`: actions of staff in the course of a request, reported to the observer.
//! - `clean`: checks at the end.
//! - `driving`, `closing`, `play_out`: any live status, any end of a hold in it, and the steps that follow.

mod clean;
mod closing;
mod driving;
mod play_out;
mod staff;
mod waiting;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use lending::Side;
use serde_json::json;

use crate::alma::{CreatedRecords, SimAlma};
use crate::failure::{Failure, Result};
use crate::hub::{Hub, NotPlaced};
use crate::view::{RequestView, Row};

pub use closing::{Closed, Closure};
pub use driving::LIVE;

/// The borrower's agency, as [`Stage::introduce`] sets it up.
pub const AGENCY: &str = "BORROW";
/// The pickup location: the borrower's library MAIN.
pub const PICKUP: &str = "BORROW-MAIN";
/// The library of the pickup location.
pub const PICKUP_LIBRARY: &str = "MAIN";
/// The patron of most scenarios, at the borrower's Alma.
pub const PATRON: &str = "jo.reader";

/// The party that acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The patron, through the discovery system or at a desk.
    Patron,
    /// Staff of the lending library.
    LendingLibrary,
    /// Staff of the library where the patron collects.
    PickupLibrary,
    /// Staff at the hub.
    HubStaff,
    /// Nobody: a fault begins or ends.
    Fault,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Patron => "the patron",
            Self::LendingLibrary => "the lending library",
            Self::PickupLibrary => "the pickup library",
            Self::HubStaff => "staff at the hub",
            Self::Fault => "trouble",
        })
    }
}

/// A message to the observer of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StageEvent {
    /// Somebody acted: "the lending library", "scans the item in".
    Act {
        /// The party.
        who: Actor,
        /// The action, as the rest of a sentence without its full stop.
        what: String,
    },
    /// The request moved to another status.
    Passed {
        /// The status's name.
        status: String,
        /// The reason, in the hub's words.
        reason: Option<String>,
    },
}

/// A function that receives each step, as it happens.
pub type Observer = Arc<dyn Fn(&StageEvent) + Send + Sync>;
/// A function that moves the hub's clock ahead, if its host can.
pub type MoveTime = Arc<dyn Fn(Duration) + Send + Sync>;

/// A function that lists a title in the hub's catalogue, with its records: institution and record.
pub type ListTitle = Arc<dyn Fn(String, Vec<(String, String)>) -> BoxFuture<'static, ()> + Send + Sync>;

/// A patron's wish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInput {
    /// The patron's identifier at home.
    pub patron: String,
    /// Acceptable copies, best first: number of the lender (0 or 1) and barcode.
    pub copies: Vec<(usize, String)>,
    /// A record of the first lender, any copy of which will do; it comes after the copies.
    pub record: Option<String>,
    /// The id of a title that [`Stage::list_title`] has listed, in place of copies.
    pub title: Option<String>,
    /// The wanted volume.
    pub volume: Option<String>,
    /// Barcode of a copy of the patron's own institution, which comes first.
    pub own: Option<String>,
    /// Code of the pickup location, if it isn't the usual one.
    pub pickup: Option<String>,
    /// The patron stands at the lender's desk with the book.
    pub expedited: bool,
}

/// A hub, two lenders, a borrower, and the request of the scenario.
pub struct Stage {
    /// The hub.
    pub hub: Hub,
    /// Two Almas that lend.
    pub lenders: [SimAlma; 2],
    /// The Alma of the patron.
    pub borrower: SimAlma,
    /// The longest time to wait for anything.
    pub patience: Duration,
    calls_per_second: u32,
    observer: Option<Observer>,
    move_time: Option<MoveTime>,
    list_title: Option<ListTitle>,
    request: Option<String>,
    wish: Option<RequestInput>,
    /// The number of records at the lenders and the borrower before the request.
    before: [CreatedRecords; 3],
    /// The position in the timeline up to which [`Stage::until`] has read.
    reached: i64,
    /// The position in the timeline up to which the observer was informed.
    narrated: i64,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("request", &self.request).field("wish", &self.wish).finish_non_exhaustive()
    }
}

impl Stage {
    /// Creates a stage and sends nothing yet.
    pub fn new(hub: Hub, lenders: [SimAlma; 2], borrower: SimAlma) -> Self {
        Self {
            hub,
            lenders,
            borrower,
            patience: Duration::from_secs(30),
            calls_per_second: 25,
            observer: None,
            move_time: None,
            list_title: None,
            request: None,
            wish: None,
            before: [CreatedRecords::default(); 3],
            reached: 0,
            narrated: 0,
        }
    }

    /// Makes the stage report each step as it happens.
    #[must_use]
    pub fn observed_by(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Lets scenarios move the hub's clock ahead.
    #[must_use]
    pub fn moving_time_by(mut self, move_time: MoveTime) -> Self {
        self.move_time = Some(move_time);
        self
    }

    /// Lets scenarios list titles in the hub's catalogue.
    #[must_use]
    pub fn listing_titles_by(mut self, list_title: ListTitle) -> Self {
        self.list_title = Some(list_title);
        self
    }

    /// Lists a title of which both lenders have a record.
    ///
    /// # Errors
    /// The hub's host can't list titles.
    pub async fn list_title(&self, id: &str, records: [&str; 2]) -> Result<()> {
        let list = self.list_title.as_ref();
        let list = list.ok_or_else(|| Failure::new("The catalogue of this hub can't be written."))?;
        let held = self.lenders.iter().zip(records);
        list(id.to_owned(), held.map(|(alma, record)| (alma.institution.clone(), record.to_owned())).collect()).await;
        Ok(())
    }

    /// Sets the limit of calls per second that the hub keeps to at each Alma; 25 by default.
    #[must_use]
    pub fn calls_per_second(mut self, calls: u32) -> Self {
        self.calls_per_second = calls;
        self
    }

    /// Sets institutions, agency and pickup location up at the hub, as staff would.
    ///
    /// # Errors
    /// The hub's own message if it refuses.
    pub async fn introduce(&self) -> Result<()> {
        for alma in [&self.lenders[0], &self.lenders[1], &self.borrower] {
            self.set_up(alma, &json!({})).await?;
        }
        let agency = json!({"name": "Borrowing College", "institution": self.borrower.institution, "library": null});
        self.hub.put(&format!("/api/v1/agencies/{AGENCY}"), &agency).await?;
        let pickup = json!({"name": "Main Library", "agency": AGENCY, "library": PICKUP_LIBRARY, "desk": null});
        self.hub.put(&format!("/api/v1/pickup-locations/{PICKUP}"), &pickup).await
    }

    /// Sets up an institution, or changes it. `settings` overwrite the usual ones.
    ///
    /// # Errors
    /// The hub's own message if it refuses.
    pub async fn set_up(&self, alma: &SimAlma, settings: &serde_json::Value) -> Result<()> {
        let mut all = alma.settings(self.calls_per_second);
        if let (Some(all), Some(changes)) = (all.as_object_mut(), settings.as_object()) {
            all.extend(changes.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        let name = format!("University {}", alma.institution);
        let body = json!({"name": name, "kind": "alma", "api_key": alma.key, "settings": all});
        self.hub.put(&format!("/api/v1/institutions/{}", alma.institution), &body).await
    }

    /// Returns the usual wish: the first title of the first lender, by a patron in good standing.
    pub fn wish(&self) -> RequestInput {
        self.wish_for(1)
    }

    /// Returns a wish for the `number`-th title of the first lender alone.
    pub fn wish_for(&self, number: usize) -> RequestInput {
        RequestInput {
            patron: PATRON.to_owned(),
            copies: vec![(0, self.lenders[0].barcode(number))],
            ..RequestInput::default()
        }
    }

    /// Returns a wish for the first title, of the first lender or else of the second.
    pub fn wish_of_both(&self) -> RequestInput {
        let copies = vec![(0, self.lenders[0].barcode(1)), (1, self.lenders[1].barcode(1))];
        RequestInput { patron: PATRON.to_owned(), copies, ..RequestInput::default() }
    }

    /// Places a request, which becomes the scenario's request.
    ///
    /// # Errors
    /// The hub refuses it, or can't be reached.
    pub async fn place(&mut self, wish: &RequestInput) -> Result<()> {
        self.try_to_place(wish).await?.map_err(|refused| Failure::new(format!("It should be that {refused}.")))
    }

    /// Places a request. If the hub records it, refused or not, it becomes the scenario's request.
    ///
    /// # Errors
    /// The hub can't be reached. A refusal is the inner error.
    pub async fn try_to_place(&mut self, wish: &RequestInput) -> Result<Result<(), NotPlaced>> {
        self.before = [self.lenders[0].made().await?, self.lenders[1].made().await?, self.borrower.made().await?];
        let body = self.body_of(wish);
        self.narrate(Actor::Patron, "asks for the book");
        let placed = self.hub.place(&body).await?;
        self.wish = Some(wish.clone());
        (self.reached, self.narrated) = (0, 0);
        match placed {
            Ok(id) => {
                self.request = Some(id);
                Ok(Ok(()))
            }
            Err(refused) => {
                self.request.clone_from(&refused.request);
                Ok(Err(refused))
            }
        }
    }

    /// Returns a wish as the API takes it.
    pub fn body_of(&self, wish: &RequestInput) -> serde_json::Value {
        let own = wish.own.iter().map(|barcode| (&self.borrower, barcode));
        let others = wish.copies.iter().filter_map(|(lender, barcode)| Some((self.lenders.get(*lender)?, barcode)));
        let record = wish.record.iter().map(|bib| json!({"institution": self.lenders[0].institution, "bib": bib}));
        let copies: Vec<_> = own
            .chain(others)
            .map(|(alma, barcode)| json!({"institution": alma.institution, "barcode": barcode}))
            .chain(record)
            .collect();
        let pickup = wish.pickup.as_deref().unwrap_or(PICKUP);
        let mut body = json!({"agency": AGENCY, "patron": wish.patron, "pickup_location": pickup});
        match &wish.title {
            Some(title) => body["title"] = json!({"id": title}),
            None => body["copies"] = json!(copies),
        }
        if let Some(volume) = &wish.volume {
            body["volume"] = json!(volume);
        }
        if wish.expedited {
            body["expedited"] = json!(true);
        }
        body
    }

    /// Returns the id of the scenario's request.
    ///
    /// # Errors
    /// No request was placed.
    pub fn id(&self) -> Result<&str> {
        self.request.as_deref().ok_or_else(|| Failure::new("No request was placed yet."))
    }

    /// Makes another request, placed before, the scenario's request.
    pub fn select_request(&mut self, request: &str) {
        self.request = Some(request.to_owned());
        (self.reached, self.narrated) = (0, 0);
    }

    /// Returns the request as the hub shows it now.
    ///
    /// # Errors
    /// The hub can't be reached.
    pub async fn request(&self) -> Result<RequestView> {
        self.hub.request(self.id()?).await
    }

    /// Makes the hub perform an action on the request, such as `next-supplier`.
    ///
    /// # Errors
    /// The hub's own message if the request's state doesn't allow it.
    pub async fn act(&self, what: &str, body: Option<&serde_json::Value>) -> Result<()> {
        let path = format!("/api/v1/requests/{}/{what}", self.id()?);
        self.hub.call(reqwest::Method::POST, &path, body).await.map(drop)
    }

    /// Returns the request's timeline, oldest row first.
    ///
    /// # Errors
    /// The hub can't be reached.
    pub async fn timeline(&self) -> Result<Vec<Row>> {
        Ok(self.request().await?.timeline)
    }

    /// Returns the Alma of the lender that is being tried or supplies.
    ///
    /// # Errors
    /// No copy is chosen yet.
    pub fn lender_of(&self, request: &RequestView) -> Result<&SimAlma> {
        let code = request.lender.as_ref().map(|lender| lender.institution.as_str());
        let known = self.lenders.iter().find(|alma| Some(alma.institution.as_str()) == code);
        known
            .ok_or_else(|| Failure::new(format!("The request has no lender on this stage: it is {}.", request.stand())))
    }

    /// Returns the Alma of a side, in the request's present state.
    ///
    /// # Errors
    /// No copy is chosen yet, so there is no lender.
    pub fn alma_of(&self, side: Side, request: &RequestView) -> Result<&SimAlma> {
        match side {
            Side::Borrower => Ok(&self.borrower),
            _ => self.lender_of(request),
        }
    }

    /// Returns the number of records created since the request was placed: at the lenders, in order, and at the
    /// borrower.
    ///
    /// # Errors
    /// A simulator doesn't answer.
    pub async fn made(&self) -> Result<([CreatedRecords; 2], CreatedRecords)> {
        let [first, second, borrower] = self.before;
        let lenders = [self.lenders[0].made().await? - first, self.lenders[1].made().await? - second];
        Ok((lenders, self.borrower.made().await? - borrower))
    }

    /// Moves the hub's clock ahead, so that waiting work becomes due.
    ///
    /// # Errors
    /// The hub's host can't move it.
    pub fn advance_time(&self, time: Duration) -> Result<()> {
        let move_time = self.move_time.as_ref();
        let move_time = move_time.ok_or_else(|| Failure::new("The clock of this hub can't be moved."))?;
        self.narrate(Actor::Fault, format!("ends after {} minutes", time.as_secs() / 60));
        move_time(time);
        Ok(())
    }

    /// Notifies the observer that somebody acts.
    pub fn narrate(&self, who: Actor, what: impl Into<String>) {
        if let Some(observer) = &self.observer {
            observer(&StageEvent::Act { who, what: what.into() });
        }
    }
}
