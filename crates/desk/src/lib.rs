//! The desk: the pages on which library staff work.
//!
//! A page is a client of the hub's own API, in process: it shows what operations of the API answer, and each of its buttons
//! is such an operation ([`api`]). Roles, sides, checks and the audit therefore exist once, in `web`. The desk adds what only
//! people need: signing in, sessions, words in the reader's language, and pages that change while they are read.
//!
//! Pages are HTML from the templates in `templates/`, and work without JavaScript. Scripts only add live changes, keys and
//! sound.
//!
//! # How to add a page
//!
//! 1. A template that extends `frame.html`, and a struct with its data that derives `Template`.
//! 2. A handler that reads from [`api::Api`] and returns [`page::show`], with its line in that file's `routes`.
//! 3. Its texts in `texts/en.ftl` and `texts/de.ftl`; a test compares both with the templates.
//! 4. Its entry in [`frame`], with the roles that see it.
//! 5. A test in `tests/pages`, which opens it in a browser.

mod account;
mod api;
mod api_docs;
mod assets;
mod attempts;
mod cases;
mod chart;
mod control;
mod cookies;
mod dashboard;
mod failure;
mod first_code;
mod first_run;
mod form;
mod forms;
mod frame;
mod live;
mod page;
mod query;
mod requests;
mod scan;
mod scope;
mod search;
mod security;
mod seen;
mod session;
mod set_up;
mod sign_in;
mod slips;
mod spreadsheet;
mod state;
mod status;
mod texts;
mod times;
mod visitor;

pub use state::Desk;

/// Returns the routes of all pages, to be served beside the API.
pub fn pages(desk: Desk) -> axum::Router {
    let routes = axum::Router::new()
        .merge(sign_in::routes())
        .merge(first_run::routes())
        .merge(account::routes())
        .merge(dashboard::routes())
        .merge(requests::routes())
        .merge(scan::routes())
        .merge(cases::routes())
        .merge(set_up::routes())
        .merge(control::routes())
        .merge(search::routes())
        .merge(slips::routes())
        .merge(api_docs::routes())
        .merge(live::routes())
        .merge(assets::routes());
    security::around(routes, &desk).with_state(desk)
}
