//! Alma's error codes, by name.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)+) => {
        /// An error code of Alma.
        ///
        /// A code has one number but not always one meaning: read it together with the operation that failed. The
        /// meanings given here are those of the operations this crate offers (Ex Libris' OpenAPI descriptions of Users,
        /// Bibs and Configuration, and recorded answers).
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)+
            /// A code without a name here.
            Other(String),
        }

        impl Code {
            /// Returns the code as Alma writes it; empty if Alma gave none.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $code,)+
                    Self::Other(code) => code,
                }
            }
        }

        impl From<&str> for Code {
            fn from(code: &str) -> Self {
                match code.trim() {
                    $($code => Self::$name,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

codes! {
    /// `UNAUTHORIZED`: the key isn't defined, or lacks the area or the right to write.
    Unauthorized = "UNAUTHORIZED",
    /// `FORBIDDEN`: the key is invalid or the caller's address isn't allowed.
    Forbidden = "FORBIDDEN",
    /// `INVALID_REQUEST`: the gateway doesn't accept the key.
    InvalidRequest = "INVALID_REQUEST",
    /// `PER_SECOND_THRESHOLD`: too many calls in this second.
    PerSecondThreshold = "PER_SECOND_THRESHOLD",
    /// `DAILY_THRESHOLD`: the institution's calls of the day are used up.
    DailyThreshold = "DAILY_THRESHOLD",
    /// `60105`: this call takes XML only.
    JsonNotSupported = "60105",
    /// `60211`: no such operation on a loan.
    LoanOperationInvalid = "60211",
    /// `60212`: the holdings record couldn't be deleted.
    HoldingDeletionFailed = "60212",
    /// `60213`: no such holdings record.
    HoldingInvalid = "60213",
    /// `60214`: the holdings record is deleted already, or can't be deleted (it has items).
    HoldingNotDeletable = "60214",
    /// `60217`: the offset of a list is too large.
    OffsetTooLarge = "60217",
    /// `60328`: the item to be requested wasn't found.
    RequestedItemNotFound = "60328",
    /// `60331`: the request couldn't be created.
    RequestCreationFailed = "60331",
    /// `401129`: no item can fulfil the request: fulfilment rules forbid it, the library can't be a pickup library, or
    /// the item is too new.
    NoItemCanFulfil = "401129",
    /// `401136`: the user has an active request for this item or title.
    DuplicateRequest = "401136",
    /// `401151`: the user isn't an active patron: it has no active patron role, or is inactive.
    NotAPatron = "401151",
    /// `401153`: the desk can't lend this item.
    WrongDesk = "401153",
    /// `401651`: creating a loan: the item can't be lent. Elsewhere: an identifier or institution isn't valid.
    NotLoanable = "401651",
    /// `401652`: a general error without further information.
    General = "401652",
    /// `401664`: a mandatory field is missing; the message ends with its name.
    MandatoryFieldMissing = "401664",
    /// `401672`: the item's id is empty.
    PidEmpty = "401672",
    /// `401676`: the body isn't valid.
    BodyInvalid = "401676",
    /// `401681`: the due date is in the past.
    DueDateInPast = "401681",
    /// `401683`: no such item.
    ItemNotFound = "401683",
    /// `401684`: the search for the requested item failed.
    RequestedItemSearchFailed = "401684",
    /// `401688`: the items couldn't be read.
    ItemsUnreadable = "401688",
    /// `401689`: no item has this barcode.
    BarcodeUnknown = "401689",
    /// `401694`: no such request: never there, or cancelled, fulfilled or expired.
    RequestNotFound = "401694",
    /// `401822`: the loan can't be renewed.
    NotRenewable = "401822",
    /// `401823`: no such loan.
    LoanNotFound = "401823",
    /// `401824`: the body has no due date.
    DueDateMissing = "401824",
    /// `401849`: the item can't be deleted; the message contains the reason.
    ItemNotDeletable = "401849",
    /// `401850`: the user can't be deleted (loans, requests or fees are open).
    UserNotDeletable = "401850",
    /// `401851`: an identifier of the new user is another user's already.
    IdentifierTaken = "401851",
    /// `401852`: no such user group.
    UserGroupInvalid = "401852",
    /// `401853`: an internal user can't have an external id.
    ExternalIdNotAllowed = "401853",
    /// `401854`: an external user needs an external id.
    ExternalIdMissing = "401854",
    /// `401858`: a user's external id can't change.
    ExternalIdFixed = "401858",
    /// `401860`: the user couldn't be updated.
    UserUpdateFailed = "401860",
    /// `401861`: no such user.
    UserNotFound = "401861",
    /// `401863`: this type of identifier isn't allowed for this type of record.
    TypeNotSupported = "401863",
    /// `401864`: no such type.
    TypeInvalid = "401864",
    /// `401866`: the password isn't the user's.
    AuthenticationFailed = "401866",
    /// `401873`: deleting a bib: a bad value for `override`. Saving an item: its barcode is taken (seen, not documented).
    ParameterInvalid = "401873",
    /// `401890`: no such user of the requested type.
    UserOfTypeNotFound = "401890",
    /// `401895`: no such pickup desk in that library.
    PickupDeskNotFound = "401895",
    /// `401907`: no such request, for the next step of a digitisation.
    RequestForStepNotFound = "401907",
    /// `402119`: a general error; unknown libraries and locations give it too.
    GeneralConfiguration = "402119",
    /// `402203`: no such bibliographic record, or none of the requested ones.
    BibNotFound = "402203",
    /// `402204`: the MMS id isn't a number.
    MmsIdNotNumeric = "402204",
    /// `402208`: no such holdings record.
    HoldingNotFound = "402208",
    /// `402209`: the bib's XML is invalid.
    BibXmlInvalid = "402209",
    /// `402210`: the bib couldn't be created.
    BibCreationFailed = "402210",
    /// `402211`: the holding's XML is invalid.
    HoldingXmlInvalid = "402211",
    /// `402502`: the scan failed.
    ScanFailed = "402502",
    /// `402504`: the scan failed, since the item couldn't be read.
    ScanItemUnreadable = "402504",
    /// `33007`: no record for the MMS id.
    NoRecordForMmsId = "33007",
    /// `33008`: the holding couldn't be created; the message contains the reason.
    HoldingCreationErrors = "33008",
    /// `33009`: the holding couldn't be created.
    HoldingCreationFailed = "33009",
    /// `4022020`: the bib can't be deleted (inventory, or warnings that weren't overridden).
    BibNotDeletable = "4022020",
    /// `40166404`: a field of the item is invalid.
    ItemFieldInvalid = "40166404",
    /// `40166411`: a parameter's value is invalid.
    ParameterValueInvalid = "40166411",
    /// `40166415`: a scan needs a desk or a department.
    DeskMissing = "40166415",
}

impl Code {
    /// Returns whether the code only means that something failed, or isn't one of those known here.
    pub(crate) fn is_general(&self) -> bool {
        matches!(self, Self::General | Self::GeneralConfiguration | Self::Other(_))
    }

    /// Returns whether the code means that Alma doesn't accept the key for this call.
    pub(crate) fn is_about_the_key(&self) -> bool {
        matches!(self, Self::Unauthorized | Self::Forbidden | Self::InvalidRequest)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.as_str() {
            "" => "no code",
            code => code,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_written_as_it_was_read() {
        for text in ["401861", "401890", "401129", "401136", "401851", "401694", "401689", "401873", "999999"] {
            assert_eq!(Code::from(text).as_str(), text);
        }
        assert_eq!(Code::from(" 401689 "), Code::BarcodeUnknown);
    }
}
