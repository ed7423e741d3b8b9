//! Names and connections.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
};

use tokio::net::TcpStream;

/// What waits for the internet.
type Waiting<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// Resolves names and makes connections. Whatever a name resolves to is checked before anything connects to it.
pub trait Internet: Send + Sync + 'static {
    /// The addresses of a name; the port is for resolvers that want one.
    fn resolve(&self, name: String, port: u16) -> Waiting<Vec<IpAddr>>;

    /// A connection to an address.
    fn connect(&self, address: SocketAddr) -> Waiting<TcpStream>;
}

/// The operating system's resolver and network.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Internet for System {
    fn resolve(&self, name: String, port: u16) -> Waiting<Vec<IpAddr>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), port)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }

    fn connect(&self, address: SocketAddr) -> Waiting<TcpStream> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}
