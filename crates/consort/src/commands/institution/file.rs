//! The file that describes an institution, its agencies and pickup locations.

use std::path::{Path, PathBuf};

use lending::Rules;
use lms::{Connection, RegisteredPickup, Registration};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::commands::request::segment;
use crate::failure::{Failure, Result};
use crate::toml_fault;

/// Keys that a message may show if the file isn't valid TOML.
const KEYS: &[&str] = &["code", "name", "kind", "api_key", "base_url", "agency", "library", "desk", "route_code"];

/// An institution as a file describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Described {
    pub(super) code: String,
    pub(super) name: String,
    #[serde(default = "first_kind")]
    pub(super) kind: String,
    pub(super) api_key: SecretString,
    settings: toml::Table,
    #[serde(default)]
    pub(super) agencies: Vec<Agency>,
    #[serde(default)]
    pub(super) pickup_locations: Vec<PickupLocation>,
}

/// Returns the kind of library system if the file names none.
fn first_kind() -> String {
    lms::kinds().next().unwrap_or_default().to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agency {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) library: Option<String>,
    #[serde(default)]
    pub(super) rules: toml::Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PickupLocation {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) agency: String,
    pub(super) library: String,
    pub(super) desk: Option<String>,
    pub(super) route_code: Option<String>,
}

/// A file that describes an institution, with its text, so that a message can name a line.
#[derive(Debug)]
pub(super) struct InstitutionFile {
    path: PathBuf,
    text: String,
    pub(super) described: Described,
}

/// A fault in an agency's rules.
#[derive(Debug)]
pub(super) struct RulesFault {
    pub(super) agency: String,
    /// The place in the file, the fault and its solution.
    pub(super) message: String,
}

impl InstitutionFile {
    /// Reads a file. All codes are checked before anything is sent, so that no part of the file is set up alone.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let failure = if error.kind() == std::io::ErrorKind::NotFound {
                Failure::usage(format!("There is no file {}.", path.display()))
            } else {
                Failure::usage(format!("The file {} can't be read: {error}.", path.display()))
            };
            failure.advice("Check the path and that this user may read it.")
        })?;
        let described: Described = toml_fault::read(path, &text, KEYS).map_err(|fault| {
            Failure::usage(format!("The file doesn't describe an institution: {fault}."))
                .advice("docs/set-up.md shows such a file.")
        })?;
        let file = Self { path: path.to_owned(), text, described };
        file.check_codes()?;
        Ok(file)
    }

    fn check_codes(&self) -> Result<()> {
        let described = &self.described;
        let agencies = described.agencies.iter().enumerate();
        let agencies = agencies.map(|(index, agency)| (key(&["agencies", &index.to_string(), "code"]), &agency.code));
        let places = described.pickup_locations.iter().enumerate();
        let places = places.map(|(index, place)| (key(&["pickup_locations", &index.to_string(), "code"]), &place.code));
        for (key, code) in std::iter::once((key(&["code"]), &described.code)).chain(agencies).chain(places) {
            segment(code).map_err(|failure| Failure::usage(format!("{}: {failure}", self.place(&key))))?;
        }
        Ok(())
    }

    /// Returns the place of a key in the file, as `lender.toml, line 3, column 8, name`.
    fn place(&self, key: &[String]) -> String {
        let place = toml_fault::place_of(&self.text, key).map(|place| format!(", {place}")).unwrap_or_default();
        format!("{}{place}, {}", self.path.display(), shown(key))
    }

    /// Returns the settings as the hub takes them.
    pub(super) fn settings(&self) -> Result<Value> {
        let described = &self.described;
        serde_json::to_value(&described.settings)
            .map_err(|error| Failure::new(format!("The settings of {} can't be sent: {error}.", described.code)))
    }

    /// Returns a connection to the institution's library system. Fails if its settings have faults, and names all with
    /// their lines.
    pub(super) fn connection(&self) -> Result<Connection> {
        let connection = Connection {
            institution: self.described.code.as_str().into(),
            kind: self.described.kind.clone(),
            settings: self.settings()?,
            credentials: self.described.api_key.clone(),
        };
        match lms::connect(&connection) {
            Ok(_) => Ok(connection),
            Err(lms::ConnectError::Settings { faults, .. }) => {
                let faults: Vec<String> = faults
                    .into_iter()
                    .map(|fault| {
                        let place = self.place(&key(&["settings", &fault.key]));
                        format!("\n  - {place}: {}", fault.message)
                    })
                    .collect();
                Err(Failure::usage(format!("The institution's settings have faults:{}", faults.concat())))
            }
            Err(error @ lms::ConnectError::UnknownKind { .. }) => {
                Err(Failure::usage(format!("{}: {error}.", self.place(&key(&["kind"])))))
            }
        }
    }

    /// Returns the agencies and pickup locations of the file, for a check.
    pub(super) fn registration(&self) -> Registration {
        let described = &self.described;
        let agencies = described.agencies.iter();
        let places = described.pickup_locations.iter();
        let limits = agencies.clone().filter_map(|agency| {
            let rules: Rules = serde_json::to_value(&agency.rules).and_then(serde_json::from_value).ok()?;
            Some((agency.code.as_str().into(), rules.patron_limits.patron_types().collect()))
        });
        Registration {
            limited_patron_types: limits.collect(),
            agencies: agencies
                .map(|agency| (agency.code.as_str().into(), agency.library.as_deref().map(Into::into)))
                .collect(),
            pickup_locations: places
                .map(|place| RegisteredPickup {
                    code: place.code.as_str().into(),
                    agency: place.agency.as_str().into(),
                    library: place.library.as_str().into(),
                    desk: place.desk.as_deref().map(Into::into),
                })
                .collect(),
            ..Registration::default()
        }
    }

    /// Returns the faults in the agencies' rules.
    pub(super) fn rules_faults(&self) -> Vec<RulesFault> {
        let agencies = self.described.agencies.iter().enumerate();
        let faults = agencies.filter_map(|(index, agency)| {
            let (rest, fault) = fault_of(&agency.rules)?;
            let index = index.to_string();
            let path: Vec<&str> =
                ["agencies", &index, "rules"].into_iter().chain(rest.iter().map(String::as_str)).collect();
            Some(RulesFault { agency: agency.code.clone(), message: format!("{}: {fault}", self.place(&key(&path))) })
        });
        faults.collect()
    }
}

/// Returns a key as people write it, such as `agencies[0].rules.lends`.
fn shown(key: &[String]) -> String {
    key.iter().fold(String::new(), |shown, part| match part.parse::<usize>() {
        Ok(index) => format!("{shown}[{index}]"),
        Err(_) if shown.is_empty() => part.clone(),
        Err(_) => format!("{shown}.{part}"),
    })
}

fn key(path: &[&str]) -> Vec<String> {
    path.iter().map(|&part| part.to_owned()).collect()
}

/// Returns the first fault of a table of rules, with the path of its key below the rules.
fn fault_of(table: &toml::Table) -> Option<(Vec<String>, String)> {
    let rules: Rules = match serde_json::to_value(table).and_then(serde_json::from_value) {
        Ok(rules) => rules,
        Err(error) => {
            let message = lms::without_value(&error.to_string());
            return Some((faulty_key(table, &message), format!("{message}.")));
        }
    };
    let of_calendar = |name: &str, message: &str| Some((key(&["calendar", name]), message.to_owned()));
    if !rules.calendar.has_known_time_zone() {
        return of_calendar(
            "time_zone",
            "the time zone is not known. Name one of the IANA database, such as Europe/Zurich.",
        );
    }
    if !rules.calendar.has_hours_in_order() {
        return of_calendar(
            "closes",
            "the agency closes before it opens. Give both times of the same day, such as 08:00 and 20:00.",
        );
    }
    None
}

/// Returns the path of the key that a message about rules is about: the unknown one that it names, or a key whose value
/// alone is refused.
fn faulty_key(table: &toml::Table, message: &str) -> Vec<String> {
    let inner = |name: &str| table.get(name).and_then(toml::Value::as_table);
    let named = message.split('`').nth(1).filter(|_| message.starts_with("unknown field"));
    if let Some(name) = named {
        let calendar = inner("calendar").filter(|calendar| calendar.contains_key(name) && !table.contains_key(name));
        return if calendar.is_some() { key(&["calendar", name]) } else { key(&[name]) };
    }
    let alone = |name: &str, value: &toml::Value| toml::Table::from_iter([(name.to_owned(), value.clone())]);
    let is_refused =
        |rules: toml::Table| serde_json::to_value(rules).and_then(serde_json::from_value::<Rules>).is_err();
    let Some((name, value)) = table.iter().find(|(name, value)| is_refused(alone(name, value))) else {
        return Vec::new();
    };
    let below = value.as_table().into_iter().flatten().find(|(below, value)| {
        is_refused(toml::Table::from_iter([(name.clone(), toml::Value::Table(alone(below, value)))]))
    });
    match below {
        Some((below, _)) => key(&[name, below]),
        None => key(&[name]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the file in docs/set-up.md.
    fn documented() -> InstitutionFile {
        let page = include_str!("../../../../../docs/set-up.md");
        file(page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap())
    }

    fn file(text: &str) -> InstitutionFile {
        let described = toml::from_str(text).unwrap();
        InstitutionFile { path: "lender.toml".into(), text: text.to_owned(), described }
    }

    #[test]
    fn documented_institution_file_is_one_without_faults() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let file = documented();
        assert_eq!(file.connection().unwrap().institution.as_str(), "01LEND_INST");
        assert!(file.rules_faults().is_empty());
    }

    #[test]
    fn documented_rules_are_rules() {
        let rules = serde_json::to_value(&documented().described.agencies[0].rules).unwrap();
        let rules: Rules = serde_json::from_value(rules).unwrap();
        assert_eq!(rules.max_requests, Some(25));
        assert!(rules.calendar.has_known_time_zone());
    }

    #[test]
    fn fault_in_rules_is_named_with_its_line_and_key() {
        let head = "code = \"01X\"\nname = \"X\"\napi_key = \"k\"\n[settings]\n[[agencies]]\ncode = \"A\"\nname = \"A\"\n\
                    [agencies.rules]\nlends = true\n";
        for (rules, place) in [
            ("lend = true\n", "lender.toml, line 10, column 1, agencies[0].rules.lend: unknown field `lend`"),
            ("days_to_supply = \"canary\"\n", "line 10, column 1, agencies[0].rules.days_to_supply: expected u32"),
            (
                "[agencies.rules.calendar]\nopen = \"08:00\"\n",
                "line 11, column 1, agencies[0].rules.calendar.open: unknown",
            ),
            (
                "[agencies.rules.calendar]\ntime_zone = \"Europe/Canary\"\n",
                "line 11, column 1, agencies[0].rules.calendar.time_zone: the time zone is not known",
            ),
        ] {
            let faults = file(&format!("{head}{rules}")).rules_faults();
            assert_eq!(faults.len(), 1, "{rules}");
            assert!(faults[0].message.contains(place), "{}", faults[0].message);
            assert!(!faults[0].message.contains("anary"), "no value is quoted: {}", faults[0].message);
        }
    }

    #[test]
    fn faults_of_settings_are_named_with_their_lines() {
        let text = "code = \"01X\"\nname = \"X\"\napi_key = \"k\"\n[settings]\nbase_url = \"http://127.0.0.1:1\"\nsharing_libary = \"S\"\n";
        let said = file(text).connection().unwrap_err().to_string();
        assert!(said.contains("lender.toml, line 6, column 1, settings.sharing_libary: is no setting."), "{said}");
        assert!(said.contains("lender.toml, settings.sharing_library: is missing."), "{said}");
    }
}
