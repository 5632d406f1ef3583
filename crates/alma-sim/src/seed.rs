//! The initial content of an institution: users, and titles with holdings and items.

use serde_json::{Value, json};

use crate::record::{DataField, Record};

/// A user, in the JSON shape of the API with good defaults.
#[derive(Debug, Clone)]
pub struct User(pub(crate) Value);

impl User {
    /// An active internal patron without barcode.
    pub fn new(primary_id: &str) -> User {
        User(json!({
            "record_type": {"value": "PUBLIC"}, "primary_id": primary_id, "first_name": "", "last_name": primary_id,
            "account_type": {"value": "INTERNAL"}, "external_id": "", "status": {"value": "ACTIVE"},
            "user_group": {"value": "UNDRGRD"}, "preferred_language": {"value": "en"},
            "user_identifier": [], "user_block": [], "user_note": [], "user_statistic": [],
            "contact_info": {"address": [], "email": [], "phone": []},
        }))
    }

    /// Takes a whole user object of the API's JSON shape.
    pub fn from_json(user: Value) -> User {
        User(user)
    }

    fn with(mut self, key: &str, value: Value) -> User {
        self.0[key] = value;
        self
    }

    fn push(mut self, list: &str, row: Value) -> User {
        if let Some(rows) = self.0[list].as_array_mut() {
            rows.push(row);
        }
        self
    }

    /// First and last name.
    #[must_use]
    pub fn name(self, first: &str, last: &str) -> User {
        self.with("first_name", json!(first)).with("last_name", json!(last))
    }

    /// User group code.
    #[must_use]
    pub fn group(self, code: &str) -> User {
        self.with("user_group", json!({"value": code}))
    }

    /// An active barcode.
    #[must_use]
    pub fn barcode(self, barcode: &str) -> User {
        self.identifier("BARCODE", barcode, "ACTIVE")
    }

    /// Another identifier, `ACTIVE` or `INACTIVE`.
    #[must_use]
    pub fn identifier(self, kind: &str, value: &str, status: &str) -> User {
        let row = json!({"value": value, "id_type": {"value": kind}, "note": null, "status": status,
            "segment_type": "Internal"});
        self.push("user_identifier", row)
    }

    /// An e-mail address, which also identifies the user.
    #[must_use]
    pub fn email(mut self, address: &str) -> User {
        let row = json!({"preferred": true, "email_address": address, "description": null,
            "email_type": [{"value": "personal"}], "segment_type": "Internal"});
        if let Some(rows) = self.0["contact_info"]["email"].as_array_mut() {
            rows.push(row);
        }
        self
    }

    /// Last day of the account: `2030-12-31`.
    #[must_use]
    pub fn expires(self, day: &str) -> User {
        self.with("expiry_date", json!(format!("{day}Z")))
    }

    /// `ACTIVE` or `INACTIVE`.
    #[must_use]
    pub fn status(self, status: &str) -> User {
        self.with("status", json!({"value": status}))
    }

    /// `PUBLIC`, `STAFF` or `CONTACT`.
    #[must_use]
    pub fn record_type(self, kind: &str) -> User {
        self.with("record_type", json!({"value": kind}))
    }

    /// PIN.
    #[must_use]
    pub fn pin(self, pin: &str) -> User {
        self.with("pin_number", json!(pin))
    }

    /// Internal password, checked by `op=auth`.
    #[must_use]
    pub fn password(self, password: &str) -> User {
        self.with("password", json!(password))
    }

    /// Campus.
    #[must_use]
    pub fn campus(self, code: &str) -> User {
        self.with("campus_code", json!({"value": code, "desc": code}))
    }

    /// An active general block with this description code.
    #[must_use]
    pub fn block(self, description: &str) -> User {
        let row = json!({"block_type": {"value": "GENERAL", "desc": "General"},
            "block_description": {"value": description}, "block_status": "ACTIVE", "block_note": "",
            "created_by": "staff", "segment_type": "Internal"});
        self.push("user_block", row)
    }
}

/// A title with its holdings, to start with.
#[derive(Debug, Clone)]
pub struct Bib {
    pub(crate) record: Record,
    pub(crate) suppressed: bool,
    pub(crate) holdings: Vec<Holding>,
}

impl Bib {
    /// A printed book.
    pub fn new(title: &str) -> Bib {
        let mut record = Record { leader: "00000nam a2200000 i 4500".to_owned(), ..Default::default() };
        record.set_control("008", "240101s2024    xx            000 0 eng d");
        record.data.push(DataField::new("245", ['1', '0'], &[('a', title)]));
        Bib { record, suppressed: false, holdings: Vec::new() }
    }

    /// A title from MARCXML.
    ///
    /// # Errors
    /// When the text holds no MARC record.
    pub fn from_marcxml(xml: &str) -> Result<Bib, String> {
        Ok(Bib { record: Record::from_xml(xml)?, suppressed: false, holdings: Vec::new() })
    }

    /// Main author, as `Lovelace, Ada`.
    #[must_use]
    pub fn author(mut self, author: &str) -> Bib {
        self.record.data.insert(0, DataField::new("100", ['1', ' '], &[('a', author)]));
        self
    }

    /// ISBN.
    #[must_use]
    pub fn isbn(mut self, isbn: &str) -> Bib {
        self.record.data.insert(0, DataField::new("020", [' ', ' '], &[('a', isbn)]));
        self
    }

    /// Place, publisher and year.
    #[must_use]
    pub fn published(mut self, place: &str, publisher: &str, year: &str) -> Bib {
        let field = DataField::new("264", [' ', '1'], &[('a', place), ('b', publisher), ('c', year)]);
        self.record.data.push(field);
        self
    }

    /// Suppresses it from discovery.
    #[must_use]
    pub fn suppressed(mut self) -> Bib {
        self.suppressed = true;
        self
    }

    /// Adds a holding.
    #[must_use]
    pub fn holding(mut self, holding: Holding) -> Bib {
        self.holdings.push(holding);
        self
    }
}

/// A holding with its items, to start with.
#[derive(Debug, Clone)]
pub struct Holding {
    pub(crate) library: String,
    pub(crate) location: String,
    pub(crate) call_number: String,
    pub(crate) items: Vec<Item>,
}

impl Holding {
    /// A holding in a location of a library.
    pub fn new(library: &str, location: &str) -> Holding {
        Holding {
            library: library.to_owned(),
            location: location.to_owned(),
            call_number: String::new(),
            items: Vec::new(),
        }
    }

    /// Call number.
    #[must_use]
    pub fn call_number(mut self, text: &str) -> Holding {
        text.clone_into(&mut self.call_number);
        self
    }

    /// Adds an item.
    #[must_use]
    pub fn item(mut self, item: Item) -> Holding {
        self.items.push(item);
        self
    }
}

/// An item, to start with.
#[derive(Debug, Clone)]
pub struct Item {
    pub(crate) barcode: String,
    pub(crate) policy: String,
    pub(crate) material: String,
    pub(crate) description: String,
    pub(crate) levels: Vec<(String, String)>,
}

impl Item {
    /// A book of the policy `4-WEEK`.
    pub fn new(barcode: &str) -> Item {
        Item {
            barcode: barcode.to_owned(),
            policy: "4-WEEK".to_owned(),
            material: "BOOK".to_owned(),
            description: String::new(),
            levels: Vec::new(),
        }
    }

    /// Item policy code.
    #[must_use]
    pub fn policy(mut self, code: &str) -> Item {
        code.clone_into(&mut self.policy);
        self
    }

    /// Physical material type code.
    #[must_use]
    pub fn material(mut self, code: &str) -> Item {
        code.clone_into(&mut self.material);
        self
    }

    /// A field of the item's data, such as `enumeration_a` or `chronology_i`.
    #[must_use]
    pub fn level(mut self, field: &str, text: &str) -> Item {
        self.levels.push((field.to_owned(), text.to_owned()));
        self
    }

    /// Description (volume).
    #[must_use]
    pub fn description(mut self, text: &str) -> Item {
        text.clone_into(&mut self.description);
        self
    }
}
