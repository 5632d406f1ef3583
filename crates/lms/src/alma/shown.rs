//! The data of a patron that other libraries see: what the patron's library allows, the pickup code, and the name of the
//! virtual patron.

use alma::User;
use lending::{PatronId, PersonName, PickupCode, ShownPatron, Side};
use sha2::{Digest, Sha256};

use super::settings::Settings;
use crate::error::Result;
use crate::host::VirtualPatron;
use crate::pseudonym::PseudonymKey;
use crate::settings::Reader;

/// The signs of pickup codes. None can be mistaken for another, and without vowels they form no words.
const SIGNS: &[u8; 20] = b"23456789CFGHJMPQRVWX";
/// The longest name that is shown, in characters.
const LONGEST_NAME: usize = 60;

/// The values of the settings that limit the shown data.
const CARD: &str = "card_barcode";
const INITIALS: &str = "initials";
const NAME: &str = "name";
const NOTHING: &str = "nothing";

/// What may be shown of a patron.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Showing {
    /// The number of the card.
    pub card: bool,
    /// The initials.
    pub initials: bool,
    /// The name. It includes the initials.
    pub name: bool,
}

impl Showing {
    /// Reads a setting: a list of `card_barcode`, `initials` and `name`, or `nothing` alone.
    pub(super) fn read(from: &mut Reader<'_>, key: &'static str) -> Self {
        let mut showing = Self::default();
        let values = from.list(key);
        for value in &values {
            match value.as_str() {
                CARD => showing.card = true,
                INITIALS => showing.initials = true,
                NAME => showing.name = true,
                NOTHING if values.len() == 1 => {}
                _ => {
                    from.error(key, format!("is a list of {CARD}, {INITIALS} and {NAME}; or it has {NOTHING} alone."));
                    break;
                }
            }
        }
        showing
    }
}

/// Returns the data of a patron of this institution that another library may see.
pub(super) fn shown(user: &User, showing: Showing, settings: &Settings) -> ShownPatron {
    let card = user.active_barcodes().next().filter(|_| showing.card);
    let (first, last) = (user.first_name(), user.last_name());
    let (first_name, last_name) = match showing {
        Showing { name: true, .. } => (first.map(cut), last.map(cut)),
        Showing { initials: true, .. } => (Some(initials(first, last)).filter(|text| !text.is_empty()), None),
        Showing { .. } => (None, None),
    };
    ShownPatron {
        card: card.map(|barcode| PatronId::from(format!("{}{}", settings.card_barcode_prefix, barcode.as_str()))),
        first_name: first_name.map(PersonName::from),
        last_name: last_name.map(PersonName::from),
    }
}

/// Returns the pickup code of a patron: always the same for the same patron, and different for nearly all patrons of a
/// library. Nobody finds out the patron by trying all ids.
pub(super) fn pickup_code(key: &PseudonymKey, institution: &str, patron: &str) -> Result<PickupCode> {
    let digest = key.digest(&["pickup code", institution, &patron.to_lowercase()])?;
    let signs: Vec<char> =
        digest.iter().take(6).map(|byte| char::from(SIGNS[usize::from(*byte) % SIGNS.len()])).collect();
    let (left, right) = signs.split_at(3);
    Ok(PickupCode::from(format!("{}-{}", String::from_iter(left), String::from_iter(right))))
}

/// Returns the first and the last name of a virtual patron, as lists and slips show them.
pub(super) fn names(wanted: &VirtualPatron) -> (String, String) {
    let code = wanted.pickup_code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
    let role = format!("VPATRON {}{code}", wanted.agency);
    let first = wanted.shown.first_name.as_ref().map_or_else(|| "DCB".to_owned(), ToString::to_string);
    let last = wanted.shown.last_name.as_ref().map_or_else(|| role.clone(), |name| format!("{name} ({role})"));
    (first, last)
}

/// Returns a short text that differs where another group or other data must be in the user record.
pub(super) fn version(wanted: &VirtualPatron, group: &str) -> String {
    let (first, last) = names(wanted);
    let card = wanted.shown.card.as_ref().map_or("", PatronId::as_str);
    hex(&digest(&[group, &first, &last, card]), 10)
}

/// Returns the virtual patron's id. It is the same for the same patron at the same kind of side. Only the hub's key shows who that
/// is.
pub(super) fn virtual_patron_id(key: &PseudonymKey, patron: &VirtualPatron) -> Result<String> {
    // Alma ignores the case of primary ids.
    let texts = ["virtual patron", patron.institution.as_str(), &patron.patron.as_str().to_lowercase()];
    Ok(id_of(patron.side, &key.digest(&texts)?))
}

/// Returns the id that the hub gave a virtual patron before it had a key. Such users are still in use.
pub(super) fn former_virtual_patron_id(patron: &VirtualPatron) -> String {
    id_of(patron.side, &digest(&[patron.institution.as_str(), &patron.patron.as_str().to_lowercase()]))
}

fn id_of(side: Side, digest: &[u8]) -> String {
    let role = if side == Side::Pickup { "p-" } else { "" };
    format!("dcb-{role}{}", hex(digest, 10))
}

fn digest(texts: &[&str]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for (at, text) in texts.iter().enumerate() {
        if at > 0 {
            digest.update([0]);
        }
        digest.update(text.as_bytes());
    }
    digest.finalize().to_vec()
}

fn hex(bytes: &[u8], most: usize) -> String {
    bytes.iter().take(most).map(|byte| format!("{byte:02x}")).collect()
}

fn initials(first: Option<&str>, last: Option<&str>) -> String {
    let letters = [first, last].into_iter().flatten().filter_map(|name| name.trim().chars().next());
    letters.map(|letter| format!("{letter}.")).collect::<Vec<_>>().join(" ")
}

fn cut(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use lending::PatronType;

    use super::*;

    fn patron(institution: &str, id: &str, side: Side) -> VirtualPatron {
        VirtualPatron {
            institution: institution.into(),
            agency: "A".into(),
            patron: id.into(),
            patron_type: PatronType("undergraduate".to_owned()),
            side,
            pickup_code: None,
            shown: ShownPatron::default(),
            known_id: None,
            may_have_former_id: false,
        }
    }

    fn key(secret: &str) -> PseudonymKey {
        PseudonymKey::new(secret.to_owned().into())
    }

    #[test]
    fn virtual_patron_id_is_the_same_for_the_same_patron_and_names_nobody() {
        let virtual_patron_id = |patron: &VirtualPatron| super::virtual_patron_id(&key("one hub"), patron).unwrap();
        let id = virtual_patron_id(&patron("01X", "Reader@Example.org", Side::Lender));
        assert_eq!(id, virtual_patron_id(&patron("01X", "reader@example.org", Side::Lender)));
        assert_ne!(id, virtual_patron_id(&patron("01Y", "reader@example.org", Side::Lender)));
        assert_ne!(id, virtual_patron_id(&patron("01X", "reader@example.org", Side::Pickup)));
        assert!(!id.contains("reader"));
        assert_eq!(id.len(), 24);
    }

    #[test]
    fn virtual_patron_id_and_pickup_code_can_not_be_computed_without_the_key() {
        let jo = patron("01X", "jo", Side::Lender);
        let id = |secret: &str| super::virtual_patron_id(&key(secret), &jo).unwrap();
        assert_ne!(id("one hub"), id("another hub"));
        assert_ne!(id("one hub"), former_virtual_patron_id(&jo));
        let code = |secret: &str| super::pickup_code(&key(secret), "01X", "jo").unwrap();
        assert_ne!(code("one hub"), code("another hub"));
    }

    #[test]
    fn pickup_codes_of_a_library_hardly_ever_coincide() {
        let pickup_code =
            |institution: &str, patron: &str| super::pickup_code(&key("one hub"), institution, patron).unwrap();
        let codes: std::collections::BTreeSet<String> =
            (0..2_000).map(|number| pickup_code("01X", &format!("reader{number}")).to_string()).collect();
        assert!(codes.len() >= 1_998, "{}", codes.len());
        let code = pickup_code("01X", "READER1");
        assert_eq!(code, pickup_code("01X", "reader1"));
        assert_ne!(code, pickup_code("01Y", "reader1"));
        assert_eq!((code.as_str().len(), code.as_str().as_bytes()[3]), (7, b'-'));
    }

    #[test]
    fn virtual_patron_is_named_by_agency_and_code_and_the_allowed_names() {
        let mut wanted = patron("01X", "jo", Side::Pickup);
        wanted.pickup_code = Some("K7M-4QX".into());
        assert_eq!(names(&wanted), ("DCB".to_owned(), "VPATRON A K7M-4QX".to_owned()));
        wanted.shown.first_name = Some("J. R.".into());
        assert_eq!(names(&wanted), ("J. R.".to_owned(), "VPATRON A K7M-4QX".to_owned()));
        wanted.shown.last_name = Some("Reader".into());
        assert_eq!(names(&wanted), ("J. R.".to_owned(), "Reader (VPATRON A K7M-4QX)".to_owned()));
    }

    #[test]
    fn initials_of_a_patron_without_names_are_nothing() {
        assert_eq!(initials(Some("Élodie"), Some("d'Arc")), "É. d.");
        assert_eq!(initials(None, Some(" ")), "");
    }
}
