//! Where the book of a request is, in one sentence for a librarian who has it in hand or looks for it.

use crate::observation::ItemState;
use crate::request::{Request, Settlement};
use crate::sides::{Progress, Supply};
use crate::status::Status;

impl Request {
    /// Says where the item is as far as the hub knows, and to whom it belongs; also of a request that has ended.
    pub fn item_place(&self) -> String {
        let Some(supply) = &self.supply else { return "No library has been asked for a copy yet.".to_owned() };
        let owner = format!("{} of {}", supply.copy.library, supply.institution);
        let place = &self.pickup.name;
        match self.settlement {
            Some(Settlement::Paid) => {
                return format!(
                    "The item belongs to {owner}. Its loss is settled: it was paid for. If it turns up, send it to that library, \
                     whose staff close its loan."
                );
            }
            Some(Settlement::WrittenOff) => {
                return format!(
                    "The item belongs to {owner}, which has written it off. If it turns up, ask that library what to do."
                );
            }
            None => {}
        }
        match self.status {
            Status::PickupTransit => format!("The item is on its way from {owner} to {place}."),
            Status::ReceivedAtPickup | Status::ReadyForPickup => match self.at_pickup().item_state {
                Some(ItemState::InTransit) => format!("The item of {owner} is on its way to {place}."),
                Some(ItemState::Missing) => {
                    format!("The item of {owner} arrived at {place}, which has marked it as missing.")
                }
                _ => format!("The item of {owner} is at {place}."),
            },
            Status::Loaned => {
                let mark = match self.at_pickup().item_state {
                    Some(ItemState::Lost) => ", and is marked as lost",
                    Some(ItemState::ClaimedReturned) => ", who says that it was returned",
                    _ => "",
                };
                format!("The item of {owner} is on loan to the patron{mark}.")
            }
            Status::HandedOffAsLocal => {
                format!("The patron's own library, {owner}, handles this request. Its system shows where the item is.")
            }
            Status::ReturnTransit => going_home(self, supply, &owner),
            _ if self.ended_manually && supply.dispatched && !is_home(supply) => format!(
                "The item belongs to {owner}. The request was ended by hand before the item was seen there, so it may be anywhere \
                 between {place} and that library. Send it home."
            ),
            _ if supply.dispatched => format!("The item is back at {owner}. If it is elsewhere, send it there."),
            _ => format!("The item belongs to {owner}, which has not sent it. If you have it in hand, send it there."),
        }
    }
}

fn going_home(request: &Request, supply: &Supply, owner: &str) -> String {
    let here = request.at_pickup();
    if here.item_state == Some(ItemState::OnHoldShelf) {
        return format!("The item is on the hold shelf of {}, and must go home to {owner}.", request.pickup.name);
    }
    if here.progress >= Progress::Received || supply.dispatched {
        return format!("The item is on its way home to {owner}.");
    }
    format!("The item is between {owner} and {}, and must go home.", request.pickup.name)
}

/// Returns whether the hub saw the item at home after it had been sent.
fn is_home(supply: &Supply) -> bool {
    supply.loan.is_closed() || matches!(supply.item, ItemState::InPlace | ItemState::Requested | ItemState::OnHoldShelf)
}
