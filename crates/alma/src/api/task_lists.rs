//! Calls for task lists (`/almaws/v1/task-lists`).

use crate::call::Call;
use crate::client::Client;
use crate::ids::{DeskCode, LibraryCode};
use crate::model::RequestedResource;
use crate::page::{PageStream, Paging, listing};

/// Calls for task lists. A key needs the area Task-lists.
#[derive(Debug, Clone)]
pub struct TaskLists {
    client: Client,
}

impl TaskLists {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads the list of items that staff must pick from the shelf for a desk.
    ///
    /// No call reports that a lender sent an item off. But a hold that was on this list and is on it no longer was
    /// picked, cancelled or moved. One call reads 100 rows.
    pub fn requested_resources(&self, library: &LibraryCode, desk: &DeskCode) -> PageStream<RequestedResource> {
        // GET only: POST on the same path marks the rows as printed.
        let call = Call::new("list what is to be picked", "GET /task-lists/requested-resources", &[])
            .query("library", library)
            .query("circ_desk", desk);
        listing(&self.client, call, "requested_resource", Paging::ByPages)
    }
}
