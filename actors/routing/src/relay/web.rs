//! The way out to web servers (onion-requests §5.2): what is asked for, what the operator allows, what becomes of it.
//!
//! A bad target is told under seal, as the reference does. Every other failure goes back in the clear, as a status and a text
//! that no client takes for a fault of its path: the seal of this hop is one that clients of web servers never open.

mod config;

use bytes::Bytes;
use starling_contracts::{
    routing::OnionAnswer,
    transport::{self, PostWeb, Reach, WebAnswer, WebHost},
};
use starling_kernel::{CallError, Context, Recipient};
use starling_protocol::{
    onion::relay_url,
    web::{Host, NotAHost},
};
use thiserror::Error;

use self::config::Rules;
pub use self::config::WebConfig;
use super::{metrics::End, work::GRACE};

/// What a layer says about the web server that is next.
pub(super) struct Goal {
    pub(super) protocol: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) target: String,
}

/// Why nothing was asked, or no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum WebFailure {
    /// The operator switched it off.
    #[error("This service node does not relay to web servers")]
    SwitchedOff,
    /// The operator does not want this server to be asked, or it is no server of the public internet.
    #[error("This service node does not relay to that web server")]
    NotAllowed,
    /// Its name has no address.
    #[error("The name of the web server could not be resolved")]
    UnknownName,
    /// It is not there.
    #[error("The web server could not be reached")]
    Unreachable,
    /// It has no valid certificate.
    #[error("The certificate of the web server could not be verified")]
    Untrusted,
    /// It names another one.
    #[error("The web server answered with a redirect")]
    Redirected,
    /// It said more than a hop can carry back.
    #[error("The answer of the web server is too large")]
    TooLarge,
    /// What came is no answer.
    #[error("The web server did not answer properly")]
    Broken,
    /// It took too long.
    #[error("The web server did not answer in time")]
    TimedOut,
    /// Too much is under way to it, or to all.
    #[error("Next hop congested")]
    Congested,
    /// This node could not ask.
    #[error("request failed")]
    Failed,
}

/// A target that is answered under seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidUrl;

/// Asks web servers.
pub(super) struct Exit {
    config: WebConfig,
    rules: Rules,
    servers: Recipient<PostWeb>,
}

impl Exit {
    /// # Errors
    /// A sentence naming the key that makes no sense.
    pub(super) fn new(config: WebConfig, ctx: &Context) -> Result<Self, String> {
        Ok(Self { rules: config.rules()?, config, servers: ctx.recipient() })
    }

    /// Asks a web server for what a layer says; `payload` is the whole layer, for the server needs the keys in it.
    pub(super) async fn ask(
        &self,
        goal: Goal,
        payload: Vec<u8>,
    ) -> Result<Result<OnionAnswer, WebFailure>, InvalidUrl> {
        let Goal { protocol, host, port, target } = goal;
        if relay_url(&protocol, &host, port, &target).is_none() {
            return Err(InvalidUrl);
        }
        let host = Host::parse(&host).map_err(|NotAHost| InvalidUrl)?;
        if !self.config.enabled {
            return Ok(Err(WebFailure::SwitchedOff));
        }
        if !self.rules.allow(&host, port) {
            return Ok(Err(WebFailure::NotAllowed));
        }
        let tls = protocol == "https";
        let answer = self.post(tls, host.into(), port, target, payload.into()).await;
        match answer {
            Ok(WebAnswer { status, body }) => Ok(Ok(OnionAnswer { status, body })),
            Err(transport::Error::BadAddress) => Err(InvalidUrl),
            Err(error) => Ok(Err(WebFailure::from_call(&error))),
        }
    }

    async fn post(
        &self,
        tls: bool,
        host: WebHost,
        port: u16,
        target: String,
        body: Bytes,
    ) -> Result<WebAnswer, transport::Error> {
        let deadline = self.config.answer_within;
        let post = PostWeb {
            tls,
            host,
            port,
            target,
            body,
            reach: if self.config.private_addresses { Reach::Anywhere } else { Reach::Public },
            max_answer: self.config.max_answer_bytes(),
            deadline,
        };
        self.servers.ask_within(post, deadline + GRACE).await
    }
}

impl WebFailure {
    fn from_call(error: &transport::Error) -> Self {
        match error {
            transport::Error::ForbiddenAddress => Self::NotAllowed,
            transport::Error::UnknownName => Self::UnknownName,
            transport::Error::Unreachable(_) => Self::Unreachable,
            transport::Error::Untrusted | transport::Error::WrongCertificate => Self::Untrusted,
            transport::Error::Redirected => Self::Redirected,
            transport::Error::TooLarge { .. } => Self::TooLarge,
            transport::Error::Broken(_) => Self::Broken,
            transport::Error::TimedOut { .. } | transport::Error::Call(CallError::Late { .. }) => {
                Self::TimedOut
            }
            transport::Error::Call(CallError::Busy { .. }) => Self::Congested,
            _ => Self::Failed,
        }
    }

    pub(super) fn status(self) -> u16 {
        match self {
            Self::Failed => 500,
            Self::Congested => 503,
            Self::TimedOut => 504,
            Self::SwitchedOff
            | Self::NotAllowed
            | Self::UnknownName
            | Self::Unreachable
            | Self::Untrusted
            | Self::Redirected
            | Self::TooLarge
            | Self::Broken => 502,
        }
    }

    pub(super) fn end(self) -> End {
        match self {
            Self::SwitchedOff | Self::NotAllowed => End::WebRefused,
            Self::Congested => End::Congested,
            Self::Failed => End::Failed,
            _ => End::WebFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use starling_contracts::transport::Protocol;

    use super::*;

    #[track_caller]
    fn check(error: transport::Error, status: u16, text: &str) {
        let failure = WebFailure::from_call(&error);
        assert_eq!((failure.status(), failure.to_string().as_str()), (status, text), "{error}");
    }

    #[test]
    fn every_failure_has_a_status_and_a_text_that_blames_no_node() {
        let late = CallError::Late { actor: "transport", message: "post_web" };
        let busy = CallError::Busy { actor: "transport", capacity: 1 };
        check(transport::Error::Unreachable(String::new()), 502, "The web server could not be reached");
        check(transport::Error::UnknownName, 502, "The name of the web server could not be resolved");
        check(transport::Error::ForbiddenAddress, 502, "This service node does not relay to that web server");
        check(transport::Error::Untrusted, 502, "The certificate of the web server could not be verified");
        check(transport::Error::Redirected, 502, "The web server answered with a redirect");
        let long = transport::Error::TooLarge { what: "answer", size: 2, limit: 1 };
        check(long, 502, "The answer of the web server is too large");
        check(transport::Error::Broken(String::new()), 502, "The web server did not answer properly");
        check(transport::Error::TimedOut { within_ms: 1 }, 504, "The web server did not answer in time");
        check(late.into(), 504, "The web server did not answer in time");
        check(busy.into(), 503, "Next hop congested");
        check(transport::Error::NotServed { protocol: Protocol::Onion }, 500, "request failed");
    }
}
