//! Calls for sets of records (`/almaws/v1/conf/sets`).

use crate::call::Call;
use crate::client::Client;
use crate::error::Result;
use crate::ids::SetId;
use crate::model::{Set, SetMember};
use crate::page::{PageStream, Paging, listing};

/// Calls for sets of records. A key needs the area Configuration.
#[derive(Debug, Clone)]
pub struct Sets {
    client: Client,
}

impl Sets {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads the description of a set.
    pub async fn get(&self, set: &SetId) -> Result<Set> {
        self.client.one(Call::new("read a set", "GET /conf/sets/{set}", &[set.as_str()])).await
    }

    /// Reads the members of a set, with one call for each 100.
    ///
    /// A logical set is a saved search that Alma runs anew each time the set is read (Ex Libris developers' blog,
    /// "Using Alma APIs for creating Sets", 2017). It searches an index, which lags behind the records.
    pub fn members(&self, set: &SetId) -> PageStream<SetMember> {
        let call = Call::new("list a set's members", "GET /conf/sets/{set}/members", &[set.as_str()]);
        listing(&self.client, call, "member", Paging::ByPages)
    }
}
