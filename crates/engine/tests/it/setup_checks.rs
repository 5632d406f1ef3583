//! Checks of institutions' set-ups: what each finds, and the scheduled ones.

use std::sync::Arc;
use std::time::Duration;

use alma_sim::{Desk, Fault, FaultKind, Library, Location, presets};
use engine::{Clock, Engine, Ids, Settings};
use jiff::SignedDuration;
use lending::{Attention, LibraryCode, Status};
use lms::{Connection, Finding, RegisteredPickup, Registration, Verdict};
use serde_json::{Value, json};

use crate::world::{BORROWER, DESK, LENDER, OTHER, PATRON, World, both, key};

const DAY: Duration = Duration::from_secs(86_400);
/// An institution with a library whose desk has no hold shelf.
const CHECKED: &str = "01CHECK_INST";

/// Adds the institution to be checked to the simulator. Returns its connection and its registration, both without
/// faults.
async fn to_check(world: &World) -> (Connection, Registration) {
    let shelfless =
        Library::new("NOSHELF").location(Location::new("open")).desk(Desk::new("NOSHELF_DESK").without_hold_shelf());
    world.sim.add_institution(presets::university(CHECKED, &key(CHECKED)).library(shelfless)).unwrap();
    let mut stored = world.engine.store().institution(&LENDER.into()).await.unwrap().unwrap();
    stored.settings["non_lendable_locations"] = json!(["MAIN/reserve"]);
    stored.settings["non_lendable_item_policies"] = json!(["REF"]);
    let connection = Connection {
        institution: CHECKED.into(),
        kind: stored.kind,
        settings: stored.settings,
        credentials: key(CHECKED).into(),
    };
    let mut registration = world.engine.registration(&CHECKED.into()).await.unwrap();
    registration.agencies.insert("CHECK".into(), Some("MAIN".into()));
    registration.pickup_locations.push(pickup("MAIN", None));
    (connection, registration)
}

fn pickup(library: &str, desk: Option<&str>) -> RegisteredPickup {
    RegisteredPickup {
        code: "CHECK-PICKUP".into(),
        agency: "CHECK".into(),
        library: library.into(),
        desk: desk.map(Into::into),
    }
}

async fn check(world: &World, connection: &Connection, registration: &Registration) -> Vec<Finding> {
    world.engine.systems().check(connection, registration).await.unwrap()
}

/// Checks that exactly one finding has a verdict other than ok, and that it names its subject and the remedy.
#[track_caller]
fn assert_one(findings: &[Finding], verdict: Verdict, subject: &str, words: &[&str]) {
    let bad: Vec<_> = findings.iter().filter(|finding| finding.verdict != Verdict::Ok).collect();
    assert_eq!(bad.len(), 1, "{subject}: {bad:#?}");
    assert_eq!((bad[0].verdict, bad[0].subject.as_str()), (verdict, subject), "{}", bad[0].text);
    for word in words {
        assert!(bad[0].text.contains(word), "{subject}: {word}: {}", bad[0].text);
    }
}

type Setting = (&'static str, Value, &'static str, &'static [&'static str]);

/// Wrong settings, each with the subject of its finding and words of the remedy.
fn wrong_settings() -> Vec<Setting> {
    vec![
        ("sharing_library", json!("NOWHERE"), "sharing_library", &["has no library NOWHERE", "SHARING"]),
        ("sharing_library", json!("NOSHELF"), "sharing_library: hold shelf", &["hold shelf", "choose another"]),
        ("sharing_desk", json!("NODESK"), "sharing_desk", &["no circulation desk NODESK", DESK]),
        ("virtual_location", json!("nowhere"), "virtual_location", &["no location nowhere", "dcbvirtual"]),
        ("virtual_item_policy", json!("DCBX"), "virtual_item_policy", &["ItemPolicy", "DCBX", "DCB_NR"]),
        ("virtual_item_policy_no_renewal", json!("NR"), "virtual_item_policy_no_renewal", &["ItemPolicy", "NR"]),
        ("non_lendable_item_policies", json!(["REFX"]), "non_lendable_item_policies", &["REFX", "REF"]),
        ("non_lendable_locations", json!(["MAIN/reserv"]), "non_lendable_locations", &["reserv", "reserve"]),
        ("non_lendable_locations", json!(["MAYN/reserve"]), "non_lendable_locations", &["MAYN", "MAIN"]),
        ("non_lendable_locations", json!(["reserve"]), "non_lendable_locations", &["MAIN/reserve"]),
        ("item_types", json!({"BOOK": "book", "BUCH": "book"}), "item_types", &["PhysicalMaterialType", "BUCH"]),
        ("material_types", json!({"book": "BUCH"}), "material_types", &["PhysicalMaterialType", "BUCH"]),
        ("patron_types", json!({"UNDERGRAD": "undergraduate"}), "patron_types", &["UserGroups", "UNDERGRAD"]),
        ("user_groups", json!({"undergraduate": "DCBX", "staff": "DCB"}), "user_groups", &["UserGroups", "DCBX"]),
        (
            "user_groups",
            json!({"undergraduat": "DCB", "staff": "DCB"}),
            "user_groups: types of the consortium",
            &["undergraduate (", LENDER, "undergraduat", "spelling"],
        ),
        (
            "item_types",
            json!({"BOOK": "book", "DVD": "film"}),
            "material_types: types of the consortium",
            &["film", "item type"],
        ),
    ]
}

both! {
    async fn complete_set_up_is_ok_in_every_finding(world) {
        let (connection, registration) = to_check(&world).await;
        let findings = check(&world, &connection, &registration).await;
        assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:#?}");
        for subject in ["sharing_library: hold shelf", "pickup location CHECK-PICKUP", "agency CHECK", "item_types"] {
            assert!(findings.iter().any(|finding| finding.subject == subject), "{subject}: {findings:#?}");
        }
    }

    async fn each_wrong_setting_is_missing_with_its_remedy(world) {
        let (connection, registration) = to_check(&world).await;
        for (setting, value, subject, words) in wrong_settings() {
            let mut wrong = connection.clone();
            wrong.settings[setting] = value;
            assert_one(&check(&world, &wrong, &registration).await, Verdict::Missing, subject, words);
        }
        // A desk without a hold shelf, in a library that has one elsewhere.
        let mut wrong = connection.clone();
        wrong.settings["sharing_library"] = json!("NOSHELF");
        wrong.settings["sharing_desk"] = json!("NOSHELF_DESK");
        let findings = check(&world, &wrong, &registration).await;
        assert_one(&findings, Verdict::Missing, "sharing_desk", &["NOSHELF_DESK", "has no hold shelf"]);
    }

    async fn key_of_another_institution_is_missing(world) {
        let (connection, registration) = to_check(&world).await;
        let foreign = Connection { credentials: key(OTHER).into(), ..connection };
        let findings = check(&world, &foreign, &registration).await;
        assert_one(&findings, Verdict::Missing, "Alma", &["belongs to the institution 01OTHER_INST", CHECKED]);
    }

    async fn agency_or_pickup_location_that_alma_cannot_serve_is_missing(world) {
        let (connection, registration) = to_check(&world).await;
        let subject = "pickup location CHECK-PICKUP";
        for (place, words) in [
            (pickup("NOWHERE", None), &["has no library NOWHERE", "MAIN"] as &[&str]),
            (pickup("NOSHELF", None), &["no circulation desk with a hold shelf"]),
            (pickup("NOSHELF", Some("NOSHELF_DESK")), &["has no hold shelf"]),
            (pickup("MAIN", Some("NODESK")), &["no circulation desk NODESK", DESK]),
            (pickup("DCB_LIB", None), &["the virtual library"]),
            (pickup("RES_SHARE", None), &["resource sharing library"]),
            (RegisteredPickup { agency: "NOBODY".into(), ..pickup("MAIN", None) }, &["NOBODY", "CHECK"]),
        ] {
            let wrong = Registration { pickup_locations: vec![place], ..registration.clone() };
            assert_one(&check(&world, &connection, &wrong).await, Verdict::Missing, subject, words);
        }
        let mut wrong = registration.clone();
        wrong.agencies.insert("LAW".into(), Some(LibraryCode::from("LAWLIB")));
        let findings = check(&world, &connection, &wrong).await;
        assert_one(&findings, Verdict::Missing, "agency LAW", &["has no library LAWLIB"]);
    }

    async fn agency_of_a_campus_or_virtual_library_that_does_not_exist_is_missing(world) {
        let (connection, registration) = to_check(&world).await;
        for (setting, value, subject) in [
            ("campus_agencies", json!({"NORTH": "CHECK", "SOUTH": "CHEKC"}), "campus_agencies.SOUTH"),
            ("virtual_libraries", json!({"CHEKC": "DCB_LIB/dcbvirtual"}), "virtual_libraries.CHEKC"),
        ] {
            let mut wrong = connection.clone();
            wrong.settings[setting] = value;
            let findings = check(&world, &wrong, &registration).await;
            assert_one(&findings, Verdict::Missing, subject, &["no agency CHEKC", "It has: CHECK"]);
        }
    }

    async fn limits_of_a_patron_type_that_no_user_group_has_are_missing(world) {
        let (connection, registration) = to_check(&world).await;
        let limit = |kind: &str| Registration {
            limited_patron_types: [("CHECK".into(), [lending::PatronType(kind.to_owned())].into())].into(),
            ..registration.clone()
        };
        let findings = check(&world, &connection, &limit("staff")).await;
        assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:#?}");
        let findings = check(&world, &connection, &limit("staf")).await;
        let subject = "agency CHECK: patron_limits";
        assert_one(&findings, Verdict::Missing, subject, &["patron type staf", "staff, undergraduate"]);
    }

    async fn set_up_that_cannot_be_read_is_unknown(world) {
        let (connection, registration) = to_check(&world).await;
        let desk = "GET /conf/libraries/{library}/circ-desks/{desk}";
        for (call, subjects) in [
            ("GET /conf/libraries", &["libraries"] as &[&str]),
            (desk, &["sharing_library: hold shelf", "pickup location CHECK-PICKUP"]),
            ("GET /conf/general", &["Alma"]),
        ] {
            world.sim.arm(CHECKED, Fault::always(call, FaultKind::status(404))).unwrap();
            let findings = check(&world, &connection, &registration).await;
            let unknown: Vec<&str> = findings
                .iter()
                .filter(|finding| finding.verdict == Verdict::Unknown)
                .map(|finding| finding.subject.as_str())
                .collect();
            assert_eq!(unknown, subjects, "{call}: {findings:#?}");
            assert_eq!(lms::count(&findings, Verdict::Missing), 0, "{call}: {findings:#?}");
            world.sim.disarm(CHECKED).unwrap();
        }
    }

    async fn test_user_shows_whether_new_users_become_patrons(world) {
        let (connection, _) = to_check(&world).await;
        let users = || world.at(CHECKED).counts()["users"].clone();
        let before = users();
        let checked = async || world.engine.check_new_users(&connection).await.unwrap();
        let found = checked().await;
        assert_eq!(found, [Finding::ok("role assignment rule: DCB", "a new user of this group is a patron")]);
        // The answer to the creation is lost: the user was made, and is removed all the same.
        world.sim.arm(CHECKED, Fault::once("POST /users", FaultKind::DropAfter)).unwrap();
        assert_one(&checked().await, Verdict::Unknown, "role assignment rule: DCB", &["can't be read"]);
        assert_eq!(users(), before, "a test user is left behind");
        world.at(CHECKED).set_behaviour(|alma| alma.patron_role_rule = false);
        let words = &["401151", "Role Assignment Rules", "user group DCB"];
        assert_one(&checked().await, Verdict::Missing, "role assignment rule: DCB", words);
        assert_eq!(users(), before, "a test user is left behind");
        // The rest of the set-up is as it was: no other check makes users.
        world.sim.arm(CHECKED, Fault::always("DELETE /users/{user_id}", FaultKind::status(500))).unwrap();
        let found = checked().await;
        assert!(found.iter().any(|finding| finding.text.contains("could not be removed")), "{found:#?}");
    }

    async fn loan_to_a_virtual_patron_without_the_role_is_refused_and_names_the_rule(world) {
        world.at(LENDER).set_behaviour(|alma| alma.patron_role_rule = false);
        assert_eq!(world.place().await.status, Status::RequestPlacedAtBorrowingAgency);
        world.dispatch().await;
        world.receive().await;
        world.at(BORROWER).lend(&world.virtual_barcode().await, PATRON, "MAIN", DESK).unwrap();
        let request = world.until_it("a case for staff", |request| request.staff_case.is_some()).await;
        let Attention::NeedsStaff { code, explanation, .. } = &request.attention else {
            panic!("{:?}", request.attention);
        };
        assert_eq!(code, "LEND_AT_LENDER_REFUSED");
        assert!(explanation.contains("role assignment rule"), "{explanation}");
    }

    async fn set_up_is_checked_once_a_day_by_one_node_and_its_result_is_measured(world) {
        world.change_more(BORROWER, "virtual_item_policy", json!("DCBX")).await;
        let nodes = [node(&world, "first"), node(&world, "second")];
        let checks = |code: &str| world.calls(code, "GET /conf/general");
        for node in &nodes {
            node.step().await;
        }
        assert_eq!(checks(LENDER) + checks(BORROWER), 0, "whoever adds an institution checks it");
        for day in 1..=2 {
            for _ in 0..24 {
                world.clock.advance(SignedDuration::from_hours(1));
                world.sim.advance(SignedDuration::from_hours(1));
                for node in &nodes {
                    node.step().await;
                }
            }
            assert_eq!((checks(LENDER), checks(BORROWER)), (day, day));
        }
        for node in &nodes {
            let metrics = node.metrics().await.unwrap();
            let value = |institution: &str, verdict: &str| {
                let start = format!("consort_setup_findings{{institution=\"{institution}\",verdict=\"{verdict}\"}} ");
                metrics.lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned))
            };
            assert_eq!(value(BORROWER, "missing").as_deref(), Some("1"), "{metrics}");
            assert_eq!(value(BORROWER, "unknown").as_deref(), Some("0"));
            assert_eq!(value(LENDER, "missing").as_deref(), Some("0"));
        }
        let mut bulk = 0;
        for node in &nodes {
            let start = format!("consort_lms_calls_total{{institution=\"{LENDER}\",endpoint=\"GET /conf/general\",");
            let metrics = node.metrics().await.unwrap();
            for line in metrics.lines().filter(|line| line.starts_with(&start)) {
                assert!(line.contains("priority=\"bulk\""), "the calls are work that can wait: {line}");
                bulk += line.rsplit_once(' ').and_then(|(_, count)| count.parse::<u64>().ok()).unwrap();
            }
        }
        assert_eq!(bulk, 2);
    }

    async fn check_waits_while_an_institution_is_at_its_reserve(world) {
        world.sim.set_limits(LENDER, None, Some(1_000), 0).unwrap();
        world.change_more(LENDER, "reserve_calls_per_day", json!(999)).await;
        let node = node(&world, "only");
        // One call is spent each day, so that no more calls are left than the reserve.
        for _ in 0..50 {
            world.clock.advance(SignedDuration::from_hours(1));
            world.sim.advance(SignedDuration::from_hours(1));
            let lms = node.systems().adapter(&LENDER.into()).await.unwrap();
            let _ = lms.find_marked_records(lending::RequestId(uuid::Uuid::nil())).await;
            node.step().await;
        }
        assert_eq!(world.calls(LENDER, "GET /conf/general"), 0);
        assert!(world.calls(BORROWER, "GET /conf/general") >= 1);
    }
}

/// Creates a node with scheduled checks on the world's database.
fn node(world: &World, name: &str) -> Arc<Engine> {
    let settings = Settings { node: name.to_owned(), setup_checks: Some(DAY), ..Settings::default() };
    let clock: Arc<dyn Clock> = Arc::<crate::world::ManualClock>::clone(&world.clock);
    Arc::new(Engine::new(world.engine.store().clone(), settings, clock, Ids::seeded(3)))
}
