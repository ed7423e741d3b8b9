//! Commands that a listener does not carry out.

use bytes::Bytes;

use super::REPLY;

/// Why a command is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// There is no such command.
    UnknownCommand,
    /// The command is for administrators.
    Forbidden,
    /// The command is for service nodes, and the caller is none.
    ForbiddenServiceNode,
    /// The command needs a listener that is a service node.
    NotAServiceNode,
    /// A request came without the tag that its answer would carry.
    NoReplyTag,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::UnknownCommand,
        Self::Forbidden,
        Self::ForbiddenServiceNode,
        Self::NotAServiceNode,
        Self::NoReplyTag,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnknownCommand => "UNKNOWNCOMMAND",
            Self::Forbidden => "FORBIDDEN",
            Self::ForbiddenServiceNode => "FORBIDDEN_SN",
            Self::NotAServiceNode => "NOT_A_SERVICE_NODE",
            Self::NoReplyTag => "NO_REPLY_TAG",
        }
    }

    pub(super) fn parse(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.word().as_bytes() == word)
    }
}

/// A refusal and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// What is refused.
    pub about: About,
}

/// What a refusal names: the request by its tag where it has one, else the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The tag of a request.
    Tag(Bytes),
    /// The name of a command.
    Command(Bytes),
}

impl Refused {
    /// The parts of the message that tells it.
    #[must_use]
    pub fn encode(self) -> Vec<Bytes> {
        let word = Bytes::from_static(self.refusal.word().as_bytes());
        match self.about {
            About::Tag(tag) => vec![word, Bytes::from_static(REPLY), tag],
            About::Command(command) => vec![word, command],
        }
    }
}
