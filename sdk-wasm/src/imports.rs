//! All that a plugin can ask of its host: the seam between the handles and what answers them.
//!
//! In a component the answers come from the host, function by function, so that a component imports only what its code
//! uses. Everywhere else they come from the [mock](crate::mock).

use crate::{
    AccountId, Conversation, Error, Level, Message, MessageRef, Request, Response, Timer, Timestamp,
};

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::guest::Component as Backing;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::mock::Shared as Backing;

/// One method for each function of `wit/`, under the name that it has there.
pub(crate) trait Imports {
    fn outbox_send(&self, to: &Conversation, body: &str) -> Result<String, Error>;
    fn outbox_reply(&self, to: &MessageRef, body: &str) -> Result<String, Error>;
    fn outbox_react(&self, to: &MessageRef, emoji: &str, remove: bool) -> Result<(), Error>;
    fn outbox_delete_own(&self, sent: &str) -> Result<(), Error>;
    fn conversations_read(&self, of: &Conversation, after: u64, limit: u32) -> Result<Vec<Message>, Error>;
    fn conversations_list_recent(&self) -> Result<Vec<Conversation>, Error>;
    fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;
    fn kv_set(&self, key: &str, value: &[u8]) -> Result<(), Error>;
    fn kv_delete(&self, key: &str) -> Result<bool, Error>;
    fn kv_list_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error>;
    fn kv_compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, Error>;
    fn kv_increment(&self, key: &str, by: i64) -> Result<i64, Error>;
    fn timers_set(&self, name: &str, after: u64, every: Option<u64>) -> Result<(), Error>;
    fn timers_cancel(&self, name: &str) -> Result<bool, Error>;
    fn timers_list_set(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Timer>, Error>;
    fn http_fetch(&self, request: Request) -> Result<Response, Error>;
    fn config_get_all(&self) -> Result<String, Error>;
    fn secrets_exists(&self, name: &str) -> Result<bool, Error>;
    fn secrets_reveal(&self, name: &str) -> Result<String, Error>;
    fn log_write(&self, level: Level, line: &str) -> Result<(), Error>;
    fn clock_now(&self) -> Result<Timestamp, Error>;
    fn random_bytes(&self, n: u32) -> Result<Vec<u8>, Error>;
    fn random_number(&self) -> Result<u64, Error>;
    fn identity_own_id(&self) -> Result<AccountId, Error>;
}
