//! Methods as OxenMQ requests (storage-rpc §1.2), over one connection to each node.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, bail};

use super::{Call, Door, NOTICE_WITHIN, Patience, Peer, Pending, Reply, answers::parse_omq, command, wire};
use crate::{
    OmqClient, Unanswered,
    replay::{transcript::DoorName, wire::Form},
};

/// OxenMQ, with a key that nobody knows.
#[derive(Default)]
pub struct OmqDoor {
    connections: tokio::sync::Mutex<HashMap<SocketAddr, Connection>>,
}

/// A connection waits in place, so each use of it has a thread that may wait.
type Connection = Arc<Mutex<OmqClient>>;

impl OmqDoor {
    /// The connection to a node, made when there is none yet.
    ///
    /// # Errors
    /// The node names no port, or nobody is there.
    pub async fn connection(&self, peer: &Peer) -> Result<Connection> {
        let address = peer.omq.context("it is not known where the node takes OxenMQ")?;
        let mut connections = self.connections.lock().await;
        if let Some(connection) = connections.get(&address) {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(Mutex::new(connect(peer).await?));
        connections.insert(address, Arc::clone(&connection));
        Ok(connection)
    }

    async fn exchange(&self, peer: &Peer, call: &Call) -> Result<Reply> {
        let (command, body) = match call {
            Call::Subscription(body) => ("monitor.messages".to_owned(), body.clone()),
            other => command(other).map(|(method, body)| (format!("storage.{method}"), body))?,
        };
        let connection = self.connection(peer).await?;
        let mut patience = Patience::default();
        loop {
            let (command, body) = (command.clone(), body.clone());
            let answered = with(&connection, move |client| client.request(&command, &[&body])).await?;
            let reply = match answered {
                Err(Unanswered::Refused(refused)) => {
                    Reply::new(Reply::NO_STATUS, refused.refusal.word().into())
                }
                answered => parse_omq(&answered?)?,
            };
            if !patience.asks_again(reply.status).await {
                return Ok(reply);
            }
        }
    }

    async fn told(&self, peer: &Peer) -> Result<serde_json::Value> {
        let connection = self.connection(peer).await?;
        let told = with(&connection, |client| client.notification(NOTICE_WITHIN)).await??;
        let told = told.context("no notification came over OxenMQ")?;
        match (told.command.as_str(), &told.parts[..]) {
            ("notify.message" | "notify.monitor_ended", [body]) => Ok(wire::decode(body)),
            (other, parts) => bail!("a notification is named {other:?} and has {} parts", parts.len()),
        }
    }
}

/// A connection of its own to a node.
///
/// # Errors
/// The node names no port, or nobody is there.
pub async fn connect(peer: &Peer) -> Result<OmqClient> {
    let address = peer.omq.context("it is not known where the node takes OxenMQ")?;
    let key = peer.ed25519.to_x25519().context("the node's key has no X25519 image")?;
    let connecting = tokio::task::spawn_blocking(move || OmqClient::connect(address, &key));
    connecting.await?.with_context(|| format!("no OxenMQ at {address}"))
}

/// Uses a connection where waiting is allowed.
///
/// # Errors
/// It panicked.
pub async fn with<T: Send + 'static>(
    connection: &Connection,
    work: impl FnOnce(&mut OmqClient) -> T + Send + 'static,
) -> Result<T> {
    let connection = Arc::clone(connection);
    let done = tokio::task::spawn_blocking(move || {
        work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
    });
    Ok(done.await?)
}

impl Door for OmqDoor {
    fn name(&self) -> DoorName {
        DoorName::Omq
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
