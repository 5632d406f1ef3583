//! Setting up institutions, agencies and pickup locations.

#![allow(clippy::disallowed_methods, reason = "the test waits for an answer over a socket, with a deadline")]

use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::harness::{ALMA_KEY, DEAD, Hub, Recording, institution, serve};

#[tokio::test]
async fn errors_of_an_institution_are_reported_at_once() {
    let hub = Hub::start().await;
    let mut body = institution(DEAD);
    body["settings"]["sharing_libary"] = body["settings"]["sharing_library"].take();
    body["settings"]["calls_per_second"] = json!(0);
    body["settings"]["virtual_library"] = json!("OTHER");
    body.as_object_mut().unwrap().remove("api_key");
    body.as_object_mut().unwrap().remove("name");
    let answer = hub.put("/api/v1/institutions/01NEW", &body).await;
    answer.is_problem(422, "INVALID_REQUEST");
    let errors = answer.errors();
    for wanted in [
        ("name", "MISSING"),
        ("api_key", "MISSING"),
        ("settings.sharing_library", "INVALID_SETTING"),
        ("settings.sharing_libary", "INVALID_SETTING"),
        ("settings.calls_per_second", "INVALID_SETTING"),
        ("settings.circulation_desks", "INVALID_SETTING"),
    ] {
        assert!(errors.contains(&wanted), "{wanted:?} is not reported: {errors:?}");
    }
    hub.get("/api/v1/institutions/01NEW").await.is_problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn unknown_kind_of_system_is_reported() {
    let hub = Hub::start().await;
    let mut body = institution(DEAD);
    body["kind"] = json!("card catalogue");
    let answer = hub.put("/api/v1/institutions/01NEW", &body).await;
    assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), [("kind", "UNKNOWN_KIND")]);
}

#[tokio::test]
async fn key_goes_in_and_never_comes_out_and_is_kept_when_left_out() {
    let hub = Hub::start().await;
    let path = "/api/v1/institutions/01NEW";
    let created = hub.put(path, &institution(DEAD)).await;
    assert_eq!((created.status, created.headers["location"].to_str().unwrap()), (201, path));

    let mut change = institution(DEAD);
    change.as_object_mut().unwrap().remove("api_key");
    change["name"] = json!("Another Name");
    let changed = hub.put(path, &change).await;
    assert_eq!((changed.status, &changed.body["name"]), (200, &json!("Another Name")));

    let one = hub.get(path).await;
    assert_eq!(one.body["settings"]["sharing_library"], "SHARING");
    let mut wrong = institution(DEAD);
    wrong["kind"] = json!("");
    let refused = hub.put(path, &wrong).await;
    let checked = hub.send(hub.call(Method::POST, &format!("{path}/check"))).await;
    let list = hub.get("/api/v1/institutions").await;
    assert_eq!(list.body["institutions"].as_array().unwrap().len(), 1);
    for answer in [&created, &changed, &one, &refused, &checked, &list] {
        assert!(!answer.text.contains(ALMA_KEY) && !answer.text.contains("api_key"), "{}", answer.text);
    }
    let kept = hub.store.institution(&"01NEW".into()).await.unwrap().unwrap();
    assert_eq!(kept.credentials.expose_secret(), ALMA_KEY);
}

#[tokio::test]
async fn orphans_are_searched_as_far_back_as_asked() {
    let hub = Hub::with_institutions(DEAD).await;
    let path = "/api/v1/institutions/01LEND/orphans";
    // There are no requests, so the hub calls no system.
    for method in [Method::GET, Method::DELETE] {
        let answer = hub.send(hub.call(method, path)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body, json!({"requests": 0, "patrons": 0, "orphans": []}));
    }
    let answer = hub.send(hub.call(Method::GET, &format!("{path}?days=0&of=all"))).await;
    answer.is_problem(422, "INVALID_REQUEST");
    let answer = hub.send(hub.call(Method::GET, "/api/v1/institutions/01OTHER/orphans")).await;
    answer.is_problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn check_of_an_institution_that_is_down_reports_it() {
    let hub = Hub::start().await;
    hub.put("/api/v1/institutions/01NEW", &institution(DEAD)).await;
    let answer = hub.send(hub.call(Method::POST, "/api/v1/institutions/01NEW/check")).await;
    assert_eq!((answer.status, &answer.body["ok"]), (200, &json!(false)), "{}", answer.text);
    let findings = answer.body["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["problem"].is_string() && finding["subject"].is_string()));
    let answer = hub.send(hub.call(Method::POST, "/api/v1/institutions/01OTHER/check")).await;
    answer.is_problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn used_calls_are_reported_and_measured_for_those_with_a_key() {
    let hub = Hub::with_institutions(&crate::harness::alma_with_users().await).await;
    let path = "/api/v1/institutions/01BORROW/quota";
    let before = hub.get(path).await;
    assert_eq!((before.status, &before.body["used"]["total"]), (200, &json!(0)));
    assert_eq!(before.body["per_second"]["configured"], 25);
    let id = hub.placed("reader", "1").await;
    let request = format!("/api/v1/requests/{id}");
    hub.until(&request, |request| request["timeline"].to_string().contains("PATRON_VERIFIED")).await;
    let after = hub.get(path).await.body;
    assert_eq!(after["used"]["by_priority"], json!({"patron": 2}), "{after}");
    assert_eq!(
        after["used"]["by_endpoint"],
        json!({"GET /users/{user}": 1, "GET /conf/libraries/{library}/circ-desks/{desk}": 1})
    );
    assert_eq!(after["paused"], json!(null));
    hub.get("/api/v1/institutions/01NONE/quota").await.is_problem(404, "NOT_FOUND");
    let metrics = hub.get("/metrics").await;
    assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    assert!(metrics.text.contains("consort_lms_calls_total{institution=\"01BORROW\""), "{}", metrics.text);
    assert_eq!(hub.send(hub.http.get(format!("{}/metrics", hub.base))).await.status, 401);
}

#[tokio::test]
async fn references_are_checked_in_both_directions() {
    let hub = Hub::start().await;
    let agency = json!({"name": "A Library", "institution": "01NEW", "library": "MAIN"});
    let pickup = json!({"name": "The Desk", "agency": "NEW", "library": "MAIN", "desk": "CIRC"});
    let answer = hub.put("/api/v1/agencies/NEW", &agency).await;
    assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), [("institution", "UNKNOWN_INSTITUTION")]);
    let answer = hub.put("/api/v1/pickup-locations/DESK", &pickup).await;
    assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), [("agency", "UNKNOWN_AGENCY")]);

    let paths = ["/api/v1/institutions/01NEW", "/api/v1/agencies/NEW", "/api/v1/pickup-locations/DESK"];
    for (path, body) in paths.into_iter().zip([institution(DEAD), agency, pickup]) {
        assert_eq!(hub.put(path, &body).await.status, 201);
        assert_eq!(hub.put(path, &body).await.status, 200);
    }
    hub.delete(paths[0]).await.is_problem(409, "STILL_REFERRED_TO");
    hub.delete(paths[1]).await.is_problem(409, "STILL_REFERRED_TO");
    for path in paths.into_iter().rev() {
        assert_eq!(hub.delete(path).await.status, 204, "{path}");
        hub.delete(path).await.is_problem(404, "NOT_FOUND");
        hub.get(path).await.is_problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn agencies_and_pickup_locations_are_answered_as_they_were_set_up() {
    let hub = Hub::with_institutions(DEAD).await;
    let agency = json!({
        "code": "BORROW", "name": "Borrowing College", "institution": "01BORROW", "library": null,
        "rules": lending::Rules::default(),
    });
    assert_eq!(hub.get("/api/v1/agencies/BORROW").await.body, agency);
    assert_eq!(hub.get("/api/v1/agencies").await.body, json!({"agencies": [agency]}));
    let pickup = json!({
        "code": "DESK", "name": "Main Library", "agency": "BORROW", "institution": "01BORROW", "library": "MAIN",
        "desk": null, "route_code": null,
    });
    assert_eq!(hub.get("/api/v1/pickup-locations/DESK").await.body, pickup);
    assert_eq!(hub.get("/api/v1/pickup-locations").await.body, json!({"pickup_locations": [pickup]}));
}

#[tokio::test]
async fn rules_of_an_agency_are_kept_and_errors_in_them_are_reported() {
    let hub = Hub::with_institutions(DEAD).await;
    let path = "/api/v1/agencies/BORROW";
    let with =
        |rules: serde_json::Value| json!({"name": "Borrowing College", "institution": "01BORROW", "rules": rules});
    let rules = json!({"max_requests": 3, "calendar": {"time_zone": "Europe/Zurich", "closed_weekdays": ["sunday"]}});
    assert_eq!(hub.put(path, &with(rules)).await.status, 200);
    let kept = hub.get(path).await.body;
    assert_eq!(kept["rules"]["max_requests"], 3);
    assert_eq!(kept["rules"]["calendar"]["closed_weekdays"], json!(["sunday"]));
    let misspelt = hub.put(path, &with(json!({"most_request": 3}))).await;
    assert_eq!(misspelt.errors(), [("rules", "INVALID_RULES")]);
    let nowhere = hub.put(path, &with(json!({"calendar": {"time_zone": "Europe/Nowhere"}}))).await;
    assert_eq!(nowhere.errors(), [("rules.calendar.time_zone", "UNKNOWN_TIME_ZONE")]);
}

#[tokio::test]
async fn stored_key_is_not_sent_to_another_origin() {
    let hub = Hub::start().await;
    let (own, other) = (Recording::start().await, Recording::start().await);
    let path = "/api/v1/institutions/01NEW";
    assert_eq!(hub.put(path, &institution(&own.base)).await.status, 201);
    let check = format!("{path}/check");
    assert_eq!(hub.post(&check, &json!({})).await.status, 200);
    assert!(own.got_key(ALMA_KEY), "the check calls the institution's own system");

    // Another port, another host, another scheme; and an address that can't be read.
    let port = other.base.rsplit(':').next().unwrap();
    for base in [other.base.clone(), format!("http://localhost:{port}"), "https://api-eu.example.org".to_owned()] {
        let mut change = institution(&base);
        change.as_object_mut().unwrap().remove("api_key");
        let refused = hub.put(path, &change).await;
        assert_eq!(refused.is_problem(422, "INVALID_REQUEST").errors(), [("api_key", "API_KEY_REQUIRED")], "{base}");
        assert!(refused.text.contains("Send the key again"), "{}", refused.text);
        assert!(!refused.text.contains(ALMA_KEY), "{}", refused.text);
        // An empty key doesn't avoid the check.
        change["api_key"] = json!("");
        assert_eq!(hub.put(path, &change).await.errors(), [("api_key", "EMPTY")]);
        change["api_key"] = json!(null);
        assert_eq!(hub.put(path, &change).await.errors(), [("api_key", "API_KEY_REQUIRED")]);
    }
    let stored = hub.get(path).await.body;
    assert_eq!(stored["settings"]["base_url"], own.base.as_str(), "a refused change changes nothing");
    hub.post(&check, &json!({})).await;
    assert_eq!(other.calls(), 0);

    // With its own key the hub uses the other system, and sends it only that key.
    let mut change = institution(&other.base);
    change["api_key"] = json!("key-of-the-other-system");
    assert_eq!(hub.put(path, &change).await.status, 200);
    hub.post(&check, &json!({})).await;
    assert!(other.got_key("key-of-the-other-system") && !other.got_key(ALMA_KEY));
}

#[tokio::test]
async fn key_is_kept_while_the_origin_stays_the_same() {
    let hub = Hub::start().await;
    let own = Recording::start().await;
    let path = "/api/v1/institutions/01NEW";
    assert_eq!(hub.put(path, &institution(&own.base)).await.status, 201);
    for base in [format!("{}/", own.base), format!("{}/almaws/v1", own.base), format!(" {}/proxy/almaws", own.base)] {
        let mut change = institution(&base);
        change.as_object_mut().unwrap().remove("api_key");
        change["settings"]["timeout_seconds"] = json!(30);
        let changed = hub.put(path, &change).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
    }
    let kept = hub.store.institution(&"01NEW".into()).await.unwrap().unwrap();
    assert_eq!(kept.credentials.expose_secret(), ALMA_KEY);
}

#[tokio::test]
async fn redirect_to_another_origin_does_not_get_the_key() {
    let hub = Hub::start().await;
    let other = Recording::start().await;
    let target = other.base.clone();
    let redirecting = async move || {
        (axum::http::StatusCode::TEMPORARY_REDIRECT, [("location", format!("{target}/almaws/v1/conf/general"))])
    };
    let base = serve(axum::Router::new().fallback(redirecting)).await;
    assert_eq!(hub.put("/api/v1/institutions/01NEW", &institution(&base)).await.status, 201);
    let checked = hub.post("/api/v1/institutions/01NEW/check", &json!({})).await;
    assert_eq!((checked.status, &checked.body["ok"]), (200, &json!(false)), "{}", checked.text);
    assert_eq!(other.calls(), 0, "a redirect is not followed to another server");
}

#[tokio::test]
async fn address_without_encryption_needs_a_setting_that_allows_it() {
    let hub = Hub::start().await;
    let path = "/api/v1/institutions/01NEW";
    let mut body = institution("http://alma-proxy.example.org:8080");
    let refused = hub.put(path, &body).await;
    assert_eq!(refused.is_problem(422, "INVALID_REQUEST").errors(), [("settings.base_url", "INVALID_SETTING")]);
    assert!(
        refused.text.contains("unencrypted") && refused.text.contains("allow_unencrypted_http"),
        "{}",
        refused.text
    );
    body["settings"]["allow_unencrypted_http"] = json!(true);
    assert_eq!(hub.put(path, &body).await.status, 201);
    assert_eq!(hub.get(path).await.body["settings"]["allow_unencrypted_http"], true);
    // A change from https to http is a change of origin, whatever the setting.
    assert_eq!(hub.put("/api/v1/institutions/01TLS", &institution("https://alma.example.org")).await.status, 201);
    let mut weaker = institution("http://alma.example.org");
    weaker["settings"]["allow_unencrypted_http"] = json!(true);
    weaker.as_object_mut().unwrap().remove("api_key");
    assert_eq!(hub.put("/api/v1/institutions/01TLS", &weaker).await.errors(), [("api_key", "API_KEY_REQUIRED")]);
}

#[tokio::test]
async fn one_check_of_an_institution_runs_at_a_time() {
    let hub = Hub::start().await;
    let (slow, other) = (Recording::start_closed().await, Recording::start().await);
    assert_eq!(hub.put("/api/v1/institutions/01SLOW", &institution(&slow.base)).await.status, 201);
    assert_eq!(hub.put("/api/v1/institutions/01OTHER", &institution(&other.base)).await.status, 201);
    let check = "/api/v1/institutions/01SLOW/check";
    let first = hub.call(Method::POST, check).send();
    let first = tokio::spawn(first);
    slow.called().await;
    for _ in 0..20 {
        hub.post(check, &json!({})).await.is_problem(409, "UNDER_WAY");
    }
    let elsewhere = hub.post("/api/v1/institutions/01OTHER/check", &json!({})).await;
    assert_eq!(elsewhere.status, 200, "another institution is checked meanwhile: {}", elsewhere.text);
    slow.open();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    assert_eq!(slow.calls(), other.calls(), "the refused checks cost no call");
    assert_eq!(hub.post(check, &json!({})).await.status, 200, "the next check runs after it");
}

#[tokio::test]
async fn check_whose_caller_has_gone_away_keeps_nobody_waiting() {
    let hub = Hub::start().await;
    let slow = Recording::start_closed().await;
    assert_eq!(hub.put("/api/v1/institutions/01SLOW", &institution(&slow.base)).await.status, 201);
    let check = "/api/v1/institutions/01SLOW/check";
    let first = tokio::spawn(hub.call(Method::POST, check).send());
    slow.called().await;
    first.abort();
    slow.open();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while hub.post(check, &json!({})).await.status == 409 {
        assert!(tokio::time::Instant::now() < deadline, "the check of a departed caller still counts");
    }
}

#[tokio::test]
async fn codes_and_identifiers_of_a_set_up_are_checked_before_anything_is_stored() {
    let hub = Hub::with_institutions(DEAD).await;
    for code in ["%2e%2e", "%2E", "..%2Fx", "a%20b"] {
        let answer = hub.put_raw(&format!("/api/v1/institutions/{code}"), &institution(DEAD)).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("INVALID_CODE"), "{code}: {answer}");
    }
    let agency = json!({"name": "A Library", "institution": "..", "library": "../MAIN"});
    let answer = hub.put("/api/v1/agencies/NEW", &agency).await;
    assert_eq!(answer.errors(), [("institution", "INVALID_CODE"), ("library", "INVALID_IDENTIFIER")]);
    let pickup = json!({"name": "The Desk", "agency": "a/b", "library": "..", "desk": "x".repeat(300)});
    let answer = hub.put("/api/v1/pickup-locations/NEW", &pickup).await;
    let wanted = [("agency", "INVALID_CODE"), ("library", "INVALID_IDENTIFIER"), ("desk", "TOO_LONG")];
    assert_eq!(answer.errors(), wanted);
    let mut body = institution(DEAD);
    body["settings"]["virtual_location"] = json!("..");
    let answer = hub.put("/api/v1/institutions/01NEW", &body).await;
    assert_eq!(answer.errors(), [("settings.virtual_location", "INVALID_SETTING")]);
}

#[tokio::test]
async fn values_are_not_quoted_in_answers_to_a_set_up() {
    let hub = Hub::with_institutions(DEAD).await;
    let canary = "l8xxcanary0000000000000000000000";
    let mut bodies = Vec::new();
    for (field, value) in [
        ("api_key", json!({"key": canary})),
        ("api_key", json!([canary])),
        ("api_key", json!(format!("{canary} {canary}"))),
        ("api_key", json!(format!("{canary}\n{canary}"))),
        ("api_key", json!(canary.repeat(20))),
        ("kind", json!(canary)),
        ("settings", json!(canary)),
        ("name", json!([canary])),
    ] {
        let mut body = institution(DEAD);
        body[field] = value;
        bodies.push(body);
    }
    for (key, value) in [
        ("base_url", json!(canary)),
        ("base_url", json!(format!("https://{canary}:{canary}@example.org"))),
        ("base_url", json!(format!("https://example.org/?apikey={canary}"))),
        ("base_url", json!(format!("https://example.org/{canary}"))),
        ("base_url", json!(format!("{canary}://example.org"))),
        ("api_key", json!(canary)),
        ("calls_per_second", json!(canary)),
        ("circulation_desks", json!({"MAIN": [canary]})),
        ("virtual_library", json!([canary])),
        ("non_lendable_item_policies", json!(canary)),
        ("virtual_library", json!(format!("{canary}/.."))),
    ] {
        let mut body = institution(DEAD);
        body["settings"][key] = value;
        bodies.push(body);
    }
    for body in bodies {
        let answer = hub.put("/api/v1/institutions/01NEW", &body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text);
        assert!(!answer.text.to_lowercase().contains("canary"), "{}", answer.text);
    }
    for rules in [
        json!({"max_requests": canary}),
        json!({"calendar": {"opens": canary}}),
        json!({"calendar": {"closed_weekdays": [canary]}}),
    ] {
        let agency = json!({"name": "A Library", "institution": "01BORROW", "rules": rules});
        let answer = hub.put("/api/v1/agencies/NEW", &agency).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert!(!answer.text.contains("canary"), "{}", answer.text);
    }
    for secret in [json!([canary]), json!("canary"), json!(canary.repeat(20))] {
        let answer = hub.put("/api/v1/institutions/01LEND/webhook", &json!({"secret": secret})).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert!(!answer.text.contains("canary"), "{}", answer.text);
    }
}

#[tokio::test]
async fn address_of_a_metadata_service_is_no_address_of_a_library() {
    let hub = Hub::start().await;
    for url in
        ["https://169.254.169.254", "http://0.0.0.0:1", "https://[fe80::1]", "https://[::ffff:169.254.169.254]/almaws"]
    {
        let answer = hub.put("/api/v1/institutions/01NEW", &institution(url)).await;
        answer.is_problem(422, "INVALID_REQUEST");
        assert_eq!(answer.errors(), [("settings.base_url", "INVALID_SETTING")], "{url}");
    }
    assert_eq!(hub.put("/api/v1/institutions/01NEW", &institution(DEAD)).await.status, 201, "loopback is allowed");
}
