//! How a call ends.

use std::{fmt, str::Utf8Error, string::FromUtf8Error, time::Duration};

use crate::Error;

/// How a call of a bot ends. With `Err`, all that the call changed is undone: nothing was sent, set or stored.
pub type Outcome = Result<(), Failure>;

/// How an event ended that could not be handled.
///
/// `?` makes it from an [`Error`]: a used-up quota is a retry after the time that the host named, another trouble of the
/// host a retry when the host sees fit; a missing grant, a wrong argument, something that is not there, a malformed text and
/// more than a call may ever have are rejections, for they would be the same the next time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Offer the event again.
    Retry {
        /// Not before this time has passed.
        after: Duration,
        /// Why, for the plugin's log.
        reason: String,
    },
    /// Put the event into quarantine at once, with this reason.
    Reject(String),
}

impl Failure {
    /// Offer the event again after that time, for this reason.
    pub fn retry(after: Duration, reason: impl Into<String>) -> Self {
        Self::Retry { after, reason: reason.into() }
    }

    /// Put the event into quarantine, for this reason.
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Reject(reason.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry { after, reason } => {
                write!(f, "to be retried after {} ms: {reason}", after.as_millis())
            }
            Self::Reject(reason) => write!(f, "rejected: {reason}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::QuotaExceeded { retry_after: Some(after), .. } => Self::retry(*after, error.to_string()),
            Error::Other { .. } => Self::retry(Duration::ZERO, error.to_string()),
            Error::AccessDenied { .. }
            | Error::QuotaExceeded { retry_after: None, .. }
            | Error::InvalidArgument { .. }
            | Error::NotFound { .. }
            | Error::Malformed { .. } => Self::reject(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<Utf8Error> for Failure {
    fn from(error: Utf8Error) -> Self {
        Error::from(error).into()
    }
}

impl From<FromUtf8Error> for Failure {
    fn from(error: FromUtf8Error) -> Self {
        Error::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_quota_is_retried_when_there_is_more() {
        let error = Error::QuotaExceeded { call: "outbox.send", retry_after: Some(Duration::from_secs(5)) };

        let failure = Failure::from(error);

        let reason = "outbox.send: the quota is used up, there is more after 5000 ms";
        assert_eq!(failure, Failure::retry(Duration::from_secs(5), reason));
    }

    #[test]
    fn what_would_be_the_same_the_next_time_is_rejected() {
        let errors = [
            Error::AccessDenied { call: "kv.get" },
            Error::QuotaExceeded { call: "kv.set", retry_after: None },
            Error::InvalidArgument { call: "kv.get", reason: "the key is empty".into() },
            Error::NotFound { call: "outbox.delete-own" },
            Error::from(serde_json::from_str::<u8>("x").unwrap_err()),
        ];

        for error in errors {
            let text = error.to_string();
            assert_eq!(Failure::from(error), Failure::Reject(text));
        }
    }

    #[test]
    fn a_trouble_of_the_host_is_retried() {
        let error = Error::Other { call: "http.fetch", reason: "no connection".into() };

        let failure = Failure::from(error);

        assert_eq!(failure, Failure::retry(Duration::ZERO, "http.fetch: no connection"));
    }
}
