//! Checks the address of an Alma's API when settings are read.

use url::{Host, Url};

use crate::addresses;
use crate::error::ConfigError;

const API: &str = "/almaws/v1";

/// Returns the origin of a URL from settings (scheme, host and port), or `None` if no client can be built with it.
///
/// An API key belongs to an origin: a caller that stores both must not combine the key with another origin.
pub fn origin(base_url: &str) -> Option<String> {
    parse(base_url, true).ok().map(|url| url.origin().ascii_serialization())
}

/// Normalises a URL from settings, or returns the reason why it can't be used. The result has no slash at its end.
/// `http://` is allowed for this machine itself, and for others only if `unencrypted` is set.
pub(crate) fn parse(text: &str, unencrypted: bool) -> Result<Url, ConfigError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ConfigError::BlankUrl);
    }
    let mut url = Url::parse(text).map_err(ConfigError::BadUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ConfigError::Scheme);
    }
    addresses::check_literal(&url)?;
    if url.scheme() == "http" && !unencrypted && !is_this_machine(&url) {
        return Err(ConfigError::Unencrypted);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError::Unexpected("a user or password"));
    }
    if url.query().is_some() {
        return Err(ConfigError::Unexpected("a query"));
    }
    if url.fragment().is_some() {
        return Err(ConfigError::Unexpected("a fragment"));
    }
    let path = api_path(url.path()).ok_or(ConfigError::Path)?;
    url.set_path(&path);
    Ok(url)
}

/// Returns whether requests to the URL don't leave this machine. `localhost` and names under it are loopback (RFC
/// 6761).
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Returns the API's path for the path of a URL from settings. The part before `/almaws` belongs to a proxy.
fn api_path(path: &str) -> Option<String> {
    let path = path.trim_end_matches('/');
    let lower = path.to_ascii_lowercase();
    if path.is_empty() {
        Some(API.to_owned())
    } else if lower.ends_with(API) {
        Some(format!("{}{API}", &path[..path.len() - API.len()]))
    } else if lower.ends_with("/almaws") {
        Some(format!("{}{API}", &path[..path.len() - "/almaws".len()]))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_as_people_write_them_are_put_right() {
        for text in [
            "https://api-eu.hosted.exlibrisgroup.com",
            " https://api-eu.hosted.exlibrisgroup.com \n",
            "https://api-eu.hosted.exlibrisgroup.com/",
            "HTTPS://API-EU.hosted.ExLibrisGroup.com/almaws/v1",
            "https://api-eu.hosted.exlibrisgroup.com/almaws/v1/",
            "https://api-eu.hosted.exlibrisgroup.com/Almaws",
            "https://api-eu.hosted.exlibrisgroup.com:443",
        ] {
            assert_eq!(
                parse(text, false).unwrap().as_str(),
                "https://api-eu.hosted.exlibrisgroup.com/almaws/v1",
                "{text}"
            );
        }
        assert_eq!(parse("https://proxy:8080/alma/almaws/v1", false).unwrap().path(), "/alma/almaws/v1");
    }

    #[test]
    fn urls_that_cannot_be_the_api_are_refused_with_the_reason() {
        let reason = |text| parse(text, false).unwrap_err().to_string();
        assert!(reason("  ").contains("blank"));
        assert!(reason("ftp://api-eu.hosted.exlibrisgroup.com").contains("must begin with https://"));
        assert!(reason("api-eu.hosted.exlibrisgroup.com").contains("can't be read"));
        assert!(reason("https://inst.alma.exlibrisgroup.com/mng/login").contains("/almaws/v1"));
        assert!(reason("https://api-eu.hosted.exlibrisgroup.com?apikey=x").contains("a query"));
        assert!(reason("https://me:secret@api-eu.hosted.exlibrisgroup.com").contains("a user"));
    }

    #[test]
    fn http_is_refused_except_on_this_machine_or_where_it_is_allowed() {
        for text in ["http://127.0.0.1:8081", "http://127.1.2.3", "http://[::1]:8081", "http://localhost:8081"] {
            assert!(parse(text, false).is_ok(), "{text}");
        }
        for text in ["http://api-eu.hosted.exlibrisgroup.com", "http://10.0.0.7:8081", "http://localhost.example.org"] {
            assert!(matches!(parse(text, false), Err(ConfigError::Unencrypted)), "{text}");
            assert!(parse(text, true).is_ok(), "{text}");
        }
    }

    #[test]
    fn reason_for_a_refused_url_quotes_nothing_of_it() {
        for text in [
            "canary://canary.example.org",
            "https://canary:canary@example.org",
            "https://example.org/canary",
            "https://example.org?apikey=canary",
            "https://example.org#canary",
            "http://canary.example.org",
            "canary",
        ] {
            let error = parse(text, false).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn origin_is_scheme_host_and_port() {
        let same = origin("https://api-eu.hosted.exlibrisgroup.com").unwrap();
        for text in [
            "HTTPS://API-EU.hosted.exlibrisgroup.com:443/almaws/v1/",
            " https://api-eu.hosted.exlibrisgroup.com/x/almaws",
        ] {
            assert_eq!(origin(text).unwrap(), same, "{text}");
        }
        for text in [
            "http://api-eu.hosted.exlibrisgroup.com",
            "https://api-eu.hosted.exlibrisgroup.com:8443",
            "https://api-na.hosted.exlibrisgroup.com",
            "https://api-eu.hosted.exlibrisgroup.com.example.org",
        ] {
            assert_ne!(origin(text).unwrap(), same, "{text}");
        }
        assert_eq!(origin("https://me:secret@api-eu.hosted.exlibrisgroup.com"), None);
    }
}
