//! The API keys of the configuration: a key alone, or a table with key, role and agencies.

use std::collections::BTreeMap;
use std::fmt;

use access::{Caller, Role};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use web::ApiKeys;

/// The name under which the hub itself acts in timelines.
const HUB: &str = "hub";

/// A key of the API in the configuration.
#[derive(Clone, Debug)]
pub(crate) struct KeyConfig {
    /// The key.
    pub(crate) key: SecretString,
    /// The name of its role.
    pub(crate) role: String,
    /// The agencies for which its holder stands.
    agencies: Vec<String>,
    /// Whether it is a table, and not a key alone.
    is_table: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyTable {
    key: SecretString,
    role: String,
    #[serde(default)]
    agencies: Vec<String>,
}

impl<'de> Deserialize<'de> for KeyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EitherForm;

        impl<'de> Visitor<'de> for EitherForm {
            type Value = KeyConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key, or a table with key, role and agencies")
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<KeyConfig, E> {
                let role = Role::ConsortiumAdmin.name().to_owned();
                Ok(KeyConfig { key: key.into(), role, agencies: Vec::new(), is_table: false })
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<KeyConfig, A::Error> {
                let KeyTable { key, role, agencies } = KeyTable::deserialize(MapAccessDeserializer::new(table))?;
                Ok(KeyConfig { key, role, agencies, is_table: true })
            }
        }

        deserializer.deserialize_any(EitherForm)
    }
}

/// Returns the faults of the keys, each with the path of its setting. No fault quotes a key.
pub(crate) fn faults(keys: &BTreeMap<String, KeyConfig>) -> Vec<(Vec<String>, String)> {
    let mut faults = Vec::new();
    for (name, key) in keys {
        let path = |field: &str| {
            let all = ["api_keys", name, field].into_iter().take(if key.is_table { 3 } else { 2 });
            all.map(str::to_owned).collect::<Vec<_>>()
        };
        if name == HUB {
            faults.push((path("key"), "this is the name under which the hub itself acts; choose another".to_owned()));
        } else if !access::is_key_name(name) {
            let rule = "a name of a key has 1 to 64 letters, digits and the signs . _ : -";
            faults.push((path("key"), rule.to_owned()));
        }
        if let Some(weakness) = access::weakness(key.key.expose_secret()) {
            faults.push((path("key"), weakness.to_owned()));
        }
        let same = |(other, _): &(&String, &KeyConfig)| *other < name;
        let mut earlier = keys.iter().filter(same);
        if let Some((other, _)) =
            earlier.find(|(_, other)| other.key.expose_secret().trim() == key.key.expose_secret().trim())
        {
            faults.push((path("key"), format!("it is the same key as that of {other}; give each name its own")));
        }
        match key.role.parse::<Role>() {
            Err(unknown) => faults.push((path("role"), unknown.to_string())),
            Ok(role) if role.has_agencies() && key.agencies.is_empty() => {
                faults.push((path("agencies"), format!("the role {role} needs at least one agency")));
            }
            Ok(role) if !role.has_agencies() && !key.agencies.is_empty() => {
                faults.push((path("agencies"), format!("the role {role} stands for no agencies; leave them out")));
            }
            Ok(_) => {}
        }
    }
    faults
}

/// Returns the keys with their callers. The configuration must have no faults.
pub(crate) fn api_keys(keys: &BTreeMap<String, KeyConfig>) -> ApiKeys {
    keys.iter().fold(ApiKeys::default(), |all, (name, key)| match key.role.parse() {
        Ok(role) => {
            let agencies = key.agencies.iter().map(|code| code.trim().into());
            all.with(Caller::new(name.as_str(), role, agencies), &key.key)
        }
        Err(_) => all,
    })
}

/// Returns the agencies that the keys name, each with the name of its key.
pub(crate) fn named_agencies(keys: &BTreeMap<String, KeyConfig>) -> impl Iterator<Item = (&str, &str)> {
    keys.iter().flat_map(|(name, key)| key.agencies.iter().map(move |code| (name.as_str(), code.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(text: &str) -> String {
        let keys: BTreeMap<String, KeyConfig> = toml::from_str(text).unwrap();
        faults(&keys).into_iter().map(|(path, fault)| format!("{}: {fault}\n", path.join("."))).collect()
    }

    #[test]
    fn key_alone_is_the_consortium_admins_and_a_table_has_a_role() {
        let text = "one = \"0123456789abcdef\"\n[desk]\nkey = \"fedcba9876543210\"\nrole = \"library-staff\"\n\
                    agencies = [\"NORTH\"]\n";
        assert_eq!(faults_of(text), "");
        let keys: BTreeMap<String, KeyConfig> = toml::from_str(text).unwrap();
        assert_eq!((keys["one"].role.as_str(), keys["desk"].role.as_str()), ("consortium-admin", "library-staff"));
        assert_eq!(named_agencies(&keys).collect::<Vec<_>>(), [("desk", "NORTH")]);
        assert_eq!(format!("{:?}", api_keys(&keys)), r#"["desk", "one"]"#);
    }

    #[test]
    fn shared_and_weak_keys_and_wrong_roles_are_faults_that_quote_no_key() {
        let text = "a = \"0123456789abcdef\"\nb = \"0123456789abcdef \"\nc = \"aaaaaaaaaaaaaaaaaaaaaaaa\"\n\
                    hub = \"abcdefgh12345678\"\n\"command line\" = \"89abcdef01234567\"\n[d]\nkey = \"fedcba9876543210\"\nrole = \"boss\"\n\
                    [e]\nkey = \"0f1e2d3c4b5a6978\"\nrole = \"discovery\"\n\
                    [f]\nkey = \"8f1e2d3c4b5a6970\"\nrole = \"monitoring\"\nagencies = [\"NORTH\"]\n";
        let found = faults_of(text);
        for part in [
            "api_keys.b: it is the same key as that of a",
            "api_keys.c: the key has too few different characters",
            "api_keys.hub: this is the name",
            "api_keys.command line: a name of a key has",
            "api_keys.d.role: there is no such role",
            "api_keys.e.agencies: the role discovery needs at least one agency",
            "api_keys.f.agencies: the role monitoring stands for no agencies",
        ] {
            assert!(found.contains(part), "{part}: {found}");
        }
        assert!(!found.contains("0123456789abcdef") && !found.contains("aaaa"), "{found}");
    }
}
