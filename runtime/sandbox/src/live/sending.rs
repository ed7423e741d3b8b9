//! `outbox`: what a plugin sends is put into its draft, and leaves when the draft is on disk.

use starling_protocol::{
    account::AccountId,
    content::{Emoji, MAX_BODY_CHARS},
};

use super::{Live, Used, account};
use crate::{
    call::{HostError, HostReply, MessageRef},
    permission::{Permission, Reach, Scope},
};

impl Live {
    pub(super) async fn send(
        &mut self,
        to: &str,
        body: String,
        used: &mut Used,
    ) -> Result<HostReply, HostError> {
        let to = self.addressee(to, used, Kind::Send).await?;
        check_body(&body)?;
        self.draft.may_send()?;
        self.take_send()?;
        Ok(HostReply::Sending(self.draft.send(&to.to_string(), &body)?.to_string()))
    }

    pub(super) async fn reply(
        &mut self,
        quoted: MessageRef,
        body: String,
        used: &mut Used,
    ) -> Result<HostReply, HostError> {
        self.addressee(&quoted.conversation, used, Kind::Send).await?;
        account(&quoted.author)?;
        check_body(&body)?;
        self.draft.may_send()?;
        self.take_send()?;
        Ok(HostReply::Sending(self.draft.reply(&quoted, &body)?.to_string()))
    }

    pub(super) async fn react(
        &mut self,
        to: MessageRef,
        emoji: String,
        remove: bool,
        used: &mut Used,
    ) -> Result<HostReply, HostError> {
        self.addressee(&to.conversation, used, Kind::React).await?;
        account(&to.author)?;
        if emoji.parse::<Emoji>().is_err() {
            return Err(HostError::InvalidArgument("emoji is not one emoji".to_owned()));
        }
        self.draft.may_send()?;
        self.take_send()?;
        self.draft.react(&to, &emoji, remove)?;
        Ok(HostReply::Done)
    }

    pub(super) fn delete_own(&mut self, sent: &str, used: &mut Used) -> Result<HostReply, HostError> {
        self.allowed(&Permission::Delete, used)?;
        self.take_send()?;
        self.draft.delete_own(sent)?;
        Ok(HostReply::Done)
    }

    fn take_send(&self) -> Result<(), HostError> {
        self.desk.quotas.take_send().map_err(HostError::QuotaExceeded)
    }

    /// Reads whom it is for, and checks whether the grant reaches them.
    async fn addressee(&mut self, to: &str, used: &mut Used, kind: Kind) -> Result<AccountId, HostError> {
        let to = account(to)?;
        used.target = to.to_string();
        if !to.is_conversation_target() {
            return Err(HostError::InvalidArgument("this account cannot be written to".to_owned()));
        }
        let reach = match kind {
            Kind::Send => self.desk.grants.send_reach(&to),
            Kind::React => self.desk.grants.react_reach(&to),
        };
        let permission = |scope| match kind {
            Kind::Send => Permission::Send(scope),
            Kind::React => Permission::React(scope),
        };
        match reach {
            Reach::Always => self.allowed(&permission(Scope::Account(to)), used)?,
            Reach::Reply => {
                self.allowed(&permission(Scope::Reply), used)?;
                if !self.has_written(&to).await? {
                    return Err(HostError::AccessDenied);
                }
            }
            Reach::No => self.allowed(&permission(Scope::Account(to)), used)?,
        }
        Ok(to)
    }

    async fn has_written(&self, account: &AccountId) -> Result<bool, HostError> {
        if self.partner == Some(*account) {
            return Ok(true);
        }
        self.desk.correspondents.includes(account).await.map_err(|error| HostError::Other(error.to_string()))
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Send,
    React,
}

fn check_body(body: &str) -> Result<(), HostError> {
    let characters = body.chars().take(MAX_BODY_CHARS + 1).count();
    match characters {
        0 => Err(HostError::InvalidArgument("body is empty: expected a text".to_owned())),
        n if n > MAX_BODY_CHARS => {
            Err(HostError::InvalidArgument(format!("body is longer than {MAX_BODY_CHARS} characters")))
        }
        _ => Ok(()),
    }
}
