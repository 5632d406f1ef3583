//! Parses MARCXML, next to `yaz-marcdump -i marcxml -o marc` on the same file.
//!
//! The file holds the real records of `data`, repeated. Both programs read it from the disk cache, one after the other in
//! each round, and their processor time is compared: wall-clock time would count what else the machine does.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use marc::marcxml::{self, Namespace};
use marc::{CompactRecord, Record, iso2709};

use crate::Scale;
use crate::verdict::{Verdict, peer, table};

/// The smallest ratio of the rates that is enough, and the one that is the goal.
const TARGET: f64 = 1.0;
const GOAL: f64 = 1.5;
/// The clock ticks of processor time in a second, which Linux fixes for programs.
const TICKS: f64 = 100.0;

pub(crate) fn run(scale: Scale) -> Result<Verdict, String> {
    let (least, rounds) = match scale {
        Scale::Full => (100_000, 5),
        Scale::Quick => (20_000, 3),
    };
    let version = yaz_version()?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = directory.path().join("records.xml");
    let (count, bytes) = write_records(&file, least)?;
    let found = yaz_records(&file)?;
    if found != count {
        return Err(format!("yaz-marcdump read {found} of {count} records"));
    }
    let mut ratios = Vec::new();
    let mut rows = table(&["round", "Consort records/s", "with match keys/s", "yaz-marcdump records/s", "ratio"]);
    let mut rates = (0.0, 0.0);
    for round in 1..=rounds {
        let records = f64::from(count);
        let parsed = records / own_time(|| parse(&file, count, false))?;
        let with_keys = records / own_time(|| parse(&file, count, true))?;
        let yaz = records / yaz_time(&file)?;
        rows.add_row([
            round.to_string(),
            format!("{parsed:.0}"),
            format!("{with_keys:.0}"),
            format!("{yaz:.0}"),
            format!("{:.2}", parsed / yaz),
        ]);
        ratios.push(parsed / yaz);
        rates = (parsed, yaz);
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    Ok(Verdict {
        table: rows,
        notes: vec![
            peer("yaz-marcdump", &version),
            format!(
                "{count} records of {} bytes on average; the rates are by processor time",
                bytes / u64::from(count)
            ),
            format!("the last round: {:.0} against {:.0} records a second", rates.0, rates.1),
        ],
        figure: format!("{ratio:.2} times yaz-marcdump's records a second of processor time, in the median round"),
        target: format!("at least {TARGET:.1}, goal {GOAL:.1}"),
        met: ratio >= TARGET,
    })
}

/// Reads all records of the file, and their match keys if wanted.
fn parse(file: &Path, count: u32, with_keys: bool) -> Result<(), String> {
    let xml = std::fs::read(file).map_err(|error| error.to_string())?;
    let mut records = marcxml::read_all_compact(&xml).map_err(|error| error.to_string())?;
    let mut record = CompactRecord::default();
    let mut read = 0;
    while let Some(result) = records.read(&mut record) {
        result.map_err(|error| error.to_string())?;
        read += 1;
        if with_keys {
            std::hint::black_box((record.match_keys(), record.identifiers(), record.format()));
        }
    }
    if read == count { Ok(()) } else { Err(format!("{read} of {count} records were read")) }
}

/// Writes a collection of at least so many records; returns their number and the file's size.
fn write_records(file: &Path, least: u32) -> Result<(u32, u64), String> {
    let records = real_records()?;
    let once: Vec<String> =
        records.iter().map(|record| indented(&marcxml::write(record, Namespace::None).content)).collect();
    let create = std::fs::File::create(file).map_err(|error| error.to_string())?;
    let mut out = std::io::BufWriter::new(create);
    let mut write = |text: &str| out.write_all(text.as_bytes()).map_err(|error| error.to_string());
    write("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<collection xmlns=\"http://www.loc.gov/MARC21/slim\">\n")?;
    let mut count = 0;
    while count < least {
        for record in &once {
            write(record)?;
            count += 1;
        }
    }
    write("</collection>\n")?;
    out.flush().map_err(|error| error.to_string())?;
    let bytes = file.metadata().map_err(|error| error.to_string())?.len();
    Ok((count, bytes))
}

/// Puts each field on a line of its own, as library systems export them.
fn indented(record: &str) -> String {
    record
        .replace("<leader>", "\n  <leader>")
        .replace("<controlfield", "\n  <controlfield")
        .replace("<datafield", "\n  <datafield")
        .replace("<subfield", "\n    <subfield")
        .replace("</datafield>", "\n  </datafield>")
        .replace("</record>", "\n</record>\n")
}

fn real_records() -> Result<Vec<Record>, String> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    let mut files = vec![data.join("marc/marc.dat"), data.join("marc/diacritic.dat")];
    let listed = std::fs::read_dir(data.join("grouping/records")).map_err(|error| error.to_string())?;
    files.extend(listed.filter_map(|entry| Some(entry.ok()?.path())));
    files.sort();
    let mut records = Vec::new();
    for file in files {
        let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        records.extend(iso2709::read_all(&bytes).flatten().map(|read| read.record));
    }
    Ok(records)
}

fn yaz_version() -> Result<String, String> {
    let output = Command::new("yaz-marcdump").arg("-V").output();
    let output = output.map_err(|error| format!("yaz-marcdump can't be run (package yaz): {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).unwrap_or("?").to_owned())
}

fn yaz(file: &Path, out: Stdio) -> Result<(), String> {
    let mut command = Command::new("yaz-marcdump");
    command.args(["-i", "marcxml", "-o", "marc"]).arg(file).stdout(out).stderr(Stdio::null());
    let status = command.status().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("yaz-marcdump failed: {status}")) }
}

/// Counts the records that yaz-marcdump finds.
fn yaz_records(file: &Path) -> Result<u32, String> {
    let written = file.with_extension("mrc");
    let out = std::fs::File::create(&written).map_err(|error| error.to_string())?;
    yaz(file, out.into())?;
    let bytes = std::fs::read(&written).map_err(|error| error.to_string())?;
    std::fs::remove_file(&written).map_err(|error| error.to_string())?;
    u32::try_from(bytes.iter().filter(|byte| **byte == 0x1D).count()).map_err(|error| error.to_string())
}

fn own_time(run: impl FnOnce() -> Result<(), String>) -> Result<f64, String> {
    let before = processor_seconds(13)?;
    run()?;
    Ok((processor_seconds(13)? - before).max(1.0 / TICKS))
}

fn yaz_time(file: &Path) -> Result<f64, String> {
    let before = processor_seconds(15)?;
    yaz(file, Stdio::null())?;
    Ok((processor_seconds(15)? - before).max(1.0 / TICKS))
}

/// Returns the processor time of this process (from field 13 of its statistics, counted from 0) or of the processes that
/// it has waited for (from field 15), in user mode and in the system.
fn processor_seconds(field: usize) -> Result<f64, String> {
    let text = std::fs::read_to_string("/proc/self/stat").map_err(|error| format!("/proc/self/stat: {error}"))?;
    // The name of the program, in brackets, may contain blanks.
    let after_name = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: Vec<f64> =
        after_name.split(' ').skip(field - 2).take(2).filter_map(|ticks| ticks.parse().ok()).collect();
    if ticks.len() == 2 {
        Ok(ticks.iter().sum::<f64>() / TICKS)
    } else {
        Err("/proc/self/stat has another form".to_owned())
    }
}
