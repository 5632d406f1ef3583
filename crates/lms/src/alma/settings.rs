//! The settings of an Alma institution. They are read at once, with a message for each fault.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use lending::{
    AgencyCode, Barcode, DeskCode, InstitutionCode, ItemType, LibraryCode, LocationCode, PatronType, Refusal,
};
use serde_json::{Map, Value, json};

use super::shown::Showing;
use crate::quota::QuotaSettings;
use crate::settings::{Reader, SettingError};

/// The settings of one Alma. The requirements page leaves most of these open; here each is explicit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The institution that the settings are for.
    pub institution: InstitutionCode,
    /// The address of the API gateway.
    pub base_url: String,
    /// Allows `http://` to another machine, such as a proxy in the same network. The key is then sent unencrypted.
    pub allow_unencrypted_http: bool,
    /// Pickup library of lent items. It represents "outside": scanning in a held item sends the item into transit. Must
    /// not be the resource sharing library, which Alma refuses (401129).
    pub sharing_library: LibraryCode,
    /// A desk of the sharing library as pickup, for items that the sharing library itself owns.
    pub sharing_desk: Option<DeskCode>,
    /// The library of virtual items. It must be none of the pickup libraries.
    pub virtual_library: LibraryCode,
    /// The suppressed location of virtual items.
    pub virtual_location: LocationCode,
    /// The virtual library and location of each agency that has its own.
    pub virtual_libraries: BTreeMap<AgencyCode, (LibraryCode, LocationCode)>,
    /// Alma's campus code -> the agency of the users of that campus, if several agencies share this Alma. Without such a
    /// table the hub believes the agency that a request names.
    pub campus_agencies: BTreeMap<String, AgencyCode>,
    /// The item policy of virtual items.
    pub virtual_item_policy: String,
    /// An item policy whose loans Alma does not renew: virtual items get it when the lender wants the item back.
    pub virtual_item_policy_no_renewal: Option<String>,
    /// Item policies of items that are not lent to other libraries.
    pub non_lendable_item_policies: BTreeSet<String>,
    /// Locations, as `LIBRARY/location`, whose items are not lent to other libraries.
    pub non_lendable_locations: BTreeSet<String>,
    /// Alma keeps closed requests and records how each ended. By default Alma anonymises requests when they close, and
    /// keeps none.
    pub keeps_closed_requests: bool,
    /// The id of the set of staff's saved search for virtual items on the hold shelf. One call for a hundred items then
    /// shows which have arrived and which have been collected.
    pub on_shelf_set: Option<String>,
    /// The id of the set for virtual items in transit, which shows which have been returned.
    pub in_transit_set: Option<String>,
    /// The prefix for a lender's barcode that this Alma has already.
    pub barcode_prefix: String,
    /// The desk of each library at which the hub scans and lends.
    pub circulation_desks: BTreeMap<LibraryCode, DeskCode>,
    /// Alma's user group -> the hub's patron type, for this institution's own patrons.
    pub patron_types: BTreeMap<String, PatronType>,
    /// The hub's patron type -> Alma's user group, for virtual patrons of other institutions.
    pub user_groups: BTreeMap<PatronType, String>,
    /// Alma's material type -> the hub's item type, for this institution's own items.
    pub item_types: BTreeMap<String, ItemType>,
    /// The hub's item type -> Alma's material type, for virtual items.
    pub material_types: BTreeMap<ItemType, String>,
    /// The type of the virtual patron's further identifier.
    pub identifier_type: String,
    /// What a lender may see of this institution's patrons.
    pub patron_shown_to_lender: Showing,
    /// What a pickup library of another institution may see of this institution's patrons, besides the pickup code.
    pub patron_shown_at_pickup: Showing,
    /// The prefix of a card's number at other libraries.
    pub card_barcode_prefix: String,
    /// The external system that virtual patrons come from (Alma's `external_id`).
    pub external_system: String,
    /// The reason code for cancellations by a patron (table RequestCancellationReasons).
    pub cancel_reason_patron: String,
    /// The reason code for all other cancellations by the hub.
    pub cancel_reason_other: String,
    /// The hub's own limit of calls per second.
    pub calls_per_second: NonZeroU32,
    /// Calls per second that Alma allows the institution with all its applications, if that is more than 25.
    pub institution_calls_per_second: Option<NonZeroU32>,
    /// The parts of the calls per second and per day that each purpose may use.
    pub allowance: QuotaSettings,
    /// The time-out for an answer, in seconds.
    pub timeout_seconds: u32,
    /// Milliseconds before the client repeats a failed call that is safe to repeat. Each further wait is twice as long.
    pub retry_wait_ms: u32,
}

impl Settings {
    /// Reads the settings of `institution`.
    ///
    /// # Errors
    ///
    /// Returns every fault found, not only the first.
    pub fn read(institution: InstitutionCode, table: &Map<String, Value>) -> Result<Self, Vec<SettingError>> {
        let mut from = Reader::new(table);
        let settings = Self {
            institution,
            base_url: from
                .text("base_url", "the API gateway of the region, such as https://api-eu.hosted.exlibrisgroup.com"),
            allow_unencrypted_http: from.flag("allow_unencrypted_http"),
            sharing_library: from
                .identifier(
                    "sharing_library",
                    "the Alma library that stands for \"outside\"; lent items are sent there",
                )
                .into(),
            sharing_desk: from.optional_identifier("sharing_desk").map(Into::into),
            virtual_library: from
                .identifier("virtual_library", "the Alma library of virtual items; no patron may collect there")
                .into(),
            virtual_location: from.identifier("virtual_location", "the suppressed location of virtual items").into(),
            virtual_libraries: virtual_libraries(&mut from),
            campus_agencies: from
                .optional_map("campus_agencies", "Alma campus codes with the agency of each")
                .into_iter()
                .map(|(campus, agency)| (campus, agency.as_str().into()))
                .collect(),
            virtual_item_policy: from.text("virtual_item_policy", "the item policy of virtual items"),
            virtual_item_policy_no_renewal: from.optional_text("virtual_item_policy_no_renewal"),
            non_lendable_item_policies: from.list("non_lendable_item_policies"),
            non_lendable_locations: from.list("non_lendable_locations"),
            keeps_closed_requests: from.flag("keeps_closed_requests"),
            on_shelf_set: from.optional_identifier("on_shelf_set"),
            in_transit_set: from.optional_identifier("in_transit_set"),
            barcode_prefix: from.optional_text("barcode_prefix").unwrap_or_else(|| "DCB-".to_owned()),
            circulation_desks: desks(&mut from),
            patron_types: from
                .map("patron_types", "Alma user groups with the hub's patron type of each")
                .into_iter()
                .map(|(group, kind)| (group, PatronType(kind)))
                .collect(),
            user_groups: from
                .map("user_groups", "the hub's patron types with the Alma user group for each")
                .into_iter()
                .map(|(kind, group)| (PatronType(kind), group))
                .collect(),
            item_types: from
                .map("item_types", "Alma material types with the hub's item type of each")
                .into_iter()
                .map(|(code, kind)| (code, ItemType(kind)))
                .collect(),
            material_types: from
                .map("material_types", "the hub's item types with the Alma material type for each")
                .into_iter()
                .map(|(kind, code)| (ItemType(kind), code))
                .collect(),
            identifier_type: from.optional_text("identifier_type").unwrap_or_else(|| "INST_ID".to_owned()),
            patron_shown_to_lender: Showing::read(&mut from, "patron_shown_to_lender"),
            patron_shown_at_pickup: Showing::read(&mut from, "patron_shown_at_pickup"),
            card_barcode_prefix: from.optional_text("card_barcode_prefix").unwrap_or_default(),
            external_system: from.optional_text("external_system").unwrap_or_else(|| "DCB".to_owned()),
            cancel_reason_patron: from
                .optional_text("cancel_reason_patron")
                .unwrap_or_else(|| "CancelledAtPatronRequest".to_owned()),
            cancel_reason_other: from
                .optional_text("cancel_reason_other")
                .unwrap_or_else(|| "CannotBeFulfilled".to_owned()),
            calls_per_second: from
                .number("calls_per_second", 1, 1_000)
                .and_then(NonZeroU32::new)
                .unwrap_or(NonZeroU32::new(25).unwrap_or(NonZeroU32::MIN)),
            institution_calls_per_second: from
                .number("institution_calls_per_second", 1, 10_000)
                .and_then(NonZeroU32::new),
            allowance: QuotaSettings {
                background_percent: from.number("background_percent", 1, 100).unwrap_or(50),
                calls_per_day: from.number("calls_per_day", 1, u32::MAX).map(u64::from),
                reserve: from.number("reserve_calls_per_day", 0, u32::MAX).map(u64::from),
                availability_percent: from
                    .number("availability_percent", 0, 90)
                    .unwrap_or(QuotaSettings::default().availability_percent),
                batch_poll_percent: from
                    .number("batch_poll_percent", 0, 50)
                    .unwrap_or(QuotaSettings::default().batch_poll_percent),
                lost_message_detection_minutes: from.number("lost_message_detection_minutes", 1, 1_440),
            },
            timeout_seconds: from.number("timeout_seconds", 1, 600).unwrap_or(60),
            retry_wait_ms: from.number("retry_wait_ms", 1, 20_000).unwrap_or(1_000),
        };
        settings.find_contradictions(&mut from);
        let faults = from.finish();
        if faults.is_empty() { Ok(settings) } else { Err(faults) }
    }

    fn find_contradictions(&self, from: &mut Reader<'_>) {
        for (agency, (library, _)) in &self.virtual_libraries {
            if *library == self.sharing_library {
                let message = "is the sharing library too. Virtual items need a library of their own.";
                from.error(&format!("virtual_libraries.{agency}"), message);
            }
            if self.desk(library).is_none() {
                let message = format!("needs a desk: add the library {library} to circulation_desks.");
                from.error(&format!("virtual_libraries.{agency}"), message);
            }
        }
        if !self.virtual_library.as_str().is_empty() && self.virtual_library == self.sharing_library {
            from.error(
                "virtual_library",
                "is the sharing library too. Virtual items need a library of their own, or scanning them in would put \
                 them on a hold shelf.",
            );
        }
        if let QuotaSettings { calls_per_day: Some(day), reserve: Some(reserve), .. } = self.allowance
            && reserve >= day
        {
            from.error(
                "reserve_calls_per_day",
                "is not less than calls_per_day, so that the hub would never look at anything.",
            );
        }
        let desks = &self.circulation_desks;
        let virtual_library = self.virtual_library.as_str();
        let is_usable = lending::check_identifier(virtual_library).is_ok();
        if is_usable && !desks.is_empty() && !desks.contains_key(&self.virtual_library) {
            from.error(
                "circulation_desks",
                format!(
                    "has no desk for the virtual library {virtual_library}. The hub scans virtual items in there to send \
                     them on their way."
                ),
            );
        }
    }

    /// Returns the library and location of an agency's virtual items: its own, or else those of all.
    pub fn virtual_place(&self, agency: Option<&AgencyCode>) -> (&LibraryCode, &LocationCode) {
        match agency.and_then(|agency| self.virtual_libraries.get(agency)) {
            Some((library, location)) => (library, location),
            None => (&self.virtual_library, &self.virtual_location),
        }
    }

    /// Returns each library and location of virtual items.
    pub fn virtual_places(&self) -> impl Iterator<Item = (&LibraryCode, &LocationCode)> {
        let own = self.virtual_libraries.values().map(|(library, location)| (library, location));
        std::iter::once((&self.virtual_library, &self.virtual_location)).chain(own)
    }

    /// Returns the desk at which the hub acts in a library.
    pub fn desk(&self, library: &LibraryCode) -> Option<&DeskCode> {
        self.circulation_desks.get(library)
    }

    /// Returns Alma's material type of an own item of this type, if there is only one.
    pub fn own_material_type(&self, item_type: &ItemType) -> Option<&str> {
        let mut of_type = self.item_types.iter().filter(|(_, kind)| *kind == item_type).map(|(code, _)| code.as_str());
        let first = of_type.next()?;
        of_type.next().is_none().then_some(first)
    }

    /// Returns why an item of this type can't be represented here, if so.
    pub(super) fn check_item_type(&self, item_type: &ItemType) -> Option<Refusal> {
        let explanation = || {
            format!(
                "The institution {} has no material type for the item type {:?}, so it can't represent the item. Add the \
                 type to its material_types.",
                self.institution, item_type.0
            )
        };
        let is_mapped = self.material_types.contains_key(item_type);
        (!is_mapped).then(|| Refusal::new("ITEM_TYPE_UNMAPPED_AT_BORROWER", explanation()))
    }

    /// Returns why a patron of this type can't be represented here, if so.
    pub(super) fn check_patron_type(&self, patron_type: &PatronType) -> Option<Refusal> {
        let explanation = || {
            format!(
                "The institution {} has no user group for the patron type {:?}. Add the type to its user_groups.",
                self.institution, patron_type.0
            )
        };
        let is_mapped = self.user_groups.contains_key(patron_type);
        (!is_mapped).then(|| Refusal::new("PATRON_TYPE_UNMAPPED_AT_LENDER", explanation()))
    }

    /// Returns the barcode to use if the lender's own is taken.
    pub fn prefixed(&self, barcode: &Barcode) -> Barcode {
        Barcode::from(format!("{}{barcode}", self.barcode_prefix))
    }
}

/// Reads the agencies' own virtual libraries, each as `LIBRARY/location`.
fn virtual_libraries(from: &mut Reader<'_>) -> BTreeMap<AgencyCode, (LibraryCode, LocationCode)> {
    let key = "virtual_libraries";
    let named = from.optional_map(key, "agencies with the library and location of their virtual items");
    let mut places = BTreeMap::new();
    for (agency, place) in named {
        let Some((library, location)) = place.split_once('/') else {
            from.error(&format!("{key}.{agency}"), "must be a library and its location, as in LIBRARY/location.");
            continue;
        };
        from.check_identifier(key, library);
        from.check_identifier(key, location);
        places.insert(agency.as_str().into(), (library.into(), location.into()));
    }
    places
}

fn desks(from: &mut Reader<'_>) -> BTreeMap<LibraryCode, DeskCode> {
    let named = from.map("circulation_desks", "library codes with the circulation desk of each");
    for (library, desk) in &named {
        from.check_identifier("circulation_desks", library);
        from.check_identifier("circulation_desks", desk);
    }
    named.into_iter().map(|(library, desk)| (library.into(), desk.into())).collect()
}

/// Returns complete settings, as an example for documentation.
pub(super) fn example() -> Value {
    json!({
        "base_url": "https://api-eu.hosted.exlibrisgroup.com",
        "sharing_library": "SHARING",
        "virtual_library": "DCB_LIB",
        "virtual_location": "dcbvirtual",
        "virtual_item_policy": "DCB",
        "circulation_desks": {"MAIN": "DEFAULT_CIRC_DESK", "DCB_LIB": "DEFAULT_CIRC_DESK"},
        "patron_types": {"UNDRGRD": "undergraduate"},
        "user_groups": {"undergraduate": "DCB"},
        "item_types": {"BOOK": "book"},
        "material_types": {"book": "BOOK"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Value {
        let mut settings = example();
        settings["base_url"] = json!("http://127.0.0.1:1");
        settings
    }

    fn faults(value: &Value) -> Vec<String> {
        let table = value.as_object().unwrap();
        let faults = Settings::read("01X".into(), table).err().unwrap_or_default();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn complete_settings_have_no_fault() {
        assert_eq!(faults(&good()), Vec::<String>::new());
    }

    #[test]
    fn every_missing_setting_is_reported_at_once() {
        let faults = faults(&json!({}));
        for key in [
            "base_url",
            "sharing_library",
            "virtual_library",
            "virtual_item_policy",
            "circulation_desks",
            "user_groups",
        ] {
            assert!(faults.iter().any(|fault| fault.starts_with(&format!("{key}: is missing."))), "{key}: {faults:?}");
        }
    }

    #[test]
    fn virtual_library_that_is_the_sharing_library_is_refused() {
        let mut settings = good();
        settings["virtual_library"] = json!("SHARING");
        assert!(faults(&settings).iter().any(|fault| fault.contains("library of their own")));
    }

    #[test]
    fn settings_that_become_part_of_an_address_cannot_change_it() {
        for key in
            ["sharing_library", "sharing_desk", "virtual_library", "virtual_location", "on_shelf_set", "in_transit_set"]
        {
            let mut settings = good();
            settings[key] = json!("../canary");
            let faults = faults(&settings);
            assert!(
                faults.iter().any(|fault| fault.starts_with(&format!("{key}: can't be used."))),
                "{key}: {faults:?}"
            );
        }
        let mut settings = good();
        settings["circulation_desks"]["MAIN"] = json!("..");
        assert!(faults(&settings)[0].starts_with("circulation_desks: can't be used."));
    }

    #[test]
    fn virtual_library_without_a_desk_is_refused() {
        let mut settings = good();
        settings["circulation_desks"] = json!({"MAIN": "DESK"});
        assert!(faults(&settings)[0].contains("no desk for the virtual library DCB_LIB"));
    }

    #[test]
    fn agency_has_its_own_virtual_library_or_that_of_all() {
        let mut settings = good();
        settings["circulation_desks"]["LAW_DCB"] = json!("DESK");
        settings["virtual_libraries"] = json!({"LAW": "LAW_DCB/virtual"});
        let read = Settings::read("01X".into(), settings.as_object().unwrap()).unwrap();
        let place = |agency: &str| {
            let (library, location) = read.virtual_place(Some(&agency.into()));
            format!("{library}/{location}")
        };
        assert_eq!((place("LAW").as_str(), place("ARTS").as_str()), ("LAW_DCB/virtual", "DCB_LIB/dcbvirtual"));
        assert_eq!(read.virtual_places().count(), 2);
    }

    #[test]
    fn virtual_library_of_an_agency_needs_a_location_and_a_desk() {
        let mut settings = good();
        settings["virtual_libraries"] = json!({"LAW": "LAW_DCB", "ARTS": "SHARING/virtual"});
        let faults = faults(&settings);
        for fault in [
            "virtual_libraries.LAW: must be a library and its location",
            "virtual_libraries.ARTS: is the sharing library too",
            "virtual_libraries.ARTS: needs a desk",
        ] {
            assert!(faults.iter().any(|found| found.starts_with(fault)), "{fault}: {faults:?}");
        }
    }

    #[test]
    fn material_type_of_an_own_item_is_known_where_its_type_has_one_only() {
        let mut settings = good();
        settings["item_types"] = json!({"BOOK": "book", "DVD": "film", "BLURAY": "film"});
        let read = Settings::read("01X".into(), settings.as_object().unwrap()).unwrap();
        assert_eq!(read.own_material_type(&ItemType("book".to_owned())), Some("BOOK"));
        assert_eq!(read.own_material_type(&ItemType("film".to_owned())), None);
    }

    #[test]
    fn misspelt_settings_are_named_with_those_that_exist() {
        let mut settings = good();
        settings["sharing_libary"] = json!("SHARING");
        let faults = faults(&settings);
        assert!(faults[0].starts_with("sharing_libary: is no setting."), "{faults:?}");
        assert!(faults[0].contains("sharing_library"));
    }

    #[test]
    fn settings_of_the_wrong_kind_are_reported_with_their_kind() {
        let mut settings = good();
        settings["virtual_item_policy"] = json!(7);
        settings["user_groups"] = json!("DCB");
        settings["calls_per_second"] = json!(0);
        let faults = faults(&settings);
        assert!(faults.contains(&"virtual_item_policy: must be text, but is a number.".to_owned()), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.starts_with("user_groups: must be a table")), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.starts_with("calls_per_second: must be a whole number")), "{faults:?}");
    }

    #[test]
    fn reserve_of_the_whole_day_is_refused() {
        let mut settings = good();
        settings["calls_per_day"] = json!(1_000);
        settings["reserve_calls_per_day"] = json!(1_000);
        assert!(faults(&settings)[0].starts_with("reserve_calls_per_day: is not less than calls_per_day"));
        settings["reserve_calls_per_day"] = json!(999);
        assert_eq!(faults(&settings), Vec::<String>::new());
    }

    #[test]
    fn other_words_than_those_for_patron_data_are_a_fault() {
        let mut settings = good();
        settings["patron_shown_at_pickup"] = json!(["card_barcode", "initials"]);
        settings["patron_shown_to_lender"] = json!(["nothing"]);
        let read = Settings::read("01X".into(), settings.as_object().unwrap()).unwrap();
        assert_eq!(read.patron_shown_at_pickup, Showing { card: true, initials: true, name: false });
        assert_eq!(read.patron_shown_to_lender, Showing::default());
        for wrong in [json!(["name", "nothing"]), json!(["email"]), json!("name")] {
            settings["patron_shown_at_pickup"] = wrong;
            assert!(faults(&settings)[0].starts_with("patron_shown_at_pickup: "), "{:?}", faults(&settings));
        }
    }

    #[test]
    fn blanks_around_a_setting_are_cut_off() {
        let mut settings = good();
        settings["sharing_library"] = json!(" SHARING ");
        let read = Settings::read("01X".into(), settings.as_object().unwrap()).unwrap();
        assert_eq!(read.sharing_library.as_str(), "SHARING");
    }
}
