//! Refuses addresses at which no library has its system: the machine's own network segment, and the services from which a
//! machine in a cloud reads its credentials.
//!
//! Whoever may set an institution's URL could otherwise let the hub read from there. A name is checked each time that it
//! is resolved, since it may resolve to another address later (DNS rebinding). Loopback and private addresses are allowed:
//! simulated Almas, and proxies in a library's own network, have such addresses.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The addresses of metadata services outside the link-local networks: Amazon (over IPv6), Google (over IPv6), Alibaba,
/// Oracle and Azure, by the documentation of each.
const METADATA: [IpAddr; 5] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// The addresses of a host, or why there are none.
pub type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolves names of hosts in place of the machine's resolver.
pub trait Resolver: Send + Sync {
    /// Returns the addresses of a host.
    fn lookup(&self, host: &str) -> Lookup;
}

/// The host has an address at which no library's system is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the host has the address {0}, which is link-local, unspecified, multicast or that of a cloud's metadata service; no \
     library system is there, so nothing is sent to it"
)]
pub struct RefusedAddress(pub IpAddr);

/// Returns whether nothing is ever sent to an address.
pub fn is_refused(address: IpAddr) -> bool {
    if METADATA.contains(&address) {
        return true;
    }
    match address {
        IpAddr::V4(address) => {
            // 0.0.0.0/8 is "this host on this network" (RFC 1122), which Linux connects to itself.
            address.octets()[0] == 0 || address.is_link_local() || address.is_multicast() || address.is_broadcast()
        }
        IpAddr::V6(address) => {
            address.is_unspecified()
                || address.is_unicast_link_local()
                || address.is_multicast()
                || embedded(address).is_some_and(|embedded| is_refused(IpAddr::V4(embedded)))
        }
    }
}

/// Returns the IPv4 address that an IPv6 address leads to: mapped or compatible (RFC 4291), translated by NAT64 (RFC 6052)
/// or tunnelled by 6to4 (RFC 3056).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // The loopback address has the form of a compatible one.
        [0, 0, 0, 0, 0, 0, 0, 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        _ => None,
    }
}

/// Checks the host of a URL that is an address itself; names are checked when they are resolved.
pub(crate) fn check_literal(url: &Url) -> Result<(), RefusedAddress> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if is_refused(address) { Err(RefusedAddress(address)) } else { Ok(()) }
}

/// The resolver of the HTTP client. A name with one refused address is refused as a whole: which of several addresses is
/// used would be chance.
#[derive(Clone)]
pub(crate) struct CheckedResolver(pub(crate) Option<Arc<dyn Resolver>>);

impl CheckedResolver {
    /// Returns the addresses of a host.
    pub(crate) async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = match &self.0 {
            Some(resolver) => resolver.lookup(host).await?,
            None => tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect(),
        };
        match found.iter().find(|address| is_refused(**address)) {
            Some(refused) => Err(io::Error::other(RefusedAddress(*refused))),
            None => Ok(found),
        }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.lookup(name.as_str()).await?;
            // The client puts the URL's port in place of 0.
            let addresses = found.into_iter().map(|address| SocketAddr::new(address, 0));
            let addresses: Addrs = Box::new(addresses);
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_and_metadata_addresses_are_refused_in_every_notation() {
        for refused in [
            "169.254.169.254",
            "169.254.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(is_refused(refused.parse().unwrap()), "{refused}");
        }
        for allowed in [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "10.0.0.7",
            "192.168.1.1",
            "fd00::1",
            "93.184.216.34",
            "2001:db8::1",
            "64:ff9b::93.184.216.34",
        ] {
            assert!(!is_refused(allowed.parse().unwrap()), "{allowed}");
        }
    }

    #[test]
    fn address_in_a_url_is_found_whatever_its_notation() {
        for url in [
            "http://169.254.169.254/almaws/v1",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://0251.0376.0251.0376/",
            "http://169.254.43518/",
            "http://0/",
            "https://[fe80::1]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://[fd00:ec2::254]:8443/",
        ] {
            assert!(check_literal(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
        for url in ["http://127.0.0.1:8081", "https://api-eu.hosted.exlibrisgroup.com", "http://[::1]/"] {
            assert!(check_literal(&Url::parse(url).unwrap()).is_ok(), "{url}");
        }
    }
}
