//! The rules by which a stored item becomes a message of the inbox, or does not (messages §8, §9, §18).

use starling_contracts::inbox::{Detail, MessageKind, MessageRef, ReviewMark, StoredMessage};
use starling_protocol::{
    account::{AccountId, AccountKeys},
    content::{self, Kind},
    message::{self, Decoded, Ignored, Incoming},
    session_protocol,
    storage::{MessageHash, Namespace, message_hash},
};

use crate::detail;

/// What a swarm holds for the account, as a member answered it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// The hash that the member names it by.
    pub(crate) hash: MessageHash,
    /// When it was stored, Unix milliseconds.
    pub(crate) stored_at: u64,
    /// When the swarm forgets it, Unix milliseconds.
    pub(crate) expires_at: u64,
    /// The stored bytes.
    pub(crate) data: Vec<u8>,
}

/// What is to be done with an item.
#[derive(Clone, PartialEq)]
pub(crate) enum Verdict {
    /// It becomes a message.
    Keep(Box<Kept>),
    /// It is kept aside until a person lets it pass.
    Hold(Box<Kept>),
    /// It does not; its hash is remembered.
    Drop(Reason),
}

/// A message to be kept, before it has its number here.
#[derive(Clone, PartialEq)]
pub(crate) struct Kept {
    pub(crate) from: AccountId,
    pub(crate) conversation: AccountId,
    pub(crate) body: String,
    /// Unix milliseconds.
    pub(crate) sent_at: u64,
    pub(crate) kind: MessageKind,
    /// The particulars of a control message.
    pub(crate) detail: Option<Detail>,
    pub(crate) attachments: u32,
    /// What a filter had to say of it.
    pub(crate) review: Option<ReviewMark>,
    /// The encoded content, so that nothing is lost that is not shown yet; the stored bytes of an unsupported version.
    pub(crate) content: Vec<u8>,
}

impl Kept {
    /// What names it in its conversation. What cannot be read yet has no such name.
    pub(crate) fn name(&self) -> MessageRef {
        MessageRef { conversation: self.conversation, author: self.from, sent_at: self.sent_at }
    }
}

/// Why an item is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Not what an item of an answer looks like. It is not remembered, for it has no hash of its own.
    Malformed,
    /// It is not what its hash stands for: the member lies, or is broken. It is not remembered either, or a lie could hide
    /// the message that the hash belongs to.
    WrongHash,
    /// It does not open: not for this account, or altered.
    Unopened,
    /// Its signature is not its sender's.
    Signature,
    /// It opens, but holds nothing that can be read.
    Unreadable,
    /// It is well-formed, but against the rules of messages §8 and §9.
    Rules,
    /// A filter rejected it.
    Rejected,
}

impl Reason {
    pub(crate) const ALL: [Self; 7] = [
        Self::Malformed,
        Self::WrongHash,
        Self::Unopened,
        Self::Signature,
        Self::Unreadable,
        Self::Rules,
        Self::Rejected,
    ];

    /// Its name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongHash => "wrong_hash",
            Self::Unopened => "unopened",
            Self::Signature => "signature",
            Self::Unreadable => "unreadable",
            Self::Rules => "rules",
            Self::Rejected => "rejected",
        }
    }
}

/// Is the item what its hash says? Nodes name messages by a hash that anybody can make again (storage-rpc §4.2).
pub(crate) fn is_genuine(item: &Item, account: &AccountId, namespace: Namespace) -> bool {
    message_hash(account, namespace, &item.data) == item.hash
}

/// Opens and judges an item of namespace 0. Never panics, whatever the bytes are.
pub(crate) fn judge(item: &Item, keys: &AccountKeys) -> Verdict {
    if item.data.is_empty() {
        return Verdict::Drop(Reason::Unreadable);
    }
    match message::decode(&item.data, keys) {
        Decoded::Message(incoming) => of_incoming(&incoming),
        Decoded::Unsupported { raw, .. } => Verdict::Keep(Box::new(placeholder(item, raw))),
        Decoded::Ignored(ignored) => Verdict::Drop(reason(&ignored)),
        // A way of decoding that this file does not know yet must not lose the bytes.
        _ => Verdict::Keep(Box::new(placeholder(item, item.data.clone()))),
    }
}

fn of_incoming(incoming: &Incoming) -> Verdict {
    let conversation = incoming.conversation();
    if !conversation.is_conversation_target() {
        return Verdict::Drop(Reason::Rules);
    }
    let kind = if incoming.kind == Kind::Text { MessageKind::Text } else { MessageKind::Control };
    let body = match kind {
        MessageKind::Text => incoming.body().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    Verdict::Keep(Box::new(Kept {
        from: incoming.sender,
        conversation,
        body,
        sent_at: incoming.sent_at,
        kind,
        detail: detail::of(incoming),
        attachments: attachments(incoming),
        review: None,
        content: content::encode(&incoming.content),
    }))
}

fn attachments(incoming: &Incoming) -> u32 {
    let data = incoming.content.data_message.as_ref();
    data.map_or(0, |data| u32::try_from(data.attachments.len()).unwrap_or(u32::MAX))
}

/// Stands for a message that a later version of the program will read.
fn placeholder(item: &Item, raw: Vec<u8>) -> Kept {
    let unknown = StoredMessage::unknown_author();
    Kept {
        from: unknown,
        conversation: unknown,
        body: String::new(),
        sent_at: item.stored_at,
        kind: MessageKind::Unsupported,
        detail: None,
        attachments: 0,
        review: None,
        content: raw,
    }
}

fn reason(ignored: &Ignored) -> Reason {
    match ignored {
        Ignored::Open(session_protocol::Error::Signature | session_protocol::Error::SenderKey) => {
            Reason::Signature
        }
        Ignored::Open(_) => Reason::Unopened,
        Ignored::TooLong { .. } | Ignored::Envelope(_) | Ignored::Content(_) => Reason::Unreadable,
        _ => Reason::Rules,
    }
}
