//! Explains why Alma refused a hold with 401129, "No items can fulfill the submitted request".
//!
//! Alma gives this code for rules of its fulfilment, for an item that can't be requested now, and for a pickup location
//! that the item can't be sent to. Its request options show for a user and an item whether a hold is possible. They don't
//! consider the pickup location (alma-field-notes.md, "Requests"), so a hold that they offer is refused because of it.

use alma::{Code, Item, ItemPath, Pickup, RequestOption, UserId};
use lending::{ItemState, PatronId, Refusal};

use super::Alma;
use super::mapping::item_state;
use crate::host::ItemRef;

/// Returns whether the refusal is the one that needs an explanation.
pub(super) fn is_unrequestable(refusal: &Refusal) -> bool {
    refusal.code == Code::NoItemCanFulfil.as_str()
}

impl Alma {
    /// Adds the reason to a refusal of `user`'s hold on `item`, as far as Alma shows it. Makes one call for the request
    /// options, and another for the item if they offer no hold. If Alma doesn't answer them, the refusal stays as it is.
    pub(super) async fn explain_refused_hold(
        &self,
        item: &ItemRef,
        user: &PatronId,
        pickup: &Pickup,
        refusal: Refusal,
    ) -> Refusal {
        let path = Self::path(item);
        let reason = match self.client.items().request_options(&path, &UserId::from(user.as_str())).await {
            Ok(options) if options.iter().any(is_hold) => pickup_reason(pickup),
            Ok(options) if options.is_complete() => match self.item_reason(&path).await {
                Ok(reason) => reason,
                Err(_) => return refusal,
            },
            Ok(_) | Err(_) => return refusal,
        };
        Refusal { explanation: format!("{} {reason}", refusal.explanation), ..refusal }
    }

    /// Returns why Alma offers nobody, or not this user, a hold on the item.
    async fn item_reason(&self, path: &ItemPath) -> crate::Result<String> {
        let Some(item) = self.find_item(path).await? else {
            return Ok("The item doesn't exist any more.".to_owned());
        };
        if !item.is_in_place() {
            return Ok(format!("The item can't be requested now: {}.", describe(&item_state(&item))));
        }
        let is_virtual = item
            .library
            .as_ref()
            .is_some_and(|code| self.settings.virtual_places().any(|(library, _)| library.as_str() == code.as_str()));
        if !is_virtual && self.is_hidden(&item).await? {
            return Ok("The item, its record or its location is suppressed from discovery.".to_owned());
        }
        Ok(rules_reason(&item))
    }

    async fn is_hidden(&self, item: &Item) -> crate::Result<bool> {
        if item.bib_suppressed || item.holding_suppressed {
            return Ok(true);
        }
        match (&item.library, &item.location) {
            (Some(library), Some(location)) => {
                self.is_suppressed(&library.as_str().into(), &location.as_str().into()).await
            }
            (None, _) | (_, None) => Ok(false),
        }
    }
}

fn is_hold(option: &RequestOption) -> bool {
    option.kind.as_ref().is_some_and(|kind| kind.as_str().eq_ignore_ascii_case("HOLD"))
}

fn pickup_reason(pickup: &Pickup) -> String {
    let place = match pickup {
        Pickup::Library(library) => format!("the library {}", library.as_str()),
        Pickup::Desk { library, desk } => format!("the desk {} of {}", desk.as_str(), library.as_str()),
        _ => "the pickup location".to_owned(),
    };
    format!(
        "Alma offers the user a hold on the item, so the pickup location is the cause. In Alma, {place} must have a hold \
         shelf, must be a pickup location for the item's location, and can't be the resource sharing library."
    )
}

fn rules_reason(item: &Item) -> String {
    let code = |coded: Option<&str>| coded.unwrap_or("(none)").to_owned();
    format!(
        "Alma's rules offer the user's group no hold on an item of the policy {} at {}/{}. In Alma, a fulfilment rule for \
         that group, policy and location must allow requests.",
        code(item.policy.as_ref().map(|coded| coded.as_str())),
        code(item.library.as_ref().map(|coded| coded.as_str())),
        code(item.location.as_ref().map(|coded| coded.as_str())),
    )
}

/// Returns the item's state as the rest of a sentence.
pub(super) fn describe(state: &ItemState) -> String {
    match state {
        ItemState::InPlace | ItemState::Requested => "it is on its shelf".to_owned(),
        ItemState::InTransit => "it is in transit".to_owned(),
        ItemState::OnHoldShelf => "it waits for somebody on a hold shelf".to_owned(),
        ItemState::OnLoan => "it is on loan".to_owned(),
        ItemState::Lost => "it is lost".to_owned(),
        ItemState::ClaimedReturned => "its borrower claims to have returned it".to_owned(),
        ItemState::Missing => "it is missing".to_owned(),
        ItemState::Unavailable(process) => format!("Alma shows the process type {process}"),
        ItemState::Absent => "it doesn't exist any more".to_owned(),
    }
}
