//! `conversations`: what a plugin may read of the inbox.

use std::collections::HashMap;

use starling_contracts::inbox::{ListMessages, MessageKind, StoredMessage};
use starling_protocol::account::AccountId;

use super::{Live, Used, account};
use crate::{
    call::{HostError, HostReply},
    happenings,
    permission::{Conversations, Permission},
};

/// The most messages, or conversations, of one answer.
const MOST: usize = 100;
/// Messages that are read at once. How many pages are read is bounded by the deadline of the call.
const PAGE: usize = 250;

impl Live {
    pub(super) async fn read(
        &mut self,
        of: &str,
        after: u64,
        limit: u32,
        used: &mut Used,
    ) -> Result<HostReply, HostError> {
        let of = account(of)?;
        used.target = of.to_string();
        self.allowed(&Permission::Read(Conversations::Account(of)), used)?;
        let limit = usize::try_from(limit).unwrap_or(MOST).min(MOST);
        let mut found = Vec::new();
        let mut after = after;
        while found.len() < limit {
            let page = self.page(after).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map_or(after, |message| message.id);
            found
                .extend(page.into_iter().filter(|message| is_text_of(message, &of)).map(happenings::message));
            if is_last {
                break;
            }
        }
        found.truncate(limit);
        Ok(HostReply::Messages(found))
    }

    pub(super) async fn list_recent(&mut self, used: &mut Used) -> Result<HostReply, HostError> {
        let is_granted = |permission: &&Permission| matches!(permission, Permission::Read(_));
        let Some(grant) = self.desk.grants.iter().find(is_granted) else {
            used.grant = Permission::Read(Conversations::Direct).to_string();
            return Err(HostError::AccessDenied);
        };
        used.grant = grant.to_string();
        let mut newest = HashMap::<AccountId, u64>::new();
        let mut after = 0;
        loop {
            let page = self.page(after).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map_or(after, |message| message.id);
            for message in page.into_iter().filter(|message| message.kind == MessageKind::Text) {
                newest.insert(message.conversation, message.id);
            }
            if is_last {
                break;
            }
        }
        let mut granted: Vec<_> =
            newest.into_iter().filter(|(with, _)| self.desk.grants.reads(with)).collect();
        granted.sort_unstable_by_key(|(_, id)| std::cmp::Reverse(*id));
        Ok(HostReply::Names(granted.into_iter().take(MOST).map(|(with, _)| with.to_string()).collect()))
    }

    async fn page(&self, after: u64) -> Result<Vec<StoredMessage>, HostError> {
        let question = ListMessages { profile: self.desk.profile.clone(), after, limit: PAGE };
        let page = self.desk.inbox.ask_patiently(question).await;
        page.map_err(|error| HostError::Other(error.to_string()))
    }
}

fn is_text_of(message: &StoredMessage, conversation: &AccountId) -> bool {
    message.kind == MessageKind::Text && message.conversation == *conversation
}
