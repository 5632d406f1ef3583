//! The simulator on a port.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::api::ApiCall;
use crate::control;
use crate::sim::Sim;

/// The largest body that is read, in bytes.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// The REST API and the staff actions.
pub fn router(sim: Sim) -> Router {
    Router::new()
        .route("/sim/{institution}/state", get(control::state))
        .route("/sim/{institution}/calls", get(control::calls))
        .route("/sim/{institution}/scan-in", post(control::scan_in))
        .route("/sim/{institution}/return", post(control::scan_in))
        .route("/sim/{institution}/loan", post(control::lend))
        .route("/sim/{institution}/requests/{request}/cancel", post(control::cancel))
        .route("/sim/{institution}/items/{barcode}/mark", post(control::mark))
        .route("/sim/{institution}/users/{user}/blocks", post(control::block))
        .fallback(any(rest))
        .with_state(sim)
}

async fn rest(State(sim): State<Sim>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if !parts.uri.path().starts_with("/almaws/v1") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let text = |name: &str| text_of(&parts.headers, name);
    let key = text("authorization").and_then(|value| value.strip_prefix("apikey ").map(|key| key.trim().to_owned()));
    let host = text(header::HOST.as_str()).unwrap_or_else(|| "localhost".to_owned());
    let call = ApiCall {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        key,
        accept: text("accept"),
        content_type: text("content-type"),
        user_password: text("exl-user-pw"),
        base: format!("http://{host}"),
        body: body.to_vec(),
    };
    let answer = sim.call(&call);
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// A simulator that listens; it stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    sim: Sim,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens at an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address can't be listened at.
    pub async fn start(sim: Sim, address: SocketAddr) -> std::io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let router = router(sim.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the simulator stopped");
            }
        });
        Ok(Server { address, sim, task })
    }

    /// Where it listens.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it serves.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
