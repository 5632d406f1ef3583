//! Bodies that the hub's API takes.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use engine::{Engine, Ids, Settings, SystemClock};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use store::{Database, MasterKey, Store};
use tokio::runtime::Runtime;
use tower::ServiceExt;
use web::{ApiKeys, WebState};

const KEY: &str = "a-key-of-the-fuzzing";
/// Where bodies are sent; none of these speaks to a library.
const ROUTES: [(&str, &str); 8] = [
    ("POST", "/api/v1/requests?wait=0"),
    ("PUT", "/api/v1/institutions/01FUZZ"),
    ("PUT", "/api/v1/institutions/01FUZZ/webhook"),
    ("PUT", "/api/v1/agencies/FUZZ"),
    ("PUT", "/api/v1/pickup-locations/FUZZ-MAIN"),
    ("POST", "/api/v1/requests/01980000-0000-7000-8000-000000000000/end"),
    ("POST", "/api/v1/requests/01980000-0000-7000-8000-000000000000/next-supplier"),
    ("POST", "/webhooks/01FUZZ"),
];

struct Hub {
    router: Router,
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
        let router = web::router(WebState::new(Arc::new(engine), keys));
        Mutex::new(Hub { router, runtime, _dir: dir })
    })
}

/// The first byte chooses the route; the answer is never the hub's own fault, and a refusal says why.
pub fn api_json(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let (method, path) = ROUTES[usize::from(*choice) % ROUTES.len()];
    let hub = hub().lock().unwrap_or_else(PoisonError::into_inner);
    let call = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_vec()))
        .unwrap();
    let (status, text) = hub.runtime.block_on(async {
        let answer = hub.router.clone().oneshot(call).await.unwrap();
        let status = answer.status();
        (status, to_bytes(answer.into_body(), 1 << 20).await.unwrap())
    });
    assert!(!status.is_server_error(), "{method} {path}: {status} {}", String::from_utf8_lossy(&text));
    if status.is_client_error() {
        let problem: Value = serde_json::from_slice(&text).expect("a refusal outside its envelope");
        assert!(problem["code"].is_string() && problem["detail"].is_string(), "{problem}");
    }
}
