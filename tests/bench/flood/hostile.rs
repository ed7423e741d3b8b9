//! Connections that mean harm: each does one thing over and over, and comes back when it is thrown out.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use starling_protocol::crypto::random_bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::sleep,
};
use tokio_rustls::client::TlsStream;

use crate::load::{
    connection::{tcp, tls},
    target::Target,
};

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Says nothing at all.
    Silent,
    /// Begins a TLS handshake and never ends it.
    HalfHandshake,
    /// Sends a head byte by byte.
    SlowHead,
    /// Announces a long body and sends it by and by.
    SlowBody,
    /// Sends headers without an end.
    HugeHead,
    /// Sends what is no HTTP, or no request.
    Malformed,
    /// Asks for long answers and reads none.
    NotReading,
}

pub(super) const KINDS: [Kind; 7] = [
    Kind::Silent,
    Kind::HalfHandshake,
    Kind::SlowHead,
    Kind::SlowBody,
    Kind::HugeHead,
    Kind::Malformed,
    Kind::NotReading,
];

/// The addresses of the hostile begin here, away from those of the honest.
const FIRST_SOURCE: usize = 10_000;

/// How long the flood may take to rise.
const RISE: Duration = Duration::from_secs(30);

/// All hostile clients. Those that the node has just thrown out are not connected until they come back.
pub(super) struct Flood {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    counts: Arc<Counts>,
    wanted: u32,
}

#[derive(Default)]
struct Counts {
    open: AtomicU32,
    opened: [AtomicU64; KINDS.len()],
    refused: AtomicU64,
}

impl Counts {
    fn came(&self) -> u64 {
        self.opened.iter().map(|opened| opened.load(Ordering::Relaxed)).sum()
    }
}

impl Flood {
    /// Starts them, and waits until each has come once, as far as the node lets them.
    pub(super) async fn start(target: &Target, wanted: u32, kinds: &[Kind], pause: Duration) -> Self {
        let (stop, stopped) = watch::channel(false);
        let counts = Arc::<Counts>::default();
        let mut tasks = JoinSet::new();
        for number in 0..wanted {
            let index = usize::try_from(number).unwrap_or(0);
            let hostile = Hostile {
                target: target.clone(),
                number: index,
                kind: kinds[index % kinds.len()],
                counts: Arc::clone(&counts),
            };
            let mut stopped = stopped.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = hostile.persist(pause) => {}
                    _ = stopped.wait_for(|stopped| *stopped) => {}
                }
            });
        }
        let began = Instant::now();
        while counts.came() < u64::from(wanted) && began.elapsed() < RISE {
            sleep(Duration::from_millis(100)).await;
        }
        Self { tasks, stop, counts, wanted }
    }

    /// How many there are and were.
    pub(super) fn tally(&self) -> String {
        let Counts { open, opened, refused } = &*self.counts;
        let mut text = format!(
            "{} of {} open, {} times refused;",
            open.load(Ordering::Relaxed),
            self.wanted,
            refused.load(Ordering::Relaxed)
        );
        for (kind, opened) in KINDS.iter().zip(opened) {
            // Writing to a text cannot fail.
            let _ = write!(text, " {kind:?} {}", opened.load(Ordering::Relaxed));
        }
        text
    }

    /// Ends all of them.
    pub(super) async fn stop(mut self) {
        // Nobody listens when all have ended already.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

struct Hostile {
    target: Target,
    number: usize,
    kind: Kind,
    counts: Arc<Counts>,
}

/// Counts a connection while it is open.
struct Open<'a>(&'a AtomicU32);

impl<'a> Open<'a> {
    fn new(open: &'a AtomicU32) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hostile {
    /// Comes back for ever. Who is first waits longest, so that they do not all come at once.
    async fn persist(&self, pause: Duration) {
        let spread = u32::try_from(self.number % 50).unwrap_or(0);
        sleep(Duration::from_millis(60) * spread).await;
        loop {
            // However it ends, the next one follows.
            if self.misbehave().await.is_err() {
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
            }
            sleep(pause).await;
        }
    }

    /// One connection, until the node has had enough. An error is one that was not even opened.
    async fn misbehave(&self) -> Result<()> {
        let source = self.target.source(FIRST_SOURCE + self.number);
        let kind = self.kind;
        if matches!(kind, Kind::Silent | Kind::HalfHandshake) {
            let stream = tcp(self.target.address, source).await?;
            let _open = self.opened();
            // It ends when the node closes it, and how does not matter.
            let _ = without_tls(kind, stream).await;
            return Ok(());
        }
        let stream = tls(&self.target, source).await?;
        let _open = self.opened();
        let _ = over_tls(kind, stream).await;
        Ok(())
    }

    fn opened(&self) -> Open<'_> {
        self.counts.opened[self.kind as usize].fetch_add(1, Ordering::Relaxed);
        Open::new(&self.counts.open)
    }
}

async fn without_tls(kind: Kind, mut stream: TcpStream) -> Result<()> {
    if kind == Kind::HalfHandshake {
        // A record of 512 bytes that holds a greeting, of which a tenth comes.
        stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await?;
        let mut random = [0; 40];
        random_bytes(&mut random);
        stream.write_all(&random).await?;
    }
    read_to_end(&mut stream).await
}

async fn over_tls(kind: Kind, mut stream: TlsStream<TcpStream>) -> Result<()> {
    match kind {
        Kind::SlowHead => {
            send(&mut stream, b"POST /storage_rpc/v1 HTTP/1.1\r\nX-Slow: ").await?;
            drip(stream, b"a").await
        }
        Kind::SlowBody => {
            let head = b"POST /storage_rpc/v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n{";
            send(&mut stream, head).await?;
            drip(stream, &[b' '; 1024]).await
        }
        Kind::HugeHead => {
            send(&mut stream, b"GET /get_stats/v1 HTTP/1.1\r\n").await?;
            let header = [b"X-Huge: ".as_slice(), &[b'a'; 16 << 10], b"\r\n"].concat();
            loop {
                send(&mut stream, &header).await?;
            }
        }
        Kind::Malformed => {
            let mut garbage = [0; 512];
            random_bytes(&mut garbage);
            let requests: [&[u8]; 3] = [
                &garbage,
                b"POST /storage_rpc/v1 HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                b"POST /onion_req/v2 HTTP/1.1\r\nContent-Length: 8\r\n\r\n\xff\xff\xff\xff{{{{",
            ];
            send(&mut stream, requests[usize::from(garbage[0]) % requests.len()]).await?;
            read_to_end(&mut stream).await
        }
        _ => {
            let asked = br#"{"jsonrpc":"2.0","id":0,"method":"get_service_nodes","params":{}}"#;
            let head =
                format!("POST /json_rpc HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", asked.len());
            let request = [head.as_bytes(), asked].concat().repeat(16);
            loop {
                send(&mut stream, &request).await?;
            }
        }
    }
}

async fn send(stream: &mut TlsStream<TcpStream>, bytes: &[u8]) -> Result<()> {
    stream.write_all(bytes).await?;
    Ok(stream.flush().await?)
}

/// Sends the same bytes each second until the node answers or closes.
async fn drip(stream: TlsStream<TcpStream>, bytes: &[u8]) -> Result<()> {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let write = async {
        loop {
            sleep(Duration::from_secs(1)).await;
            writing.write_all(bytes).await?;
            writing.flush().await?;
        }
    };
    tokio::select! {
        ended = read_to_end(&mut reading) => ended,
        ended = write => ended,
    }
}

async fn read_to_end(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Result<()> {
    let mut buffer = [0; 512];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
