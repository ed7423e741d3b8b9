//! Why the OxenMQ door could not be opened.

use std::io;

use starling_kernel::Fault;
use thiserror::Error;

/// A failure at the start, told to the operator.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(super) enum Error {
    /// The address is taken or not ours.
    #[error(transparent)]
    Listen(#[from] crate::error::Error),
    /// Another program embeds the gateway without the house's libzmq.
    #[error(
        "libzmq was built without curve; repeat starling's [patch.crates-io] of zmq-sys in your workspace, or set \
         gateway.omq.enabled to false"
    )]
    NoCurve,
    /// Connections are told apart by their address within 127.0.0.0/8.
    #[error(
        "this system lets programs use no address of 127.0.0.0/8 but 127.0.0.1, which the openmq door needs; set \
         gateway.omq.enabled to false"
    )]
    OneLoopback(#[source] io::Error),
    /// libzmq refused something that it never should.
    #[error("the openmq socket could not be {what}: {reason}")]
    Socket { what: &'static str, reason: zmq::Error },
    /// The system gave no thread or no pipe.
    #[error("the system has no thread or no socket left for the openmq door")]
    System(#[source] io::Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Listen(source) => source.into(),
            Error::OneLoopback(source) | Error::System(source) => Self::caused_by(text, source),
            Error::NoCurve | Error::Socket { .. } => Self::new(text),
        }
    }
}
