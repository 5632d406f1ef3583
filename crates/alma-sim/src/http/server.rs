//! A simulator on a port.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use serving::Limits;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::network_faults::{Connection, NetworkFaults};
use crate::sim::Sim;
use crate::webhooks;

/// The server keeps idle connections long enough that no client finds one closed while it sends. That would be a fault
/// that no test ordered.
fn limits() -> Limits {
    Limits { idle: Duration::from_secs(600), connections: 4_096, stop: Duration::from_secs(1), ..Limits::default() }
}

/// A running server. Dropped, it closes all connections.
#[derive(Debug)]
pub struct Server {
    sim: Sim,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    delivering: JoinHandle<()>,
}

impl Server {
    /// Serves a simulator on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(sim: Sim, address: SocketAddr) -> std::io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let router = super::router(sim.clone());
        let stopped = async {
            let _ = stopped.await;
        };
        // Each request carries the handle of its connection, so that its handler can cut it.
        let serving = tokio::spawn(serving::serve_through(listener, router, limits(), stopped, |stream| {
            let network_faults = NetworkFaults::default();
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(network_faults.clone()));
            (Connection::new(stream, network_faults), extensions)
        }));
        let delivering = tokio::spawn(webhooks::deliver(sim.clone()));
        Ok(Server { sim, address, stop: Some(stop), serving, delivering })
    }

    /// `http://127.0.0.1:port`, without a path: REST is under `/almaws/v1`, OAI-PMH under `/view/oai`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the address on which the server listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the simulator behind the server.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// Stops, and waits until the port is free.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        self.delivering.abort();
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.delivering.abort();
        self.serving.abort();
    }
}
