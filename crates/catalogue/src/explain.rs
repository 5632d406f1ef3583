//! Explains the place of one record in the catalogue.

use jiff::Timestamp;
use serde::Serialize;

use crate::copies::Copy;
use crate::database::Catalogue;
use crate::error::Error;
use crate::records::RecordState;

/// The most records of a group that are compared one by one.
const MOST_MATES: usize = 100;

/// What the catalogue knows of a record, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explanation {
    /// The institution.
    pub institution: String,
    /// The record's id there.
    pub id: String,
    /// `shown`, `suppressed`, `deleted` or `failed`.
    pub state: &'static str,
    /// The rule that suppresses it, or the failure.
    pub reason: Option<String>,
    /// The source's datestamp.
    pub datestamp: Option<Timestamp>,
    /// When its present content was stored.
    pub harvested_at: Timestamp,
    /// The title.
    pub title: Option<String>,
    /// The group; none while it waits for one, or if it was never shown.
    pub group: Option<String>,
    /// Whether a change of it waits for grouping.
    pub is_waiting_for_group: bool,
    /// The other records of the group, each with the reason.
    pub grouped_with: Vec<Mate>,
    /// Its holdings and items.
    pub holdings: Vec<Copy>,
    /// Its items.
    pub items: Vec<Copy>,
    /// Why it can't be requested; empty if nothing in the catalogue prevents it.
    pub not_requestable_because: Vec<String>,
}

/// Another record of the group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Mate {
    /// The institution.
    pub institution: String,
    /// The record's id there.
    pub id: String,
    /// Why both are one edition, or that a third record connects them.
    pub because: String,
}

impl Catalogue {
    /// Explains a record; none if the catalogue never had it.
    pub async fn explain(&self, institution: &str, id: &str) -> Result<Option<Explanation>, Error> {
        let Some(stored) = self.stored(institution, id).await? else { return Ok(None) };
        let content = self.content(stored.number).await?;
        let (record, copies) = content.map_or((None, None), |(record, copies)| (Some(record), Some(copies)));
        let copies = copies.unwrap_or_default();
        let mut grouped_with = Vec::new();
        if stored.state == RecordState::Shown
            && let (Some(edition), Some(record)) = (stored.edition, &record)
        {
            let keys = grouping::Keys::of(record);
            let members = self.members(&[edition]).await?.remove(&edition).unwrap_or_default();
            for mate in members.into_iter().filter(|member| member.number != stored.number).take(MOST_MATES) {
                let judgement = grouping::judge(&keys, &grouping::Keys::of(&mate.record));
                let because = if judgement.is_same() {
                    judgement.to_string()
                } else {
                    format!("another record of the group connects them (compared alone: {judgement})")
                };
                grouped_with.push(Mate { institution: mate.institution, id: mate.local_id, because });
            }
        }
        let mut not_requestable_because = Vec::new();
        match (stored.state, &stored.reason) {
            (RecordState::Shown, _) => {}
            (RecordState::Suppressed, Some(rule)) => {
                not_requestable_because.push(format!("the record is suppressed: {rule}"));
            }
            (state, Some(reason)) => not_requestable_because.push(format!("the record is {}: {reason}", state.name())),
            (state, None) => not_requestable_because.push(format!("the record is {}", state.name())),
        }
        if stored.state == RecordState::Shown && !copies.is_empty() && !copies.any_shown() {
            let all = copies.items.iter().chain(&copies.holdings);
            let rules: std::collections::BTreeSet<&str> =
                all.filter_map(|copy| copy.suppressed_by.as_deref()).collect();
            let rules: Vec<&str> = rules.into_iter().collect();
            not_requestable_because.push(format!("every copy is suppressed: {}", rules.join(", ")));
        }
        Ok(Some(Explanation {
            institution: stored.institution,
            id: stored.local_id,
            state: stored.state.name(),
            reason: stored.reason,
            datestamp: stored.datestamp,
            harvested_at: stored.harvested_at,
            title: record.as_ref().and_then(|record| record.to_record().title()),
            group: stored.edition.map(|edition| edition.to_string()),
            is_waiting_for_group: stored.is_pending,
            grouped_with,
            holdings: copies.holdings,
            items: copies.items,
            not_requestable_because,
        }))
    }
}
