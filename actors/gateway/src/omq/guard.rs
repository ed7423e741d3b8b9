//! The listener in front of libzmq: accepts clients, bounds them, and passes their bytes on.
//!
//! libzmq accepts whoever comes, cannot close a single connection, and keeps what a client does not read for as long as the
//! client likes. The guard stands before it: it counts connections, sees how much of a message has come without an end, how
//! much of what was sent has really gone out, and hangs up on who abuses either. Inside, every client has an address of its
//! own in 127.0.0.0/8, by which the socket tells them apart.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use starling_kernel::{Clock, Context};
use starling_protocol::omq::MAX_MESSAGE;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tracing::debug;

use super::{
    line::{Line, Lines, Place, units},
    metrics::{self, Ending},
};

/// What is read at once.
const BUFFER: usize = 8 << 10;
/// What a message may take without being counted: greetings, keys and heartbeats stay below it.
const SMALL: usize = 64 << 10;
/// What may come without the end of a message: the longest one, encrypted and framed.
const MOST: usize = MAX_MESSAGE + (1 << 20);
/// How much memory is asked for at a time.
const STEP: usize = 256 << 10;
/// What the system may hold back between guard and socket, each way.
const INNER_BUFFER: u32 = 64 << 10;
/// How long the way inside may take to open. It is this very process.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The pause after the system would not give another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What all connections are passed on with.
pub(super) struct Guard {
    pub(super) lines: Lines,
    pub(super) max_connections: usize,
    pub(super) progress_within: Duration,
    pub(super) idle_within: Duration,
    /// Where libzmq listens.
    pub(super) inner: SocketAddr,
    pub(super) clock: Arc<dyn Clock>,
}

/// Can a connection come from any address of 127.0.0.0/8 here?
pub(super) fn has_many_loopback_addresses() -> io::Result<()> {
    TcpSocket::new_v4()?.bind(SocketAddr::from((Ipv4Addr::new(127, 254, 1, 1), 0)))
}

impl Guard {
    /// Accepts until told to stop; what was accepted goes on.
    pub(super) async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        mut stop: watch::Receiver<bool>,
        ctx: Context,
    ) {
        let room = Arc::new(Semaphore::new(self.max_connections));
        loop {
            let accepted = async {
                let slot = Arc::clone(&room).acquire_owned().await;
                (slot, listener.accept().await)
            };
            let (slot, accepted) = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((outside, from)) => match self.lines.open(from.ip()) {
                    Some(place) => {
                        let guard = Arc::clone(&self);
                        ctx.spawn(async move {
                            let ending = guard.pass_on(outside, &place).await;
                            metrics::ended(ending);
                            drop((place, slot));
                        });
                    }
                    None => metrics::ended(Ending::Crowd),
                },
                Err(error) => {
                    debug!(%error, "no connection could be accepted");
                    self.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Passes bytes on until one side closes or the connection is cut.
    async fn pass_on(&self, mut outside: TcpStream, place: &Place) -> Ending {
        let line = &*place.line;
        let opened = tokio::select! {
            opened = connect(line.name, self.inner) => opened,
            () = self.clock.sleep(CONNECT_WITHIN) => Err(io::ErrorKind::TimedOut.into()),
        };
        let mut inside = match opened {
            Ok(inside) => inside,
            Err(error) => {
                debug!(%error, "the socket could not be reached");
                return Ending::Closed;
            }
        };
        // Answers are small and wanted at once; a connection that refuses the wish works all the same.
        let _ = outside.set_nodelay(true);
        let (from_outside, to_outside) = outside.split();
        let (from_inside, to_inside) = inside.split();
        tokio::select! {
            biased;
            ending = line.over() => ending,
            ending = self.inward(line, from_outside, to_inside) => ending,
            ending = self.outward(line, from_inside, to_outside) => ending,
        }
    }

    async fn inward(&self, line: &Line, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Ending {
        let mut buffer = vec![0; BUFFER];
        let mut message = Unfinished::default();
        let mut deadline = self.clock.sleep(self.idle_within);
        loop {
            let read = tokio::select! {
                biased;
                () = line.finished.notified() => {
                    message = Unfinished::default();
                    deadline = self.clock.sleep(self.idle_within);
                    continue;
                }
                // The way inside is only waited for when there is something to say, and memory for it.
                read = from.read(&mut buffer), if message.bytes < MOST => read,
                () = &mut deadline => return message.ending(),
            };
            let count = match read {
                Ok(0) | Err(_) => return Ending::Closed,
                Ok(count) => count,
            };
            if !message.is_large() && message.bytes + count > SMALL {
                deadline = self.clock.sleep(self.progress_within);
            }
            message.bytes += count;
            let grown = tokio::select! {
                grown = message.hold(self.lines.memory()) => grown,
                () = &mut deadline => false,
            };
            if !grown {
                return Ending::Stalled;
            }
            let written = tokio::select! {
                written = to.write_all(&buffer[..count]) => written,
                () = self.clock.sleep(self.progress_within) => return Ending::Stalled,
            };
            if written.is_err() {
                return Ending::Closed;
            }
        }
    }

    async fn outward(&self, line: &Line, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Ending {
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = match from.read(&mut buffer).await {
                Ok(0) | Err(_) => return Ending::Closed,
                Ok(count) => count,
            };
            let written = tokio::select! {
                written = to.write_all(&buffer[..count]) => written,
                () = self.clock.sleep(self.progress_within) => return Ending::Stalled,
            };
            if written.is_err() {
                return Ending::Closed;
            }
            line.went_out(count);
        }
    }
}

async fn connect(name: Ipv4Addr, inner: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(INNER_BUFFER)?;
    socket.set_recv_buffer_size(INNER_BUFFER)?;
    socket.bind(SocketAddr::from((name, 0)))?;
    let stream = socket.connect(inner).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What has come since the last whole message.
#[derive(Default)]
struct Unfinished {
    bytes: usize,
    held: Option<OwnedSemaphorePermit>,
}

impl Unfinished {
    fn is_large(&self) -> bool {
        self.bytes > SMALL
    }

    fn ending(&self) -> Ending {
        if self.is_large() { Ending::Stalled } else { Ending::Idle }
    }

    /// Waits until there is memory for what has come; false when there never will be.
    async fn hold(&mut self, memory: &Arc<Semaphore>) -> bool {
        let wanted = if self.is_large() { units(self.bytes) } else { 0 };
        let held = self.held.as_ref().map_or(0, |held| u32::try_from(held.num_permits()).unwrap_or(u32::MAX));
        if wanted <= held {
            return true;
        }
        let more = (wanted - held).max(units(STEP));
        let Ok(more) = Arc::clone(memory).acquire_many_owned(more).await else { return false };
        match &mut self.held {
            Some(held) => held.merge(more),
            none => *none = Some(more),
        }
        true
    }
}
