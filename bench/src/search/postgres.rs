//! The peer PostgreSQL: a column of the type `tsvector` with a GIN index, and the `simple` configuration, which has no stems.

use std::io::BufRead as _;
use std::time::Instant;

use pg_cluster::Cluster;
use tokio_postgres::Client;

use super::PAGE;
use super::figures::Answers;
use super::records::Made;
use crate::memory;

const SETTINGS: &str = "SET jit = off; SET work_mem = '64MB'; SET maintenance_work_mem = '512MB'";
const TABLE: &str = "CREATE TABLE title (id bigint PRIMARY KEY, words text NOT NULL, \
                     searched tsvector GENERATED ALWAYS AS (to_tsvector('simple', words)) STORED)";
const INSERT: &str = "INSERT INTO title (id, words) SELECT * FROM unnest($1::bigint[], $2::text[])";
const FINISH: &str = "CREATE INDEX title_searched ON title USING gin (searched); VACUUM ANALYZE title";
const COUNT: &str = "SELECT count(*) FROM title WHERE searched @@ plainto_tsquery('simple', $1)";
const FIRST: &str = "SELECT id, words FROM title, plainto_tsquery('simple', $1) AS query WHERE searched @@ query \
                     ORDER BY ts_rank(searched, query) DESC LIMIT $2";
/// The titles that are sent at once.
const TOGETHER: usize = 5_000;

/// Searches with all queries. Returns the version too.
pub(super) fn measure(made: &Made) -> Result<(Answers, String), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let cluster = Cluster::start()?;
    // A quarter of a gigabyte holds what the queries read most.
    runtime.block_on(async {
        let client = pg_cluster::connect(&cluster.url("postgres")).await?;
        let setting = "ALTER SYSTEM SET shared_buffers = '256MB'";
        client.batch_execute(setting).await.map_err(|error| pg_cluster::describe(&error))
    })?;
    cluster.stop_at_once()?;
    cluster.restart()?;
    runtime.block_on(async {
        let client = pg_cluster::connect(&cluster.url("postgres")).await?;
        fill(&client, made).await?;
        all(&client, made).await
    })
}

async fn fill(client: &Client, made: &Made) -> Result<(), String> {
    let text = |error: tokio_postgres::Error| pg_cluster::describe(&error);
    client.batch_execute(SETTINGS).await.map_err(text)?;
    client.batch_execute(TABLE).await.map_err(text)?;
    let insert = client.prepare(INSERT).await.map_err(text)?;
    let lines = std::io::BufReader::new(std::fs::File::open(made.lines()).map_err(|error| error.to_string())?);
    let (mut ids, mut words) = (Vec::<i64>::new(), Vec::new());
    for line in lines.lines() {
        let line = line.map_err(|error| error.to_string())?;
        let (id, of_title) = line.split_once('\t').ok_or("a line of words has no id")?;
        ids.push(id.parse().map_err(|_| "an id is no number")?);
        words.push(of_title.to_owned());
        if ids.len() == TOGETHER {
            client.execute(&insert, &[&ids, &words]).await.map_err(text)?;
            ids.clear();
            words.clear();
        }
    }
    client.execute(&insert, &[&ids, &words]).await.map_err(text)?;
    for statement in FINISH.split("; ") {
        client.batch_execute(statement).await.map_err(text)?;
    }
    Ok(())
}

async fn all(client: &Client, made: &Made) -> Result<(Answers, String), String> {
    let text = |error: tokio_postgres::Error| pg_cluster::describe(&error);
    let (count, first) = (client.prepare(COUNT).await.map_err(text)?, client.prepare(FIRST).await.map_err(text)?);
    let page = i64::try_from(PAGE).unwrap_or_default();
    let mut answers = Answers::default();
    for query in &made.queries {
        let query = query.join(" ");
        let begun = Instant::now();
        let found: i64 = client.query_one(&count, &[&query]).await.map_err(text)?.get(0);
        client.query(&first, &[&query, &page]).await.map_err(text)?;
        answers.millis.push(begun.elapsed().as_secs_f64() * 1e3);
        answers.counts.push(u64::try_from(found).unwrap_or_default());
    }
    let row = client.query_one("SELECT pg_total_relation_size('title'), pg_backend_pid(), version()", &[]).await;
    let row = row.map_err(text)?;
    answers.bytes = u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
    answers.memory_mb = memory::of_process(u32::try_from(row.get::<_, i32>(1)).unwrap_or_default());
    let version: String = row.get(2);
    Ok((answers, version.split_whitespace().nth(1).unwrap_or("of an unknown version").to_owned()))
}
