//! Addresses to which nothing is ever sent.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alma::{Client, ConfigError, Error, Lookup, RefusedAddress, Resolver};
use axum::http::header::CONNECTION;

use crate::fake::{Fake, KEY, builder, fixture, ok, redirect};

/// Resolves every name to the addresses of one lookup after the other, and at last to the last ones.
struct Scripted(Vec<Vec<IpAddr>>, AtomicUsize);

impl Scripted {
    fn new(lookups: &[&[&str]]) -> Arc<Self> {
        let parsed = |lookup: &&[&str]| lookup.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self(lookups.iter().map(parsed).collect(), AtomicUsize::new(0)))
    }
}

impl Resolver for Scripted {
    fn lookup(&self, _: &str) -> Lookup {
        let lookup = self.1.fetch_add(1, Ordering::Relaxed).min(self.0.len() - 1);
        let found = self.0[lookup].clone();
        Box::pin(async move { Ok(found) })
    }
}

/// Returns the address of a fake Alma under a name that only the test's resolver knows.
fn named(fake: &Fake) -> String {
    fake.base.replace("127.0.0.1", "alma.test")
}

fn is_refused(error: &Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.to_string().contains("metadata service") {
            return true;
        }
        source = error.source();
    }
    false
}

#[tokio::test]
async fn name_that_resolves_to_a_metadata_service_later_is_refused_then() {
    let fake = Fake::start(|_, _| {
        let mut answer = ok(&fixture("general.json"));
        // The next call opens a connection of its own, and resolves the name once more.
        answer.headers_mut().insert(CONNECTION, "close".parse().unwrap());
        answer
    })
    .await;
    let resolver = Scripted::new(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let client = builder(&named(&fake)).allow_unencrypted(true).resolver(resolver).build().unwrap();
    client.conf().general().await.unwrap();
    let error = client.conf().general().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && is_refused(&error), "{error:?}");
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn name_with_one_refused_address_is_refused_as_a_whole() {
    let fake = Fake::start(|_, _| ok(&fixture("general.json"))).await;
    for refused in ["169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "::ffff:169.254.169.254"] {
        let resolver = Scripted::new(&[&["127.0.0.1", refused]]);
        let client = builder(&named(&fake)).allow_unencrypted(true).resolver(resolver).build().unwrap();
        let at_entry = client.check_address().await.unwrap_err();
        let address: IpAddr = refused.parse().unwrap();
        assert!(matches!(at_entry, ConfigError::Refused(RefusedAddress(found)) if found == address), "{at_entry}");
        assert!(is_refused(&client.conf().general().await.unwrap_err()), "{refused}");
    }
    assert!(fake.seen().is_empty());
    let resolver = Scripted::new(&[&["127.0.0.1"]]);
    let client = builder(&named(&fake)).allow_unencrypted(true).resolver(resolver).build().unwrap();
    client.check_address().await.unwrap();
    client.conf().general().await.unwrap();
}

#[test]
fn url_with_a_refused_address_is_no_setting() {
    for url in
        ["https://169.254.169.254", "http://0.0.0.0:8081", "https://[fe80::1]", "https://[::ffff:169.254.169.254]"]
    {
        let built = Client::builder(url, KEY.to_owned().into()).allow_unencrypted(true).build();
        assert!(matches!(built, Err(ConfigError::Refused(_))), "{url}");
    }
}

#[tokio::test]
async fn redirect_to_a_metadata_service_is_not_followed() {
    let fake = Fake::start(|_, _| redirect("http://169.254.169.254/latest/meta-data/")).await;
    let error = fake.client().items().by_barcode(&"1".into()).await.unwrap_err();
    assert!(matches!(error, Error::InvalidResponse { .. }), "{error:?}");
    assert_eq!(fake.seen().len(), 1);
}
