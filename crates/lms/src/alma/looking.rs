//! The reads: a patron, a copy, and what became of an item, its hold and its loan.

use alma::{Item, ItemPath, User, UserId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lending::{
    Barcode, Copy, CopyRef, HoldState, ItemState, LoanState, Observation, PatronId, PatronRefusal, Refusal, Title,
    VerifiedPatron,
};

use super::Alma;
use super::errors::not_done;
use super::words::item_state;
use crate::host::Watched;
use crate::outcome::Outcome;

impl Alma {
    /// Eligible: active, not expired, no active block, and a mapped user group (requirements page, "Patron
    /// verification"; field names by Alma's `rest_user`).
    pub(super) async fn read_patron(
        &self,
        id: &PatronId,
        now: Timestamp,
    ) -> Outcome<Result<VerifiedPatron, PatronRefusal>> {
        match self.client.users().get(&UserId::from(id.as_str())).await {
            Ok(user) => Ok(self.eligibility(&user, now)),
            Err(error) if error.is_not_found() => Ok(Err(PatronRefusal::Unknown)),
            Err(error) => Err(not_done(error)),
        }
    }

    fn eligibility(&self, user: &User, now: Timestamp) -> Result<VerifiedPatron, PatronRefusal> {
        if !user.is_active() {
            let deleted = user.status().is_some_and(|status| status.as_str().eq_ignore_ascii_case("DELETED"));
            return Err(if deleted { PatronRefusal::Deleted } else { PatronRefusal::Inactive });
        }
        // Alma's dates have no zone; a card is good until the end of its last day.
        let today = TimeZone::UTC.to_datetime(now).date();
        if let Some(last) = user.expiry_date().filter(|last| *last < today) {
            return Err(PatronRefusal::Expired { on: Some(last.to_string()) });
        }
        let blocks: Vec<String> =
            user.blocks().iter().filter(|block| block.stops_at(now)).map(describe_block).collect();
        if !blocks.is_empty() {
            return Err(PatronRefusal::Blocked { blocks });
        }
        let group = user.user_group().map(|coded| coded.as_str().to_owned());
        match group.as_ref().and_then(|group| self.settings.patron_types.get(group)) {
            Some(patron_type) => {
                Ok(VerifiedPatron { id: PatronId::from(user.primary_id().as_str()), patron_type: patron_type.clone() })
            }
            None => Err(PatronRefusal::UnmappedType { group }),
        }
    }

    /// One call: by its full path where the request names it, else by barcode.
    pub(super) async fn read_copy(&self, named: &CopyRef) -> Outcome<Result<Copy, Refusal>> {
        let unknown = || unfit("COPY_NOT_FOUND", "The lender has no such item.");
        let item = match (&named.bib, &named.item, &named.barcode) {
            (Some(bib), Some(item), _) => {
                // Reading accepts any holding and answers the true one.
                let holding = named.holding.as_ref().map_or("ALL", |holding| holding.as_str());
                let path = ItemPath { mms: bib.as_str().into(), holding: holding.into(), pid: item.as_str().into() };
                match self.client.items().get(&path).await {
                    Ok(item) => item,
                    Err(error) if error.is_not_found() => return Ok(Err(unknown())),
                    Err(error) => return Err(not_done(error)),
                }
            }
            (_, _, Some(barcode)) => {
                match self.client.items().by_barcode(&barcode.as_str().into()).await.map_err(not_done)? {
                    Some(item) => item,
                    None => return Ok(Err(unknown())),
                }
            }
            _ => return Ok(Err(unfit("COPY_NOT_NAMED", "The request names neither item nor barcode."))),
        };
        Ok(self.lendable(&item))
    }

    fn lendable(&self, item: &Item) -> Result<Copy, Refusal> {
        if item.bib_suppressed || item.holding_suppressed {
            return Err(unfit("COPY_SUPPRESSED", "The lender has hidden the item from discovery."));
        }
        if !item.is_in_place() {
            let state = format!("{:?}", item_state(item));
            return Err(unfit("COPY_NOT_AVAILABLE", &format!("The item is not on its shelf ({state}).")));
        }
        let material = item.material_type.as_ref().map(|coded| coded.as_str().to_owned()).unwrap_or_default();
        let Some(item_type) = self.settings.item_types.get(&material) else {
            return Err(unfit(
                "ITEM_TYPE_UNMAPPED",
                &format!("The hub has no item type for the lender's material type {material:?}. Add it to item_types."),
            ));
        };
        let (Some(library), Some(location)) = (&item.library, &item.location) else {
            return Err(unfit("COPY_WITHOUT_PLACE", "The item's record names no library or no location."));
        };
        let Some(barcode) = &item.barcode else {
            return Err(unfit("COPY_WITHOUT_BARCODE", "The item has no barcode, so the borrower could not scan it."));
        };
        Ok(Copy {
            bib: item.mms_id.as_str().into(),
            holding: item.holding_id.as_str().into(),
            item: item.pid.as_str().into(),
            barcode: Barcode::from(barcode.as_str()),
            library: library.as_str().into(),
            location: location.as_str().into(),
            item_type: item_type.clone(),
            title: Title { title: item.title.clone().unwrap_or_default(), author: item.author.clone() },
        })
    }

    /// Reads the item, and hold and loan as far as they can still tell something.
    pub(super) async fn look_at(&self, what: &Watched) -> Outcome<Observation> {
        let path = Self::path(&what.item);
        let item = match self.client.items().get(&path).await {
            Ok(item) => item_state(&item),
            Err(error) if error.is_not_found() => ItemState::Absent,
            Err(error) => return Err(not_done(error)),
        };
        let hold = if what.hold && item != ItemState::Absent {
            Some(self.find_hold(what.request, &path).await?.map_or(HoldState::Gone, |hold| hold.state))
        } else {
            None
        };
        let out = matches!(item, ItemState::OnLoan | ItemState::Lost | ItemState::ClaimedReturned);
        let loan = if out {
            let user = UserId::from(what.patron.as_str());
            let found = self.find_loan(&path, &user).await?;
            Some(found.map_or(LoanState::None, |loan| LoanState::Active { id: loan.id, due: loan.due }))
        } else if what.loan {
            // An item that isn't out is on no loan: no call is needed to know it.
            Some(LoanState::None)
        } else {
            None
        };
        Ok(Observation { item: Some(item), hold, loan })
    }
}

fn describe_block(block: &alma::Block) -> String {
    let named = block.block_description.as_ref().or(block.block_type.as_ref());
    named.map_or_else(
        || "a block without a description".to_owned(),
        |coded| coded.desc.clone().unwrap_or_else(|| coded.value.clone()),
    )
}

fn unfit(code: &str, explanation: &str) -> Refusal {
    Refusal { code: code.to_owned(), explanation: explanation.to_owned() }
}
