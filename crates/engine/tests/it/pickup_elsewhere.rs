//! Pickup at another institution: what its staff see of the patron, and what no other library sees.

use alma_sim::User;
use engine::NewRequest;
use lending::{Request, Side, Status};
use serde_json::{Value, json};

use crate::workflows::{allows_visiting_pickup, bring_to, play_out};
use crate::world::{BORROWER, LENDER, OTHER, PATRON, PICKUP, World, both, copy};
use alma_sim::presets;

/// Everything about the patron that another library could see and must not.
const CANARIES: [&str; 6] =
    ["Canaryna", "Kanarienvogel", "01BORROW-P001", "jo.reader@", "\"jo.reader\"", "canary.street"];

async fn with_canary(world: &World) {
    allows_visiting_pickup(world).await;
    let name = json!({"first_name": "Canaryna", "last_name": "Kanarienvogel", "contact_info": {
        "email": [{"email_address": "jo.reader@canary.example.org", "preferred": true}],
        "address": [{"line1": "canary.street 1", "preferred": true}],
    }});
    world.at(BORROWER).change_user(PATRON, &name).unwrap();
}

/// Returns whatever an Alma keeps of the patron's requests: users, holds, items and loans.
fn all_there_is(world: &World, institution: &str) -> String {
    let staff = world.at(institution);
    let holds = staff.requests();
    let users: Vec<Value> = holds.iter().filter_map(|hold| staff.user(&hold.user).ok()).collect();
    let items: Vec<_> =
        holds.iter().filter_map(|hold| staff.item(hold.barcode.as_deref()?).ok()).map(|item| json!(item)).collect();
    assert!(!users.is_empty(), "the hub has placed a hold at {institution}");
    // The institution's own user of the same name has nothing to do with the request.
    json!([users, json!(holds), items, json!(staff.loans())]).to_string()
}

fn virtual_patron(world: &World, institution: &str, request: &Request, side: Side) -> Value {
    world.at(institution).user(request.holder(side).unwrap().as_str()).unwrap()
}

fn cards(user: &Value) -> Vec<&str> {
    let rows = user["user_identifier"].as_array().unwrap().iter();
    rows.filter(|row| row["id_type"]["value"] == "BARCODE").filter_map(|row| row["value"].as_str()).collect()
}

fn elsewhere(world: &World, patron: &str, number: usize) -> NewRequest {
    NewRequest {
        patron: patron.into(),
        pickup_location: "PICK-MAIN".into(),
        copies: vec![copy(LENDER, &presets::barcode(LENDER, 'M', number))],
        ..world.placing()
    }
}

fn code_of(request: &Request) -> String {
    request.patron.verified.as_ref().unwrap().pickup_code.as_ref().unwrap().to_string()
}

fn shelf_comment(world: &World, request: &Request) -> String {
    let holds = world.at(PICKUP).requests();
    let marker = format!("[DCB-REQUEST:{}]", request.id);
    holds.into_iter().filter_map(|hold| hold.comment).find(|comment| comment.contains(&marker)).unwrap()
}

both! {
    async fn shelf_of_a_third_library_shows_the_patrons_code_and_nothing_else_of_the_patron(world) {
        with_canary(&world).await;
        let first = world.place_as(elsewhere(&world, PATRON, 1)).await;
        let second = world.place_as(elsewhere(&world, "sam.student", 2)).await;
        assert_eq!(second.status, Status::RequestPlacedAtPickupAgency, "{:?}", second.attention);
        assert_ne!(code_of(&first), code_of(&second));
        for request in [&first, &second] {
            let user = virtual_patron(&world, PICKUP, request, Side::Pickup);
            assert_eq!(user["last_name"], format!("VPATRON BORROW {}", code_of(request)));
            assert_eq!((user["first_name"].as_str(), cards(&user)), (Some("DCB"), vec![]));
            let code = format!("pickup code: {}", code_of(request));
            assert!(shelf_comment(&world, request).contains(&code), "{}", shelf_comment(&world, request));
            let user = virtual_patron(&world, LENDER, request, Side::Lender);
            assert_eq!((user["last_name"].as_str(), cards(&user)), (Some("VPATRON BORROW"), vec![]));
        }
        for institution in [LENDER, PICKUP] {
            let seen = all_there_is(&world, institution);
            for canary in CANARIES {
                assert!(!seen.contains(canary), "{canary} is at {institution}: {seen}");
            }
        }
        assert!(!all_there_is(&world, LENDER).contains(&code_of(&first)), "the lender needs no code");
    }

    async fn what_the_patrons_library_allows_is_shown_at_the_pickup_library_alone(world) {
        with_canary(&world).await;
        world.change_more(BORROWER, "patron_shown_at_pickup", json!(["card_barcode", "initials"])).await;
        world.change_more(BORROWER, "card_barcode_prefix", json!("B-")).await;
        let request = world.place_as(elsewhere(&world, PATRON, 1)).await;
        let user = virtual_patron(&world, PICKUP, &request, Side::Pickup);
        assert_eq!((user["first_name"].as_str(), cards(&user)), (Some("C. K."), vec!["B-01BORROW-P001"]));
        let at_lender = all_there_is(&world, LENDER);
        assert!(!CANARIES.iter().any(|canary| at_lender.contains(canary)), "{at_lender}");
        let at_pickup = all_there_is(&world, PICKUP);
        let others = CANARIES.iter().filter(|canary| **canary != "01BORROW-P001");
        assert!(!others.into_iter().any(|canary| at_pickup.contains(canary)), "{at_pickup}");
        assert!(!format!("{request:?}").contains("01BORROW-P001"));

        // The library changes its mind: the next request corrects the name.
        world.change_more(BORROWER, "patron_shown_at_pickup", json!(["name"])).await;
        let next = world.place_as(elsewhere(&world, PATRON, 2)).await;
        let user = virtual_patron(&world, PICKUP, &next, Side::Pickup);
        let named = format!("Kanarienvogel (VPATRON BORROW {})", code_of(&next));
        assert_eq!(user["last_name"].as_str(), Some(named.as_str()));
        assert_eq!((user["first_name"].as_str(), cards(&user)), (Some("Canaryna"), vec![]));
        let user = virtual_patron(&world, LENDER, &next, Side::Lender);
        assert_eq!(user["last_name"], "VPATRON BORROW");
    }

    async fn lender_sees_of_the_patron_what_the_patrons_library_allows(world) {
        world.change_more(BORROWER, "patron_shown_to_lender", json!(["initials"])).await;
        let request = world.place().await;
        let user = virtual_patron(&world, LENDER, &request, Side::Lender);
        assert_eq!((user["first_name"].as_str(), user["last_name"].as_str()), (Some("J. R."), Some("VPATRON BORROW")));
        assert_eq!(request.patron.verified.unwrap().pickup_code, None, "the patron collects at home");
    }

    async fn card_number_that_another_user_has_is_left_out(world) {
        allows_visiting_pickup(&world).await;
        world.change_more(BORROWER, "patron_shown_at_pickup", json!(["card_barcode"])).await;
        world.at(PICKUP).add_user(&User::new("somebody.else").barcode("01BORROW-P001")).unwrap();
        let request = world.place_as(elsewhere(&world, PATRON, 1)).await;
        assert_eq!(request.status, Status::RequestPlacedAtPickupAgency, "{:?}", request.attention);
        let user = virtual_patron(&world, PICKUP, &request, Side::Pickup);
        assert_eq!(cards(&user), Vec::<&str>::new());
        assert!(user["last_name"].as_str().unwrap().contains(&code_of(&request)));
    }

    async fn ended_request_keeps_nothing_that_was_shown_of_the_patron(world) {
        with_canary(&world).await;
        world.change_more(BORROWER, "patron_shown_at_pickup", json!(["card_barcode", "name"])).await;
        world.change_more(BORROWER, "patron_shown_to_lender", json!(["name"])).await;
        bring_to(&mut world, Status::ReadyForPickup).await;
        let kept = |request: &Request| serde_json::to_string(request).unwrap().contains("Kanarienvogel");
        assert!(kept(&world.request().await));
        play_out(&world).await;
        assert!(!kept(&world.request().await));
        world.assert_clean();
        assert!(world.at(OTHER).requests().is_empty());
    }
}
