//! Roles and sides: every operation of the document is tried by every role at every side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use access::{Caller, Role};
use lending::{PickupLocation, Request, RequestId, ShownPatron, Supply, example};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use web::ApiKeys;

use crate::harness::{Answer, DEAD, Hub, KEY, institution};

/// The agencies at the sides of the request, and one at none of them.
const AGENCIES: [&str; 4] = ["BORROW", "LEND", "PICK", "OTHER"];
const LIBRARY_ROLES: [Role; 4] = [Role::LibraryAdmin, Role::LibraryStaff, Role::ReadOnly, Role::Discovery];
const MONITORING_KEY: &str = "key-of-the-monitoring-system";
/// The patron's identifier, which no answer to another side may contain.
const PATRON: &str = "canary-patron-4711";

/// Returns the key of a role that stands for an agency.
fn key_of(role: Role, agency: &str) -> String {
    format!("key-of-{role}-at-{agency}")
}

/// A hub with four institutions of one agency each, and a key for each role at each agency.
struct World {
    hub: Hub,
    next: AtomicU64,
}

impl World {
    async fn start() -> Self {
        let mut keys = ApiKeys::new([("admin".to_owned(), KEY.into())]);
        keys = keys.with(Caller::new("monitoring", Role::Monitoring, []), &MONITORING_KEY.into());
        for (role, agency) in LIBRARY_ROLES.into_iter().flat_map(|role| AGENCIES.map(|agency| (role, agency))) {
            let key = key_of(role, agency);
            keys = keys.with(Caller::new(key.clone(), role, [agency.into()]), &key.into());
        }
        let world = Self { hub: Hub::with_keys(keys).await, next: AtomicU64::new(1) };
        for agency in AGENCIES {
            world.put(&format!("institutions/01{agency}"), institution(DEAD)).await;
            world.put(&format!("agencies/{agency}"), agency_of(agency)).await;
            world.put(&format!("pickup-locations/{agency}-DESK"), location_of(agency)).await;
            let secret = json!({"secret": "a-long-text-made-by-chance"});
            world.put(&format!("institutions/01{agency}/webhook"), secret).await;
        }
        world
    }

    async fn put(&self, path: &str, body: Value) {
        let answer = self.hub.put(&format!("/api/v1/{path}"), &body).await;
        assert!(answer.status < 300, "{path}: {}", answer.text);
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Stores a request of a patron of BORROW, which LEND supplies and PICK hands out. Returns its id.
    async fn request(&self) -> RequestId {
        self.stored(|_| {}).await
    }

    async fn stored(&self, change: impl FnOnce(&mut Request)) -> RequestId {
        let number = u128::from(self.number());
        let placed = example::placed();
        let mut request = Request {
            id: RequestId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + number)),
            supply: Some(Supply::new("01LEND".into(), example::copy(&format!("31999{number}")))),
            pickup: PickupLocation { code: "PICK-DESK".into(), institution: "01PICK".into(), ..placed.pickup },
            ..example::placed()
        };
        request.patron.identifier = PATRON.into();
        let shown = ShownPatron { card: Some("card-0815".into()), ..ShownPatron::default() };
        request.patron.verified = Some(lending::VerifiedPatron { shown_at_pickup: shown, ..example::verified() });
        change(&mut request);
        let mut unit = self.hub.store.unit();
        unit.insert_request(&request, &[], example::noon()).unwrap();
        self.hub.store.commit(unit).await.unwrap();
        request.id
    }

    async fn get(&self, key: &str, path: &str) -> Answer {
        let call = self.hub.http.get(format!("{}/api/v1/{path}", self.hub.base)).bearer_auth(key);
        self.hub.send(call).await
    }

    /// Calls an operation of the document about an object that exists.
    async fn call(&self, key: Option<&str>, operation: &Operation, query: &str) -> Answer {
        let number = self.number();
        let mut path = operation.path.clone();
        if path.contains("{id}") {
            path = path.replace("{id}", &self.request().await.to_string());
        }
        if path.starts_with("/api/v1/keys/") {
            let name = format!("key-{number}");
            let body = json!({"name": name, "role": "library-staff", "agencies": ["BORROW"]});
            let made = self.hub.post("/api/v1/keys", &body).await;
            assert_eq!(made.status, 201, "{}", made.text);
            path = path.replace("{code}", &name);
        }
        if path.starts_with("/api/v1/subscriptions/") {
            let name = format!("subscription-{number}");
            let made = self.hub.post("/api/v1/subscriptions", &subscription_of(&name)).await;
            assert_eq!(made.status, 201, "{}", made.text);
            path = path.replace("{code}", &name);
        }
        if path.starts_with("/api/v1/users/") {
            let name = format!("user-{number}");
            let made = self.hub.post("/api/v1/users", &user_of(&name)).await;
            assert_eq!(made.status, 201, "{}", made.text);
            path = path.replace("{code}", &name);
        }
        let code = match () {
            () if path.contains("/agencies/") => "BORROW",
            () if path.contains("/pickup-locations/") => "BORROW-DESK",
            () => "01BORROW",
        };
        let url = format!("{}{}{query}", self.hub.base, path.replace("{code}", code).replace("{record}", "990001"));
        if let ("delete_view", Some(key)) = (operation.id.as_str(), key) {
            // A view is its caller's own.
            let kept = self.hub.http.put(&url).bearer_auth(key).json(&view());
            self.hub.send(kept).await;
        }
        let mut call = self.hub.http.request(operation.method.clone(), url);
        if let Some(key) = key {
            call = call.bearer_auth(key);
        }
        if let Some(body) = body_of(&operation.id, number) {
            call = call.json(&body);
        }
        let answer = self.hub.send(call).await;
        match operation.id.as_str() {
            "delete_pickup_location" => self.put("pickup-locations/BORROW-DESK", location_of("BORROW")).await,
            "delete_webhook" => {
                let secret = json!({"secret": "a-long-text-made-by-chance"});
                self.put("institutions/01BORROW/webhook", secret).await;
            }
            _ => {}
        }
        if let Some(name) = path.strip_prefix("/api/v1/subscriptions/") {
            // A hub has a limit of them.
            let name = name.split('/').next().unwrap_or_default();
            self.hub.delete(&format!("/api/v1/subscriptions/{name}")).await;
        }
        answer
    }
}

fn agency_of(agency: &str) -> Value {
    json!({"name": "A Library", "institution": format!("01{agency}")})
}

fn user_of(name: &str) -> Value {
    json!({"name": name, "role": "read-only", "agencies": ["BORROW"], "password": "correct horse battery"})
}

fn subscription_of(name: &str) -> Value {
    json!({"name": name, "url": "https://events.example.org/", "role": "read-only", "agencies": ["BORROW"]})
}

fn location_of(agency: &str) -> Value {
    json!({"name": "A Desk", "agency": agency, "library": "MAIN"})
}

/// Returns a body that the operation accepts.
fn view() -> Value {
    json!({"name": "Rivers project", "list": "lending", "filter": "title=river"})
}

fn body_of(operation: &str, number: u64) -> Option<Value> {
    Some(match operation {
        "place_request" | "preview_request" => json!({
            "agency": "BORROW", "patron": "reader", "pickup_location": "BORROW-DESK",
            "copies": [{"institution": "01LEND", "barcode": format!("3{number}")}],
        }),
        "change_pickup_location" => json!({"pickup_location": "PICK-DESK"}),
        "report_damage" => json!({"description": "The cover is torn."}),
        "settle_loss" => json!({"how": "paid"}),
        "put_institution" => institution(DEAD),
        "put_agency" => agency_of("BORROW"),
        "put_pickup_location" => location_of("BORROW"),
        "put_webhook" => json!({"secret": "a-long-text-made-by-chance"}),
        "create_key" => json!({"name": format!("new-{number}"), "role": "read-only", "agencies": ["BORROW"]}),
        "create_subscription" => subscription_of(&format!("new-{number}")),
        "change_subscription" => json!({"active": false}),
        "add_user" => user_of(&format!("new-{number}")),
        "change_own_password" => {
            json!({"current_password": "correct horse battery", "new_password": "battery horse correct"})
        }
        "set_up_own_totp" => json!({
            "current_password": "correct horse battery", "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "code": "123456",
        }),
        "export_patron" => json!({"agency": "BORROW", "patron": "nobody", "reason": "The patron asked."}),
        "erase_patron" => json!({"agency": "BORROW", "patron": "nobody"}),
        "put_supplier_policy" | "try_supplier_policy" => json!({"policy": {}}),
        "take_message" => json!({}),
        "send_request_message" => json!({"text": "Did the bag arrive?", "agency": null}),
        "scan_item" => json!({"barcode": format!("3{number}")}),
        "put_view" => view(),
        _ => return None,
    })
}

/// An operation of the document.
struct Operation {
    id: String,
    method: Method,
    path: String,
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&web::openapi().to_json().unwrap()).unwrap();
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            let id = operation["operationId"].as_str().unwrap().to_owned();
            all.push(Operation { id, method, path: path.clone() });
        }
    }
    all
}

/// Returns the expected answers of each operation, by caller.
fn expected() -> BTreeMap<String, Vec<(Option<String>, Role, String)>> {
    let mut all = BTreeMap::new();
    for line in include_str!("access.tsv").lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [operation, no_key, admin, library_roles @ .., monitoring] = cells.as_slice() else { panic!("{line}") };
        let mut callers = vec![
            (None, Role::Monitoring, (*no_key).to_owned()),
            (Some(KEY.to_owned()), Role::ConsortiumAdmin, (*admin).to_owned()),
            (Some(MONITORING_KEY.to_owned()), Role::Monitoring, (*monitoring).to_owned()),
        ];
        assert_eq!(library_roles.len(), LIBRARY_ROLES.len(), "{line}");
        for (role, answers) in LIBRARY_ROLES.into_iter().zip(library_roles) {
            let answers: Vec<&str> = answers.split(' ').collect();
            assert_eq!(answers.len(), AGENCIES.len(), "{line}");
            let by_agency = AGENCIES.into_iter().zip(answers);
            callers.extend(by_agency.map(|(agency, answer)| (Some(key_of(role, agency)), role, answer.to_owned())));
        }
        assert!(all.insert((*operation).to_owned(), callers).is_none(), "{operation} is there twice");
    }
    all
}

/// Returns an answer in the words of the table.
fn in_words(answer: &Answer) -> String {
    match answer.status {
        401 | 403 | 404 => answer.status.to_string(),
        422 if answer.text.contains("UNKNOWN_AGENCY") => "422".to_owned(),
        status if status < 500 || status == 502 => "yes".to_owned(),
        status => format!("{status}: {}", answer.text),
    }
}

/// Calls an operation as every caller. Returns a sentence for each answer that isn't as in the table, at most `limit`.
async fn differing(
    world: &World,
    operation: &Operation,
    row: &[(Option<String>, Role, String)],
    limit: usize,
) -> Vec<String> {
    let mut differing = Vec::new();
    for (key, role, wanted) in row {
        let query = match (operation.id.as_str(), role) {
            ("answer_challenge", _) => "?challenge=text".to_owned(),
            ("place_request", _) => "?wait=0".to_owned(),
            ("follow_events", _) => "?after=0&seconds=0".to_owned(),
            ("get_request", Role::Discovery) => format!("?patron={PATRON}"),
            _ => String::new(),
        };
        let answer = world.call(key.as_deref(), operation, &query).await;
        let found = in_words(&answer);
        if found != *wanted {
            let who = key.as_deref().unwrap_or("no key");
            differing.push(format!("{} with {who}: {wanted} is right, and {found} came", operation.id));
        }
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        let says_who = detail.contains("Who may:") || answer.body["code"] == "PATRON_NOT_NAMED";
        if answer.status == 403 && !says_who {
            differing.push(format!("{} refuses without saying who may: {}", operation.id, answer.text));
        }
        if differing.len() >= limit {
            break;
        }
    }
    differing
}

#[tokio::test]
async fn every_role_gets_at_every_side_what_the_table_says_for_every_operation() {
    let world = World::start().await;
    let (operations, expected) = (operations(), expected());
    let documented: BTreeSet<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(documented, expected.keys().map(String::as_str).collect(), "the table has a row for each operation");
    let mut found = Vec::new();
    for operation in &operations {
        found.extend(differing(&world, operation, &expected[&operation.id], usize::MAX).await);
    }
    assert!(found.is_empty(), "{} differ:\n{}", found.len(), found.join("\n"));
}

/// The guards that the table meets and whose absence only other tests notice: they decide what a list contains, or what an answer
/// shows. `tests/guards/run` shows for each that some test fails without it.
const NOTICED_BY_OTHER_TESTS: &[&str] = &[
    "cancel_request:patron_data",
    "delete_agency:agency",
    "get_request:may_list",
    "get_request:patron_data",
    "get_statistics:listed_requests",
    "get_work:listed_requests",
    "list_acts:logged_agencies",
    "list_agencies:owns",
    "list_cases:listed_requests",
    "list_institutions:allows_institution",
    "list_pickup_locations:owns",
    "list_reads:logged_agencies",
    "list_requests:listed_requests",
    "poll_request:patron_data",
];

/// Checks that change nothing, since whoever may make the call sees the pickup code in any case, and its answer has nothing else
/// about the patron.
const OF_NO_EFFECT: &[&str] =
    &["change_pickup_location:patron_data", "end_request:patron_data", "place_request:patron_data"];

/// The guards that no call of the table meets, which `tests/guards/run` tries too.
const NOT_MET_BY_THE_TABLE: &[&str] = &[
    "follow_events:listed_requests",
    "get_catalogue:allows_institution",
    "list_keys:may_give",
    "list_subscriptions:may_give",
    "list_users:may_give",
    "place_request:sees",
];

#[tokio::test]
async fn table_notices_the_absence_of_each_guard() {
    let world = World::start().await;
    let expected = expected();
    let (mut tried, mut unnoticed) = (0, Vec::new());
    for operation in &operations() {
        let row = &expected[&operation.id];
        web::used_guards();
        differing(&world, operation, row, usize::MAX).await;
        let own = format!("{}:", operation.id);
        for guard in web::used_guards().into_iter().filter(|guard| guard.starts_with(&own)) {
            assert!(!NOT_MET_BY_THE_TABLE.contains(&guard.as_str()), "{guard}");
            web::remove_guard(Some(&guard));
            let found = differing(&world, operation, row, 1).await;
            web::remove_guard(None);
            tried += 1;
            if found.is_empty() && !OF_NO_EFFECT.contains(&guard.as_str()) {
                unnoticed.push(guard);
            }
        }
    }
    assert!(tried > 100, "{tried}");
    unnoticed.sort();
    assert_eq!(unnoticed, NOTICED_BY_OTHER_TESTS, "{}", unnoticed.join("\n"));
}

#[tokio::test]
async fn hidden_object_is_answered_like_one_that_does_not_exist() {
    let world = World::start().await;
    let key = key_of(Role::LibraryAdmin, "OTHER");
    let id = world.request().await;
    for (hidden, absent) in [
        (format!("requests/{id}"), format!("requests/{}", Uuid::nil())),
        ("institutions/01BORROW".to_owned(), "institutions/01NONE".to_owned()),
        ("institutions/01BORROW/webhook".to_owned(), "institutions/01NONE/webhook".to_owned()),
        ("agencies/BORROW".to_owned(), "agencies/NONE".to_owned()),
        ("pickup-locations/BORROW-DESK".to_owned(), "pickup-locations/NONE".to_owned()),
    ] {
        let name = |path: &str| path.split('/').nth(1).unwrap().to_owned();
        let (one, other) = (world.get(&key, &hidden).await, world.get(&key, &absent).await);
        one.is_problem(404, "NOT_FOUND");
        assert_eq!(one.text.replace(&name(&hidden), "X"), other.text.replace(&name(&absent), "X"), "{hidden}");
    }
    // Otherwise the answer would name the agency's institution.
    let deleted = async |code: &str| {
        let url = format!("{}/api/v1/agencies/{code}", world.hub.base);
        let answer = world.hub.send(world.hub.http.delete(url).bearer_auth(&key)).await;
        answer.is_problem(404, "NOT_FOUND");
        answer.text.replace(code, "X")
    };
    assert_eq!(deleted("BORROW").await, deleted("NOBODYS").await);
    // A code of another agency is answered like one that nobody uses.
    let body = json!({"name": "Mine", "institution": "01OTHER"});
    for code in ["BORROW", "NOBODYS"] {
        let path = format!("{}/api/v1/agencies/{code}", world.hub.base);
        let answer = world.hub.send(world.hub.http.put(path).bearer_auth(&key).json(&body)).await;
        answer.is_problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn lists_contain_only_what_the_caller_may_see() {
    let world = World::start().await;
    let own = world.request().await.to_string();
    // LEND's agency is registered for no library, so a second one of the institution takes its library away.
    let elsewhere = world
        .stored(|request| {
            request.patron.agency = "OTHER".into();
            request.pickup.code = "OTHER-DESK".into();
            request.supply = Some(Supply::new("01OTHER".into(), example::copy("319999")));
        })
        .await
        .to_string();
    for agency in ["BORROW", "LEND", "PICK"] {
        let key = key_of(Role::ReadOnly, agency);
        let listed = world.get(&key, "requests").await;
        assert!(listed.text.contains(&own) && !listed.text.contains(&elsewhere), "{agency}: {}", listed.text);
        assert!(!listed.text.contains(PATRON), "{}", listed.text);
        for (path, list) in
            [("institutions", "institutions"), ("agencies", "agencies"), ("pickup-locations", "pickup_locations")]
        {
            let answer = world.get(&key, path).await.body;
            assert_eq!(answer[list].as_array().unwrap().len(), 1, "{agency} {path}: {answer}");
            assert!(answer.to_string().contains(agency), "{answer}");
        }
    }
    let all = world.get(KEY, "requests").await;
    assert!(all.text.contains(&own) && all.text.contains(&elsewhere), "{}", all.text);
}

#[tokio::test]
async fn agency_of_the_library_that_lends_stands_at_the_lenders_side() {
    let world = World::start().await;
    // Two agencies share the lender's system; MAIN is BRANCH's.
    let branch = json!({"name": "Branch", "institution": "01LEND", "library": "MAIN"});
    world.put("agencies/PICK?take_over=true", branch).await;
    let id = world.stored(|request| request.pickup.code = "BORROW-DESK".into()).await;
    let path = format!("requests/{id}");
    assert_eq!(world.get(&key_of(Role::LibraryStaff, "PICK"), &path).await.status, 200);
    assert_eq!(world.get(&key_of(Role::LibraryStaff, "LEND"), &path).await.status, 404);
    let listed = |agency: &'static str| {
        let world = &world;
        async move { world.get(&key_of(Role::LibraryStaff, agency), "requests").await.text }
    };
    assert!(listed("PICK").await.contains(&id.to_string()));
    assert!(!listed("LEND").await.contains(&id.to_string()));
}

#[tokio::test]
async fn patron_is_shown_only_to_whom_the_table_names() {
    let world = World::start().await;
    let id = world.request().await;
    let path = format!("requests/{id}");
    for (role, agency, identifier, card) in [
        (Role::LibraryStaff, "BORROW", true, true),
        (Role::LibraryAdmin, "BORROW", true, true),
        (Role::LibraryStaff, "PICK", false, true),
        (Role::LibraryStaff, "LEND", false, false),
        (Role::LibraryAdmin, "LEND", false, false),
        (Role::ReadOnly, "BORROW", false, false),
        (Role::ReadOnly, "PICK", false, false),
    ] {
        // A reason helps nobody but the consortium admin. Without its history, a request may be shown from memory.
        for query in ["", "&without_timeline=true", "&without_timeline=true"] {
            let answer = world.get(&key_of(role, agency), &format!("{path}?reason=because{query}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let found = (answer.text.contains(PATRON), answer.text.contains("card-0815"));
            assert_eq!(found, (identifier, card), "{role} at {agency}: {}", answer.body["patron"]);
        }
    }
    let other = world.get(&key_of(Role::LibraryStaff, "OTHER"), &format!("{path}?without_timeline=true")).await;
    other.is_problem(404, "NOT_FOUND");
    let without = world.get(KEY, &path).await;
    assert!(!without.text.contains(PATRON) && !without.text.contains("card-0815"), "{}", without.body["patron"]);
    let with = world.get(KEY, &format!("{path}?reason=a%20complaint")).await;
    assert!(with.text.contains(PATRON), "{}", with.body["patron"]);
    let call = world.hub.http.get(format!("{}/api/v1/{path}", world.hub.base)).bearer_auth(KEY);
    let by_header = world.hub.send(call.header("reason", "a complaint")).await;
    assert!(by_header.text.contains(PATRON), "{}", by_header.body["patron"]);
}

#[tokio::test]
async fn pickup_code_and_words_of_people_are_never_shown_to_another_from_memory() {
    let world = World::start().await;
    let with_code = |request: &mut Request| {
        let verified = request.patron.verified.take().unwrap();
        request.patron.verified = Some(lending::VerifiedPatron { pickup_code: Some("canary-code".into()), ..verified });
    };
    let path = format!("requests/{}?without_timeline=true", world.stored(with_code).await);
    for _ in 0..2 {
        for (key, shown) in [
            (key_of(Role::LibraryStaff, "PICK"), true),
            (KEY.to_owned(), true),
            (key_of(Role::LibraryStaff, "LEND"), false),
            (key_of(Role::ReadOnly, "PICK"), false),
        ] {
            let one = world.get(&key, &path).await;
            let list = world.get(&key, "requests").await;
            assert_eq!((one.status, list.status), (200, 200));
            let codes = [&one, &list].map(|answer| answer.text.contains("canary-code"));
            assert_eq!(codes, [shown; 2], "{key}: {}", one.text);
        }
    }
}

#[tokio::test]
async fn answer_to_a_command_shows_the_pickup_code_only_to_whom_the_request_shows_it() {
    let world = World::start().await;
    let call = async |method: Method, key: String, act: &str| {
        let id = world
            .stored(|request| {
                let verified = request.patron.verified.take().unwrap();
                let pickup_code = Some("canary-code".into());
                request.patron.verified = Some(lending::VerifiedPatron { pickup_code, ..verified });
            })
            .await;
        let url = format!("{}/api/v1/requests/{id}{act}", world.hub.base);
        let answer = world.hub.send(world.hub.http.request(method, url).bearer_auth(key)).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.text.contains("canary-code")
    };
    for (role, agency, shown) in
        [(Role::LibraryStaff, "BORROW", true), (Role::LibraryStaff, "PICK", true), (Role::LibraryStaff, "LEND", false)]
    {
        assert_eq!(call(Method::POST, key_of(role, agency), "/poll").await, shown, "{role} at {agency}");
    }
    assert!(!call(Method::DELETE, key_of(Role::Discovery, "BORROW"), "").await);
    assert!(call(Method::DELETE, key_of(Role::LibraryStaff, "BORROW"), "").await);
}

#[tokio::test]
async fn library_admin_sees_no_subscription_of_another_agency() {
    let world = World::start().await;
    let made = world.hub.post("/api/v1/subscriptions", &subscription_of("borrows")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let listed = async |agency| {
        let answer = world.get(&key_of(Role::LibraryAdmin, agency), "subscriptions").await;
        answer.body["subscriptions"].as_array().unwrap().len()
    };
    assert_eq!((listed("BORROW").await, listed("OTHER").await), (1, 0));
}

#[tokio::test]
async fn request_shown_from_memory_is_the_one_that_is_stored_now() {
    let world = World::start().await;
    let id = world.request().await;
    let shown = async |language: &str| {
        let url = format!("{}/api/v1/requests/{id}?without_timeline=true", world.hub.base);
        let one = world.hub.send(world.hub.http.get(url).bearer_auth(KEY).header("accept-language", language)).await;
        let url = format!("{}/api/v1/requests", world.hub.base);
        let list = world.hub.send(world.hub.http.get(url).bearer_auth(KEY).header("accept-language", language)).await;
        assert_eq!(list.body["requests"][0], one.body);
        one
    };
    let (first, second) = (shown("en").await, shown("en").await);
    assert_eq!((&first.text, &first.headers["etag"]), (&second.text, &second.headers["etag"]));
    assert_ne!(shown("de").await.body["patron_message"], first.body["patron_message"]);
    let before = world.hub.store.request(id).await.unwrap().unwrap();
    let changed = Request { status: lending::Status::Loaned, ..before.request.clone() };
    let mut unit = world.hub.store.unit();
    unit.save_request(&before, &changed, &[], example::noon()).unwrap();
    world.hub.store.commit(unit).await.unwrap();
    let after = shown("en").await;
    assert_eq!((&after.body["status"], &after.body["version"]), (&json!("LOANED"), &json!(2)), "{}", after.text);
}

#[tokio::test]
async fn discovery_system_reads_a_request_only_of_the_patron_whom_it_names() {
    let world = World::start().await;
    let key = key_of(Role::Discovery, "BORROW");
    let path = format!("requests/{}", world.request().await);
    world.get(&key, &path).await.is_problem(403, "PATRON_NOT_NAMED");
    world.get(&key, &format!("{path}?patron=somebody-else")).await.is_problem(404, "NOT_FOUND");
    let named = world.get(&key, &format!("{path}?patron={}", PATRON.to_uppercase())).await;
    assert_eq!((named.status, named.body["patron"]["identifier"].as_str()), (200, Some(PATRON)), "{}", named.text);
    world.get(&key, "requests").await.is_problem(403, "PATRON_NOT_NAMED");
}

#[tokio::test]
async fn nobody_finds_out_by_naming_a_patron_whose_request_it_is() {
    let world = World::start().await;
    let path = format!("requests/{}", world.request().await);
    let key = key_of(Role::LibraryStaff, "LEND");
    let [right, wrong] = [PATRON, "somebody-else"].map(|patron| format!("{path}?patron={patron}"));
    let (right, wrong) = (world.get(&key, &right).await, world.get(&key, &wrong).await);
    assert_eq!((right.status, &right.text), (200, &wrong.text));
    let read_only = key_of(Role::ReadOnly, "BORROW");
    world.get(&read_only, &format!("{path}?patron={PATRON}")).await.is_problem(403, "PATRON_NOT_SHOWN");
}

#[tokio::test]
async fn action_is_undone_only_by_whoever_made_it_or_the_consortium_admin() {
    let world = World::start().await;
    let post = async |key: &str, id: RequestId, what: &str, body: Value| {
        let url = format!("{}/api/v1/requests/{id}/{what}", world.hub.base);
        world.hub.send(world.hub.http.post(url).bearer_auth(key).json(&body)).await
    };
    let staff = key_of(Role::LibraryStaff, "BORROW");
    let lost = |request: &mut Request| {
        request.status = lending::Status::PickupTransit;
        request.missing_since = Some(example::noon());
        request.undo = Some(Box::new(example::placed()));
    };
    let id = world.stored(lost).await;
    let acted = world.hub.store.request(id).await.unwrap().unwrap();
    let entry = store::AuditEntry {
        request: id,
        at: example::noon(),
        event: "pickup_change_requested".to_owned(),
        actor: staff.clone(),
        from: None,
        to: None,
        reason: None,
        note: None,
        evidence: None,
    };
    let mut unit = world.hub.store.unit();
    unit.save_request(&acted, &acted.request, &[entry], example::noon()).unwrap();
    world.hub.store.commit(unit).await.unwrap();
    for other in [key_of(Role::LibraryStaff, "LEND"), key_of(Role::LibraryAdmin, "BORROW")] {
        post(&other, id, "undo", json!({})).await.is_problem(403, "NOT_YOUR_ACT");
    }
    assert_ne!(post(&staff, id, "undo", json!({})).await.status, 403);
}

#[tokio::test]
async fn staff_place_for_another_librarys_patron_only_at_their_own_desk_and_with_their_own_copy() {
    let world = World::start().await;
    let place = async |role: Role, expedited: bool, pickup: &str, lender: &str| {
        let copy = json!({"institution": lender, "barcode": format!("31999{}", world.number())});
        let body = json!({
            "agency": "BORROW", "patron": PATRON, "pickup_location": pickup, "copies": [copy], "expedited": expedited,
        });
        let url = format!("{}/api/v1/requests?wait=0", world.hub.base);
        world.hub.send(world.hub.http.post(url).bearer_auth(key_of(role, "LEND")).json(&body)).await
    };
    let placed = place(Role::LibraryStaff, true, "LEND-DESK", "01LEND").await;
    assert_eq!(placed.status, 201, "{}", placed.text);
    assert!(!placed.text.contains(PATRON), "{}", placed.text);
    for (role, expedited, pickup) in [
        (Role::LibraryStaff, false, "LEND-DESK"),
        (Role::LibraryStaff, true, "BORROW-DESK"),
        (Role::Discovery, true, "LEND-DESK"),
    ] {
        let refused = place(role, expedited, pickup, "01LEND").await;
        assert_eq!(
            refused.body["errors"][0]["code"], "UNKNOWN_AGENCY",
            "{role} {expedited} {pickup}: {}",
            refused.text
        );
    }
    let foreign_copy = place(Role::LibraryStaff, true, "LEND-DESK", "01PICK").await;
    assert_eq!(foreign_copy.body["errors"][0]["code"], "PICKUP_NOT_AT_LENDER", "{}", foreign_copy.text);
}
