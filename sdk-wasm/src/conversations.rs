//! Reading stored conversations.

use crate::{
    Conversation, Error, Message,
    imports::{Backing, Imports as _},
};

/// Stored conversations of the plugin's account, as far as the grant names them. Needs `read`.
#[derive(Clone, Copy)]
pub struct Conversations<'a> {
    backing: &'a Backing,
}

impl<'a> Conversations<'a> {
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing }
    }

    /// Messages of one conversation with an `id` above `after`, the oldest first; at most `limit`, and at most 100.
    pub fn read(&self, of: &Conversation, after: u64, limit: u32) -> Result<Vec<Message>, Error> {
        self.backing.conversations_read(of, after, limit)
    }

    /// Conversations that have messages, the one with the newest first; at most 100.
    pub fn recent(&self) -> Result<Vec<Conversation>, Error> {
        self.backing.conversations_list_recent()
    }
}
