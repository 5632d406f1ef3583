//! A page that shows a secret once.

use askama::Template;

use crate::frame::Frame;

/// A page that shows a secret once.
#[derive(Template)]
#[template(path = "secret.html")]
pub(crate) struct SecretPage {
    pub(crate) frame: Frame,
    pub(crate) title: String,
    pub(crate) about: String,
    /// What is shown: name and value.
    pub(crate) rows: Vec<(String, String)>,
    /// A picture for an authenticator app: the number of its modules on a side, and the path of the dark ones.
    pub(crate) picture: Option<(usize, String)>,
    /// The page to go to after that.
    pub(crate) next: String,
}
