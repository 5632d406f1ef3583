//! The caller of an operation, and the decision about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use lending::AgencyCode;

use crate::permission::{Grant, Permission, Scope};
use crate::role::Role;

/// A side at which an agency stands in a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The patron's agency.
    Borrower,
    /// The agency that supplies the item.
    Lender,
    /// The agency of the pickup location.
    Pickup,
}

/// The sides at which a caller stands in a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sides {
    borrower: bool,
    lender: bool,
    pickup: bool,
}

impl Sides {
    /// Adds a side.
    #[must_use]
    pub const fn with(self, side: Side) -> Self {
        match side {
            Side::Borrower => Self { borrower: true, ..self },
            Side::Lender => Self { lender: true, ..self },
            Side::Pickup => Self { pickup: true, ..self },
        }
    }

    /// Returns whether the caller stands at this side.
    pub const fn contains(self, side: Side) -> bool {
        match side {
            Side::Borrower => self.borrower,
            Side::Lender => self.lender,
            Side::Pickup => self.pickup,
        }
    }
}

/// The decision about an act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The caller may do it.
    Allowed,
    /// The caller knows of the object and may not do this to it.
    Denied(Denial),
    /// The object is another agency's: the caller must not learn that it exists.
    Hidden,
}

/// The reason why a caller may not do something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Denial {
    /// A stable code.
    pub code: &'static str,
    /// A sentence that says who may.
    pub detail: String,
}

/// The data of a patron that a caller sees at a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatronData {
    /// None.
    Hidden,
    /// The pickup code alone, which names nobody.
    PickupCode,
    /// The data that the patron's library shows to a pickup library.
    ShownAtPickup,
    /// The identifier with which the request was placed, and whatever else the hub knows.
    Full,
}

/// The caller of an operation: a key or a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    name: Arc<str>,
    role: Role,
    agencies: BTreeSet<AgencyCode>,
}

impl Caller {
    /// Creates a caller. A role that stands for no agency keeps none.
    pub fn new(name: impl Into<Arc<str>>, role: Role, agencies: impl IntoIterator<Item = AgencyCode>) -> Self {
        let agencies = if role.has_agencies() { agencies.into_iter().collect() } else { BTreeSet::new() };
        Self { name: name.into(), role, agencies }
    }

    /// Returns the name that timelines and logs show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the role.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Returns the agencies for which the caller stands.
    pub const fn agencies(&self) -> &BTreeSet<AgencyCode> {
        &self.agencies
    }

    /// Returns whether the caller sees and does everything at every agency.
    pub fn is_consortium_admin(&self) -> bool {
        self.role == Role::ConsortiumAdmin
    }

    /// Returns whether an agency is the caller's own. Every agency is the consortium admin's.
    pub fn owns(&self, agency: &AgencyCode) -> bool {
        self.is_consortium_admin() || self.agencies.contains(agency)
    }

    /// Decides by the role alone, before the object is known.
    ///
    /// # Errors
    ///
    /// Fails if no side would give the role this permission.
    pub fn may_ever(&self, permission: Permission) -> Result<(), Denial> {
        match permission.grant() {
            Some(grant) if !grant.has_role(self.role) => Err(denial("ROLE_NOT_ALLOWED", self.role, grant)),
            _ => Ok(()),
        }
    }

    /// Returns the sides at which the caller stands, from the agencies at each side of a request.
    pub fn sides<'a>(
        &self,
        borrower: &'a AgencyCode,
        lender: impl IntoIterator<Item = &'a AgencyCode>,
        pickup: impl IntoIterator<Item = &'a AgencyCode>,
    ) -> Sides {
        let owns = |agency: &AgencyCode| self.agencies.contains(agency);
        Sides { borrower: owns(borrower), lender: lender.into_iter().any(owns), pickup: pickup.into_iter().any(owns) }
    }

    /// Decides about a request at which the caller stands on `sides`.
    pub fn at_request(&self, permission: Permission, sides: Sides) -> Verdict {
        if self.is_consortium_admin() {
            return Verdict::Allowed;
        }
        if let Err(denial) = self.may_ever(permission) {
            return Verdict::Denied(denial);
        }
        let Some(grant) = permission.grant() else { return Verdict::Allowed };
        if has(Permission::ReadRequests.grant(), self.role, sides) {
            if has(Some(grant), self.role, sides) {
                Verdict::Allowed
            } else {
                Verdict::Denied(denial("SIDE_NOT_ALLOWED", self.role, grant))
            }
        } else {
            Verdict::Hidden
        }
    }

    /// Decides about an object of one agency.
    pub fn at_agency(&self, permission: Permission, agency: &AgencyCode) -> Verdict {
        match self.may_ever(permission) {
            Err(denial) => Verdict::Denied(denial),
            Ok(()) if self.owns(agency) => Verdict::Allowed,
            Ok(()) => Verdict::Hidden,
        }
    }

    /// Decides about an institution with these agencies. To read it, one of them must be the caller's. To change it, all
    /// must be: a change of a shared system concerns every agency that uses it.
    pub fn at_institution<'a>(
        &self,
        permission: Permission,
        agencies: impl IntoIterator<Item = &'a AgencyCode>,
    ) -> Verdict {
        if let Err(denial) = self.may_ever(permission) {
            return Verdict::Denied(denial);
        }
        if self.is_consortium_admin() {
            return Verdict::Allowed;
        }
        let (own, others): (Vec<_>, Vec<_>) = agencies.into_iter().partition(|agency| self.owns(agency));
        match (own.is_empty(), others.is_empty() || permission == Permission::ReadSetUp) {
            (true, _) => Verdict::Hidden,
            (false, true) => Verdict::Allowed,
            (false, false) => Verdict::Denied(Denial {
                code: "SHARED_INSTITUTION",
                detail: "Several agencies use this institution's system, and not all of them are yours. Only the \
                         consortium-admin, or a library-admin of all of them, may do this."
                    .to_owned(),
            }),
        }
    }

    /// Decides about reading requests with or without the name of a patron. A discovery system sees the requests of a patron
    /// whom it names. A caller that sees no patron names none either: an answer would say whose request it is.
    ///
    /// # Errors
    ///
    /// Fails if the caller must name a patron and doesn't, or may not and does.
    pub fn may_list(&self, names_patron: bool) -> Result<(), Denial> {
        if matches!(self.role, Role::ReadOnly | Role::Monitoring) && names_patron {
            return Err(Denial {
                code: "PATRON_NOT_SHOWN",
                detail: format!("A key with the role {} sees no patrons, so it can't search for one.", self.role),
            });
        }
        if self.role == Role::Discovery && !names_patron {
            return Err(Denial {
                code: "PATRON_NOT_NAMED",
                detail: "A key with the role discovery reads the requests of a patron whom it names; send `patron`."
                    .to_owned(),
            });
        }
        Ok(())
    }

    /// Returns the patron's data that the caller sees. `has_reason` is whether a consortium admin gave a reason, and
    /// `names_patron` whether the call itself names the request's patron.
    pub fn patron_data(&self, sides: Sides, has_reason: bool, names_patron: bool) -> PatronData {
        match self.role {
            Role::ConsortiumAdmin if has_reason => PatronData::Full,
            Role::ConsortiumAdmin => PatronData::PickupCode,
            Role::LibraryAdmin | Role::LibraryStaff if sides.contains(Side::Borrower) => PatronData::Full,
            Role::LibraryAdmin | Role::LibraryStaff if sides.contains(Side::Pickup) => PatronData::ShownAtPickup,
            Role::Discovery if names_patron && sides.contains(Side::Borrower) => PatronData::Full,
            Role::LibraryAdmin | Role::LibraryStaff | Role::ReadOnly | Role::Discovery | Role::Monitoring => {
                PatronData::Hidden
            }
        }
    }

    /// Returns whether the caller may manage a key or user of this role and these agencies: nobody gives more than they
    /// have.
    pub fn may_give(&self, role: Role, agencies: &BTreeSet<AgencyCode>) -> bool {
        self.is_consortium_admin()
            || self.role == Role::LibraryAdmin
                && role.has_agencies()
                && !agencies.is_empty()
                && agencies.is_subset(&self.agencies)
    }
}

/// Returns whether a role has a permission at one of these sides.
fn has(grant: Option<&Grant>, role: Role, sides: Sides) -> bool {
    grant.is_some_and(|grant| {
        let at = [(Side::Borrower, grant.borrower), (Side::Lender, grant.lender), (Side::Pickup, grant.pickup)];
        at.iter().any(|(side, roles)| sides.contains(*side) && roles.contains(&role))
    })
}

fn denial(code: &'static str, role: Role, grant: &Grant) -> Denial {
    let at = if grant.scope == Scope::Request { "at this side of the request" } else { "here" };
    let detail = format!("The role {role} may not {} {at}. Who may: {}.", grant.permission.describe(), grant.who());
    Denial { code, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BORROWER: Sides = Sides { borrower: true, lender: false, pickup: false };
    const LENDER: Sides = Sides { borrower: false, lender: true, pickup: false };
    const PICKUP: Sides = Sides { borrower: false, lender: false, pickup: true };

    fn caller(role: Role) -> Caller {
        Caller::new("a-key", role, ["NORTH".into(), "EAST".into()])
    }

    #[test]
    fn act_at_the_wrong_side_is_denied_with_who_may_and_without_a_side_it_is_hidden() {
        let staff = caller(Role::LibraryStaff);
        assert_eq!(staff.at_request(Permission::SettleLoss, LENDER), Verdict::Allowed);
        let Verdict::Denied(denial) = staff.at_request(Permission::SettleLoss, BORROWER) else { panic!("denied") };
        assert_eq!(denial.code, "SIDE_NOT_ALLOWED");
        assert!(denial.detail.contains("library-staff of the lender's agency"), "{}", denial.detail);
        assert_eq!(staff.at_request(Permission::SettleLoss, Sides::default()), Verdict::Hidden);
    }

    #[test]
    fn discovery_system_stands_only_for_the_patrons_agency() {
        let discovery = caller(Role::Discovery);
        assert_eq!(discovery.at_request(Permission::Cancel, BORROWER), Verdict::Allowed);
        assert_eq!(discovery.at_request(Permission::Cancel, LENDER), Verdict::Hidden);
        assert!(matches!(discovery.at_request(Permission::End, BORROWER), Verdict::Denied(_)));
        assert!(discovery.may_list(false).is_err() && discovery.may_list(true).is_ok());
        assert!(caller(Role::ReadOnly).may_list(true).is_err() && caller(Role::ReadOnly).may_list(false).is_ok());
    }

    #[test]
    fn patron_is_shown_by_role_and_side() {
        let staff = caller(Role::LibraryStaff);
        assert_eq!(staff.patron_data(BORROWER, false, false), PatronData::Full);
        assert_eq!(staff.patron_data(PICKUP, true, true), PatronData::ShownAtPickup);
        assert_eq!(staff.patron_data(LENDER, true, true), PatronData::Hidden);
        let admin = caller(Role::ConsortiumAdmin);
        assert_eq!(admin.patron_data(Sides::default(), false, true), PatronData::PickupCode);
        assert_eq!(admin.patron_data(Sides::default(), true, false), PatronData::Full);
        assert_eq!(caller(Role::Discovery).patron_data(BORROWER, true, false), PatronData::Hidden);
        assert_eq!(caller(Role::Discovery).patron_data(BORROWER, false, true), PatronData::Full);
        for role in [Role::ReadOnly, Role::Monitoring] {
            assert_eq!(caller(role).patron_data(BORROWER, true, true), PatronData::Hidden, "{role}");
        }
    }

    #[test]
    fn shared_institution_is_changed_only_by_an_admin_of_all_its_agencies() {
        let admin = caller(Role::LibraryAdmin);
        let (own, shared): ([AgencyCode; 2], [AgencyCode; 2]) =
            (["NORTH".into(), "EAST".into()], ["NORTH".into(), "WEST".into()]);
        assert_eq!(admin.at_institution(Permission::ChangeSetUp, &own), Verdict::Allowed);
        assert_eq!(admin.at_institution(Permission::ReadSetUp, &shared), Verdict::Allowed);
        assert!(matches!(admin.at_institution(Permission::ChangeSetUp, &shared), Verdict::Denied(_)));
        assert_eq!(admin.at_institution(Permission::ReadSetUp, &[]), Verdict::Hidden);
    }

    #[test]
    fn nobody_gives_more_than_they_have() {
        let admin = caller(Role::LibraryAdmin);
        let of = |codes: &[&str]| codes.iter().map(|code| AgencyCode::from(*code)).collect::<BTreeSet<_>>();
        assert!(admin.may_give(Role::LibraryAdmin, &of(&["NORTH"])));
        assert!(!admin.may_give(Role::LibraryStaff, &of(&["NORTH", "WEST"])));
        assert!(!admin.may_give(Role::LibraryStaff, &of(&[])));
        assert!(!admin.may_give(Role::ConsortiumAdmin, &of(&[])) && !admin.may_give(Role::Monitoring, &of(&["NORTH"])));
        assert!(!caller(Role::LibraryStaff).may_give(Role::LibraryStaff, &of(&["NORTH"])));
        assert!(caller(Role::ConsortiumAdmin).may_give(Role::ConsortiumAdmin, &of(&[])));
    }
}
