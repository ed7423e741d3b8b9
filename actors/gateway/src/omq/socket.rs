//! libzmq's socket and the thread that it lives on.
//!
//! The thread sleeps in libzmq's poll, on the socket and on a pipe that the house rings when it has something to send. What
//! needs nobody else it answers by itself: greetings, refusals, limits.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    os::{fd::AsRawFd as _, unix::net::UnixStream},
    sync::Arc,
    thread,
};

use bytes::Bytes;
use starling_contracts::subscriptions::Notice;
use starling_kernel::Clock;
use starling_protocol::{
    crypto::x25519,
    omq::{self, Action, Call, HELLO, Incoming, MAX_MESSAGE, MAX_PARTS},
};
use tokio::sync::{OwnedMutexGuard, mpsc, watch};
use tracing::error;
use zmq::{Context, DONTWAIT, Message, POLLIN, PollItem, SNDMORE, Socket};

use super::{
    error::Error,
    line::{Line, Lines, NoRoute, Permits},
    metrics::{self, Ending, Noticed},
};
use crate::admission::Admission;

/// Milliseconds; the reference's numbers (storage-rpc §1.2).
const HANDSHAKE_WITHIN: i32 = 10_000;
const HEARTBEAT_EVERY: i32 = 15_000;
const HEARTBEAT_WITHIN: i32 = 30_000;
/// The longest that the last answers may take to go out.
pub(super) const LINGER: i32 = 5_000;
/// Whole messages that libzmq keeps of one connection; their bytes are bounded by the guard.
const WAITING_IN: i32 = 64;
const WAITING_OUT: i32 = 10_000;
const BUFFER: i32 = 64 << 10;
const BACKLOG: i32 = 1024;
/// Messages that are handled before the other direction has its turn.
const TURN: usize = 256;
/// What may wait to be handed to the thread. Senders wait for a place.
const OUTGOING: usize = 1024;

pub(super) const BUSY: &str = "Server busy, try again later";
const TOO_MANY: &str = "Too many requests, try again later";

/// A request on its way to an actor.
pub(super) struct Job {
    pub(super) line: Arc<Line>,
    pub(super) call: Call,
    pub(super) _permits: Permits,
}

/// What the house has for the socket.
pub(super) enum Outgoing {
    Reply {
        line: Arc<Line>,
        parts: Vec<Bytes>,
    },
    Notice {
        line: Arc<Line>,
        notice: Notice,
    },
    /// Send what was given before, wait so many milliseconds at most until it has gone out, and end.
    Stop {
        linger: i32,
    },
}

/// Where the house puts what is to be sent.
#[derive(Clone)]
pub(super) struct Outlet {
    queue: mpsc::Sender<Outgoing>,
    bell: Arc<UnixStream>,
}

impl Outlet {
    /// Waits for a place in the queue; once the thread has ended there is nobody to send to.
    pub(super) async fn send(&self, outgoing: Outgoing) {
        if self.queue.send(outgoing).await.is_ok() {
            self.ring();
        }
    }

    fn ring(&self) {
        // A full pipe has rung already, and one without a reader has nobody to wake.
        let _ = (&*self.bell).write(&[1]);
    }
}

/// What ends the thread at once when it is dropped, and tells when it has ended.
pub(super) struct Running {
    pub(super) outlet: Outlet,
    /// Closed when the thread has ended, well or not.
    pub(super) ended: watch::Receiver<()>,
    /// Where libzmq listens, for this process alone.
    pub(super) inner: SocketAddr,
}

/// What the thread needs.
pub(super) struct Desk {
    pub(super) lines: Lines,
    pub(super) admission: Arc<Admission>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) jobs: mpsc::Sender<Job>,
}

struct Pump {
    router: Socket,
    bell: UnixStream,
    outgoing: mpsc::Receiver<Outgoing>,
    desk: Desk,
}

/// How a turn of the thread ended.
#[derive(PartialEq, Eq)]
enum Turn {
    /// There is nothing left.
    Empty,
    /// There may be more.
    More,
    Stop,
}

/// Opens the socket and starts its thread, which keeps `alone` until everything is closed.
pub(super) fn start(
    key: &x25519::SecretKey,
    desk: Desk,
    alone: OwnedMutexGuard<()>,
) -> Result<Running, Error> {
    if zmq::has("curve") != Some(true) {
        return Err(Error::NoCurve);
    }
    let context = Context::new();
    let (router, inner) = open(&context, key)?;
    let (bell, ringer) = UnixStream::pair().map_err(Error::System)?;
    bell.set_nonblocking(true).map_err(Error::System)?;
    ringer.set_nonblocking(true).map_err(Error::System)?;
    let (queue, outgoing) = mpsc::channel(OUTGOING);
    let (end, ended) = watch::channel(());
    let pump = Pump { router, bell, outgoing, desk };
    let work = move || {
        pump.run();
        // Waits until what is left has been sent, or the linger time has passed.
        drop(context);
        drop(alone);
        drop(end);
    };
    thread::Builder::new().name("omq".to_owned()).spawn(work).map_err(Error::System)?;
    Ok(Running { outlet: Outlet { queue, bell: Arc::new(ringer) }, ended, inner })
}

fn open(context: &Context, key: &x25519::SecretKey) -> Result<(Socket, SocketAddr), Error> {
    let failed = |what: &'static str| move |reason| Error::Socket { what, reason };
    let router = context.socket(zmq::ROUTER).map_err(failed("made"))?;
    let configure = || {
        router.set_curve_server(true)?;
        router.set_curve_secretkey(key.as_bytes())?;
        router.set_maxmsgsize(MAX_MESSAGE as i64)?;
        router.set_handshake_ivl(HANDSHAKE_WITHIN)?;
        router.set_heartbeat_ivl(HEARTBEAT_EVERY)?;
        router.set_heartbeat_timeout(HEARTBEAT_WITHIN)?;
        router.set_linger(0)?;
        router.set_rcvhwm(WAITING_IN)?;
        router.set_sndhwm(WAITING_OUT)?;
        router.set_sndbuf(BUFFER)?;
        router.set_rcvbuf(BUFFER)?;
        router.set_backlog(BACKLOG)?;
        // A connection that is gone, or takes nothing more, is an error and not a silent loss.
        router.set_router_mandatory(true)?;
        // A client that comes back under its old routing id is served at once, as the reference does.
        router.set_router_handover(true)
    };
    configure().map_err(failed("configured"))?;
    router.bind("tcp://127.0.0.1:*").map_err(failed("bound"))?;
    let endpoint = router.get_last_endpoint().map_err(failed("located"))?;
    let inner = endpoint.ok().and_then(|endpoint| endpoint.strip_prefix("tcp://")?.parse().ok());
    let inner = inner.ok_or(Error::Socket { what: "located", reason: zmq::Error::EINVAL })?;
    Ok((router, inner))
}

impl Pump {
    fn run(mut self) {
        let mut timeout = -1;
        loop {
            let mut items =
                [self.router.as_poll_item(POLLIN), PollItem::from_fd(self.bell.as_raw_fd(), POLLIN)];
            match zmq::poll(&mut items, timeout) {
                Ok(_) | Err(zmq::Error::EINTR) => {}
                Err(reason) => return error!(%reason, "the openmq socket cannot be waited for"),
            }
            let is_gone = self.answer_bell();
            let turns = [self.send_turn(), self.receive_turn()];
            if turns.contains(&Turn::Stop) {
                return;
            }
            // Only the house rings; when it has gone without a word there is nobody to serve any more.
            if is_gone {
                return;
            }
            timeout = if turns.contains(&Turn::More) { 0 } else { -1 };
        }
    }

    /// Empties the pipe; true when nobody can ring any more.
    fn answer_bell(&mut self) -> bool {
        let mut scrap = [0; 256];
        loop {
            match self.bell.read(&mut scrap) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    fn send_turn(&mut self) -> Turn {
        for _ in 0..TURN {
            match self.outgoing.try_recv() {
                Ok(Outgoing::Reply { line, parts }) => self.reply(&line, parts),
                Ok(Outgoing::Notice { line, notice }) => self.tell(&line, notice),
                Ok(Outgoing::Stop { linger }) => {
                    // A socket that does not take the wish closes without waiting, and has nothing better to do.
                    let _ = self.router.set_linger(linger);
                    return Turn::Stop;
                }
                Err(_) => return Turn::Empty,
            }
        }
        Turn::More
    }

    fn receive_turn(&mut self) -> Turn {
        for _ in 0..TURN {
            match self.receive() {
                Ok(Some(received)) => self.take(received),
                Ok(None) => {}
                Err(zmq::Error::EAGAIN) => return Turn::Empty,
                Err(zmq::Error::EINTR) => return Turn::More,
                Err(reason) => {
                    error!(%reason, "the openmq socket cannot be read");
                    return Turn::Stop;
                }
            }
        }
        Turn::More
    }

    /// One whole message; nothing when it came from nobody whom the guard let in.
    fn receive(&mut self) -> Result<Option<Received>, zmq::Error> {
        let mut part = Message::new();
        self.router.recv(&mut part, DONTWAIT)?;
        let route = Bytes::copy_from_slice(&part);
        let mut received = Received { line: None, parts: Vec::new(), size: 0, count: 0 };
        // The parts of a message come together, so that none of these waits.
        while self.router.get_rcvmore()? {
            self.router.recv(&mut part, DONTWAIT)?;
            if received.count == 0 {
                let name = part.gets("Peer-Address").and_then(|name| name.parse::<Ipv4Addr>().ok());
                received.line = name.and_then(|name| self.desk.lines.find(name));
            }
            received.count += 1;
            received.size += part.len();
            if received.is_bounded() && received.line.is_some() {
                received.parts.push(Bytes::copy_from_slice(&part));
            }
        }
        let Some(line) = &received.line else { return Ok(None) };
        line.spoke(&route);
        Ok(Some(received))
    }

    fn take(&mut self, received: Received) {
        let is_bounded = received.is_bounded();
        let Received { line, parts, size, count } = received;
        let Some(line) = line else { return };
        match Incoming::parse(parts) {
            Err(refused) => {
                metrics::refused(refused.refusal);
                self.reply(&line, refused.encode());
            }
            Ok(Incoming::Hi) => self.reply(&line, vec![Bytes::from_static(HELLO)]),
            Ok(Incoming::Bye) => line.cut(Ending::Closed),
            Ok(Incoming::Unasked) => {}
            Ok(Incoming::Call(call)) if !is_bounded => {
                let text = format!(
                    "Invalid request: at most {MAX_PARTS} message parts of {MAX_MESSAGE} bytes together are taken, got \
                     {count} of {size}"
                );
                self.decline(&line, call, 400, text);
            }
            Ok(Incoming::Call(call)) => self.admit(line, call, size),
        }
    }

    fn admit(&mut self, line: Arc<Line>, call: Call, size: usize) {
        let now = self.desk.clock.elapsed();
        // Subscriptions are not counted (storage-load §3).
        if matches!(call.action, Action::Storage(_)) && self.desk.admission.admit(line.from, now).is_err() {
            return self.decline(&line, call, 429, TOO_MANY);
        }
        let Some(permits) = line.permits(size) else { return self.decline(&line, call, 503, BUSY) };
        let job = Job { line, call, _permits: permits };
        match self.desk.jobs.try_send(job) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(job) | mpsc::error::TrySendError::Closed(job)) => {
                self.decline(&job.line, job.call, 503, BUSY);
            }
        }
    }

    fn decline(&mut self, line: &Line, call: Call, status: u16, text: impl Into<Bytes>) {
        metrics::answered(call.action, status, std::time::Duration::ZERO);
        self.reply(line, omq::storage_reply(call.tag, status, text.into()));
    }

    /// Sends an answer; who has left too much unread to get it is hung up on, rather than left waiting for it.
    fn reply(&mut self, line: &Line, parts: Vec<Bytes>) {
        match self.send(line, parts) {
            Ok(()) | Err(NoRoute::Over) => {}
            Err(NoRoute::Unread) => line.cut(Ending::Unread),
        }
    }

    fn tell(&mut self, line: &Line, notice: Notice) {
        let parts = match notice {
            Notice::Message(body) => omq::notification(omq::NOTIFY_MESSAGE, body),
            Notice::Ended(body) => omq::notification(omq::NOTIFY_ENDED, body),
        };
        let outcome = if self.send(line, parts).is_ok() { Noticed::Sent } else { Noticed::Dropped };
        metrics::noticed(outcome);
    }

    fn send(&mut self, line: &Line, parts: Vec<Bytes>) -> Result<(), NoRoute> {
        let bytes = parts.iter().map(Bytes::len).sum();
        let route = line.route_for(bytes)?;
        let sent = self.send_parts(&route, parts);
        if sent.is_ok() {
            return Ok(());
        }
        line.went_out(bytes);
        match sent {
            Err(zmq::Error::EAGAIN) => Err(NoRoute::Unread),
            // Most likely EHOSTUNREACH: libzmq has lost the connection, and the guard will see it.
            _ => {
                line.cut(Ending::Closed);
                Err(NoRoute::Over)
            }
        }
    }

    fn send_parts(&self, route: &[u8], parts: Vec<Bytes>) -> Result<(), zmq::Error> {
        self.router.send(route, SNDMORE | DONTWAIT)?;
        let last = parts.len().saturating_sub(1);
        for (index, part) in parts.into_iter().enumerate() {
            let more = if index < last { SNDMORE } else { 0 };
            self.router.send(Vec::from(part), more | DONTWAIT)?;
        }
        Ok(())
    }
}

/// A message as far as it is kept.
struct Received {
    line: Option<Arc<Line>>,
    parts: Vec<Bytes>,
    size: usize,
    count: usize,
}

impl Received {
    fn is_bounded(&self) -> bool {
        self.count <= MAX_PARTS && self.size <= MAX_MESSAGE
    }
}
