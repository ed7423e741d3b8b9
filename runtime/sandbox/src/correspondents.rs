//! Who has written to an account: what the scope `reply` of a grant reaches.

use std::collections::HashSet;

use starling_contracts::{
    accounts::Profile,
    inbox::{self, ListMessages, StoredMessage},
};
use starling_kernel::Recipient;
use starling_protocol::account::AccountId;
use tokio::sync::Mutex;

/// Messages that are read at once.
const PAGE: usize = 256;

/// Everybody who has written to one account of this installation, as far as its inbox tells. Shared by its plugins.
pub(crate) struct Correspondents {
    profile: Profile,
    list: Recipient<ListMessages>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The last message that was looked at.
    up_to: u64,
    authors: HashSet<AccountId>,
}

impl Correspondents {
    pub(crate) fn new(profile: Profile, list: Recipient<ListMessages>) -> Self {
        Self { profile, list, known: Mutex::default() }
    }

    /// Has that account written to this one? Reads on in the inbox when it is not known to have.
    ///
    /// # Errors
    /// The inbox could not be read.
    pub(crate) async fn includes(&self, account: &AccountId) -> Result<bool, inbox::Error> {
        let mut known = self.known.lock().await;
        while !known.authors.contains(account) {
            let page = self.page(known.up_to).await?;
            let is_last = page.len() < PAGE;
            known.look_at(page);
            if is_last {
                break;
            }
        }
        Ok(known.authors.contains(account))
    }

    async fn page(&self, after: u64) -> Result<Vec<StoredMessage>, inbox::Error> {
        self.list.ask_patiently(ListMessages { profile: self.profile.clone(), after, limit: PAGE }).await
    }
}

impl Known {
    fn look_at(&mut self, page: Vec<StoredMessage>) {
        for message in page {
            self.up_to = self.up_to.max(message.id);
            if message.from == message.conversation {
                self.authors.insert(message.from);
            }
        }
    }
}
