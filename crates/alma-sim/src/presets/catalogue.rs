//! The titles of the preset: real records from the repository's data folder, and titles that are hard to spell.

use super::barcode;
use crate::institution::Institution;
use crate::seed::{Bib, Holding, Item};

const EXCHANGE_FILES: &[&[u8]] = &[
    include_bytes!("../../../../data/marc/marc.dat"),
    include_bytes!("../../../../data/marc/multi_isbn.dat"),
    include_bytes!("../../../../data/marc/diacritic.dat"),
    include_bytes!("../../../../data/marc/marc8.dat"),
    include_bytes!("../../../../data/marc/regression45.dat"),
    include_bytes!("../../../../data/marc/utf8_errors.dat"),
];

const XML_FILES: &[&str] =
    &[include_str!("../../../../data/marc/batch.xml"), include_str!("../../../../data/marc/utf8.xml")];

/// The records that have a title, each once, as MARCXML without namespace.
pub fn real_records() -> Vec<String> {
    let exchange = EXCHANGE_FILES.iter().flat_map(|bytes| marc::iso2709::read_all(bytes));
    let xml = XML_FILES.iter().flat_map(|text| marc::marcxml::read_all(text));
    let mut seen = std::collections::HashSet::new();
    exchange
        .chain(xml)
        .flatten()
        .filter(|read| read.record.title().is_some_and(|title| seen.insert((title, read.record.isbns()))))
        .map(|read| marc::marcxml::write(&read.record, marc::marcxml::Namespace::None).content)
        .collect()
}

fn awkward_titles() -> Vec<Bib> {
    vec![
        Bib::new("Cats & dogs : \"a < b\" and other <signs>").author("O'Brien, Zoë").isbn("9780000000019"),
        Bib::new("Война и мир").author("Толстой, Лев").published("Москва", "Наука", "1987"),
        Bib::new("紅樓夢").author("曹雪芹").isbn("9787020002207").published("北京", "人民文学出版社", "1982"),
        Bib::new("كتاب ألف ليلة وليلة").published("بيروت", "دار صادر", "1999"),
    ]
}

pub(super) fn with_titles(mut institution: Institution) -> Institution {
    let code = institution.code.clone();
    let real = real_records().into_iter().filter_map(|xml| Bib::from_marcxml(&xml).ok());
    for (at, bib) in awkward_titles().into_iter().chain(real).enumerate() {
        let number = at + 1;
        let copy = Item::new(&barcode(&code, 'M', number));
        let call_number = format!("QA{} .D{number}", 10 + number);
        let mut bib = bib.holding(Holding::new("MAIN", "stacks").call_number(&call_number).item(copy));
        if number % 3 == 0 {
            let copy = Item::new(&barcode(&code, 'B', number));
            bib = bib.holding(Holding::new("BRANCH", "brstacks").call_number(&call_number).item(copy));
        }
        institution = institution.bib(bib);
    }
    institution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_records_of_the_repository_are_read() {
        let records = real_records();
        assert!(records.len() >= 20, "{}", records.len());
        assert!(records.iter().all(|xml| Bib::from_marcxml(xml).is_ok()));
    }
}
