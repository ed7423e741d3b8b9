//! The connections that are open, and what each has under way.
//!
//! libzmq tells of a connection only the address it came from. Each client therefore gets an address of its own within
//! 127.0.0.0/8, its *name*, from which the guard connects to libzmq on its behalf.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use starling_contracts::subscriptions::Link;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use super::{
    config::Config,
    metrics::{self, Ending},
};
use crate::admission::Caller;

/// One client's connection.
pub(super) struct Line {
    /// Its address towards libzmq, unlike that of any other open connection.
    pub(super) name: Ipv4Addr,
    /// Where the client is.
    pub(super) from: IpAddr,
    /// Told whenever libzmq has given out a whole message of this connection.
    pub(super) finished: Notify,
    state: Mutex<State>,
    shared: Arc<Shared>,
    over: watch::Sender<Option<Ending>>,
    requests: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    unread_limit: usize,
}

#[derive(Default)]
struct State {
    /// libzmq's name for the connection, as of its latest message.
    route: Bytes,
    /// Bytes given to libzmq that have not left the house yet.
    unread: usize,
    link: Option<Link>,
    is_over: bool,
}

/// What all connections have together.
struct Shared {
    open: Mutex<Open>,
    requests: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    unread: Mutex<usize>,
    unread_limit: usize,
}

#[derive(Default)]
struct Open {
    lines: HashMap<Ipv4Addr, Arc<Line>>,
    callers: HashMap<Caller, usize>,
    /// How many names have been given.
    named: u32,
}

/// What a request holds until it is answered.
pub(super) struct Permits {
    _held: [OwnedSemaphorePermit; 4],
}

/// All open connections.
#[derive(Clone)]
pub(super) struct Lines {
    shared: Arc<Shared>,
    per_caller: usize,
    requests_per_line: usize,
    unread_limit: usize,
}

/// An open connection's place among the others, given up when dropped.
pub(super) struct Place {
    pub(super) line: Arc<Line>,
}

/// What a connection's requests may take in memory at once.
const LINE_MEMORY: usize = 32 << 20;
/// Memory is counted in units of this many bytes, for a semaphore counts to 2^29 only on small machines.
const UNIT: usize = 1024;

/// How many units hold that many bytes.
pub(super) fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lines {
    pub(super) fn new(config: &Config) -> Self {
        let bytes = |size: bytesize::ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        let memory = usize::try_from(units(bytes(config.memory))).unwrap_or(Semaphore::MAX_PERMITS);
        let shared = Shared {
            open: Mutex::default(),
            requests: Arc::new(Semaphore::new(config.max_requests)),
            memory: Arc::new(Semaphore::new(memory.min(Semaphore::MAX_PERMITS))),
            unread: Mutex::default(),
            unread_limit: bytes(config.memory),
        };
        Self {
            shared: Arc::new(shared),
            per_caller: config.max_connections_per_address,
            requests_per_line: config.max_requests_per_connection,
            unread_limit: bytes(config.unread),
        }
    }

    /// A place for a client's connection, unless there are too many from there.
    pub(super) fn open(&self, from: IpAddr) -> Option<Place> {
        let caller = Caller::from(from);
        let mut open = lock(&self.shared.open);
        let count = open.callers.entry(caller).or_default();
        if *count >= self.per_caller {
            return None;
        }
        *count += 1;
        let name = open.next_name();
        let line = Arc::new(Line {
            name,
            from,
            finished: Notify::new(),
            state: Mutex::default(),
            shared: Arc::clone(&self.shared),
            over: watch::Sender::new(None),
            requests: Arc::new(Semaphore::new(self.requests_per_line)),
            memory: Arc::new(Semaphore::new(LINE_MEMORY / UNIT)),
            unread_limit: self.unread_limit,
        });
        open.lines.insert(name, Arc::clone(&line));
        metrics::opened();
        Some(Place { line })
    }

    /// The open connection of that name.
    pub(super) fn find(&self, name: Ipv4Addr) -> Option<Arc<Line>> {
        lock(&self.shared.open).lines.get(&name).cloned()
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        lock(&self.shared.open).lines.len()
    }

    /// Memory for messages that are being received, and for requests.
    pub(super) fn memory(&self) -> &Arc<Semaphore> {
        &self.shared.memory
    }

    /// Counts every request under way.
    pub(super) fn requests(&self) -> &Arc<Semaphore> {
        &self.shared.requests
    }
}

impl Open {
    /// The next name that nobody has. There are many more names than connections can be open.
    fn next_name(&mut self) -> Ipv4Addr {
        loop {
            let [_, _, high, low] = (self.named % (254 << 8)).to_be_bytes();
            let second = u8::try_from(self.named / (254 << 8) % 253).unwrap_or(0) + 2;
            self.named = self.named.wrapping_add(1);
            // 127.0.0.0/16 is left to whoever uses the usual loopback address, and .0 and .255 are no hosts everywhere.
            let name = Ipv4Addr::new(127, second, high, low.clamp(1, 254));
            if !self.lines.contains_key(&name) {
                return name;
            }
        }
    }
}

impl Line {
    /// Holds a request's share of everything that is bounded, or nothing when some of it is used up.
    pub(super) fn permits(&self, bytes: usize) -> Option<Permits> {
        let units = units(bytes);
        let one = |semaphore: &Arc<Semaphore>| Arc::clone(semaphore).try_acquire_owned().ok();
        let many = |semaphore: &Arc<Semaphore>| Arc::clone(semaphore).try_acquire_many_owned(units).ok();
        let held = [
            one(&self.requests)?,
            many(&self.memory)?,
            one(&self.shared.requests)?,
            many(&self.shared.memory)?,
        ];
        Some(Permits { _held: held })
    }

    /// A message came, from what libzmq calls `route`.
    pub(super) fn spoke(&self, route: &[u8]) {
        let mut state = lock(&self.state);
        if state.route != route {
            state.route = Bytes::copy_from_slice(route);
        }
        drop(state);
        self.finished.notify_one();
    }

    /// Where to send, if that many bytes more may wait to be read.
    pub(super) fn route_for(&self, bytes: usize) -> Result<Bytes, NoRoute> {
        let mut state = lock(&self.state);
        if state.is_over {
            return Err(NoRoute::Over);
        }
        let mut all = lock(&self.shared.unread);
        if state.unread + bytes > self.unread_limit || *all + bytes > self.shared.unread_limit {
            return Err(NoRoute::Unread);
        }
        state.unread += bytes;
        *all += bytes;
        Ok(state.route.clone())
    }

    /// So many bytes went out to the client. Encryption and framing make them more than were put in.
    pub(super) fn went_out(&self, bytes: usize) {
        let mut state = lock(&self.state);
        let fewer = bytes.min(state.unread);
        state.unread -= fewer;
        *lock(&self.shared.unread) -= fewer;
    }

    /// The link for notifications, made at the first use; `None` once the connection is over.
    pub(super) fn link(&self, make: impl FnOnce() -> Link) -> Option<Link> {
        let mut state = lock(&self.state);
        if state.is_over {
            return None;
        }
        Some(state.link.get_or_insert_with(make).clone())
    }

    /// Ends the connection, unless it is ending already.
    pub(super) fn cut(&self, why: Ending) {
        self.over.send_if_modified(|over| {
            let is_first = over.is_none();
            over.get_or_insert(why);
            is_first
        });
    }

    /// Resolves when the connection is to end, or has.
    pub(super) async fn over(&self) -> Ending {
        let mut over = self.over.subscribe();
        let ending = over.wait_for(Option::is_some).await;
        // The sender is this line's own, so there is always an ending.
        ending.ok().and_then(|ending| *ending).unwrap_or(Ending::Closed)
    }
}

/// Why nothing can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRoute {
    /// The connection is gone.
    Over,
    /// Too much waits to be read already.
    Unread,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Line { name, from, shared, .. } = &*self.line;
        self.line.cut(Ending::Closed);
        let mut state = lock(&self.line.state);
        state.is_over = true;
        state.link = None;
        *lock(&shared.unread) -= std::mem::take(&mut state.unread);
        drop(state);
        let mut open = lock(&shared.open);
        open.lines.remove(name);
        let caller = Caller::from(*from);
        if let Some(count) = open.callers.get_mut(&caller) {
            *count -= 1;
            if *count == 0 {
                open.callers.remove(&caller);
            }
        }
        metrics::closed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Lines {
        Lines::new(&Config { max_connections_per_address: 2, ..Config::default() })
    }

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

    #[test]
    fn every_connection_has_a_name_of_its_own() {
        let lines = Lines::new(&Config { max_connections_per_address: 70_000, ..Config::default() });

        let places: Vec<_> = (0..66_000).map(|_| lines.open(HERE).expect("there is room")).collect();

        assert_eq!(lines.count(), places.len());
        for place in &places {
            let [first, second, _, last] = place.line.name.octets();
            assert!(first == 127 && second >= 2 && (1..=254).contains(&last), "{}", place.line.name);
            assert!(lines.find(place.line.name).is_some_and(|line| Arc::ptr_eq(&line, &place.line)));
        }
    }

    #[test]
    fn an_address_has_so_many_connections_and_a_network_counts_as_one() {
        let lines = lines();
        let first = lines.open(HERE);
        let _second = lines.open(HERE).expect("two may be open");

        assert!(lines.open(HERE).is_none());
        drop(first);
        assert!(lines.open(HERE).is_some());
        let network = |last| IpAddr::from([0x2001, 0xdb8, 1, 2, 3, 4, 5, last]);
        let _held: Vec<_> = (0..2).map(|last| lines.open(network(last)).expect("two")).collect();
        assert!(lines.open(network(9)).is_none());
    }

    #[test]
    fn what_is_not_read_is_bounded_and_given_back_with_the_connection() {
        let lines = lines();
        let place = lines.open(HERE).expect("there is room");
        let limit = 16 << 20;

        assert_eq!(place.line.route_for(limit), Ok(Bytes::new()));
        assert_eq!(place.line.route_for(1), Err(NoRoute::Unread));
        place.line.went_out(100);
        assert_eq!(place.line.route_for(100), Ok(Bytes::new()));
        let line = Arc::clone(&place.line);
        drop(place);

        assert_eq!(line.route_for(1), Err(NoRoute::Over));
        assert_eq!(*lock(&line.shared.unread), 0);
    }

    #[test]
    fn bytes_beyond_what_was_given_earn_no_credit() {
        let lines = lines();
        let place = lines.open(HERE).expect("there is room");
        place.line.went_out(1 << 30);

        assert_eq!(place.line.route_for((16 << 20) + 1), Err(NoRoute::Unread));
    }

    #[test]
    fn a_connection_holds_so_many_requests() {
        let config = Config { max_requests: 3, max_requests_per_connection: 2, ..Config::default() };
        let lines = Lines::new(&config);
        let (one, other) = (lines.open(HERE).expect("room"), lines.open(HERE).expect("room"));

        let held = [one.line.permits(10), one.line.permits(10)];
        assert!(held.iter().all(Option::is_some));
        assert!(one.line.permits(10).is_none(), "the connection's own share is used up");
        let last = other.line.permits(10);
        assert!(last.is_some() && other.line.permits(10).is_none(), "everybody's share is used up");
        drop(held);
        assert!(other.line.permits(10).is_some());
        assert!(one.line.permits(LINE_MEMORY + 1).is_none());
    }
}
