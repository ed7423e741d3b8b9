//! Reading conversations.

use starling_protocol::account::AccountId;

use super::{Stage, account};
use crate::{
    call::{HostError, HostReply},
    permission::Permission,
};

/// Most conversations or messages in one listing.
const MAX_LISTED: usize = 100;

impl Stage {
    pub(super) fn read(&self, of: &str, after: u64, limit: u32) -> Result<HostReply, HostError> {
        let with = account(of)?;
        if !self.grants.reads(&with) {
            return Err(HostError::AccessDenied);
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_LISTED);
        let messages = self.messages_of(of).filter(|message| message.id > after && !message.body.is_empty());
        Ok(HostReply::Messages(messages.take(limit).cloned().collect()))
    }

    pub(super) fn list_recent(&self) -> Result<HostReply, HostError> {
        if !self.grants.iter().any(|own| matches!(own, Permission::Read(_))) {
            return Err(HostError::AccessDenied);
        }
        let mut names: Vec<String> = Vec::new();
        for known in self.kept.messages.iter().rev() {
            let name = &known.message.origin.conversation;
            let is_granted = || AccountId::parse_target(name).is_ok_and(|with| self.grants.reads(&with));
            if names.len() < MAX_LISTED && !names.contains(name) && is_granted() {
                names.push(name.clone());
            }
        }
        Ok(HostReply::Names(names))
    }
}
