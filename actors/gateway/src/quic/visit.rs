//! One connection: its streams, and what all of them share.

use std::{net::IpAddr, rc::Rc, sync::Arc, time::Duration};

use quinn::{Connection, VarInt};
use starling_contracts::subscriptions::{Link, LinkId, Notice};
use starling_kernel::{Clock, Entropy};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};
use tracing::error;

use super::{
    desk::Desk,
    memory::{Held, Quota},
    metrics::{self, Ending},
    reception::{address, closed},
    stream,
};

/// The code that streams and connections are ended with when their client did not keep to the rules.
pub(super) const AT_FAULT: VarInt = VarInt::from_u32(1);
/// The code that they are ended with otherwise.
pub(super) const GOODBYE: VarInt = VarInt::from_u32(0);

/// What all connections share.
pub(super) struct Common {
    pub(super) desk: Desk,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// Requests under way.
    pub(super) requests: Arc<Semaphore>,
    pub(super) memory: Quota,
    pub(super) limits: Limits,
}

/// The bounds of one connection.
pub(super) struct Limits {
    pub(super) requests: usize,
    pub(super) memory: u64,
    pub(super) notices: usize,
    pub(super) message_within: Duration,
    pub(super) write_within: Duration,
}

/// An open connection.
pub(super) struct Visit {
    connection: Connection,
    guest: Rc<Guest>,
    closing: watch::Receiver<bool>,
    notices: Option<mpsc::Receiver<Notice>>,
}

/// What the streams of one connection share.
pub(super) struct Guest {
    pub(super) common: Rc<Common>,
    pub(super) link: Link,
    /// This connection's requests under way.
    pub(super) requests: Arc<Semaphore>,
    memory: Quota,
    connection: Connection,
}

impl Guest {
    /// Memory for one request and its answer; none yet.
    pub(super) fn hold(&self) -> Held {
        Held::new(&self.common.memory, &self.memory)
    }

    pub(super) fn address(&self) -> IpAddr {
        address(&self.connection)
    }
}

impl Visit {
    pub(super) fn new(connection: Connection, common: Rc<Common>, closing: watch::Receiver<bool>) -> Self {
        let (outlet, notices) = mpsc::channel(common.limits.notices);
        let link = Link { id: LinkId(u64::from_le_bytes(common.entropy.bytes())), outlet };
        let guest = Guest {
            link,
            requests: Arc::new(Semaphore::new(common.limits.requests)),
            memory: Quota::new(common.limits.memory),
            connection: connection.clone(),
            common,
        };
        Self { connection, guest: Rc::new(guest), closing, notices: Some(notices) }
    }

    /// Serves the connection until it ends or the door closes; then what was begun is finished.
    pub(super) async fn run(mut self) {
        let mut streams = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = closed(&mut self.closing) => break,
                Some(ended) = streams.join_next(), if !streams.is_empty() => self.ended(ended),
                opened = self.connection.accept_bi() => match opened {
                    Ok((outgoing, incoming)) => {
                        // The first stream is the client's stream 0: what is told without being asked goes there.
                        let notices = self.notices.take();
                        let (guest, closing) = (Rc::clone(&self.guest), self.closing.clone());
                        streams.spawn_local(stream::serve(guest, closing, incoming, outgoing, notices));
                    }
                    // With it, its streams and their requests end.
                    Err(_) => return,
                },
            }
        }
        while let Some(ended) = tokio::select! {
            ended = streams.join_next() => ended,
            _ = self.connection.closed() => None,
        } {
            self.ended(ended);
        }
        self.connection.close(GOODBYE, b"");
    }

    fn ended(&self, stream: Result<Option<Ending>, tokio::task::JoinError>) {
        let ending = match stream {
            Ok(ending) => ending,
            Err(error) if error.is_panic() => {
                error!("a quic stream's task panicked");
                Some(Ending::Panicked)
            }
            Err(_) => None,
        };
        if let Some(ending) = ending {
            metrics::ended(ending);
        }
        if ending == Some(Ending::SlowReader) {
            // Whoever does not take answers on one stream would not take others elsewhere, and gains nothing by waiting.
            self.connection.close(AT_FAULT, b"answers are not read");
        }
    }
}
