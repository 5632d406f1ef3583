//! Limits on the calls of a key and of a client address.

use std::num::NonZeroU32;

use reqwest::Method;
use web::{Proxies, Rate, RateLimits, WebState};

use crate::harness::{Answer, Hub};

/// The number of calls within which a test must meet a limit of three, however slow the machine is.
const MANY: usize = 200;

fn few() -> Option<Rate> {
    Some(Rate { per_second: NonZeroU32::MIN, burst: NonZeroU32::new(3).unwrap() })
}

async fn hub(limits: RateLimits, proxies: &[&str]) -> Hub {
    let proxies =
        Proxies { addresses: proxies.iter().map(|address| address.parse().unwrap()).collect(), ..Proxies::default() };
    Hub::start_with(|state: WebState| state.with_limits(limits).with_proxies(proxies)).await
}

/// Makes calls until one is refused. Returns the number of those before and the refusal.
async fn until_refused(hub: &Hub, call: impl Fn() -> reqwest::RequestBuilder) -> Option<(usize, Answer)> {
    for made in 0..MANY {
        let answer = hub.send(call()).await;
        if answer.status == 429 {
            return Some((made, answer));
        }
    }
    None
}

#[tokio::test]
async fn key_that_makes_too_many_calls_is_refused_with_the_time_to_wait() {
    let hub = hub(RateLimits { per_key: few(), ..RateLimits::default() }, &[]).await;
    let (made, refused) = until_refused(&hub, || hub.call(Method::GET, "/api/v1/agencies")).await.unwrap();
    assert!(made >= 3, "{made}");
    refused.is_problem(429, "TOO_MANY_CALLS");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    for open in ["/health", "/health/live", "/api/openapi.json"] {
        assert_eq!(hub.get(open).await.status, 200, "{open} needs no key");
    }
}

#[tokio::test]
async fn each_client_behind_a_named_proxy_has_its_own_limit() {
    let hub = hub(RateLimits { per_address: few(), ..RateLimits::default() }, &["127.0.0.1"]).await;
    let from = |client: &str, path: &str| hub.call(Method::GET, path).header("X-Forwarded-For", client);
    let (made, refused) = until_refused(&hub, || from("192.0.2.7", "/api/v1/agencies")).await.unwrap();
    assert!(made >= 3, "{made}");
    refused.is_problem(429, "TOO_MANY_CALLS");
    assert_eq!(hub.send(from("192.0.2.8", "/api/v1/agencies")).await.status, 200);
    // What the client itself put before its address changes nothing.
    let (made, _) = until_refused(&hub, || from("203.0.113.1, 192.0.2.9", "/health")).await.unwrap();
    assert!(made >= 3, "{made}");
    assert!(until_refused(&hub, || from("192.0.2.9", "/health/live")).await.is_none(), "a probe is never refused");
    assert!(until_refused(&hub, || from("192.0.2.9", "/health/ready")).await.is_none());
    // Wrong keys count too.
    let wrong = || hub.http.get(format!("{}/api/v1/agencies", hub.base)).bearer_auth("wrong");
    assert!(until_refused(&hub, || wrong().header("X-Forwarded-For", "192.0.2.10")).await.is_some());
    // The proxy itself and webhook messages don't count for it.
    assert!(until_refused(&hub, || hub.call(Method::GET, "/api/v1/agencies")).await.is_none());
    let message = || hub.http.post(format!("{}/webhooks/01BORROW", hub.base)).header("X-Forwarded-For", "192.0.2.7");
    assert!(until_refused(&hub, message).await.is_none());
}

#[tokio::test]
async fn address_that_an_unknown_proxy_names_is_not_believed() {
    let hub = hub(RateLimits { per_address: few(), ..RateLimits::default() }, &["10.0.0.1"]).await;
    let call = || hub.call(Method::GET, "/api/v1/agencies").header("X-Forwarded-For", "192.0.2.7");
    assert!(until_refused(&hub, call).await.is_none(), "the call comes from this machine, which has no limit");
}

#[tokio::test]
async fn webhook_messages_have_a_limit_of_their_own() {
    let limits = RateLimits { per_address: few(), webhooks: few(), ..RateLimits::default() };
    let hub = hub(limits, &["127.0.0.1"]).await;
    let message = || hub.http.post(format!("{}/webhooks/01BORROW", hub.base)).header("X-Forwarded-For", "192.0.2.7");
    let (made, _) = until_refused(&hub, message).await.unwrap();
    assert!(made >= 3, "{made}");
    let call = hub.call(Method::GET, "/api/v1/agencies").header("X-Forwarded-For", "192.0.2.7");
    assert_eq!(hub.send(call).await.status, 200);
}
