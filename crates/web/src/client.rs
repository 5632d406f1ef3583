//! The address of a call's client. A reverse proxy names it in a header, which is believed only from named proxies, since
//! anybody can send such a header.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderMap;

/// The header in which proxies name the client. Only one is believed: a proxy leaves the other one as the client sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, the usual one.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The reverse proxies whose header about the client is believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Their addresses.
    pub addresses: Vec<IpAddr>,
    /// The header that they set.
    pub header: ForwardedHeader,
}

/// The address of the client that made a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Returns the address for which a call counts. An IPv6 client has a network of 64 bits to itself. Calls of this
    /// machine count for none: behind a proxy that isn't named, all clients would share its address.
    pub fn counted(self) -> Option<IpAddr> {
        match self.0 {
            address if address.is_loopback() => None,
            IpAddr::V4(_) => Some(self.0),
            IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()),
        }
    }
}

/// Adds the client's address to a call, if the server knows the peer's.
pub(crate) fn identify(proxies: &Proxies, call: &mut Request) {
    if let Some(ConnectInfo(peer)) = call.extensions().get::<ConnectInfo<SocketAddr>>() {
        let address = ClientAddress(proxies.client(peer.ip(), call.headers()));
        call.extensions_mut().insert(address);
    }
}

impl Proxies {
    /// Returns whether this is the address of a named proxy.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|proxy| proxy.to_canonical() == address)
    }

    /// Returns the address of the client behind `peer`. Each proxy adds the address from which it got the call at the end,
    /// so the client's is the last one that is no proxy's. Everything before it may be invented.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.contain(client) {
            return client;
        }
        for named in self.forwarded(headers).into_iter().rev() {
            if !self.contain(client) {
                break;
            }
            match named {
                Some(named) => client = named,
                // A proxy that hides the client's address.
                None => break,
            }
        }
        client
    }

    /// Returns the addresses that the header names, in order; `None` in place of one that can't be read.
    fn forwarded(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let (name, read): (_, fn(&str) -> Option<IpAddr>) = match self.header {
            ForwardedHeader::XForwardedFor => ("x-forwarded-for", address),
            ForwardedHeader::Forwarded => ("forwarded", |element| {
                let parameters = element.split(';').filter_map(|parameter| parameter.split_once('='));
                let mut named = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
                address(named.next()?.1)
            }),
        };
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(read).collect()
    }
}

/// Reads an address with or without a port, in quotes or brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    plain.or_else(with_port).or_else(in_brackets).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(proxies: &Proxies, peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        proxies.client(ip(peer), &map).to_string()
    }

    #[test]
    fn header_is_believed_from_named_proxies_only() {
        let proxies = Proxies { addresses: vec![ip("10.0.0.1"), ip("10.0.0.2")], ..Proxies::default() };
        let named = |peer, value| client(&proxies, peer, &[("x-forwarded-for", value)]);
        assert_eq!(named("10.0.0.1", "192.0.2.7"), "192.0.2.7");
        assert_eq!(named("::ffff:10.0.0.1", "192.0.2.7"), "192.0.2.7");
        assert_eq!(named("198.51.100.9", "192.0.2.7"), "198.51.100.9", "anybody can send the header");
        assert_eq!(named("10.0.0.1", "203.0.113.1, 192.0.2.7"), "192.0.2.7", "the client invented the first");
        assert_eq!(named("10.0.0.1", "203.0.113.1, 192.0.2.7, 10.0.0.2"), "192.0.2.7", "two proxies");
        assert_eq!(named("10.0.0.1", "192.0.2.7:4711"), "192.0.2.7");
        assert_eq!(named("10.0.0.1", "[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(named("10.0.0.1", "192.0.2.7, nonsense"), "10.0.0.1");
        assert_eq!(client(&proxies, "10.0.0.1", &[]), "10.0.0.1");
        let twice = [("x-forwarded-for", "203.0.113.1"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(client(&proxies, "10.0.0.1", &twice), "192.0.2.7");
        let other = [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=203.0.113.1")];
        assert_eq!(client(&proxies, "10.0.0.1", &other), "192.0.2.7", "a proxy leaves the other header as it is");
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_writes_it() {
        let proxies = Proxies { addresses: vec![ip("10.0.0.1")], header: ForwardedHeader::Forwarded };
        let named = |value| client(&proxies, "10.0.0.1", &[("forwarded", value)]);
        assert_eq!(named("for=192.0.2.60;proto=http;by=203.0.113.43"), "192.0.2.60");
        assert_eq!(named(r#"For="[2001:db8:cafe::17]:4711""#), "2001:db8:cafe::17");
        assert_eq!(named("for=203.0.113.1, for=198.51.100.17"), "198.51.100.17");
        assert_eq!(named("for=_hidden"), "10.0.0.1");
        let other = [("x-forwarded-for", "203.0.113.1")];
        assert_eq!(client(&proxies, "10.0.0.1", &other), "10.0.0.1");
    }

    #[test]
    fn network_of_an_ipv6_client_counts_as_one_and_this_machine_as_none() {
        let counted = |text| ClientAddress(ip(text)).counted();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), counted("2001:db8:1:2::9"));
        assert_ne!(counted("2001:db8:1:2::9"), counted("2001:db8:1:3::9"));
        assert_eq!(counted("127.0.0.1"), None);
        assert_eq!(counted("192.0.2.7"), Some(ip("192.0.2.7")));
    }
}
