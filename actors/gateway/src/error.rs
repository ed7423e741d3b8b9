//! Why a door could not be opened.

use std::{io, net::SocketAddr, path::PathBuf};

use starling_kernel::Fault;
use thiserror::Error;

/// A failure at the start, told to the operator.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The address is taken or not ours.
    #[error(
        "cannot listen on {address} ({key}): {reason}; stop the program that uses it, or set {key} to another address"
    )]
    Listen { key: &'static str, address: SocketAddr, reason: io::Error },
    /// A file of the certificate cannot be read or written.
    #[error("cannot {what} {}: {reason}; check the permissions of the data folder", path.display())]
    File { what: &'static str, path: PathBuf, reason: io::Error },
    /// A file of the certificate holds something else.
    #[error("{} holds no {expected}; put the right file back, or remove cert.pem and key.pem to have new ones made", path.display())]
    NotPem { path: PathBuf, expected: &'static str },
    /// The certificate lies there without its key.
    #[error("{} is missing beside cert.pem; put it back, or remove cert.pem to have both made anew", path.display())]
    KeyMissing { path: PathBuf },
    /// Key and certificate do not fit together, or are of a kind that TLS does not take.
    #[error("cert.pem and key.pem cannot be used for TLS; remove both to have new ones made")]
    Tls(#[source] rustls::Error),
    /// No certificate could be made.
    #[error("no certificate could be made")]
    Certificate(#[source] rcgen::Error),
    /// The pool for such work is gone.
    #[error("the certificate could not be made on the cpu pool")]
    Pool(#[source] starling_kernel::PoolError),
    /// TLS for QUIC could not be set up.
    #[error("tls for quic could not be set up")]
    QuicTls(#[source] rustls::Error),
    /// The HTTP server did not start.
    #[error("the http server did not start")]
    Server(#[source] io::Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Listen { .. } | Error::File { .. } | Error::NotPem { .. } | Error::KeyMissing { .. } => {
                Self::new(text)
            }
            Error::Tls(source) | Error::QuicTls(source) => Self::caused_by(text, source),
            Error::Certificate(source) => Self::caused_by(text, source),
            Error::Pool(source) => Self::caused_by(text, source),
            Error::Server(source) => Self::caused_by(text, source),
        }
    }
}
