//! Calls for bibliographic records (`/almaws/v1/bibs`).

use crate::call::Call;
use crate::client::Client;
use crate::code::Code;
use crate::error::{Error, Result};
use crate::ids::MmsId;
use crate::model::{Bib, bib_from_reply, bibs_from_reply, marc_record};
use crate::page::List;

const NO_BIB: &[Code] = &[Code::BibNotFound];

/// The number of titles that Alma accepts in one call.
const BATCH: usize = 100;

/// Calls for bibliographic records. A key needs the area Bibs.
#[derive(Debug, Clone)]
pub struct Bibs {
    client: Client,
}

impl Bibs {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads a record.
    pub async fn get(&self, mms: &MmsId) -> Result<Bib> {
        self.one(Call::new("read a bib", "GET /bibs/{mms}", &[mms.as_str()]).absent(NO_BIB)).await
    }

    /// Reads many records, with one call for each 100. Records that don't exist are left out.
    pub async fn get_many(&self, ids: &[MmsId]) -> Result<List<Bib>> {
        self.batches(ids, None).await
    }

    /// Reads many records as [`Bibs::get_many`] does, with the availability of each holding in the MARC record as
    /// fields `AVA`, and the number of holds.
    ///
    /// Availability comes from an index that lags behind the items by minutes or hours. It is good enough to choose a
    /// copy, not to decide about one.
    pub async fn get_many_with_availability(&self, ids: &[MmsId]) -> Result<List<Bib>> {
        self.batches(ids, Some("p_avail,requests")).await
    }

    async fn batches(&self, ids: &[MmsId], expand: Option<&str>) -> Result<List<Bib>> {
        let mut bibs = List::default();
        for batch in ids.chunks(BATCH) {
            let list = batch.iter().map(MmsId::as_str).collect::<Vec<_>>().join(",");
            let call = Call::new("read bibs", "GET /bibs", &[]).query("mms_id", list).query_if("expand", expand);
            bibs.append(self.many(call).await?);
        }
        Ok(bibs)
    }

    /// Finds the records with this number of another system in MARC 035, such as `(DCB)0001`.
    pub async fn find_by_other_system_id(&self, number: &str) -> Result<List<Bib>> {
        self.many(Call::new("find bibs by another system's id", "GET /bibs", &[]).query("other_system_id", number))
            .await
    }

    /// Creates a record from a MARCXML `<record>`. Returns it with the MMS id that Alma gave it.
    pub async fn create(&self, marcxml_record: &str, suppress: bool) -> Result<Bib> {
        let call = Call::new("create a bib", "POST /bibs", &[]);
        let body = body(&call, marcxml_record, suppress)?;
        self.one(call.xml(body)).await
    }

    /// Replaces a record by a MARCXML `<record>`.
    pub async fn update(&self, mms: &MmsId, marcxml_record: &str, suppress: bool) -> Result<Bib> {
        let call = Call::new("update a bib", "PUT /bibs/{mms}", &[mms.as_str()]).absent(NO_BIB);
        let body = body(&call, marcxml_record, suppress)?;
        self.one(call.xml(body)).await
    }

    /// Deletes a record. Alma refuses with [`Code::BibNotDeletable`] while the record has inventory, and because of
    /// warnings unless they are overridden.
    pub async fn delete(&self, mms: &MmsId, override_warnings: bool) -> Result<()> {
        let call = Call::new("delete a bib", "DELETE /bibs/{mms}", &[mms.as_str()]).absent(NO_BIB);
        self.client.done(call.query("override", override_warnings)).await
    }

    async fn one(&self, call: Call) -> Result<Bib> {
        let reply = self.client.send(&call).await?;
        bib_from_reply(&reply.body).map_err(|what| call.no_record(what))
    }

    async fn many(&self, call: Call) -> Result<List<Bib>> {
        let call = call.absent(NO_BIB);
        match self.client.send(&call).await {
            Ok(reply) => {
                let (bibs, missing) = bibs_from_reply(&reply.body).map_err(|what| call.unreadable(what))?;
                for what in &missing {
                    self.client.unreadable_row(&call, what);
                }
                Ok(List::new(bibs, u32::try_from(missing.len()).unwrap_or(u32::MAX)))
            }
            // Alma answers this if none of the requested records exists.
            Err(Error::NotFound { code: Code::BibNotFound, .. }) => Ok(List::default()),
            Err(error) => Err(error),
        }
    }
}

fn body(call: &Call, marcxml_record: &str, suppress: bool) -> Result<String> {
    let operation = call.operation;
    let record = marc_record(marcxml_record).map_err(|what| Error::InvalidRequest { operation, what })?;
    Ok(format!(
        "<bib><suppress_from_publishing>{suppress}</suppress_from_publishing>\
         <record_format>marc21</record_format>{record}</bib>"
    ))
}
