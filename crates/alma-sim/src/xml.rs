//! XML in and out: a small element tree, and the two directions between it and the JSON shape of a resource.

use std::fmt::Write as _;

use quick_xml::{Reader, events::Event};
use serde_json::{Map, Value};

/// An element; names are without prefix, namespaces are ignored.
#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }

    /// Returns this element, or the first one below it, of that name.
    pub(crate) fn find(&self, name: &str) -> Option<&Element> {
        if self.name == name { Some(self) } else { self.children.iter().find_map(|child| child.find(name)) }
    }
}

/// Reads a document into its root element.
pub(crate) fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim_start());
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => open.push(element_of(&start)?),
            Event::Empty(start) => {
                let element = element_of(&start)?;
                attach(&mut open, element)?;
            }
            Event::End(_) => {
                let element = open.pop().ok_or("an element ends that never began")?;
                attach(&mut open, element)?;
            }
            Event::Text(text) => push_text(&mut open, &text.xml10_content()),
            Event::CData(text) => push_text(&mut open, &text.xml10_content()),
            Event::GeneralRef(entity) => {
                let resolved = entity.resolve_char_ref().map_err(|error| error.to_string())?;
                match (resolved, &*entity) {
                    (Some(char), _) => push_text(&mut open, char.encode_utf8(&mut [0; 4])),
                    (None, "amp") => push_text(&mut open, "&"),
                    (None, "lt") => push_text(&mut open, "<"),
                    (None, "gt") => push_text(&mut open, ">"),
                    (None, "quot") => push_text(&mut open, "\""),
                    (None, "apos") => push_text(&mut open, "'"),
                    (None, other) => return Err(format!("unknown entity {other}")),
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let mut document = open.pop().ok_or("no document")?;
    match (open.is_empty(), document.children.len()) {
        (true, 1) => Ok(document.children.remove(0)),
        _ => Err("the document does not have one root element".to_owned()),
    }
}

fn element_of(start: &quick_xml::events::BytesStart<'_>) -> Result<Element, String> {
    let local = start.local_name();
    let mut element = Element { name: local.into_inner().to_owned(), ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = attribute.key.local_name().into_inner().to_owned();
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?
            .into_owned();
        element.attributes.push((key, value));
    }
    Ok(element)
}

fn attach(open: &mut [Element], element: Element) -> Result<(), String> {
    open.last_mut().ok_or("an element ends that never began")?.children.push(element);
    Ok(())
}

fn push_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// Escapes text for an element or an attribute in double quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            char if (char as u32) < 0x20 && !matches!(char, '\t' | '\n' | '\r') => {}
            char => out.push(char),
        }
    }
    out
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>";

/// Returns the element that wraps a list in XML. JSON has an array there, named with the singular.
fn plural(singular: &str) -> String {
    match singular {
        "library" => "libraries".to_owned(),
        "address" => "addresses".to_owned(),
        "copy" => "copies".to_owned(),
        "rs_library" => "rs_libraries".to_owned(),
        "proxy_for_user" => "proxy_for_users".to_owned(),
        "bib" | "holding" | "item" | "user" => format!("{singular}s"),
        other => format!("{other}s"),
    }
}

/// Writes a resource as an XML document. `root` is the root element; a list answer has the plural name and its
/// rows directly below it.
pub(crate) fn document(root: &str, value: &Value) -> String {
    let mut out = String::from(DECLARATION);
    write_root(&mut out, root, value);
    out
}

fn write_root(out: &mut String, root: &str, value: &Value) {
    let Value::Object(fields) = value else {
        write_element(out, root, value);
        return;
    };
    if !fields.contains_key("total_record_count") && !root.ends_with("_options") {
        write_element(out, root, value);
        return;
    }
    let _ = write!(out, "<{root}");
    if let Some(count) = fields.get("total_record_count") {
        let _ = write!(out, " total_record_count=\"{count}\"");
    }
    out.push('>');
    for (key, field) in fields {
        match field {
            Value::Array(rows) => rows.iter().for_each(|row| write_element(out, key, row)),
            _ if key == "total_record_count" => {}
            field => write_element(out, key, field),
        }
    }
    let _ = write!(out, "</{root}>");
}

fn write_element(out: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(rows) if name == "anies" => {
            for row in rows {
                let text = row.as_str().unwrap_or_default();
                out.push_str(text.split_once("?>").map_or(text, |(_, record)| record));
            }
        }
        Value::Array(rows) => {
            let list = plural(name);
            let _ = write!(out, "<{list}>");
            rows.iter().for_each(|row| write_element(out, name, row));
            let _ = write!(out, "</{list}>");
        }
        Value::Object(fields) => write_object(out, name, fields),
        Value::String(text) if name == "request_status" => leaf(out, name, &status_words(text)),
        Value::String(text) => leaf(out, name, text),
        other => leaf(out, name, &other.to_string()),
    }
}

fn leaf(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, "<{name}>{}</{name}>", escape(text));
}

/// Fields that XML carries as attributes, of resources and of the rows of a user.
const ATTRIBUTES: [&str; 4] = ["link", "segment_type", "preferred", "preferred_sms"];

/// Coded values carry their text in an attribute.
fn write_object(out: &mut String, name: &str, fields: &Map<String, Value>) {
    let coded = fields.contains_key("value") && fields.values().all(|field| !field.is_object() && !field.is_array());
    let _ = write!(out, "<{name}");
    for (key, field) in fields.iter().filter(|(key, _)| coded && *key != "value" || ATTRIBUTES.contains(&key.as_str()))
    {
        match field {
            Value::String(text) => {
                let _ = write!(out, " {key}=\"{}\"", escape(text));
            }
            Value::Bool(flag) => {
                let _ = write!(out, " {key}=\"{flag}\"");
            }
            _ => {}
        }
    }
    out.push('>');
    if coded {
        match fields.get("value") {
            Some(Value::String(text)) => out.push_str(&escape(text)),
            None | Some(Value::Null) => {}
            Some(other) => out.push_str(&other.to_string()),
        }
    } else {
        let inner = fields.iter().filter(|(key, _)| !ATTRIBUTES.contains(&key.as_str()));
        inner.for_each(|(key, field)| write_element(out, key, field));
    }
    let _ = write!(out, "</{name}>");
}

/// XML shows the display text of a request's status where JSON has the code.
fn status_words(code: &str) -> String {
    let mut words = Vec::new();
    for word in code.split('_') {
        let mut letters = word.chars();
        let first = letters.next().map(String::from).unwrap_or_default();
        words.push(first + &letters.as_str().to_lowercase());
    }
    words.join(" ")
}

/// Fields whose JSON form is an object with `value`.
const CODED: &[&str] = &[
    "account_type",
    "address_type",
    "base_status",
    "block_description",
    "block_type",
    "break_indicator",
    "campus_code",
    "cataloger_level",
    "category_type",
    "circ_desk",
    "country",
    "email_type",
    "gender",
    "id_type",
    "job_category",
    "library",
    "location",
    "material_type",
    "note_type",
    "pattern_type",
    "phone_type",
    "physical_condition",
    "physical_material_type",
    "policy",
    "preferred_language",
    "process_type",
    "provenance",
    "record_type",
    "request_id",
    "return_circ_desk",
    "role_type",
    "scope",
    "statistic_category",
    "status",
    "temp_library",
    "temp_location",
    "temp_policy",
    "user_group",
    "user_title",
    "alternative_call_number_type",
    "call_number_type",
    "temp_call_number_type",
];

/// Plural elements and the JSON list they become.
const LISTS: &[(&str, &str)] = &[
    ("user_identifiers", "user_identifier"),
    ("user_blocks", "user_block"),
    ("user_notes", "user_note"),
    ("user_roles", "user_role"),
    ("user_statistics", "user_statistic"),
    ("addresses", "address"),
    ("emails", "email"),
    ("phones", "phone"),
    ("address_types", "address_type"),
    ("email_types", "email_type"),
    ("phone_types", "phone_type"),
    ("proxy_for_users", "proxy_for_user"),
    ("rs_libraries", "rs_library"),
    ("library_notices", "library_notice"),
    ("parameters", "parameter"),
    ("network_numbers", "network_number"),
];

/// Fields that are JSON booleans.
const BOOLEANS: &[&str] = &[
    "in_temp_location",
    "preferred",
    "user_viewable",
    "popup_note",
    "is_researcher",
    "is_magnetic",
    "awaiting_reshelving",
];

/// The JSON form of a request body that came as XML. A block's or an identifier's status is plain text.
pub(crate) fn to_json(element: &Element) -> Value {
    let mut fields = Map::new();
    for (key, text) in element.attributes.iter().filter(|(key, _)| key != "link" && ATTRIBUTES.contains(&key.as_str()))
    {
        let value = if key == "segment_type" { Value::from(text.as_str()) } else { Value::Bool(text == "true") };
        fields.insert(key.clone(), value);
    }
    for child in &element.children {
        if let Some((_, singular)) = LISTS.iter().find(|(list, _)| *list == child.name) {
            fields.insert((*singular).to_owned(), child.children.iter().map(|row| field_of(row, element)).collect());
        } else {
            fields.insert(child.name.clone(), field_of(child, element));
        }
    }
    Value::Object(fields)
}

fn field_of(child: &Element, parent: &Element) -> Value {
    if !child.children.is_empty() {
        return to_json(child);
    }
    let text = child.text.trim().to_owned();
    let plain_status = child.name == "status" && parent.name == "user_identifier";
    if CODED.contains(&child.name.as_str()) && !plain_status {
        return serde_json::json!({ "value": text });
    }
    if BOOLEANS.contains(&child.name.as_str()) {
        return Value::Bool(text.eq_ignore_ascii_case("true"));
    }
    if matches!(child.name.as_str(), "contact_info") { Value::Object(Map::new()) } else { Value::String(text) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entities_and_prefixes_are_understood() {
        let root =
            parse("<?xml version='1.0'?><m:a x='1 &amp; 2'><m:b>&lt;tea&gt; &#38; \u{4e2d}</m:b></m:a>").unwrap();
        assert_eq!((root.name.as_str(), root.attribute("x")), ("a", Some("1 & 2")));
        assert_eq!(root.child_text("b"), Some("<tea> & \u{4e2d}"));
        assert!(parse("<a><b></a>").is_err());
        assert!(parse("no xml").is_err());
    }

    #[test]
    fn lists_codes_and_links_take_almas_xml_form() {
        let value = json!({"user": [{"primary_id": "a&b", "link": "/x", "user_group": {"value": "ST", "desc": "Staff"},
            "user_block": [], "pin_number": null}], "total_record_count": 1});
        assert_eq!(
            document("users", &value),
            format!(
                "{DECLARATION}<users total_record_count=\"1\"><user link=\"/x\"><primary_id>a&amp;b</primary_id>\
                 <user_blocks></user_blocks><user_group desc=\"Staff\">ST</user_group></user></users>"
            )
        );
    }

    #[test]
    fn a_body_in_xml_becomes_the_json_shape() {
        let body =
            parse("<item><item_data><barcode>B1</barcode><policy desc='x'>P</policy></item_data></item>").unwrap();
        assert_eq!(to_json(&body), json!({"item_data": {"barcode": "B1", "policy": {"value": "P"}}}));
    }
}
