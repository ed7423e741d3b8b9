//! A received message and the rules that it must pass.

use std::fmt;

use super::{Ignored, Version};
use crate::account::AccountId;
use crate::content::proto::call_message;
use crate::content::{Content, Expiration, Kind, MAX_INCOMING_BODY_CHARS, proto};
use crate::crypto::ed25519;

/// A message whose sender is proven and whose content passed the rules of messages §8 and §9.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Incoming {
    /// The wire version it came in.
    pub version: Version,
    /// Who wrote it; one's own id for copies from one's other devices.
    pub sender: AccountId,
    /// The Ed25519 key that signed it.
    pub sender_ed25519: ed25519::PublicKey,
    /// When it was sent, in milliseconds; together with the sender it identifies the message.
    pub sent_at: u64,
    /// Whether it comes from one's own account.
    pub from_self: bool,
    /// In copies of one's own messages: whom the message went to.
    pub sync_target: Option<AccountId>,
    /// What kind of message it is.
    pub kind: Kind,
    /// What it says.
    pub content: Content,
    /// 64 bytes in the place of a paid-feature signature, which mean nothing without a proof; absent from old clients.
    pub pro_signature: Option<ed25519::Signature>,
}

/// What a codec has found out about a message before the rules are applied.
pub(super) struct Parts {
    pub(super) version: Version,
    pub(super) sender: AccountId,
    pub(super) sender_ed25519: ed25519::PublicKey,
    pub(super) sent_at: u64,
    pub(super) content: Content,
    pub(super) pro_signature: Option<ed25519::Signature>,
}

impl Incoming {
    /// Applies the rules that hold for one-to-one messages of every version; `own` is the receiving account.
    pub(super) fn check(parts: Parts, own: &AccountId) -> Result<Self, Ignored> {
        let Parts { version, sender, sender_ed25519, sent_at, content, pro_signature } = parts;
        // Very old clients set no timestamp inside.
        if !matches!(content.sig_timestamp(), 0) && content.sig_timestamp() != sent_at {
            return Err(Ignored::Timestamp);
        }
        let from_self = sender == *own;
        let sync_target = sync_target(&content, from_self)?;
        let kind = Kind::of(&content)?;
        if from_self && !is_synchronised(kind) {
            return Err(Ignored::FromSelf);
        }
        if let Some(request) = &content.unsend_request
            && kind == Kind::Unsend
            && request.author.parse::<AccountId>() != Ok(sender)
        {
            return Err(Ignored::ForeignUnsend);
        }
        Ok(Self {
            version,
            sender,
            sender_ed25519,
            sent_at,
            from_self,
            sync_target,
            kind,
            content,
            pro_signature,
        })
    }

    /// The other side of the conversation it belongs to: the sender, or for one's own copies whom it went to.
    #[must_use]
    pub fn conversation(&self) -> AccountId {
        self.sync_target.unwrap_or(self.sender)
    }

    /// The text, if there is any, cut at [`MAX_INCOMING_BODY_CHARS`].
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        let body = self.content.data_message.as_ref()?.body();
        let end = body.char_indices().nth(MAX_INCOMING_BODY_CHARS).map_or(body.len(), |(end, _)| end);
        (end > 0).then(|| &body[..end])
    }

    /// When it disappears.
    #[must_use]
    pub fn expiration(&self) -> Expiration {
        Expiration::of(&self.content)
    }

    /// The sender's profile, with empty fields taken for absent by the caller (identity §4).
    #[must_use]
    pub fn profile(&self) -> Option<&proto::LokiProfile> {
        let data = self.content.data_message.as_ref().and_then(|data| data.profile.as_ref());
        data.or_else(|| {
            self.content.message_request_response.as_ref().and_then(|response| response.profile.as_ref())
        })
    }
}

/// Says what a log may hold: neither who wrote the message nor what it says.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("version", &self.version)
            .field("kind", &self.kind)
            .field("sent_at", &self.sent_at)
            .field("from_self", &self.from_self)
            .finish_non_exhaustive()
    }
}

/// Whom one's own message went to; an empty target counts as absent, and nobody else may set one.
fn sync_target(content: &Content, from_self: bool) -> Result<Option<AccountId>, Ignored> {
    let target = content.data_message.as_ref().map_or("", |data| data.sync_target());
    match (target, from_self) {
        ("", _) => Ok(None),
        (_, false) => Err(Ignored::ForeignSyncTarget),
        (target, true) => target.parse().map(Some).map_err(|_| Ignored::SyncTarget),
    }
}

/// Whether one's other devices act on a kind of message that one sent oneself (messages §9).
const fn is_synchronised(kind: Kind) -> bool {
    match kind {
        Kind::Text
        | Kind::Reaction
        | Kind::CommunityInvitation
        | Kind::TimerUpdate
        | Kind::GroupUpdate
        | Kind::Unsend
        | Kind::MessageRequestResponse => true,
        Kind::Call(step) => matches!(step, call_message::Type::Answer | call_message::Type::EndCall),
        Kind::Receipt | Kind::Typing | Kind::DataExtraction => false,
    }
}
