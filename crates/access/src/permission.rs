//! The table of permissions: which role may do what, at which side.

use crate::role::Role;

/// The object on which a permission depends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// A patron request: the caller's side counts.
    Request,
    /// The set-up of an institution or agency: it must be the caller's own.
    SetUp,
    /// The hub itself: the role alone counts.
    Hub,
}

/// A permission that an operation needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Permission {
    /// To call what needs no key.
    Open,
    /// To place a request for a patron of the agency.
    Place,
    /// To cancel a request.
    Cancel,
    /// To read requests.
    ReadRequests,
    /// To change the pickup location.
    ChangePickup,
    /// To end a request by hand.
    End,
    /// To refuse to supply, so that the next lender is asked.
    Refuse,
    /// To settle a loss.
    SettleLoss,
    /// To report a missing item as found.
    ReportFound,
    /// To report damage.
    ReportDamage,
    /// To write to the other libraries of a request, and to mark their messages as read.
    SendMessage,
    /// To undo one's own last act.
    Undo,
    /// To poll the libraries' systems for a request now, and to resume one whose cause of waiting was fixed.
    Resume,
    /// To read the set-up.
    ReadSetUp,
    /// To change and check the set-up.
    ChangeSetUp,
    /// To manage API keys and users.
    ManageKeys,
    /// To change one's own password and one-time codes.
    OwnAccount,
    /// To read the log of administrative acts and of reads of patron data.
    ReadLogs,
    /// To export and to erase the data of a patron.
    PatronData,
    /// To read which copies were chosen for a request, and why.
    ReadChoices,
    /// To read the policy for the choice of the supplier.
    ReadPolicy,
    /// To change that policy, and to try one.
    ChangePolicy,
    /// To keep filters of lists under a name.
    KeepViews,
    /// To scan items.
    Scan,
    /// To search the shared catalogue.
    SearchCatalogue,
    /// To read metrics and the details of the hub's health.
    Monitor,
}

/// A row of the table. The consortium admin has every permission and isn't listed.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The permission.
    pub permission: Permission,
    /// The object on which it depends.
    pub scope: Scope,
    /// Roles that have it as the borrower's agency.
    pub borrower: &'static [Role],
    /// Roles that have it as the lender's agency.
    pub lender: &'static [Role],
    /// Roles that have it as the pickup agency.
    pub pickup: &'static [Role],
    /// Roles that have it over what is their own, or over the hub.
    pub own: &'static [Role],
}

const NONE: &[Role] = &[];
const ADMIN: &[Role] = &[Role::LibraryAdmin];
const STAFF: &[Role] = &[Role::LibraryAdmin, Role::LibraryStaff];
const READERS: &[Role] = &[Role::LibraryAdmin, Role::LibraryStaff, Role::ReadOnly];
const STAFF_AND_DISCOVERY: &[Role] = &[Role::LibraryAdmin, Role::LibraryStaff, Role::Discovery];
const READERS_AND_DISCOVERY: &[Role] = &[Role::LibraryAdmin, Role::LibraryStaff, Role::ReadOnly, Role::Discovery];
const MONITORS: &[Role] = &[Role::Monitoring];

/// The table: which role has which permission, at which side.
pub const GRANTS: &[Grant] = &[
    of_request(Permission::Place, STAFF_AND_DISCOVERY, STAFF, NONE),
    of_request(Permission::Cancel, STAFF_AND_DISCOVERY, NONE, NONE),
    of_request(Permission::ReadRequests, READERS_AND_DISCOVERY, READERS, READERS),
    of_request(Permission::ChangePickup, STAFF, NONE, NONE),
    of_request(Permission::End, STAFF, NONE, NONE),
    of_request(Permission::Refuse, NONE, STAFF, NONE),
    of_request(Permission::SettleLoss, NONE, STAFF, NONE),
    of_request(Permission::ReportFound, NONE, STAFF, STAFF),
    of_request(Permission::ReportDamage, NONE, STAFF, STAFF),
    of_request(Permission::SendMessage, STAFF, STAFF, STAFF),
    of_request(Permission::Undo, STAFF, STAFF, STAFF),
    of_request(Permission::Resume, STAFF, STAFF, STAFF),
    of_request(Permission::ReadChoices, READERS, READERS, READERS),
    of_own(Permission::ReadSetUp, Scope::SetUp, READERS),
    of_own(Permission::ChangeSetUp, Scope::SetUp, ADMIN),
    of_own(Permission::ManageKeys, Scope::SetUp, ADMIN),
    of_own(Permission::OwnAccount, Scope::Hub, READERS),
    of_own(Permission::ReadLogs, Scope::SetUp, ADMIN),
    of_own(Permission::PatronData, Scope::SetUp, ADMIN),
    of_own(Permission::ReadPolicy, Scope::Hub, READERS),
    of_own(Permission::ChangePolicy, Scope::Hub, NONE),
    of_own(Permission::KeepViews, Scope::Hub, READERS),
    of_own(Permission::Scan, Scope::Hub, STAFF),
    of_own(Permission::SearchCatalogue, Scope::Hub, READERS_AND_DISCOVERY),
    of_own(Permission::Monitor, Scope::Hub, MONITORS),
];

const fn of_request(
    permission: Permission,
    borrower: &'static [Role],
    lender: &'static [Role],
    pickup: &'static [Role],
) -> Grant {
    Grant { permission, scope: Scope::Request, borrower, lender, pickup, own: NONE }
}

const fn of_own(permission: Permission, scope: Scope, own: &'static [Role]) -> Grant {
    Grant { permission, scope, borrower: NONE, lender: NONE, pickup: NONE, own }
}

impl Permission {
    /// Returns its row of the table, or `None` for what needs no key.
    pub fn grant(self) -> Option<&'static Grant> {
        GRANTS.iter().find(|grant| grant.permission == self)
    }

    /// Returns its description for people, as what somebody may do.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Open => "call what needs no key",
            Self::Place => {
                "place a request for a patron of the agency; as lender's, for one who takes the item at its desk"
            }
            Self::Cancel => "cancel a request",
            Self::ReadRequests => "read requests",
            Self::ChangePickup => "change the pickup location",
            Self::End => "end a request by hand",
            Self::Refuse => "refuse to supply, so that the next lender is asked",
            Self::SettleLoss => "settle a loss",
            Self::ReportFound => "report a missing item as found",
            Self::ReportDamage => "report damage",
            Self::SendMessage => "write to the other libraries of a request, and mark their messages as read",
            Self::Undo => "undo one's own last act",
            Self::Resume => "poll the libraries now, and resume a request whose problem was fixed",
            Self::ReadSetUp => "read the set-up",
            Self::ChangeSetUp => "change and check the set-up",
            Self::ManageKeys => "manage API keys and users",
            Self::OwnAccount => "change one's own password and one-time codes",
            Self::ReadLogs => "read the logs of administrative acts and of reads of patron data",
            Self::PatronData => "export and erase the data of a patron",
            Self::ReadChoices => "read which copies were chosen for a request, and why",
            Self::ReadPolicy => "read the policy for the choice of the supplier",
            Self::ChangePolicy => "change that policy, and try one",
            Self::KeepViews => "keep filters of lists under a name",
            Self::Scan => "scan items",
            Self::SearchCatalogue => "search the shared catalogue",
            Self::Monitor => "read metrics and the details of the hub's health",
        }
    }
}

impl Grant {
    /// Returns whether a role has the permission at any side at all.
    pub fn has_role(&self, role: Role) -> bool {
        role == Role::ConsortiumAdmin
            || [self.borrower, self.lender, self.pickup, self.own].iter().any(|roles| roles.contains(&role))
    }

    /// Returns a sentence that says who has the permission.
    pub fn who(&self) -> String {
        let named = |roles: &[Role]| roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
        let mut who = vec![Role::ConsortiumAdmin.name().to_owned()];
        for (roles, at) in [
            (self.borrower, " of the patron's agency"),
            (self.lender, " of the lender's agency"),
            (self.pickup, " of the pickup agency"),
            (self.own, if self.scope == Scope::Hub { "" } else { " for what is its own" }),
        ] {
            if !roles.is_empty() {
                who.push(format!("{}{at}", named(roles)));
            }
        }
        who.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_but_the_open_one_has_one_row() {
        for grant in GRANTS {
            assert_eq!(GRANTS.iter().filter(|other| other.permission == grant.permission).count(), 1, "{grant:?}");
            assert!(!grant.permission.describe().is_empty());
        }
        assert!(Permission::Open.grant().is_none());
    }
}
