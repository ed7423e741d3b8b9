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
    attempts: usize,
    pause: Duration,
}

/// A packet that at least one member has on disk.
pub(crate) struct Stored {
    /// The members that have it.
    pub(crate) by: Vec<ed25519::PublicKey>,
    /// The hops that the request took, guard first.
    pub(crate) path: Vec<ed25519::PublicKey>,
}

/// Why a packet was not stored.
pub(crate) enum Failure {
    /// The swarm finds the time of this machine wrong; routing has measured it anew.
    Clock(Error),
    /// Anything else, all attempts included.
    Final(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Clock(error) | Failure::Final(error) => error,
        }
    }
}

impl Delivery {
    pub(crate) fn new(ctx: Context, config: &Config) -> Self {
        let Config { request_deadline, send_attempts, retry_pause, .. } = config;
        Self { ctx, deadline: *request_deadline, attempts: *send_attempts, pause: *retry_pause }
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
    /// makes no second message.
    pub(crate) async fn store(&self, packet: &Packet) -> Result<Stored, Failure> {
        let mut attempt = 1;
        loop {
            match self.try_store(packet).await {
                Err(Failure::Final(error)) if attempt < self.attempts && is_worth_another_try(&error) => {
                    debug!(attempt, kind = ?error.kind(), "a packet was not stored");
                    attempt += 1;
                    self.ctx.clock().sleep(self.pause).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_store(&self, packet: &Packet) -> Result<Stored, Failure> {
        let failed = |error: routing::Error| Failure::Final(error.into());
        let now = self.time().await.map_err(failed)?;
        let reply = self.ask(packet.account, packet.store_request(now), None).await.map_err(failed)?;
        match reply.status {
            200 => {
                let by = packet.stored_by(&reply.body);
                if by.is_empty() {
                    Err(Failure::Final(Error::NotStored))
                } else {
                    Ok(Stored { by, path: reply.path })
                }
            }
            CLOCK => Err(Failure::Clock(refused(CLOCK, &reply.body))),
            status => Err(Failure::Final(refused(status, &reply.body))),
        }
    }
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
