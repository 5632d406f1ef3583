//! Users: look-up by any identifier, creation, replacement, deletion, search.

use serde_json::{Map, Value, json};

use super::model::{Id, UserEntry};
use super::{Alma, Index, Origin};
use crate::clock::{date, moment, read_time};
use crate::refusal::Refusal;

/// Fields that a PUT leaves alone on an external user unless `override` names them.
const KEPT_FOR_EXTERNAL: &[&str] = &[
    "user_group",
    "job_category",
    "pin_number",
    "preferred_language",
    "campus_code",
    "rs_library",
    "user_title",
    "library_notice",
    "pref_first_name",
    "pref_middle_name",
    "pref_last_name",
    "pref_name_suffix",
    "cataloger_level",
];

/// The code of a coded field; empty when there is none.
pub(crate) fn code_of<'a>(fields: &'a Map<String, Value>, key: &str) -> &'a str {
    fields.get(key).map_or("", |field| field.get("value").and_then(Value::as_str).unwrap_or(""))
}

/// The text of a plain field; empty when there is none.
pub(crate) fn text_of<'a>(fields: &'a Map<String, Value>, key: &str) -> &'a str {
    fields.get(key).and_then(Value::as_str).unwrap_or("")
}

fn rows_of<'a>(fields: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Map<String, Value>> {
    fields.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_object)
}

impl UserEntry {
    pub(crate) fn primary_id(&self) -> &str {
        text_of(&self.data, "primary_id")
    }

    /// Returns whether the user has this identifier, of this type.
    pub(crate) fn has_identifier(&self, kind: &str, value: &str) -> bool {
        let value = value.trim();
        kind.eq_ignore_ascii_case("PRIMARYIDENTIFIER") && self.primary_id().eq_ignore_ascii_case(value)
            || rows_of(&self.data, "user_identifier").any(|row| {
                code_of(row, "id_type").eq_ignore_ascii_case(kind) && text_of(row, "value").eq_ignore_ascii_case(value)
            })
    }

    fn emails(&self) -> impl Iterator<Item = String> {
        let contact = self.data.get("contact_info").and_then(Value::as_object);
        contact
            .into_iter()
            .flat_map(|contact| rows_of(contact, "email"))
            .map(|row| text_of(row, "email_address").to_lowercase())
    }

    pub(crate) fn add_to(&self, index: &mut Index) {
        index.identifiers.insert(self.primary_id().to_lowercase(), (self.key, true));
        for row in rows_of(&self.data, "user_identifier") {
            let active = text_of(row, "status") != "INACTIVE";
            index.identifiers.insert(text_of(row, "value").to_lowercase(), (self.key, active));
        }
        for email in self.emails().filter(|email| !email.is_empty()) {
            index.emails.entry(email).or_default().push(self.key);
        }
    }

    fn remove_from(&self, index: &mut Index) {
        index.identifiers.remove(&self.primary_id().to_lowercase());
        for row in rows_of(&self.data, "user_identifier") {
            index.identifiers.remove(&text_of(row, "value").to_lowercase());
        }
        for email in self.emails() {
            if let Some(keys) = index.emails.get_mut(&email) {
                keys.retain(|key| *key != self.key);
            }
        }
    }

    /// Returns the first reason why this user may not borrow, in the words that the desk shows.
    pub(crate) fn blocked(&self, now: jiff::Timestamp) -> Option<Refusal> {
        if code_of(&self.data, "status") == "INACTIVE" {
            return Some(Refusal::new("401151", "User is not an active patron."));
        }
        let patron =
            |row: &Map<String, Value>| code_of(row, "role_type") == "200" && code_of(row, "status") != "INACTIVE";
        if !rows_of(&self.data, "user_role").any(patron) {
            return Some(Refusal::new("401151", "User is not a patron."));
        }
        if read_time(text_of(&self.data, "expiry_date"), true).is_some_and(|at| at < now) {
            return Some(Refusal::new("401168", "Patron's card has expired."));
        }
        let block = rows_of(&self.data, "user_block").find(|row| {
            text_of(row, "block_status") != "INACTIVE"
                && read_time(text_of(row, "expiry_date"), true).is_none_or(|until| until >= now)
        })?;
        let kind = code_of(block, "block_type");
        let text = code_of(block, "block_description");
        Some(Refusal::new("401163", format!("{kind}  -   {text}. {} Scope: Institution", text_of(block, "block_note"))))
    }
}

impl Alma {
    /// Finds a user by primary id, another active identifier, or an e-mail address that no other user has.
    pub(crate) fn find_user(&self, id: &str) -> Option<Id> {
        let id = id.to_lowercase();
        match self.index.identifiers.get(&id) {
            Some((key, true)) => Some(*key),
            Some((_, false)) => None,
            None => match self.index.emails.get(&id).map(Vec::as_slice) {
                Some([key]) => Some(*key),
                _ => None,
            },
        }
    }

    /// Creates a user from the API's JSON shape.
    ///
    /// # Errors
    /// The codes of POST /users: 401664, 401851 to 401857, 401863, 401864, 401676, 500038.
    pub(crate) fn create_user(&mut self, body: &Value) -> Result<Id, Refusal> {
        let mut data = body.as_object().cloned().ok_or_else(|| Refusal::new("401676", "No valid XML was given."))?;
        self.check_user(&data)?;
        self.check_identifiers(&data, None)?;
        // Staff give the role to the users whom they register; a user of the API has it by a rule.
        let becomes_patron = self.origin == Origin::Staff || self.behaviour.patron_role_rule;
        if becomes_patron && !rows_of(&data, "user_role").any(|_| true) {
            let scope = json!({"value": self.code, "desc": self.name});
            data.insert(
                "user_role".to_owned(),
                json!([{"status": {"value": "ACTIVE"}, "scope": scope,
                "role_type": {"value": "200"}, "parameter": []}]),
            );
        }
        data.entry("status").or_insert_with(|| json!({"value": "ACTIVE"}));
        data.insert("status_date".to_owned(), json!(date(self.now)));
        let password = take_password(&mut data);
        self.stamp_blocks(&mut data);
        let key = self.next_id(6, 11);
        let entry = UserEntry {
            key,
            data,
            password,
            created: self.now,
            modified: self.now,
            loans: Vec::new(),
            past_loans: Vec::new(),
            requests: Vec::new(),
            past_requests: Vec::new(),
        };
        entry.add_to(&mut self.index);
        self.users.insert(key, entry);
        self.emit_user("CREATE", key);
        Ok(key)
    }

    /// Replaces a user. Fields that the body leaves out are removed, but for the exceptions that Alma makes.
    ///
    /// # Errors
    /// The codes of PUT /users: 401858, 401851, and those of creation.
    pub(crate) fn replace_user(&mut self, key: Id, body: &Value, overrides: &[&str]) -> Result<(), Refusal> {
        let mut data = body.as_object().cloned().ok_or_else(|| Refusal::new("401676", "No valid XML was given."))?;
        let old = self.users.get(&key).ok_or_else(|| Refusal::new("401860", "Failed to update user."))?;
        let external = code_of(&old.data, "account_type") == "EXTERNAL";
        data.entry("primary_id").or_insert_with(|| json!(old.primary_id()));
        for field in ["account_type", "record_type", "user_role", "status"] {
            if let (false, Some(value)) = (data.contains_key(field), old.data.get(field)) {
                data.insert(field.to_owned(), value.clone());
            }
        }
        if external {
            if text_of(&data, "external_id") != text_of(&old.data, "external_id") {
                return Err(Refusal::new(
                    "401858",
                    "The external id in DB does not fit the given value in xml - external id cannot be updated.",
                ));
            }
            for field in KEPT_FOR_EXTERNAL.iter().filter(|field| !overrides.contains(field)) {
                if let Some(value) = old.data.get(*field) {
                    data.insert((*field).to_owned(), value.clone());
                }
            }
        }
        self.check_user(&data)?;
        self.check_identifiers(&data, Some(key))?;
        let password = take_password(&mut data);
        self.stamp_blocks(&mut data);
        let Some(entry) = self.users.get_mut(&key) else {
            return Err(Refusal::new("401860", "Failed to update user."));
        };
        entry.remove_from(&mut self.index);
        if code_of(&data, "status") == code_of(&entry.data, "status")
            && let Some(since) = entry.data.get("status_date")
        {
            data.insert("status_date".to_owned(), since.clone());
        }
        entry.data = data;
        entry.modified = self.now;
        entry.password = password.or_else(|| entry.password.take());
        entry.add_to(&mut self.index);
        self.emit_user("UPDATE", key);
        Ok(())
    }

    /// Deletes a user without loans, requests and fees.
    ///
    /// # Errors
    /// 401850.
    pub(crate) fn delete_user(&mut self, key: Id) -> Result<(), Refusal> {
        let Some(entry) = self.users.get(&key) else { return Ok(()) };
        if !entry.loans.is_empty() || !entry.requests.is_empty() || self.owed(key) > 0 {
            let id = entry.primary_id();
            return Err(Refusal::new(
                "401850",
                format!("Failed to delete user with identifier {id} of type all_unique."),
            ));
        }
        self.emit_user("DELETE", key);
        if let Some(entry) = self.users.remove(&key) {
            entry.remove_from(&mut self.index);
        }
        Ok(())
    }

    fn check_user(&self, data: &Map<String, Value>) -> Result<(), Refusal> {
        let record_type = code_of(data, "record_type");
        if text_of(data, "primary_id").is_empty() {
            return Err(Refusal::missing("primary_id"));
        }
        for field in ["record_type", "account_type"] {
            if code_of(data, field).is_empty() {
                return Err(Refusal::missing(field));
            }
        }
        if text_of(data, "last_name").is_empty() {
            return Err(Refusal::missing("last_name"));
        }
        if !matches!(record_type, "PUBLIC" | "STAFF" | "CONTACT") {
            return Err(Refusal::new("401864", format!("Given record type ({record_type}) is invalid.")));
        }
        match (code_of(data, "account_type"), text_of(data, "external_id")) {
            ("INTERNAL", "") => {}
            ("INTERNAL", _) => return Err(Refusal::new("401853", "External Id must be empty for internal user.")),
            ("EXTERNAL", "") => return Err(Refusal::new("401854", "External Id must be given for external user.")),
            ("EXTERNAL", _) => {}
            ("INTEXTAUTH" | "INTERNALWITHEXTAUTH", _) => {
                let text = "The account type 'Internal with external authentication' is currently not supported.";
                return Err(Refusal::new("401855", text));
            }
            _ => {
                let text = "The given user account type is illegal (must be INTERNAL/EXTERNAL).";
                return Err(Refusal::new("401857", text));
            }
        }
        let group = code_of(data, "user_group");
        if !group.is_empty() && !self.tables.get("UserGroups").is_some_and(|table| table.enabled(group)) {
            return Err(Refusal::new("401852", "Given user group is not legal."));
        }
        let password = text_of(data, "password");
        if !password.is_empty() && password.chars().count() < 8 {
            let text = "New password must be at least 8 characters long and must not include the user-name or any \
                        commonly used password.";
            return Err(Refusal::new("500038", text));
        }
        Ok(())
    }

    /// Identifiers are unique over all users, and inside one.
    fn check_identifiers(&self, data: &Map<String, Value>, own: Option<Id>) -> Result<(), Refusal> {
        let mut seen = vec![text_of(data, "primary_id").to_lowercase()];
        let taken = |value: &str| self.index.identifiers.get(value).is_some_and(|(key, _)| Some(*key) != own);
        let exists = |value: &str, kind: &str| {
            Err(Refusal::new("401851", format!("User with identifier {value} of type {kind} already exists.")))
        };
        if taken(&seen[0]) {
            return exists(text_of(data, "primary_id"), "Primary Identifier");
        }
        for row in rows_of(data, "user_identifier") {
            let (value, kind) = (text_of(row, "value"), code_of(row, "id_type"));
            if !self.tables.get("UserIdentifierTypes").is_some_and(|table| table.enabled(kind)) {
                return Err(Refusal::new("401864", format!("Given identifier type ({kind}) is invalid.")));
            }
            let lower = value.to_lowercase();
            if taken(&lower) || seen.contains(&lower) {
                return exists(value, kind);
            }
            seen.push(lower);
        }
        Ok(())
    }

    fn stamp_blocks(&self, data: &mut Map<String, Value>) {
        let stamp = moment(self.now);
        let by = if self.origin == Origin::Api { "API" } else { "staff" };
        for row in data.get_mut("user_block").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(row) = row.as_object_mut() {
                row.entry("created_date").or_insert_with(|| json!(stamp));
                row.entry("created_by").or_insert_with(|| json!(by));
                row.entry("block_status").or_insert_with(|| json!("ACTIVE"));
            }
        }
    }

    /// Users that match a query `field~text AND field~text`, sorted by primary id.
    ///
    /// # Errors
    /// 401652 for a query without `~`.
    pub(crate) fn search_users(&self, query: &str) -> Result<Vec<Id>, Refusal> {
        let mut terms = Vec::new();
        for term in query.split(" AND ").filter(|term| !term.trim().is_empty()) {
            let (field, text) = term.split_once('~').ok_or_else(Refusal::general)?;
            terms.push((field.trim().to_lowercase(), text.trim().to_lowercase().replace('_', " ")));
        }
        let mut found: Vec<&UserEntry> = self
            .users
            .values()
            .filter(|user| self.indexed(user.created) && terms.iter().all(|(field, text)| user.matches(field, text)))
            .collect();
        found.sort_by(|left, right| left.primary_id().cmp(right.primary_id()));
        Ok(found.into_iter().map(|user| user.key).collect())
    }
}

impl UserEntry {
    fn matches(&self, field: &str, text: &str) -> bool {
        let has = |value: &str| value.to_lowercase().replace('_', " ").contains(text);
        let data = &self.data;
        let identifiers = || rows_of(data, "user_identifier").any(|row| has(text_of(row, "value")));
        match field {
            "primary_id" | "first_name" | "middle_name" | "last_name" | "birth_date" => has(text_of(data, field)),
            "email" => self.emails().any(|email| has(&email)),
            "identifiers" => has(self.primary_id()) || identifiers(),
            "user_group" | "campus_code" | "job_category" => has(code_of(data, field)),
            "block_type" => rows_of(data, "user_block").any(|row| has(code_of(row, "block_type"))),
            "id_type" => rows_of(data, "user_identifier").any(|row| has(code_of(row, "id_type"))),
            "phone_number" => {
                let contact = data.get("contact_info").and_then(Value::as_object);
                contact
                    .into_iter()
                    .flat_map(|contact| rows_of(contact, "phone"))
                    .any(|row| has(text_of(row, "phone_number")))
            }
            "note_type" => rows_of(data, "user_note").any(|row| has(code_of(row, "note_type"))),
            "statistic_category" => rows_of(data, "user_statistic").any(|row| has(code_of(row, "statistic_category"))),
            "note_text" => rows_of(data, "user_note").any(|row| has(text_of(row, "note_text"))),
            "all" | "general_info" => {
                ["primary_id", "first_name", "last_name"].iter().any(|key| has(text_of(data, key)))
                    || identifiers()
                    || self.emails().any(|email| has(&email))
            }
            _ => false,
        }
    }
}

/// Passwords are written, never read back.
fn take_password(data: &mut Map<String, Value>) -> Option<String> {
    let password = data.remove("password")?.as_str().map(str::to_owned)?;
    (!password.is_empty()).then_some(password)
}
