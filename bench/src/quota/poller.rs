//! Models the API calls of the system in use today: it polls every request on schedule, with six calls each time.
//!
//! The model follows OpenRS dcb-service. By `dcb.polling.durations` in its application.yml it polls an hour after the
//! last poll, and six hours after it in LOANED. At each of the two Almas it reads the request, the item, and the item's
//! requests for their number (AlmaHostLmsClient). The calls to place, lend and clean up come on top and are left out
//! here.

use alma_sim::ApiCall;
use engine::Settings;

use super::per;
use crate::simulate::sim_setup::{self, BORROWER, LENDERS};
use crate::world::{Messages, World};

/// The number of hours with an hourly poll: six days until the patron has the book, and three days on its way home.
const HOURLY: usize = 24 * (6 + 3);
/// The number of polls while the patron has the book: one every six hours for 21 days.
const ON_LOAN: usize = 4 * 21;

pub(super) async fn spent(requests: usize) -> Result<f64, String> {
    let world = World::open(requests, Messages::Nothing, Settings::default()).await?;
    let mut polled = Vec::new();
    for number in 0..requests {
        let id = world.place(number, &LENDERS[..1]).await?;
        polled.push(objects(&world, id).await?);
    }
    let before = world.calls()?;
    for objects in polled {
        for _ in 0..HOURLY + ON_LOAN {
            for (code, path) in &objects {
                read(&world, code, path)?;
            }
        }
    }
    Ok(per(world.calls()? - before, requests as u64))
}

/// The reads of one poll.
async fn objects(world: &World, id: lending::RequestId) -> Result<Vec<(&'static str, String)>, String> {
    let request = world.request(id).await?;
    let supply = request.supply.as_ref().ok_or("the request has no supply")?;
    let (bib, holding, item) = (supply.copy.bib.as_str(), supply.copy.holding.as_str(), supply.copy.item.as_str());
    let theirs = format!("/almaws/v1/bibs/{bib}/holdings/{holding}/items/{item}");
    let here = &request.borrower;
    let part = |what: Option<String>| what.ok_or("the request has no virtual records");
    let bib = part(here.bib.any().map(|bib| bib.as_str().to_owned()))?;
    let holding = part(here.holding.any().map(|holding| holding.as_str().to_owned()))?;
    let item = part(here.item.any().map(|item| item.as_str().to_owned()))?;
    let ours = format!("/almaws/v1/bibs/{bib}/holdings/{holding}/items/{item}");
    let mut objects = Vec::new();
    for (code, item) in [(LENDERS[0], theirs), (BORROWER, ours)] {
        let staff = world.sim.staff(code).map_err(|error| error.to_string())?;
        let pid = item.rsplit('/').next().unwrap_or_default().to_owned();
        let hold = staff.requests().into_iter().find(|hold| hold.item_pid.as_deref() == Some(&pid));
        let hold = hold.ok_or("a hold is missing")?;
        objects.push((code, format!("/almaws/v1/users/{}/requests/{}", hold.user, hold.id)));
        objects.push((code, format!("{item}/requests")));
        objects.push((code, item));
    }
    Ok(objects)
}

fn read(world: &World, code: &str, path: &str) -> Result<(), String> {
    let call = ApiCall {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: String::new(),
        key: Some(sim_setup::key(code)),
        accept: Some("application/json".to_owned()),
        content_type: None,
        user_password: None,
        base: "http://127.0.0.1:1".to_owned(),
        body: Vec::new(),
    };
    let answer = world.sim.call(&call).map_err(|_| "the call was lost".to_owned())?;
    if answer.status == 200 { Ok(()) } else { Err(format!("{path} is answered {}: {}", answer.status, answer.body)) }
}
