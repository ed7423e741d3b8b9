//! The frame around requests and answers, and how much of it is believed.
//!
//! | stream | bytes |
//! |---|---|
//! | request | length, 32-bit big-endian; then so many bytes |
//! | answer | `0`, length, bytes: an answer; or `1` alone: this protocol is not served to you |
//!
//! A length is checked against the protocol's limit before anything is allocated, and a buffer grows with what has
//! arrived, never to what was announced.

use std::{
    io,
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
    future::{Either, select},
};
use libp2p::{StreamProtocol, request_response};
use starling_contracts::transport::Protocol;
use starling_kernel::Clock;
use thiserror::Error;

use crate::{
    budget::Body,
    limits::longest,
    purse::{Counter, Purse},
};

/// A buffer starts with this many bytes and doubles from there.
const FIRST_BUFFER: usize = 16 << 10;

/// So many bytes of a request, or what is left of it, have to arrive within [`PATIENCE`]. What it has taken of the budget
/// is others' again then.
const STEP: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(10);

const ANSWER: u8 = 0;
const NOT_SERVED: u8 = 1;

/// What comes back on a stream.
#[derive(Debug)]
pub(crate) enum Reply {
    /// An answer.
    Answer(Body),
    /// The protocol is not served to the one who asked.
    NotServed,
}

/// Why a frame was not read or written; travels inside an `io::Error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum FrameError {
    #[error("{what} of {size} bytes is longer than the limit of {limit}")]
    TooLarge { what: &'static str, size: usize, limit: usize },
    #[error("no memory is left for another body")]
    NoMemory,
    #[error("an answer starts with an unknown byte")]
    UnknownReply,
    #[error("a request stopped arriving")]
    Stalled,
}

impl FrameError {
    /// The frame error inside an `io::Error`, if there is one.
    pub(crate) fn within(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Reads and writes the frames of one protocol.
///
/// The behaviour has one, and makes a copy for each connection: the copy keeps the purse that was laid out for it.
pub(crate) struct Codec {
    longest_request: usize,
    longest_answer: usize,
    /// Pays for requests that are read.
    inbound: Payer,
    /// Pays for answers that are read.
    outbound: Purse,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
enum Payer {
    /// Whoever is at the counter when a copy is made.
    Next(Counter),
    Peer(Purse),
}

impl Payer {
    fn purse(&self) -> Purse {
        match self {
            Payer::Next(counter) => counter.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Payer::Peer(purse) => purse.clone(),
        }
    }
}

impl Clone for Codec {
    fn clone(&self) -> Self {
        Self {
            longest_request: self.longest_request,
            longest_answer: self.longest_answer,
            inbound: Payer::Peer(self.inbound.purse()),
            outbound: self.outbound.clone(),
            clock: Arc::clone(&self.clock),
        }
    }
}

/// The name of a protocol on the wire.
pub(crate) const fn name(protocol: Protocol) -> StreamProtocol {
    StreamProtocol::new(match protocol {
        Protocol::Onion => "/starling/onion/1",
        Protocol::Storage => "/starling/storage/1",
        Protocol::Swarm => "/starling/swarm/1",
        Protocol::Ping => "/starling/ping/1",
        Protocol::Monitor => "/starling/monitor/1",
        Protocol::Notify => "/starling/notify/1",
    })
}

impl Codec {
    pub(crate) fn new(protocol: Protocol, inbound: Counter, outbound: Purse, clock: Arc<dyn Clock>) -> Self {
        let (longest_request, longest_answer) = longest(protocol);
        Self { longest_request, longest_answer, inbound: Payer::Next(inbound), outbound, clock }
    }
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Body;
    type Response = Reply;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Body>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io, "request", self.longest_request, &self.inbound.purse(), Some(&*self.clock)).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Reply>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut kind = [0];
        io.read_exact(&mut kind).await?;
        match kind {
            [ANSWER] => {
                read_frame(io, "answer", self.longest_answer, &self.outbound, None).await.map(Reply::Answer)
            }
            [NOT_SERVED] => Ok(Reply::NotServed),
            _ => Err(FrameError::UnknownReply.into()),
        }
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Body) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, "request", self.longest_request, &request).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, reply: Reply) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match reply {
            Reply::Answer(body) => {
                io.write_all(&[ANSWER]).await?;
                write_frame(io, "answer", self.longest_answer, &body).await
            }
            Reply::NotServed => io.write_all(&[NOT_SERVED]).await,
        }
    }
}

/// Reads a length and so many bytes; with a clock, only as long as they keep coming.
async fn read_frame<T>(
    io: &mut T,
    what: &'static str,
    limit: usize,
    purse: &Purse,
    clock: Option<&dyn Clock>,
) -> io::Result<Body>
where
    T: AsyncRead + Unpin + Send,
{
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if size > limit {
        return Err(FrameError::TooLarge { what, size, limit }.into());
    }
    let mut expense = purse.expense();
    let mut bytes = Vec::new();
    while bytes.len() < size {
        let filled = bytes.len();
        let grown = size.min((filled * 2).max(FIRST_BUFFER));
        if !expense.extend(grown - filled) {
            return Err(FrameError::NoMemory.into());
        }
        bytes.reserve_exact(grown - filled);
        bytes.resize(grown, 0);
        for step in bytes[filled..].chunks_mut(STEP) {
            match clock {
                Some(clock) => read_in_time(io, step, clock).await?,
                // Whoever asked has a deadline of its own.
                None => io.read_exact(step).await?,
            }
        }
    }
    Ok(Body::kept(bytes, expense))
}

async fn read_in_time<T>(io: &mut T, step: &mut [u8], clock: &dyn Clock) -> io::Result<()>
where
    T: AsyncRead + Unpin + Send,
{
    match select(io.read_exact(step), clock.sleep(PATIENCE)).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(((), _)) => Err(FrameError::Stalled.into()),
    }
}

async fn write_frame<T>(io: &mut T, what: &'static str, limit: usize, body: &Body) -> io::Result<()>
where
    T: AsyncWrite + Unpin + Send,
{
    let size = body.bytes.len();
    let length = u32::try_from(size).ok().filter(|_| size <= limit);
    let Some(length) = length else { return Err(FrameError::TooLarge { what, size, limit }.into()) };
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(&body.bytes).await?;
    io.flush().await
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::{FutureExt as _, TryStreamExt as _, io::Cursor};
    use libp2p::request_response::Codec as _;
    use starling_kernel::ManualClock;

    use super::*;
    use crate::budget::Budget;

    fn codec_of(protocol: Protocol, budget: &Budget, clock: &ManualClock) -> Codec {
        let purse = Purse::new(budget.clone());
        Codec::new(protocol, Arc::new(purse.clone().into()), purse, Arc::new(clock.clone()))
    }

    fn codec(budget: usize) -> Codec {
        codec_of(Protocol::Ping, &Budget::new(budget), &ManualClock::at(0))
    }

    fn read(codec: &mut Codec, bytes: &[u8]) -> io::Result<Body> {
        futures::executor::block_on(codec.read_request(&name(Protocol::Ping), &mut Cursor::new(bytes)))
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let mut codec = codec(1000);
        let body = Body::paid(Bytes::from_static(b"hello"), &codec.outbound).unwrap();
        let mut wire = Vec::new();

        futures::executor::block_on(codec.write_request(&name(Protocol::Ping), &mut wire, body)).unwrap();

        assert_eq!(wire, b"\0\0\0\x05hello");
        assert_eq!(&read(&mut codec, &wire).unwrap().bytes[..], b"hello");
    }

    #[test]
    fn an_announced_length_over_the_limit_is_refused_before_a_byte_of_it_is_read() {
        let error = read(&mut codec(1000), b"\xff\xff\xff\xff").unwrap_err();

        let expected = FrameError::TooLarge { what: "request", size: 0xffff_ffff, limit: 64 };
        assert_eq!(FrameError::within(&error), Some(expected));
    }

    #[test]
    fn a_body_over_the_limit_is_not_written() {
        let mut codec = codec(1000);
        let body = Body::paid(Bytes::from(vec![0; 65]), &codec.outbound).unwrap();
        let mut wire = Vec::new();

        let outcome =
            futures::executor::block_on(codec.write_request(&name(Protocol::Ping), &mut wire, body));

        let error = outcome.unwrap_err();
        assert_eq!(
            FrameError::within(&error),
            Some(FrameError::TooLarge { what: "request", size: 65, limit: 64 })
        );
        assert!(wire.is_empty());
    }

    #[test]
    fn reading_stops_where_the_budget_ends_and_gives_back_what_it_took() {
        let mut small = codec(10);

        let error = read(&mut small, b"\0\0\0\x10helloooooooooooo").unwrap_err();

        assert_eq!(FrameError::within(&error), Some(FrameError::NoMemory));
        assert!(read(&mut small, b"\0\0\0\x0ahellooooooo").is_ok());
    }

    #[test]
    fn what_is_announced_but_never_sent_takes_little_memory() {
        let budget = Budget::new(10 << 20);
        let mut codec = codec_of(Protocol::Storage, &budget, &ManualClock::at(0));
        let mut hold = budget.hold();
        assert!(hold.extend((10 << 20) - FIRST_BUFFER), "leaves room for the first buffer only");
        let mut wire = (10_u32 << 20).to_be_bytes().to_vec();
        wire.extend_from_slice(&[0; 100]);

        let error = read(&mut codec, &wire).unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_request_that_stops_arriving_is_dropped_and_one_that_trickles_in_steps_is_not() {
        let (budget, clock) = (Budget::new(1 << 20), ManualClock::at(0));
        let mut codec = codec_of(Protocol::Storage, &budget, &clock);
        let size = u32::try_from(3 * STEP).unwrap();
        let (mut steps, mut io) = trickle();
        let name = name(Protocol::Storage);
        let mut reading = Box::pin(codec.read_request(&name, &mut io));
        steps.try_send(Ok(size.to_be_bytes().to_vec())).unwrap();
        for _ in 0..2 {
            steps.try_send(Ok(vec![0; STEP])).unwrap();
            assert!((&mut reading).now_or_never().is_none(), "it waits for the next step");
            clock.advance(PATIENCE - Duration::from_millis(1));
            assert!((&mut reading).now_or_never().is_none(), "there is time left");
        }

        steps.try_send(Ok(vec![0; STEP - 1])).unwrap();
        assert!((&mut reading).now_or_never().is_none(), "one byte is missing");
        clock.advance(Duration::from_millis(1));
        let error = reading.now_or_never().unwrap().unwrap_err();

        assert_eq!(FrameError::within(&error), Some(FrameError::Stalled));
        assert!(budget.hold().extend(1 << 20), "what it took is given back");
    }

    type Steps = futures::channel::mpsc::Sender<io::Result<Vec<u8>>>;

    /// A stream whose bytes come when the test says so.
    fn trickle() -> (Steps, impl AsyncRead + Unpin + Send) {
        let (sender, steps) = futures::channel::mpsc::channel(4);
        (sender, steps.into_async_read())
    }

    #[test]
    fn an_unknown_kind_of_answer_is_refused() {
        let mut codec = codec(1000);
        let mut answer = Cursor::new(b"\x07");

        let outcome = futures::executor::block_on(codec.read_response(&name(Protocol::Ping), &mut answer));

        let error = outcome.unwrap_err();

        assert_eq!(FrameError::within(&error), Some(FrameError::UnknownReply));
    }
}
