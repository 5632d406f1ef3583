//! Refuses addresses to which the hub sends no messages. Whoever may make a subscription could otherwise let the hub call
//! services in its own network.
//!
//! A name is checked each time that it is resolved, since it may resolve to another address later (DNS rebinding).

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The reason why an address can't be that of a subscription.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadAddress {
    /// It is no URL that the hub can call.
    #[error("This is no address of the form https://events.example.org/path, without a user and a fragment.")]
    NoUrl,
    /// Messages would be sent in the clear.
    #[error("The address must begin with https:// unless a consortium admin makes the subscription.")]
    NotEncrypted,
    /// The host has an address to which nothing is sent.
    #[error(
        "The host has the address {0}, to which the hub sends nothing: it is private, or that of a metadata service. \
             A consortium admin may make a subscription with a private address."
    )]
    Refused(IpAddr),
}

/// Checks the URL of a subscription. Names are checked when they are resolved.
///
/// # Errors
///
/// The hub sends nothing there.
pub fn check_url(text: &str, private_allowed: bool) -> Result<Url, BadAddress> {
    let url = Url::parse(text).map_err(|_| BadAddress::NoUrl)?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "https" | "http") || !is_plain || url.host().is_none() {
        return Err(BadAddress::NoUrl);
    }
    if url.scheme() == "http" && !private_allowed {
        return Err(BadAddress::NotEncrypted);
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) | None => None,
    };
    match literal.filter(|address| is_refused(*address, private_allowed)) {
        Some(address) => Err(BadAddress::Refused(address)),
        None => Ok(url),
    }
}

fn is_refused(address: IpAddr, private_allowed: bool) -> bool {
    alma::is_refused_address(address) || !private_allowed && is_private(address)
}

/// Returns whether an address belongs to the machine itself or to a network of its own.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            // 100.64.0.0/10 is shared address space (RFC 6598), 198.18.0.0/15 for benchmarks, 240.0.0.0/4 reserved.
            let is_shared = a == 100 && (64..128).contains(&b) || a == 198 && (18..20).contains(&b) || a >= 240;
            address.is_loopback() || address.is_private() || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || embedded(address).is_some_and(is_private)
        }
    }
}

/// Returns the IPv4 address that an IPv6 address leads to: mapped, by NAT64 or by 6to4.
fn embedded(address: Ipv6Addr) -> Option<IpAddr> {
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(IpAddr::from([a, b, c, d]))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        _ => None,
    }
}

/// Finds the addresses of names.
pub(crate) trait Lookup: Clone + Send + Sync + 'static {
    /// Returns the addresses of a name.
    fn addresses(&self, name: &str) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// The name service of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemLookup;

impl Lookup for SystemLookup {
    async fn addresses(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.collect())
    }
}

/// The resolver of the HTTP client. A name with one refused address is refused as a whole.
pub(crate) struct CheckedResolver<L> {
    pub(crate) private_allowed: bool,
    pub(crate) lookup: L,
}

impl<L: Lookup> Resolve for CheckedResolver<L> {
    fn resolve(&self, name: Name) -> Resolving {
        let (private_allowed, lookup) = (self.private_allowed, self.lookup.clone());
        Box::pin(async move {
            let found = lookup.addresses(name.as_str()).await?;
            if let Some(refused) = found.iter().find(|address| is_refused(address.ip(), private_allowed)) {
                return Err(io::Error::other(BadAddress::Refused(refused.ip())).into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_refused_unless_they_are_allowed() {
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "[::1]",
            "[fd12::1]",
            "[::ffff:10.0.0.1]",
        ] {
            let url = format!("https://{host}/events");
            assert!(matches!(check_url(&url, false), Err(BadAddress::Refused(_))), "{host}");
            assert!(check_url(&url, true).is_ok(), "{host}");
        }
        for host in ["169.254.169.254", "0.0.0.0", "[fd00:ec2::254]"] {
            assert!(matches!(check_url(&format!("https://{host}/"), true), Err(BadAddress::Refused(_))), "{host}");
        }
    }

    #[test]
    fn only_encrypted_addresses_without_a_user_are_accepted() {
        assert!(check_url("https://events.example.org/consort?from=hub", false).is_ok());
        assert_eq!(check_url("http://events.example.org/", false), Err(BadAddress::NotEncrypted));
        for bad in
            ["events.example.org", "ftp://example.org/", "https://me:secret@example.org/", "https://example.org/#a", ""]
        {
            assert_eq!(check_url(bad, true), Err(BadAddress::NoUrl), "{bad}");
        }
    }
}
