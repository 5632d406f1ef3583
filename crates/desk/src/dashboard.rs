//! The first page of a reader: what there is to do, what waits too long, how the libraries' systems are, and how the lending goes.

use askama::Template;
use axum::Router;
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;

use crate::chart::{Bars, Line};
use crate::failure::Failure;
use crate::frame::Frame;
use crate::page::{Page, show};
use crate::query::encoded;
use crate::scope;
use crate::state::Desk;
use crate::texts::Texts;
use crate::visitor::Visitor;

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/dashboard", get(dashboard))
}

/// The work as the API counts it.
#[derive(Debug, Deserialize)]
struct Work {
    queues: Vec<Queue>,
    decisions: Listed,
    cases: Listed,
    too_long: Vec<TooLong>,
}

#[derive(Debug, Deserialize)]
struct Queue {
    queue: String,
    side: String,
    count: u64,
    oldest: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    count: u64,
    oldest: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct TooLong {
    wait: String,
    side: Option<String>,
    limit_days: u16,
    count: u64,
    oldest: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Institutions {
    institutions: Vec<Institution>,
}

#[derive(Debug, Deserialize)]
struct Institution {
    code: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Quota {
    per_day: PerDay,
    paused: Option<Paused>,
    used: Used,
}

#[derive(Debug, Deserialize)]
struct PerDay {
    total: Option<u64>,
    remaining: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Paused {
    until: Timestamp,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Used {
    total: u64,
}

#[derive(Debug, Deserialize)]
struct Webhook {
    last_message_at: Option<Timestamp>,
    untrusted_since: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Statistics {
    borrower: SideStatistics,
}

#[derive(Debug, Deserialize)]
struct SideStatistics {
    periods: Vec<Period>,
}

#[derive(Debug, Deserialize)]
struct Period {
    day: jiff::civil::Date,
    fill_rate: Option<f64>,
    days_to_loan: Option<Turnaround>,
}

#[derive(Debug, Deserialize)]
struct Turnaround {
    median: i64,
    p90: i64,
}

/// A number with what it counts, which leads to the list of exactly these.
#[derive(Debug)]
struct Tile {
    count: u64,
    icon: &'static str,
    is_bad: bool,
    name: String,
    note: String,
    link: String,
}

#[derive(Debug)]
struct LongRow {
    name: String,
    link: String,
    limit: String,
    count: u64,
    longest: Option<String>,
}

#[derive(Debug)]
struct HealthRow {
    code: String,
    name: String,
    /// Whether the system answers; otherwise until when the hub waits, and why.
    trouble: Option<(String, String)>,
    /// The trust in its webhook: tone, icon, words, note.
    webhook: Option<(&'static str, &'static str, String, String)>,
    used: u64,
    total: Option<u64>,
    percent: u64,
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct DashboardPage {
    frame: Frame,
    tiles: Vec<Tile>,
    long: Vec<LongRow>,
    health: Vec<HealthRow>,
    fill: Option<Line>,
    turnaround: Option<Bars>,
}

/// The queues that a tile shows, with their icons. The others are no work for hands.
const TILES: [(&str, &str); 7] = [
    ("pick", "clock"),
    ("send", "truck"),
    ("receive", "in"),
    ("shelve", "shelf"),
    ("clear_hold_shelf", "x"),
    ("send_back", "back"),
    ("check_in", "check"),
];

async fn dashboard(visitor: Visitor) -> Page {
    let agency = scope::of_agency(&visitor);
    let work: Work = visitor.api.get(&format!("/api/v1/work?{agency}")).await?;
    let statistics: Statistics = visitor.api.get(&format!("/api/v1/statistics?per=week&{agency}")).await?;
    let frame = Frame::new(&visitor, "/dashboard");
    show(&DashboardPage {
        tiles: tiles(&visitor, &work),
        long: work.too_long.iter().filter(|long| long.count > 0).map(|long| long_row(&visitor, long)).collect(),
        health: health(&visitor).await?,
        fill: fill_rate(&visitor, &statistics.borrower.periods),
        turnaround: turnaround(&visitor, &statistics.borrower.periods),
        frame,
    })
}

/// Returns the list that shows the requests at a side.
fn list_at(side: &str) -> &'static str {
    if side == "lender" { "/lending" } else { "/borrowing" }
}

fn since(visitor: &Visitor, oldest: Option<Timestamp>) -> String {
    let texts = visitor.texts();
    oldest.map_or_else(
        || texts.say("nothing-to-do"),
        |oldest| texts.say1("oldest-since", "time", visitor.times.short(&oldest)),
    )
}

/// Returns what staff decide on, the cases, and the queues.
fn tiles(visitor: &Visitor, work: &Work) -> Vec<Tile> {
    let texts = visitor.texts();
    let listed = |listed: &Listed, icon, name: &str, link: &str| Tile {
        count: listed.count,
        icon,
        is_bad: listed.count > 0,
        name: texts.say(name),
        note: since(visitor, listed.oldest),
        link: link.to_owned(),
    };
    let decide = listed(&work.decisions, "case", "queue-decide", "/borrowing?view=decide&side=any");
    let cases = listed(&work.cases, "flag", "nav-cases", "/cases");
    let queue = |(name, icon): &(&str, &'static str)| {
        let queue = work.queues.iter().find(|queue| queue.queue == *name)?;
        Some(Tile {
            count: queue.count,
            icon,
            is_bad: false,
            name: texts.say(&format!("queue-{name}")),
            note: since(visitor, queue.oldest),
            link: format!("{}?queue={name}&side={}", list_at(&queue.side), queue.side),
        })
    };
    [decide, cases].into_iter().chain(TILES.iter().filter_map(queue)).collect()
}

fn long_row(visitor: &Visitor, long: &TooLong) -> LongRow {
    let texts = visitor.texts();
    let side = long.side.as_deref();
    let name = texts.say(&format!("wait-{}", long.wait));
    LongRow {
        name: side.map_or_else(|| name.clone(), |side| format!("{name} · {}", texts.say(&format!("side-{side}")))),
        link: format!(
            "{}?too_long={}{}",
            list_at(side.unwrap_or("lender")),
            encoded(&long.wait),
            side.map(|side| format!("&side={side}")).unwrap_or_default()
        ),
        limit: texts.say1("days", "count", u64::from(long.limit_days)),
        count: long.count,
        longest: long.oldest.map(|oldest| visitor.times.short(&oldest)),
    }
}

/// Returns the state of the institutions whose set-up the reader sees.
async fn health(visitor: &Visitor) -> Result<Vec<HealthRow>, Failure> {
    let known: Institutions = visitor.api.get("/api/v1/institutions").await?;
    let mut rows = Vec::with_capacity(known.institutions.len());
    for institution in known.institutions {
        let path = format!("/api/v1/institutions/{}", encoded(&institution.code));
        let quota: Quota = visitor.api.get(&format!("{path}/quota")).await?;
        // An institution without a webhook answers that there is none.
        let webhook = visitor.api.get::<Webhook>(&format!("{path}/webhook")).await.ok();
        rows.push(health_row(visitor, institution, &quota, webhook.as_ref()));
    }
    Ok(rows)
}

fn health_row(visitor: &Visitor, institution: Institution, quota: &Quota, webhook: Option<&Webhook>) -> HealthRow {
    let (texts, times) = (visitor.texts(), &visitor.times);
    let last = |at: &Timestamp| texts.say1("webhook-last-at", "time", times.short(at));
    let webhook = webhook.map(|webhook| match (&webhook.untrusted_since, &webhook.last_message_at) {
        (Some(since), _) => {
            ("warn", "case", texts.say("webhook-untrusted"), texts.say1("since", "time", times.short(since)))
        }
        (None, Some(at)) => ("good", "check", texts.say("webhook-trusted"), last(at)),
        (None, None) => ("calm", "clock", texts.say("webhook-silent"), String::new()),
    });
    let used = quota.per_day.total.zip(quota.per_day.remaining);
    let used = used.map_or(quota.used.total, |(total, remaining)| total.saturating_sub(remaining));
    HealthRow {
        code: institution.code,
        name: institution.name,
        trouble: quota.paused.as_ref().map(|paused| (times.short(&paused.until), paused.reason.clone())),
        webhook,
        used,
        total: quota.per_day.total,
        percent: quota.per_day.total.map_or(0, |total| used.saturating_mul(100) / total.max(1)).min(100),
    }
}

fn label(visitor: &Visitor, day: jiff::civil::Date) -> String {
    visitor.times.day(&day)
}

fn fill_rate(visitor: &Visitor, periods: &[Period]) -> Option<Line> {
    let points = periods.iter().filter_map(|period| Some((label(visitor, period.day), period.fill_rate? * 100.0)));
    Line::new(&points.collect::<Vec<_>>(), |first, last| summary(visitor.texts(), "fill-rate-trend", first, last))
}

fn turnaround(visitor: &Visitor, periods: &[Period]) -> Option<Bars> {
    let bars = periods.iter().filter_map(|period| {
        let days = period.days_to_loan.as_ref()?;
        Some((label(visitor, period.day), days.median, days.p90))
    });
    Bars::new(bars.collect())
}

/// Returns the sentence about a chart, from its first and last value in percent.
fn summary(texts: Texts, id: &str, first: f64, last: f64) -> String {
    texts.say2(id, "first", format!("{first:.0}"), "last", format!("{last:.0}"))
}
