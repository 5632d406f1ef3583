//! The fuzz target for answers of OAI-PMH servers.

use oai_pmh::{Item, Limits, Page, PageError, PageReader};

/// Limits that small inputs reach.
const SMALL: Limits = Limits { page_bytes: 1 << 20, record_bytes: 600, depth: 8, attributes: 4, sets: 3, entries: 100 };

/// A page of any OAI-PMH answer. It reads the same in pieces of any size, and every record that is handed over has an
/// identifier and metadata in UTF-8.
pub fn oai_page(data: &[u8]) {
    let whole = read(data, data.len());
    assert_eq!(read(data, 7), whole, "it reads otherwise in small pieces");
    // What exceeds a limit depends on how much has arrived, so only the end is certain.
    let (items, _) = read_with(data, 11, SMALL);
    items.iter().for_each(holds);
}

fn read(data: &[u8], pieces: usize) -> (Vec<Item>, Result<Page, PageError>) {
    let found = read_with(data, pieces, Limits::default());
    found.0.iter().for_each(holds);
    found
}

fn read_with(data: &[u8], pieces: usize, limits: Limits) -> (Vec<Item>, Result<Page, PageError>) {
    let mut reader = PageReader::new(limits);
    let mut items = Vec::new();
    for piece in data.chunks(pieces.max(1)) {
        if let Err(error) = reader.feed(piece).and_then(|()| drain(&mut reader, &mut items)) {
            return (items, Err(error));
        }
    }
    reader.end();
    match drain(&mut reader, &mut items) {
        Ok(()) => (items, Ok(reader.into_page())),
        Err(error) => (items, Err(error)),
    }
}

fn drain(reader: &mut PageReader, items: &mut Vec<Item>) -> Result<(), PageError> {
    while let Some(item) = reader.next()? {
        items.push(item);
    }
    Ok(())
}

fn holds(item: &Item) {
    match item {
        Item::Record(record) => {
            assert!(!record.identifier.is_empty());
            if let Some(metadata) = &record.metadata {
                let text = std::str::from_utf8(metadata).expect("the metadata isn't UTF-8");
                assert!(text.starts_with('<') && text.ends_with('>'), "{text}");
            }
        }
        Item::SetAside(place) => assert!(!place.fault.to_string().is_empty()),
        Item::Entry(_) => {}
    }
}
