//! A web server that nodes relay to, and that opens what is sealed for it (onion-requests §5.3, §5.4).

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use starling_protocol::{
    crypto::{ed25519, x25519},
    onion::{frame::Frame, layer::LayerKey, v4},
};

/// Between two bytes of an answer that does not end: often enough that the connection is never idle.
const DRIP: Duration = Duration::from_millis(50);

/// A running server on loopback, without TLS; it runs until the process ends.
pub struct WebServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// What payloads are sealed for.
    pub key: x25519::PublicKey,
    asked: Arc<AtomicUsize>,
}

impl WebServer {
    /// The path that answers v4 requests.
    pub const V4: &'static str = "/oxen/v4/lsrpc";
    /// The path that answers v3 requests with their own body.
    pub const V3: &'static str = "/loki/v3/lsrpc";
    /// A path that names another one.
    pub const REDIRECT: &'static str = "/oxen/redirect/lsrpc";
    /// A path whose answer trickles and never ends.
    pub const SLOW: &'static str = "/oxen/slow/lsrpc";
    /// The v4 endpoint that answers with what it was sent.
    pub const ECHO: &'static str = "/echo";
    /// The v4 endpoint that answers with more than any node carries back.
    pub const LONG: &'static str = "/long";
    /// How long that is.
    pub const LONG_ANSWER: usize = 20 << 20;

    /// Starts one.
    pub fn start() -> Self {
        let secret = ed25519::SecretKey::from_seed([77; 32]).to_x25519();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (address, key) = (listener.local_addr().expect("an address"), secret.public());
        let asked = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                let secret = secret.clone();
                thread::spawn(move || answer(stream, &secret));
            }
        });
        Self { address, key, asked }
    }

    /// How many connections came so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, secret: &x25519::SecretKey) {
    let Some((target, layer)) = read(&mut stream) else { return };
    match target.as_str() {
        WebServer::REDIRECT => {
            let head = b"HTTP/1.1 302 Found\r\nlocation: /oxen/v4/lsrpc\r\ncontent-length: 0\r\n\r\n";
            // Whoever does not read it has gone, here and below.
            let _ = stream.write_all(head);
        }
        WebServer::SLOW => {
            let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
            while sent.is_ok() {
                thread::sleep(DRIP);
                sent = stream.write_all(b"x");
            }
        }
        _ => {
            let body = open_and_answer(&target, &layer, secret);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    }
}

fn open_and_answer(target: &str, layer: &[u8], secret: &x25519::SecretKey) -> Vec<u8> {
    let Frame { ciphertext, json } = Frame::parse(layer).expect("the whole layer is sent");
    let json: Value = serde_json::from_slice(json).expect("with its json");
    let text = |key: &str| json[key].as_str().expect("a text").to_owned();
    let cipher = text("enc_type").parse().expect("a cipher");
    let ephemeral = text("ephemeral_key").parse().expect("a key");
    let key = LayerKey::for_node(cipher, secret, &ephemeral).expect("a good key");
    let payload = key.open(ciphertext).expect("it is sealed for this server");
    let mut nonce = 0;
    let mut seal = |plaintext: &[u8]| {
        key.seal(plaintext, &mut |bytes| {
            nonce += 1;
            bytes.fill(nonce);
        })
    };
    match target {
        WebServer::V4 => {
            let request = v4::Request::decode(&payload).expect("a v4 request");
            let body = match request.endpoint.as_str() {
                WebServer::LONG => Some(vec![b'x'; WebServer::LONG_ANSWER]),
                _ => request.body,
            };
            seal(&v4::Response { code: 201, headers: v4::Headers::default(), body }.encode())
        }
        WebServer::V3 => {
            let request: Value = serde_json::from_slice(&payload).expect("a v3 request");
            let answer = json!({ "status": 200, "body": request["body"] }).to_string();
            STANDARD.encode(seal(answer.as_bytes())).into_bytes()
        }
        other => panic!("asked for {other}"),
    }
}

/// The path and the body of a request.
fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    let mut more = |bytes: &mut Vec<u8>| {
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        Some(())
    };
    let end = loop {
        match bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => more(&mut bytes)?,
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?.to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse::<usize>().ok()?;
    while bytes.len() < end + length {
        more(&mut bytes)?;
    }
    Some((head.split(' ').nth(1)?.to_owned(), bytes.split_off(end)))
}
