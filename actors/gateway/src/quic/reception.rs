//! Who is let in: connections are capped in all and per address, and those of an address under suspicion have to prove it.

use std::{cell::RefCell, collections::HashMap, net::IpAddr, rc::Rc, sync::Arc, time::Duration};

use quinn::{Endpoint, Incoming, VarInt};
use starling_kernel::Clock;
use tokio::{sync::watch, task::JoinSet};
use tracing::error;

use super::{
    endpoint::Terms,
    metrics::{self, Knock},
    visit::{Common, Visit},
};
use crate::admission::Caller;

/// From so many handshakes at a time on, newcomers have to prove their address.
const HANDSHAKES: usize = 64;
/// How long the goodbye to those who are still connected may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// Takes connections, and holds those that are open.
pub(super) struct Reception {
    pub(super) endpoint: Endpoint,
    pub(super) terms: Terms,
    pub(super) common: Rc<Common>,
    pub(super) closing: watch::Receiver<bool>,
    pub(super) max_connections: usize,
    pub(super) per_address: usize,
    pub(super) max_wide: usize,
    pub(super) handshake_within: Duration,
    /// How long those who are connected may take to finish when the door closes.
    pub(super) finish_within: Duration,
    pub(super) guests: Guests,
}

/// Who is connected. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Guests(Rc<RefCell<Counts>>);

#[derive(Default)]
struct Counts {
    all: usize,
    wide: usize,
    in_handshake: usize,
    by_address: HashMap<Caller, usize>,
}

/// A connection's place among the guests, given back when dropped.
struct Place {
    guests: Guests,
    caller: Caller,
    is_wide: bool,
    is_in_handshake: bool,
}

impl Guests {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.borrow().all
    }

    fn of(&self, caller: Caller) -> usize {
        self.0.borrow().by_address.get(&caller).copied().unwrap_or(0)
    }

    fn add(&self, caller: Caller, max_wide: usize) -> Place {
        let mut counts = self.0.borrow_mut();
        let is_wide = counts.wide < max_wide;
        counts.all += 1;
        counts.wide += usize::from(is_wide);
        counts.in_handshake += 1;
        *counts.by_address.entry(caller).or_default() += 1;
        metrics::connected();
        Place { guests: self.clone(), caller, is_wide, is_in_handshake: true }
    }
}

impl Place {
    fn is_welcome(&mut self) {
        self.is_in_handshake = false;
        self.guests.0.borrow_mut().in_handshake -= 1;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.guests.0.borrow_mut();
        counts.all -= 1;
        counts.wide -= usize::from(self.is_wide);
        counts.in_handshake -= usize::from(self.is_in_handshake);
        if let Some(count) = counts.by_address.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&self.caller);
            }
        }
        metrics::disconnected();
    }
}

impl Reception {
    /// Takes connections until the door closes, and then lets those who are connected finish. False when the socket failed.
    pub(super) async fn run(mut self) -> bool {
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = closed(&mut self.closing) => break,
                Some(visit) = visits.join_next(), if !visits.is_empty() => ended(visit),
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.receive(incoming, &mut visits),
                    None => return false,
                },
            }
        }
        let finish = async {
            loop {
                tokio::select! {
                    visit = visits.join_next() => match visit {
                        Some(visit) => ended(visit),
                        None => break,
                    },
                    // Newcomers are told at once, so that they go elsewhere.
                    Some(incoming) = self.endpoint.accept() => {
                        metrics::knocked(Knock::Refused);
                        incoming.refuse();
                    }
                }
            }
        };
        within(&self.common.clock, self.finish_within, finish).await;
        visits.shutdown().await;
        self.endpoint.close(VarInt::from_u32(0), b"");
        within(&self.common.clock, GOODBYE_WITHIN, self.endpoint.wait_idle()).await;
        true
    }

    fn receive(&self, incoming: Incoming, visits: &mut JoinSet<()>) {
        let from = incoming.remote_address().ip();
        let caller = Caller::from(from);
        let (all, own) = (self.guests.count(), self.guests.of(caller));
        // Whoever forges addresses must not use up the places of others: half of them are for those who proved theirs.
        let is_suspect = own >= self.per_address.div_ceil(2)
            || all >= self.max_connections.div_ceil(2)
            || self.guests.0.borrow().in_handshake >= HANDSHAKES;
        if is_suspect && !incoming.remote_address_validated() {
            // An address that is not proven can always be asked to prove itself.
            if incoming.retry().is_ok() {
                metrics::knocked(Knock::Retried);
            }
            return;
        }
        if all >= self.max_connections || own >= self.per_address {
            metrics::knocked(Knock::Refused);
            incoming.refuse();
            return;
        }
        let place = self.guests.add(caller, self.max_wide);
        visits.spawn_local(self.welcome(incoming, place));
    }

    /// The handshake, and the visit.
    fn welcome(&self, incoming: Incoming, mut place: Place) -> impl Future<Output = ()> + 'static {
        let terms = if place.is_wide { &self.terms.wide } else { &self.terms.narrow };
        let connecting = incoming.accept_with(Arc::clone(terms));
        let (common, mut closing) = (Rc::clone(&self.common), self.closing.clone());
        let deadline = self.common.clock.sleep(self.handshake_within);
        async move {
            let handshake = async {
                tokio::select! {
                    biased;
                    connection = async { connecting?.await } => connection.ok(),
                    () = deadline => None,
                    () = closed(&mut closing) => None,
                }
            };
            let Some(connection) = handshake.await else {
                metrics::knocked(Knock::Failed);
                return;
            };
            place.is_welcome();
            metrics::knocked(Knock::Welcome);
            Visit::new(connection, common, closing).run().await;
            drop(place);
        }
    }
}

/// Waits until the door closes.
pub(super) async fn closed(closing: &mut watch::Receiver<bool>) {
    // A sender that is gone closes the door as well.
    let _ = closing.wait_for(|closing| *closing).await;
}

/// Waits for `work`, at most so long.
async fn within(clock: &Arc<dyn Clock>, deadline: Duration, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = clock.sleep(deadline) => {}
    }
}

fn ended(visit: Result<(), tokio::task::JoinError>) {
    if visit.is_err_and(|error| error.is_panic()) {
        error!("a quic connection's task panicked");
        metrics::ended(metrics::Ending::Panicked);
    }
}

/// The address that a connection comes from now; it may move.
pub(super) fn address(connection: &quinn::Connection) -> IpAddr {
    connection.remote_address().ip()
}
