//! Calls for the holdings of a title (`/almaws/v1/bibs/{mms}/holdings`).

use super::EmptyHoldingPolicy;
use crate::call::Call;
use crate::client::Client;
use crate::code::Code;
use crate::error::{Error, Result};
use crate::ids::{HoldingId, MmsId};
use crate::model::{Holding, HoldingSummary, holding_from_reply, marc_record};
use crate::page::{List, all};

const NO_HOLDING: &[Code] = &[Code::HoldingNotFound, Code::HoldingInvalid];

/// Calls for the holdings of one title. A key needs the area Bibs.
#[derive(Debug, Clone)]
pub struct Holdings {
    client: Client,
    mms: MmsId,
}

impl Holdings {
    pub(crate) fn new(client: Client, mms: MmsId) -> Self {
        Self { client, mms }
    }

    /// Reads the list of the title's holdings.
    pub async fn list(&self) -> Result<List<HoldingSummary>> {
        const NO_BIB: &[Code] = &[Code::BibNotFound];
        let call = Call::new("list a title's holdings", "GET /bibs/{mms}/holdings", &[self.mms.as_str()]);
        all(&self.client, call.absent(NO_BIB), "holding").await
    }

    /// Reads a holding.
    pub async fn get(&self, holding: &HoldingId) -> Result<Holding> {
        let ids = [self.mms.as_str(), holding.as_str()];
        self.one(Call::new("read a holding", "GET /bibs/{mms}/holdings/{holding}", &ids).absent(NO_HOLDING)).await
    }

    /// Creates a holding from a MARCXML `<record>`. Its field 852 contains library (`$b`), location (`$c`) and call
    /// number.
    pub async fn create(&self, marcxml_record: &str, suppress: bool) -> Result<Holding> {
        let call = Call::new("create a holding", "POST /bibs/{mms}/holdings", &[self.mms.as_str()]);
        let operation = call.operation;
        let record = marc_record(marcxml_record).map_err(|what| Error::InvalidRequest { operation, what })?;
        let body =
            format!("<holding><suppress_from_publishing>{suppress}</suppress_from_publishing>{record}</holding>");
        self.one(call.xml(body)).await
    }

    /// Deletes a holding that has no items. `bib` says what to do with the title if this was its last holding.
    pub async fn delete(&self, holding: &HoldingId, bib: EmptyHoldingPolicy) -> Result<()> {
        let ids = [self.mms.as_str(), holding.as_str()];
        let call = Call::new("delete a holding", "DELETE /bibs/{mms}/holdings/{holding}", &ids);
        self.client.done(call.absent(NO_HOLDING).query("bib", bib)).await
    }

    async fn one(&self, call: Call) -> Result<Holding> {
        let reply = self.client.send(&call).await?;
        holding_from_reply(&reply.body).map_err(|what| call.no_record(what))
    }
}
