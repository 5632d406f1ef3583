//! What every page has around its content: bar, navigation, and the words and times of the reader.

use std::ops::Deref;

use access::Role;
use messages::Language;

use crate::texts::Texts;
use crate::times::Times;
use crate::visitor::{Libraries, Visitor};

/// The icons, each as an SVG symbol.
pub(crate) const ICONS: &str = include_str!("../assets/icons.svg");

/// A page of the navigation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Item {
    /// The path.
    pub(crate) path: &'static str,
    /// The icon.
    pub(crate) icon: &'static str,
    /// The id of its name.
    pub(crate) name: &'static str,
    /// The roles that see it.
    roles: &'static [Role],
}

/// A group of the navigation.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The id of its name.
    pub(crate) name: &'static str,
    /// Its pages that the reader sees.
    pub(crate) items: Vec<Item>,
}

const STAFF: &[Role] = &[Role::ConsortiumAdmin, Role::LibraryAdmin, Role::LibraryStaff];
const ALL: &[Role] = &[Role::ConsortiumAdmin, Role::LibraryAdmin, Role::LibraryStaff, Role::ReadOnly];

const ADMINS: &[Role] = &[Role::ConsortiumAdmin, Role::LibraryAdmin];

/// The groups of the navigation and their pages, in their order.
const GROUPS: &[(&str, &[Item])] = &[
    (
        "nav-work",
        &[
            Item { path: "/lending", icon: "out", name: "nav-lending", roles: ALL },
            Item { path: "/borrowing", icon: "in", name: "nav-borrowing", roles: ALL },
            Item { path: "/slips", icon: "print", name: "nav-slips", roles: ALL },
            Item { path: "/search", icon: "search", name: "nav-search", roles: STAFF },
            Item { path: "/walk-up", icon: "user", name: "nav-walk-up", roles: STAFF },
        ],
    ),
    (
        "nav-set-up",
        &[
            Item { path: "/institutions", icon: "building", name: "nav-institutions", roles: ADMINS },
            Item { path: "/agencies", icon: "group", name: "nav-agencies", roles: ADMINS },
            Item { path: "/pickup-locations", icon: "pin", name: "nav-locations", roles: ADMINS },
            Item { path: "/mappings", icon: "map", name: "nav-mappings", roles: ADMINS },
            Item { path: "/policy", icon: "rule", name: "nav-policy", roles: ADMINS },
            Item { path: "/harvests", icon: "book", name: "nav-catalogue", roles: ADMINS },
        ],
    ),
    (
        "nav-control",
        &[
            Item { path: "/users", icon: "user", name: "nav-users", roles: ADMINS },
            Item { path: "/keys", icon: "lock", name: "nav-keys", roles: ADMINS },
            Item { path: "/audit", icon: "log", name: "nav-audit", roles: ADMINS },
        ],
    ),
];

/// What a page has around its content. Templates call it `frame`.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) texts: Texts,
    pub(crate) times: Times,
    pub(crate) libraries: Libraries,
    pub(crate) icons: &'static str,
    pub(crate) groups: Vec<Group>,
    /// The path of the navigation's page to which this one belongs.
    pub(crate) current: &'static str,
    /// The name with which the reader signed in.
    pub(crate) user: String,
    /// Whether the reader changes anything.
    pub(crate) acts: bool,
    /// The agencies among which the reader chooses: code, name, whether it is the present one.
    pub(crate) agencies: Vec<(String, String, bool)>,
    /// The name of the present agency; `None` for all.
    pub(crate) agency: Option<String>,
    pub(crate) theme: Option<&'static str>,
    pub(crate) csrf: String,
    pub(crate) path: String,
    /// The languages: tag, name, whether it is the present one.
    pub(crate) languages: Vec<(&'static str, &'static str, bool)>,
}

impl Frame {
    /// Creates the frame of a page that belongs to the page `current` of the navigation.
    pub(crate) fn new(visitor: &Visitor, current: &'static str) -> Self {
        let role = visitor.caller.role();
        let groups = GROUPS.iter().filter_map(|(name, items)| {
            let items: Vec<Item> = items.iter().filter(|item| item.roles.contains(&role)).copied().collect();
            (!items.is_empty()).then_some(Group { name, items })
        });
        let present = visitor.present_agency();
        let is_present = |code| present.is_some_and(|agency| agency.code == code);
        let agencies = visitor
            .agencies
            .iter()
            .map(|agency| (agency.code.to_string(), agency.name.clone(), is_present(agency.code.clone())));
        Self {
            texts: visitor.texts(),
            times: visitor.times.clone(),
            libraries: visitor.libraries.clone(),
            icons: ICONS,
            groups: groups.collect(),
            current,
            user: visitor.caller.name().to_owned(),
            acts: visitor.acts(),
            agencies: agencies.collect(),
            agency: present.map(|agency| agency.name.clone()),
            theme: visitor.taste.theme,
            csrf: visitor.csrf.clone(),
            path: visitor.path.clone(),
            languages: languages(visitor.taste.language),
        }
    }

    /// Returns the tag of the language, for `lang`.
    pub(crate) fn language(&self) -> &'static str {
        self.texts.language.tag()
    }
}

/// Returns the languages of the pages: tag, own name, whether it is the present one.
pub(crate) fn languages(present: Language) -> Vec<(&'static str, &'static str, bool)> {
    let named = |language: Language| match language {
        Language::English => "English",
        Language::German => "Deutsch",
    };
    Language::ALL.into_iter().map(|language| (language.tag(), named(language), language == present)).collect()
}

impl Deref for Frame {
    type Target = Texts;

    fn deref(&self) -> &Texts {
        &self.texts
    }
}
