//! What subscribers are sent, encoded once for all of them.

use std::cell::OnceCell;

use bytes::Bytes;
use starling_contracts::subscriptions::{NewMessage, Notice};
use starling_protocol::{account::AccountId, bencode, storage::monitor::Notification};

/// The notification of one message, in the two forms that subscribers ask for.
pub(crate) struct Announcement<'a> {
    message: &'a NewMessage,
    bare: OnceCell<Bytes>,
    whole: OnceCell<Bytes>,
}

impl<'a> Announcement<'a> {
    pub(crate) fn new(message: &'a NewMessage) -> Self {
        Self { message, bare: OnceCell::new(), whole: OnceCell::new() }
    }

    /// The notice, with or without the body. All who ask for the same form share its bytes.
    pub(crate) fn notice(&self, with_data: bool) -> Notice {
        let bare = self.bare.get_or_init(|| bare(self.message));
        Notice::Message(match with_data {
            true => self.whole.get_or_init(|| with_body(bare, &self.message.data)).clone(),
            false => bare.clone(),
        })
    }
}

fn bare(message: &NewMessage) -> Bytes {
    let NewMessage { account, namespace, hash, timestamp, expiry, data: _ } = message;
    let notification = Notification {
        account: *account,
        hash: *hash,
        namespace: *namespace,
        timestamp: *timestamp,
        expiry: *expiry,
        data: None,
    };
    notification.encode().into()
}

/// The body goes in at the end: `~` is the last of the keys. So a body is copied once, and not by way of a tree.
fn with_body(bare: &[u8], data: &[u8]) -> Bytes {
    let mut dict = Vec::with_capacity(bare.len() + data.len() + 16);
    dict.extend_from_slice(&bare[..bare.len() - 1]);
    bencode::encode_bytes(b"~", &mut dict);
    bencode::encode_bytes(data, &mut dict);
    dict.push(b'e');
    dict.into()
}

/// The notice that an account is kept elsewhere: what is told of that, with the account before it.
pub(crate) fn ended(account: &AccountId, farewell: &[u8]) -> Notice {
    let mut dict = Vec::with_capacity(farewell.len() + 48);
    dict.push(b'd');
    bencode::encode_bytes(b"@", &mut dict);
    bencode::encode_bytes(account.as_bytes(), &mut dict);
    // `@` sorts before every key of it.
    dict.extend_from_slice(&farewell[1..]);
    Notice::Ended(dict.into())
}

#[cfg(test)]
mod tests {
    use starling_protocol::{
        account::Prefix,
        storage::{Namespace, message_hash},
    };

    use super::*;

    #[test]
    fn both_forms_are_those_of_the_protocol_and_are_encoded_once() {
        let account = AccountId::new(Prefix::Standard, [7; 32]);
        let hash = message_hash(&account, Namespace(-11), b"a body");
        let message = NewMessage {
            account,
            namespace: Namespace(-11),
            hash,
            timestamp: 1_795_390_663_030,
            expiry: 1_795_391_263_030,
            data: Bytes::from_static(b"a body"),
        };
        let announcement = Announcement::new(&message);
        let expected = |data| {
            let (timestamp, expiry) = (message.timestamp, message.expiry);
            Notification { account, hash, namespace: Namespace(-11), timestamp, expiry, data }
        };

        let (Notice::Message(bare), Notice::Message(whole)) =
            (announcement.notice(false), announcement.notice(true))
        else {
            panic!("both are messages");
        };
        let Notice::Message(again) = announcement.notice(true) else { panic!("it is a message") };

        assert_eq!(bare, expected(None).encode());
        assert_eq!(whole, expected(Some(b"a body".to_vec())).encode());
        assert_eq!(whole.as_ptr(), again.as_ptr());
    }
}
