//! Writes the record of one institution as MARCXML.

use std::io::Write as _;

use rand::Rng;
use rand::rngs::StdRng;

use crate::edition::{Edition, Format, Vocabulary};

/// A record that is being written.
struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'&' => self.0.extend_from_slice(b"&amp;"),
                b'<' => self.0.extend_from_slice(b"&lt;"),
                b'>' => self.0.extend_from_slice(b"&gt;"),
                other => self.0.push(other),
            }
        }
    }

    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn control(&mut self, tag: &str, text: &str) {
        self.raw("<controlfield tag=\"");
        self.raw(tag);
        self.raw("\">");
        self.text(text);
        self.raw("</controlfield>");
    }

    fn data(&mut self, tag: &str, indicators: [char; 2], subfields: &[(char, &str)]) {
        let _ = write!(self.0, "<datafield tag=\"{tag}\" ind1=\"{}\" ind2=\"{}\">", indicators[0], indicators[1]);
        for (code, value) in subfields {
            let _ = write!(self.0, "<subfield code=\"{code}\">");
            self.text(value);
            self.raw("</subfield>");
        }
        self.raw("</datafield>");
    }
}

/// The parts of a record that belong to its institution.
pub(crate) struct Local<'a> {
    pub(crate) index: u64,
    pub(crate) control_number: &'a str,
    pub(crate) version: u32,
    pub(crate) institution: u32,
}

/// Writes a record. `rng` decides how this institution catalogued the edition.
pub(crate) fn write(out: &mut Vec<u8>, edition: &Edition, local: &Local<'_>, words: &Vocabulary, rng: &mut StdRng) {
    let mut writer = Writer(out);
    writer.raw("<record xmlns=\"http://www.loc.gov/MARC21/slim\"><leader>");
    writer.raw(match edition.format {
        Format::Book | Format::Ebook => "00000cam a2200000 i 4500",
        Format::Journal => "00000cas a2200000 a 4500",
        Format::Video => "00000cgm a2200000 i 4500",
        Format::Audio => "00000cjm a2200000 i 4500",
        Format::Score => "00000ccm a2200000 i 4500",
        Format::Map => "00000cem a2200000 i 4500",
    });
    writer.raw("</leader>");
    control_fields(&mut writer, edition, local);
    numbers(&mut writer, edition, local, rng);
    description(&mut writer, edition, rng);
    notes(&mut writer, edition, local, words, rng);
    copies(&mut writer, edition, local, rng);
    writer.raw("</record>");
}

fn control_fields(writer: &mut Writer<'_>, edition: &Edition, local: &Local<'_>) {
    writer.control("001", local.control_number);
    writer.control("005", &format!("202401{:02}120000.0", 1 + local.version % 28));
    match edition.format {
        Format::Ebook => {
            writer.control("006", "m     o  d        ");
            writer.control("007", "cr |||||||||||");
        }
        Format::Video => writer.control("007", "vd cvaizq"),
        Format::Audio => writer.control("007", "sd fsngnnmmned"),
        _ => {}
    }
    let form = if edition.format == Format::Ebook { 'o' } else { ' ' };
    let year = edition.year;
    writer.control(
        "008",
        &match edition.format {
            Format::Journal => format!("900101c{year}9999xx qr p       0    0{} d", edition.language),
            _ => format!("900101s{year}    xx     {form}     000 0 {} d", edition.language),
        },
    );
}

fn numbers(writer: &mut Writer<'_>, edition: &Edition, local: &Local<'_>, rng: &mut StdRng) {
    if edition.format == Format::Journal {
        if let Some(issn) = edition.issn() {
            writer.data("022", ['0', ' '], &[('a', &issn)]);
        }
    } else if let (Some(long), Some(short)) = (edition.isbn13(), edition.isbn10()) {
        match rng.random_range(0..10) {
            0..5 => writer.data("020", [' ', ' '], &[('a', &long), ('q', "hardback")]),
            5..7 => writer.data("020", [' ', ' '], &[('a', &short)]),
            7 => writer.data("020", [' ', ' '], &[('a', &format!("{short} (pbk.) :")), ('c', "$25.00")]),
            8 => {
                let hyphens =
                    format!("{}-{}-{}-{}-{}", &long[..3], &long[3..4], &long[4..8], &long[8..12], &long[12..]);
                writer.data("020", [' ', ' '], &[('a', &hyphens)]);
            }
            _ => {}
        }
    }
    if let Some(oclc) = edition.oclc.filter(|_| rng.random_range(0..10) < 8) {
        writer.data("035", [' ', ' '], &[('a', &format!("(OCoLC){oclc:08}"))]);
    }
    writer.data("035", [' ', ' '], &[('a', &format!("(LOCAL{}){}", local.institution, local.index))]);
    writer.data("040", [' ', ' '], &[('a', "XXX"), ('b', "eng"), ('e', "rda"), ('c', "XXX")]);
    writer.data("041", ['0', ' '], &[('a', edition.language)]);
    let class = format!("{:03}.{}", rng.random_range(0..1000), rng.random_range(0..99));
    writer.data("082", ['0', '4'], &[('a', &class), ('2', "23")]);
}

fn description(writer: &mut Writer<'_>, edition: &Edition, rng: &mut StdRng) {
    let author = format!("{}, {},", edition.surname, edition.forename);
    let life = format!("{}-", edition.born);
    match rng.random_range(0..4) {
        0 => writer.data("100", ['1', ' '], &[('a', &author)]),
        _ => writer.data("100", ['1', ' '], &[('a', &author), ('d', &life), ('e', "author.")]),
    }
    let by = format!("{} {}", edition.forename, edition.surname);
    let volume = edition
        .volume
        .map(|volume| if rng.random_range(0..2) == 0 { format!("Vol. {volume}") } else { format!("{volume}") });
    let is_short = edition.subtitle.is_empty();
    let title = match rng.random_range(0..8) {
        0 => edition.title.to_uppercase(),
        1 => edition.title.clone(),
        _ => format!("{} {}", edition.title, if is_short { "/" } else { ":" }),
    };
    let mut subfields = vec![('a', title.as_str())];
    let subtitle = format!("{} /", edition.subtitle);
    if !is_short && rng.random_range(0..10) > 0 {
        subfields.push(('b', &subtitle));
    }
    if let Some(volume) = &volume {
        subfields.push(('n', volume));
    }
    subfields.push(('c', &by));
    let link = [('6', "880-01")];
    if edition.original.is_some() {
        subfields.splice(0..0, link);
    }
    writer.data("245", ['1', '0'], &subfields);
    if edition.number > 1 {
        let number = edition.number;
        let text = match rng.random_range(0..3) {
            0 => format!("{number}. ed."),
            1 => format!("{number}th edition."),
            _ => format!("{number}. Auflage"),
        };
        writer.data("250", [' ', ' '], &[('a', &text)]);
    }
    let place = format!("{} :", edition.place);
    let publisher = if rng.random_range(0..6) == 0 {
        edition.publisher.split(' ').next().unwrap_or_default().to_owned() + ","
    } else {
        format!("{},", edition.publisher)
    };
    let year = match rng.random_range(0..4) {
        0 => format!("©{}.", edition.year),
        1 => format!("[{}]", edition.year),
        _ => format!("{}.", edition.year),
    };
    let imprint = [('a', place.as_str()), ('b', publisher.as_str()), ('c', year.as_str())];
    if rng.random_range(0..3) == 0 {
        writer.data("260", [' ', ' '], &imprint);
    } else {
        writer.data("264", [' ', '1'], &imprint);
    }
    let pages = edition.pages + rng.random_range(0..3);
    let pages = if edition.format == Format::Ebook {
        format!("1 online resource ({pages} pages)")
    } else {
        format!("{pages} p. :")
    };
    writer.data("300", [' ', ' '], &[('a', &pages), ('b', "ill. ;"), ('c', "24 cm.")]);
}

fn notes(writer: &mut Writer<'_>, edition: &Edition, local: &Local<'_>, words: &Vocabulary, rng: &mut StdRng) {
    writer.data("336", [' ', ' '], &[('a', "text"), ('b', "txt"), ('2', "rdacontent")]);
    if local.version > 0 {
        writer.data("500", [' ', ' '], &[('a', &format!("Revised record, version {}.", local.version))]);
    }
    let length = rng.random_range(8..30);
    writer.data("520", [' ', ' '], &[('a', &(words.title.phrase(rng, length) + "."))]);
    for subject in &edition.subjects {
        writer.data("650", [' ', '0'], &[('a', subject), ('x', "History."), ('0', "http://id.example.org/subjects/1")]);
    }
    let second = format!("{}, {},", edition.forename, edition.surname);
    writer.data("700", ['1', ' '], &[('a', &second), ('e', "editor.")]);
    if let Some((original, script)) = &edition.original {
        let direction = if *script == "(3" { "/r" } else { "" };
        writer.data("880", ['1', '0'], &[('6', &format!("245-01/{script}{direction}")), ('a', original)]);
    }
}

/// Holdings in 852 and items in ITM, as a publishing profile adds them.
fn copies(writer: &mut Writer<'_>, edition: &Edition, local: &Local<'_>, rng: &mut StdRng) {
    if edition.format == Format::Ebook {
        return;
    }
    let holding = format!("22{:012}", local.index);
    let shelf = format!("{}.{} {}", rng.random_range(100..999), rng.random_range(1..99), &edition.surname);
    writer.data("852", ['0', '1'], &[('8', &holding), ('b', "MAIN"), ('c', "stacks"), ('h', &shelf)]);
    for copy in 0..1 + u32::from(rng.random_range(0..4) == 0) {
        let item = format!("23{:011}{copy}", local.index);
        let barcode = format!("{}{:010}{copy}", local.institution, local.index);
        writer.data(
            "ITM",
            [' ', ' '],
            &[
                ('a', &barcode),
                ('b', "MAIN"),
                ('c', "stacks"),
                ('h', &holding),
                ('i', &item),
                ('m', "BOOK"),
                ('d', "2022-10-14 11:22:45 Europe/Berlin"),
            ],
        );
    }
}
