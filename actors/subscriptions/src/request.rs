//! A client's request, read and checked on the CPU pool in small pieces, so that tens of thousands of signatures hold up
//! nobody else's single one.
//!
//! First the whole list is looked through, because one that cannot be read to its end is refused as a whole and subscribes to
//! nothing. Then its entries are checked piece by piece, a few pieces at a time, and take effect in their order.

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use starling_contracts::subscriptions::{Error, Link};
use starling_kernel::{CallError, PoolError};
use starling_protocol::{
    account::AccountId,
    bencode::Dict,
    storage::monitor::{self, MonitorError, encode_replies},
    swarm::SwarmId,
};

use crate::{
    metrics::{self, Outcome},
    namespaces::Namespaces,
    state::State,
    swarms::Swarms,
    table::Held,
};

/// Entries that are checked in one go: a few milliseconds of one core.
const PIECE: usize = 32;
/// Entries that are looked through in one go, which is a hundred times quicker.
const LOOK: usize = 1024;
/// Most entries of one request. Signed ones take 130 bytes or more, so that a request of 10 MiB holds few more; and the
/// longest replies to these fit into one.
const MAX_ENTRIES: usize = 75_000;
/// Longest reply: every transport takes so much.
const MAX_REPLY: usize = 9_900_000;
/// Longest reply to one entry, the details of a wrong swarm aside.
const LONGEST_BARE: usize = 128;

const TOO_MANY: MonitorError = MonitorError::Arguments("too many subscriptions in one request");
const ELSEWHERE: MonitorError = MonitorError::WrongSwarm { details: Dict::new() };
const FULL: MonitorError = MonitorError::Arguments("no more subscriptions are held for this connection");

/// A request on its way through the pool.
pub(crate) struct Request {
    state: Rc<State>,
    payload: Bytes,
    link: Link,
}

/// Where the pieces of a request begin, and how many entries each has.
type Pieces = Vec<(usize, usize)>;

/// A subscription whose signature is good.
struct Checked {
    account: AccountId,
    namespaces: Namespaces,
    wants_data: bool,
    /// The swarm that keeps the account, if it is not this node's.
    elsewhere: Option<SwarmId>,
}

impl Request {
    pub(crate) fn new(state: Rc<State>, payload: Bytes, link: Link) -> Self {
        Self { state, payload, link }
    }

    /// Does all of it; gives the reply.
    pub(crate) async fn serve(self) -> Result<Bytes, Error> {
        let is_list = match monitor::is_list(&self.payload) {
            Ok(is_list) => is_list,
            Err(refusal) => return Ok(refused(&refusal)),
        };
        let pieces = match is_list {
            true => self.look_through().await?,
            false => self.look_at_one().await?,
        };
        match pieces {
            Ok(pieces) => self.check(is_list, pieces).await,
            Err(refusal) => Ok(refused(&refusal)),
        }
    }

    async fn look_at_one(&self) -> Result<Result<Pieces, MonitorError>, Error> {
        let payload = self.payload.clone();
        let job = move || monitor::parse(&payload).map(|_| vec![(0, 1)]);
        self.state.pool.run(job).await.map_err(broken)
    }

    async fn look_through(&self) -> Result<Result<Pieces, MonitorError>, Error> {
        let (mut pieces, mut at, mut n_entries) = (Pieces::new(), 1, 0);
        loop {
            let payload = self.payload.clone();
            let part = self.state.pool.run(move || look(&payload, at)).await.map_err(broken)?;
            let Part { pieces: more, next, is_last } = match part {
                Ok(part) => part,
                Err(refusal) => return Ok(Err(refusal)),
            };
            n_entries += more.iter().map(|(_, count)| count).sum::<usize>();
            pieces.extend(more);
            at = next;
            if n_entries > MAX_ENTRIES {
                return Ok(Err(TOO_MANY));
            }
            if is_last {
                return Ok(Ok(pieces));
            }
        }
    }

    async fn check(self, is_list: bool, pieces: Pieces) -> Result<Bytes, Error> {
        // Half of the threads, so that the other half is there for everybody else.
        let width = (self.state.pool.threads() / 2).max(1);
        let now_seconds = i64::try_from(self.state.clock.now_ms() / 1000).unwrap_or(i64::MAX);
        let swarms = self.state.ready()?;
        let left = pieces.iter().map(|(_, count)| count).sum();
        let mut reply = Reply { bytes: Vec::new(), left };
        if is_list {
            reply.bytes.push(b'l');
        }
        let checks = stream::iter(pieces).map(|(at, count)| {
            let (payload, swarms) = (self.payload.clone(), Arc::clone(&swarms));
            self.state.pool.run(move || check_piece(&payload[at..], count, now_seconds, &swarms))
        });
        let mut checks = std::pin::pin!(checks.buffered(width));
        while let Some(outcomes) = checks.next().await {
            for outcome in outcomes.map_err(broken)? {
                self.take(outcome, &swarms, &mut reply);
            }
            let table = self.state.table.borrow();
            metrics::held(table.held(), table.links());
        }
        if is_list {
            reply.bytes.push(b'e');
        }
        Ok(reply.bytes.into())
    }

    /// Lets one subscription take effect, and adds its reply.
    fn take(&self, outcome: Result<Checked, MonitorError>, checked_with: &Arc<Swarms>, reply: &mut Reply) {
        let Checked { account, namespaces, wants_data, elsewhere } = match outcome {
            Ok(checked) => checked,
            Err(refusal) => return reply.refuse(Outcome::of_code(refusal.code()), refusal),
        };
        // The swarms may have changed while the signature was checked.
        let newer = self.state.swarms().filter(|swarms| !Arc::ptr_eq(swarms, checked_with));
        let elsewhere = newer.as_ref().map_or(elsewhere, |swarms| swarms.elsewhere(&account));
        if let Some(keeper) = elsewhere {
            let refusal = newer.as_ref().unwrap_or(checked_with).refusal(keeper);
            return reply.send_elsewhere(&refusal);
        }
        let mut table = self.state.table.borrow_mut();
        match table.subscribe(self.state.now(), &self.link, &account, namespaces, wants_data) {
            Held::Added => reply.accept(Outcome::Added),
            Held::Renewed => reply.accept(Outcome::Renewed),
            // Whoever asked is gone, and will not read this either.
            Held::Closed => reply.accept(Outcome::Added),
            Held::Full => reply.refuse(Outcome::Full, FULL),
        }
    }
}

/// The pieces of a part of a list.
struct Part {
    pieces: Pieces,
    next: usize,
    is_last: bool,
}

/// Looks through the next entries of a list, from byte `at` on.
fn look(payload: &[u8], mut at: usize) -> Result<Part, MonitorError> {
    let mut pieces = Pieces::new();
    for seen in 0..LOOK {
        if payload.get(at) == Some(&b'e') {
            let is_last = true;
            return match at + 1 == payload.len() {
                true => Ok(Part { pieces, next: at, is_last }),
                false => Err(MonitorError::Arguments("Failed to parse monitor.messages data value")),
            };
        }
        if seen % PIECE == 0 {
            pieces.push((at, 0));
        }
        let (_, used) = monitor::parse_entry(&payload[at..])?;
        at += used;
        if let Some((_, count)) = pieces.last_mut() {
            *count += 1;
        }
    }
    Ok(Part { pieces, next: at, is_last: false })
}

fn check_piece(
    mut bytes: &[u8],
    count: usize,
    now_seconds: i64,
    swarms: &Swarms,
) -> Vec<Result<Checked, MonitorError>> {
    let next = |_| {
        let (entry, used) = monitor::parse_entry(bytes).unwrap_or_else(|refusal| (Err(refusal), 0));
        bytes = &bytes[used..];
        let subscription = entry?;
        let account = subscription.verify(now_seconds)?;
        Ok(Checked {
            account,
            namespaces: subscription.namespaces.into_iter().collect(),
            wants_data: subscription.wants_data,
            elsewhere: swarms.elsewhere(&account),
        })
    };
    (0..count).map(next).collect()
}

/// The reply in the making.
struct Reply {
    bytes: Vec<u8>,
    /// Entries that have no reply yet.
    left: usize,
}

impl Reply {
    fn accept(&mut self, outcome: Outcome) {
        metrics::entries(outcome, 1);
        self.add(&encode_replies(false, &[Ok(())]));
    }

    fn refuse(&mut self, outcome: Outcome, refusal: MonitorError) {
        metrics::entries(outcome, 1);
        self.add(&encode_replies(false, &[Err(refusal)]));
    }

    /// Says who keeps an account. A list full of accounts of others would make a reply that no transport takes: what no longer
    /// fits is refused without the list of nodes.
    fn send_elsewhere(&mut self, refusal: &[u8]) {
        metrics::entries(Outcome::WrongSwarm, 1);
        if self.bytes.len() + refusal.len() + self.left * LONGEST_BARE <= MAX_REPLY {
            self.add(refusal);
        } else {
            self.add(&encode_replies(false, &[Err(ELSEWHERE)]));
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.left = self.left.saturating_sub(1);
    }
}

fn refused(refusal: &MonitorError) -> Bytes {
    metrics::entries(Outcome::of_code(refusal.code()), 1);
    encode_replies(false, &[Err(refusal.clone())]).into()
}

fn broken(PoolError::Panicked: PoolError) -> Error {
    CallError::Panicked { actor: "subscriptions", message: "subscribe" }.into()
}

#[cfg(test)]
mod tests;
