//! The errors that a hop answers in the clear (onion-requests §6). Clients take keys out of these texts: nothing may be added.

use bytes::Bytes;
use starling_contracts::{routing::OnionAnswer, transport};
use starling_kernel::CallError;
use starling_protocol::{
    crypto::ed25519::PublicKey,
    onion::{
        forward::{ForwardError, PathTooLong},
        peel::OuterError,
    },
};
use thiserror::Error;

use super::{metrics::End, web::WebFailure};

/// Why a request ends here. `Display` is the body of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    /// No node list yet.
    #[error("Snode not ready: {own}")]
    NotReady { own: PublicKey },
    /// A client's frame that cannot be read.
    #[error(transparent)]
    Outer(#[from] OuterError),
    /// A node's dict that cannot be read.
    #[error(transparent)]
    Dict(#[from] ForwardError),
    /// This node was asked to relay to itself too often.
    #[error(transparent)]
    PathTooLong(#[from] PathTooLong),
    /// The layer is not for this node, or was altered.
    #[error("Invalid ciphertext")]
    Ciphertext,
    /// The next node is not in the list.
    #[error("Next node not found: {0}")]
    Unknown(PublicKey),
    /// The next node is listed, but has no address or does not answer there.
    #[error("Next node is currently unreachable: {0}")]
    Unreachable(PublicKey),
    /// Too much is under way to the next node.
    #[error("Next hop congested")]
    Congested,
    /// The next node did not answer in time.
    #[error("Request time out")]
    TimedOut,
    /// The next node answered something that is no answer.
    #[error("Invalid response from snode")]
    BadAnswer,
    /// A web server is next, and was not asked or did not answer.
    #[error(transparent)]
    Web(WebFailure),
    /// A job on the CPU pool broke.
    #[error("request failed")]
    Broken,
}

impl Refusal {
    /// What a failed call of the next node means to the client.
    pub(super) fn from_call(next: PublicKey, error: &transport::Error) -> Self {
        match error {
            transport::Error::TimedOut { .. } | transport::Error::Call(CallError::Late { .. }) => {
                Self::TimedOut
            }
            transport::Error::Call(CallError::Busy { .. }) => Self::Congested,
            transport::Error::TooLarge { what: "answer", .. } => Self::BadAnswer,
            _ => Self::Unreachable(next),
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Outer(_) | Self::Dict(_) | Self::PathTooLong(_) | Self::Ciphertext => 400,
            Self::BadAnswer | Self::Broken => 500,
            Self::Unknown(_) | Self::Unreachable(_) => 502,
            Self::NotReady { .. } | Self::Congested => 503,
            Self::TimedOut => 504,
            Self::Web(failure) => failure.status(),
        }
    }

    pub(super) fn end(&self) -> End {
        match self {
            Self::NotReady { .. } => End::NotReady,
            Self::Outer(_) | Self::Dict(_) | Self::PathTooLong(_) | Self::Ciphertext => End::Invalid,
            Self::Unknown(_) => End::Unknown,
            Self::Unreachable(_) => End::Unreachable,
            Self::Congested => End::Congested,
            Self::TimedOut => End::TimedOut,
            Self::BadAnswer => End::BadAnswer,
            Self::Web(failure) => failure.end(),
            Self::Broken => End::Failed,
        }
    }

    pub(super) fn answer(&self) -> OnionAnswer {
        OnionAnswer { status: self.status(), body: Bytes::from(self.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use starling_contracts::transport::Protocol;
    use starling_protocol::onion::frame::FrameError;

    use super::*;

    #[track_caller]
    fn check(refusal: Refusal, status: u16, body: &str) {
        let answer = refusal.answer();
        assert_eq!((answer.status, std::str::from_utf8(&answer.body)), (status, Ok(body)));
    }

    #[test]
    fn every_row_of_the_table_of_plain_errors_is_as_it_is() {
        let key = PublicKey([0xab; 32]);
        let hex = "ab".repeat(32);
        check(Refusal::NotReady { own: key }, 503, &format!("Snode not ready: {hex}"));
        check(Refusal::Ciphertext, 400, "Invalid ciphertext");
        check(Refusal::Unknown(key), 502, &format!("Next node not found: {hex}"));
        check(Refusal::Unreachable(key), 502, &format!("Next node is currently unreachable: {hex}"));
        check(Refusal::TimedOut, 504, "Request time out");
        check(Refusal::BadAnswer, 500, "Invalid response from snode");
        check(Refusal::Congested, 503, "Next hop congested");
        check(Refusal::PathTooLong(PathTooLong), 400, "onion request max path length exceeded");
        let outer = Refusal::Outer(OuterError::Parse(FrameError::Field("hop_no")));
        assert!(outer.to_string().starts_with("Error parsing onion request: "), "{outer}");
        let dict = Refusal::Dict(ForwardError::Parse("data missing"));
        check(dict, 400, "Invalid internal onion request: data missing");
    }

    #[test]
    fn failures_of_the_transport_are_told_apart() {
        let next = PublicKey([1; 32]);
        let busy = CallError::Busy { actor: "transport", capacity: 1 };
        let late = CallError::Late { actor: "transport", message: "call_peer" };
        for (error, expected) in [
            (transport::Error::TimedOut { within_ms: 1 }, Refusal::TimedOut),
            (late.into(), Refusal::TimedOut),
            (busy.into(), Refusal::Congested),
            (transport::Error::Unreachable("refused".to_owned()), Refusal::Unreachable(next)),
            (transport::Error::Broken("reset".to_owned()), Refusal::Unreachable(next)),
            (transport::Error::NotServed { protocol: Protocol::Onion }, Refusal::Unreachable(next)),
            (transport::Error::TooLarge { what: "answer", size: 2, limit: 1 }, Refusal::BadAnswer),
        ] {
            assert_eq!(Refusal::from_call(next, &error), expected, "{error}");
        }
    }
}
