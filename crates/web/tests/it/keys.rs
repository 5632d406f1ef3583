//! Keys of the API in the store: made, shown once, rotated, revoked.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, DEAD, Hub, KEY, institution};

async fn hub() -> Hub {
    let hub = Hub::with_institutions(DEAD).await;
    hub.put("/api/v1/institutions/01NORTH", &institution(DEAD)).await;
    for agency in ["NORTH", "EAST"] {
        let answer =
            hub.put(&format!("/api/v1/agencies/{agency}"), &json!({"name": agency, "institution": "01NORTH"})).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    hub
}

/// Makes a key as the holder of `by`.
async fn make(hub: &Hub, by: &str, body: &Value) -> Answer {
    hub.send(hub.http.post(format!("{}/api/v1/keys", hub.base)).bearer_auth(by).json(body)).await
}

async fn get(hub: &Hub, key: &str, path: &str) -> Answer {
    hub.send(hub.http.get(format!("{}{path}", hub.base)).bearer_auth(key)).await
}

fn key(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn key_is_shown_once_and_works_until_it_is_revoked() {
    let hub = hub().await;
    let body = json!({"name": "north-desk", "role": "library-staff", "agencies": ["NORTH"]});
    let made = make(&hub, KEY, &body).await;
    let secret = key(&made);
    assert!(secret.starts_with("consort_") && secret.len() > 50, "{secret}");
    let listed = hub.get("/api/v1/keys").await;
    assert!(!listed.text.contains(&secret), "{}", listed.text);
    assert_eq!(listed.body["keys"][0]["name"], "north-desk");
    assert_eq!(listed.body["keys"][0]["created_by"], "discovery");
    assert_eq!(get(&hub, &secret, "/api/v1/agencies/NORTH").await.status, 200);
    assert_eq!(get(&hub, &secret, "/api/v1/agencies/BORROW").await.status, 404);
    make(&hub, KEY, &body).await.is_problem(409, "KEY_NOT_AVAILABLE");

    assert_eq!(hub.delete("/api/v1/keys/north-desk").await.status, 204);
    get(&hub, &secret, "/api/v1/agencies/NORTH").await.is_problem(401, "API_KEY_UNKNOWN");
    hub.delete("/api/v1/keys/north-desk").await.is_problem(404, "NOT_FOUND");
    // The name is free for a new key.
    assert_ne!(key(&make(&hub, KEY, &body).await), secret);
}

#[tokio::test]
async fn two_keys_are_valid_during_a_rotation_and_no_third() {
    let hub = hub().await;
    let body = json!({"name": "east", "role": "discovery", "agencies": ["EAST", "NORTH"]});
    let old = key(&make(&hub, KEY, &body).await);
    let rotated = hub.post("/api/v1/keys/east/rotate", &json!({"overlap_hours": 1})).await;
    let new = key(&rotated);
    assert_eq!(rotated.body["agencies"], json!(["EAST", "NORTH"]));
    for secret in [&old, &new] {
        // A discovery system may not read the set-up, so the key is known.
        get(&hub, secret, "/api/v1/agencies").await.is_problem(403, "ROLE_NOT_ALLOWED");
    }
    hub.post("/api/v1/keys/east/rotate", &json!({})).await.is_problem(409, "KEY_NOT_AVAILABLE");
    let at_once = json!({"name": "west", "role": "discovery", "agencies": ["EAST"]});
    let first = key(&make(&hub, KEY, &at_once).await);
    let second = key(&hub.post("/api/v1/keys/west/rotate", &json!({"overlap_hours": 0})).await);
    get(&hub, &first, "/api/v1/agencies").await.is_problem(401, "API_KEY_UNKNOWN");
    get(&hub, &second, "/api/v1/agencies").await.is_problem(403, "ROLE_NOT_ALLOWED");
    assert_eq!(hub.delete("/api/v1/keys/east").await.status, 204);
    for secret in [&old, &new] {
        get(&hub, secret, "/api/v1/agencies").await.is_problem(401, "API_KEY_UNKNOWN");
    }
}

#[tokio::test]
async fn library_admin_manages_keys_of_its_own_agencies_and_gives_no_more_than_it_has() {
    let hub = hub().await;
    let body = json!({"name": "north-admin", "role": "library-admin", "agencies": ["NORTH"]});
    let admin = key(&make(&hub, KEY, &body).await);
    let both = json!({"name": "both", "role": "library-staff", "agencies": ["NORTH", "EAST"]});
    key(&make(&hub, KEY, &both).await);
    let own = json!({"name": "north-desk", "role": "library-staff", "agencies": ["NORTH"]});
    key(&make(&hub, &admin, &own).await);

    let foreign = json!({"name": "x", "role": "library-staff", "agencies": ["NORTH", "EAST"]});
    assert_eq!(make(&hub, &admin, &foreign).await.errors(), [("agencies[1]", "UNKNOWN_AGENCY")]);
    for role in ["consortium-admin", "monitoring"] {
        make(&hub, &admin, &json!({"name": "x", "role": role})).await.is_problem(403, "MORE_THAN_OWN_ROLE");
    }
    let listed = get(&hub, &admin, "/api/v1/keys").await.body;
    let names: Vec<_> = listed["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["north-admin", "north-desk"]);
    let delete = async |name: &str| {
        let url = format!("{}/api/v1/keys/{name}", hub.base);
        hub.send(hub.http.request(Method::DELETE, url).bearer_auth(&admin)).await.status
    };
    assert_eq!((delete("both").await, delete("north-desk").await), (404, 204));
}

#[tokio::test]
async fn faults_of_a_new_key_are_reported_at_once() {
    let hub = hub().await;
    let wrong = json!({"name": "a b", "role": "boss", "agencies": ["NORTH"], "expires_in_days": 0});
    let faults = [("name", "INVALID_NAME"), ("role", "UNKNOWN_ROLE"), ("expires_in_days", "OUT_OF_RANGE")];
    assert_eq!(make(&hub, KEY, &wrong).await.errors(), faults);
    for (body, fault) in [
        (json!({"name": "hub", "role": "monitoring"}), ("name", "INVALID_NAME")),
        (json!({"name": "discovery", "role": "monitoring"}), ("name", "NAME_IN_CONFIGURATION")),
        (json!({"name": "x", "role": "library-staff"}), ("agencies", "MISSING")),
        (json!({"name": "x", "role": "monitoring", "agencies": ["NORTH"]}), ("agencies", "NOT_WITH_THIS_ROLE")),
        (json!({"name": "x", "role": "library-staff", "agencies": ["NONE"]}), ("agencies[0]", "UNKNOWN_AGENCY")),
    ] {
        assert_eq!(make(&hub, KEY, &body).await.errors(), [fault], "{body}");
    }
    assert_eq!(hub.get("/api/v1/keys").await.body, json!({"keys": []}));
}

#[tokio::test]
async fn use_of_a_key_is_noted() {
    let hub = hub().await;
    let body = json!({"name": "north-desk", "role": "library-staff", "agencies": ["NORTH"]});
    let secret = key(&make(&hub, KEY, &body).await);
    assert_eq!(hub.get("/api/v1/keys").await.body["keys"][0]["last_used_at"], json!(null));
    assert_eq!(get(&hub, &secret, "/api/v1/agencies").await.status, 200);
    // The note is written after the answer.
    let noted = async { while hub.get("/api/v1/keys").await.body["keys"][0]["last_used_at"].is_null() {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), noted).await.unwrap();
}

#[tokio::test]
async fn library_admin_manages_users_of_its_own_agencies_and_no_password_is_shown() {
    let hub = hub().await;
    let body = json!({"name": "north-admin", "role": "library-admin", "agencies": ["NORTH"]});
    let admin = key(&make(&hub, KEY, &body).await);
    let add = async |by: &str, body: &Value| {
        hub.send(hub.http.post(format!("{}/api/v1/users", hub.base)).bearer_auth(by).json(body)).await
    };
    let user = |name: &str, role: &str, agencies: Value, password: &str| json!({"name": name, "role": role, "agencies": agencies, "password": password, "totp": true});
    let good = "canary horse battery";
    let added = add(&admin, &user("ann", "library-staff", json!(["NORTH"]), good)).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let secret = added.body["totp_secret"].as_str().unwrap();
    assert_eq!(secret.len(), 32);
    add(&admin, &user("ann", "read-only", json!(["NORTH"]), good)).await.is_problem(409, "USER_EXISTS");
    let foreign = add(&admin, &user("bob", "library-staff", json!(["EAST"]), good)).await;
    assert_eq!(foreign.errors(), [("agencies[0]", "UNKNOWN_AGENCY")]);
    let short = add(&admin, &user("bob", "library-staff", json!(["NORTH"]), "short")).await;
    assert_eq!(short.errors(), [("password", "TOO_SHORT")]);
    let above = json!({"name": "bob", "role": "consortium-admin", "password": good});
    add(&admin, &above).await.is_problem(403, "MORE_THAN_OWN_ROLE");
    assert_eq!(add(KEY, &above).await.status, 201);

    let listed = get(&hub, &admin, "/api/v1/users").await;
    assert_eq!(listed.body["users"].as_array().unwrap().len(), 1, "{}", listed.text);
    assert_eq!(hub.get("/api/v1/users").await.body["users"].as_array().unwrap().len(), 2);
    let disable = async |name: &str| {
        let url = format!("{}/api/v1/users/{name}", hub.base);
        hub.send(hub.http.request(Method::DELETE, url).bearer_auth(&admin)).await.status
    };
    assert_eq!((disable("bob").await, disable("ann").await, disable("ann").await), (404, 204, 404));
    let acts = hub.get("/api/v1/audit").await;
    assert!(acts.text.contains("disable_user") && acts.text.contains("add_user"), "{}", acts.text);
    for text in [&added.text, &listed.text, &acts.text] {
        assert!(!text.contains("canary") && !text.contains("argon2"), "{text}");
    }
    assert!(!listed.text.contains(secret) && !acts.text.contains(secret));
}

#[tokio::test]
async fn key_has_no_password_to_change() {
    let hub = hub().await;
    let passwords = json!({"current_password": "correct horse battery", "new_password": "battery horse correct"});
    let code = json!({
        "current_password": "correct horse battery", "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "code": "123456",
    });
    for (path, body) in [("password", passwords), ("totp", code)] {
        let call = hub.http.put(format!("{}/api/v1/own/{path}", hub.base)).bearer_auth(KEY).json(&body);
        hub.send(call).await.is_problem(409, "NOT_A_USER");
    }
}

#[tokio::test]
async fn monitoring_key_sees_the_details_of_the_health_and_others_do_not() {
    let hub = hub().await;
    let body = json!({"name": "monitor", "role": "monitoring"});
    let monitor = key(&make(&hub, KEY, &body).await);
    let staff = json!({"name": "north-desk", "role": "library-staff", "agencies": ["NORTH"]});
    let staff = key(&make(&hub, KEY, &staff).await);
    let details = get(&hub, &monitor, "/health").await;
    assert!(details.body["systems_down"].is_array(), "{}", details.text);
    assert_eq!(get(&hub, &staff, "/health").await.body, json!({"status": "ok"}));
    assert_eq!(get(&hub, &monitor, "/metrics").await.status, 200);
    get(&hub, "a-key-that-nobody-made", "/health").await.is_problem(401, "API_KEY_UNKNOWN");
}

#[tokio::test]
async fn answer_to_a_wrong_key_is_delayed_and_that_to_a_right_one_is_not() {
    let hub = hub().await;
    let wrong = || hub.http.get(format!("{}/api/v1/agencies", hub.base)).bearer_auth("a-key-that-nobody-made").send();
    // The first ones are answered at once; the delay then doubles with each.
    for _ in 0..7 {
        assert_eq!(wrong().await.unwrap().status(), 401);
    }
    let delayed = tokio::spawn(wrong());
    for _ in 0..5 {
        assert_eq!(hub.get("/api/v1/agencies").await.status, 200);
    }
    assert!(!delayed.is_finished(), "the wrong key waits while right ones are answered");
    assert_eq!(delayed.await.unwrap().unwrap().status(), 401);
    let metrics = hub.get("/metrics").await.text;
    assert!(metrics.contains("consort_wrong_api_keys_total 8\n"), "{metrics}");
}
