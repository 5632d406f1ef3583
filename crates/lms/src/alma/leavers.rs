//! Removes virtual patrons that nobody needs any more.

use alma::{Code, Error, UserId};
use lending::PatronId;

use super::Alma;
use super::errors::{refusal_code, to_lms_error};
use crate::error::Result;
use crate::host::VirtualPatronRemoval;

impl Alma {
    /// Deletes a virtual patron, with one read before: only a user from the hub's external system is the hub's. A repeated
    /// deletion finds no user, which is the result too.
    ///
    /// Alma refuses to delete a user with open loans, requests or fees (401850, alma-api.md 2.5). The read shows loans and
    /// requests, but no fees: Alma was seen to refuse a read of the fees of patrons who owe some.
    pub(super) async fn delete_virtual_patron(&self, id: &PatronId) -> Result<VirtualPatronRemoval> {
        // Another request may need the virtual patron from now on. Then it is verified, and made anew if need be.
        self.patrons.forget(id.as_str());
        let user_id = UserId::from(id.as_str());
        let kept = |reason: &str| Ok(VirtualPatronRemoval::Kept(reason.to_owned()));
        let user = match self.client.users().get_with_counts(&user_id, false).await {
            Ok(user) => user,
            Err(error) if error.is_not_found() => return Ok(VirtualPatronRemoval::Removed),
            Err(error) => return Err(to_lms_error(error)),
        };
        let is_ours = user.external_id() == Some(self.settings.external_system.as_str())
            && user.primary_id().as_str().eq_ignore_ascii_case(id.as_str());
        if !is_ours {
            return kept("the user is not from the hub");
        }
        if user.loan_count().is_some_and(|loans| loans > 0) {
            return kept("the user has loans");
        }
        if user.request_count().is_some_and(|requests| requests > 0) {
            return kept("the user has requests");
        }
        match self.client.users().delete(&user_id).await {
            Ok(()) => Ok(VirtualPatronRemoval::Removed),
            Err(error) if error.is_not_found() => Ok(VirtualPatronRemoval::Removed),
            Err(error) if refusal_code(&error) == Some(&Code::UserNotDeletable) => {
                kept("Alma doesn't delete a user with loans, requests or fees")
            }
            Err(error @ Error::Refused { .. }) => kept(&error.to_string()),
            Err(error) => Err(to_lms_error(error)),
        }
    }
}
