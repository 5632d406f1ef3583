//! ListIdentifiers and ListRecords: windows, sets, resumption tokens that expire.

use jiff::{SignedDuration, Timestamp};

use super::{Arguments, Fail, check_format, fail, header, read_stamp, record};
use crate::state::Alma;
use crate::state::model::Id;

/// The parameters of a harvest, and the position at which it continues.
#[derive(Debug, Clone)]
struct Window {
    prefix: String,
    set: String,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    /// The last record returned. The next one is the first after it.
    after: Option<(Timestamp, Id)>,
}

fn bad_token<T>() -> Result<T, Fail> {
    fail("badResumptionToken", "The resumption token is invalid or expired.")
}

impl Window {
    fn of(alma: &Alma, arguments: &Arguments) -> Result<Window, Fail> {
        arguments.check(&["metadataPrefix"], &["from", "until", "set"])?;
        let prefix = arguments.get("metadataPrefix").unwrap_or_default();
        check_format(prefix)?;
        let set = arguments.get("set").unwrap_or_default();
        if !set.is_empty() && alma.sets.is_empty() {
            return fail("noSetHierarchy", "The repository does not support sets");
        }
        let bound = |key: &str, end: bool| match arguments.get(key) {
            None => Ok(None),
            Some(text) => match read_stamp(text, end) {
                Some(at) => Ok(Some(at)),
                None => fail("badArgument", format!("The argument {key} is not a legal date.")),
            },
        };
        let (from, until) = (bound("from", false)?, bound("until", true)?);
        let lengths = (arguments.get("from").map(str::len), arguments.get("until").map(str::len));
        if matches!(lengths, (Some(left), Some(right)) if left != right)
            || from.zip(until).is_some_and(|(from, until)| from > until)
        {
            return fail("badArgument", "The window of dates is not legal.");
        }
        Ok(Window { prefix: prefix.to_owned(), set: set.to_owned(), from, until, after: None })
    }

    /// `prefix@set@from@until@stamp@id@made`, moments as seconds: opaque to harvesters, and hard on those who do not
    /// encode it.
    fn token(&self, alma: &Alma, last: (Timestamp, Id)) -> String {
        let seconds = |at: Option<Timestamp>| at.map(|at| at.as_second().to_string()).unwrap_or_default();
        let Window { prefix, set, from, until, .. } = self;
        let (from, until) = (seconds(*from), seconds(*until));
        format!("{prefix}@{set}@{from}@{until}@{}@{}@{}:alma", last.0.as_second(), last.1, alma.now.as_second())
    }

    fn resume(alma: &Alma, token: &str) -> Result<Window, Fail> {
        let Some(token) = token.strip_suffix(":alma") else { return bad_token() };
        let [prefix, set, from, until, stamp, id, made] = token.split('@').collect::<Vec<_>>()[..] else {
            return bad_token();
        };
        let moment = |text: &str| text.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
        let (Some(stamp), Ok(id), Some(made)) = (moment(stamp), id.parse(), moment(made)) else { return bad_token() };
        if alma.now.duration_since(made) > SignedDuration::from_secs(alma.published.settings.token_life_s) {
            return bad_token();
        }
        Ok(Window {
            prefix: prefix.to_owned(),
            set: set.to_owned(),
            from: moment(from),
            until: moment(until),
            after: Some((stamp, id)),
        })
    }
}

/// One page of a list.
pub(super) fn answer(alma: &Alma, arguments: &Arguments, verb: &str) -> Result<String, Fail> {
    let window = match arguments.get("resumptionToken") {
        Some(token) => {
            arguments.check(&["resumptionToken"], &[])?;
            Window::resume(alma, token)?
        }
        None => Window::of(alma, arguments)?,
    };
    let start = match (window.after, window.from) {
        (Some(after), _) => std::ops::Bound::Excluded(after),
        (None, Some(from)) => std::ops::Bound::Included((from, 0)),
        (None, None) => std::ops::Bound::Unbounded,
    };
    let found = alma
        .published
        .order
        .range((start, std::ops::Bound::Unbounded))
        .take_while(|(at, _)| window.until.is_none_or(|until| *at <= until))
        .filter_map(|(at, mms)| alma.published.entries.get(mms).map(|entry| (*at, *mms, entry)))
        .filter(|(_, _, entry)| window.set.is_empty() || entry.sets.contains(&window.set));
    let size = alma.published.settings.page_size.max(1);
    let mut rows: Vec<_> = found.take(size + 1).collect();
    if rows.is_empty() && window.after.is_none() {
        return fail("noRecordsMatch", "No records match the request.");
    }
    let more = rows.len() > size;
    rows.truncate(size);
    let mut out = format!("<{verb}>");
    for (_, mms, entry) in &rows {
        if verb == "ListIdentifiers" {
            out.push_str(&header(alma, *mms, entry));
        } else {
            out.push_str(&record(alma, *mms, entry, &window.prefix));
        }
    }
    match rows.last() {
        Some((at, mms, _)) if more => {
            let token = window.token(alma, (*at, *mms));
            out.push_str(&format!("<resumptionToken>{}</resumptionToken>", crate::xml::escape(&token)));
        }
        _ if window.after.is_some() => out.push_str("<resumptionToken/>"),
        _ => {}
    }
    Ok(out + &format!("</{verb}>"))
}
