//! Jobs and their runs.

use serde_json::Value;

use super::{Answer, Call, Reply, list};
use crate::refusal::Refusal;
use crate::state::Alma;
use crate::state::jobs::{self, JOBS, Job, Run};

fn find(call: &Call<'_>) -> Result<&'static Job, Refusal> {
    let unknown = || Refusal::new("401652", format!("Job {} was not found.", call.param(0)));
    JOBS.into_iter().find(|job| job.id.eq_ignore_ascii_case(call.param(0))).ok_or_else(unknown)
}

pub(super) fn all(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    let kind = call.query("type").is_none_or(|kind| kind.eq_ignore_ascii_case("SCHEDULED"));
    let category = |job: &&Job| call.query("category").is_none_or(|code| code.eq_ignore_ascii_case(job.category.0));
    let found: Vec<&Job> = JOBS.into_iter().filter(|job| kind && category(job)).collect();
    let rows = found.iter().skip(offset).take(limit).map(|each| jobs::job(each, call.base())).collect();
    Ok(list("jobs", "job", rows, found.len()))
}

pub(super) fn get(_: &mut Alma, call: &Call<'_>) -> Answer {
    Ok(Reply::Resource("job", jobs::job(find(call)?, call.base())))
}

/// `op=run`. The answer names the run.
pub(super) fn run(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let job = find(call)?;
    if !call.query("op").is_some_and(|op| op.eq_ignore_ascii_case("run")) {
        return Err(Refusal::bad_parameter("op"));
    }
    let (id, _) = alma.run_job(job);
    let mut value = jobs::job(job, call.base());
    value["additional_info"] = serde_json::json!({
        "value": format!("Job no. {id} triggered"),
        "link": format!("{}/almaws/v1/conf/jobs/{}/instances/{id}", call.base(), job.id),
    });
    Ok(Reply::Resource("job", value))
}

pub(super) fn runs(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let (limit, offset) = call.page(alma)?;
    let job = find(call)?;
    let found: Vec<&Run> = alma.runs.iter().rev().filter(|run| run.job == job.id).collect();
    let rows: Vec<Value> =
        found.iter().skip(offset).take(limit).map(|run| jobs::instance(job, run, call.base())).collect();
    Ok(list("job_instances", "job_instance", rows, found.len()))
}

pub(super) fn run_of(alma: &mut Alma, call: &Call<'_>) -> Answer {
    let job = find(call)?;
    let unknown = || Refusal::new("401652", format!("Job instance {} was not found.", call.param(1)));
    let run = alma.runs.iter().find(|run| Some(run.id) == call.id(1) && run.job == job.id).ok_or_else(unknown)?;
    Ok(Reply::Resource("job_instance", jobs::instance(job, run, call.base())))
}
