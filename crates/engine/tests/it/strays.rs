//! What a lost answer left behind is found, and only that is taken away.

use alma_sim::{ApiCall, Fault, FaultKind};
use engine::{Search, Stray};
use jiff::Timestamp;
use lending::{CancelledBy, Status};

use crate::world::{BORROWER, LENDER, both, key};

const BIBS: &str = "POST /bibs";

both! {
    async fn a_record_made_twice_is_found_and_taken_away_and_the_one_in_use_is_left(world) {
        // The search of the library does not find the first record yet, so a second one is made.
        world.at(BORROWER).set_behaviour(|alma| alma.index_lag_ms = 600_000);
        world.sim.arm(BORROWER, Fault::once(BIBS, FaultKind::DropAfter)).unwrap();
        world.place().await;
        assert_eq!(world.calls(BORROWER, BIBS), 2);
        world.at(BORROWER).set_behaviour(|alma| alma.index_lag_ms = 0);
        let code = BORROWER.into();
        let strays = world.engine.strays(&code, Timestamp::UNIX_EPOCH, Search::WhereUnclear, false).await.unwrap();
        let in_use = world.request().await.borrower.bib.open().unwrap().clone();
        let [found] = strays.found.as_slice() else { panic!("{strays:?}") };
        assert!(matches!(&found.stray, Stray::Record { request, bib } if *request == world.id && *bib != in_use));
        assert_eq!(found.removed, None);

        let removed = world.engine.strays(&code, Timestamp::UNIX_EPOCH, Search::WhereUnclear, true).await.unwrap();
        assert_eq!(removed.found[0].removed, Some(Ok(())));
        let again = world.engine.strays(&code, Timestamp::UNIX_EPOCH, Search::Everywhere, true).await.unwrap();
        assert_eq!((again.requests, again.found.len()), (1, 0));
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
        let hold = serde_json::json!({
            "request_type": "HOLD", "pickup_location_type": "LIBRARY", "pickup_location_library": "SHARING",
            "comment": format!("[DCB-REQUEST:{}]", world.id),
        });
        let call = ApiCall {
            method: "POST".to_owned(),
            path: format!("/almaws/v1/users/{patron}/requests"),
            query: format!("item_pid={}", supply.copy.item),
            key: Some(key(LENDER)),
            accept: Some("application/json".to_owned()),
            body: hold.to_string().into_bytes(),
            ..ApiCall::default()
        };
        assert_eq!(world.sim.call(&call).unwrap().status, 200);
        let code = LENDER.into();
        let seldom = world.engine.strays(&code, Timestamp::UNIX_EPOCH, Search::WhereUnclear, true).await.unwrap();
        assert_eq!(seldom.requests, 0, "nothing was unclear");
        let strays = world.engine.strays(&code, Timestamp::UNIX_EPOCH, Search::Everywhere, true).await.unwrap();
        assert_eq!((strays.patrons, strays.found.len()), (1, 1));
        assert_eq!(strays.found[0].removed, Some(Ok(())));
        world.assert_clean();
    }

    async fn nothing_of_a_live_request_is_a_stray(world) {
        world.bring_to(Status::ReadyForPickup).await;
        for code in [LENDER, BORROWER] {
            let strays =
                world.engine.strays(&code.into(), Timestamp::UNIX_EPOCH, Search::Everywhere, true).await.unwrap();
            assert_eq!((strays.requests, strays.found.len()), (1, 0), "{code}");
        }
        world.lend().await;
        world.end_batch_poll().await;
        world.bring_home().await;
        world.assert_clean();
    }
}
