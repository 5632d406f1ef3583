//! OAI-PMH 2.0 provider under `/view/oai/{INSTITUTION}/request`, over what the institution has published.

mod dublin_core;
mod enrichment;
mod list;

use std::fmt::Write as _;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use crate::api::ApiAnswer;
use crate::clock::second;
use crate::record::Record;
use crate::sim::Sim;
use crate::state::Alma;
use crate::state::model::Id;
use crate::state::publish::Entry;
use crate::xml::escape;

const XML: &str = "text/xml;charset=UTF-8";

/// A protocol error: code and text.
#[derive(Debug)]
struct Fail(&'static str, String);

fn fail<T>(code: &'static str, text: impl Into<String>) -> Result<T, Fail> {
    Err(Fail(code, text.into()))
}

/// The arguments of a request, decoded, in the order they came.
#[derive(Debug)]
struct Arguments(Vec<(String, String)>);

impl Arguments {
    fn read(query: &str) -> Arguments {
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Arguments(
            pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(each, _)| each == key).map(|(_, value)| value.as_str())
    }

    /// Each argument once, no others than those allowed, none missing.
    fn check(&self, required: &[&str], optional: &[&str]) -> Result<(), Fail> {
        for (at, (key, _)) in self.0.iter().enumerate() {
            let repeated = self.0[..at].iter().any(|(each, _)| each == key);
            if repeated || key != "verb" && !required.contains(&key.as_str()) && !optional.contains(&key.as_str()) {
                return fail("badArgument", format!("The request includes an illegal or repeated argument: {key}"));
            }
        }
        match required.iter().find(|key| self.get(key).is_none()) {
            Some(_) => fail("badArgument", "The request is missing required arguments."),
            None => Ok(()),
        }
    }
}

/// Answers a request. `path` is the path after `/view/oai`.
pub(crate) fn answer(sim: &Sim, path: &str, query: &str, base: &str) -> ApiAnswer {
    let mut parts = path.trim_matches('/').split('/');
    let (code, end) = (parts.next().unwrap_or_default(), parts.next());
    if end != Some("request") {
        return ApiAnswer::new(
            200,
            "text/html;charset=UTF-8",
            "<html><body>Institution code is missing in URL</body></html>",
        );
    }
    let Ok(site) = sim.site(code) else {
        return ApiAnswer::new(200, "text/plain;charset=UTF-8", format!("Institution code {code} is invalid"));
    };
    let address = format!("{base}/view/oai/{code}/request");
    sim.with(&site, |alma| {
        if alma.published.settings.busy > 0 {
            alma.published.settings.busy -= 1;
            let mut answer = ApiAnswer::new(503, "text/plain;charset=UTF-8", "Service Unavailable");
            answer.headers.push(("retry-after", "1".to_owned()));
            return answer;
        }
        if alma.published.settings.not_entitled {
            return ApiAnswer::new(200, "text/html;charset=UTF-8", "<html><body>error_code 21</body></html>");
        }
        if alma.published.settings.access_refused {
            return ApiAnswer::new(200, "text/html;charset=UTF-8", "<html><body>Unauthorized access</body></html>");
        }
        alma.publish_due();
        respond(alma, &Arguments::read(query), &address)
    })
}

fn respond(alma: &Alma, arguments: &Arguments, address: &str) -> ApiAnswer {
    let result = dispatch(alma, arguments, address);
    if let (Err(Fail(_, text)), true) = (&result, alma.published.settings.errors_as_html) {
        return ApiAnswer::new(200, "text/html;charset=UTF-8", format!("<html><body>{}</body></html>", escape(text)));
    }
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OAI-PMH xmlns=\"http://www.openarchives.org/OAI/2.0/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"http://www.openarchives.org/OAI/2.0/ \
         http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd\"><responseDate>{}</responseDate><request",
        second(alma.now)
    );
    // The standard leaves the arguments out if they are the fault.
    if !matches!(&result, Err(Fail("badVerb" | "badArgument", _))) {
        for (key, value) in &arguments.0 {
            let _ = write!(out, " {}=\"{}\"", escape(key), escape(value));
        }
    }
    let _ = write!(out, ">{}</request>", escape(address));
    match result {
        Ok(body) => out.push_str(&body),
        Err(Fail(code, text)) => {
            let _ = write!(out, "<error code=\"{code}\">{}</error>", escape(&text));
        }
    }
    out.push_str("</OAI-PMH>");
    ApiAnswer::new(200, XML, out)
}

fn dispatch(alma: &Alma, arguments: &Arguments, address: &str) -> Result<String, Fail> {
    let repeated = arguments.0.iter().filter(|(key, _)| key == "verb").count() > 1;
    match arguments.get("verb").filter(|_| !repeated) {
        Some("Identify") => arguments.check(&[], &[]).map(|()| identify(alma, address)),
        Some("ListMetadataFormats") => formats(alma, arguments),
        Some("ListSets") => sets(alma, arguments),
        Some("GetRecord") => get_record(alma, arguments),
        Some("ListIdentifiers") => list::answer(alma, arguments, "ListIdentifiers"),
        Some("ListRecords") => list::answer(alma, arguments, "ListRecords"),
        _ => fail("badVerb", "The verb argument is missing, repeated or not legal."),
    }
}

fn identify(alma: &Alma, address: &str) -> String {
    let earliest = alma.published.order.first().map_or(alma.now, |(at, _)| *at);
    format!(
        "<Identify><repositoryName>{}</repositoryName><baseURL>{}</baseURL><protocolVersion>2.0</protocolVersion>\
         <adminEmail>library@example.org</adminEmail><earliestDatestamp>{}</earliestDatestamp>\
         <deletedRecord>persistent</deletedRecord><granularity>YYYY-MM-DDThh:mm:ssZ</granularity></Identify>",
        escape(&alma.name),
        escape(address),
        second(earliest)
    )
}

/// Prefix, schema, namespace.
const FORMATS: &[(&str, &str, &str)] = &[
    ("marc21", "http://www.loc.gov/standards/marcxml/schema/MARC21slim.xsd", "http://www.loc.gov/MARC21/slim"),
    ("oai_dc", "http://www.openarchives.org/OAI/2.0/oai_dc.xsd", "http://www.openarchives.org/OAI/2.0/oai_dc/"),
];

fn check_format(prefix: &str) -> Result<(), Fail> {
    if FORMATS.iter().any(|(each, ..)| *each == prefix) {
        return Ok(());
    }
    fail("cannotDisseminateFormat", format!("The metadata format {prefix} is not supported."))
}

fn formats(alma: &Alma, arguments: &Arguments) -> Result<String, Fail> {
    arguments.check(&[], &["identifier"])?;
    if let Some(identifier) = arguments.get("identifier") {
        find(alma, identifier)?;
    }
    let mut out = String::from("<ListMetadataFormats>");
    for (prefix, schema, namespace) in FORMATS {
        let _ = write!(
            out,
            "<metadataFormat><metadataPrefix>{prefix}</metadataPrefix><schema>{schema}</schema>\
             <metadataNamespace>{namespace}</metadataNamespace></metadataFormat>"
        );
    }
    Ok(out + "</ListMetadataFormats>")
}

fn sets(alma: &Alma, arguments: &Arguments) -> Result<String, Fail> {
    if arguments.get("resumptionToken").is_some() {
        return fail("badResumptionToken", "The resumption token is invalid or expired.");
    }
    arguments.check(&[], &[])?;
    if alma.sets.is_empty() {
        return fail("noSetHierarchy", "The repository does not support sets");
    }
    let mut out = String::from("<ListSets>");
    for set in &alma.sets {
        let _ =
            write!(out, "<set><setSpec>{}</setSpec><setName>{}</setName></set>", escape(&set.spec), escape(&set.name));
    }
    Ok(out + "</ListSets>")
}

fn find<'a>(alma: &'a Alma, identifier: &str) -> Result<(Id, &'a Entry), Fail> {
    let prefix = format!("oai:alma.{}:", alma.code);
    let mms: Option<Id> = identifier.strip_prefix(&prefix).and_then(|text| text.parse().ok());
    match mms.and_then(|mms| alma.published.entries.get(&mms).map(|entry| (mms, entry))) {
        Some(found) => Ok(found),
        None => fail("idDoesNotExist", "The identifier is unknown or illegal in this repository."),
    }
}

fn get_record(alma: &Alma, arguments: &Arguments) -> Result<String, Fail> {
    arguments.check(&["identifier", "metadataPrefix"], &[])?;
    let prefix = arguments.get("metadataPrefix").unwrap_or_default();
    check_format(prefix)?;
    let (mms, entry) = find(alma, arguments.get("identifier").unwrap_or_default())?;
    Ok(format!("<GetRecord>{}</GetRecord>", record(alma, mms, entry, prefix)))
}

fn header(alma: &Alma, mms: Id, entry: &Entry) -> String {
    let status = if entry.xml.is_none() { " status=\"deleted\"" } else { "" };
    let mut out = format!(
        "<header{status}><identifier>oai:alma.{}:{mms}</identifier><datestamp>{}</datestamp>",
        escape(&alma.code),
        second(entry.datestamp)
    );
    for set in &entry.sets {
        let _ = write!(out, "<setSpec>{}</setSpec>", escape(set));
    }
    out + "</header>"
}

fn record(alma: &Alma, mms: Id, entry: &Entry, prefix: &str) -> String {
    let mut out = format!("<record>{}", header(alma, mms, entry));
    if let Some(xml) = &entry.xml {
        let mut record = Record::from_xml(&xml.0).unwrap_or_default();
        if entry.suppressed {
            record.set_status('d');
        }
        enrichment::enrich(alma, mms, &mut record);
        let content = if prefix == "oai_dc" { dublin_core::write(&record) } else { record.to_marcxml() };
        let _ = write!(out, "<metadata>{content}</metadata>");
    }
    out + "</record>"
}

/// Reads a day or a moment of the two granularities; both ends of a window must have the same.
fn read_stamp(text: &str, end_of_day: bool) -> Option<Timestamp> {
    match text.len() {
        10 | 20 if !text.ends_with('z') => crate::clock::read_time(text, end_of_day),
        _ => None,
    }
}
