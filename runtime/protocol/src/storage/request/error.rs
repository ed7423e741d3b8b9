//! Why a request cannot be read. What `Display` gives is sent to the client as it stands: texts are part of the protocol.

use thiserror::Error;

/// Why the parameters of a known method are refused (storage-rpc §2, §4).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// A field that must be there is not.
    #[error("Required field '{0}' missing")]
    Missing(&'static str),
    /// Neither of two fields is there.
    #[error("Required field '{0}' or '{1}' missing")]
    MissingEither(&'static str, &'static str),
    /// Two fields exclude each other.
    #[error("Cannot specify both '{0}' and '{1}'")]
    Both(&'static str, &'static str),
    /// A field has a value of another type.
    #[error("Invalid value given for '{field}': expected {expected}")]
    Type {
        /// Which field.
        field: &'static str,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// A number given as text is none; `text` is how JSON writes it.
    #[error("Invalid value given for '{field}': {text}")]
    NumberText {
        /// Which field.
        field: &'static str,
        /// What was given.
        text: String,
    },
    /// A namespace does not fit 16 bits.
    #[error("Invalid value given for '{0}': value out of range")]
    NamespaceRange(&'static str),
    /// A time looks like seconds.
    #[error("Invalid timestamp for '{0}': timestamp must be in milliseconds")]
    NotMilliseconds(&'static str),
    /// A hash does not have the form of one.
    #[error("invalid message hash: {0}")]
    MessageHash(String),
    /// A daemon endpoint that clients may not ask for.
    #[error("Invalid oxend endpoint '{0}'")]
    OxendEndpoint(String),
    /// A part of a batch names no method.
    #[error("Invalid batch subrequest: invalid method \"{0}\"")]
    BatchMethod(String),
    /// A branch of an `ifelse` is not a request.
    #[error("Invalid ifelse request: {branch} {problem}")]
    Branch {
        /// `then` or `else`.
        branch: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A branch of an `ifelse` names no method.
    #[error("Invalid ifelse request method \"{0}\"")]
    BranchMethod(&'static str),
    /// Anything else that the methods object to.
    #[error("{0}")]
    Other(&'static str),
}

/// Why a request is refused before it is understood (storage-rpc §1.1). The status is 400 throughout.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The body is not JSON.
    #[error("invalid json")]
    Json,
    /// There is no `method`, or it is no text.
    #[error("invalid json: no `method` field")]
    NoMethod,
    /// There is no `params`, or it is no object.
    #[error("invalid json: no `params` field")]
    NoParams,
    /// No such method.
    #[error("no method {0}")]
    UnknownMethod(String),
    /// Parameters sent without an envelope are neither JSON nor bencode.
    #[error("invalid body: expected json or bt_dict")]
    Body,
    /// A peer passed on a method that is not passed on.
    #[error("invalid request: received invalid forwarded non-forwardable request")]
    NotForwardable,
    /// The parameters are refused.
    #[error("invalid request: {0}")]
    Parse(#[from] ParseError),
}
