//! Pages with a form or a table, whose parts are data. The pages of the set-up are made of them.

mod form_page;
mod input;
mod refused;
mod secret_page;
mod table;

pub(crate) use form_page::{Action, Card, Done, FormPage, Note};
pub(crate) use input::{Check, Choice, Control, Input};
pub(crate) use refused::{refusal, show_faults, show_refused, show_refused_change, show_refused_new};
pub(crate) use secret_page::SecretPage;
pub(crate) use table::{Cell, TablePage};
