//! The UDP socket and what is negotiated on it. It outlives a restart of the actor, and so does a port that the system chose.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
};

use quinn::{
    Endpoint, EndpointConfig, IdleTimeout, ServerConfig, TokioRuntime, TransportConfig, VarInt,
    crypto::rustls::QuicServerConfig,
};
use starling_kernel::Entropy;
use starling_protocol::crypto::ed25519;

use super::{config::Config, keys};
use crate::error::Error;

const KEY: &str = "gateway.quic.listen";

/// Streams that a client may have open (storage-rpc §1.3).
const STREAMS: u32 = 32;
/// What may be sent ahead on one stream, and on one connection (storage-rpc §1.3).
const WIDE: Windows = Windows { stream: 6 << 20, connection: 15 << 20, outgoing: 6 << 20 };
/// The same for those who come when many are there already: enough for the usual request in one round trip.
const NARROW: Windows = Windows { stream: 64 << 10, connection: 64 << 10, outgoing: 256 << 10 };

/// Connections that may wait to be looked at, and what each and all of them may have sent by then.
const WAITING: usize = 1024;
const WAITING_BYTES_EACH: u64 = 16 << 10;
const WAITING_BYTES: u64 = 4 << 20;

struct Windows {
    stream: u32,
    connection: u32,
    outgoing: u64,
}

/// What is agreed with those who connect.
pub(super) struct Terms {
    /// With the windows of the network's nodes.
    pub(super) wide: Arc<ServerConfig>,
    /// With smaller ones.
    pub(super) narrow: Arc<ServerConfig>,
}

impl Terms {
    pub(super) fn new(config: &Config, key: Arc<ed25519::SecretKey>) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = Arc::new(keys::tls(key, provider).map_err(Error::QuicTls)?);
        let crypto = QuicServerConfig::try_from(tls).map_err(|_| {
            Error::QuicTls(rustls::Error::General("no cipher for initial packets".to_owned()))
        })?;
        let crypto = Arc::new(crypto);
        let idle = IdleTimeout::try_from(config.idle).ok();
        let terms = |windows: &Windows| {
            let mut server = ServerConfig::with_crypto(Arc::clone(&crypto) as _);
            server
                .transport_config(Arc::new(transport(windows, idle)))
                .max_incoming(WAITING)
                .incoming_buffer_size(WAITING_BYTES_EACH)
                .incoming_buffer_size_total(WAITING_BYTES);
            Arc::new(server)
        };
        Ok(Self { wide: terms(&WIDE), narrow: terms(&NARROW) })
    }
}

fn transport(windows: &Windows, idle: Option<IdleTimeout>) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(windows.stream))
        .receive_window(VarInt::from_u32(windows.connection))
        .send_window(windows.outgoing)
        .max_idle_timeout(idle)
        .datagram_receive_buffer_size(None);
    transport
}

/// The endpoint of all incarnations, opened at the first use.
pub(super) struct Socket {
    wanted: SocketAddr,
    open: Mutex<Option<Endpoint>>,
}

impl Socket {
    pub(super) fn new(wanted: SocketAddr) -> Self {
        Self { wanted, open: Mutex::default() }
    }

    /// The endpoint, and its real address. It runs on the thread that opens it first, which is the actor's own.
    pub(super) fn open(&self, terms: &Terms, entropy: &dyn Entropy) -> Result<(Endpoint, SocketAddr), Error> {
        let failed = |reason| Error::Listen { key: KEY, address: self.wanted, reason };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoint = match open.as_ref() {
            Some(endpoint) => endpoint.clone(),
            None => {
                let fresh = bind(self.wanted, terms, entropy).map_err(failed)?;
                open.insert(fresh).clone()
            }
        };
        let address = endpoint.local_addr().map_err(failed)?;
        Ok((endpoint, address))
    }

    /// Gives the port back once the last connection is gone.
    pub(super) fn close(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn bind(address: SocketAddr, terms: &Terms, entropy: &dyn Entropy) -> io::Result<Endpoint> {
    let socket = UdpSocket::bind(address)?;
    let mut config = EndpointConfig::default();
    config.rng_seed(Some(entropy.bytes()));
    let server = ServerConfig::clone(&terms.narrow);
    Endpoint::new(config, Some(server), socket, Arc::new(TokioRuntime))
}

#[cfg(test)]
mod tests {
    use starling_kernel::SystemEntropy;

    use super::*;

    fn terms() -> Terms {
        Terms::new(&Config::default(), Arc::new(ed25519::SecretKey::from_seed([3; 32]))).unwrap()
    }

    #[tokio::test]
    async fn a_second_opening_gives_the_same_port() {
        let socket = Socket::new(SocketAddr::from(([127, 0, 0, 1], 0)));

        let (_, first) = socket.open(&terms(), &SystemEntropy).unwrap();
        let (_, second) = socket.open(&terms(), &SystemEntropy).unwrap();

        assert_ne!(first.port(), 0);
        assert_eq!(first, second);
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_its_key() {
        let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = holder.local_addr().unwrap();

        let error = Socket::new(address).open(&terms(), &SystemEntropy).unwrap_err().to_string();

        assert!(error.contains(&address.to_string()) && error.contains(KEY), "{error}");
    }
}
