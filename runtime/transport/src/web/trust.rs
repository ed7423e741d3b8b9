//! TLS to web servers: 1.2 or newer, and a certificate that is valid for the name.

use std::{io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use starling_contracts::transport::{Error, WebHost};
use tokio_rustls::TlsConnector;

/// Whose certificates are believed.
#[derive(Debug, Clone, Default)]
pub enum Roots {
    /// Those the operating system trusts; those that browsers trust where it has none, as in a bare container.
    #[default]
    System,
    /// These alone (DER).
    Only(Vec<Vec<u8>>),
}

/// What makes connections secure; nothing when nobody is trusted. Reads files.
pub(super) fn connector(roots: &Roots) -> Option<TlsConnector> {
    let roots = store(roots);
    if roots.is_empty() {
        return None;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(TlsConnector::from(Arc::new(config)))
}

fn store(roots: &Roots) -> RootCertStore {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
            }
        }
        Roots::Only(roots) => {
            let roots = roots.iter().map(|der| CertificateDer::from(der.as_slice()));
            store.add_parsable_certificates(roots);
        }
    }
    store
}

/// The name that the certificate has to be for.
///
/// # Errors
/// A name that no certificate can be for.
pub(super) fn server_name(host: &WebHost) -> Result<ServerName<'static>, Error> {
    match host {
        WebHost::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Error::BadAddress),
        WebHost::Address(address) => Ok(ServerName::IpAddress((*address).into())),
    }
}

/// Why a handshake failed.
pub(super) fn refused(error: &io::Error) -> Error {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(_)) => Error::Untrusted,
        _ => Error::Broken("the tls handshake failed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_trusted_on_every_system_and_nobody_where_none_is_named() {
        assert!(connector(&Roots::System).is_some());
        assert!(connector(&Roots::Only(Vec::new())).is_none());
        assert!(connector(&Roots::Only(vec![b"no certificate".to_vec()])).is_none());
        assert!(!webpki_root_certs::TLS_SERVER_ROOT_CERTS.is_empty());
    }
}
