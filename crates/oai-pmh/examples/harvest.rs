//! Lists the records of a repository, one line for each: `harvest URL PREFIX [--from TIME] [--until TIME] [--set SET]
//! [--headers] [--identify] [--sets] [--formats] [--record IDENTIFIER]`.
//!
//! The columns are identifier, datestamp, `deleted` or the number of bytes, and sets. Everything else goes to standard
//! error.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;

use jiff::Timestamp;
use oai_pmh::{Client, Event, Record, Selection, parse_datestamp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: harvest URL PREFIX [OPTION...]")?;
    let client = Client::builder(url).build()?;
    let mut selection = Selection {
        metadata_prefix: arguments.next().ok_or("the metadata prefix is missing")?,
        ..Selection::default()
    };
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{option} needs a value"));
        match option.as_str() {
            "--from" => selection.from = Some(time(&value()?)?),
            "--until" => selection.until = Some(time(&value()?)?),
            "--set" => selection.set = Some(value()?),
            "--headers" => selection.headers_only = true,
            "--identify" => return identify(&client).await,
            "--sets" => {
                for set in client.sets().await? {
                    println!("{}\t{}", set.spec, set.name);
                }
                return Ok(());
            }
            "--formats" => {
                for format in client.metadata_formats(None).await? {
                    println!("{}\t{}\t{}", format.prefix, format.schema, format.namespace);
                }
                return Ok(());
            }
            "--record" => {
                match client.record(&value()?, &selection.metadata_prefix).await? {
                    Some(record) => print(&record),
                    None => println!("unknown"),
                }
                return Ok(());
            }
            _ => return Err(format!("unknown option {option}").into()),
        }
    }
    harvest(&client, selection).await
}

fn time(text: &str) -> Result<Timestamp, String> {
    parse_datestamp(text).ok_or(format!("{text} is not a datestamp"))
}

async fn identify(client: &Client) -> Result<(), Box<dyn Error>> {
    let repository = client.identify().await?;
    println!("{}\t{:?}\t{:?}", repository.name, repository.granularity, repository.deleted_records);
    Ok(())
}

async fn harvest(client: &Client, selection: Selection) -> Result<(), Box<dyn Error>> {
    let mut harvest = client.harvest(selection);
    while let Some(event) = harvest.next().await? {
        match event {
            Event::Record(record) => print(&record),
            Event::SetAside(place) => eprintln!("set aside at byte {}: {}", place.offset, place.fault),
            Event::Page(checkpoint) => {
                eprintln!(
                    "page {}: {} records, complete: {}",
                    checkpoint.pages, checkpoint.records, checkpoint.complete
                );
            }
            Event::Retrying { wait, reason } => eprintln!("{reason}; next try in {wait:?}"),
            Event::Restarted { from, text } => eprintln!("begins anew at {from:?}: {text}"),
        }
    }
    Ok(())
}

fn print(record: &Record) {
    let size = match (&record.metadata, record.deleted) {
        (_, true) => "deleted".to_owned(),
        (Some(metadata), _) => metadata.len().to_string(),
        (None, _) => "-".to_owned(),
    };
    let stamp = record.datestamp.map(|at| at.to_string()).unwrap_or_default();
    println!("{}\t{stamp}\t{size}\t{}", record.identifier, record.sets.join(","));
}
