//! What a plugin did.

use crate::{Conversation, MessageRef, Sending};

/// Something that a plugin sent or did, in a call that ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A text.
    Send {
        /// To whom.
        to: Conversation,
        /// The text.
        body: String,
        /// Its name.
        sending: Sending,
    },
    /// A text that quotes a message.
    Reply {
        /// Which message.
        to: MessageRef,
        /// The text.
        body: String,
        /// Its name.
        sending: Sending,
    },
    /// An emoji, put on a message or taken off.
    React {
        /// Which message.
        to: MessageRef,
        /// The emoji.
        emoji: String,
        /// Whether it was taken off.
        remove: bool,
    },
    /// A text of the plugin's was taken back, after it had left.
    Delete {
        /// Which one.
        sending: Sending,
    },
}

impl Action {
    /// The text, of what has one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Send { body, .. } | Self::Reply { body, .. } => Some(body),
            Self::React { .. } | Self::Delete { .. } => None,
        }
    }

    /// Where it went; nothing for what was taken back.
    pub fn conversation(&self) -> Option<&Conversation> {
        match self {
            Self::Send { to, .. } => Some(to),
            Self::Reply { to, .. } | Self::React { to, .. } => Some(&to.conversation),
            Self::Delete { .. } => None,
        }
    }

    /// The name, of a text.
    pub(crate) fn sending(&self) -> Option<&Sending> {
        match self {
            Self::Send { sending, .. } | Self::Reply { sending, .. } => Some(sending),
            Self::React { .. } | Self::Delete { .. } => None,
        }
    }
}
