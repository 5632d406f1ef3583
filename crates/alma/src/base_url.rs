//! Where an Alma's API is, checked when settings are read.

use url::Url;

use crate::error::ConfigError;

const API: &str = "/almaws/v1";

/// Puts a URL from settings right, or says what is wrong with it. The result has no slash at its end.
pub(crate) fn parse(text: &str) -> Result<Url, ConfigError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ConfigError::BlankUrl);
    }
    let mut url = Url::parse(text).map_err(ConfigError::BadUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ConfigError::Scheme(url.scheme().to_owned()));
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
    let path = api_path(url.path()).ok_or_else(|| ConfigError::Path(url.path().to_owned()))?;
    url.set_path(&path);
    Ok(url)
}

/// The API's path for the path of a URL from settings; what stands before `/almaws` is a proxy's.
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
            assert_eq!(parse(text).unwrap().as_str(), "https://api-eu.hosted.exlibrisgroup.com/almaws/v1", "{text}");
        }
        assert_eq!(parse("http://proxy:8080/alma/almaws/v1").unwrap().path(), "/alma/almaws/v1");
    }

    #[test]
    fn urls_that_cannot_be_the_api_are_refused_with_the_reason() {
        let reason = |text| parse(text).unwrap_err().to_string();
        assert!(reason("  ").contains("blank"));
        assert!(reason("ftp://api-eu.hosted.exlibrisgroup.com").contains("ftp:"));
        assert!(reason("api-eu.hosted.exlibrisgroup.com").contains("can't be read"));
        assert!(reason("https://inst.alma.exlibrisgroup.com/mng/login").contains("/mng/login"));
        assert!(reason("https://api-eu.hosted.exlibrisgroup.com?apikey=x").contains("a query"));
        assert!(reason("https://me:secret@api-eu.hosted.exlibrisgroup.com").contains("a user"));
    }
}
