//! A simulator on a port.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::wire::{Lines, Wire};
use crate::sim::Sim;
use crate::webhooks;

/// A running server. Dropped, it stops taking connections.
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
        let service = super::router(sim.clone()).into_make_service_with_connect_info::<Wire>();
        let serving = tokio::spawn(async move {
            let serve = axum::serve(Lines(listener), service);
            tokio::select! {
                result = serve => if let Err(error) = result {
                    tracing::error!(%error, "the simulator stopped serving");
                },
                _ = stopped => {}
            }
        });
        let delivering = tokio::spawn(webhooks::deliver(sim.clone()));
        Ok(Server { sim, address, stop: Some(stop), serving, delivering })
    }

    /// `http://127.0.0.1:port`, without a path: REST is under `/almaws/v1`, OAI-PMH under `/view/oai`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The simulator behind it.
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
