//! What a plugin is told of what lies in the inbox.

use std::collections::BTreeSet;

use starling_contracts::inbox::{self, Detail, MessageKind, StoredMessage};
use starling_protocol::account::AccountId;

use crate::{
    call::{Message, MessageRef},
    event::Event,
    manifest::EventKind,
    words,
};

/// The call that a message of the inbox is for a bot which declares `events`; nothing when it is not to be called for it: it wrote
/// the message itself, or on another device, or did not declare the kind.
pub(crate) fn event(stored: StoredMessage, own: &AccountId, events: &BTreeSet<EventKind>) -> Option<Event> {
    if stored.from == *own {
        return None;
    }
    let declares = |kind| events.contains(&kind);
    match (stored.kind, &stored.detail) {
        (MessageKind::Text, _) => {
            let offered = words::offered(message(stored), declares(EventKind::Command));
            let is_declared = matches!(offered, Event::Command { .. }) || declares(EventKind::Message);
            is_declared.then_some(offered)
        }
        (MessageKind::Control, Some(detail)) => control(&stored, detail, declares),
        _ => None,
    }
}

fn control(stored: &StoredMessage, detail: &Detail, declares: impl Fn(EventKind) -> bool) -> Option<Event> {
    let (kind, event) = match detail.clone() {
        Detail::Reaction { target, emoji, is_removed } => (
            EventKind::Reaction,
            Event::Reaction {
                author: stored.from.to_string(),
                target: reference(&target),
                emoji,
                is_removed,
            },
        ),
        Detail::ReadReceipt { sent_at } => (
            EventKind::Receipt,
            Event::Receipt {
                conversation: stored.conversation.to_string(),
                reader: stored.from.to_string(),
                sent_at,
            },
        ),
        Detail::Deletion { target } => (EventKind::Deletion, Event::Deletion { target: reference(&target) }),
        Detail::Other { kind } => (
            EventKind::Other,
            Event::Other {
                kind,
                conversation: stored.conversation.to_string(),
                detail: serde_json::json!({ "author": stored.from, "sent-at": stored.sent_at }).to_string(),
            },
        ),
        _ => return None,
    };
    declares(kind).then_some(event)
}

/// A text as the contract has it.
pub(crate) fn message(stored: StoredMessage) -> Message {
    Message {
        id: stored.id,
        origin: MessageRef {
            conversation: stored.conversation.to_string(),
            author: stored.from.to_string(),
            sent_at: stored.sent_at,
        },
        body: stored.body,
        received_at: stored.received_at,
        is_request: stored.is_request,
    }
}

fn reference(target: &inbox::MessageRef) -> MessageRef {
    MessageRef {
        conversation: target.conversation.to_string(),
        author: target.author.to_string(),
        sent_at: target.sent_at,
    }
}

#[cfg(test)]
mod tests {
    use starling_protocol::account::Prefix;
    use starling_protocol::storage::MessageHash;

    use super::*;

    fn account(byte: u8) -> AccountId {
        AccountId::new(Prefix::Standard, [byte; 32])
    }

    fn stored(body: &str) -> StoredMessage {
        StoredMessage {
            id: 1,
            hash: MessageHash::from_bytes(&[b'A'; MessageHash::LEN]).unwrap(),
            from: account(1),
            conversation: account(1),
            body: body.to_owned(),
            sent_at: 5,
            received_at: 6,
            kind: MessageKind::Text,
            detail: None,
            is_request: true,
            attachments: 0,
            review: None,
        }
    }

    #[track_caller]
    fn check(stored: StoredMessage, declared: &[EventKind], expected: Option<&str>) {
        let event = event(stored, &account(9), &declared.iter().copied().collect());
        assert_eq!(event.as_ref().map(Event::export), expected);
    }

    #[test]
    fn a_plugin_is_called_only_for_what_it_declares() {
        let reaction = StoredMessage {
            kind: MessageKind::Control,
            detail: Some(Detail::Reaction {
                target: inbox::MessageRef { conversation: account(1), author: account(9), sent_at: 4 },
                emoji: "👍".to_owned(),
                is_removed: false,
            }),
            ..stored("")
        };

        check(stored("hi"), &[EventKind::Message], Some("on-message"));
        check(stored("hi"), &[EventKind::Command], None);
        check(stored("/help"), &[EventKind::Command], Some("on-command"));
        check(stored("/help"), &[EventKind::Message], Some("on-message"));
        check(reaction.clone(), &[EventKind::Message], None);
        check(reaction, &[EventKind::Reaction], Some("on-event"));
    }

    #[test]
    fn what_the_own_account_wrote_calls_nobody() {
        let own = StoredMessage { from: account(9), ..stored("hi") };

        check(own, &[EventKind::Message, EventKind::Command], None);
    }
}
