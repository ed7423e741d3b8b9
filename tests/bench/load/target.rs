//! Whom to ask, and from where.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context as _, Result, ensure};
use rustls::{ClientConfig, pki_types::ServerName};
use starling_tests::insecure_tls;

/// An HTTPS endpoint.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) host: String,
    pub(crate) name: ServerName<'static>,
    pub(crate) tls: Arc<ClientConfig>,
}

/// Addresses of 127.0.0.0/8 that are used; more would help nobody.
const SOURCES: usize = 60_000;

impl Target {
    /// The endpoint at a base URL such as `https://203.0.113.7:22021`.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let parsed = reqwest::Url::parse(url).with_context(|| format!("{url:?} is no URL"))?;
        ensure!(parsed.scheme() == "https", "{url:?} is no https URL");
        let addresses = parsed.socket_addrs(|| None).with_context(|| format!("{url:?} leads nowhere"))?;
        let address = *addresses.first().with_context(|| format!("{url:?} leads nowhere"))?;
        Ok(Self::at(address))
    }

    /// The endpoint at an address.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            address,
            host: address.to_string(),
            // Nobody checks it, and an address is no name that TLS would send.
            name: ServerName::IpAddress(address.ip().into()),
            tls: Arc::new(insecure_tls()),
        }
    }

    /// Whether the target is on this machine, where every address of 127.0.0.0/8 counts as a caller of its own.
    pub(crate) fn is_loopback_v4(&self) -> bool {
        matches!(self.address.ip(), IpAddr::V4(ip) if ip.is_loopback())
    }

    /// The address that connection `number` comes from; `None` lets the system choose.
    pub(crate) fn source(&self, number: usize) -> Option<IpAddr> {
        if !self.is_loopback_v4() {
            return None;
        }
        // 127.1.0.1 and up; 127.0.0.1 is left to others.
        let [_, _, high, low] = u32::try_from(number % SOURCES).unwrap_or(0).to_be_bytes();
        Some(Ipv4Addr::new(127, 1, high, low.max(1)).into())
    }
}
