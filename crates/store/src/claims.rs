//! Claims: what is due is taken under lease, effects before polls, and no more at an institution than it is to bear.
//!
//! A claim first reads the due work. Then it takes each lease, unless another node was quicker.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::database::Store;
use crate::error::Error;
use crate::sql::{Row, values, word_set};
use crate::work::{Intent, Work, work_of};

/// What to claim.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Who claims: the node's name.
    pub owner: &'a str,
    /// Now.
    pub now: Timestamp,
    /// How long the lease holds.
    pub lease: Duration,
    /// How many at most.
    pub limit: usize,
    /// How many under lease for one institution at the same time.
    pub max_per_institution: usize,
    /// How many of the claimed may be polls.
    pub max_polls: usize,
    /// How many of those under lease for one institution may be polls, so that effects always find room.
    pub max_polls_per_institution: usize,
}

/// What was claimed.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The intents, now under lease.
    pub intents: Vec<Intent>,
    /// Whether there may be more to claim at once, which was not looked at for what was passed over.
    pub more: bool,
}

/// How many of each institution are under lease. The first condition is the one of the index of the few that are.
const LEASED: &str = "SELECT institution, 0 AS is_poll, COUNT(*) AS leases FROM work \
     WHERE lease_until > 0 AND lease_until > $1 AND state = 'open' GROUP BY institution \
     UNION ALL \
     SELECT institution, 1, COUNT(*) FROM poll WHERE lease_until > 0 AND lease_until > $1 GROUP BY institution";

/// Whether something of the same request is under way.
macro_rules! busy {
    ($table:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM work AS other WHERE other.request = ",
            $table,
            ".request AND other.state = 'open' AND other.lease_until > $1) \
              OR EXISTS (SELECT 1 FROM poll AS other WHERE other.request = ",
            $table,
            ".request AND other.lease_until > $1))"
        )
    };
}

/// Effects or deadlines that are due, without a lease, at institutions that are not full; those that are due longest
/// come first. `LIKE` would take the `_` of a code for any letter, and knows no case on SQLite.
macro_rules! due_work {
    ($kind:literal) => {
        concat!(
            "SELECT id, request, kind, target, institution, attempts, unclear, fencing_token, due_at, lease_until, created_at \
             FROM work WHERE state = 'open' AND kind = '",
            $kind,
            "' AND due_at <= $1 AND lease_until <= $1 AND REPLACE($2, ',' || institution || ',', '') = $2 AND NOT ",
            busy!("work"),
            " ORDER BY due_at LIMIT $3"
        )
    };
}

const DUE_POLLS: &str = concat!(
    "SELECT id, request, side, institution, attempts, fencing_token, due_at, lease_until, created_at, hints, hinted_at, \
         list, failures, failing_since \
     FROM poll WHERE due_at <= $1 AND lease_until <= $1 AND REPLACE($2, ',' || institution || ',', '') = $2 AND NOT ",
    busy!("poll"),
    " ORDER BY due_at LIMIT $3"
);

impl Store {
    /// Takes due work, effects before polls, and at most one of a request. An effect whose lease ran out comes back as
    /// unclear: whoever had it may have sent it.
    pub async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, Error> {
        let mut leased = self.leases(claim.now).await?;
        let due = self.candidates(claim, &leased).await?;
        let mut more = due.len() >= window(claim);
        let (mut requests, mut chosen) = (HashSet::new(), Vec::new());
        let mut polls = 0;
        for intent in due {
            if chosen.len() >= claim.limit {
                more = true;
                break;
            }
            let is_poll = matches!(intent.work, Work::Poll(_));
            let count = leased.entry(intent.institution.as_str().to_owned()).or_default();
            if count.is_full(claim) || requests.contains(&intent.request) {
                continue;
            }
            if is_poll && (polls >= claim.max_polls || count.is_full_of_polls(claim)) {
                continue;
            }
            count.all += 1;
            count.polls += usize::from(is_poll);
            polls += usize::from(is_poll);
            requests.insert(intent.request);
            chosen.push(intent);
        }
        let mut intents = self.lease(chosen, claim).await?;
        self.read_hints(&mut intents).await?;
        // What nothing came of this time nothing would come of the next.
        Ok(Claimed { more: more && !intents.is_empty(), intents })
    }

    async fn leases(&self, now: Timestamp) -> Result<HashMap<String, Leased>, Error> {
        let mut leased: HashMap<String, Leased> = HashMap::new();
        for row in self.lookup(LEASED, values![now]).await? {
            let count = usize::try_from(row.count("leases")?).unwrap_or_default();
            let of = leased.entry(row.text("institution")?).or_default();
            of.all += count;
            of.polls += if row.yes("is_poll")? { count } else { 0 };
        }
        Ok(leased)
    }

    /// Deadlines first, then effects, then polls. More than can be claimed: some are passed over, of a request, or of an
    /// institution that becomes full.
    async fn candidates(&self, claim: &Claim<'_>, leased: &HashMap<String, Leased>) -> Result<Vec<Intent>, Error> {
        let those = |full: fn(&Leased, &Claim<'_>) -> bool| {
            word_set(leased.iter().filter(|(_, count)| full(count, claim)).map(|(code, _)| code.as_str()))
        };
        let (full, full_of_polls) =
            (those(Leased::is_full), those(|of, claim| of.is_full(claim) || of.is_full_of_polls(claim)));
        let window = i64::try_from(window(claim)).unwrap_or(i64::MAX);
        let parameters = |full: &String| values![claim.now, full, window];
        let mut queries = vec![(due_work!("deadline"), parameters(&full)), (due_work!("effect"), parameters(&full))];
        if claim.max_polls > 0 {
            queries.push((DUE_POLLS, parameters(&full_of_polls)));
        }
        let mut found = self.lookup_all(queries).await?.into_iter();
        let mut due = Vec::new();
        for rows in found.by_ref().take(2) {
            due.extend(rows.iter().map(|row| work(row, claim.now)).collect::<Result<Vec<_>, _>>()?);
        }
        for rows in found {
            due.extend(rows.iter().map(|row| poll(row, claim.now)).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(due)
    }

    /// Takes leases, each if nobody was quicker; answers those that were taken.
    async fn lease(&self, chosen: Vec<Intent>, claim: &Claim<'_>) -> Result<Vec<Intent>, Error> {
        let lease = SignedDuration::try_from(claim.lease).unwrap_or(SignedDuration::MAX);
        let until = claim.now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let mut unit = self.unit();
        let mut steps = Vec::with_capacity(chosen.len());
        for intent in &chosen {
            let sql = match intent.work {
                Work::Effect(_) | Work::Deadline(_) => {
                    "UPDATE work SET lease_owner = $1, lease_until = $2, fencing_token = fencing_token + 1, updated_at = $3, \
                         unclear = CASE WHEN lease_until > 0 AND kind = 'effect' THEN 1 ELSE unclear END \
                     WHERE id = $4 AND fencing_token = $5 AND state = 'open' AND lease_until <= $3"
                }
                Work::Poll(_) => {
                    "UPDATE poll SET lease_owner = $1, lease_until = $2, fencing_token = fencing_token + 1, updated_at = $3 \
                     WHERE id = $4 AND fencing_token = $5 AND lease_until <= $3"
                }
            };
            steps.push(unit.run(sql, values![claim.owner, until, claim.now, intent.id, intent.fencing_token]));
        }
        let done = self.commit(unit).await?;
        let taken = chosen.into_iter().zip(steps).filter(|(_, step)| done.touched(*step) == 1);
        Ok(taken.map(|(intent, _)| Intent { fencing_token: intent.fencing_token + 1, ..intent }).collect())
    }

    /// Reads the hints of polls that have some.
    async fn read_hints(&self, intents: &mut [Intent]) -> Result<(), Error> {
        for intent in intents.iter_mut().filter(|intent| intent.hinted_at > Timestamp::UNIX_EPOCH) {
            let Work::Poll(side) = intent.work else { continue };
            let sql = "SELECT body FROM hint WHERE request = $1 AND side = $2 AND seq <= $3 ORDER BY seq";
            let rows = self.lookup(sql, values![intent.request, side, intent.hints_seen]).await?;
            intent.hints = rows.iter().map(|row| row.text("body")).collect::<Result<_, _>>()?;
        }
        Ok(())
    }
}

/// What of an institution is under lease.
#[derive(Clone, Copy, Default)]
struct Leased {
    all: usize,
    polls: usize,
}

impl Leased {
    fn is_full(&self, claim: &Claim<'_>) -> bool {
        self.all >= claim.max_per_institution
    }

    fn is_full_of_polls(&self, claim: &Claim<'_>) -> bool {
        self.polls >= claim.max_polls_per_institution
    }
}

/// How many of each kind are looked at for a claim.
fn window(claim: &Claim<'_>) -> usize {
    claim.limit.saturating_mul(4)
}

fn work(row: &Row, claimed_at: Timestamp) -> Result<Intent, Error> {
    let work = work_of(row)?;
    // A lease that ran out, and not one given back: what was begun may have been done.
    let ran_out = row.int("lease_until")? > 0 && matches!(work, Work::Effect(_));
    Ok(Intent {
        id: row.parse("id")?,
        request: row.parse("request")?,
        work,
        institution: row.text("institution")?.into(),
        attempts: row.small("attempts")?,
        unclear: row.yes("unclear")? || ran_out,
        fencing_token: row.int("fencing_token")?,
        due_at: row.time("due_at")?,
        hints: Vec::new(),
        hints_seen: 0,
        hinted_at: Timestamp::UNIX_EPOCH,
        on_list: false,
        created_at: row.time("created_at")?,
        claimed_at,
        failures: 0,
        failing_since: Timestamp::UNIX_EPOCH,
    })
}

fn poll(row: &Row, claimed_at: Timestamp) -> Result<Intent, Error> {
    Ok(Intent {
        id: row.parse("id")?,
        request: row.parse("request")?,
        work: Work::Poll(row.side("side")?),
        institution: row.text("institution")?.into(),
        attempts: row.small("attempts")?,
        unclear: false,
        fencing_token: row.int("fencing_token")?,
        due_at: row.time("due_at")?,
        hints: Vec::new(),
        hints_seen: row.int("hints")?,
        hinted_at: row.time("hinted_at")?,
        on_list: !row.text("list")?.is_empty(),
        created_at: row.time("created_at")?,
        claimed_at,
        failures: row.small("failures")?,
        failing_since: row.time("failing_since")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plan;

    #[test]
    fn due_and_leased_work_is_found_by_indexes() {
        for sql in [LEASED, due_work!("effect"), due_work!("deadline"), DUE_POLLS] {
            let plan = plan(sql).join("; ");
            assert!(!plan.contains("SCAN"), "{plan}");
        }
    }
}
