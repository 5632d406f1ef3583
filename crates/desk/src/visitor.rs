//! The reader of a page: who has signed in, and how they want their pages.

use std::sync::Arc;

use access::{Caller, Role};
use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use jiff::tz::TimeZone;
use lending::AgencyCode;
use messages::Language;
use sha2::Sha256;
use store::Agency;

use crate::api::Api;
use crate::cookies;
use crate::failure::Failure;
use crate::state::Desk;
use crate::texts::Texts;
use crate::times::Times;

/// How somebody wants the pages, whether they have signed in or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taste {
    /// The language.
    pub(crate) language: Language,
    /// The colours; `None` for those of the device.
    pub(crate) theme: Option<&'static str>,
}

impl Taste {
    /// Reads it from cookies, and the language otherwise from what the browser prefers.
    pub(crate) fn of(desk: &Desk, headers: &HeaderMap) -> Self {
        let chosen = cookies::read(desk, headers, cookies::LANGUAGE).and_then(Language::of_tag);
        let preferred = || headers.get(ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok()).map(Language::accepted);
        let theme = match cookies::read(desk, headers, cookies::THEME) {
            Some("light") => Some("light"),
            Some("dark") => Some("dark"),
            Some(_) | None => None,
        };
        Self { language: chosen.or_else(preferred).unwrap_or_default(), theme }
    }

    pub(crate) const fn texts(self) -> Texts {
        Texts { language: self.language }
    }
}

impl FromRequestParts<Desk> for Taste {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Self::Rejection> {
        Ok(Self::of(desk, &parts.headers))
    }
}

/// The names of libraries. They are no secret: each request names its libraries to all of them.
#[derive(Clone, Debug)]
pub(crate) struct Libraries(Arc<[Agency]>);

impl Libraries {
    /// Returns all of them: code and name of the agency.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|agency| (agency.code.as_str(), agency.name.as_str()))
    }

    /// Returns the name of the library with this agency's code, or else the code.
    pub(crate) fn of_agency<'a>(&'a self, code: &'a str) -> &'a str {
        self.0.iter().find(|agency| agency.code.as_str() == code).map_or(code, |agency| agency.name.as_str())
    }

    /// Returns the name of the only agency of an institution, or else the institution's code.
    pub(crate) fn of_institution<'a>(&'a self, code: &'a str) -> &'a str {
        let mut found = self.0.iter().filter(|agency| agency.institution.as_str() == code);
        match (found.next(), found.next()) {
            (Some(agency), None) => &agency.name,
            _ => code,
        }
    }
}

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) caller: Arc<Caller>,
    pub(crate) api: Api,
    pub(crate) taste: Taste,
    pub(crate) times: Times,
    /// The token that each form sends back, so that no other site can send one in the reader's name.
    pub(crate) csrf: String,
    /// The digest of the session's token.
    pub(crate) session: String,
    /// The names of libraries by the code of their institution.
    pub(crate) libraries: Libraries,
    /// The agencies among which the reader may choose; for the consortium admin all.
    pub(crate) agencies: Vec<Agency>,
    /// The agency that the reader chose; `None` for all of them.
    pub(crate) agency: Option<AgencyCode>,
    /// The path and query of this page.
    pub(crate) path: String,
}

impl Visitor {
    /// Returns the texts in the reader's language.
    pub(crate) const fn texts(&self) -> Texts {
        self.taste.texts()
    }

    /// Returns the code and name of the agency that the reader works for now; `None` for several.
    pub(crate) fn present_agency(&self) -> Option<&Agency> {
        let chosen = self.agency.as_ref();
        let only = || if self.agencies.len() == 1 { self.agencies.first() } else { None };
        self.agencies.iter().find(|agency| Some(&agency.code) == chosen).or_else(only)
    }

    /// Returns whether the reader changes anything.
    pub(crate) fn acts(&self) -> bool {
        self.caller.role() != Role::ReadOnly
    }
}

/// Returns whether a role has pages. The others are programs.
pub(crate) const fn has_pages(role: Role) -> bool {
    matches!(role, Role::ConsortiumAdmin | Role::LibraryAdmin | Role::LibraryStaff | Role::ReadOnly)
}

/// Returns the token for forms of the session with this token.
pub(crate) fn csrf(session_token: &str) -> String {
    // A key of any length is allowed.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(session_token.as_bytes()) else { return String::new() };
    mac.update(b"forms");
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

impl FromRequestParts<Desk> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Failure> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        // A form that was sent without a session can't be sent once more without the reader, who begins at the first page.
        let next = if parts.method == Method::GET { path.clone() } else { "/".to_owned() };
        let signed_out = || Failure::SignedOut { next: next.clone() };
        let token = cookies::read(desk, &parts.headers, cookies::SESSION).filter(|token| !token.is_empty());
        let token = token.ok_or_else(signed_out)?;
        let (digest, now) = (identity::session_digest(token), desk.clock().now());
        let user = desk.store().user_of_session(&digest, now).await?.ok_or_else(signed_out)?;
        let taste = Taste::of(desk, &parts.headers);
        let caller = Arc::new(Caller::new(user.name, user.role, user.agencies));
        let all = desk.engine().agencies().await?;
        let agencies: Vec<Agency> = all.iter().filter(|agency| caller.owns(&agency.code)).cloned().collect();
        let chosen = cookies::read(desk, &parts.headers, cookies::AGENCY);
        let agency = agencies.iter().map(|agency| &agency.code).find(|code| Some(code.as_str()) == chosen).cloned();
        let of_zone = agencies.iter().find(|known| Some(&known.code) == agency.as_ref()).or_else(|| agencies.first());
        let zone = of_zone.map_or(TimeZone::UTC, |agency| agency.rules.calendar.zone());
        Ok(Self {
            libraries: Libraries(all),
            api: Api::new(desk.api().clone(), Arc::clone(&caller), taste.language),
            times: Times::new(zone, now, taste.language),
            csrf: csrf(token),
            session: digest,
            caller,
            taste,
            agencies,
            agency,
            path,
        })
    }
}
