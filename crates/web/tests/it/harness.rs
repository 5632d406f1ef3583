//! A hub that serves its API on a loopback port, and fake Almas that have a few users and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use availability::Availability;
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use catalogue::Catalogue;
use deliveries::Deliveries;
use engine::{Backoff, Engine, Ids, Settings, SystemClock};
use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use store::{Database, MasterKey, Store};
use tokio::net::TcpListener;
use web::{ApiKeys, WebState};

pub(crate) const KEY: &str = "key-of-the-discovery-system";
pub(crate) const ALMA_KEY: &str = "key-of-the-library-system";
/// No service listens on port 1 of this machine.
pub(crate) const DEAD: &str = "http://127.0.0.1:1";

pub(crate) struct Hub {
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) store: Store,
    database: Database,
    _dir: Arc<tempfile::TempDir>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

/// Returns the key that most tests use: a consortium admin's.
fn usual_keys() -> ApiKeys {
    ApiKeys::new([("discovery".to_owned(), KEY.into())])
}

impl Hub {
    pub(crate) async fn start() -> Self {
        Self::start_with(|state| state).await
    }

    /// Starts a hub whose API `change` has changed.
    pub(crate) async fn start_with(change: impl FnOnce(WebState) -> WebState) -> Self {
        Self::started(usual_keys(), change).await
    }

    /// Starts a hub with these keys. Its own calls use [`KEY`].
    pub(crate) async fn with_keys(keys: ApiKeys) -> Self {
        Self::started(keys, |state| state).await
    }

    /// Starts a hub with these keys, whose API `change` has changed.
    pub(crate) async fn with_keys_and(keys: ApiKeys, change: impl FnOnce(WebState) -> WebState) -> Self {
        Self::started(keys, change).await
    }

    async fn started(keys: ApiKeys, change: impl FnOnce(WebState) -> WebState) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(dir.path().join("consort.db"));
        Self::node("hub", database, Arc::new(dir), None, keys, |state, _| change(state)).await
    }

    /// Starts a hub with this catalogue, whose titles have live availability.
    pub(crate) async fn with_catalogue(catalogue: Catalogue) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let database = Database::Sqlite(dir.path().join("consort.db"));
        let with_both = |state: WebState, engine: &Engine| {
            let (runtime, systems) = engine.shared();
            let availability = Availability::new(runtime, systems, availability::Settings::default());
            state.with_catalogue(catalogue).with_availability(Arc::new(availability))
        };
        Self::node("hub", database, dir, None, usual_keys(), with_both).await
    }

    /// Starts a hub on a PostgreSQL database.
    pub(crate) async fn start_on_postgres() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let database = Database::Postgres(pg_cluster::test_database("web").await.unwrap().into());
        Self::node("hub", database, dir, None, usual_keys(), |state, _| state).await
    }

    /// Starts another node of this hub. On SQLite it shares the open store, since no other process may open it.
    pub(crate) async fn second_node(&self) -> Self {
        let store = match &self.database {
            Database::Sqlite(_) => Some(self.store.clone()),
            Database::Postgres(_) => None,
        };
        Self::node("second", self.database.clone(), Arc::clone(&self._dir), store, usual_keys(), |state, _| state).await
    }

    async fn node(
        name: &str,
        database: Database,
        dir: Arc<tempfile::TempDir>,
        store: Option<Store>,
        keys: ApiKeys,
        change: impl FnOnce(WebState, &Engine) -> WebState,
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut rng = StdRng::seed_from_u64(1);
        let key = MasterKey::generate(&mut rng);
        let store = match store {
            Some(store) => store,
            None => Store::open(&database, key, rng).await.unwrap(),
        };
        let settings = Settings {
            node: name.to_owned(),
            backoff: Backoff { initial: Duration::from_millis(5), max: Duration::from_millis(50) },
            ..Settings::default()
        };
        let ids = Ids::seeded(if name == "hub" { 1 } else { 2 });
        let engine = Arc::new(Engine::new(store.clone(), settings, Arc::new(SystemClock::default()), ids));
        let router = web::router(change(WebState::new(Arc::clone(&engine), keys), &engine)).unwrap();
        let deliveries = Deliveries::new(Arc::clone(&engine), name).unwrap();
        tokio::spawn(Arc::new(deliveries).run(std::future::pending()));
        tokio::spawn(engine.run(std::future::pending()));
        let base = serve(router).await;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { base, http, store, database, _dir: dir }
    }

    /// Starts a hub with a borrower whose Alma is at `borrower`, and a lender whose Alma is down.
    pub(crate) async fn with_institutions(borrower: &str) -> Self {
        Self::start().await.set_up(borrower).await
    }

    /// Sets up a borrower whose Alma is at `borrower`, and a lender whose Alma is down.
    pub(crate) async fn set_up(self, borrower: &str) -> Self {
        let hub = self;
        for (path, body) in [
            ("institutions/01BORROW", institution(borrower)),
            ("institutions/01LEND", institution(DEAD)),
            ("agencies/BORROW", json!({"name": "Borrowing College", "institution": "01BORROW"})),
            ("pickup-locations/DESK", json!({"name": "Main Library", "agency": "BORROW", "library": "MAIN"})),
        ] {
            let answer = hub.put(&format!("/api/v1/{path}"), &body).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
        }
        hub
    }

    /// Makes a call, and compares its answer with the OpenAPI document.
    pub(crate) async fn send(&self, call: reqwest::RequestBuilder) -> Answer {
        let call = call.build().unwrap();
        let (method, path) = (call.method().to_string(), call.url().path().to_owned());
        let answer = self.http.execute(call).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let answer = Answer { status, headers, text, body };
        crate::contract::check(&method, &path, &answer);
        answer
    }

    /// Creates a call with the key, without sending it.
    pub(crate) fn call(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(KEY)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.call(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.call(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.call(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.call(Method::PUT, path).json(body)).await
    }

    /// Sends a `PUT` whose path clients would change. Returns the raw answer.
    pub(crate) async fn put_raw(&self, path: &str, body: &Value) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (host, body) = (self.base.trim_start_matches("http://"), body.to_string());
        let call = format!(
            "PUT {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut connection = tokio::net::TcpStream::connect(host).await.unwrap();
        connection.write_all(call.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Reads a request after each of its changes, until `holds` holds.
    pub(crate) async fn until(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let read = async {
            let mut known = 0;
            loop {
                let body = self.get(&format!("{path}?after_version={known}&wait=30")).await.body;
                if holds(&body) {
                    return body;
                }
                known = body["version"].as_u64().unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), read).await.unwrap()
    }

    /// Places a request without waiting for the patron's library. Returns its id.
    pub(crate) async fn placed(&self, patron: &str, barcode: &str) -> String {
        let answer = self.post("/api/v1/requests?wait=0", &placement(patron, barcode)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body["id"].as_str().unwrap().to_owned()
    }
}

impl Answer {
    /// Checks that the answer is a problem in the envelope, with this status and code.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        assert_eq!(self.body["status"], status, "{}", self.text);
        assert_eq!(self.body["code"], code, "{}", self.text);
        assert_eq!(self.body["type"], "about:blank");
        assert!(!self.body["title"].as_str().unwrap().is_empty());
        assert!(self.body["detail"].as_str().unwrap().len() > 15, "{}", self.text);
        self
    }

    /// Returns the fields and codes of `errors`, in order.
    #[track_caller]
    pub(crate) fn errors(&self) -> Vec<(&str, &str)> {
        let errors = self.body["errors"].as_array().unwrap();
        errors.iter().map(|error| (error["field"].as_str().unwrap(), error["code"].as_str().unwrap())).collect()
    }
}

pub(crate) async fn serve(router: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    base
}

/// Starts an Alma that has the users `reader` and `northern` (of the campus NORTH), who may borrow, and `blocked`.
pub(crate) async fn alma_with_users() -> String {
    let desks = "/almaws/v1/conf/libraries/{library}/circ-desks/{desk}";
    serve(axum::Router::new().route("/almaws/v1/users/{id}", get(user)).route(desks, get(desk))).await
}

async fn desk(Path((_, desk)): Path<(String, String)>) -> Response {
    Json(json!({"code": desk, "name": "Desk", "has_hold_shelf": "true"})).into_response()
}

async fn user(Path(id): Path<String>) -> Response {
    let blocks = match id.as_str() {
        "reader" | "northern" => json!([]),
        "blocked" => json!([{
            "block_type": {"value": "GENERAL"}, "block_description": {"value": "02", "desc": "Unpaid bill"},
            "block_status": "ACTIVE",
        }]),
        _ => {
            let error = json!({"errorCode": "401861", "errorMessage": "User with identifier was not found."});
            let body = json!({"errorsExist": true, "errorList": {"error": [error]}});
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        }
    };
    let campus = if id == "northern" { "NORTH" } else { "" };
    Json(json!({
        "campus_code": {"value": campus}, "primary_id": id, "first_name": "Sample", "last_name": "Reader", "status": {"value": "ACTIVE"},
        "user_group": {"value": "UNDRGRD"}, "expiry_date": "2099-09-30Z", "account_type": {"value": "INTERNAL"},
        "record_type": {"value": "PUBLIC"}, "user_block": blocks, "user_identifier": [],
        "contact_info": {"address": [], "email": [], "phone": []},
    }))
    .into_response()
}

/// Returns an institution whose Alma is at `base_url`.
pub(crate) fn institution(base_url: &str) -> Value {
    json!({"name": "A College", "kind": "alma", "api_key": ALMA_KEY, "settings": {
        "base_url": base_url, "sharing_library": "SHARING", "virtual_library": "DCB_LIB",
        "virtual_location": "dcbvirtual", "virtual_item_policy": "DCB",
        "circulation_desks": {"MAIN": "DESK", "DCB_LIB": "DESK"},
        "patron_types": {"UNDRGRD": "undergraduate"}, "user_groups": {"undergraduate": "DCB"},
        "item_types": {"BOOK": "book"}, "material_types": {"book": "BOOK"},
    }})
}

/// Returns a request of `patron` for a copy of the lender.
pub(crate) fn placement(patron: &str, barcode: &str) -> Value {
    json!({
        "agency": "BORROW", "patron": patron, "pickup_location": "DESK",
        "copies": [{"institution": "01LEND", "barcode": barcode}],
    })
}

/// An Alma that answers every call with 401 once it is open, and records the key of each.
pub(crate) struct Recording {
    pub(crate) base: String,
    seen: Arc<parking_lot::Mutex<Vec<(String, String)>>>,
    arrived: Arc<tokio::sync::Semaphore>,
    gate: Arc<tokio::sync::Semaphore>,
}

impl Recording {
    /// Starts an Alma that answers at once.
    pub(crate) async fn start() -> Self {
        let alma = Self::start_closed().await;
        alma.open();
        alma
    }

    /// Starts an Alma that keeps every call waiting until [`Recording::open`].
    pub(crate) async fn start_closed() -> Self {
        let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let (arrived, gate) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::new(tokio::sync::Semaphore::new(0)));
        let (kept, came, waits) = (Arc::clone(&seen), Arc::clone(&arrived), Arc::clone(&gate));
        let answer = async move |call: axum::extract::Request| {
            let key = call.headers().get("authorization").map(|key| key.to_str().unwrap().to_owned());
            kept.lock().push((call.uri().to_string(), key.unwrap_or_default()));
            came.add_permits(1);
            let _open = waits.acquire().await.unwrap();
            StatusCode::UNAUTHORIZED
        };
        let base = serve(axum::Router::new().fallback(answer)).await;
        Self { base, seen, arrived, gate }
    }

    pub(crate) fn open(&self) {
        self.gate.add_permits(1_000);
    }

    /// Waits for one more call.
    pub(crate) async fn called(&self) {
        let arrived = tokio::time::timeout(Duration::from_secs(30), self.arrived.acquire()).await;
        assert!(arrived.is_ok(), "no call came within 30 s");
        arrived.unwrap().unwrap().forget();
    }

    /// Returns the number of calls.
    pub(crate) fn calls(&self) -> usize {
        self.seen.lock().len()
    }

    /// Returns whether any call carried this key.
    pub(crate) fn got_key(&self, key: &str) -> bool {
        self.seen.lock().iter().any(|(_, sent)| sent.contains(key))
    }
}
