//! Asking the network: everything that leaves this actor goes through here.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value as Json;
use starling_contracts::{
    inbox::Error,
    routing::{self, AskSwarm, KnownSwarm, NetworkTime, NodeReply, SwarmMembers},
};
use starling_kernel::{Context, ErrorKind, Kinded as _};
use starling_protocol::{account::AccountId, crypto::ed25519};
use tracing::debug;

use crate::{config::Config, outgoing::Packet, polling};

/// The status by which a node says that the client's clock is wrong.
pub(crate) const CLOCK: u16 = 406;
/// The status by which a node says that the account is not its swarm's.
pub(crate) const WRONG_SWARM: u16 = 421;
/// How much longer than its own deadline a request is waited for: routing's own error says more than a late one.
const GRACE: Duration = Duration::from_secs(5);

/// Asks swarms through the routing actor.
pub(crate) struct Delivery {
    ctx: Context,
    deadline: Duration,
    pause: Duration,
}

/// A packet that at least one member has on disk.
pub(crate) struct Stored {
    /// The members that have it.
    pub(crate) by: Vec<ed25519::PublicKey>,
    /// The hops that the request took, guard first.
    pub(crate) path: Vec<ed25519::PublicKey>,
}

/// Was the packet offered before, by an earlier call or process?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// Nobody can have it.
    Never,
    /// Somebody may have it.
    Perhaps,
}

/// Why a packet was not stored, after all attempts.
pub(crate) struct Failure {
    /// What the last attempt ended with.
    pub(crate) error: Error,
    /// No member has the packet: every attempt was refused, or did not get as far as a member.
    pub(crate) is_certain: bool,
}

impl Failure {
    /// Does the swarm find the time of this machine wrong? Routing has measured it anew then.
    pub(crate) fn is_clock(&self) -> bool {
        is_clock(&self.error)
    }

    /// Will the swarm never take this packet?
    pub(crate) fn is_permanent(&self) -> bool {
        match &self.error {
            Error::Refused { status, .. } => {
                (400..500).contains(status) && !matches!(*status, CLOCK | WRONG_SWARM | 425 | 429)
            }
            _ => false,
        }
    }
}

/// How an attempt failed.
struct Attempt {
    error: Error,
    /// Did it surely leave nothing behind?
    is_certain: bool,
}

impl Delivery {
    pub(crate) fn new(ctx: Context, config: &Config) -> Self {
        let Config { request_deadline, retry_pause, .. } = config;
        Self { ctx, deadline: *request_deadline, pause: *retry_pause }
    }

    /// Milliseconds of network time.
    pub(crate) async fn time(&self) -> Result<u64, routing::Error> {
        self.ctx.recipient::<NetworkTime>().ask(NetworkTime).await
    }

    /// The account's swarm, as far as it is known.
    pub(crate) async fn swarm(&self, account: AccountId) -> Option<KnownSwarm> {
        let members = self.ctx.recipient::<SwarmMembers>();
        members.ask_within(SwarmMembers { account }, self.deadline + GRACE).await.ok()
    }

    /// One request to a member of the account's swarm.
    pub(crate) async fn ask(
        &self,
        account: AccountId,
        payload: Bytes,
        prefer: Option<ed25519::PublicKey>,
    ) -> Result<NodeReply, routing::Error> {
        let question = AskSwarm { account, payload, prefer, deadline: self.deadline };
        self.ctx.recipient::<AskSwarm>().ask_within(question, self.deadline + GRACE).await
    }

    /// Stores a packet, trying again what another try may mend. The bytes stay the same, so that a try whose answer was lost
    /// makes no second message. For the same reason a packet that somebody may have is offered once more as it is when the
    /// clock is found wrong: the time in the request is not the message's.
    pub(crate) async fn store(
        &self,
        packet: &Packet,
        earlier: Earlier,
        attempts: usize,
    ) -> Result<Stored, Failure> {
        let mut attempt = 1;
        let mut is_certain = earlier == Earlier::Never;
        let mut is_remeasured = false;
        loop {
            let failed = match self.try_store(packet).await {
                Ok(stored) => return Ok(stored),
                Err(failed) => failed,
            };
            is_certain &= failed.is_certain;
            let error = failed.error;
            if is_clock(&error) {
                if is_certain || std::mem::replace(&mut is_remeasured, true) {
                    return Err(Failure { error, is_certain });
                }
                continue;
            }
            if attempt >= attempts || !is_worth_another_try(&error) {
                return Err(Failure { error, is_certain });
            }
            debug!(attempt, kind = ?error.kind(), "a packet was not stored");
            attempt += 1;
            self.ctx.clock().sleep(self.pause).await;
        }
    }

    async fn try_store(&self, packet: &Packet) -> Result<Stored, Attempt> {
        let now = self.time().await.map_err(|error| Attempt { error: error.into(), is_certain: true })?;
        let reply = self.ask(packet.account, packet.store_request(now), None).await.map_err(|error| {
            let is_certain = is_before_the_swarm(&error);
            Attempt { error: error.into(), is_certain }
        })?;
        if reply.status != 200 {
            // A node that refuses has stored nothing; one that failed may have.
            let is_certain = reply.status < 500 || reply.status == 503;
            return Err(Attempt { error: refused(reply.status, &reply.body), is_certain });
        }
        let by = packet.stored_by(&reply.body);
        if by.is_empty() {
            return Err(Attempt { error: Error::NotStored, is_certain: false });
        }
        Ok(Stored { by, path: reply.path })
    }
}

fn is_clock(error: &Error) -> bool {
    matches!(error, Error::Refused { status: CLOCK, .. })
}

/// Did the request surely get no further than to the first nodes?
fn is_before_the_swarm(error: &routing::Error) -> bool {
    matches!(
        error,
        routing::Error::NotReady(_)
            | routing::Error::NoNodeReachable
            | routing::Error::TooFewNodes { .. }
            | routing::Error::UnknownDestination
    )
}

/// What a node's status and words are to the caller.
pub(crate) fn refused(status: u16, body: &Json) -> Error {
    Error::Refused { status, reason: polling::reason(body) }
}

fn is_worth_another_try(error: &Error) -> bool {
    match error {
        Error::Refused { status, .. } => *status >= 500 || matches!(*status, WRONG_SWARM | 429),
        error => matches!(error.kind(), ErrorKind::Transient | ErrorKind::PeerAtFault),
    }
}
