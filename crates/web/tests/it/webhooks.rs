//! The webhook endpoint, from the viewpoint of a library's system and of staff.

use reqwest::Method;
use serde_json::json;

use crate::harness::{DEAD, Hub};

const SECRET: &str = "a-secret-of-the-webhook";
const MESSAGE: &str = r#"{"id": "9001", "action": "LOAN", "event": {"value": "LOAN_RETURNED"},
    "item_loan": {"loan_id": "7001", "item_id": "2301"}}"#;

async fn hub_with_webhook() -> Hub {
    let hub = Hub::with_institutions(DEAD).await;
    let answer = hub.put("/api/v1/institutions/01BORROW/webhook", &json!({"secret": SECRET})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["path"], "/webhooks/01BORROW");
    assert!(!answer.text.contains(SECRET));
    hub
}

fn signed(secret: &str, body: &str) -> String {
    let settings = crate::harness::institution(DEAD)["settings"].clone();
    let connection = lms::Connection {
        institution: "01BORROW".into(),
        kind: "alma".to_owned(),
        settings,
        credentials: "key".into(),
    };
    lms::connect(&connection).unwrap().sign_webhook(&secret.into(), body.as_bytes())
}

/// Sends a message as Alma does: without any key of the hub.
async fn send(hub: &Hub, signature: Option<&str>, body: &str) -> crate::harness::Answer {
    let mut call = hub.http.post(format!("{}/webhooks/01BORROW", hub.base)).body(body.to_owned());
    if let Some(signature) = signature {
        call = call.header("X-Exl-Signature", signature);
    }
    hub.send(call).await
}

#[tokio::test]
async fn challenge_is_answered_without_a_key_and_only_when_it_is_plain() {
    let hub = Hub::with_institutions(DEAD).await;
    let ask = |query: &str| hub.http.get(format!("{}/webhooks/{query}", hub.base));
    let answer = hub.send(ask("01BORROW?challenge=word-of-the-day")).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({"challenge": "word-of-the-day"})));
    let long = format!("01BORROW?challenge={}", "x".repeat(257));
    for query in ["01BORROW", "01BORROW?challenge=", "01BORROW?challenge=%00", "01BORROW?challenge=%C3%A4", &long] {
        hub.send(ask(query)).await.is_problem(422, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn message_is_taken_with_its_signature_only() {
    let hub = hub_with_webhook().await;
    send(&hub, None, MESSAGE).await.is_problem(401, "WRONG_SIGNATURE");
    send(&hub, Some(&signed("another-secret-of-nobody", MESSAGE)), MESSAGE).await.is_problem(401, "WRONG_SIGNATURE");
    let signature = signed(SECRET, MESSAGE);
    // The signature covers the bytes, not their meaning.
    send(&hub, Some(&signature), &MESSAGE.replace('\n', "")).await.is_problem(401, "WRONG_SIGNATURE");
    let first = send(&hub, Some(&signature), MESSAGE).await;
    assert_eq!((first.status, &first.body), (200, &json!({"result": "ignored"})), "no request waits for that loan");
    let webhook = hub.get("/api/v1/institutions/01BORROW/webhook").await.body;
    assert_eq!(webhook["useful_messages_24h"], 0);
}

#[tokio::test]
async fn both_secrets_count_until_the_change_is_ended() {
    let hub = hub_with_webhook().await;
    let next = "the-next-secret-of-the-webhook";
    let message = |id: &str| MESSAGE.replace("9001", id);
    let put = hub.put("/api/v1/institutions/01BORROW/webhook", &json!({"secret": next})).await;
    assert_eq!(put.body["secret_rotation_active"], true);
    for (id, secret) in [("1", SECRET), ("2", next)] {
        assert_eq!(send(&hub, Some(&signed(secret, &message(id))), &message(id)).await.status, 200);
    }
    assert_eq!(hub.delete("/api/v1/institutions/01BORROW/webhook?secret=previous").await.status, 204);
    let old = send(&hub, Some(&signed(SECRET, &message("3"))), &message("3")).await;
    old.is_problem(401, "WRONG_SIGNATURE");
    assert_eq!(send(&hub, Some(&signed(next, &message("4"))), &message("4")).await.status, 200);
}

#[tokio::test]
async fn what_can_not_be_a_message_is_refused_with_a_reason() {
    let hub = hub_with_webhook().await;
    for (body, reported) in [("<webhook/>", "JSON in Alma"), ("{", "no JSON")] {
        let answer = send(&hub, Some(&signed(SECRET, body)), body).await;
        answer.is_problem(400, "UNREADABLE_MESSAGE");
        assert!(answer.text.contains(reported), "{}", answer.text);
    }
    let large = "x".repeat(300 * 1_024);
    send(&hub, Some(&signed(SECRET, &large)), &large).await.is_problem(413, "TOO_LARGE");
}

#[tokio::test]
async fn institution_without_a_webhook_takes_no_message_and_a_short_secret_is_no_secret() {
    let hub = Hub::with_institutions(DEAD).await;
    send(&hub, Some(&signed(SECRET, MESSAGE)), MESSAGE).await.is_problem(401, "WRONG_SIGNATURE");
    hub.get("/api/v1/institutions/01BORROW/webhook").await.is_problem(404, "NOT_FOUND");
    let short = hub.put("/api/v1/institutions/01BORROW/webhook", &json!({"secret": "short"})).await;
    short.is_problem(422, "INVALID_REQUEST");
    let unknown = hub.put("/api/v1/institutions/01NOBODY/webhook", &json!({"secret": SECRET})).await;
    unknown.is_problem(404, "NOT_FOUND");
    let call = hub.http.request(Method::PUT, format!("{}/api/v1/institutions/01BORROW/webhook", hub.base));
    assert_eq!(hub.send(call.json(&json!({"secret": SECRET}))).await.status, 401, "setting it up needs a key");
}

#[tokio::test]
async fn unknown_institution_is_answered_like_a_wrong_signature() {
    let hub = hub_with_webhook().await;
    let url = |code: &str| format!("{}/webhooks/{code}", hub.base);
    let post = async |code: &str, body: &str, signature: &str| {
        let call = hub.http.post(url(code)).header("X-Exl-Signature", signature).body(body.to_owned());
        let mut answer = hub.send(call).await;
        answer.headers.remove("date");
        (answer.status, answer.headers, answer.text)
    };
    // 01LEND exists and has no webhook; 01NOBODY doesn't exist.
    for body in [MESSAGE, "{", "<webhook/>"] {
        for signature in [signed("another-secret-of-nobody", body), "AAAA".to_owned(), String::new()] {
            let known = post("01BORROW", body, &signature).await;
            assert_eq!(known.0, 401, "{}", known.2);
            for code in ["01LEND", "01NOBODY"] {
                assert_eq!(post(code, body, &signature).await, known, "{code}");
            }
        }
    }
    for query in ["?challenge=x", "", "?challenge=%00"] {
        let mut answers = Vec::new();
        for code in ["01BORROW", "01LEND", "01NOBODY"] {
            let answer = hub.send(hub.http.get(format!("{}{query}", url(code)))).await;
            answers.push((answer.status, answer.text));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
}

#[tokio::test]
async fn signed_message_that_names_another_institution_is_refused() {
    let hub = hub_with_webhook().await;
    let of = |code: &str| MESSAGE.replacen('{', &format!("{{\"institution\": {{\"value\": \"{code}\"}}, "), 1);
    let foreign = send(&hub, Some(&signed(SECRET, &of("01LEND"))), &of("01LEND")).await;
    foreign.is_problem(403, "OTHER_INSTITUTION");
    let own = send(&hub, Some(&signed(SECRET, &of("01BORROW"))), &of("01BORROW")).await;
    assert_eq!((own.status, &own.body), (200, &json!({"result": "ignored"})));
}
