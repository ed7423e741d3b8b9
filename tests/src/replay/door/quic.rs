//! Methods as QUIC commands (storage-rpc §1.3), over one connection to each node.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result, bail};
use tokio::sync::Mutex;

use super::{Call, Door, NOTICE_WITHIN, Patience, Peer, Pending, Reply, answers::parse_quic, command, wire};
use crate::{
    QuicClient,
    replay::{transcript::DoorName, wire::Form},
};

/// QUIC, with a key that nobody knows.
#[derive(Default)]
pub struct QuicDoor {
    connections: Mutex<HashMap<SocketAddr, Arc<QuicClient>>>,
}

impl QuicDoor {
    /// The connection to a node, made when there is none yet.
    ///
    /// # Errors
    /// The node names no port, or nobody is there.
    pub async fn connection(&self, peer: &Peer) -> Result<Arc<QuicClient>> {
        let address = peer.quic.context("it is not known where the node takes QUIC")?;
        let mut connections = self.connections.lock().await;
        if let Some(connection) = connections.get(&address).filter(|connection| !connection.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        let connection = QuicClient::connect(address, peer.ed25519).await;
        let connection = Arc::new(connection.with_context(|| format!("no QUIC at {address}"))?);
        connections.insert(address, Arc::clone(&connection));
        Ok(connection)
    }

    /// Sends a command as it is; answers whether it was an error reply, and its body.
    ///
    /// # Errors
    /// No answer; the next command gets a connection of its own.
    pub async fn command(&self, peer: &Peer, name: &str, body: Vec<u8>) -> Result<(bool, Vec<u8>)> {
        let connection = self.connection(peer).await?;
        match connection.request(name, body).await {
            Ok(reply) => Ok((reply.is_error, reply.body.into())),
            Err(error) => {
                self.connections.lock().await.retain(|_, known| !Arc::ptr_eq(known, &connection));
                Err(error).with_context(|| format!("no answer to {name} over QUIC"))
            }
        }
    }

    async fn exchange(&self, peer: &Peer, call: &Call) -> Result<Reply> {
        let (name, body) = match call {
            Call::Subscription(body) => ("monitor", body.clone()),
            other => command(other)?,
        };
        let mut patience = Patience::default();
        loop {
            let (is_error, body) = self.command(peer, name, body.clone()).await?;
            let reply = parse_quic(is_error, &body)?;
            if !patience.asks_again(reply.status).await {
                return Ok(reply);
            }
        }
    }

    async fn told(&self, peer: &Peer) -> Result<serde_json::Value> {
        let connection = self.connection(peer).await?;
        let told = tokio::time::timeout(NOTICE_WITHIN, connection.notification())
            .await
            .context("no notification came over QUIC")?
            .context("the connection ended before a notification")?;
        match &told.name[..] {
            b"notify" | b"monitor_ended" => Ok(wire::decode(&told.body)),
            other => bail!("a notification is named {:?}", String::from_utf8_lossy(other)),
        }
    }
}

impl Door for QuicDoor {
    fn name(&self) -> DoorName {
        DoorName::Quic
    }

    fn forms(&self) -> &'static [Form] {
        &[Form::Json, Form::Bencode]
    }

    fn call<'a>(&'a self, peer: &'a Peer, call: &'a Call) -> Pending<'a, Reply> {
        Box::pin(self.exchange(peer, call))
    }

    fn notice<'a>(&'a self, peer: &'a Peer) -> Pending<'a, serde_json::Value> {
        Box::pin(self.told(peer))
    }
}
