//! The state of the shared catalogue: records and harvests of each institution, and the work that waits.

use std::collections::BTreeMap;

use ::catalogue::{Catalogue, Counts, SourceState};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::catalogue::no_catalogue;
use crate::guard::Access;
use crate::harvests::HarvestView;
use crate::problem::Problem;
use crate::state::WebState;

pub(crate) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_catalogue))
}

/// The state of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CatalogueStatus)]
struct StatusView {
    /// The institutions that were ever harvested, as far as the key may see them.
    institutions: Vec<SourceView>,
    /// The number of titles of all institutions.
    #[schema(example = 1000)]
    titles: u64,
    /// The number of changed records that wait for grouping.
    waiting_for_grouping: u64,
    /// The number of changes that the search index of this node still has to follow.
    waiting_for_index: u64,
}

/// An institution's part of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CatalogueSource)]
struct SourceView {
    /// The institution.
    institution: String,
    /// The numbers of its records by state: `shown`, `suppressed`, `deleted`, `failed`.
    records: BTreeMap<&'static str, u64>,
    /// The numbers of its suppressed records by rule.
    suppressed: BTreeMap<String, u64>,
    /// Its last harvest, if there was one.
    last_harvest: Option<HarvestView>,
}

/// Returns the numbers of records of each institution, its last harvest, and the work that waits.
#[utoipa::path(
    get,
    path = "/api/v1/catalogue",
    operation_id = "get_catalogue",
    tag = "catalogue",
    responses((status = 200, description = "The state of the catalogue.", body = StatusView))
)]
async fn get_catalogue(State(state): State<WebState>, access: Access) -> Result<Json<StatusView>, Problem> {
    let catalogue = state.catalogue.as_ref().ok_or_else(no_catalogue)?;
    let sources = catalogue.sources().await.map_err(|error| failed(&error))?;
    let mut institutions = Vec::new();
    for source in sources {
        if access.allows_institution(&state, &source.institution.as_str().into()).await? {
            institutions.push(view(catalogue, source).await.map_err(|error| failed(&error))?);
        }
    }
    let waiting = async {
        let position = match &state.index {
            Some(index) => index.position()?.unwrap_or_default(),
            None => 0,
        };
        let waiting_for_index = catalogue.last_change().await?.saturating_sub(position);
        Ok::<_, ::catalogue::Error>((catalogue.groups().await?, catalogue.pending().await?, waiting_for_index))
    };
    let (titles, waiting_for_grouping, waiting_for_index) = waiting.await.map_err(|error| failed(&error))?;
    Ok(Json(StatusView { institutions, titles, waiting_for_grouping, waiting_for_index }))
}

async fn view(catalogue: &Catalogue, source: SourceState) -> Result<SourceView, ::catalogue::Error> {
    let Counts { by_state, suppressed } = catalogue.counts(&source.institution).await?;
    let last = catalogue.runs(&source.institution, 1).await?.into_iter().next();
    Ok(SourceView {
        institution: source.institution,
        records: by_state,
        suppressed,
        last_harvest: last.map(HarvestView::from),
    })
}

fn failed(failure: &::catalogue::Error) -> Problem {
    error!(error = %failure, "the catalogue can't be read");
    Problem::internal()
}
