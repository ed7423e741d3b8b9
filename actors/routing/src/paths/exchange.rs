//! One try: wrap a request, bring it to the guard, open what comes back.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use starling_contracts::{routing::Error, transport::Error as TransportError};
use starling_kernel::{Actor as _, CallError, Context, PoolError};
use starling_protocol::onion::{self, Destination, Hop, ReplyBody, ReplyKey};

use super::{
    actor::Paths,
    config::PathsConfig,
    first_hop::GuardLine,
    reaction::{Event, read_plain},
    state::Trip,
};

/// What came of a try.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A service node answered: status, body, and the time between sending and reading.
    Node { status: u16, body: Value, round_trip: Duration },
    /// A web server answered.
    Server(Bytes),
    /// No answer; the event says why.
    Failed(Event),
    /// There was less time than a try may take, and it ran out. Nobody is to blame.
    OutOfTime,
    /// This process could not try.
    Local(Error),
}

/// Makes tries.
pub(super) struct Exchange {
    ctx: Context,
    config: PathsConfig,
    line: GuardLine,
}

impl Exchange {
    pub(super) fn new(ctx: Context, config: PathsConfig, line: GuardLine) -> Self {
        Self { ctx, config, line }
    }

    /// Speaks to guards apart from any request.
    pub(super) fn line(&self) -> &GuardLine {
        &self.line
    }

    /// One try. To a node it takes as long as any, whoever waits for it: so it can tell a path that is silent from a caller in
    /// a hurry. To a server it takes at most `left`, what the caller gives it (onion-requests §7).
    pub(super) async fn try_once(&self, trip: &Trip, cargo: &Destination, left: Duration) -> Outcome {
        let (within, is_cut_short) = match cargo {
            Destination::ServiceNode(..) => (self.config.try_within, false),
            Destination::Server(_) => (left, left < self.config.try_within),
        };
        let (frame, reply_key) = match self.wrap(trip, cargo).await {
            Ok(wrapped) => wrapped,
            Err(error) => return Outcome::Local(error),
        };
        let sent_at = self.ctx.clock().elapsed();
        // The guard is asked for a sign of life when it is silent, so that a dead one does not cost the whole time of a try.
        let answer = tokio::select! {
            biased;
            answer = self.line.send(trip.guard(), &frame, within) => answer,
            () = self.until_guard_is_gone(trip) => Err(TransportError::Unreachable("no sign of life".to_owned())),
        };
        let round_trip = self.ctx.clock().elapsed().saturating_sub(sent_at);
        match answer {
            Ok((200..=299, body)) => self.open(cargo, reply_key, body, round_trip).await,
            Ok((status, body)) => {
                Outcome::Failed(read_plain(status, &body, &trip.choice.hops, trip.destination))
            }
            Err(TransportError::TimedOut { .. }) if is_cut_short => Outcome::OutOfTime,
            Err(error) => read_transport(error),
        }
    }

    /// Resolves when the guard, asked again and again, does not answer in time.
    async fn until_guard_is_gone(&self, trip: &Trip) {
        let mut pause = self.config.doubt_guard_after;
        loop {
            self.ctx.clock().sleep(pause).await;
            if !self.line.is_alive(trip.guard(), self.config.guard_within).await {
                return;
            }
            pause *= 2;
        }
    }

    async fn wrap(&self, trip: &Trip, cargo: &Destination) -> Result<(Vec<u8>, ReplyKey), Error> {
        let path: Vec<_> =
            trip.hops.iter().map(|hop| Hop { ed25519: hop.ed25519, x25519: hop.x25519 }).collect();
        let destination = cargo.clone();
        let (cipher, is_named) = (self.config.cipher.wire(), self.config.cipher.is_named());
        let entropy = Arc::clone(self.ctx.entropy());
        let job = move || {
            let mut random = |bytes: &mut [u8]| entropy.fill(bytes);
            onion::build(&path, &destination, cipher, is_named, &mut random)
        };
        match self.ctx.pool().run(job).await {
            Ok(Ok(built)) => Ok((built.post_body, built.reply_key)),
            Ok(Err(onion::build::BuildError::TooLong { .. })) => Err(Error::Refused { status: 413 }),
            // Nodes' keys were checked when they were listed: only a server's can be unusable.
            Ok(Err(_)) => Err(Error::Refused { status: 400 }),
            Err(error) => Err(panicked(error)),
        }
    }

    async fn open(&self, cargo: &Destination, key: ReplyKey, body: Bytes, round_trip: Duration) -> Outcome {
        let is_node = matches!(cargo, Destination::ServiceNode(..));
        let job = move || {
            let plaintext = key.open(&body).ok()?;
            if !is_node {
                return Some(Outcome::Server(plaintext.into()));
            }
            let reply = onion::parse_node_reply(&plaintext).ok()?;
            let body = match reply.body {
                ReplyBody::Json(value) => value,
                ReplyBody::Text(text) => Value::String(text),
                // Not made by parsing; bytes have no other form in JSON than text.
                ReplyBody::Binary(bytes) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
            };
            Some(Outcome::Node { status: reply.status, body, round_trip })
        };
        match self.ctx.pool().run(job).await {
            Ok(outcome) => outcome.unwrap_or(Outcome::Failed(Event::Unreadable)),
            Err(error) => Outcome::Local(panicked(error)),
        }
    }
}

/// What a transport's error says of the path.
fn read_transport(error: TransportError) -> Outcome {
    match error {
        TransportError::TimedOut { .. } => Outcome::Failed(Event::PathTimedOut),
        TransportError::Unreachable(_) | TransportError::NotServed { .. } | TransportError::Broken(_) => {
            Outcome::Failed(Event::GuardUnreachable)
        }
        TransportError::TooLarge { what: "request", .. } => Outcome::Local(Error::Refused { status: 413 }),
        TransportError::Call(CallError::Late { .. }) => Outcome::Failed(Event::PathTimedOut),
        TransportError::Call(error) => Outcome::Local(error.into()),
        _ => Outcome::Failed(Event::Unreadable),
    }
}

fn panicked(PoolError::Panicked: PoolError) -> Error {
    CallError::Panicked { actor: Paths::NAME, message: "onion_layers" }.into()
}
