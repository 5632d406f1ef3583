//! Bibliographic records: creation, replacement, deletion, and the availability fields of `expand=p_avail`.

use super::Alma;
use super::model::{Bib, Id, Process, Shared};
use crate::record::{DataField, Record};
use crate::refusal::Refusal;

impl Alma {
    /// A title from a description, with holdings and items.
    pub(crate) fn seed_bib(&mut self, spec: crate::seed::Bib) -> Result<Id, Refusal> {
        let mms = self.create_bib(spec.record, spec.suppressed);
        for holding in spec.holdings {
            let field = DataField::new(
                "852",
                ['0', ' '],
                &[('b', &holding.library), ('c', &holding.location), ('h', &holding.call_number)],
            );
            let mut record = Record { leader: "00000nx  a22000001n 4500".to_owned(), ..Record::default() };
            record.set_control("008", "2601010p    8   4001uueng0000000");
            record.data.push(field);
            let id = self.create_holding(mms, &record, false)?;
            for item in holding.items {
                let mut body = serde_json::json!({"item_data": {"barcode": item.barcode, "policy": {"value": item.policy},
                    "physical_material_type": {"value": item.material}, "description": item.description}});
                for (field, text) in item.levels {
                    body["item_data"][field] = text.into();
                }
                self.create_item(mms, id, &body)?;
            }
        }
        Ok(mms)
    }

    /// Stores a record; Alma writes 001 and 005 itself.
    pub(crate) fn create_bib(&mut self, record: Record, suppressed: bool) -> Id {
        let mms = self.next_id(99, 12);
        let bib = Bib {
            mms,
            xml: Shared("".into()),
            title: String::new(),
            author: None,
            isbn: None,
            issn: None,
            place: None,
            publisher: None,
            year: None,
            network_numbers: Vec::new(),
            suppressed,
            created: self.now,
            modified: self.now,
            holdings: Vec::new(),
            requests: Vec::new(),
        };
        self.bibs.insert(mms, bib);
        self.store_record(mms, record);
        self.emit_bib("BIB_CREATED", mms);
        mms
    }

    /// Replaces a record.
    pub(crate) fn replace_bib(&mut self, mms: Id, record: Record, suppressed: Option<bool>) {
        if let (Some(bib), Some(suppressed)) = (self.bibs.get_mut(&mms), suppressed) {
            bib.suppressed = suppressed;
        }
        self.store_record(mms, record);
        self.emit_bib("BIB_UPDATED", mms);
    }

    /// Suppresses or shows a title.
    pub(crate) fn suppress_bib(&mut self, mms: Id, suppressed: bool) {
        let now = self.now;
        if let Some(bib) = self.bibs.get_mut(&mms) {
            bib.suppressed = suppressed;
            bib.modified = now;
            self.mark_changed(mms);
            self.emit_bib("BIB_UPDATED", mms);
        }
    }

    fn store_record(&mut self, mms: Id, mut record: Record) {
        record.set_control("001", &mms.to_string());
        record.set_control("005", &self.now.strftime("%Y%m%d%H%M%S%.1f").to_string());
        record.data.retain(|field| field.tag != "AVA");
        let Some(bib) = self.bibs.get_mut(&mms) else { return };
        for old in &bib.network_numbers {
            if let Some(bibs) = self.index.system_ids.get_mut(old) {
                bibs.retain(|each| *each != mms);
            }
        }
        bib.network_numbers = record.fields("035").filter_map(|field| field.sub('a')).map(str::to_owned).collect();
        for id in &bib.network_numbers {
            self.index.system_ids.entry(id.clone()).or_default().push(mms);
        }
        bib.title = record.title();
        bib.author = record.author();
        bib.isbn = record.sub("020", 'a').map(str::to_owned);
        bib.issn = record.sub("022", 'a').map(str::to_owned);
        bib.place = record.publication('a');
        bib.publisher = record.publication('b');
        bib.year = record.publication('c');
        bib.xml = Shared(record.to_xml().into());
        bib.modified = self.now;
        self.mark_changed(mms);
    }

    /// Deletes a title without inventory. Requests on it cause a warning that `override` passes over.
    ///
    /// # Errors
    /// 4022020.
    pub(crate) fn delete_bib(&mut self, mms: Id, override_warnings: bool) -> Result<(), Refusal> {
        let refuse = |reason: &str| Err(Refusal::new("4022020", format!("Delete Bib error. {reason}")));
        let Some(bib) = self.bibs.get(&mms) else { return Err(Refusal::no_bib(&mms.to_string())) };
        if !bib.holdings.is_empty() {
            return refuse("The record has inventory.");
        }
        if !bib.requests.is_empty() && !override_warnings {
            return refuse("The record has requests.");
        }
        for request in bib.requests.clone() {
            self.close_request(request, "Failed", Some("REQUEST_CANCELED"));
        }
        self.emit_bib("BIB_DELETED", mms);
        if let Some(bib) = self.bibs.remove(&mms) {
            for id in &bib.network_numbers {
                if let Some(bibs) = self.index.system_ids.get_mut(id) {
                    bibs.retain(|each| *each != mms);
                }
            }
        }
        self.mark_deleted(mms);
        Ok(())
    }

    /// Returns whether search and availability include a change of that time by now.
    pub(crate) fn indexed(&self, then: jiff::Timestamp) -> bool {
        self.behaviour.index_lag_ms == 0 || then + self.index_lag() <= self.now
    }

    pub(super) fn index_lag(&self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_millis(i64::try_from(self.behaviour.index_lag_ms).unwrap_or(i64::MAX))
    }

    /// The title's AVA fields: one for each holding, and one without `$8` for each temporary location.
    pub(crate) fn availability(&self, bib: &Bib) -> Vec<DataField> {
        let mut rows: Vec<(Option<Id>, String, String, u32, u32)> = Vec::new();
        for holding in bib.holdings.iter().filter_map(|id| self.holdings.get(id)) {
            rows.push((Some(holding.id), holding.library.clone(), holding.location.clone(), 0, 0));
            let at = rows.len() - 1;
            let items = holding.items.iter().filter_map(|pid| self.items.get(pid));
            for item in items.filter(|item| self.indexed(item.created)) {
                let process = if self.indexed(item.process_since) { item.process } else { item.process_before };
                let detached = item
                    .temporary
                    .clone()
                    .or_else(|| (process == Process::Ill).then(|| (holding.library.clone(), holding.location.clone())));
                let row = match detached {
                    None => at,
                    Some((library, location)) => {
                        let same = |row: &(Option<Id>, String, String, u32, u32)| {
                            row.0.is_none() && row.1 == library && row.2 == location
                        };
                        rows.iter().position(same).unwrap_or_else(|| {
                            rows.push((None, library, location, 0, 0));
                            rows.len() - 1
                        })
                    }
                };
                rows[row].3 += 1;
                rows[row].4 += u32::from(process != Process::None);
            }
        }
        let mut fields = Vec::new();
        for (rank, (holding, library, location, total, away)) in rows.into_iter().enumerate() {
            let status = match (total, total > away) {
                (0, _) => "check_holdings",
                (_, true) => "available",
                (_, false) => "unavailable",
            };
            let mut field = DataField::new("AVA", [' ', ' '], &[('0', &bib.mms.to_string())]);
            let mut push = |code, value: String| field.subfields.push((code, value));
            let record = holding.and_then(|id| self.holdings.get(&id));
            if let Some(record) = record {
                push('8', record.id.to_string());
            }
            push('a', self.code.clone());
            push('b', library.clone());
            push('c', self.location_name(&library, &location).to_owned());
            if let Some(record) = record {
                push('d', record.call_number.clone());
            }
            push('e', status.to_owned());
            push('f', total.to_string());
            push('g', away.to_string());
            push('j', location);
            if let Some(record) = record {
                push('k', record.call_number_type.clone());
            }
            push('p', (rank + 1).to_string());
            push('q', self.library_name(&library).to_owned());
            fields.push(field);
        }
        fields
    }
}
