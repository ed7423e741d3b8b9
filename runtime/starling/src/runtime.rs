//! A running set of actors.

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};
use starling_contracts::{gateway, transport};
use starling_kernel::{Kernel, Message};
use starling_protocol::crypto::{ed25519, x25519};

use crate::{builder::RuntimeBuilder, config::Config, data_folder::DataFolder};

/// A node, a client or both, running in this process.
///
/// It stops with [`Runtime::stop`]. Dropped without it, the actors end at once: what was acknowledged is on disk, what was
/// only accepted may not be.
pub struct Runtime {
    kernel: Kernel,
    config: Arc<Config>,
    folder: DataFolder,
    node: Option<ed25519::PublicKey>,
}

/// Where a runtime can be reached, with the ports it really got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// The node's key; absent on a pure client.
    pub pubkey_ed25519: Option<ed25519::PublicKey>,
    /// The image of it; absent on a pure client.
    pub pubkey_x25519: Option<x25519::PublicKey>,
    /// The HTTPS edge, the operator's listener and the doors of QUIC and OxenMQ.
    pub gateway: gateway::Listening,
    /// The libp2p listeners; absent when nothing listens.
    pub libp2p: Option<transport::Listening>,
}

impl Runtime {
    /// A runtime yet to be described.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    pub(crate) fn new(
        kernel: Kernel,
        config: Config,
        folder: DataFolder,
        node: Option<ed25519::PublicKey>,
    ) -> Self {
        Self { kernel, config: Arc::new(config), folder, node }
    }

    /// Sends a message to the actor that serves it, and waits for the answer.
    ///
    /// # Errors
    /// Those of the message's contract.
    pub async fn ask<M: Message>(&self, message: M) -> Result<M::Reply, M::Error> {
        self.kernel.ask(message).await
    }

    /// The actors: for recipients, publishers and observation.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The data folder, as an absolute path.
    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The key of this service node; absent on a pure client.
    pub fn node(&self) -> Option<ed25519::PublicKey> {
        self.node
    }

    /// Why the process cannot serve yet, by actor; empty when it can.
    pub fn unready(&self) -> Vec<(&'static str, String)> {
        self.kernel.unready()
    }

    /// Where the runtime can be reached.
    pub async fn listening(&self) -> Listening {
        let nowhere = gateway::Listening { https: None, operator: None, quic: None, omq: None };
        let doors = self.ask(gateway::ListenAddresses).await.unwrap_or(nowhere);
        let quic = self.ask(gateway::QuicAddress).await.ok();
        let omq = self.ask(gateway::OmqAddress).await.ok();
        let libp2p = self.ask(transport::ListenAddresses).await.ok().filter(|listening| listening.port != 0);
        Listening {
            pubkey_ed25519: self.node,
            pubkey_x25519: self.node.and_then(|key| key.to_x25519()),
            gateway: gateway::Listening { quic, omq, ..doors },
            libp2p,
        }
    }

    /// Finishes accepted work, makes it durable, and frees the data folder. Returns the actors that had to be killed
    /// because they did not finish in time.
    pub async fn stop(self) -> Vec<&'static str> {
        self.kernel.stop().await
    }
}
