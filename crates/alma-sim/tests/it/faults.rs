//! Faults that a test orders.

#![allow(clippy::disallowed_methods, reason = "the simulator's faults and webhooks take real time")]

use alma_sim::{Fault, FaultKind};
use reqwest::Method;
use serde_json::json;

use crate::support::{BOOK, DESK, INST, TestAlma};

const LOAN: &str = "POST /users/{user_id}/loans";
const SCAN: &str = "POST /bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}";

async fn lend(alma: &TestAlma) -> reqwest::Result<crate::support::Answer> {
    let body = json!({"library": {"value": "MAIN"}, "circ_desk": {"value": DESK}});
    alma.try_call(Method::POST, &format!("/users/jo.reader/loans?item_barcode={BOOK}"), Some(body)).await
}

#[tokio::test]
async fn a_dropped_reply_leaves_the_work_done() {
    let alma = TestAlma::new().await;
    alma.sim().arm(INST, Fault::once(LOAN, FaultKind::DropAfter)).unwrap();
    assert!(lend(&alma).await.is_err());
    assert_eq!(alma.staff().loans().len(), 1);
}

#[tokio::test]
async fn a_connection_dropped_or_reset_before_leaves_nothing_done() {
    let alma = TestAlma::new().await;
    for kind in [FaultKind::DropBefore, FaultKind::Reset] {
        alma.sim().arm(INST, Fault::once(LOAN, kind)).unwrap();
        assert!(lend(&alma).await.is_err());
        assert_eq!(alma.staff().loans().len(), 0);
    }
    assert_eq!(lend(&alma).await.unwrap().status, 200, "the faults are over");
}

#[tokio::test]
async fn a_caller_who_gives_up_waiting_does_not_undo_a_slow_scan() {
    let alma = TestAlma::new().await;
    alma.staff().set_behaviour(|behaviour| behaviour.scan_delay_ms = 400);
    alma.staff().lend(BOOK, "jo.reader", "MAIN", DESK).unwrap();
    let path = format!("/almaws/v1{}?op=scan&library=MAIN&circ_desk={DESK}", alma.item_path(BOOK));
    let request = alma.client.post(alma.url(&path)).header("authorization", "apikey key-t");
    let arrived = async {
        while !alma.sim().calls(INST).unwrap().contains_key(SCAN) {
            tokio::task::yield_now().await;
        }
    };
    // The future that loses is dropped.
    tokio::select! {
        _ = request.send() => panic!("a slow scan was answered at once"),
        () = arrived => {}
    }
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while !alma.staff().loans().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "the scan was never done");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn refusals_and_broken_answers_come_as_ordered() {
    let alma = TestAlma::new().await;
    let kinds = [
        (FaultKind::PerSecond, 429, "PER_SECOND_THRESHOLD"),
        (FaultKind::PerDay, 429, "DAILY_THRESHOLD"),
        (FaultKind::status(503), 503, "<html>"),
        (FaultKind::bare(404, "404 page not found"), 404, "404 page not found"),
        (FaultKind::StatusAfter { status: 500, body: None }, 500, "<html>"),
        (FaultKind::Refuse { code: "401652".to_owned(), message: "no".to_owned() }, 400, "401652"),
        (FaultKind::NotSettled, 400, "401129"),
        (FaultKind::Html, 200, "<html>"),
        (FaultKind::WrongHost, 401, "HTTP Status 401"),
        (FaultKind::KeyRevoked, 400, "UNAUTHORIZED"),
        (FaultKind::WrongJson, 200, "unexpected"),
        (FaultKind::Truncated, 200, "{"),
    ];
    for (kind, status, text) in kinds {
        alma.sim().arm(INST, Fault::once("GET /users/{user_id}", kind.clone())).unwrap();
        let answer = alma.get("/users/jo.reader").await;
        assert_eq!(answer.status, status, "{kind:?}");
        assert!(answer.text.contains(text), "{kind:?}: {}", answer.text);
        if kind == FaultKind::Truncated {
            assert!(serde_json::from_str::<serde_json::Value>(&answer.text).is_err());
        }
    }
    assert_eq!(alma.get("/users/jo.reader").await.json()["primary_id"], "jo.reader");
}

#[tokio::test]
async fn an_edited_answer_holds_what_was_ordered_and_the_work_is_done() {
    let alma = TestAlma::new().await;
    let edit = FaultKind::EditAnswer { at: "/due_date".to_owned(), value: json!("00-00-0000") };
    alma.sim().arm(INST, Fault::once(LOAN, edit)).unwrap();
    let answer = lend(&alma).await.unwrap();
    assert_eq!(answer.json()["due_date"], "00-00-0000");
    assert_eq!(alma.staff().loans().len(), 1);
}
