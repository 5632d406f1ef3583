//! The roles of callers.

use std::fmt;
use std::str::FromStr;

/// The role of a key or a user.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Runs the consortium: everything, at every agency.
    ConsortiumAdmin,
    /// Runs a library: staff, set-up, keys and users of its agencies.
    LibraryAdmin,
    /// Works at a library's desk.
    LibraryStaff,
    /// Reads, and changes nothing.
    ReadOnly,
    /// A discovery system, which acts for patrons of its agencies.
    Discovery,
    /// A monitoring system.
    Monitoring,
}

impl Role {
    /// All roles, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::ConsortiumAdmin,
        Self::LibraryAdmin,
        Self::LibraryStaff,
        Self::ReadOnly,
        Self::Discovery,
        Self::Monitoring,
    ];

    /// Returns its name in the API, in settings and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsortiumAdmin => "consortium-admin",
            Self::LibraryAdmin => "library-admin",
            Self::LibraryStaff => "library-staff",
            Self::ReadOnly => "read-only",
            Self::Discovery => "discovery",
            Self::Monitoring => "monitoring",
        }
    }

    /// Returns its description for people.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::ConsortiumAdmin => "runs the consortium: everything, at every agency",
            Self::LibraryAdmin => "runs a library: as staff, and its set-up, keys and users",
            Self::LibraryStaff => "works at a library's desk",
            Self::ReadOnly => "reads requests and set-up, and changes nothing",
            Self::Discovery => "a discovery system: places and cancels for patrons of its agencies",
            Self::Monitoring => "a monitoring system: `/metrics` and the details of `/health`",
        }
    }

    /// Returns whether a caller of this role stands for certain agencies. The other roles stand for none.
    pub const fn has_agencies(self) -> bool {
        match self {
            Self::LibraryAdmin | Self::LibraryStaff | Self::ReadOnly | Self::Discovery => true,
            Self::ConsortiumAdmin | Self::Monitoring => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no role.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownRole;

impl fmt::Display for UnknownRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no such role; the roles are {}", Role::ALL.map(Role::name).join(", "))
    }
}

impl std::error::Error for UnknownRole {}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.name() == text.trim()).ok_or(UnknownRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_by_its_name_and_others_are_refused_with_the_names() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        let refused = "admin".parse::<Role>().unwrap_err().to_string();
        assert!(Role::ALL.iter().all(|role| refused.contains(role.name())), "{refused}");
    }
}
