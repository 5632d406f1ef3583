//! Alma's own jobs that matter here, and the record of their runs. The end of each run is an event.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Alma;
use super::model::Id;
use crate::clock::{date, moment};

/// A job of the institution.
pub(crate) struct Job {
    /// Id with its kind: `S` scheduled.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) category: (&'static str, &'static str),
    /// The counter of the job's report.
    pub(crate) counter: (&'static str, &'static str),
    work: fn(&mut Alma) -> usize,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.id, self.name)
    }
}

pub(crate) const PUBLISHING: Job = Job {
    id: "S101",
    name: "Publishing Platform Job",
    category: ("PUBLISHING", "Publishing"),
    counter: ("label.published.records", "Records published"),
    work: Alma::publish_all,
};

pub(crate) const SHELF_EXPIRY: Job = Job {
    id: "S102",
    name: "Hold shelf expiry",
    category: ("FULFILLMENT", "Fulfillment"),
    counter: ("label.requests.handled", "Requests handled"),
    work: Alma::run_shelf_expiry,
};

pub(crate) const INTEREST_EXPIRY: Job = Job {
    id: "S103",
    name: "Requests - Handle Expiration Step",
    category: ("FULFILLMENT", "Fulfillment"),
    counter: ("label.requests.handled", "Requests handled"),
    work: Alma::run_interest_expiry,
};

pub(crate) const JOBS: [&Job; 3] = [&PUBLISHING, &SHELF_EXPIRY, &INTEREST_EXPIRY];

/// The number of runs that are kept, over all jobs.
const KEPT: usize = 500;

/// One run of a job; it ends as it begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) id: Id,
    pub(crate) job: String,
    pub(crate) at: Timestamp,
    pub(crate) count: usize,
}

impl Alma {
    /// Runs a job. Returns the id of the run and its count.
    pub(crate) fn run_job(&mut self, job: &Job) -> (Id, usize) {
        let count = (job.work)(self);
        let run = Run { id: self.next_id(4, 11), job: job.id.to_owned(), at: self.now, count };
        let id = run.id;
        let payload = instance(job, &run, "");
        self.runs.push(run);
        if self.runs.len() > KEPT {
            self.runs.remove(0);
        }
        self.emit("JOB_END", None, "job_instance", super::events::written(&payload));
        (id, count)
    }
}

/// A job in the API's shape.
pub(crate) fn job(job: &Job, base: &str) -> Value {
    json!({
        "link": format!("{base}/almaws/v1/conf/jobs/{}", job.id), "id": job.id, "name": job.name, "description": "",
        "type": {"value": "SCHEDULED", "desc": "Scheduled"}, "category": coded(job.category), "content": {"value": ""},
        "schedule": {"value": "NOT_SCHEDULED", "desc": "Not scheduled"}, "creator": {"value": "System"},
    })
}

/// A run in the API's shape.
pub(crate) fn instance(of: &Job, run: &Run, base: &str) -> Value {
    let at = moment(run.at);
    json!({
        "link": format!("{base}/almaws/v1/conf/jobs/{}/instances/{}", of.id, run.id),
        "id": run.id.to_string(), "external_id": run.id.to_string(), "name": of.name,
        "submitted_by": {"value": "System", "desc": "System"}, "submit_time": at, "start_time": at, "end_time": at,
        "progress": 100, "status": {"value": "COMPLETED_SUCCESS", "desc": "Completed Successfully"},
        "status_date": date(run.at),
        "alert": [{"value": "alert_general_success", "desc": "The job completed successfully"}],
        "counter": [{"type": coded(of.counter), "value": run.count.to_string()}],
        "action": [], "job_info": {"id": of.id, "name": of.name, "description": "",
            "type": {"value": "SCHEDULED", "desc": "Scheduled"}, "category": coded(of.category),
            "link": format!("{base}/almaws/v1/conf/jobs/{}", of.id)},
    })
}

fn coded((value, desc): (&str, &str)) -> Value {
    json!({"value": value, "desc": desc})
}
