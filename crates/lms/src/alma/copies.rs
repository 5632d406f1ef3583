//! Judges which copies can be lent, for the copy that a request names and for all copies of a record.

use alma::{Coded, HoldingSelector, Item, List, RequestFilter};
use lending::{Barcode, BibId, Copy, CopyState, HeldCopy, ItemState, Refusal, Title};

use super::Alma;
use super::errors::to_lms_error;
use super::mapping::item_state;
use super::reads::{unfit, volume_of};
use super::unrequestable::describe;
use crate::error::Result;
use crate::held_copies::{BibCopies, CopiesDetail, NamedPlace, NotAllCopies};

/// The most items of a record that are read: ten pages of Alma's largest size.
const MOST_ITEMS: usize = 1_000;
/// The most items of a record whose requests are counted, since each needs a call.
const MOST_COUNTED: usize = 10;

/// Where a copy is that its library lends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    OnShelf,
    OnLoan,
}

impl Alma {
    /// Reads the copies of a record, with one call for each hundred of them.
    pub(super) async fn copies_of(&self, bib: &BibId, detail: CopiesDetail) -> Result<BibCopies> {
        let Some((items, ended)) = self.items_of(bib).await? else {
            return Ok(BibCopies { missing: Some(NotAllCopies::NoRecord), ..BibCopies::default() });
        };
        let mut found = BibCopies::default();
        let mut counted = 0;
        for item in items.iter() {
            let mut copy = self.held(item).await?;
            if matches!(copy.state, CopyState::Lent { .. }) {
                if item.requested == Some(false) {
                    copy.waiting = Some(0);
                } else if detail == CopiesDetail::Waiting && counted < MOST_COUNTED {
                    counted += 1;
                    copy.waiting = self.count_waiting(item).await?;
                }
            }
            name_place(&mut found.places, item, &copy);
            found.copies.push(copy);
        }
        found.missing = if !ended {
            Some(NotAllCopies::TooMany)
        } else if !items.is_complete() {
            Some(NotAllCopies::Unreadable)
        } else if items.is_empty() {
            Some(NotAllCopies::NoItems)
        } else {
            None
        };
        Ok(found)
    }

    /// Reads the items of a record, and whether these are all; `None` if there is no such record.
    async fn items_of(&self, bib: &BibId) -> Result<Option<(List<Item>, bool)>> {
        let mms = bib.as_str().into();
        match self.client.items().list(&mms, &HoldingSelector::All).at_most(MOST_ITEMS).await {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.is_not_found() => Ok(None),
            // The code may mean something else for this call, or the answer may be a gateway's.
            Err(error) if error.is_unexplained() || matches!(error, alma::Error::Refused { .. }) => {
                match self.lists_bib(&mms).await {
                    Ok(false) => Ok(None),
                    Ok(true) | Err(_) => Err(to_lms_error(error)),
                }
            }
            Err(error) => Err(to_lms_error(error)),
        }
    }

    async fn held(&self, item: &Item) -> Result<HeldCopy> {
        let state = match self.judge(item).await? {
            Ok((_, Standing::OnShelf)) => CopyState::Available,
            Ok((_, Standing::OnLoan)) => CopyState::Lent { due: item.due_date },
            Err(refusal) => CopyState::NotLendable(refusal),
        };
        let code = |coded: Option<&Coded>| coded.map(|coded| coded.as_str().to_owned()).unwrap_or_default();
        Ok(HeldCopy {
            holding: item.holding_id.as_str().into(),
            item: item.pid.as_str().into(),
            barcode: item.barcode.as_ref().map(|barcode| Barcode::from(barcode.as_str())),
            library: code(item.library.as_ref()).as_str().into(),
            location: code(item.location.as_ref()).as_str().into(),
            item_type: self.settings.item_types.get(&code(item.material_type.as_ref())).cloned(),
            volume: volume_of(item),
            state,
            waiting: None,
        })
    }

    /// Counts the holds on an item. Alma's own work orders are among an item's requests, and set its flag too.
    async fn count_waiting(&self, item: &Item) -> Result<Option<u32>> {
        let holds =
            self.client.item_requests(&item.path()).list(&RequestFilter::holds()).await.map_err(to_lms_error)?;
        Ok(holds.is_complete().then(|| u32::try_from(holds.len()).unwrap_or(u32::MAX)))
    }

    /// Checks that an item can be requested: on its shelf, or on loan if the hold may be `queued`. Otherwise the refusal
    /// is that of a preview.
    pub(super) async fn lendable(&self, item: &Item, queued: bool) -> Result<Result<Copy, Refusal>> {
        Ok(match self.judge(item).await? {
            Ok((_, Standing::OnLoan)) if !queued => Err(not_available(item)),
            Ok((copy, _)) => Ok(copy),
            Err(refusal) => Err(refusal),
        })
    }

    /// Judges an item: its place, whether it is hidden (by bib, holding or location), waiting requests, policy and
    /// location, and its type. A temporary location counts, not the permanent one.
    async fn judge(&self, item: &Item) -> Result<Result<(Copy, Standing), Refusal>> {
        let fit = match self.fit(item) {
            Err(refusal) => return Ok(Err(refusal)),
            Ok(fit) => fit,
        };
        let (copy, _) = &fit;
        let hidden = self.is_suppressed(&copy.library.as_str().into(), &copy.location.as_str().into()).await?;
        Ok(if hidden {
            Err(unfit("COPY_SUPPRESSED", "The lender has hidden the item's location from discovery."))
        } else {
            Ok(fit)
        })
    }

    fn fit(&self, item: &Item) -> Result<(Copy, Standing), Refusal> {
        if item.bib_suppressed || item.holding_suppressed {
            return Err(unfit("COPY_SUPPRESSED", "The lender has hidden the item from discovery."));
        }
        let standing = standing(item)?;
        if let Some(policy) =
            item.policy.as_ref().filter(|policy| self.settings.non_lendable_item_policies.contains(policy.as_str()))
        {
            return Err(unfit(
                "COPY_NOT_LENT",
                &format!("The lender doesn't lend items of the policy {} to other libraries.", policy.as_str()),
            ));
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
        let place = format!("{}/{}", library.as_str(), location.as_str());
        if self.settings.non_lendable_locations.contains(&place) {
            return Err(unfit(
                "COPY_NOT_LENT",
                &format!("The lender doesn't lend items of the location {place} to other libraries."),
            ));
        }
        let Some(barcode) = &item.barcode else {
            return Err(unfit("COPY_WITHOUT_BARCODE", "The item has no barcode, so the borrower could not scan it."));
        };
        let copy = Copy {
            bib: item.mms_id.as_str().into(),
            holding: item.holding_id.as_str().into(),
            item: item.pid.as_str().into(),
            barcode: Barcode::from(barcode.as_str()),
            library: library.as_str().into(),
            location: location.as_str().into(),
            location_name: location.desc.clone().map(|name| cut(&name)),
            call_number: item.call_number.clone().map(|number| cut(&number)),
            item_type: item_type.clone(),
            title: Title::bounded(item.title.as_deref().unwrap_or_default(), item.author.as_deref()),
            volume: volume_of(item),
        };
        Ok((copy, standing))
    }
}

/// The longest name of a location and call number that the hub keeps, in characters.
const LONGEST_PLACE: usize = 200;

fn cut(text: &str) -> String {
    text.chars().take(LONGEST_PLACE).collect()
}

/// Returns where an item is that is on its shelf or on loan. Others may wait for one that is on loan.
fn standing(item: &Item) -> Result<Standing, Refusal> {
    if item_state(item) == ItemState::OnLoan {
        return Ok(Standing::OnLoan);
    }
    if !item.is_in_place() {
        return Err(not_available(item));
    }
    if item.requested == Some(true) {
        return Err(unfit("COPY_REQUESTED", "Somebody else waits for the item."));
    }
    Ok(Standing::OnShelf)
}

fn not_available(item: &Item) -> Refusal {
    let state = describe(&item_state(item));
    unfit("COPY_NOT_AVAILABLE", &format!("The item can't be requested now: {state}."))
}

fn name_place(places: &mut Vec<NamedPlace>, item: &Item, copy: &HeldCopy) {
    if places.iter().any(|place| place.library == copy.library && place.location == copy.location) {
        return;
    }
    let name = |coded: &Option<Coded>| coded.as_ref().and_then(|coded| coded.desc.clone());
    let (library_name, location_name) = (name(&item.library), name(&item.location));
    if library_name.is_some() || location_name.is_some() {
        let (library, location) = (copy.library.clone(), copy.location.clone());
        places.push(NamedPlace { library, location, library_name, location_name });
    }
}
