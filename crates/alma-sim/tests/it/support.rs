//! A simulator on a port, and a caller that checks nothing.

use alma_sim::{Server, Sim, SimClock, SimOptions, Staff, presets};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

pub(crate) const INST: &str = "01TST_INST";
pub(crate) const KEY: &str = "key-t";
pub(crate) const DESK: &str = "DEFAULT_CIRC_DESK";
pub(crate) const BOOK: &str = "01TST-M001";
pub(crate) const OTHER_BOOK: &str = "01TST-M002";

pub(crate) fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// An answer, read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// HTTP status and Alma's code.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let code = self.json()["errorList"]["error"][0]["errorCode"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), code)
    }
}

pub(crate) struct TestAlma {
    pub(crate) server: Server,
    pub(crate) client: Client,
}

impl TestAlma {
    pub(crate) async fn new() -> TestAlma {
        TestAlma::with(SimOptions { clock: SimClock::Stepped(noon()), ..SimOptions::default() }).await
    }

    pub(crate) async fn with(options: SimOptions) -> TestAlma {
        let sim = Sim::new(&options);
        sim.add_institution(presets::university(INST, KEY)).unwrap();
        let server = Server::start(sim, ([127, 0, 0, 1], 0).into()).await.unwrap();
        TestAlma { server, client: client() }
    }

    pub(crate) fn staff(&self) -> Staff {
        self.server.sim().staff(INST).unwrap()
    }

    pub(crate) fn sim(&self) -> &Sim {
        self.server.sim()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.base_url())
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }

    /// A call of the API with the key and JSON; `path` is below `/almaws/v1`.
    pub(crate) async fn try_call(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Answer> {
        let url = self.url(&format!("/almaws/v1{path}"));
        let request = self.client.request(method, url).header("authorization", format!("apikey {KEY}"));
        let request = request.header("accept", "application/json");
        self.send(match body {
            Some(Value::String(xml)) => request.header("content-type", "application/xml").body(xml),
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.try_call(method, path, body).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Path of an item of the preset.
    pub(crate) fn item_path(&self, barcode: &str) -> String {
        let item = self.staff().item(barcode).unwrap();
        format!("/bibs/{}/holdings/{}/items/{}", item.mms_id, item.holding_id, item.pid)
    }
}

pub(crate) fn noon() -> jiff::Timestamp {
    "2026-03-04T12:00:00Z".parse().unwrap()
}
