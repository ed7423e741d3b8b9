//! Sending, reacting, taking back.

use std::mem;

use starling_protocol::{
    account::AccountId,
    content::{Emoji, MAX_BODY_CHARS},
};

use super::{
    super::action::{self, Action, Fact},
    Stage, account,
};
use crate::{
    call::{HostError, HostReply, MessageRef},
    permission::{Grants, Permission, Reach},
};

/// How long a message can be taken back, in milliseconds.
const TAKEN_BACK_WITHIN: u64 = 14 * 24 * 60 * 60 * 1000;

impl Stage {
    pub(super) fn send(&mut self, to: &str, body: String) -> Result<HostReply, HostError> {
        self.may_write(to, Grants::send_reach)?;
        let sending = self.queue(to, &body)?;
        let facts = [("to", Fact::Account(to.to_owned())), ("body", Fact::Text(body))];
        self.note_queued(&sending, Action::new(&action::SEND, facts))?;
        Ok(HostReply::Sending(sending))
    }

    pub(super) fn reply(&mut self, to: &MessageRef, body: String) -> Result<HostReply, HostError> {
        let with = &to.conversation;
        self.may_write(with, Grants::send_reach)?;
        let sending = self.queue(with, &body)?;
        let quotes = Fact::Text(self.text_of(to));
        let facts = [("to", Fact::Account(with.clone())), ("quotes", quotes), ("body", Fact::Text(body))];
        self.note_queued(&sending, Action::new(&action::REPLY, facts))?;
        Ok(HostReply::Sending(sending))
    }

    pub(super) fn react(
        &mut self,
        to: &MessageRef,
        emoji: &str,
        remove: bool,
    ) -> Result<HostReply, HostError> {
        let with = &to.conversation;
        self.may_write(with, Grants::react_reach)?;
        let emoji: Emoji = emoji.parse().map_err(|error| HostError::InvalidArgument(format!("{error}")))?;
        self.count_send()?;
        let on = Fact::Text(self.text_of(to));
        let emoji = Fact::Text(emoji.as_str().to_owned());
        let facts = [
            ("to", Fact::Account(with.clone())),
            ("on", on),
            ("emoji", emoji),
            ("remove", Fact::Flag(remove)),
        ];
        self.note(Action::new(&action::REACT, facts));
        Ok(HostReply::Done)
    }

    pub(super) fn delete_own(&mut self, sent: &str) -> Result<HostReply, HostError> {
        self.need(&Permission::Delete)?;
        let now = self.now();
        let is_it = |known: &super::Known| known.sending.as_deref() == Some(sent);
        let at = self.kept.messages.iter().position(is_it).ok_or(HostError::NotFound)?;
        if now.saturating_sub(self.kept.messages[at].message.origin.sent_at) > TAKEN_BACK_WITHIN {
            return Err(HostError::NotFound);
        }
        if let Some(queued) = self.call()?.queued.remove(sent) {
            // It has not left yet, and never will.
            self.call()?.done[queued] = None;
            self.kept.messages.remove(at);
            return Ok(HostReply::Done);
        }
        let known = &mut self.kept.messages[at];
        known.sending = None;
        let body = mem::take(&mut known.message.body);
        self.note(Action::new(&action::DELETE_OWN, [("body", Fact::Text(body))]));
        Ok(HostReply::Done)
    }

    /// Whether a conversation may be written to.
    fn may_write(
        &self,
        conversation: &str,
        reach: impl FnOnce(&Grants, &AccountId) -> Reach,
    ) -> Result<(), HostError> {
        let to = account(conversation)?;
        if !to.is_conversation_target() {
            return Err(HostError::InvalidArgument("this account cannot be written to".to_owned()));
        }
        let wrote_first =
            || self.messages_of(conversation).any(|message| message.origin.author == conversation);
        match reach(&self.grants, &to) {
            Reach::Always => Ok(()),
            Reach::Reply if wrote_first() => Ok(()),
            Reach::Reply | Reach::No => Err(HostError::AccessDenied),
        }
    }

    /// Takes a text to be sent when the call has ended well.
    fn queue(&mut self, to: &str, body: &str) -> Result<String, HostError> {
        if body.trim().is_empty() {
            return Err(HostError::InvalidArgument("body is empty: expected a text".to_owned()));
        }
        if body.chars().count() > MAX_BODY_CHARS {
            return Err(HostError::InvalidArgument(format!(
                "body is longer than {MAX_BODY_CHARS} characters"
            )));
        }
        self.count_send()?;
        let at = self.now().max(self.kept.last_sent_at.saturating_add(1));
        self.kept.last_sent_at = at;
        self.kept.sendings += 1;
        let sending = self.kept.sendings.to_string();
        let own_id = self.own_id.clone();
        self.hear(to, &own_id, body, at, false);
        if let Some(known) = self.kept.messages.last_mut() {
            known.sending = Some(sending.clone());
        }
        Ok(sending)
    }

    fn count_send(&mut self) -> Result<(), HostError> {
        let most = self.quotas.sends_per_call;
        let call = self.call()?;
        if call.sends >= most {
            return Err(HostError::QuotaExceeded(u32::MAX));
        }
        call.sends += 1;
        Ok(())
    }

    /// Notes a text that leaves when the call has ended well.
    fn note_queued(&mut self, sending: &str, action: Action) -> Result<(), HostError> {
        let call = self.call()?;
        call.queued.insert(sending.to_owned(), call.done.len());
        call.done.push(Some(action));
        Ok(())
    }
}
