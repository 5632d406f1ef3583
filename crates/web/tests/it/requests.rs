//! Placing, reading and cancelling requests.

#![allow(clippy::disallowed_methods, reason = "the test waits for an answer over a socket, with a deadline")]

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::harness::{DEAD, Hub, Recording, alma_with_users, institution, placement};

#[tokio::test]
async fn patron_who_may_borrow_gets_the_request_with_its_place() {
    let hub = Hub::with_institutions(&alma_with_users().await).await;
    let answer = hub.post("/api/v1/requests", &placement("reader", "31999")).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.body["status"], "PATRON_VERIFIED");
    let id = answer.body["id"].as_str().unwrap();
    assert_eq!(answer.headers["location"], format!("/api/v1/requests/{id}"));

    let details = hub.get(&format!("/api/v1/requests/{id}?reason=test")).await.body;
    assert_eq!(details["patron"], json!({"institution": "01BORROW", "agency": "BORROW", "identifier": "reader"}));
    let timeline = details["timeline"].as_array().unwrap();
    assert_eq!((&timeline[0]["event"], &timeline[0]["actor"]), (&json!("placed"), &json!("discovery")));
    assert_eq!((&timeline[1]["event"], &timeline[1]["actor"]), (&json!("patron_verified"), &json!("hub")));
    assert_eq!((&timeline[1]["from"], &timeline[1]["to"]), (&json!("SUBMITTED_TO_DCB"), &json!("PATRON_VERIFIED")));

    let status = hub.get(&format!("/api/v1/requests/{id}?without_timeline=true")).await.body;
    assert_eq!((&status["status"], status.get("timeline")), (&details["status"], None));
}

#[tokio::test]
async fn refused_patron_gets_the_reason_and_the_request_is_recorded() {
    let hub = Hub::with_institutions(&alma_with_users().await).await;
    let answer = hub.post("/api/v1/requests", &placement("blocked", "31999")).await;
    answer.is_problem(422, "PATRON_BLOCKED");
    assert!(answer.body["detail"].as_str().unwrap().contains("Unpaid bill"), "{}", answer.text);
    let id = answer.body["request_id"].as_str().unwrap();
    let recorded = hub.get(&format!("/api/v1/requests/{id}")).await.body;
    assert_eq!(recorded["outcome"], "CANCELLED");
    assert_eq!(recorded["refusal"]["code"], "PATRON_BLOCKED");

    let answer = hub.post("/api/v1/requests", &placement("nobody", "31999")).await;
    answer.is_problem(422, "PATRON_NOT_FOUND");
}

#[tokio::test]
async fn sentences_for_the_patron_are_in_the_language_of_the_call() {
    let hub = Hub::with_institutions(&alma_with_users().await).await;
    let in_german = async |body: &serde_json::Value, path: &str| {
        hub.send(hub.call(Method::POST, path).header("Accept-Language", "de").json(body)).await.body
    };
    let german = "Ihr Bibliothekskonto ist gesperrt. Bitte wenden Sie sich an Ihre Bibliothek.";
    let blocked = placement("blocked", "31999");
    let preview = in_german(&blocked, "/api/v1/requests/preview").await;
    assert_eq!(preview["patron"]["reasons"][0]["patron_message"], german, "{preview}");
    let refused = in_german(&blocked, "/api/v1/requests").await;
    assert_eq!((&refused["patron_message"], &refused["errors"][0]["patron_message"]), (&json!(german), &json!(german)));
    let recorded = hub.get(&format!("/api/v1/requests/{}", refused["request_id"].as_str().unwrap())).await.body;
    let english = "Your library account is blocked. Please ask your library's staff.";
    assert_eq!(recorded["refusal"]["patron_message"], english);

    let mut elsewhere = placement("reader", "31999");
    elsewhere["pickup_location"] = json!("NOWHERE");
    let faulty = in_german(&elsewhere, "/api/v1/requests").await;
    assert_eq!(faulty["errors"][0]["patron_message"], "Bitte wählen Sie einen anderen Abholort.", "{faulty}");
    let faulty = in_german(&elsewhere, "/api/v1/requests/preview").await;
    assert_eq!(faulty["faults"][0]["patron_message"], "Bitte wählen Sie einen anderen Abholort.", "{faulty}");
}

#[tokio::test]
async fn caller_that_names_the_wrong_agency_gets_the_right_one() {
    let alma = alma_with_users().await;
    let hub = Hub::with_institutions(&alma).await;
    let mut borrower = institution(&alma);
    borrower["settings"]["campus_agencies"] = json!({"NORTH": "NORTH"});
    hub.put("/api/v1/institutions/01BORROW", &borrower).await;
    let answer = hub.post("/api/v1/requests", &placement("northern", "31999")).await;
    answer.is_problem(422, "PATRON_OF_OTHER_AGENCY");
    assert_eq!(answer.body["agency"], "NORTH");
    let recorded = hub.get(&format!("/api/v1/requests/{}", answer.body["request_id"].as_str().unwrap())).await.body;
    assert_eq!(recorded["refusal"]["agency"], "NORTH");
}

#[tokio::test]
async fn library_that_does_not_answer_loses_no_request() {
    let hub = Hub::with_institutions(DEAD).await;
    let answer = hub.post("/api/v1/requests?wait=0", &placement("reader", "31999")).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.body["status"], "SUBMITTED_TO_DCB");
    let path = format!("/api/v1/requests/{}", answer.body["id"].as_str().unwrap());
    let delayed = hub.until(&path, |request| request["attention"]["kind"] == "waiting").await;
    assert_eq!(
        (&delayed["status"], &delayed["attention"]["on"]),
        (&json!("SUBMITTED_TO_DCB"), &json!("borrower_system"))
    );
    assert!(delayed["attention"]["next_try"].is_string() && delayed["attention"]["reason"].is_string(), "{delayed}");
}

#[tokio::test]
async fn request_is_answered_once_it_has_changed() {
    let hub = Hub::with_institutions(&alma_with_users().await).await;
    let path = format!("/api/v1/requests/{}", hub.placed("reader", "31999").await);
    let begun = std::time::Instant::now();
    let changed = hub.get(&format!("{path}?after_version=1&wait=30")).await;
    assert!(changed.body["version"].as_u64() > Some(1), "{}", changed.text);
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "the call waited until its time was over");

    let as_it_is = hub.get(&format!("{path}?after_version=4000000000&wait=1")).await;
    assert!(as_it_is.body["version"].as_u64() > Some(1), "{}", as_it_is.text);
    let wrong = hub.get(&format!("{path}?after_version=new&wait=31&until=ever")).await;
    let faults: Vec<_> = wrong.errors().into_iter().map(|(key, _)| key).collect();
    assert_eq!((wrong.status, faults), (422, vec!["after_version", "wait", "until"]), "{}", wrong.text);
}

#[tokio::test]
async fn all_errors_of_a_request_are_reported_at_once() {
    let hub = Hub::with_institutions(DEAD).await;
    let body = json!({
        "agency": "NOWHERE", "patron": "reader", "pickup_location": "NOWHERE",
        "copies": [{"institution": "01LEND"}, {"institution": "01OTHER", "barcode": "1"}],
    });
    let answer = hub.post("/api/v1/requests", &body).await;
    answer.is_problem(422, "INVALID_REQUEST");
    assert_eq!(
        answer.errors(),
        [
            ("agency", "UNKNOWN_AGENCY"),
            ("pickup_location", "UNKNOWN_PICKUP_LOCATION"),
            ("copies[0]", "COPY_NOT_NAMED"),
            ("copies[1]", "UNKNOWN_INSTITUTION"),
        ]
    );
    assert_eq!(hub.get("/api/v1/requests").await.body["requests"], json!([]));
    let answer = hub.post("/api/v1/requests?wait=31", &placement("reader", "1")).await;
    assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), [("wait", "OUT_OF_RANGE")]);
}

#[tokio::test]
async fn second_click_is_a_conflict() {
    let hub = Hub::with_institutions(DEAD).await;
    let first = hub.placed("reader", "31999").await;
    let answer = hub.post("/api/v1/requests?wait=0", &placement("reader", "31999")).await;
    answer.is_problem(409, "DUPLICATE_REQUEST");
    assert_eq!(answer.body["request_id"], first.as_str());
    assert!(!answer.body["detail"].as_str().unwrap().contains(&first), "only the field names it");
}

#[tokio::test]
async fn conflict_names_no_request_of_another_agency() {
    let branch = access::Caller::new("branch".to_owned(), access::Role::LibraryStaff, ["BRANCH".into()]);
    let keys = web::ApiKeys::new([("discovery".to_owned(), crate::harness::KEY.into())]);
    let hub = Hub::with_keys(keys.with(branch, &"key-of-the-branch".into())).await.set_up(DEAD).await;
    let body = json!({"name": "Branch", "institution": "01BORROW", "library": "BRANCH"});
    assert_eq!(hub.put("/api/v1/agencies/BRANCH", &body).await.status, 201);
    let first = hub.placed("reader", "31999").await;
    let mut second = placement("reader", "31999");
    second["agency"] = "BRANCH".into();
    let url = format!("{}/api/v1/requests?wait=0", hub.base);
    let answer = hub.send(hub.http.post(url).bearer_auth("key-of-the-branch").json(&second)).await;
    answer.is_problem(409, "DUPLICATE_REQUEST");
    assert!(!answer.text.contains(&first), "{}", answer.text);
    let seen = hub.post("/api/v1/requests?wait=0", &second).await;
    assert_eq!(seen.is_problem(409, "DUPLICATE_REQUEST").body["request_id"], first.as_str());
}

#[tokio::test]
async fn list_is_paged_to_its_end_without_gap_or_repeat_and_shows_no_patron() {
    let hub = Hub::with_institutions(DEAD).await;
    let mut placed = BTreeSet::new();
    for number in 0..5 {
        placed.insert(hub.placed("list-reader", &number.to_string()).await);
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/requests?limit=2".to_owned();
    let pages = loop {
        let answer = hub.get(&path).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.text.contains("list-reader") && !answer.text.contains("identifier"), "{}", answer.text);
        let ids = answer.body["requests"].as_array().unwrap().iter();
        seen.extend(ids.map(|request| request["id"].as_str().unwrap().to_owned()));
        match answer.body["next"].as_str() {
            Some(cursor) => path = format!("/api/v1/requests?limit=2&cursor={cursor}"),
            None => break seen.len().div_ceil(2),
        }
    };
    assert_eq!((pages, seen.len()), (3, 5));
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), placed);
}

#[tokio::test]
async fn list_is_narrowed_by_its_filters() {
    let hub = Hub::with_institutions(DEAD).await;
    hub.placed("reader", "1").await;
    for (query, found) in [
        ("status=LOANED", 0),
        ("status=LOANED,submitted_to_dcb", 1),
        ("status=LOANED&status=SUBMITTED_TO_DCB", 1),
        ("institution=01BORROW", 1),
        ("institution=01OTHER", 0),
        ("open=true", 1),
        ("needs_staff=true", 0),
        ("needs_staff=false", 1),
    ] {
        let answer = hub.get(&format!("/api/v1/requests?{query}")).await;
        assert_eq!(answer.body["requests"].as_array().unwrap().len(), found, "{query}");
    }
}

#[tokio::test]
async fn patron_of_an_agency_is_searched_for_with_order_and_total() {
    let hub = Hub::with_institutions(DEAD).await;
    let mut placed = Vec::new();
    for (patron, barcode) in [("reader-1", "1"), ("reader-2", "2"), ("reader-1", "3")] {
        placed.push(hub.placed(patron, barcode).await);
    }
    let list = async |query: &str| {
        let answer = hub.get(&format!("/api/v1/requests?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        let requests = answer.body["requests"].as_array().unwrap().iter();
        let ids: Vec<String> = requests.map(|request| request["id"].as_str().unwrap().to_owned()).collect();
        (ids, answer.body["total"].as_u64(), answer.body["next"].as_str().map(str::to_owned))
    };
    let (first, second, third) = (placed[0].clone(), placed[1].clone(), placed[2].clone());
    let agency = "reason=asked&agency=BORROW";
    assert_eq!(list(&format!("{agency}&patron=READER-1")).await, (vec![third.clone(), first.clone()], None, None));
    let (ids, total, next) = list(&format!("{agency}&patron=reader-1&sort=placed_at&limit=1&total=true")).await;
    assert_eq!((ids, total), (vec![first.clone()], Some(2)));
    let rest = list(&format!("{agency}&patron=reader-1&limit=1&cursor={}", next.unwrap())).await;
    assert_eq!(rest, (vec![third.clone()], None, None), "the cursor knows its order");
    assert_eq!(list(&format!("{agency}&sort=placed_at")).await.0, [first, second, third]);
    assert_eq!(list("from=2000-01-01&to=2000-01-01&total=true").await, (vec![], Some(0), None));
    assert_eq!(list("title=nothing%25").await.0, [""; 0]);
}

#[tokio::test]
async fn search_that_contradicts_itself_or_names_no_agency_is_refused() {
    let hub = Hub::with_institutions(DEAD).await;
    hub.placed("reader", "1").await;
    hub.placed("reader", "2").await;
    let next = hub.get("/api/v1/requests?limit=1").await.body["next"].as_str().unwrap().to_owned();
    for (query, field, code) in [
        ("patron=reader&reason=asked".to_owned(), "agency", "REQUIRED"),
        ("patron=reader&agency=BORROW".to_owned(), "reason", "REQUIRED"),
        ("agency=NOBODY".to_owned(), "agency", "UNKNOWN_AGENCY"),
        ("from=2026-02-01&to=2026-01-31".to_owned(), "to", "OUT_OF_RANGE"),
        ("from=yesterday".to_owned(), "from", "INVALID_DATE"),
        ("sort=colour".to_owned(), "sort", "UNKNOWN_ORDER"),
        (format!("sort=title&cursor={next}"), "cursor", "INVALID_CURSOR"),
    ] {
        let answer = hub.get(&format!("/api/v1/requests?{query}")).await;
        assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), [(field, code)], "{query}");
    }
}

#[tokio::test]
async fn errors_of_a_list_call_are_reported_at_once() {
    let hub = Hub::start().await;
    let query = "status=LENT&cursor=x&institution=%20a%20b&open=yes&limit=0&limit=1&colour=red";
    let answer = hub.get(&format!("/api/v1/requests?{query}")).await;
    answer.is_problem(422, "INVALID_REQUEST");
    assert_eq!(
        answer.errors(),
        [
            ("status", "UNKNOWN_STATUS"),
            ("institution", "INVALID_CODE"),
            ("open", "WRONG_TYPE"),
            ("limit", "REPEATED"),
            ("cursor", "INVALID_CURSOR"),
            ("colour", "UNKNOWN_PARAMETER"),
        ]
    );
    for limit in ["201", "-1", "many"] {
        let answer = hub.get(&format!("/api/v1/requests?limit={limit}")).await;
        assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), [("limit", "OUT_OF_RANGE")]);
    }
}

#[tokio::test]
async fn cancelling_keeps_who_and_why_and_happens_once() {
    let hub = Hub::with_institutions(&alma_with_users().await).await;
    let placed = hub.post("/api/v1/requests", &placement("reader", "1")).await;
    let path = format!("/api/v1/requests/{}", placed.body["id"].as_str().unwrap());
    let answer = hub.delete(&format!("{path}?by=staff&reason=no%20longer%20needed")).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(answer.body["cancellation"], json!({"by": "staff", "reason": "no longer needed"}));
    let details = hub.get(&path).await.body;
    let asked = details["timeline"].as_array().unwrap().iter().find(|row| row["event"] == "cancel_requested").unwrap();
    assert_eq!((&asked["actor"], &asked["note"]), (&json!("discovery"), &json!("no longer needed")));

    let answer = hub.delete(&path).await;
    answer.is_problem(409, "NOT_ALLOWED");
    assert_eq!(answer.body["request_id"], placed.body["id"]);
}

#[tokio::test]
async fn cancelling_takes_its_reason_from_a_body_too() {
    let hub = Hub::with_institutions(&alma_with_users().await).await;
    let placed = hub.post("/api/v1/requests", &placement("reader", "1")).await;
    let path = format!("/api/v1/requests/{}", placed.body["id"].as_str().unwrap());
    let wrong = hub.send(hub.call(Method::DELETE, &path).json(&json!({"by": "cat", "cause": "x"}))).await;
    let errors = [("by", "UNKNOWN_CANCELLER"), ("cause", "UNKNOWN_FIELD")];
    assert_eq!(wrong.is_problem(422, "INVALID_REQUEST").errors(), errors);
    let answer = hub.send(hub.call(Method::DELETE, &path).json(&json!({"reason": "found it"}))).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(answer.body["cancellation"], json!({"by": "patron", "reason": "found it"}));
}

#[tokio::test]
async fn poll_is_accepted_and_resume_needs_something_to_resume() {
    let hub = Hub::with_institutions(DEAD).await;
    let id = hub.placed("reader", "1").await;
    let answer = hub.send(hub.call(Method::POST, &format!("/api/v1/requests/{id}/poll"))).await;
    assert_eq!((answer.status, answer.body["id"].as_str()), (202, Some(id.as_str())));
    let answer = hub.send(hub.call(Method::POST, &format!("/api/v1/requests/{id}/resume"))).await;
    answer.is_problem(409, "NOT_ALLOWED");
}

#[tokio::test]
async fn more_than_twenty_copies_are_refused_before_any_call() {
    let alma = Recording::start().await;
    let hub = Hub::with_institutions(&alma.base).await;
    let copies = |count: usize| -> Vec<_> {
        (0..count).map(|nth| json!({"institution": "01LEND", "barcode": format!("31999{nth}")})).collect()
    };
    let mut body = placement("reader", "1");
    for count in [21, 1_200] {
        body["copies"] = json!(copies(count));
        let answer = hub.post("/api/v1/requests?wait=0", &body).await;
        if count == 21 {
            assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), [("copies", "TOO_MANY")]);
            assert!(answer.text.contains("more than 20"), "{}", answer.text);
        } else {
            assert!(answer.status == 422 || answer.status == 413, "{}", answer.text);
        }
    }
    assert_eq!(hub.get("/api/v1/requests").await.body["requests"], json!([]), "nothing is stored");
    assert_eq!(alma.calls(), 0);
    body["copies"] = json!(copies(20));
    assert_eq!(hub.post("/api/v1/requests?wait=0", &body).await.status, 201);
}

#[tokio::test]
async fn identifiers_that_could_change_an_address_are_refused_by_field_before_any_call() {
    let alma = Recording::start().await;
    let hub = Hub::with_institutions(&alma.base).await;
    let long = "canary".repeat(60);
    for (bad, code) in [
        (".", "INVALID_IDENTIFIER"),
        ("..", "INVALID_IDENTIFIER"),
        (" .. ", "INVALID_IDENTIFIER"),
        ("../canary", "INVALID_IDENTIFIER"),
        ("canary\\..\\1", "INVALID_IDENTIFIER"),
        ("", "EMPTY"),
        ("  ", "EMPTY"),
        ("canary\u{0}", "CONTROL_CHARACTER"),
        ("canary\r\nx: y", "CONTROL_CHARACTER"),
        (long.as_str(), "TOO_LONG"),
    ] {
        let body = json!({
            "agency": "BORROW", "patron": bad, "pickup_location": "DESK",
            "copies": [{"institution": "01LEND", "barcode": bad, "bib": bad, "holding": bad, "item": bad}],
        });
        let answer = hub.post("/api/v1/requests?wait=0", &body).await;
        answer.is_problem(422, "INVALID_REQUEST");
        let wanted = ["patron", "copies[0].barcode", "copies[0].bib", "copies[0].holding", "copies[0].item"];
        assert_eq!(answer.errors(), wanted.map(|field| (field, code)), "{bad:?}");
        assert!(!answer.text.contains("canary"), "no value is quoted: {}", answer.text);
    }
    for bad in ["..", ".", "a/b", "a b", "x\u{e9}"] {
        let body = json!({
            "agency": bad, "patron": "reader", "pickup_location": bad,
            "copies": [{"institution": bad, "barcode": "1"}],
        });
        let answer = hub.post("/api/v1/requests?wait=0", &body).await;
        let wanted = ["agency", "pickup_location", "copies[0].institution"].map(|field| (field, "INVALID_CODE"));
        assert_eq!(answer.is_problem(422, "INVALID_REQUEST").errors(), wanted, "{bad:?}");
    }
    assert_eq!(hub.get("/api/v1/requests").await.body["requests"], json!([]), "nothing is stored");
    assert_eq!(alma.calls(), 0);

    let id = hub.placed("reader", "31999").await;
    let copy = json!({"copy": {"institution": "01LEND", "bib": "99", "item": "23", "holding": ".."}});
    let answer = hub.post(&format!("/api/v1/requests/{id}/next-supplier"), &copy).await;
    assert_eq!(answer.errors(), [("copy.holding", "INVALID_IDENTIFIER")]);
    let copy = json!({"copy": {"institution": "..", "barcode": "1"}});
    let answer = hub.post(&format!("/api/v1/requests/{id}/next-supplier"), &copy).await;
    assert_eq!(answer.errors(), [("copy.institution", "INVALID_CODE")]);
    let answer = hub.post(&format!("/api/v1/requests/{id}/pickup-location"), &json!({"pickup_location": ".."})).await;
    assert_eq!(answer.errors(), [("pickup_location", "INVALID_CODE")]);
}
