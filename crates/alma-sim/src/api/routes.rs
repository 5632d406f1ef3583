//! All calls that the simulator answers: method, path template, area of the key, handler.

use std::sync::LazyLock;

use super::{Answer, Call, bibs, conf, fees, holdings, items, jobs, libraries, loans, requests, sets, tasks, users};
use crate::institution::Area::{self, Bibs, Conf, TaskLists, Users};
use crate::state::Alma;

/// One call of the API.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// Path below `/almaws/v1`, with placeholders.
    pub(crate) template: &'static str,
    pub(crate) area: Area,
    pub(crate) handler: fn(&mut Alma, &Call<'_>) -> Answer,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.method, self.template)
    }
}

macro_rules! routes {
    ($($method:literal $template:literal $area:ident $handler:path;)*) => {
        &[$(Route { method: $method, template: $template, area: $area, handler: $handler },)*]
    };
}

/// Literal segments stand before placeholders, so the first match is the right one.
const ROUTES: &[Route] = routes! {
    "GET" "/users/operation/test" Users conf::test;
    "POST" "/users/operation/test" Users conf::test;
    "GET" "/users" Users users::search;
    "POST" "/users" Users users::create;
    "GET" "/users/ALL/requests/{request_id}" Users requests::by_id;
    "GET" "/users/{user_id}" Users users::get;
    "PUT" "/users/{user_id}" Users users::update;
    "DELETE" "/users/{user_id}" Users users::delete;
    "POST" "/users/{user_id}" Users users::operate;
    "GET" "/users/{user_id}/fees" Users fees::of_user;
    "POST" "/users/{user_id}/fees" Users fees::create;
    "POST" "/users/{user_id}/fees/all" Users fees::pay_all;
    "GET" "/users/{user_id}/fees/{fee_id}" Users fees::get;
    "POST" "/users/{user_id}/fees/{fee_id}" Users fees::operate;
    "GET" "/users/{user_id}/loans" Users loans::of_user;
    "POST" "/users/{user_id}/loans" Users loans::create_for_user;
    "GET" "/users/{user_id}/loans/{loan_id}" Users loans::get_of_user;
    "POST" "/users/{user_id}/loans/{loan_id}" Users loans::renew_of_user;
    "PUT" "/users/{user_id}/loans/{loan_id}" Users loans::change_of_user;
    "GET" "/users/{user_id}/requests" Users requests::of_user;
    "POST" "/users/{user_id}/requests" Users requests::create_for_user;
    "GET" "/users/{user_id}/requests/{request_id}" Users requests::get_of_user;
    "PUT" "/users/{user_id}/requests/{request_id}" Users requests::change_of_user;
    "POST" "/users/{user_id}/requests/{request_id}" Users requests::next_step;
    "DELETE" "/users/{user_id}/requests/{request_id}" Users requests::cancel_of_user;
    "GET" "/bibs/test" Bibs conf::test;
    "POST" "/bibs/test" Bibs conf::test;
    "GET" "/items" Bibs items::by_barcode;
    "GET" "/bibs" Bibs bibs::batch;
    "POST" "/bibs" Bibs bibs::create;
    "GET" "/bibs/{mms_id}" Bibs bibs::get;
    "PUT" "/bibs/{mms_id}" Bibs bibs::update;
    "POST" "/bibs/{mms_id}" Bibs bibs::operate;
    "DELETE" "/bibs/{mms_id}" Bibs bibs::delete;
    "GET" "/bibs/{mms_id}/loans" Bibs loans::of_bib;
    "GET" "/bibs/{mms_id}/loans/{loan_id}" Bibs loans::get_of_bib;
    "POST" "/bibs/{mms_id}/loans/{loan_id}" Bibs loans::renew_of_bib;
    "PUT" "/bibs/{mms_id}/loans/{loan_id}" Bibs loans::change_of_bib;
    "GET" "/bibs/{mms_id}/requests" Bibs requests::of_bib;
    "POST" "/bibs/{mms_id}/requests" Bibs requests::create_for_bib;
    "GET" "/bibs/{mms_id}/requests/{request_id}" Bibs requests::get_of_bib;
    "PUT" "/bibs/{mms_id}/requests/{request_id}" Bibs requests::change_of_bib;
    "POST" "/bibs/{mms_id}/requests/{request_id}" Bibs requests::next_step;
    "DELETE" "/bibs/{mms_id}/requests/{request_id}" Bibs requests::cancel_of_bib;
    "GET" "/bibs/{mms_id}/request-options" Bibs requests::options_of_bib;
    "GET" "/bibs/{mms_id}/holdings" Bibs holdings::list_of_bib;
    "POST" "/bibs/{mms_id}/holdings" Bibs holdings::create;
    "GET" "/bibs/{mms_id}/holdings/{holding_id}" Bibs holdings::get;
    "PUT" "/bibs/{mms_id}/holdings/{holding_id}" Bibs holdings::update;
    "DELETE" "/bibs/{mms_id}/holdings/{holding_id}" Bibs holdings::delete;
    "GET" "/bibs/{mms_id}/holdings/{holding_id}/items" Bibs items::list_of_holding;
    "POST" "/bibs/{mms_id}/holdings/{holding_id}/items" Bibs items::create;
    "GET" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}" Bibs items::get;
    "PUT" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}" Bibs items::update;
    "POST" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}" Bibs items::scan;
    "DELETE" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}" Bibs items::delete;
    "GET" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/request-options" Bibs requests::options_of_item;
    "GET" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests" Bibs requests::of_item;
    "POST" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests" Bibs requests::create_for_item;
    "GET" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests/{request_id}" Bibs requests::get_of_item;
    "PUT" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests/{request_id}" Bibs requests::change_of_item;
    "POST" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests/{request_id}" Bibs requests::next_step;
    "DELETE" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/requests/{request_id}" Bibs requests::cancel_of_item;
    "GET" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/loans" Bibs loans::of_item;
    "POST" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/loans" Bibs loans::create_for_item;
    "GET" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/loans/{loan_id}" Bibs loans::get_of_item;
    "POST" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/loans/{loan_id}" Bibs loans::renew_of_item;
    "PUT" "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}/loans/{loan_id}" Bibs loans::change_of_item;
    "GET" "/conf/test" Conf conf::test;
    "POST" "/conf/test" Conf conf::test;
    "GET" "/conf/general" Conf conf::general;
    "GET" "/conf/departments" Conf conf::departments;
    "GET" "/conf/open-hours" Conf conf::open_hours;
    "GET" "/conf/printers" Conf conf::printers;
    "GET" "/conf/printers/{printer_id}" Conf conf::printer;
    "GET" "/conf/integration-profiles" Conf conf::integration_profiles;
    "GET" "/conf/integration-profiles/{profile_id}" Conf conf::integration_profile;
    "GET" "/conf/jobs" Conf jobs::all;
    "GET" "/conf/jobs/{job_id}" Conf jobs::get;
    "POST" "/conf/jobs/{job_id}" Conf jobs::run;
    "GET" "/conf/jobs/{job_id}/instances" Conf jobs::runs;
    "GET" "/conf/jobs/{job_id}/instances/{instance_id}" Conf jobs::run_of;
    "GET" "/conf/sets" Conf sets::all;
    "POST" "/conf/sets" Conf sets::create;
    "GET" "/conf/sets/{set_id}" Conf sets::get;
    "PUT" "/conf/sets/{set_id}" Conf sets::update;
    "POST" "/conf/sets/{set_id}" Conf sets::change_members;
    "DELETE" "/conf/sets/{set_id}" Conf sets::delete;
    "GET" "/conf/sets/{set_id}/members" Conf sets::members;
    "GET" "/conf/code-tables" Conf conf::code_tables;
    "GET" "/conf/code-tables/{table}" Conf conf::code_table;
    "GET" "/conf/libraries" Conf libraries::all;
    "GET" "/conf/libraries/{library}" Conf libraries::library;
    "GET" "/conf/libraries/{library}/open-hours" Conf conf::open_hours;
    "GET" "/conf/libraries/{library}/departments" Conf conf::departments;
    "GET" "/conf/libraries/{library}/locations" Conf libraries::locations;
    "POST" "/conf/libraries/{library}/locations" Conf libraries::create_location;
    "GET" "/conf/libraries/{library}/locations/{location}" Conf libraries::location;
    "PUT" "/conf/libraries/{library}/locations/{location}" Conf libraries::update_location;
    "DELETE" "/conf/libraries/{library}/locations/{location}" Conf libraries::delete_location;
    "GET" "/conf/libraries/{library}/circ-desks" Conf libraries::desks;
    "GET" "/conf/libraries/{library}/circ-desks/{desk}" Conf libraries::desk;
    "GET" "/task-lists/requested-resources" TaskLists tasks::requested_resources;
    "POST" "/task-lists/requested-resources" TaskLists tasks::print_requested_resources;
};

/// A call with its template taken apart.
pub(crate) struct Split {
    pub(crate) route: &'static Route,
    /// `METHOD /path/{x}`, as calls are counted.
    pub(crate) name: String,
    parts: Vec<&'static str>,
}

/// The calls by the number of segments in their path.
static BY_LENGTH: LazyLock<Vec<Vec<Split>>> = LazyLock::new(|| {
    let mut all: Vec<Vec<Split>> = Vec::new();
    for route in ROUTES {
        let parts: Vec<&'static str> = route.template.split('/').skip(1).collect();
        all.resize_with(all.len().max(parts.len() + 1), Vec::new);
        let name = format!("{} {}", route.method, route.template);
        all[parts.len()].push(Split { route, name, parts });
    }
    all
});

impl Split {
    fn fits(&self, method: &str, segments: &[String]) -> bool {
        let same = |(part, segment): (&&str, &String)| part.starts_with('{') || part == segment;
        self.route.method == method && self.parts.iter().zip(segments).all(same)
    }
}

/// Finds the call for a path below `/almaws/v1`, with the values of its placeholders.
pub(crate) fn find(method: &str, segments: Vec<String>) -> Option<(&'static Split, Vec<String>)> {
    let found = BY_LENGTH.get(segments.len())?.iter().find(|split| split.fits(method, &segments))?;
    let placed = found.parts.iter().zip(segments).filter(|(part, _)| part.starts_with('{'));
    Some((found, placed.map(|(_, segment)| segment).collect()))
}
