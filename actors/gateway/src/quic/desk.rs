//! Who answers which command.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use starling_contracts::{
    routing::{self, EnterOnion, Origins},
    storage::{self, ServeMethod},
    subscriptions::{self, Link, Subscribe},
};
use starling_kernel::{CallError, Clock, Context, CpuPool, Recipient};
use starling_protocol::storage::request::METHODS;

use super::{
    form::Form,
    metrics::{Endpoint, Outcome},
};
use crate::admission::Admission;

/// How much of a name that nobody knows is said back to who sent it.
const NAME_SHOWN: usize = 256;

/// The actors that are asked.
pub(super) struct Desk {
    storage: Recipient<ServeMethod>,
    onions: Recipient<EnterOnion>,
    subscriptions: Recipient<Subscribe>,
    admission: Arc<Admission>,
    origins: Origins,
    clock: Arc<dyn Clock>,
    pool: CpuPool,
}

/// A command, and who sent it.
pub(super) struct Command<'a> {
    pub(super) name: &'a [u8],
    pub(super) body: Bytes,
    pub(super) from: IpAddr,
    pub(super) link: &'a Link,
}

impl Desk {
    pub(super) fn new(admission: Arc<Admission>, ctx: &Context) -> Self {
        Self {
            storage: ctx.recipient(),
            onions: ctx.recipient(),
            subscriptions: ctx.recipient(),
            admission,
            origins: Origins::new(&**ctx.entropy()),
            clock: Arc::clone(ctx.clock()),
            pool: ctx.pool().clone(),
        }
    }

    /// What a name stands for.
    pub(super) fn endpoint(name: &[u8]) -> Endpoint {
        match name {
            b"onion_req" => Endpoint::Onion,
            b"monitor" => Endpoint::Monitor,
            b"snode_ping" => Endpoint::Ping,
            name if METHODS.iter().any(|method| method.as_bytes() == name) => Endpoint::Storage,
            _ => Endpoint::Unknown,
        }
    }

    /// Answers a command.
    pub(super) async fn answer(&self, command: Command<'_>) -> (Form, Outcome) {
        let answered = match Self::endpoint(command.name) {
            Endpoint::Ping => Ok(Form::Reply(Bytes::from_static(b"pong"))),
            Endpoint::Onion => self.onion(command.body, command.from).await,
            Endpoint::Monitor => self.monitor(command.body, command.link.clone()).await,
            Endpoint::Storage => {
                if self.admission.admit(command.from, self.clock.elapsed()).is_err() {
                    return (Form::too_often(), Outcome::Limited);
                }
                let method = String::from_utf8_lossy(command.name).into_owned();
                self.storage(method, command.body).await
            }
            Endpoint::Unknown => {
                let shown = &command.name[..command.name.len().min(NAME_SHOWN)];
                Ok(Form::Error([b"Invalid endpoint '", shown, b"'"].concat().into()))
            }
        };
        match answered {
            Ok(form @ Form::Reply(_)) => (form, Outcome::Replied),
            Ok(form @ Form::Error(_)) => (form, Outcome::Refused),
            Err(Unserved::Busy) => (Form::busy(), Outcome::Busy),
            Err(Unserved::NotReady(reasons)) => (Form::not_ready(&reasons), Outcome::Refused),
            Err(Unserved::Failed) => (Form::request_failed(), Outcome::Refused),
        }
    }

    async fn storage(&self, method: String, params: Bytes) -> Result<Form, Unserved> {
        match self.storage.ask(ServeMethod { method, params }).await {
            // Megabytes of JSON would hold up every other connection if this thread wrote them.
            Ok(answer) => self.pool.run(move || Form::storage(answer)).await.map_err(|_| Unserved::Failed),
            Err(storage::Error::NotReady(reasons)) => Err(Unserved::NotReady(reasons)),
            Err(storage::Error::Call(error)) => Err(error.into()),
            Err(_) => Err(Unserved::Failed),
        }
    }

    async fn onion(&self, frame: Bytes, from: IpAddr) -> Result<Form, Unserved> {
        // For a fair turn at the relay.
        let origin = self.origins.of(from);
        match self.onions.ask(EnterOnion { frame, origin }).await {
            Ok(answer) => Ok(Form::onion(answer)),
            Err(routing::Error::NotReady(reasons)) => Err(Unserved::NotReady(reasons)),
            Err(routing::Error::Call(error)) => Err(error.into()),
            Err(_) => Err(Unserved::Failed),
        }
    }

    async fn monitor(&self, request: Bytes, link: Link) -> Result<Form, Unserved> {
        match self.subscriptions.ask(Subscribe { request, link }).await {
            Ok(reply) => Ok(Form::Reply(reply)),
            Err(subscriptions::Error::NotReady(reasons)) => Err(Unserved::NotReady(reasons)),
            Err(subscriptions::Error::Call(error)) => Err(error.into()),
            Err(_) => Err(Unserved::Failed),
        }
    }
}

/// Why an actor gave no answer, as clients are told (storage-rpc §1.1).
enum Unserved {
    Busy,
    NotReady(String),
    Failed,
}

impl From<CallError> for Unserved {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Busy { .. } => Self::Busy,
            CallError::Stopping { .. } => Self::NotReady("shutting down".to_owned()),
            // The doors open before the other actors are there.
            CallError::NotServed { .. } => Self::NotReady("starting".to_owned()),
            CallError::Failed { actor } => Self::NotReady(format!("{actor} has failed")),
            _ => Self::Failed,
        }
    }
}
