//! A hub with a small catalogue and open SRU, for clients of SRU. It prints its address, and ends when its input ends.

use std::sync::Arc;

use engine::{Engine, Ids, Settings, SystemClock};
use marc::{CompactRecord, Format, Record};
use rand::SeedableRng;
use rand::rngs::StdRng;
use search::{Change, Document, Index, Member};
use store::{Database, MasterKey, Store};
use web::{ApiKeys, WebState};

const KEY: &str = "key-of-the-example";

fn document(number: usize) -> Document {
    let record = Record::builder()
        .control("001", format!("99{number}"))
        .control("008", format!("990802s{}    mau      b    001 0 eng  ", 1950 + number))
        .data("100", '1', ' ', [('a', "Müller, Änne,")])
        .data("245", '1', '0', [('a', format!("Volume {number} of fish & 魚"))])
        .build();
    let record = CompactRecord::from(&record);
    let agencies = ["NORTH".to_owned()];
    let member = Member { record: &record, institution: "01NORTH", agencies: &agencies };
    Document::of_group(&format!("t{number}"), Format::Book, &[member])
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let index = Index::open(&directory.path().join("search"))?;
    index.apply((0..25).map(document).map(Change::Upsert), 1)?;
    let mut rng = StdRng::seed_from_u64(1);
    let key = MasterKey::generate(&mut rng);
    let database = Database::Sqlite(directory.path().join("consort.db"));
    let store = Store::open(&database, key, rng).await?;
    let engine = Engine::new(store, Settings::default(), Arc::new(SystemClock::default()), Ids::seeded(1));
    let open = std::env::args().any(|argument| argument == "--open");
    let keys = ApiKeys::new([("example".to_owned(), KEY.into())]);
    let state = WebState::new(Arc::new(engine), keys).with_index(Arc::new(index)).with_open_sru(open);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    #[allow(clippy::print_stdout, reason = "the caller reads the address")]
    {
        println!("http://{}/sru", listener.local_addr()?);
    }
    tokio::spawn(async move {
        axum::serve(listener, web::router(state)?).await.map_err(Box::<dyn std::error::Error + Send + Sync>::from)
    });
    tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin())).await??;
    Ok(())
}
