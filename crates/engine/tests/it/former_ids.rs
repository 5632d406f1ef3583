//! Virtual patrons that the hub made before it had a key for their ids: they are found, used and searched for orphans.

use engine::OrphanSearch;
use jiff::Timestamp;
use lending::{CancelledBy, PatronId};

use crate::world::{LENDER, World, both};

/// An id of the former kind.
const FORMER: &str = "dcb-00112233445566778899";
const USERS: &str = "POST /users";

/// Ends a request whose virtual patron has a former id, in the lender's system and in the store. Returns the keyed id.
async fn end_with_former_id(world: &mut World) -> PatronId {
    world.place().await;
    world.engine.cancel(world.id, CancelledBy::Patron, None, "test").await.unwrap();
    let keyed = world.until_ended().await.supply.unwrap().virtual_patron.unwrap();
    world.replace_user(LENDER, keyed.as_str(), "primary_id", FORMER);
    world.change_database("UPDATE virtual_patron SET id = 'dcb-00112233445566778899'").await;
    // A hub that was started anew remembers no virtual patron.
    world.engine.institution_changed(&LENDER.into()).await.unwrap();
    keyed
}

both! {
    async fn virtual_patron_with_a_former_id_is_found_and_used(world) {
        end_with_former_id(&mut world).await;
        let made = world.calls(LENDER, USERS);
        let holder = world.place().await.supply.unwrap().virtual_patron.unwrap();
        assert_eq!(holder.as_str(), FORMER);
        assert_eq!(world.calls(LENDER, USERS), made, "no other user is made");
        // The next one is remembered, and needs no call.
        let reads = world.calls(LENDER, "GET /users/{user_id}");
        world.engine.cancel(world.id, CancelledBy::Patron, None, "test").await.unwrap();
        world.until_ended().await;
        assert_eq!(world.place().await.supply.unwrap().virtual_patron.unwrap().as_str(), FORMER);
        assert_eq!(world.calls(LENDER, "GET /users/{user_id}"), reads);
    }

    async fn virtual_patron_whose_former_user_is_gone_gets_a_keyed_id(world) {
        let keyed = end_with_former_id(&mut world).await;
        world.delete_user(LENDER, FORMER);
        let holder = world.place().await.supply.unwrap().virtual_patron.unwrap();
        assert_eq!(holder, keyed);
        world.engine.cancel(world.id, CancelledBy::Patron, None, "test").await.unwrap();
        world.until_ended().await;
        world.engine.institution_changed(&LENDER.into()).await.unwrap();
        assert_eq!(world.place().await.supply.unwrap().virtual_patron.unwrap(), keyed);
    }

    async fn orphan_hold_of_a_virtual_patron_with_a_former_id_is_found(world) {
        end_with_former_id(&mut world).await;
        let item = world.request().await.supply.unwrap().copy.item;
        world.place_marked_hold(LENDER, FORMER, item.as_str(), "SHARING");
        let code = LENDER.into();
        let orphans = world.engine.orphans(&code, Timestamp::UNIX_EPOCH, OrphanSearch::Everywhere, true).await.unwrap();
        assert_eq!((orphans.patrons, orphans.found.len()), (1, 1));
        assert_eq!(orphans.found[0].removed, Some(Ok(())));
        world.assert_clean();
    }

    async fn virtual_patrons_of_the_same_patron_have_one_id_whichever_node_makes_them(world) {
        let first = world.place().await.supply.unwrap().virtual_patron.unwrap();
        world.engine.cancel(world.id, CancelledBy::Patron, None, "test").await.unwrap();
        world.until_ended().await;
        // Neither the store nor the adapter knows the virtual patron.
        world.change_database("DELETE FROM virtual_patron").await;
        world.engine.institution_changed(&LENDER.into()).await.unwrap();
        assert_eq!(world.place().await.supply.unwrap().virtual_patron.unwrap(), first);
    }
}
