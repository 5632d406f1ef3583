//! Fuzz target for bodies that the hub's API takes.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode, header};
use engine::{Engine, Ids, Settings, SystemClock};
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use store::{Database, MasterKey, Store};
use tokio::runtime::Runtime;
use tower::ServiceExt;
use web::{ApiKeys, WebState};

const KEY: &str = "a-key-of-the-fuzzing";
/// A placeholder for the id of the existing request.
const THERE: &str = "{id}";
/// The routes that the target calls. None of them calls a library system.
const ROUTES: [(&str, &str); 16] = [
    ("POST", "/api/v1/requests?wait=0"),
    ("PUT", "/api/v1/institutions/01FUZZ"),
    ("PUT", "/api/v1/institutions/01FUZZ/webhook"),
    ("PUT", "/api/v1/agencies/FUZZ"),
    ("PUT", "/api/v1/pickup-locations/FUZZ-MAIN"),
    ("POST", "/api/v1/requests/01980000-0000-7000-8000-000000000000/end"),
    ("POST", "/api/v1/requests/01980000-0000-7000-8000-000000000000/next-supplier"),
    ("POST", "/webhooks/01FUZZ"),
    ("POST", "/api/v1/requests/{id}/next-supplier"),
    ("POST", "/api/v1/requests/{id}/pickup-location"),
    ("POST", "/api/v1/requests/{id}/settle-loss"),
    ("POST", "/api/v1/requests/{id}/found"),
    ("POST", "/api/v1/requests/{id}/resume"),
    ("POST", "/api/v1/requests/{id}/undo"),
    ("POST", "/api/v1/requests/{id}/end"),
    ("DELETE", "/api/v1/requests/{id}"),
];

struct Hub {
    router: Router,
    /// The id of the existing request.
    id: String,
    runtime: Runtime,
    _dir: tempfile::TempDir,
}

fn hub() -> &'static Mutex<Hub> {
    static HUB: OnceLock<Mutex<Hub>> = OnceLock::new();
    HUB.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let key = MasterKey::generate(&mut rng);
        let database = Database::Sqlite(dir.path().join("fuzz.db"));
        let store = runtime.block_on(Store::open(&database, key, rng)).unwrap();
        let engine = Engine::new(store, Settings::default(), Arc::new(SystemClock::default()), Ids::seeded(1));
        let keys = ApiKeys::new([("fuzzing".to_owned(), KEY.into())]);
        let router = web::router(WebState::new(Arc::new(engine), keys)).unwrap();
        let id = runtime.block_on(place(&router));
        Mutex::new(Hub { router, id, runtime, _dir: dir })
    })
}

/// Sets libraries up and places a request.
async fn place(router: &Router) -> String {
    let settings = json!({
        "base_url": "http://127.0.0.1:1", "sharing_library": "SHARING", "virtual_library": "DCB_LIB",
        "virtual_location": "dcbvirtual", "virtual_item_policy": "DCB", "virtual_item_policy_no_renewal": "DCB_NR",
        "circulation_desks": {"MAIN": "DESK", "DCB_LIB": "DESK", "SHARING": "DESK"},
        "patron_types": {"UNDRGRD": "undergraduate"}, "user_groups": {"undergraduate": "DCB"},
        "item_types": {"BOOK": "book"}, "material_types": {"book": "BOOK"},
    });
    for code in ["01LEND", "01BORROW"] {
        let institution = json!({"name": code, "kind": "alma", "api_key": "none", "settings": settings});
        send(router, "PUT", &format!("/api/v1/institutions/{code}"), institution.to_string()).await;
    }
    let agency = json!({"name": "Borrowing", "institution": "01BORROW", "library": null});
    send(router, "PUT", "/api/v1/agencies/BORROW", agency.to_string()).await;
    let pickup = json!({"name": "Main", "agency": "BORROW", "library": "MAIN", "desk": null});
    send(router, "PUT", "/api/v1/pickup-locations/BORROW-MAIN", pickup.to_string()).await;
    let request = json!({
        "agency": "BORROW", "patron": "jo.reader", "pickup_location": "BORROW-MAIN",
        "copies": [{"institution": "01LEND", "barcode": "1"}],
    });
    let (status, text) = send(router, "POST", "/api/v1/requests?wait=0", request.to_string()).await;
    assert_eq!(status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&text));
    let placed: Value = serde_json::from_slice(&text).unwrap();
    placed["id"].as_str().unwrap().to_owned()
}

async fn send(router: &Router, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Bytes) {
    let call = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap();
    let answer = router.clone().oneshot(call).await.unwrap();
    let status = answer.status();
    (status, to_bytes(answer.into_body(), 1 << 20).await.unwrap())
}

/// Sends the data to a route, which the first byte chooses. The answer must never be a fault of the hub, and a refusal
/// must give a reason.
pub fn api_json(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let (method, path) = ROUTES[usize::from(*choice) % ROUTES.len()];
    let hub = hub().lock();
    let path = path.replace(THERE, &hub.id);
    let (status, text) = hub.runtime.block_on(send(&hub.router, method, &path, body.to_vec()));
    assert!(!status.is_server_error(), "{method} {path}: {status} {}", String::from_utf8_lossy(&text));
    if status.is_client_error() {
        let problem: Value = serde_json::from_slice(&text).expect("a refusal outside its envelope");
        assert!(problem["code"].is_string() && problem["detail"].is_string(), "{problem}");
    }
}
