//! The hub finds the orphans that lost answers left behind, and removes nothing else.

use alma_sim::{Fault, FaultKind};
use engine::{Orphan, OrphanSearch};
use jiff::Timestamp;
use lending::{CancelledBy, Status};

use crate::world::{BORROWER, LENDER, both};

const BIBS: &str = "POST /bibs";

both! {
    async fn a_record_made_twice_is_found_and_taken_away_and_the_one_in_use_is_left(world) {
        // The library's search does not find the first record yet, so the hub creates a second one.
        world.at(BORROWER).set_behaviour(|alma| alma.index_lag_ms = 600_000);
        world.sim.arm(BORROWER, Fault::once(BIBS, FaultKind::DropAfter)).unwrap();
        world.place().await;
        assert_eq!(world.calls(BORROWER, BIBS), 2);
        world.at(BORROWER).set_behaviour(|alma| alma.index_lag_ms = 0);
        let code = BORROWER.into();
        let orphans = world.engine.orphans(&code, Timestamp::UNIX_EPOCH, OrphanSearch::UnclearRequests, false).await.unwrap();
        let in_use = world.request().await.borrower.bib.open().unwrap().clone();
        let [found] = orphans.found.as_slice() else { panic!("{orphans:?}") };
        assert!(matches!(&found.orphan, Orphan::Record { request, bib } if *request == world.id && *bib != in_use));
        assert_eq!(found.removed, None);

        let removed = world.engine.orphans(&code, Timestamp::UNIX_EPOCH, OrphanSearch::UnclearRequests, true).await.unwrap();
        assert_eq!(removed.found[0].removed, Some(Ok(())));
        let second = world.engine.orphans(&code, Timestamp::UNIX_EPOCH, OrphanSearch::Everywhere, true).await.unwrap();
        assert_eq!((second.requests, second.found.len()), (1, 0));
        world.engine.cancel(world.id, CancelledBy::Patron, None, "test").await.unwrap();
        world.until_ended().await;
        world.assert_clean();
    }

    async fn a_hold_that_no_request_knows_is_found_at_the_lender(world) {
        world.place().await;
        world.engine.cancel(world.id, CancelledBy::Patron, None, "test").await.unwrap();
        let ended = world.until_ended().await;
        let supply = ended.supply.unwrap();
        let patron = supply.virtual_patron.unwrap();
        world.place_marked_hold(LENDER, patron.as_str(), supply.copy.item.as_str(), "SHARING");
        let code = LENDER.into();
        let after_a_month = world.engine.orphans(&code, Timestamp::UNIX_EPOCH, OrphanSearch::UnclearRequests, true).await.unwrap();
        assert_eq!(after_a_month.requests, 0, "nothing was unclear");
        let orphans = world.engine.orphans(&code, Timestamp::UNIX_EPOCH, OrphanSearch::Everywhere, true).await.unwrap();
        assert_eq!((orphans.patrons, orphans.found.len()), (1, 1));
        assert_eq!(orphans.found[0].removed, Some(Ok(())));
        world.assert_clean();
    }

    async fn nothing_of_a_live_request_is_an_orphan(world) {
        world.bring_to(Status::ReadyForPickup).await;
        for code in [LENDER, BORROWER] {
            let orphans =
                world.engine.orphans(&code.into(), Timestamp::UNIX_EPOCH, OrphanSearch::Everywhere, true).await.unwrap();
            assert_eq!((orphans.requests, orphans.found.len()), (1, 0), "{code}");
        }
        world.lend().await;
        world.end_batch_poll().await;
        world.bring_home().await;
        world.assert_clean();
    }
}
