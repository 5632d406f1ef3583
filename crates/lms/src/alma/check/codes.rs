//! Checks the settings against Alma's code tables, and the mappings in both directions: each code of a mapping must
//! exist in Alma, and each type that the consortium uses must have a code.

use std::collections::{BTreeMap, BTreeSet};

use alma::{Client, CodeTable};
use lending::InstitutionCode;

use super::super::settings::Settings;
use super::words::{names, unread};
use crate::finding::{Finding, Registration};

/// Codes of one table that the settings name.
struct Wanted<'a> {
    table: &'static str,
    subject: &'static str,
    codes: Vec<&'a str>,
}

pub(super) async fn check(client: &Client, settings: &Settings, registration: &Registration) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tables: BTreeMap<&str, CodeTable> = BTreeMap::new();
    for wanted in wanted(settings) {
        if !tables.contains_key(wanted.table) {
            match client.conf().code_table(wanted.table).await {
                Ok(table) => drop(tables.insert(wanted.table, table)),
                Err(error) => {
                    findings.push(unread(wanted.subject, error));
                    continue;
                }
            }
        }
        if let Some(table) = tables.get(wanted.table) {
            findings.push(in_table(&wanted, table));
        }
    }
    findings.push(mapped_types(
        "user_groups",
        "patron type",
        settings.patron_types.values().map(|kind| kind.0.as_str()).collect(),
        &registration.patron_types.iter().map(|(kind, by)| (kind.0.as_str(), by)).collect(),
        settings.user_groups.keys().map(|kind| kind.0.as_str()).collect(),
        "the hub refuses requests for patrons of this type here (PATRON_TYPE_UNMAPPED_AT_LENDER)",
    ));
    findings.push(mapped_types(
        "material_types",
        "item type",
        settings.item_types.values().map(|kind| kind.0.as_str()).collect(),
        &registration.item_types.iter().map(|(kind, by)| (kind.0.as_str(), by)).collect(),
        settings.material_types.keys().map(|kind| kind.0.as_str()).collect(),
        "the hub refuses requests for items of this type (ITEM_TYPE_UNMAPPED_AT_BORROWER)",
    ));
    findings.extend(unmapped(&tables, settings));
    findings
}

fn wanted(settings: &Settings) -> Vec<Wanted<'_>> {
    let of = |table, subject, codes| Wanted { table, subject, codes };
    let mut wanted = vec![
        of("UserGroups", "user_groups", settings.user_groups.values().map(String::as_str).collect()),
        of("UserGroups", "patron_types", settings.patron_types.keys().map(String::as_str).collect()),
        of("PhysicalMaterialType", "material_types", settings.material_types.values().map(String::as_str).collect()),
        of("PhysicalMaterialType", "item_types", settings.item_types.keys().map(String::as_str).collect()),
        of("ItemPolicy", "virtual_item_policy", vec![settings.virtual_item_policy.as_str()]),
    ];
    if let Some(policy) = &settings.virtual_item_policy_no_renewal {
        wanted.push(of("ItemPolicy", "virtual_item_policy_no_renewal", vec![policy.as_str()]));
    }
    if !settings.non_lendable_item_policies.is_empty() {
        let policies = settings.non_lendable_item_policies.iter().map(String::as_str).collect();
        wanted.push(of("ItemPolicy", "non_lendable_item_policies", policies));
    }
    wanted.push(of("UserIdentifierTypes", "identifier_type", vec![settings.identifier_type.as_str()]));
    let reasons = vec![settings.cancel_reason_patron.as_str(), settings.cancel_reason_other.as_str()];
    wanted.push(of("RequestCancellationReasons", "cancel_reason_patron, cancel_reason_other", reasons));
    wanted
}

fn in_table(wanted: &Wanted<'_>, table: &CodeTable) -> Finding {
    let missing: Vec<&str> = wanted.codes.iter().copied().filter(|code| !table.has(code)).collect();
    if missing.is_empty() {
        return Finding::ok(wanted.subject, names(wanted.codes.iter().copied()));
    }
    Finding::missing(
        wanted.subject,
        format!(
            "Alma's code table {} has no enabled code {}. It has: {}. Correct the setting, or create the code in Alma.",
            wanted.table,
            names(missing.into_iter()),
            names(table.rows.iter().filter(|row| row.enabled).map(|row| row.code.as_str()))
        ),
    )
}

/// Checks that each type that the consortium's patrons or items have is mapped to a code of this Alma.
fn mapped_types(
    subject: &str,
    what: &str,
    own: BTreeSet<&str>,
    others: &BTreeMap<&str, &BTreeSet<InstitutionCode>>,
    mapped: BTreeSet<&str>,
    consequence: &str,
) -> Finding {
    let subject = format!("{subject}: types of the consortium");
    let used: BTreeSet<&str> = own.into_iter().chain(others.keys().copied()).collect();
    let missing: Vec<String> = used
        .difference(&mapped)
        .map(|kind| match others.get(kind) {
            Some(institutions) => {
                format!("{kind} ({})", names(institutions.iter().map(InstitutionCode::as_str)))
            }
            None => (*kind).to_owned(),
        })
        .collect();
    if missing.is_empty() {
        return Finding::ok(subject, names(used.into_iter()));
    }
    Finding::missing(
        subject,
        format!(
            "No code is set for the {what} {}: {consequence}. The setting has: {}. Add the {what}, or correct its spelling.",
            missing.join(", "),
            names(mapped.into_iter())
        ),
    )
}

/// Names Alma's codes that have no type at the hub. A library may leave them out on purpose.
fn unmapped(tables: &BTreeMap<&str, CodeTable>, settings: &Settings) -> Vec<Finding> {
    let rest = |table: &str, is_mapped: &dyn Fn(&str) -> bool| -> Option<String> {
        let rows = &tables.get(table)?.rows;
        Some(names(rows.iter().filter(|row| row.enabled && !is_mapped(&row.code)).map(|row| row.code.as_str())))
    };
    let groups = rest("UserGroups", &|code| {
        settings.patron_types.contains_key(code) || settings.user_groups.values().any(|group| group == code)
    });
    let materials = rest("PhysicalMaterialType", &|code| settings.item_types.contains_key(code));
    let remark = |subject: &str, codes: Option<String>, consequence: &str| {
        let codes = codes.filter(|codes| !codes.is_empty())?;
        Some(Finding::ok(subject, format!("{consequence}: {codes}")))
    };
    [
        remark("patron_types: other groups", groups, "not mapped, so their patrons can't borrow through the hub"),
        remark("item_types: other types", materials, "not mapped, so such items are not lent through the hub"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
