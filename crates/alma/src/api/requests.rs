//! Calls for requests: a user's, an item's and a title's.

use super::NO_USER;
use crate::call::Call;
use crate::client::Client;
use crate::code::Code;
use crate::error::Result;
use crate::ids::{ItemPath, ItemPid, MmsId, RequestId, UserId};
use crate::model::{Cancellation, NewRequest, Request, RequestType};
use crate::page::{List, PageStream, Paging, all, listing};

const NO_REQUEST: &[Code] = &[Code::RequestNotFound];

/// The requests that a list contains. The default is all active ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestFilter {
    /// Only requests of this type. The requests of an item include internal work orders; holds are the patrons'
    /// requests.
    pub request_type: Option<RequestType>,
    /// Closed requests instead. There are none if requests are anonymised when they close.
    pub history: bool,
}

impl RequestFilter {
    /// Creates a filter for active holds.
    pub fn holds() -> Self {
        Self { request_type: Some(RequestType::Hold), history: false }
    }

    fn apply(&self, call: Call) -> Call {
        let kind = self.request_type.as_ref().map(RequestType::as_str);
        call.query_if("request_type", kind).query_if("status", self.history.then_some("history"))
    }
}

fn cancel(call: Call, how: &Cancellation) -> Call {
    call.absent(NO_REQUEST)
        .query("reason", &how.reason)
        .query_if("note", how.note.as_deref())
        .query("notify_user", how.notify_user)
}

fn create(call: Call, request: &NewRequest) -> Call {
    call.query_if("allow_same_request", request.allow_same_request.then_some(true)).json(request.to_json())
}

/// The requests of one user.
#[derive(Debug, Clone)]
pub struct UserRequests {
    client: Client,
    user: UserId,
}

impl UserRequests {
    pub(crate) fn new(client: Client, user: UserId) -> Self {
        Self { client, user }
    }

    fn call(&self, operation: &'static str, endpoint: &'static str) -> Call {
        Call::new(operation, endpoint, &[self.user.as_str()]).private(&self.user)
    }

    fn call_for(&self, request: &RequestId, operation: &'static str, endpoint: &'static str) -> Call {
        Call::new(operation, endpoint, &[self.user.as_str(), request.as_str()]).private(&self.user)
    }

    /// Reads the list of the user's requests. Rows may lack the item's id.
    pub fn list(&self, filter: &RequestFilter) -> PageStream<Request> {
        let call = self.call("list a user's requests", "GET /users/{user}/requests").absent(NO_USER);
        listing(&self.client, filter.apply(call), "user_request", Paging::ByPages)
    }

    /// Reads a request. A cancelled, fulfilled or expired one isn't found, and Alma doesn't say which of them it is.
    pub async fn get(&self, request: &RequestId) -> Result<Request> {
        let call = self.call_for(request, "read a request", "GET /users/{user}/requests/{request}");
        self.client.one(call.absent(NO_REQUEST)).await
    }

    /// Creates a request for an item.
    ///
    /// # Errors
    ///
    /// Alma refuses with [`Code::NoItemCanFulfil`] if rules or the pickup library forbid the request, or for some
    /// seconds after the item was created, and with [`Code::DuplicateRequest`] if the user has an active request for
    /// the item.
    pub async fn create(&self, item: &ItemPid, request: &NewRequest) -> Result<Request> {
        let call = self.call("create a request", "POST /users/{user}/requests").query("item_pid", item);
        self.client.one(create(call, request)).await
    }

    /// Creates a request for any item of a title. The errors are those of [`UserRequests::create`].
    pub async fn create_title_level(&self, title: &MmsId, request: &NewRequest) -> Result<Request> {
        let call = self.call("create a title request", "POST /users/{user}/requests").query("mms_id", title);
        self.client.one(create(call, request)).await
    }

    /// Cancels a request. A request that isn't found is closed already.
    pub async fn cancel(&self, request: &RequestId, how: &Cancellation) -> Result<()> {
        let call = self.call_for(request, "cancel a request", "DELETE /users/{user}/requests/{request}");
        self.client.done(cancel(call, how)).await
    }
}

/// The requests for one item. The address must contain the item's true holding.
#[derive(Debug, Clone)]
pub struct ItemRequests {
    client: Client,
    item: ItemPath,
}

impl ItemRequests {
    pub(crate) fn new(client: Client, item: ItemPath) -> Self {
        Self { client, item }
    }

    fn call(&self, operation: &'static str, endpoint: &'static str) -> Call {
        let ItemPath { mms, holding, pid } = &self.item;
        Call::new(operation, endpoint, &[mms.as_str(), holding.as_str(), pid.as_str()])
    }

    fn call_for(&self, request: &RequestId, operation: &'static str, endpoint: &'static str) -> Call {
        let ItemPath { mms, holding, pid } = &self.item;
        Call::new(operation, endpoint, &[mms.as_str(), holding.as_str(), pid.as_str(), request.as_str()])
    }

    /// Reads the list of the item's requests, in the order of the queue.
    pub async fn list(&self, filter: &RequestFilter) -> Result<List<Request>> {
        let endpoint = "GET /bibs/{mms}/holdings/{holding}/items/{pid}/requests";
        let call = filter.apply(self.call("list an item's requests", endpoint));
        all(&self.client, call, "user_request").await
    }

    /// Creates a request of `user`. The errors are those of [`UserRequests::create`].
    pub async fn create(&self, user: &UserId, request: &NewRequest) -> Result<Request> {
        let endpoint = "POST /bibs/{mms}/holdings/{holding}/items/{pid}/requests";
        let call = self.call("create a request", endpoint).query("user_id", user).private(user);
        self.client.one(create(call, request)).await
    }

    /// Reads a request; see [`UserRequests::get`].
    pub async fn get(&self, request: &RequestId) -> Result<Request> {
        let endpoint = "GET /bibs/{mms}/holdings/{holding}/items/{pid}/requests/{request}";
        self.client.one(self.call_for(request, "read a request", endpoint).absent(NO_REQUEST)).await
    }

    /// Replaces a request's comment and pickup location. Alma may empty fields that aren't sent.
    pub async fn update(&self, request: &RequestId, with: &NewRequest) -> Result<Request> {
        let endpoint = "PUT /bibs/{mms}/holdings/{holding}/items/{pid}/requests/{request}";
        let call = self.call_for(request, "update a request", endpoint).absent(NO_REQUEST);
        self.client.one(call.json(with.to_json())).await
    }

    /// Cancels a request. A request that isn't found is closed already.
    pub async fn cancel(&self, request: &RequestId, how: &Cancellation) -> Result<()> {
        let endpoint = "DELETE /bibs/{mms}/holdings/{holding}/items/{pid}/requests/{request}";
        self.client.done(cancel(self.call_for(request, "cancel a request", endpoint), how)).await
    }
}

/// The requests for one title.
#[derive(Debug, Clone)]
pub struct BibRequests {
    client: Client,
    mms: MmsId,
}

impl BibRequests {
    pub(crate) fn new(client: Client, mms: MmsId) -> Self {
        Self { client, mms }
    }

    /// Reads the list of the title's requests.
    pub async fn list(&self, filter: &RequestFilter) -> Result<List<Request>> {
        let call = Call::new("list a title's requests", "GET /bibs/{mms}/requests", &[self.mms.as_str()]);
        all(&self.client, filter.apply(call), "user_request").await
    }

    /// Reads a request without knowing its user; see [`UserRequests::get`].
    pub async fn get(&self, request: &RequestId) -> Result<Request> {
        let ids = [self.mms.as_str(), request.as_str()];
        let call = Call::new("read a request", "GET /bibs/{mms}/requests/{request}", &ids);
        self.client.one(call.absent(NO_REQUEST)).await
    }

    /// Cancels a request. A request that isn't found is closed already.
    pub async fn cancel(&self, request: &RequestId, how: &Cancellation) -> Result<()> {
        let ids = [self.mms.as_str(), request.as_str()];
        let call = Call::new("cancel a request", "DELETE /bibs/{mms}/requests/{request}", &ids);
        self.client.done(cancel(call, how)).await
    }
}
