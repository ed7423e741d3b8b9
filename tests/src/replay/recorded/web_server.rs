//! The web server that recorded onion requests end at: plain HTTP at the address that is sealed inside of them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Where the recording had it.
const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 200], 18_080);
/// No recorded request is longer.
const LONGEST: usize = 1 << 20;
const WITHIN: Duration = Duration::from_secs(20);

/// Answers every request alike, and remembers them.
pub struct WebServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    answer: Vec<u8>,
    received: Vec<Json>,
}

impl WebServer {
    /// Listens where the recording had it; where the address is taken, says so.
    pub(super) async fn start() -> Result<Self, String> {
        Self::start_at(ADDRESS.into()).await.map_err(|error| error.to_string())
    }

    /// Listens there.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start_at(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // One after the other is enough: each recorded exchange makes one request.
                let _ = tokio::time::timeout(WITHIN, serve(stream, &shared)).await;
            }
        });
        Ok(Self { address, state, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers with this body from now on, and forgets what was received.
    pub fn answers_with(&self, answer: Vec<u8>) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State { answer, received: Vec::new() };
    }

    /// The requests since then, in the recording's shape.
    pub fn received(&self) -> Vec<Json> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).received.clone()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        read_more(&mut stream, &mut bytes).await?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: Map<String, Json> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), Json::from(value.trim())))
        .collect();
    let len = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let len: usize = len.and_then(|(_, value)| value.as_str()?.parse().ok()).unwrap_or(0);
    while bytes.len() < end + 4 + len {
        read_more(&mut stream, &mut bytes).await?;
    }
    let body = STANDARD.encode(&bytes[end + 4..]);
    let answer = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.received.push(json!({"method": method, "path": path, "headers": headers, "body_b64": body}));
        state.answer.clone()
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all(&[head.as_bytes(), &answer].concat()).await.ok()
}

async fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4096];
    let n = stream.read(&mut chunk).await.ok().filter(|n| *n > 0)?;
    bytes.extend_from_slice(&chunk[..n]);
    (bytes.len() <= LONGEST).then_some(())
}
