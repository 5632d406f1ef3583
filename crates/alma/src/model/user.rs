//! Users: people who borrow, and virtual patrons that represent people of other institutions.
//!
//! `Debug` of the types here prints nothing personal.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::ids::{Barcode, UserId};
use crate::lenient;
use crate::model::Coded;
use crate::page::Row;

/// A user, with the whole record as Alma sent it.
#[derive(Clone)]
pub struct User {
    fields: Fields,
    raw: Map<String, Value>,
}

#[derive(Clone, Deserialize)]
struct Fields {
    #[serde(deserialize_with = "lenient::required")]
    primary_id: UserId,
    #[serde(default, deserialize_with = "lenient::opt")]
    first_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::opt")]
    middle_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::opt")]
    last_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::opt")]
    full_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::opt")]
    pin_number: Option<String>,
    #[serde(default, deserialize_with = "lenient::opt")]
    user_group: Option<Coded>,
    #[serde(default, deserialize_with = "lenient::opt")]
    campus_code: Option<Coded>,
    #[serde(default, deserialize_with = "lenient::opt")]
    preferred_language: Option<Coded>,
    #[serde(default, deserialize_with = "lenient::opt")]
    record_type: Option<Coded>,
    #[serde(default, deserialize_with = "lenient::opt")]
    account_type: Option<Coded>,
    #[serde(default, deserialize_with = "lenient::opt")]
    external_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::opt")]
    status: Option<Coded>,
    #[serde(default, deserialize_with = "lenient::opt")]
    expiry_date: Option<Date>,
    #[serde(default, deserialize_with = "lenient::opt")]
    purge_date: Option<Date>,
    #[serde(default, deserialize_with = "lenient::opt")]
    birth_date: Option<Date>,
    #[serde(default, deserialize_with = "lenient::opt")]
    loans: Option<Coded>,
    #[serde(default, deserialize_with = "lenient::opt")]
    requests: Option<Coded>,
    #[serde(default, deserialize_with = "lenient::opt")]
    fees: Option<Coded>,
    #[serde(default, deserialize_with = "lenient::list")]
    user_identifier: Vec<Identifier>,
    #[serde(default, deserialize_with = "blocks")]
    user_block: Vec<Block>,
    #[serde(default, deserialize_with = "lenient::list")]
    user_role: Vec<Role>,
    #[serde(default, deserialize_with = "lenient::nested")]
    contact_info: ContactInfo,
}

#[derive(Clone, Default, Deserialize)]
struct ContactInfo {
    #[serde(default, deserialize_with = "lenient::list")]
    email: Vec<Email>,
}

impl User {
    /// Returns the primary id, often an identity provider's id, not a barcode.
    pub fn primary_id(&self) -> &UserId {
        &self.fields.primary_id
    }

    /// Returns the first name.
    pub fn first_name(&self) -> Option<&str> {
        self.fields.first_name.as_deref()
    }

    /// Returns the middle name.
    pub fn middle_name(&self) -> Option<&str> {
        self.fields.middle_name.as_deref()
    }

    /// Returns the last name.
    pub fn last_name(&self) -> Option<&str> {
        self.fields.last_name.as_deref()
    }

    /// Returns the whole name, as Alma puts it together.
    pub fn full_name(&self) -> Option<&str> {
        self.fields.full_name.as_deref()
    }

    /// Returns the PIN. Alma has no call that checks one.
    pub fn pin_number(&self) -> Option<&str> {
        self.fields.pin_number.as_deref()
    }

    /// Returns the group, on which loan and request rules depend.
    pub fn user_group(&self) -> Option<&Coded> {
        self.fields.user_group.as_ref()
    }

    /// Returns the campus. It can identify a user's library if several libraries share one Alma.
    pub fn campus_code(&self) -> Option<&Coded> {
        self.fields.campus_code.as_ref()
    }

    /// Returns the language of letters to the user.
    pub fn preferred_language(&self) -> Option<&Coded> {
        self.fields.preferred_language.as_ref()
    }

    /// Returns PUBLIC, STAFF or CONTACT.
    pub fn record_type(&self) -> Option<&Coded> {
        self.fields.record_type.as_ref()
    }

    /// Returns INTERNAL or EXTERNAL.
    pub fn account_type(&self) -> Option<&Coded> {
        self.fields.account_type.as_ref()
    }

    /// Returns the system an external user comes from.
    pub fn external_id(&self) -> Option<&str> {
        self.fields.external_id.as_deref()
    }

    /// Returns ACTIVE, INACTIVE or DELETED. A missing or unreadable status means active: Alma itself refuses the holds
    /// of inactive users.
    pub fn status(&self) -> Option<&Coded> {
        self.fields.status.as_ref()
    }

    /// Returns false only if the status is INACTIVE or DELETED.
    pub fn is_active(&self) -> bool {
        !self.fields.status.as_ref().is_some_and(|status| {
            ["INACTIVE", "DELETED"].iter().any(|stopped| status.value.eq_ignore_ascii_case(stopped))
        })
    }

    /// Returns the day the account ends, if Alma reports one that can be read.
    pub fn expiry_date(&self) -> Option<Date> {
        self.fields.expiry_date
    }

    /// Returns the day the record may be removed.
    pub fn purge_date(&self) -> Option<Date> {
        self.fields.purge_date
    }

    /// Returns the day of birth.
    pub fn birth_date(&self) -> Option<Date> {
        self.fields.birth_date
    }

    /// Returns every identifier but the primary id, including inactive ones.
    pub fn identifiers(&self) -> &[Identifier] {
        &self.fields.user_identifier
    }

    /// Returns the barcodes that may be used: those with status ACTIVE. A user may have none.
    pub fn active_barcodes(&self) -> impl Iterator<Item = Barcode> {
        let of_type =
            |id: &&Identifier| id.id_type.as_ref().is_some_and(|kind| kind.value.eq_ignore_ascii_case("BARCODE"));
        self.fields
            .user_identifier
            .iter()
            .filter(of_type)
            .filter(|id| id.active)
            .map(|id| Barcode::from(id.value.as_str()))
    }

    /// Returns the blocks stored on the user. Limits that a desk computes (overdue items, fines) are not among them.
    pub fn blocks(&self) -> &[Block] {
        &self.fields.user_block
    }

    /// Returns the number of open loans, if the call asked for it and Alma gave it.
    pub fn loan_count(&self) -> Option<u32> {
        self.fields.loans.as_ref()?.value.parse().ok()
    }

    /// Returns the number of open requests, if the call asked for it and Alma gave it.
    pub fn request_count(&self) -> Option<u32> {
        self.fields.requests.as_ref()?.value.parse().ok()
    }

    /// Returns the unpaid fees in hundredths of the library's currency, if the call asked for them and Alma gave them.
    pub fn unpaid_fees(&self) -> Option<u64> {
        hundredths(&self.fields.fees.as_ref()?.value)
    }

    /// Returns the roles. A user made by the API has those that a role assignment rule of the institution gives.
    pub fn roles(&self) -> &[Role] {
        &self.fields.user_role
    }

    /// Returns whether the user has the active role Patron (200), without which Alma lends it nothing (401151).
    pub fn is_patron(&self) -> bool {
        let inactive = |role: &Role| role.status.as_ref().is_some_and(|status| status.as_str() == "INACTIVE");
        let patron = |role: &Role| role.role_type.as_ref().is_some_and(|kind| kind.as_str() == "200");
        self.roles().iter().any(|role| patron(role) && !inactive(role))
    }

    /// Returns the e-mail addresses.
    pub fn emails(&self) -> &[Email] {
        &self.fields.contact_info.email
    }

    /// Returns the preferred e-mail address, or else the first.
    pub fn email(&self) -> Option<&str> {
        let emails = &self.fields.contact_info.email;
        emails.iter().find(|email| email.preferred).or(emails.first()).and_then(|email| email.address.as_deref())
    }

    /// Returns the record as Alma sent it, with every field.
    pub fn raw(&self) -> &Map<String, Value> {
        &self.raw
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Map::deserialize(from)?;
        let fields = lenient::record(Value::Object(raw.clone())).map_err(serde::de::Error::custom)?;
        Ok(Self { fields, raw })
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("user_group", &self.fields.user_group)
            .field("status", &self.fields.status)
            .field("blocks", &self.fields.user_block.len())
            .finish_non_exhaustive()
    }
}

/// Reads a sum of money such as `12.5`. A third decimal place is cut off. A credit, which has a minus, counts as zero.
fn hundredths(sum: &str) -> Option<u64> {
    if sum.starts_with('-') {
        return Some(0);
    }
    let (whole, part) = sum.split_once('.').unwrap_or((sum, ""));
    let digits: String = part.chars().chain("00".chars()).take(2).collect();
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(digits.parse().ok()?)
}

/// A role of a user.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Role {
    /// Its type; 200 is Patron.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub role_type: Option<Coded>,
    /// ACTIVE or INACTIVE; none means active.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub status: Option<Coded>,
    /// The institution or library in which the user has it.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub scope: Option<Coded>,
}

/// A row of a search for users.
#[derive(Clone, Deserialize)]
#[non_exhaustive]
pub struct UserSummary {
    /// The primary id.
    #[serde(deserialize_with = "lenient::required")]
    pub primary_id: UserId,
    /// The first name.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub first_name: Option<String>,
    /// The last name.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub last_name: Option<String>,
    /// ACTIVE, INACTIVE or DELETED; none means active.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub status: Option<Coded>,
}

impl fmt::Debug for UserSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserSummary").field("status", &self.status).finish_non_exhaustive()
    }
}

/// An identifier of a user.
#[derive(Clone, Deserialize)]
#[non_exhaustive]
pub struct Identifier {
    /// The identifier, unique among all users of the institution.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub value: String,
    /// Its type (code table UserIdentifierTypes); `BARCODE` is a card's number.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub id_type: Option<Coded>,
    /// False for a replaced identifier. It still finds the user, and must not be used to act.
    #[serde(rename = "status", default = "active", deserialize_with = "is_active")]
    pub active: bool,
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identifier")
            .field("id_type", &self.id_type)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

fn active() -> bool {
    true
}

fn is_active<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(lenient::opt::<D, String>(from)?.is_none_or(|status| status.eq_ignore_ascii_case("ACTIVE")))
}

/// Reads the blocks. A block of which nothing can be read counts as a block.
fn blocks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Block>, D::Error> {
    let rows = lenient::rows(Value::deserialize(from)?).into_iter();
    Ok(rows.map(|row| lenient::record(row).unwrap_or_else(|_| Block::unreadable())).collect())
}

/// A block that keeps a user from borrowing.
#[derive(Clone, Deserialize)]
#[non_exhaustive]
pub struct Block {
    /// The kind of block, such as GENERAL or CASH.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub block_type: Option<Coded>,
    /// The blocked activity.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub block_description: Option<Coded>,
    /// False if the block is stored but not in force.
    #[serde(rename = "block_status", default = "active", deserialize_with = "is_active")]
    pub active: bool,
    /// A note by staff.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub block_note: Option<String>,
    /// When the block was made.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub created_date: Option<Timestamp>,
    /// When the block expires.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub expiry_date: Option<Timestamp>,
}

impl Block {
    fn unreadable() -> Self {
        Self {
            block_type: None,
            block_description: None,
            active: true,
            block_note: None,
            created_date: None,
            expiry_date: None,
        }
    }

    /// Returns whether the block is in force at this moment.
    pub fn stops_at(&self, now: Timestamp) -> bool {
        self.active && self.expiry_date.is_none_or(|end| end > now)
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("block_type", &self.block_type)
            .field("block_description", &self.block_description)
            .field("active", &self.active)
            .field("expiry_date", &self.expiry_date)
            .finish_non_exhaustive()
    }
}

/// An e-mail address of a user.
#[derive(Clone, Deserialize)]
#[non_exhaustive]
pub struct Email {
    /// The address.
    #[serde(rename = "email_address", default, deserialize_with = "lenient::opt")]
    pub address: Option<String>,
    /// True for the preferred address.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub preferred: bool,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email").field("preferred", &self.preferred).finish_non_exhaustive()
    }
}

/// The party that manages an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountType {
    /// The library itself.
    Internal,
    /// Another system.
    External {
        /// The name of that system, mandatory for external users.
        external_id: String,
    },
}

/// An identifier of a user to be created.
#[derive(Clone, PartialEq, Eq)]
pub struct NewIdentifier {
    /// Its type (code table UserIdentifierTypes), such as `BARCODE`.
    pub id_type: String,
    /// The identifier.
    pub value: String,
}

impl fmt::Debug for NewIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewIdentifier").field("id_type", &self.id_type).finish_non_exhaustive()
    }
}

/// A user to be created.
#[derive(Clone)]
pub struct NewUser {
    /// The primary id.
    pub primary_id: UserId,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: String,
    /// The group (code table UserGroups).
    pub user_group: String,
    /// The party that manages the account.
    pub account_type: AccountType,
    /// Further identifiers.
    pub identifiers: Vec<NewIdentifier>,
    /// The day the account ends.
    pub expiry_date: Option<Date>,
    /// The day the record may be removed.
    pub purge_date: Option<Date>,
    /// Any other fields of Alma's user object, in Alma's own form. They take precedence over the fields above.
    pub more: Map<String, Value>,
}

impl NewUser {
    /// Creates a public, external user with the fields that Alma requires.
    pub fn external(
        primary_id: impl Into<UserId>,
        last_name: impl Into<String>,
        user_group: impl Into<String>,
        external_id: impl Into<String>,
    ) -> Self {
        Self {
            primary_id: primary_id.into(),
            first_name: None,
            last_name: last_name.into(),
            user_group: user_group.into(),
            account_type: AccountType::External { external_id: external_id.into() },
            identifiers: Vec::new(),
            expiry_date: None,
            purge_date: None,
            more: Map::new(),
        }
    }

    /// Returns the body of the call that creates the user.
    pub(crate) fn to_json(&self) -> Value {
        let identifiers: Vec<Value> = self
            .identifiers
            .iter()
            .map(|id| json!({"id_type": {"value": id.id_type}, "value": id.value, "status": "ACTIVE"}))
            .collect();
        let mut user = Map::new();
        let mut set = |key: &str, value: Value| drop(user.insert(key.to_owned(), value));
        set("record_type", json!({"value": "PUBLIC"}));
        set("primary_id", json!(self.primary_id));
        set("last_name", json!(self.last_name));
        set("user_group", json!({"value": self.user_group}));
        set("status", json!({"value": "ACTIVE"}));
        set("user_identifier", Value::Array(identifiers));
        match &self.account_type {
            AccountType::Internal => set("account_type", json!({"value": "INTERNAL"})),
            AccountType::External { external_id } => {
                set("account_type", json!({"value": "EXTERNAL"}));
                set("external_id", json!(external_id));
            }
        }
        if let Some(first_name) = &self.first_name {
            set("first_name", json!(first_name));
        }
        for (key, day) in [("expiry_date", self.expiry_date), ("purge_date", self.purge_date)] {
            if let Some(day) = day {
                set(key, json!(format!("{day}Z")));
            }
        }
        user.extend(self.more.clone());
        Value::Object(user)
    }
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("user_group", &self.user_group)
            .field("account_type", &self.account_type)
            .field("expiry_date", &self.expiry_date)
            .finish_non_exhaustive()
    }
}

/// A block to be put on a user.
#[derive(Clone, PartialEq, Eq)]
pub struct NewBlock {
    /// The kind of block, such as `GENERAL`.
    pub block_type: String,
    /// The blocked activity, such as `02-GLOBAL` (code table UserBlockDescriptions).
    pub block_description: String,
    /// A note for staff.
    pub note: Option<String>,
    /// When the block is to expire.
    pub expiry_date: Option<Timestamp>,
}

impl NewBlock {
    pub(crate) fn to_json(&self) -> Value {
        let mut block = json!({
            "block_type": {"value": self.block_type},
            "block_description": {"value": self.block_description},
            "block_status": "ACTIVE",
            "segment_type": "Internal",
        });
        if let Some(note) = &self.note {
            block["block_note"] = json!(note);
        }
        if let Some(end) = self.expiry_date {
            block["expiry_date"] = json!(end.to_string());
        }
        block
    }

    /// Returns whether `block` is this one.
    pub(crate) fn is(&self, block: &Block) -> bool {
        let code = |coded: &Option<Coded>| coded.as_ref().map(|coded| coded.value.clone());
        block.active
            && code(&block.block_type).as_deref() == Some(&self.block_type)
            && code(&block.block_description).as_deref() == Some(&self.block_description)
            && block.block_note == self.note
    }
}

impl fmt::Debug for NewBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewBlock")
            .field("block_type", &self.block_type)
            .field("block_description", &self.block_description)
            .field("expiry_date", &self.expiry_date)
            .finish_non_exhaustive()
    }
}

impl Row for UserSummary {}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(counts: &Value) -> User {
        let mut record = json!({"primary_id": "someone"});
        record.as_object_mut().unwrap().extend(counts.as_object().unwrap().clone());
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn counts_are_read_as_numbers_and_as_texts() {
        let read =
            user(&json!({"loans": {"value": 3, "link": "x"}, "requests": {"value": "2"}, "fees": {"value": 12.5}}));
        assert_eq!((read.loan_count(), read.request_count(), read.unpaid_fees()), (Some(3), Some(2), Some(1_250)));
        let unasked = user(&json!({"loans": null, "requests": {"value": "", "link": "x"}}));
        assert_eq!((unasked.loan_count(), unasked.request_count(), unasked.unpaid_fees()), (None, None, None));
    }

    #[test]
    fn sums_of_money_are_read_to_the_hundredth() {
        for (sum, read) in [("0", 0), ("7", 700), ("7.05", 705), ("7.5", 750), ("7.059", 705), ("-3.2", 0)] {
            assert_eq!(hundredths(sum), Some(read), "{sum}");
        }
        assert_eq!(hundredths("a lot"), None);
    }
}
