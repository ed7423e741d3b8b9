//! Where a message lies and what is known of it beside its body: the bytes of keys and values.

use starling_protocol::{
    account::AccountId,
    storage::{MessageHash, Namespace},
};

use super::StoreError;

/// Account and namespace.
pub(super) const SLOT_LEN: usize = AccountId::LEN + 2;
/// Account, namespace and number.
pub(super) const PLACE_LEN: usize = SLOT_LEN + 8;
/// Timestamp, expiry, hash, length of the body.
pub(super) const ROW_LEN: usize = 8 + 8 + MessageHash::LEN + 4;

/// A namespace of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot {
    pub(super) account: AccountId,
    pub(super) namespace: Namespace,
}

/// Where a message lies: numbers count up over the whole store, so within a slot they give the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: Slot,
    pub(super) number: u64,
}

/// What is known of a message beside its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) timestamp: i64,
    pub(super) expiry: i64,
    pub(super) hash: MessageHash,
    pub(super) body_len: u32,
}

/// Signed numbers as big-endian bytes that sort as the numbers do.
fn ordered(number: i64) -> [u8; 8] {
    (number ^ i64::MIN).to_be_bytes()
}

fn from_ordered(bytes: [u8; 8]) -> i64 {
    i64::from_be_bytes(bytes) ^ i64::MIN
}

impl Slot {
    pub(super) fn encode(&self) -> [u8; SLOT_LEN] {
        let mut bytes = [0; SLOT_LEN];
        let (account, namespace) = bytes.split_at_mut(AccountId::LEN);
        account.copy_from_slice(self.account.as_bytes());
        namespace.copy_from_slice(&(self.namespace.0 ^ i16::MIN).to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; SLOT_LEN]) -> Result<Self, StoreError> {
        let (account, namespace) = bytes.split_at(AccountId::LEN);
        let malformed = StoreError::Malformed { table: "storage/messages" };
        let account = AccountId::from_bytes_any(account).map_err(|_| malformed.clone())?;
        let namespace: [u8; 2] = namespace.try_into().map_err(|_| malformed)?;
        Ok(Self { account, namespace: Namespace(i16::from_be_bytes(namespace) ^ i16::MIN) })
    }

    /// The first and the last place there can be in the slot.
    pub(super) fn bounds(&self) -> ([u8; PLACE_LEN], [u8; PLACE_LEN]) {
        (self.at(0).encode(), self.at(u64::MAX).encode())
    }

    pub(super) fn at(&self, number: u64) -> Place {
        Place { slot: *self, number }
    }

    /// The first and the last place there can be of an account.
    pub(super) fn account_bounds(account: &AccountId) -> ([u8; PLACE_LEN], [u8; PLACE_LEN]) {
        let slot = |namespace| Slot { account: *account, namespace: Namespace(namespace) };
        (slot(i16::MIN).at(0).encode(), slot(i16::MAX).at(u64::MAX).encode())
    }
}

impl Place {
    pub(super) fn encode(&self) -> [u8; PLACE_LEN] {
        let mut bytes = [0; PLACE_LEN];
        let (slot, number) = bytes.split_at_mut(SLOT_LEN);
        slot.copy_from_slice(&self.slot.encode());
        number.copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; PLACE_LEN]) -> Result<Self, StoreError> {
        let malformed = || StoreError::Malformed { table: "storage/messages" };
        let (slot, number) = bytes.split_first_chunk::<SLOT_LEN>().ok_or_else(malformed)?;
        let number: [u8; 8] = number.try_into().map_err(|_| malformed())?;
        Ok(Self { slot: Slot::decode(slot)?, number: u64::from_be_bytes(number) })
    }
}

impl Row {
    pub(super) fn encode(&self) -> [u8; ROW_LEN] {
        let mut bytes = [0; ROW_LEN];
        bytes[..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.expiry.to_be_bytes());
        bytes[16..16 + MessageHash::LEN].copy_from_slice(self.hash.as_bytes());
        bytes[16 + MessageHash::LEN..].copy_from_slice(&self.body_len.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; ROW_LEN]) -> Result<Self, StoreError> {
        let read = || {
            let (timestamp, rest) = bytes.split_first_chunk()?;
            let (expiry, rest) = rest.split_first_chunk()?;
            let (hash, body_len) = rest.split_first_chunk::<{ MessageHash::LEN }>()?;
            Some(Self {
                timestamp: i64::from_be_bytes(*timestamp),
                expiry: i64::from_be_bytes(*expiry),
                hash: MessageHash::from_bytes(hash).ok()?,
                body_len: u32::from_be_bytes(body_len.try_into().ok()?),
            })
        };
        read().ok_or(StoreError::Malformed { table: "storage/messages" })
    }
}

/// Key of the expiry index: the expiry, then the message's number, because many messages may go at one moment.
pub(super) fn expiry_key(expiry: i64, number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&ordered(expiry));
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// The number in a key of the expiry index, and the expiry.
pub(super) fn read_expiry_key(bytes: &[u8; 16]) -> Result<(i64, u64), StoreError> {
    let parts =
        bytes.split_first_chunk::<8>().and_then(|(expiry, rest)| Some((expiry, rest.first_chunk::<8>()?)));
    let (expiry, number) = parts.ok_or(StoreError::Malformed { table: "storage/expiries" })?;
    Ok((from_ordered(*expiry), u64::from_be_bytes(*number)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use starling_protocol::account::Prefix;

    use super::*;

    proptest! {
        #[test]
        fn keys_and_values_read_back(prefix: u8, key: [u8; 32], namespace: i16, number: u64, timestamp: i64, expiry: i64, body_len: u32) {
            let account = AccountId::new(Prefix::from_byte(prefix), key);
            let place = Slot { account, namespace: Namespace(namespace) }.at(number);
            let hash = MessageHash::from_bytes(&[b'x'; 43]).unwrap();
            let row = Row { timestamp, expiry, hash, body_len };

            prop_assert_eq!(Place::decode(&place.encode()).unwrap(), place);
            prop_assert_eq!(Row::decode(&row.encode()).unwrap(), row);
            prop_assert_eq!(read_expiry_key(&expiry_key(expiry, number)).unwrap(), (expiry, number));
        }

        #[test]
        fn bytes_sort_as_the_numbers_do(left: (i16, u64), right: (i16, u64), early: i64, late: i64) {
            let account = AccountId::new(Prefix::Standard, [7; 32]);
            let place = |(namespace, number)| Slot { account, namespace: Namespace(namespace) }.at(number).encode();

            prop_assert_eq!(place(left).cmp(&place(right)), left.cmp(&right));
            prop_assert_eq!(expiry_key(early, 0).cmp(&expiry_key(late, 0)), early.cmp(&late));
        }
    }
}
