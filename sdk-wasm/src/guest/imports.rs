//! The seam's functions, each by the import of its name.

use super::{
    Component,
    bot::starling::plugin::{
        clock, config, conversations, http, identity, kv, log, outbox, random, secrets, timers,
    },
    convert::{error, level, message, message_ref, request, response, timer},
};
use crate::{
    AccountId, Conversation, Error, Level, Message, MessageRef, Request, Response, Timer, Timestamp,
    imports::Imports,
};

impl Imports for Component {
    fn outbox_send(&self, to: &Conversation, body: &str) -> Result<String, Error> {
        outbox::send(to.as_str(), body).map_err(error("outbox.send"))
    }

    fn outbox_reply(&self, to: &MessageRef, body: &str) -> Result<String, Error> {
        outbox::reply(&message_ref(to), body).map_err(error("outbox.reply"))
    }

    fn outbox_react(&self, to: &MessageRef, emoji: &str, remove: bool) -> Result<(), Error> {
        outbox::react(&message_ref(to), emoji, remove).map_err(error("outbox.react"))
    }

    fn outbox_delete_own(&self, sent: &str) -> Result<(), Error> {
        outbox::delete_own(sent).map_err(error("outbox.delete-own"))
    }

    fn conversations_read(&self, of: &Conversation, after: u64, limit: u32) -> Result<Vec<Message>, Error> {
        let read = conversations::read(of.as_str(), after, limit).map_err(error("conversations.read"))?;
        Ok(read.into_iter().map(message).collect())
    }

    fn conversations_list_recent(&self) -> Result<Vec<Conversation>, Error> {
        let recent = conversations::list_recent().map_err(error("conversations.list-recent"))?;
        Ok(recent.into_iter().map(Conversation::from_host).collect())
    }

    fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        kv::get(key).map_err(error("kv.get"))
    }

    fn kv_set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        kv::set(key, value).map_err(error("kv.set"))
    }

    fn kv_delete(&self, key: &str) -> Result<bool, Error> {
        kv::delete(key).map_err(error("kv.delete"))
    }

    fn kv_list_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
        kv::list_keys(prefix, after, limit).map_err(error("kv.list-keys"))
    }

    fn kv_compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, Error> {
        kv::compare_and_swap(key, expected, new).map_err(error("kv.compare-and-swap"))
    }

    fn kv_increment(&self, key: &str, by: i64) -> Result<i64, Error> {
        kv::increment(key, by).map_err(error("kv.increment"))
    }

    fn timers_set(&self, name: &str, after: u64, every: Option<u64>) -> Result<(), Error> {
        timers::set(name, after, every).map_err(error("timers.set"))
    }

    fn timers_cancel(&self, name: &str) -> Result<bool, Error> {
        timers::cancel(name).map_err(error("timers.cancel"))
    }

    fn timers_list_set(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Timer>, Error> {
        let set = timers::list_set(prefix, after).map_err(error("timers.list-set"))?;
        Ok(set.into_iter().map(timer).collect())
    }

    fn http_fetch(&self, asked: Request) -> Result<Response, Error> {
        http::fetch(&request(asked)).map(response).map_err(error("http.fetch"))
    }

    fn config_get_all(&self) -> Result<String, Error> {
        config::get_all().map_err(error("config.get-all"))
    }

    fn secrets_exists(&self, name: &str) -> Result<bool, Error> {
        secrets::exists(name).map_err(error("secrets.exists"))
    }

    fn secrets_reveal(&self, name: &str) -> Result<String, Error> {
        secrets::reveal(name).map_err(error("secrets.reveal"))
    }

    fn log_write(&self, of: Level, line: &str) -> Result<(), Error> {
        log::write(level(of), line).map_err(error("log.write"))
    }

    fn clock_now(&self) -> Result<Timestamp, Error> {
        clock::now().map(Timestamp::from_millis).map_err(error("clock.now"))
    }

    fn random_bytes(&self, n: u32) -> Result<Vec<u8>, Error> {
        random::bytes(n).map_err(error("random.bytes"))
    }

    fn random_number(&self) -> Result<u64, Error> {
        random::number().map_err(error("random.number"))
    }

    fn identity_own_id(&self) -> Result<AccountId, Error> {
        identity::own_id().map(AccountId::from_host).map_err(error("identity.own-id"))
    }
}
