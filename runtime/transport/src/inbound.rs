//! Requests of peers: handed to the actor whose business they are, and its answer put into the form of the protocol.

use std::net::IpAddr;

use bytes::Bytes;
use starling_contracts::{
    routing::{self, EnterOnion, OnionAnswer, Origin, Origins, RelayOnion},
    storage::{self, Answer, ApplyForwarded, Body, Forwarded, ServeRpc},
    subscriptions::{self, Link, Subscribe},
    transport::{FROM_CLIENT, FROM_NODE, Protocol},
};
use starling_kernel::{CallError, Context, CpuPool, Recipient};
use starling_protocol::{
    crypto::ed25519,
    peer_wire::{SwarmAnswer, decode_swarm_request, encode_onion_answer},
};

/// The text for an overloaded node (storage-rpc §1.1, onion-requests §6).
const BUSY: &str = "Server busy, try again later";
/// The text for a peer that asks too often (storage-load §3).
const TOO_MANY: &str = "Too many requests, try again later";
/// The text for a failure of ours (storage-rpc §1.1).
const FAILED: &str = "request failed";
/// The text in place of an answer that is longer than the protocol carries.
const TOO_LARGE: &str = "response too large";
/// The text for a request that took too long here (onion-requests §6).
const TIMED_OUT: &str = "Request time out";

/// What is known of a peer beside its key.
pub(crate) struct Visitor {
    /// Its address, as far as known.
    pub(crate) remote: Option<IpAddr>,
    /// Where its notices go, if it wants to subscribe and there is a place for it.
    pub(crate) link: Option<Link>,
}

/// The actors that serve peers.
pub(crate) struct Desk {
    enter: Recipient<EnterOnion>,
    relay: Recipient<RelayOnion>,
    rpc: Recipient<ServeRpc>,
    apply: Recipient<ApplyForwarded>,
    subscribe: Recipient<Subscribe>,
    pool: CpuPool,
    origins: Origins,
    /// This node's key, as texts name it.
    own: String,
}

impl Desk {
    pub(crate) fn new(ctx: &Context, own: &ed25519::PublicKey) -> Self {
        Self {
            enter: ctx.recipient(),
            relay: ctx.recipient(),
            rpc: ctx.recipient(),
            apply: ctx.recipient(),
            subscribe: ctx.recipient(),
            pool: ctx.pool().clone(),
            origins: Origins::new(&**ctx.entropy()),
            own: own.to_string(),
        }
    }

    /// Serves a request; `from` is the key of the peer if it is a listed node. Nothing means that the protocol is not
    /// served to this peer.
    pub(crate) async fn serve(
        &self,
        protocol: Protocol,
        request: Bytes,
        from: Option<ed25519::PublicKey>,
        Visitor { remote, link }: Visitor,
    ) -> Option<Vec<u8>> {
        match protocol {
            Protocol::Monitor => match link {
                Some(link) => self.monitor(request, link).await,
                None => Some(self.busy(protocol)),
            },
            // Taken by the driver itself, from peers at which this process subscribed.
            Protocol::Notify => None,
            Protocol::Ping => Some(request.to_vec()),
            Protocol::Storage => self.storage(request).await,
            Protocol::Swarm => self.swarm(request, from?).await,
            Protocol::Onion => match request.first().copied() {
                Some(FROM_CLIENT) => self.enter(request.slice(1..), remote).await,
                Some(FROM_NODE) => self.relay(request.slice(1..), from?).await,
                _ => Some(text(400, "Error parsing onion request: neither from a client nor from a node")),
            },
        }
    }

    /// The answer to a peer that has too much under way here.
    pub(crate) fn busy(&self, protocol: Protocol) -> Vec<u8> {
        refusal(protocol, 503, BUSY)
    }

    /// The answer to a peer that asks too often.
    pub(crate) fn too_many(&self, protocol: Protocol) -> Vec<u8> {
        refusal(protocol, 429, TOO_MANY)
    }

    /// The answer when ours is longer than the protocol carries.
    pub(crate) fn too_large(&self, protocol: Protocol) -> Vec<u8> {
        refusal(protocol, 500, TOO_LARGE)
    }

    /// The answer of a node that is being stopped (storage-rpc §1.1).
    pub(crate) fn stopping(&self, protocol: Protocol) -> Vec<u8> {
        refusal(protocol, 503, "Service node is not ready: shutting down\n")
    }

    async fn enter(&self, frame: Bytes, remote: Option<IpAddr>) -> Option<Vec<u8>> {
        // Keys cost nothing, so that a stranger is known by the address.
        let origin = remote.map_or(Origin::UNKNOWN, |remote| self.origins.of(remote));
        match self.enter.ask(EnterOnion { frame, origin }).await {
            Err(routing::Error::Call(CallError::Busy { .. })) => Some(text(503, BUSY)),
            answer => self.onion_answer(answer),
        }
    }

    async fn relay(&self, dict: Bytes, from: ed25519::PublicKey) -> Option<Vec<u8>> {
        let answer = self.relay.ask(RelayOnion { dict, from }).await;
        self.onion_answer(answer)
    }

    /// A node in the middle names itself when it cannot work, so that clients do not blame their guard.
    fn onion_answer(&self, answer: Result<OnionAnswer, routing::Error>) -> Option<Vec<u8>> {
        match answer {
            Ok(OnionAnswer { status, body }) => Some(encode_onion_answer(status, &body)),
            Err(routing::Error::Call(CallError::NotServed { .. })) => None,
            Err(
                routing::Error::NotReady(_)
                | routing::Error::Call(CallError::Busy { .. } | CallError::Stopping { .. }),
            ) => Some(text(503, &format!("Snode not ready: {}", self.own))),
            Err(routing::Error::Call(CallError::Late { .. })) => Some(text(504, TIMED_OUT)),
            Err(_) => Some(text(500, FAILED)),
        }
    }

    async fn storage(&self, envelope: Bytes) -> Option<Vec<u8>> {
        match self.rpc.ask(ServeRpc { envelope }).await {
            Ok(Answer { status, body }) => Some(match body {
                // Megabytes of JSON would hold up every peer if this task wrote them.
                Body::Json(value) => self
                    .pool
                    .run(move || text(status, &value.to_string()))
                    .await
                    .unwrap_or_else(|_| text(500, FAILED)),
                Body::Text(body) => text(status, &body),
                Body::Bencode(body) | Body::Binary(body) => encode_onion_answer(status, &body),
            }),
            Err(storage::Error::Call(CallError::NotServed { .. })) => None,
            Err(error) => {
                let (status, body) = storage_refusal(&error);
                Some(text(status, &body))
            }
        }
    }

    async fn monitor(&self, request: Bytes, link: Link) -> Option<Vec<u8>> {
        match self.subscribe.ask(Subscribe { request, link }).await {
            Ok(reply) => Some(encode_onion_answer(200, &reply)),
            Err(subscriptions::Error::Call(CallError::NotServed { .. })) => None,
            Err(error) => {
                let (status, reason) = subscription_refusal(&error);
                Some(text(status, &reason))
            }
        }
    }

    async fn swarm(&self, request: Bytes, from: ed25519::PublicKey) -> Option<Vec<u8>> {
        let (method, dict) = match decode_swarm_request(&request) {
            Ok((method, dict)) => (method, Bytes::from(dict)),
            Err(error) => return Some(refused(400, format!("invalid request: {error}"))),
        };
        match self.apply.ask(ApplyForwarded { method, dict, from }).await {
            Ok(Forwarded::Done(dict)) => Some(dict.to_vec()),
            Ok(Forwarded::Refused { code, reason }) => Some(refused(code, reason)),
            Err(storage::Error::Call(CallError::NotServed { .. })) => None,
            Err(error) => {
                let (code, reason) = storage_refusal(&error);
                Some(refused(code, reason))
            }
        }
    }
}

fn storage_refusal(error: &storage::Error) -> (u16, String) {
    match error {
        storage::Error::NotReady(reasons) => (503, format!("Service node is not ready: {reasons}\n")),
        storage::Error::Call(CallError::Busy { .. }) => (503, BUSY.to_owned()),
        storage::Error::Call(CallError::Stopping { .. }) => {
            (503, "Service node is not ready: shutting down\n".to_owned())
        }
        _ => (500, FAILED.to_owned()),
    }
}

fn subscription_refusal(error: &subscriptions::Error) -> (u16, String) {
    match error {
        subscriptions::Error::NotReady(reasons) => (503, format!("Service node is not ready: {reasons}\n")),
        subscriptions::Error::Call(error) => storage_refusal(&error.clone().into()),
        _ => (500, FAILED.to_owned()),
    }
}

/// A refusal in the form that the protocol's answers have.
fn refusal(protocol: Protocol, status: u16, reason: &str) -> Vec<u8> {
    match protocol {
        Protocol::Onion | Protocol::Storage | Protocol::Monitor => text(status, reason),
        Protocol::Swarm => refused(status, reason.to_owned()),
        // A ping has no room for a reason; silence would look like death.
        Protocol::Ping | Protocol::Notify => Vec::new(),
    }
}

fn text(status: u16, body: &str) -> Vec<u8> {
    encode_onion_answer(status, body.as_bytes())
}

fn refused(code: u16, reason: String) -> Vec<u8> {
    SwarmAnswer::Refused { code, reason }.encode()
}
