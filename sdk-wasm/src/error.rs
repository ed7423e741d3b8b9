//! Why something could not be done.

use std::{fmt, str::Utf8Error, string::FromUtf8Error, sync::Arc, time::Duration};

/// Why the host did not do as it was asked, or why an answer could not be understood.
///
/// An [`Outcome`](crate::Outcome) takes it with `?`; see [`Failure`](crate::Failure) for what then becomes of the event.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The grant is missing, or does not reach so far.
    AccessDenied {
        /// What was asked, as in `outbox.send`.
        call: &'static str,
    },
    /// A quota is used up.
    QuotaExceeded {
        /// What was asked.
        call: &'static str,
        /// After how long there is more; `None` when this call of the plugin gets no more.
        retry_after: Option<Duration>,
    },
    /// An argument is not what the host takes.
    InvalidArgument {
        /// What was asked.
        call: &'static str,
        /// Which argument, and what was expected.
        reason: String,
    },
    /// What was asked for does not exist.
    NotFound {
        /// What was asked.
        call: &'static str,
    },
    /// Anything else, for the log and not for matching.
    Other {
        /// What was asked.
        call: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// A text or value does not have the form that it should.
    Malformed {
        /// Which one.
        what: String,
        /// What is wrong with it.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub(crate) fn malformed(
        what: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Malformed { what: what.into(), source: Arc::new(source) }
    }

    /// What the host was asked for, as in `outbox.send`; nothing when it was not about the host.
    pub fn call(&self) -> Option<&'static str> {
        match self {
            Self::AccessDenied { call }
            | Self::QuotaExceeded { call, .. }
            | Self::InvalidArgument { call, .. }
            | Self::NotFound { call }
            | Self::Other { call, .. } => Some(call),
            Self::Malformed { .. } => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessDenied { call } => {
                write!(f, "{call}: the grant is missing, or does not reach so far")
            }
            Self::QuotaExceeded { call, retry_after: Some(after) } => {
                write!(f, "{call}: the quota is used up, there is more after {} ms", after.as_millis())
            }
            Self::QuotaExceeded { call, retry_after: None } => {
                write!(f, "{call}: more than the quota allows in one call")
            }
            Self::InvalidArgument { call, reason } | Self::Other { call, reason } => {
                write!(f, "{call}: {reason}")
            }
            Self::NotFound { call } => write!(f, "{call}: there is no such thing"),
            Self::Malformed { what, source } => write!(f, "{what} is malformed: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::malformed("JSON", error)
    }
}

impl From<Utf8Error> for Error {
    fn from(error: Utf8Error) -> Self {
        Self::malformed("a text", error)
    }
}

impl From<FromUtf8Error> for Error {
    fn from(error: FromUtf8Error) -> Self {
        Self::malformed("a text", error)
    }
}
