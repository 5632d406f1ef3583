//! Changes that depend on the version that their caller has read.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, DEAD, Hub, institution};

async fn send(hub: &Hub, method: Method, path: &str, body: &Value, header: (&str, &str)) -> Answer {
    hub.send(hub.call(method, path).header(header.0, header.1).json(body)).await
}

fn tag(answer: &Answer) -> String {
    assert!([200, 201, 202].contains(&answer.status), "{}", answer.text);
    answer.headers["etag"].to_str().unwrap().to_owned()
}

/// Makes the body of an object with a name.
type Named = fn(&str) -> Value;

/// The objects that are set up, each with a body under another name.
fn objects() -> [(&'static str, Named); 3] {
    [
        ("/api/v1/pickup-locations/DESK", |name| json!({"name": name, "agency": "BORROW", "library": "MAIN"})),
        ("/api/v1/agencies/BORROW", |name| json!({"name": name, "institution": "01BORROW"})),
        ("/api/v1/institutions/01BORROW", |name| {
            let mut body = institution(DEAD);
            body["name"] = name.into();
            body
        }),
    ]
}

async fn of_two_changes_of_one_version_only_the_first_is_made(hub: Hub) {
    let hub = hub.set_up(DEAD).await;
    for (path, body) in objects() {
        let read = tag(&hub.get(path).await);
        assert_eq!(tag(&hub.get(path).await), read, "reading changes nothing");
        let first = send(&hub, Method::PUT, path, &body("First"), ("If-Match", &read)).await;
        assert_eq!(first.status, 200, "{}", first.text);
        let second = send(&hub, Method::PUT, path, &body("Second"), ("If-Match", &read)).await;
        second.is_problem(412, "PRECONDITION_FAILED");
        let now = hub.get(path).await;
        assert_eq!((now.body["name"].as_str(), tag(&now)), (Some("First"), tag(&first)));

        // At the same moment, from two nodes.
        let other = hub.second_node().await;
        let mut read = tag(&now);
        for _ in 0..5 {
            let (left, right) = (body("Left"), body("Right"));
            let (left, right) = tokio::join!(
                send(&hub, Method::PUT, path, &left, ("If-Match", &read)),
                send(&other, Method::PUT, path, &right, ("If-Match", &read)),
            );
            let (made, refused, name) = if left.status == 200 { (left, right, "Left") } else { (right, left, "Right") };
            refused.is_problem(412, "PRECONDITION_FAILED");
            let now = hub.get(path).await;
            assert_eq!((now.body["name"].as_str(), tag(&now)), (Some(name), tag(&made)));
            read = tag(&now);
        }

        // A weak tag, and one of a change in between, match nothing.
        let weak = format!("W/{read}");
        send(&hub, Method::PUT, path, &body("Weak"), ("If-Match", &weak)).await.is_problem(412, "PRECONDITION_FAILED");
        let any = format!("\"none\", {read}");
        assert_eq!(send(&hub, Method::PUT, path, &body("Listed"), ("If-Match", &any)).await.status, 200);
        assert_eq!(hub.put(path, &body("Unconditional")).await.status, 200);
        send(&hub, Method::PUT, path, &body("Exists"), ("If-None-Match", "*"))
            .await
            .is_problem(412, "PRECONDITION_FAILED");
        for header in ["If-Match", "If-None-Match"] {
            let faulty = send(&hub, Method::PUT, path, &body("Faulty"), (header, "7")).await;
            faulty.is_problem(400, "INVALID_PRECONDITION");
        }
        assert_eq!(hub.get(path).await.body["name"], "Unconditional");
    }
    for (path, body) in objects() {
        let read = tag(&hub.get(path).await);
        assert_eq!(hub.put(path, &body("Changed")).await.status, 200);
        let stale = hub.send(hub.call(Method::DELETE, path).header("If-Match", read)).await;
        stale.is_problem(412, "PRECONDITION_FAILED");
        let read = tag(&hub.get(path).await);
        let removed = hub.send(hub.call(Method::DELETE, path).header("If-Match", &read)).await;
        assert_eq!(removed.status, 204, "{}", removed.text);
        let gone = send(&hub, Method::PUT, path, &body("Gone"), ("If-Match", "*")).await;
        assert!(gone.status == 412 || gone.status == 422, "{}", gone.text);
    }
    let (path, body) = objects()[2];
    let created = send(&hub, Method::PUT, path, &body("Created"), ("If-None-Match", "*")).await;
    assert_eq!((created.status, tag(&created)), (201, tag(&hub.get(path).await)));
}

#[tokio::test]
async fn of_two_changes_of_one_version_only_the_first_is_made_on_sqlite() {
    of_two_changes_of_one_version_only_the_first_is_made(Hub::start().await).await;
}

#[tokio::test]
async fn of_two_changes_of_one_version_only_the_first_is_made_on_postgres() {
    of_two_changes_of_one_version_only_the_first_is_made(Hub::start_on_postgres().await).await;
}

#[tokio::test]
async fn command_on_an_older_version_of_a_request_is_refused() {
    // The patron's library refuses its key, so that the request waits for staff.
    let alma = crate::harness::Recording::start().await;
    let hub = Hub::with_institutions(&alma.base).await;
    let id = hub.placed("reader", "1").await;
    let path = format!("/api/v1/requests/{id}");
    hub.until(&path, |request| request["attention"]["kind"] != "none").await;
    let [resume, end, poll] = ["resume", "end", "poll"].map(|act| format!("{path}/{act}"));
    for (method, address) in
        [(Method::POST, &resume), (Method::POST, &end), (Method::POST, &poll), (Method::DELETE, &path)]
    {
        let stale = send(&hub, method.clone(), address, &json!({}), ("If-Match", "\"1\"")).await;
        stale.is_problem(412, "PRECONDITION_FAILED");
        assert_eq!(stale.body["request_id"], id.as_str());
    }
    assert_eq!(hub.get(&path).await.body["outcome"], Value::Null, "nothing was cancelled");
    // The request may change between the read and the command, as long as its work goes on.
    let cancelled = tokio::time::timeout(std::time::Duration::from_secs(30), async {
        loop {
            let read = tag(&hub.get(&path).await);
            let answer = send(&hub, Method::DELETE, &path, &json!({}), ("If-Match", &read)).await;
            if answer.status == 202 {
                return (read, answer);
            }
            answer.is_problem(412, "PRECONDITION_FAILED");
        }
    });
    let (read, cancelled) = cancelled.await.unwrap();
    assert_ne!(tag(&cancelled), read);
    let second = send(&hub, Method::POST, &end, &json!({}), ("If-Match", &read)).await;
    second.is_problem(412, "PRECONDITION_FAILED");
}

async fn webhooks_keys_and_users_change_only_as_their_caller_has_read_them(hub: Hub) {
    let hub = hub.set_up(DEAD).await;
    let secret = |number: u32| json!({"secret": format!("a-long-secret-of-the-test-{number}")});

    let path = "/api/v1/institutions/01BORROW/webhook";
    let created = send(&hub, Method::PUT, path, &secret(1), ("If-None-Match", "*")).await;
    let first = tag(&created);
    send(&hub, Method::PUT, path, &secret(2), ("If-None-Match", "*")).await.is_problem(412, "PRECONDITION_FAILED");
    let second = tag(&send(&hub, Method::PUT, path, &secret(2), ("If-Match", &first)).await);
    assert_ne!(second, first);
    send(&hub, Method::PUT, path, &secret(3), ("If-Match", &first)).await.is_problem(412, "PRECONDITION_FAILED");
    assert_eq!(tag(&hub.get(path).await), second, "a refused change leaves the secrets as they are");
    let end_rotation = format!("{path}?secret=previous");
    let stale = send(&hub, Method::DELETE, &end_rotation, &json!({}), ("If-Match", &first)).await;
    stale.is_problem(412, "PRECONDITION_FAILED");
    assert_eq!(send(&hub, Method::DELETE, &end_rotation, &json!({}), ("If-Match", &second)).await.status, 204);
    let third = tag(&hub.get(path).await);
    send(&hub, Method::DELETE, path, &json!({}), ("If-Match", &second)).await.is_problem(412, "PRECONDITION_FAILED");
    assert_eq!(send(&hub, Method::DELETE, path, &json!({}), ("If-Match", &third)).await.status, 204);

    let key = json!({"name": "north-desk", "role": "read-only", "agencies": ["BORROW"]});
    assert_eq!(hub.send(hub.call(Method::POST, "/api/v1/keys").json(&key)).await.status, 201);
    let path = "/api/v1/keys/north-desk";
    let first = tag(&hub.get(path).await);
    let rotate = format!("{path}/rotate");
    let now = json!({"overlap_hours": 0});
    let (one, other) = tokio::join!(
        send(&hub, Method::POST, &rotate, &now, ("If-Match", &first)),
        send(&hub, Method::POST, &rotate, &now, ("If-Match", &first)),
    );
    let (made, refused) = if one.status == 201 { (one, other) } else { (other, one) };
    assert_eq!(made.status, 201, "{}", made.text);
    refused.is_problem(412, "PRECONDITION_FAILED");
    send(&hub, Method::DELETE, path, &json!({}), ("If-Match", &first)).await.is_problem(412, "PRECONDITION_FAILED");
    let second = tag(&hub.get(path).await);
    assert_eq!(send(&hub, Method::DELETE, path, &json!({}), ("If-Match", &second)).await.status, 204);

    let user = json!({
        "name": "ann", "role": "read-only", "agencies": ["BORROW"], "password": "a-long-text-that-ann-knows",
    });
    assert_eq!(hub.send(hub.call(Method::POST, "/api/v1/users").json(&user)).await.status, 201);
    let path = "/api/v1/users/ann";
    let read = tag(&hub.get(path).await);
    send(&hub, Method::DELETE, path, &json!({}), ("If-Match", &second)).await.is_problem(412, "PRECONDITION_FAILED");
    assert_eq!(send(&hub, Method::DELETE, path, &json!({}), ("If-Match", &read)).await.status, 204);
    assert_ne!(tag(&hub.get(path).await), read, "a disabled user is another one");
}

#[tokio::test]
async fn webhooks_keys_and_users_change_only_as_their_caller_has_read_them_on_sqlite() {
    webhooks_keys_and_users_change_only_as_their_caller_has_read_them(Hub::start().await).await;
}

#[tokio::test]
async fn webhooks_keys_and_users_change_only_as_their_caller_has_read_them_on_postgres() {
    webhooks_keys_and_users_change_only_as_their_caller_has_read_them(Hub::start_on_postgres().await).await;
}
