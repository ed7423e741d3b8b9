//! A TLS connection of which every byte, and every silence, is the test's.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};
use tokio::net::TcpSocket;

use crate::house::client_config;

/// Long enough for a loaded machine; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The head of a POST; `headers` end with a line break each.
pub(crate) fn head(path: &str, headers: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes()
}

/// A connection after its handshake.
pub(crate) struct Wire(StreamOwned<ClientConnection, TcpStream>);

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The server closed it.
    Closed,
    /// The server broke it off.
    Broken,
    /// Nothing happened for as long as the test waited.
    Silence,
}

/// What came until the end, and how it ended.
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    pub(crate) how: Ending,
}

impl Received {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Is it only that nothing came in time?
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

impl Wire {
    pub(crate) fn open(to: SocketAddr) -> Self {
        let from = if to.is_ipv4() { [127, 0, 0, 1].into() } else { IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]) };
        Self::try_open(to, from).expect("the server takes the connection")
    }

    /// A connection from that address of this machine; nothing if the server closes it before the handshake is done.
    pub(crate) fn try_open(to: SocketAddr, from: IpAddr) -> Option<Self> {
        let mut tcp = connect(to, from)?;
        tcp.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let name = ServerName::from(to.ip());
        let mut tls = ClientConnection::new(client_config(), name).expect("a connection");
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp).ok()?;
        }
        Some(Self(StreamOwned::new(tls, tcp)))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).and_then(|()| self.0.flush()).expect("the server takes what it is sent");
    }

    /// Sends until everything is sent or the server takes no more.
    pub(crate) fn send_as_far_as_taken(&mut self, bytes: &[u8]) {
        match self.0.write_all(bytes).and_then(|()| self.0.flush()) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Reads one head, or as much as came with it.
    pub(crate) fn read_answer(&mut self) -> String {
        let mut bytes = Vec::new();
        let mut buffer = [0; 1024];
        while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
            let count = self.0.read(&mut buffer).expect("an answer");
            assert_ne!(count, 0, "the connection ended: {}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads until the server closes, breaks off, or is silent for so long.
    pub(crate) fn read_to_end(&mut self, silence: Duration) -> Received {
        self.0.sock.set_read_timeout(Some(silence)).expect("a timeout");
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        let how = loop {
            match self.0.read(&mut buffer) {
                Ok(0) => break Ending::Closed,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if is_timeout(&error) => break Ending::Silence,
                // Without a goodbye.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break Ending::Closed,
                Err(_) => break Ending::Broken,
            }
        };
        Received { bytes, how }
    }

    /// Reads nothing until the server has broken the connection off.
    pub(crate) fn wait_until_cut(&mut self, patience: Duration) {
        let began = Instant::now();
        while began.elapsed() < patience {
            match self.0.sock.take_error().expect("the socket can be asked") {
                Some(_) => return,
                // There is nothing else to wait for: reading would be what this client does not do.
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        panic!("the server waited for {patience:?}");
    }

    /// Reads at most so many bytes at a time, with a pause between; tells how many came.
    pub(crate) fn read_slowly(&mut self, at_once: usize, pause: Duration) -> usize {
        let mut total = 0;
        let mut buffer = vec![0; at_once];
        loop {
            let mut filled = 0;
            while filled < at_once {
                match self.0.read(&mut buffer[filled..]) {
                    Ok(0) => return total + filled,
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => return total + filled,
                    Err(error) => panic!("{error} after {total} bytes"),
                }
            }
            total += filled;
            thread::sleep(pause);
        }
    }
}

fn connect(to: SocketAddr, from: IpAddr) -> Option<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tcp = runtime.block_on(async {
        let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.expect("a socket");
        socket.bind(SocketAddr::new(from, 0)).expect("an address of this machine");
        socket.connect(to).await.ok()
    })?;
    let tcp = tcp.into_std().ok()?;
    tcp.set_nonblocking(false).ok()?;
    Some(tcp)
}
