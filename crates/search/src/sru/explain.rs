//! The answer to explain: what the server can do (ZeeRex).

use super::request::{SCHEMAS, Version};
use super::{Server, USUAL_RECORDS, element, escaped};
use crate::query::cql::{CONTEXT_SETS, INDEXES};
use crate::search::MOST_HITS;

/// Describes the server.
pub(super) fn answer(server: &Server, version: Version) -> String {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<explainResponse xmlns=\"http://www.loc.gov/zing/srw/\">\
         <version>{version}</version><record><recordSchema>http://explain.z3950.org/dtd/2.0/</recordSchema>\
         <recordPacking>xml</recordPacking><recordData><explain xmlns=\"http://explain.z3950.org/dtd/2.0/\">\
         <serverInfo protocol=\"SRU\" version=\"1.2\" transport=\"http\" method=\"GET POST\">",
        version = version.name()
    );
    element(&mut xml, "host", &server.host);
    element(&mut xml, "port", &server.port.to_string());
    element(&mut xml, "database", &server.database);
    xml.push_str("</serverInfo><databaseInfo><title>Shared catalogue</title></databaseInfo><indexInfo>");
    for set in CONTEXT_SETS {
        xml.push_str(&format!("<set name=\"{}\" identifier=\"{}\"/>", set.name, escaped(set.identifier)));
    }
    for index in INDEXES {
        xml.push_str("<index search=\"true\" scan=\"false\" sort=\"false\">");
        element(&mut xml, "title", index.title);
        xml.push_str(&format!("<map><name set=\"{}\">{}</name></map></index>", index.set, index.name));
    }
    xml.push_str("</indexInfo><schemaInfo>");
    for (_, name, identifier, title) in SCHEMAS {
        xml.push_str(&format!("<schema name=\"{name}\" identifier=\"{identifier}\" sort=\"false\" retrieve=\"true\">"));
        element(&mut xml, "title", title);
        xml.push_str("</schema>");
    }
    xml.push_str("</schemaInfo><configInfo>");
    xml.push_str(&format!("<default type=\"numberOfRecords\">{USUAL_RECORDS}</default>"));
    xml.push_str(&format!("<setting type=\"maximumRecords\">{MOST_HITS}</setting>"));
    for relation in ["=", "==", "exact", "adj", "all", "any", "<", "<=", ">", ">=", "within"] {
        xml.push_str(&format!("<supports type=\"relation\">{}</supports>", escaped(relation)));
    }
    for mask in ["*", "?"] {
        xml.push_str(&format!("<supports type=\"maskingCharacter\">{mask}</supports>"));
    }
    xml + "</configInfo></explain></recordData></record></explainResponse>"
}
