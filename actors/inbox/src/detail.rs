//! What a control message says, as the inbox keeps it: bounded, whoever wrote it.

use starling_contracts::inbox::{Detail, MessageRef};
use starling_protocol::{
    account::AccountId,
    content::{Content, Kind, Target, proto::reaction::Action},
    message::Incoming,
};

/// Times that are kept of one receipt.
const MAX_TIMES: usize = 1000;
/// Longest emoji that is kept, in bytes: the longest of Unicode's list take half of it.
const MAX_EMOJI_BYTES: usize = 64;

/// The particulars of a message; nothing for a text, whose particulars are its own.
pub(crate) fn of(incoming: &Incoming) -> Option<Detail> {
    let conversation = incoming.conversation();
    let known = match incoming.kind {
        Kind::Text => return None,
        Kind::Reaction => reaction(&incoming.content, conversation),
        Kind::Receipt => receipt(&incoming.content),
        Kind::Unsend => deletion(&incoming.content, conversation),
        _ => None,
    };
    Some(known.unwrap_or_else(|| Detail::Other { kind: incoming.kind.to_string() }))
}

fn reaction(content: &Content, conversation: AccountId) -> Option<Detail> {
    let reaction = content.data_message.as_ref()?.reaction.as_ref()?;
    let target = named(Target::of_reaction(reaction)?, conversation);
    let emoji = reaction.emoji();
    let is_short = (1..=MAX_EMOJI_BYTES).contains(&emoji.len()) && !emoji.contains(char::is_control);
    let is_removed = reaction.action() == Action::Remove;
    is_short.then(|| Detail::Reaction { target, emoji: emoji.to_owned(), is_removed })
}

fn receipt(content: &Content) -> Option<Detail> {
    let times = &content.receipt_message.as_ref()?.timestamp;
    Some(Detail::ReadReceipt { sent_at: times.iter().copied().take(MAX_TIMES).collect() })
}

fn deletion(content: &Content, conversation: AccountId) -> Option<Detail> {
    let target = Target::of_unsend(content.unsend_request.as_ref()?)?;
    Some(Detail::Deletion { target: named(target, conversation) })
}

fn named(Target { author, sent_at }: Target, conversation: AccountId) -> MessageRef {
    MessageRef { conversation, author, sent_at }
}
