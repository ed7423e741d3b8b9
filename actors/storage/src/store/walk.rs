//! Going over many messages of an account without holding up the writer.

use starling_protocol::{account::AccountId, storage::NamespaceScope};

use super::{
    StoreError, Tables,
    place::{PLACE_LEN, Place, Row, Slot},
};

/// Messages that one commit changes for one operation at most.
pub(super) const CHUNK: usize = 1000;

/// Where an operation is among the messages of a scope. What is stored after it began is none of its business.
#[derive(Debug, Default)]
pub struct Walk {
    /// The first number that was not given yet when the walk began.
    end: Option<u64>,
    /// Where the next part begins.
    from: Option<[u8; PLACE_LEN]>,
}

/// Some messages of a walk.
pub(super) struct Part {
    pub(super) messages: Vec<(Place, Row)>,
    pub(super) is_last: bool,
}

impl Walk {
    /// The next messages of the account in a namespace, or in all of them.
    pub(super) fn next(
        &mut self,
        tables: &Tables<'_>,
        account: &AccountId,
        scope: NamespaceScope,
    ) -> Result<Part, StoreError> {
        let end = *self.end.get_or_insert_with(|| tables.next_number());
        let (first, last) = match scope {
            NamespaceScope::One(namespace) => Slot { account: *account, namespace }.bounds(),
            NamespaceScope::All => Slot::account_bounds(account),
        };
        let mut messages = tables.between(&self.from.unwrap_or(first), &last, CHUNK)?;
        let is_last = messages.len() < CHUNK;
        if let Some((place, _)) = messages.last() {
            self.from = Some(place.slot.at(place.number.saturating_add(1)).encode());
        }
        messages.retain(|(place, _)| place.number < end);
        Ok(Part { messages, is_last })
    }
}
