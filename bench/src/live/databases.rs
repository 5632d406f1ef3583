//! Provides PostgreSQL databases for hubs.

use std::sync::Arc;

use pg_cluster::Cluster;

use crate::verdict;

/// The databases of one server.
#[derive(Clone, Debug)]
pub(crate) struct Databases {
    server: String,
    made: u32,
    /// The benchmark's own cluster. It is stopped when the last clone of this value is dropped.
    _cluster: Option<Arc<Cluster>>,
}

impl Databases {
    /// Returns the databases of the server at an address, or those of a cluster of the benchmark's own.
    pub(crate) fn open(server: Option<&str>) -> Result<Self, String> {
        Self::of(server, Cluster::start)
    }

    /// Returns the databases of a cluster whose commits wait for the disk.
    pub(crate) fn open_durable(server: Option<&str>) -> Result<Self, String> {
        Self::of(server, Cluster::start_durable)
    }

    fn of(server: Option<&str>, start: impl FnOnce() -> Result<Cluster, String>) -> Result<Self, String> {
        let Some(server) = server else {
            let cluster = start().map_err(|reason| format!("{reason}; or name a server with --database URL"))?;
            return Ok(Self { server: cluster.url("postgres"), made: 0, _cluster: Some(Arc::new(cluster)) });
        };
        Ok(Self { server: server.to_owned(), made: 0, _cluster: None })
    }

    /// A note that names the server's version.
    pub(crate) async fn peer(&self) -> Result<String, String> {
        peer_at(&self.server).await
    }

    pub(crate) async fn make(&mut self) -> Result<String, String> {
        self.made += 1;
        let name = format!("consort_bench_{}_{}", std::process::id(), self.made);
        self.run(format!("CREATE DATABASE {name}")).await?;
        Ok(name)
    }

    pub(crate) async fn drop(&self, name: &str) -> Result<(), String> {
        self.run(format!("DROP DATABASE {name} WITH (FORCE)")).await
    }

    async fn run(&self, sql: String) -> Result<(), String> {
        connect(&self.server).await?.batch_execute(&sql).await.map_err(failure)
    }

    pub(crate) fn url(&self, name: &str) -> String {
        let base = self.server.rsplit_once('/').map_or(self.server.as_str(), |(base, _)| base);
        format!("{base}/{name}")
    }
}

/// A note that names the version of the server at an address.
pub(crate) async fn peer_at(server: &str) -> Result<String, String> {
    let row = connect(server).await?.query_one("SHOW server_version", &[]).await.map_err(failure)?;
    let version: String = row.try_get(0).map_err(failure)?;
    Ok(verdict::peer("PostgreSQL", version.split_whitespace().next().unwrap_or(&version)))
}

async fn connect(server: &str) -> Result<tokio_postgres::Client, String> {
    pg_cluster::connect(server).await.map_err(|error| format!("the PostgreSQL server: {error}"))
}

/// The address may hold a password, so only what the server says is reported.
#[allow(clippy::needless_pass_by_value, reason = "as `map_err` wants it")]
fn failure(error: tokio_postgres::Error) -> String {
    format!("the PostgreSQL server: {}", pg_cluster::describe(&error))
}
