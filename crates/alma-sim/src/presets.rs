//! Institutions to begin with.

use marc::marcxml::{self, Namespace};

use crate::institution::{Bib, CodeTable, Desk, Holding, Institution, Item, Library, Location, User};

/// The one desk of each library of a preset.
pub const DESK: &str = "DEFAULT_CIRC_DESK";

/// The code tables every institution has.
pub(crate) fn code_tables() -> Vec<CodeTable> {
    vec![
        CodeTable::new(
            "UserGroups",
            "User Groups",
            &[("UNDRGRD", "Undergraduate"), ("FACULTY", "Faculty"), ("DCB", "Consortial borrower")],
        ),
        CodeTable::new("PhysicalMaterialType", "Material types", &[("BOOK", "Book"), ("DVD", "DVD")]),
        CodeTable::new("ItemPolicy", "Item policies", &[("4-WEEK", "Four weeks"), ("DCB", "Consortial loan")]),
        CodeTable::new(
            "RequestCancellationReasons",
            "Cancellation reasons",
            &[
                ("CancelledAtPatronRequest", "Cancelled at patron's request"),
                ("CannotBeFulfilled", "Cannot be fulfilled"),
                ("RequestSwitched", "Request switched"),
            ],
        ),
        CodeTable::new("UserIdentifierTypes", "Identifier types", &[("BARCODE", "Barcode"), ("INST_ID", "Institution ID")]),
        CodeTable::new(
            "UserBlockDescription",
            "User blocks",
            &[("02-GLOBAL", "Block all circulation"), ("05", "Unpaid bill")],
        ),
        CodeTable::new(
            "PROCESSTYPE",
            "Process types",
            &[("LOAN", "Loan"), ("TRANSIT", "Transit"), ("HOLDSHELF", "Hold Shelf"), ("MISSING", "Missing")],
        ),
    ]
}

fn library(code: &str, name: &str, location: Location) -> Library {
    Library::new(code).name(name).location(location).desk(Desk::new(DESK).name("Circulation desk"))
}

/// A university with a main library, a branch, a sharing library, a library for virtual items, and users and books
/// to try everything with. Barcodes begin with `prefix`.
pub fn university(code: &str, name: &str, api_key: &str, prefix: &str) -> Institution {
    let institution = Institution::new(code)
        .name(name)
        .api_key(api_key)
        .library(library("MAIN", "Main Library", Location::new("stacks").name("Stacks")))
        .library(library("BRANCH", "Branch Library", Location::new("shelves").name("Shelves")))
        .library(library("SHARING", "Sharing Library", Location::new("outside").name("Outside")))
        .library(library("DCB_LIB", "DCB virtual library", Location::new("dcbvirtual").name("Virtual items").suppressed()))
        .library(Library::new("RES_SHARE").name("Resource Sharing Library").resource_sharing())
        .user(User::new("reader1").name("Sample", "Reader").barcode("29990001").expires("2039-12-31Z"))
        .user(User::new("blocked1").name("Blocked", "Reader").expires("2039-12-31Z").block("05"))
        .user(User::new("expired1").name("Expired", "Reader").expires("2020-01-31Z"))
        .user(User::new("inactive1").name("Inactive", "Reader").status("INACTIVE"));
    books(prefix).into_iter().fold(institution, Institution::bib)
}

fn books(prefix: &str) -> Vec<Bib> {
    let mut bibs = vec![
        Bib::new("Cats & dogs <together> : \"a history\"").author("O'Sample, Ann"),
        Bib::new("Война и мир").author("Толстой, Лев"),
        Bib::new("源氏物語").author("紫式部"),
    ];
    let files: [&[u8]; 2] =
        [include_bytes!("../../../data/marc/marc.dat"), include_bytes!("../../../data/marc/multi_isbn.dat")];
    for read in files.iter().flat_map(|file| marc::iso2709::read_all(file)).flatten() {
        let xml = marcxml::write(&read.record, Namespace::None).content;
        bibs.extend(Bib::from_marcxml(&xml));
    }
    bibs.into_iter()
        .enumerate()
        .map(|(number, bib)| {
            let barcode = format!("{prefix}{:08}", number + 1);
            bib.holding(Holding::new("MAIN", "stacks").call_number("PS1").item(Item::new(&barcode)))
        })
        .collect()
}
