//! Administrative acts: written with each act, and read by admins.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lending::AgencyCode;
use serde::Serialize;
use serde_json::Value;
use store::{AdminAct, AdminRow, Done, Error, Unit};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::field::Number;
use crate::guard::Access;
use crate::input::{Query, input};
use crate::problem::Problem;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_acts))
}

/// The object of an administrative act, with its state before and after.
#[derive(Debug)]
pub(crate) struct Changed {
    object: String,
    agencies: Vec<AgencyCode>,
    before: Option<Value>,
    after: Option<Value>,
}

impl Changed {
    /// Creates the change of an object, such as `agency NORTH`, which concerns these agencies.
    pub(crate) fn new(kind: &str, code: &str, agencies: Vec<AgencyCode>) -> Self {
        Self { object: format!("{kind} {code}"), agencies, before: None, after: None }
    }

    /// Sets the state before the act, as the API shows it: it holds no secret.
    pub(crate) fn before(self, view: Option<&impl Serialize>) -> Self {
        Self { before: view.and_then(|view| serde_json::to_value(view).ok()), ..self }
    }

    /// Sets the state after the act.
    pub(crate) fn after(self, view: &impl Serialize) -> Self {
        Self { after: serde_json::to_value(view).ok(), ..self }
    }

    /// Notes that a secret of the object is set before the act, or was changed by it.
    pub(crate) fn secret(mut self, name: &str, was_set: bool, is_changed: bool) -> Self {
        let mark = |state: &mut Option<Value>, text: &str| {
            if let Some(Value::Object(table)) = state {
                table.insert(name.to_owned(), text.into());
            }
        };
        if was_set {
            mark(&mut self.before, "set");
        }
        mark(&mut self.after, if is_changed { "changed" } else { "unchanged" });
        self
    }
}

impl Access {
    fn act(&self, state: &WebState, changed: Changed) -> AdminAct {
        let Changed { object, agencies, before, after } = changed;
        AdminAct {
            at: state.engine.clock().now(),
            actor: self.name().to_owned(),
            origin: self.origin(),
            act: self.operation().to_owned(),
            object,
            agencies,
            before,
            after,
        }
    }

    /// Commits the unit that `build` fills, and the entry of the act with it.
    pub(crate) async fn commit<T>(
        &self,
        state: &WebState,
        changed: Changed,
        build: impl Fn(&mut Unit) -> Result<T, Error>,
    ) -> Result<(Done, T), Error> {
        state.engine.store().commit_act(&self.act(state, changed), build).await
    }

    /// Writes the entry of an act that is made in units of its own, before it is made: so no act is without an entry.
    pub(crate) async fn announce(&self, state: &WebState, changed: Changed) -> Result<(), Problem> {
        self.commit(state, changed, |_| Ok(())).await?;
        Ok(())
    }
}

/// An administrative act.
#[derive(Debug, Serialize, ToSchema)]
struct ActView {
    /// Its place in the chain of acts, from 1.
    seq: i64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// Who made it: the name of a key, or `command line`.
    actor: String,
    /// The address from which it was made, or `command line`.
    origin: String,
    /// The act, such as `put_agency`.
    act: String,
    /// The object, such as `agency NORTH`.
    object: String,
    /// The agencies that it concerns.
    agencies: Vec<String>,
    /// The object before; null if it is new. A secret is `set`, never shown.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// The object after; null if it is gone. A secret is `changed` or `unchanged`.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

impl From<AdminRow> for ActView {
    fn from(row: AdminRow) -> Self {
        let AdminAct { at, actor, origin, act, object, agencies, before, after } = row.act;
        let agencies = agencies.into_iter().map(|agency| agency.to_string()).collect();
        Self { seq: row.seq, time: at, actor, origin, act, object, agencies, before, after }
    }
}

/// A page of administrative acts.
#[derive(Debug, Serialize, ToSchema)]
struct ActList {
    /// Newest first.
    acts: Vec<ActView>,
    /// The `before` of the next page; null at the end.
    next: Option<i64>,
}

input! {
    /// The extent of a list of acts.
    struct ActQuery {
        /// The maximum number of acts; 50 if it is left out.
        limit: Number<1, 200, 50>,
        /// Where to continue: the `next` of the previous page.
        before: Number<0, { u32::MAX }, 0>,
        /// Only acts whose actor's name contains this, in any case.
        actor: Option<String>,
        /// Only acts whose object contains this, in any case, such as `agency NORTH`.
        object: Option<String>,
    }
    example: {"limit": 100, "object": "agency NORTH"}
}

/// Lists administrative acts, newest first: changes of institutions, agencies, pickup locations, rules, webhooks and keys,
/// and removals of orphans. The consortium admin sees all, and a library admin those that concern its agencies.
/// `consort audit verify` checks that they are as the hub wrote them.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    operation_id = "list_acts",
    tag = "audit",
    params(ActQuery),
    responses((status = 200, description = "A page of acts.", body = ActList))
)]
async fn list_acts(
    State(state): State<WebState>,
    access: Access,
    Query(query): Query<ActQuery>,
) -> Result<Json<ActList>, Problem> {
    let ActQuery { limit, before, actor, object } = query.checked()?;
    let (actor, object) = (in_lower_case(actor), in_lower_case(object));
    let wanted =
        |act: &AdminAct| act.actor.to_lowercase().contains(&actor) && act.object.to_lowercase().contains(&object);
    let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
    let before = (before.0 > 0).then(|| i64::from(before.0));
    let of = access.logged_agencies();
    let mut rows = state.engine.store().admin_acts_that(of.as_deref(), before, limit + 1, wanted).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| row.seq);
    Ok(Json(ActList { acts: rows.into_iter().map(Into::into).collect(), next }))
}

fn in_lower_case(text: Option<String>) -> String {
    text.unwrap_or_default().to_lowercase()
}

impl Access {
    /// Returns the agencies whose log entries the caller may read; `None` for all.
    pub(crate) fn logged_agencies(&self) -> Option<Vec<AgencyCode>> {
        let sees_all = self.caller().is_consortium_admin() || self.is_removed("logged_agencies");
        (!sees_all).then(|| self.caller().agencies().iter().cloned().collect())
    }
}
