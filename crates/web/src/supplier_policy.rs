//! The policy for the choice of the supplier: read, changed and tried.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use engine::TriedPolicy;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lending::supplier::{BeforeAndAfter, ChangedChoice, LenderName, SupplierPolicy};
use serde::Serialize;
use serde_json::{Map, Value};
use store::{Expected, StoredPolicy};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer;
use crate::audit::Changed;
use crate::field::{Field, Number, Reader};
use crate::guard::Access;
use crate::input::{Body, Query, input};
use crate::precondition::{IfMatch, Tag, failed};
use crate::problem::Problem;
use crate::state::WebState;
use crate::supplier_schema;

/// How many days back a trial goes unless the caller says otherwise.
const USUAL_DAYS: i64 = 30;
/// The longest message of a reader that is answered, in characters.
const LONGEST_MESSAGE: usize = 300;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(get_supplier_policy, put_supplier_policy))
        .routes(routes!(list_supplier_policies))
        .routes(routes!(try_supplier_policy))
}

/// A policy for the choice of the supplier, as the API shows it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct PolicyDocument(SupplierPolicy);

impl PartialSchema for PolicyDocument {
    fn schema() -> RefOr<Schema> {
        supplier_schema::policy().into()
    }
}

impl ToSchema for PolicyDocument {}

/// A version of the policy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SupplierPolicy)]
struct PolicyView {
    /// Its number. 0 is the policy that a hub begins with.
    version: i64,
    /// When it was set; null for version 0.
    #[schema(value_type = Option<String>, format = DateTime)]
    set_at: Option<Timestamp>,
    /// Who set it: the name of a key or a user.
    set_by: String,
    /// The policy.
    policy: PolicyDocument,
}

impl From<StoredPolicy> for PolicyView {
    fn from(stored: StoredPolicy) -> Self {
        let StoredPolicy { version, at, actor, policy } = stored;
        Self { version, set_at: at, set_by: actor, policy: PolicyDocument(policy) }
    }
}

/// A page of versions of the policy.
#[derive(Debug, Serialize, ToSchema)]
struct PolicyList {
    /// Newest first.
    versions: Vec<PolicyView>,
    /// The `before` of the next page; null at the end.
    next: Option<i64>,
}

/// A lender in a trial.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TriedLender)]
struct LenderView {
    /// Its institution; null for requests without a copy to ask for.
    institution: Option<String>,
    /// Its agency, if that is known.
    agency: Option<String>,
    /// The number of requests that went to it first.
    before: u32,
    /// The number of requests that would go to it first.
    after: u32,
}

/// A request that another policy gives to another lender.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangedChoice)]
struct ChangeView {
    /// The request's id.
    #[schema(value_type = uuid::Uuid)]
    request: lending::RequestId,
    /// When its copy was chosen.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// The agency, or else the institution, that was chosen; null if there was no copy to ask for.
    before: Option<String>,
    /// The agency, or else the institution, that the policy on trial chooses.
    after: Option<String>,
    /// Why it chooses that copy, or leaves out the one that was chosen.
    reason: String,
}

/// The result of a trial.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyTrial)]
struct TrialView {
    /// The time from which choices were compared.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// The number of requests that were compared.
    requests: u32,
    /// The number of these that go to another lender.
    changed: u32,
    /// Whether all requests since then were compared; otherwise only the oldest 20,000.
    is_complete: bool,
    /// The numbers of requests by lender.
    lenders: Vec<LenderView>,
    /// The first 200 requests that go to another lender.
    changes: Vec<ChangeView>,
}

input! {
    /// A policy for the choice of the supplier.
    struct PolicyInput {
        /// The policy. A field that is left out has its default.
        policy: SupplierPolicy,
    }
    example: {"policy": {"criteria": [{"by": "availability"}, {"by": "region"}, {"by": "load", "step": 3}]}}
}

input! {
    /// A policy to try on choices of the past.
    struct TrialInput {
        /// The policy. A field that is left out has its default.
        policy: SupplierPolicy,
        /// The first day whose choices are compared (UTC); 30 days ago if it is left out.
        since: Option<Date>,
    }
    example: {"policy": {"criteria": [{"by": "availability"}, {"by": "balance"}]}, "since": "2026-11-01"}
}

input! {
    /// The extent of a list of versions.
    struct VersionQuery {
        /// The maximum number of versions; 20 if it is left out.
        limit: Number<1, 100, 20>,
        /// Where to continue: the `next` of the previous page.
        before: Number<0, { u32::MAX }, 0>,
    }
    example: {"limit": 20}
}

impl Field for SupplierPolicy {
    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        let table = Map::read(value, reader)?;
        let policy: Self = match serde_json::from_value(table.into()) {
            Ok(policy) => policy,
            Err(fault) => {
                // A policy holds no secret and names no patron, so the message may quote it.
                let fault: String = fault.to_string().chars().take(LONGEST_MESSAGE).collect();
                reader.fault("INVALID_POLICY", format!("It can't be read: {fault}."));
                return None;
            }
        };
        for problem in policy.problems() {
            reader.fault_of(&problem.field, problem.code, problem.message);
        }
        Some(policy)
    }

    fn placeholder() -> Self {
        Self::default()
    }

    fn schema() -> RefOr<Schema> {
        supplier_schema::policy().into()
    }
}

/// Returns the policy by which the hub chooses among copies that several libraries hold.
#[utoipa::path(
    get,
    path = "/api/v1/supplier-policy",
    operation_id = "get_supplier_policy",
    tag = "choice of the supplier",
    responses((status = 200, description = "The policy that applies.", body = PolicyView))
)]
async fn get_supplier_policy(State(state): State<WebState>, _: Access) -> Result<Response, Problem> {
    let stored = state.engine.store().supplier_policy().await?;
    Ok(answer::read(stored.version, PolicyView::from(stored)))
}

/// Sets the policy. It applies to the next choice, on all nodes. The version before stays in the list of versions.
#[utoipa::path(
    put,
    path = "/api/v1/supplier-policy",
    operation_id = "put_supplier_policy",
    tag = "choice of the supplier",
    params(IfMatch),
    request_body = PolicyInput,
    responses(
        (status = 200, description = "It applies.", body = PolicyView),
        (status = 412, description = "It isn't as `If-Match` demands."),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn put_supplier_policy(
    State(state): State<WebState>,
    access: Access,
    if_match: IfMatch,
    Body(input): Body<PolicyInput>,
) -> Result<Response, Problem> {
    let PolicyInput { policy } = input.checked()?;
    let known = PolicyView::from(state.engine.store().supplier_policy().await?);
    let version = known.version;
    let expected = if_match.expected(Some((version, Tag::of(version, &known))))?;
    let now = state.engine.clock().now();
    // The store keeps microseconds, and the ETag must be that of what it keeps.
    let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
    let view = PolicyView {
        version: version + 1,
        set_at: Some(now),
        set_by: access.name().to_owned(),
        policy: PolicyDocument(policy.clone()),
    };
    let changed =
        Changed::new("supplier policy", &view.version.to_string(), Vec::new()).before(Some(&known)).after(&view);
    let put = access.commit(&state, changed, |unit| unit.put_supplier_policy(&policy, version, access.name(), now));
    // Without a condition, too, a change that somebody made at the same moment isn't overwritten unseen.
    let expected = if expected == Expected::Anything { Expected::Version(version) } else { expected };
    put.await.map_err(|error| failed(expected, error))?;
    state.engine.supplier_policy_changed().await?;
    Ok(answer::read(version + 1, view))
}

/// Lists the versions of the policy, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/supplier-policy/versions",
    operation_id = "list_supplier_policies",
    tag = "choice of the supplier",
    params(VersionQuery),
    responses((status = 200, description = "A page of versions.", body = PolicyList))
)]
async fn list_supplier_policies(
    State(state): State<WebState>,
    _: Access,
    Query(query): Query<VersionQuery>,
) -> Result<Json<PolicyList>, Problem> {
    let VersionQuery { limit, before } = query.checked()?;
    let before = (before.0 > 0).then(|| i64::from(before.0));
    let mut versions = state.engine.store().supplier_policies(before, limit.0 + 1).await?;
    let more = versions.len() > limit.0 as usize;
    versions.truncate(limit.0 as usize);
    let next = versions.last().filter(|_| more).map(|stored| stored.version);
    Ok(Json(PolicyList { versions: versions.into_iter().map(Into::into).collect(), next }))
}

/// Tries a policy on the choices of the past, and changes nothing: which requests would have gone to another lender. It
/// compares the first choice of each request, with the facts as they were then. Requests whose patron's data is erased
/// are left out, since their choices are gone.
#[utoipa::path(
    post,
    path = "/api/v1/supplier-policy/trial",
    operation_id = "try_supplier_policy",
    tag = "choice of the supplier",
    request_body = TrialInput,
    responses(
        (status = 200, description = "The comparison.", body = TrialView),
        (status = 422, description = "Faults of the input, all at once."),
    )
)]
async fn try_supplier_policy(
    State(state): State<WebState>,
    _: Access,
    Body(input): Body<TrialInput>,
) -> Result<Json<TrialView>, Problem> {
    let TrialInput { policy, since } = input.checked()?;
    let usual = || state.engine.clock().now().checked_sub(SignedDuration::from_hours(24 * USUAL_DAYS));
    let since = match since {
        Some(day) => TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)),
        None => usual(),
    };
    let since = since.unwrap_or(Timestamp::UNIX_EPOCH);
    let tried = state.engine.try_supplier_policy(policy, since).await?;
    Ok(Json(TrialView::new(since, tried)))
}

impl TrialView {
    fn new(since: Timestamp, tried: TriedPolicy) -> Self {
        let TriedPolicy { trial, is_complete } = tried;
        Self {
            since,
            requests: trial.choices,
            changed: trial.changed,
            is_complete,
            lenders: trial.lenders.into_iter().map(LenderView::new).collect(),
            changes: trial.examples.into_iter().map(Into::into).collect(),
        }
    }
}

impl LenderView {
    fn new((lender, counts): (Option<LenderName>, BeforeAndAfter)) -> Self {
        let BeforeAndAfter { before, after } = counts;
        let agency = lender.as_ref().and_then(|lender| lender.agency.as_ref()).map(ToString::to_string);
        Self { institution: lender.map(|lender| lender.institution.to_string()), agency, before, after }
    }
}

impl From<ChangedChoice> for ChangeView {
    fn from(change: ChangedChoice) -> Self {
        let name = |lender: LenderName| {
            lender.agency.map_or_else(|| lender.institution.to_string(), |agency| agency.to_string())
        };
        Self {
            request: change.request,
            time: change.at,
            before: change.before.map(name),
            after: change.after.map(name),
            reason: change.reason.map(|reason| reason.explanation).unwrap_or_default(),
        }
    }
}
