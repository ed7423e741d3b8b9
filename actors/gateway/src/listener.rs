//! Sockets that outlive a restart of the actor, so that a port the system chose stays the same.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Mutex, PoisonError},
};

use tokio::net::TcpSocket;

use crate::error::Error;

/// Connections that the system may hold back for us until they are accepted.
const BACKLOG: u32 = 4096;

/// What the system buffers of an answer for a client that does not read; by itself it would go up to several megabytes for each.
const SEND_BUFFER: u32 = 256 << 10;

/// A listening socket, bound at the first use.
#[derive(Debug)]
pub(crate) struct Listener {
    /// The config key, for the operator.
    key: &'static str,
    wanted: SocketAddr,
    bound: Mutex<Option<TcpListener>>,
}

impl Listener {
    pub(crate) fn new(key: &'static str, wanted: SocketAddr) -> Self {
        Self { key, wanted, bound: Mutex::default() }
    }

    /// A handle to the socket, and its real address.
    pub(crate) fn open(&self) -> Result<(TcpListener, SocketAddr), Error> {
        let failed = |reason| Error::Listen { key: self.key, address: self.wanted, reason };
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = match bound.as_ref() {
            Some(listener) => listener.try_clone().map_err(failed)?,
            None => {
                let fresh = bind(self.wanted).map_err(failed)?;
                let handle = fresh.try_clone().map_err(failed)?;
                *bound = Some(fresh);
                handle
            }
        };
        let address = listener.local_addr().map_err(failed)?;
        Ok((listener, address))
    }

    /// Gives the port back once the last handle is gone.
    pub(crate) fn close(&self) {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted process must not wait for the old one's connections to fade.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_opening_gives_the_same_port() {
        let listener = Listener::new("gateway.https", SocketAddr::from(([127, 0, 0, 1], 0)));

        let (_, first) = listener.open().unwrap();
        let (_, second) = listener.open().unwrap();

        assert_ne!(first.port(), 0);
        assert_eq!(first, second);
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_its_key() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = holder.local_addr().unwrap();

        let error = Listener::new("gateway.https", address).open().unwrap_err().to_string();

        assert!(error.contains(&address.to_string()) && error.contains("gateway.https"), "{error}");
    }
}
