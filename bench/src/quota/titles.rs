//! Counts the calls that a request for a title costs until its holds stand, compared with a request for a named copy.
//!
//! Two libraries hold each title. With a cold cache the hub asks both of them first, with one call for each record. With
//! fresh answers, as after a search, it only reads the chosen copy, as it does with a named one.

use std::sync::Arc;
use std::time::Duration;

use engine::{NewTitle, TitleRecord, Titles as _};
use lending::TitleRef;
use scenarios::ListedTitles;

use super::{per, without_lists};
use crate::simulate::sim_setup::LENDERS;
use crate::world::{Messages, World};

/// The number of records of a title, each at another library.
pub(super) const RECORDS: f64 = 2.0;

/// How a request names what it wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    Copy,
    TitleAskedBefore,
    Title,
}

/// The calls of one request until its holds stand.
pub(super) struct Titles {
    pub(super) copy: f64,
    pub(super) fresh: f64,
    pub(super) cold: f64,
}

impl Titles {
    /// Whether the choice costs no more calls than the copy's own read where answers are fresh, and one call for each
    /// record where there are none.
    pub(super) fn meet(&self) -> bool {
        self.fresh <= self.copy && self.cold <= self.copy + RECORDS
    }
}

pub(super) async fn spent(count: usize) -> Result<Titles, String> {
    Ok(Titles {
        copy: each(count, Naming::Copy).await?,
        fresh: each(count, Naming::TitleAskedBefore).await?,
        cold: each(count, Naming::Title).await?,
    })
}

async fn each(count: usize, naming: Naming) -> Result<f64, String> {
    let world = World::open(count + 1, Messages::All, without_lists()).await?;
    let titles = Arc::new(ListedTitles::default());
    titles.serve(&world.engine);
    let mut calls = 0;
    for number in 0..=count {
        let mut records = Vec::new();
        for lender in LENDERS {
            let bib = world.copy(lender, number)?.bib.ok_or("the copy has no record")?;
            records.push(TitleRecord { institution: lender.into(), bib });
        }
        let named: Vec<_> = records.iter().map(|one| (one.institution.to_string(), one.bib.to_string())).collect();
        let id = format!("title-{number}");
        titles.list(&id, &named).await;
        if naming == Naming::TitleAskedBefore {
            titles.held_copies(&records, Duration::from_secs(10)).await;
        }
        let before = world.calls()?;
        match naming {
            Naming::Copy => world.place_as(number, number, &LENDERS).await?,
            Naming::TitleAskedBefore | Naming::Title => {
                world.place_for(number, NewTitle { title: TitleRef::Title(id), volume: None }).await?
            }
        };
        // The first request includes calls that are made only once.
        if number > 0 {
            calls += world.calls()? - before;
        }
    }
    Ok(per(calls, count as u64))
}
