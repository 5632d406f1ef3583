//! A MARC record as the simulator stores it. It is read from a request body, changed where Alma changes it, and written
//! back.

use std::fmt::Write as _;

use crate::xml::{Element, escape, parse};

/// A bibliographic or holdings record.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Record {
    pub(crate) leader: String,
    pub(crate) control: Vec<(String, String)>,
    pub(crate) data: Vec<DataField>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DataField {
    pub(crate) tag: String,
    pub(crate) indicators: [char; 2],
    pub(crate) subfields: Vec<(char, String)>,
}

impl DataField {
    pub(crate) fn new(tag: &str, indicators: [char; 2], subfields: &[(char, &str)]) -> DataField {
        let subfields = subfields.iter().map(|(code, value)| (*code, (*value).to_owned())).collect();
        DataField { tag: tag.to_owned(), indicators, subfields }
    }

    pub(crate) fn sub(&self, code: char) -> Option<&str> {
        self.subfields.iter().find(|(each, _)| *each == code).map(|(_, value)| value.as_str())
    }

    /// The named subfields joined by a space.
    pub(crate) fn join(&self, codes: &str) -> String {
        let parts: Vec<&str> =
            self.subfields.iter().filter(|(code, _)| codes.contains(*code)).map(|(_, value)| value.as_str()).collect();
        parts.join(" ")
    }
}

impl Record {
    /// Reads the first `record` element of a document, with or without namespace.
    pub(crate) fn from_xml(text: &str) -> Result<Record, String> {
        Record::from_element(parse(text)?.find("record").ok_or("no record element")?)
    }

    pub(crate) fn from_element(element: &Element) -> Result<Record, String> {
        let mut record = Record { leader: " ".repeat(24), ..Record::default() };
        for child in &element.children {
            let tag = || child.attribute("tag").filter(|tag| !tag.is_empty()).ok_or("a field without tag");
            match child.name.as_str() {
                "leader" if !child.text.trim().is_empty() => record.leader.clone_from(&child.text),
                "controlfield" => record.control.push((tag()?.to_owned(), child.text.clone())),
                "datafield" => record.data.push(data_field(tag()?, child)?),
                _ => {}
            }
        }
        Ok(record)
    }

    /// The record element, without namespace as Alma answers it.
    pub(crate) fn to_xml(&self) -> String {
        self.write("<record>")
    }

    /// The record element in the MARC 21 slim namespace, as it is published.
    pub(crate) fn to_marcxml(&self) -> String {
        self.write(
            "<record xmlns=\"http://www.loc.gov/MARC21/slim\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:schemaLocation=\"http://www.loc.gov/MARC21/slim http://www.loc.gov/standards/marcxml/schema/MARC21slim.xsd\">",
        )
    }

    fn write(&self, start: &str) -> String {
        let mut out = format!("{start}<leader>{}</leader>", escape(&self.leader));
        for (tag, value) in &self.control {
            let _ = write!(out, "<controlfield tag=\"{}\">{}</controlfield>", escape(tag), escape(value));
        }
        for field in &self.data {
            let [first, second] = field.indicators.map(|char| escape(char.encode_utf8(&mut [0; 4])));
            let _ = write!(out, "<datafield ind1=\"{first}\" ind2=\"{second}\" tag=\"{}\">", escape(&field.tag));
            for (code, value) in &field.subfields {
                let code = escape(code.encode_utf8(&mut [0; 4]));
                let _ = write!(out, "<subfield code=\"{code}\">{}</subfield>", escape(value));
            }
            out.push_str("</datafield>");
        }
        out.push_str("</record>");
        out
    }

    pub(crate) fn control(&self, tag: &str) -> Option<&str> {
        self.control.iter().find(|(each, _)| each == tag).map(|(_, value)| value.as_str())
    }

    pub(crate) fn set_control(&mut self, tag: &str, value: &str) {
        self.control.retain(|(each, _)| each != tag);
        let at = self.control.iter().position(|(each, _)| each.as_str() > tag).unwrap_or(self.control.len());
        self.control.insert(at, (tag.to_owned(), value.to_owned()));
    }

    pub(crate) fn fields<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a DataField> {
        self.data.iter().filter(move |field| field.tag == tag)
    }

    pub(crate) fn sub(&self, tag: &str, code: char) -> Option<&str> {
        self.data.iter().filter(|field| field.tag == tag).find_map(|field| field.sub(code))
    }

    /// Leader position 5: record status.
    pub(crate) fn set_status(&mut self, status: char) {
        let mut leader: Vec<char> = self.leader.chars().collect();
        leader.resize(24, ' ');
        leader[5] = status;
        self.leader = leader.into_iter().collect();
    }

    pub(crate) fn title(&self) -> String {
        self.fields("245")
            .next()
            .map(|field| field.join("abnp"))
            .unwrap_or_default()
            .trim_end_matches([' ', '/', '.'])
            .to_owned()
    }

    pub(crate) fn author(&self) -> Option<String> {
        let field = ["100", "110", "111"].iter().find_map(|tag| self.fields(tag).next())?;
        Some(field.join("abcd").trim_end_matches(',').to_owned())
    }

    /// Subfield of the publication field, which is 264 in newer records and 260 in older ones.
    pub(crate) fn publication(&self, code: char) -> Option<String> {
        let text = self.sub("264", code).or_else(|| self.sub("260", code))?;
        Some(text.trim_end_matches([' ', ':', ',', '.', ';']).to_owned())
    }
}

fn data_field(tag: &str, element: &Element) -> Result<DataField, String> {
    let indicator = |name| element.attribute(name).and_then(|text| text.chars().next()).unwrap_or(' ');
    let mut field =
        DataField { tag: tag.to_owned(), indicators: [indicator("ind1"), indicator("ind2")], subfields: Vec::new() };
    for child in element.children.iter().filter(|child| child.name == "subfield") {
        let code = child.attribute("code").and_then(|text| text.chars().next()).ok_or("a subfield without code")?;
        field.subfields.push((code, child.text.clone()));
    }
    Ok(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = "<bib><m:record xmlns:m=\"x\"><m:leader>00000nam a2200000 a 4500</m:leader>\
        <m:controlfield tag=\"008\">x</m:controlfield><m:datafield tag=\"245\" ind1=\"1\" ind2=\"0\">\
        <m:subfield code=\"a\">Cats &amp; dogs :</m:subfield><m:subfield code=\"b\">\"a\" &lt; b.</m:subfield>\
        </m:datafield></m:record></bib>";

    #[test]
    fn a_record_survives_reading_and_writing() {
        let record = Record::from_xml(XML).unwrap();
        assert_eq!(record.title(), "Cats & dogs : \"a\" < b");
        assert_eq!(Record::from_xml(&record.to_xml()).unwrap(), record);
        assert_eq!(Record::from_xml(&record.to_marcxml()).unwrap(), record);
    }

    #[test]
    fn control_fields_keep_their_order() {
        let mut record = Record::from_xml(XML).unwrap();
        record.set_control("001", "99");
        record.set_control("005", "now");
        record.set_control("001", "98");
        let tags: Vec<_> = record.control.iter().map(|(tag, _)| tag.as_str()).collect();
        assert_eq!((tags, record.control("001")), (vec!["001", "005", "008"], Some("98")));
    }
}
