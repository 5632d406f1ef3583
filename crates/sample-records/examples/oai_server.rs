//! Publishes a corpus by OAI-PMH: `oai_server RECORDS [SEED [PORT [PAGE_SIZE]]]`. Prints the base URL, and a line for each new generation,
//! which an empty line on standard input begins; ends with standard input.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::sync::Arc;

use sample_records::{Corpus, Faults, Options, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let number = |at: usize, default: u64| numbers.get(at).copied().unwrap_or(default);
    let options = Options { records: number(0, 10_000), seed: number(1, 1), ..Options::default() };
    let address = ([127, 0, 0, 1], u16::try_from(number(2, 0))?).into();
    let server = Server::start(Arc::new(Corpus::new(options)), address, number(3, 100), Faults::default()).await?;
    println!("{}", server.url());
    // The server runs on the other threads of the runtime.
    for line in std::io::stdin().lines() {
        line?;
        println!("generation {}", server.advance());
    }
    Ok(())
}
