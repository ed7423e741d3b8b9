//! A client of the OxenMQ door, on libzmq's own DEALER.

use std::{
    collections::VecDeque,
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use starling_protocol::{
    crypto::x25519,
    omq::{Delivery, HI, Refused, request},
};

/// The reference's own deadline of a request.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// A connection to a node; blocking, for one thread.
pub struct OmqClient {
    socket: zmq::Socket,
    tags: u64,
    notifications: VecDeque<Notification>,
    // Dropped after its socket.
    _context: zmq::Context,
}

/// A command that the node sent of its own accord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// `notify.message` or `notify.monitor_ended`.
    pub command: String,
    /// The parts after it.
    pub parts: Vec<Vec<u8>>,
}

/// Why a request got no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// Nothing came in time. A wrong server key ends like this too.
    Late,
    /// The node refuses the command.
    Refused(Refused),
    /// The node sent something that is no message, or closed the connection.
    Broken,
    /// The socket failed.
    Socket(zmq::Error),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late => f.write_str("no answer within 15 s; is the server key right?"),
            Self::Refused(refused) => write!(f, "refused with {}", refused.refusal.word()),
            Self::Broken => f.write_str("the node sent no message of OxenMQ, or said goodbye"),
            Self::Socket(error) => write!(f, "the socket failed: {error}"),
        }
    }
}

impl std::error::Error for Unanswered {}

impl From<zmq::Error> for Unanswered {
    fn from(error: zmq::Error) -> Self {
        match error {
            zmq::Error::EAGAIN => Self::Late,
            other => Self::Socket(other),
        }
    }
}

impl OmqClient {
    /// Connects with a key pair of its own making, and waits for the greeting.
    ///
    /// # Errors
    /// [`Unanswered`], when there is no node with that key.
    pub fn connect(address: SocketAddr, server: &x25519::PublicKey) -> Result<Self, Unanswered> {
        let context = zmq::Context::new();
        let socket = context.socket(zmq::DEALER)?;
        let pair = zmq::CurveKeyPair::new()?;
        socket.set_curve_serverkey(&server.0)?;
        socket.set_curve_publickey(&pair.public_key)?;
        socket.set_curve_secretkey(&pair.secret_key)?;
        socket.set_linger(0)?;
        socket.set_ipv6(true)?;
        socket.connect(&format!("tcp://{address}"))?;
        let mut client = Self { socket, tags: 0, notifications: VecDeque::new(), _context: context };
        client.socket.send(HI, 0)?;
        match client.receive(Instant::now() + ANSWER_WITHIN)? {
            Delivery::Hello => Ok(client),
            _ => Err(Unanswered::Broken),
        }
    }

    /// Sends a request and waits for its answer's parts. What comes meanwhile of the node's own accord is kept.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub fn request(&mut self, command: &str, parts: &[&[u8]]) -> Result<Vec<Vec<u8>>, Unanswered> {
        self.tags += 1;
        let tag = self.tags.to_be_bytes();
        let sent = request(command, &tag, parts.iter().map(|part| Bytes::copy_from_slice(part)));
        self.socket.send_multipart(sent.iter().map(|part| &part[..]), 0)?;
        let deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            match self.receive(deadline)? {
                Delivery::Reply { tag: answered, data } if answered == tag[..] => {
                    return Ok(data.into_iter().map(Vec::from).collect());
                }
                Delivery::Refused(refused) => return Err(Unanswered::Refused(refused)),
                Delivery::Bye => return Err(Unanswered::Broken),
                // An answer that came too late for its request.
                Delivery::Reply { .. } | Delivery::Hello => {}
                Delivery::Command { name, data } => self.keep(&name, data),
            }
        }
    }

    /// Sends these very frames and returns the next message as it came, for what no well-behaved client would send.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub fn exchange(&mut self, frames: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Unanswered> {
        self.socket.send_multipart(frames, 0)?;
        self.next_message(Instant::now() + ANSWER_WITHIN)
    }

    /// The next message as it comes.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub fn message(&mut self) -> Result<Vec<Vec<u8>>, Unanswered> {
        self.next_message(Instant::now() + ANSWER_WITHIN)
    }

    /// The next thing that the node says of its own accord; `None` when nothing comes in time.
    ///
    /// # Errors
    /// [`Unanswered`], but for [`Unanswered::Late`].
    pub fn notification(&mut self, within: Duration) -> Result<Option<Notification>, Unanswered> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(kept) = self.notifications.pop_front() {
                return Ok(Some(kept));
            }
            match self.receive(deadline) {
                Ok(Delivery::Command { name, data }) => self.keep(&name, data),
                Ok(_) => {}
                Err(Unanswered::Late) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// What the node has said of its own accord so far, without waiting for more.
    pub fn notifications(&mut self) -> impl Iterator<Item = Notification> + '_ {
        self.notifications.drain(..)
    }

    fn keep(&mut self, name: &[u8], data: Vec<Bytes>) {
        let command = String::from_utf8_lossy(name).into_owned();
        let parts = data.into_iter().map(Vec::from).collect();
        self.notifications.push_back(Notification { command, parts });
    }

    fn receive(&mut self, deadline: Instant) -> Result<Delivery, Unanswered> {
        let parts = self.next_message(deadline)?;
        Delivery::parse(parts.into_iter().map(Bytes::from).collect()).ok_or(Unanswered::Broken)
    }

    fn next_message(&mut self, deadline: Instant) -> Result<Vec<Vec<u8>>, Unanswered> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.socket.set_rcvtimeo(i32::try_from(left.as_millis()).unwrap_or(i32::MAX))?;
        Ok(self.socket.recv_multipart(0)?)
    }
}
