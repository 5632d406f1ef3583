//! Webhooks: the messages that Alma sends (Alma Developer Network, "Webhooks").
//!
//! The signature of a message covers its raw bytes. A message may come twice, late, in any order, or never. It shows
//! which record to read, and is no state itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::ids::MmsId;
use crate::lenient;
use crate::model::{Item, Loan, Request};

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "X-Exl-Signature";

/// Returns the signature: Base64 of HMAC-SHA256 over the raw body.
pub fn signature(secret: &SecretString, body: &[u8]) -> String {
    digest(secret, body).map(|mac| STANDARD.encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Returns whether the signature was made with the secret. The comparison takes constant time.
pub fn is_signed_with(secret: &SecretString, body: &[u8], signature: &str) -> bool {
    let Ok(given) = STANDARD.decode(signature.trim()) else { return false };
    digest(secret, body).is_some_and(|mac| mac.verify_slice(&given).is_ok())
}

/// Returns the HMAC of the body. HMAC takes a key of any length (RFC 2104), so there always is one.
fn digest(secret: &SecretString, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    mac.update(body);
    Some(mac)
}

/// A message.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// The message's id, the same for every delivery.
    #[serde(deserialize_with = "lenient::required")]
    pub id: String,
    /// The name of the subject, such as `LOAN`.
    #[serde(deserialize_with = "lenient::required")]
    pub action: String,
    /// The event, such as `LOAN_CREATED`; not every kind of message has it.
    #[serde(default, deserialize_with = "lenient::opt")]
    event: Option<String>,
    /// The institution's code.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub institution: Option<String>,
    /// When it happened.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub time: Option<Timestamp>,
    /// The title that the message's record is, or belongs to.
    #[serde(skip)]
    pub mms_id: Option<MmsId>,
    #[serde(skip)]
    subject: Subject,
}

/// The subject of a message.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Subject {
    /// A loan.
    Loan(Box<Loan>),
    /// A request.
    Request(Box<Request>),
    /// An item.
    Item(Box<Item>),
    /// Another subject, or one that can't be read.
    #[default]
    Other,
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// Returns the fault of the message without quoting it.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        if body.trim_ascii_start().starts_with(b"<") {
            return Err("it is XML; set the profile's message type to JSON in Alma".to_owned());
        }
        let mut value: Value = serde_json::from_slice(body).map_err(|_| "it is no JSON".to_owned())?;
        let mms_id = mms_id(&value);
        let subject = value.as_object_mut().map(subject).unwrap_or_default();
        Ok(Self { subject, mms_id, ..lenient::record(value)? })
    }

    /// Returns the event in upper case; empty if the message has none.
    pub fn event(&self) -> String {
        self.event.as_deref().unwrap_or_default().to_uppercase()
    }

    /// Returns the record that the message contains.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }
}

/// Returns the id of the title that a message is about, also if the rest of its record can't be read.
fn mms_id(message: &Value) -> Option<MmsId> {
    let paths = ["/item/bib_data/mms_id", "/item_loan/mms_id", "/user_request/mms_id", "/bib/mms_id"];
    let found = paths.iter().find_map(|path| message.pointer(path).and_then(lenient::scalar))?;
    (!found.is_empty()).then(|| MmsId::from(found))
}

/// Takes the record out of a message.
fn subject(fields: &mut Map<String, Value>) -> Subject {
    let action = fields.get("action").and_then(lenient::scalar).unwrap_or_default().to_uppercase();
    let mut part = |key: &str| fields.remove(key).unwrap_or_default();
    let subject = match action.as_str() {
        "LOAN" => lenient::record(part("item_loan")).map(|loan| Subject::Loan(Box::new(loan))),
        "REQUEST" => lenient::record(part("user_request")).map(|request| Subject::Request(Box::new(request))),
        "ITEM" => lenient::record(part("item")).map(|item| Subject::Item(Box::new(item))),
        _ => return Subject::Other,
    };
    subject.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{\"id\":\"1\",\"action\":\"loan\",\"event\":{\"value\":\"LOAN_RETURNED\"},\"item_loan\":\
        {\"loan_id\":\"71\",\"item_id\":\"231\"}}";

    #[test]
    fn signature_is_the_one_of_rfc_4231() {
        let secret = SecretString::from("Jefe");
        let expected = signature(&secret, b"what do ya want for nothing?");
        assert_eq!(expected, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    }

    #[test]
    fn one_byte_more_or_another_secret_is_no_signature() {
        let secret = SecretString::from("a secret");
        let expected = signature(&secret, BODY);
        assert!(is_signed_with(&secret, BODY, &expected));
        assert!(!is_signed_with(&secret, &[BODY, b" "].concat(), &expected));
        assert!(!is_signed_with(&SecretString::from("another"), BODY, &expected));
        for nonsense in ["", "not base64!", "AAAA"] {
            assert!(!is_signed_with(&secret, BODY, nonsense));
        }
    }

    #[test]
    fn message_has_a_subject_whatever_the_case_of_its_action() {
        let message = Message::read(BODY).unwrap();
        assert_eq!((message.id.as_str(), message.event().as_str()), ("1", "LOAN_RETURNED"));
        assert!(matches!(message.subject(), Subject::Loan(loan) if loan.id.as_str() == "71"));
    }

    #[test]
    fn message_names_its_title_whatever_its_subject() {
        for (part, record) in [
            ("item", r#"{"bib_data":{"mms_id":"99"}}"#),
            ("item_loan", r#"{"mms_id":99}"#),
            ("user_request", r#"{"mms_id":"99"}"#),
            ("bib", r#"{"mms_id":"99"}"#),
        ] {
            let body = format!(r#"{{"id":"1","action":"ANY","holding":null,"{part}":{record}}}"#);
            let message = Message::read(body.as_bytes()).unwrap();
            assert_eq!(message.mms_id, Some("99".into()), "{part}");
        }
        assert_eq!(Message::read(BODY).unwrap().mms_id, None);
    }

    #[test]
    fn malformed_message_is_reported_without_quoting_it() {
        for (body, expected) in
            [(&b"<webhook/>"[..], "XML"), (b"{", "no JSON"), (b"[1]", "no JSON object"), (b"{}", "id")]
        {
            let reason = Message::read(body).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn payload_that_can_not_be_read_is_no_subject() {
        let message = Message::read(b"{\"id\":1,\"action\":\"LOAN\",\"item_loan\":null}").unwrap();
        assert!(matches!(message.subject(), Subject::Other));
    }
}
