//! Other nodes on the same database: this node receives a notification of each of their commits.

#![allow(
    clippy::disallowed_methods,
    reason = "the loop sleeps by the machine's clock; what is due is decided by the node's"
)]

use std::sync::Arc;
use std::time::Duration;

use store::{Node, NodeEvent};
use tracing::{error, warn};

use crate::changes::Change;
use crate::engine::Engine;
use crate::error::Error;

/// The pause before the node listens again after the database failed.
const PAUSE: Duration = Duration::from_secs(1);

/// The interval at which the nodes are counted.
const COUNTED_EVERY: Duration = Duration::from_secs(5);

impl Engine {
    /// Takes this node's name among the nodes of the database. The node does so when it starts to work. An earlier call
    /// shows at once whether the name is free.
    ///
    /// # Errors
    ///
    /// [`store::Error::NameTaken`] if another process has the name.
    pub async fn join(&self) -> Result<(), Error> {
        let mut place = self.membership.lock().await;
        if place.is_none() {
            *place = Some(self.runtime.store().join(self.runtime.node()).await?);
        }
        Ok(())
    }

    /// Receives the notifications of other nodes' commits as long as this node works.
    pub(crate) async fn receive_notifications(self: Arc<Self>) {
        let mut node = self.claim_node_name().await;
        loop {
            match node.next_event().await {
                Ok(NodeEvent::RequestChanged { request, version, status }) => {
                    // Sending fails if nobody listens, which is no fault.
                    let _ = self.changes.send(Change { request, version, status });
                }
                Ok(NodeEvent::WorkAvailable) => {}
                Ok(NodeEvent::SettingsChanged) => {
                    self.systems.forget_all();
                    self.polling.forget_all();
                    self.runtime.forget_rules();
                }
                Err(store::Error::NameTaken(name)) => {
                    error!(%name, "another process took this node's name; give each node its own and start them again");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(failure) => {
                    warn!(error = %failure, "can't hear other nodes; their work is found by polling for it");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            self.runtime.wake();
        }
    }

    /// Adjusts this node's share of the institutions' calls per second as other nodes start and stop.
    pub(crate) async fn track_node_count(self: Arc<Self>) {
        loop {
            match self.runtime.store().live_nodes().await {
                Ok(nodes) => self.systems.share_with(nodes),
                // The node assumes that their number is as before.
                Err(failure) => warn!(error = %failure, "can't count the nodes of the database"),
            }
            tokio::time::sleep(COUNTED_EVERY).await;
        }
    }

    async fn claim_node_name(&self) -> Node {
        loop {
            match self.join().await {
                Ok(()) => {
                    if let Some(node) = self.membership.lock().await.take() {
                        return node;
                    }
                }
                Err(failure) => {
                    warn!(error = %failure, "can't join the nodes of the database yet");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
