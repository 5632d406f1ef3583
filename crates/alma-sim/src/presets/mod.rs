//! Ready-made institutions.

mod catalogue;
mod tables;

pub(crate) use tables::code_tables;

use crate::institution::{ApiKey, Desk, Institution, Library, Location, SavedSearch};
use crate::seed::User;

/// The real MARC records that seed the catalogues, as MARCXML without namespace.
pub use catalogue::real_records;

/// The saved search for virtual items in transit: its id as a set.
pub const IN_TRANSIT_SET: &str = "9201000000000001";
/// The saved search for virtual items on the hold shelf: its id as a set.
pub const ON_SHELF_SET: &str = "9201000000000002";

/// Returns a university with all that a consortial loan needs.
///
/// - MAIN and BRANCH, ordinary libraries with a desk and a hold shelf; SHARING, the ordinary library that stands for
///   "outside"; DCB_LIB with location `dcbvirtual`, the virtual library; RES_SHARE, Alma's own resource sharing
///   library, which is never a pickup library.
/// - A role assignment rule, so that new users are patrons.
/// - Saved searches [`IN_TRANSIT_SET`] and [`ON_SHELF_SET`] for the virtual library's items.
/// - Users: `jo.reader` (active, barcode), `sam.student` (an inactive and an active barcode), `nobar.reader` (no
///   barcode), `blocked.reader`, `expired.reader`, `inactive.reader`, `staff.member` (group STAFF).
/// - Titles: real records, and some of awkward spelling; every title has a copy at MAIN, every third one at BRANCH
///   too. Barcodes are `{number}-M001` upwards at MAIN and `{number}-B001` upwards at BRANCH, where `number` is the
///   institution code without its letters after the first underscore; see [`barcode`].
pub fn university(code: &str, api_key: &str) -> Institution {
    catalogue::with_titles(empty_university(code, api_key))
}

/// The same institution without titles.
pub fn empty_university(code: &str, api_key: &str) -> Institution {
    let search = |id: &str, name: &str, process: &str| SavedSearch {
        id: id.parse().unwrap_or_default(),
        name: name.to_owned(),
        library: "DCB_LIB".to_owned(),
        process: process.to_owned(),
    };
    let empty = Institution::new(code)
        .name(&format!("University {code}"))
        .patron_role_rule()
        .key(ApiKey::new(api_key))
        .saved_search(search(IN_TRANSIT_SET, "DCB virtual items in transit", "TRANSIT"))
        .saved_search(search(ON_SHELF_SET, "DCB virtual items on the hold shelf", "HOLDSHELF"))
        .department("CATALOGING", "Cataloguing", "MAIN")
        .oai_set("all", "All titles", &[])
        .oai_set("dcb", "Titles for consortial loan", &["MAIN", "BRANCH"]);
    let furnished = libraries().into_iter().fold(empty, Institution::library);
    people(code).into_iter().fold(furnished, Institution::user)
}

/// The libraries of [`empty_university`].
fn libraries() -> [Library; 5] {
    let desk = || Desk::new("DEFAULT_CIRC_DESK").name("Circulation desk");
    let main = Library::new("MAIN")
        .name("Main Library")
        .location(Location::new("stacks").name("Stacks"))
        .location(Location::new("reserve").name("Course reserve"))
        .desk(desk());
    let branch = Library::new("BRANCH")
        .name("Branch Library")
        .location(Location::new("brstacks").name("Branch stacks"))
        .desk(desk());
    let sharing = Library::new("SHARING")
        .name("Sharing Library")
        .location(Location::new("shstacks").name("Sharing shelf"))
        .desk(desk());
    let hidden = Library::new("DCB_LIB")
        .name("DCB virtual library")
        .location(Location::new("dcbvirtual").name("DCB virtual items").suppressed())
        .desk(desk());
    let borrowing = Library::new("RES_SHARE")
        .name("Resource Sharing Library")
        .resource_sharing()
        .location(Location::new("borrowed").name("Borrowed items"))
        .desk(desk());
    [main, branch, sharing, hidden, borrowing]
}

/// Returns the patrons of [`empty_university`], some of whom may not borrow, and one member of its staff.
fn people(code: &str) -> Vec<User> {
    let inst = code.to_lowercase();
    let card = |number: u32| format!("{}-P{number:03}", barcode_prefix(code));
    vec![
        User::new("jo.reader")
            .name("Jo", "Reader")
            .barcode(&card(1))
            .email(&format!("jo.reader@{inst}.example.org"))
            .password("correct-horse")
            .pin("1234")
            .expires("2039-12-31"),
        User::new("sam.student")
            .name("Sam", "Student")
            .identifier("BARCODE", &card(2), "INACTIVE")
            .barcode(&card(3))
            .password("battery-staple")
            .expires("2039-12-31"),
        User::new("nobar.reader").name("No", "Barcode").expires("2039-12-31").password("no-barcode-1"),
        User::new("blocked.reader").name("Bea", "Blocked").barcode(&card(5)).block("02-GLOBAL").expires("2039-12-31"),
        User::new("expired.reader").name("Ed", "Expired").barcode(&card(6)).expires("2020-01-31"),
        User::new("inactive.reader").name("Ina", "Inactive").barcode(&card(7)).status("INACTIVE"),
        User::new("staff.member").name("Stef", "Staff").group("STAFF").barcode(&card(8)).expires("2039-12-31"),
    ]
}

/// The first word of an institution's code: barcodes of the preset begin with it.
fn barcode_prefix(code: &str) -> &str {
    code.split('_').next().unwrap_or(code)
}

/// Barcode of the preset's `number`-th title, from 1: its copy at MAIN (`'M'`) or BRANCH (`'B'`).
pub fn barcode(code: &str, place: char, number: usize) -> String {
    format!("{}-{place}{number:03}", barcode_prefix(code))
}
