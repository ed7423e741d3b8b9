//! The host of a plugin that runs for real: every call is checked against the grants, counted against the quotas, done, and written
//! down as a receipt.

mod fetch;
mod reading;
mod sending;

use std::sync::Arc;

use futures::future::BoxFuture;
use rand_chacha::{ChaCha20Rng, rand_core::Rng as _};
use starling_kernel::Clock;
use starling_protocol::account::AccountId;

use crate::{
    bytes_text::BytesText,
    call::{Answering, HostCall, HostError, HostReply, LogLevel},
    desk::Desk,
    guest::Moment,
    journal::Source,
    ledger::Draft,
    metrics,
    permission::{Permission, SecretName},
    receipts::Use,
    wasi,
};

/// The most random bytes of one call of `random.bytes`.
const MOST_RANDOM: u32 = 65_536;

/// Answers one call of a plugin. What the call changes is in its draft, and nowhere else.
pub(crate) struct Live {
    desk: Arc<Desk>,
    clock: Arc<dyn Clock>,
    pub(crate) draft: Draft,
    moment: Moment,
    randomness: ChaCha20Rng,
    /// With whom the event has to do: `reply` reaches them without a look into the inbox.
    partner: Option<AccountId>,
    fetches: u32,
}

impl Live {
    pub(crate) fn new(
        desk: Arc<Desk>,
        clock: Arc<dyn Clock>,
        draft: Draft,
        moment: Moment,
        partner: Option<AccountId>,
    ) -> Self {
        let randomness = wasi::randomness(&moment);
        Self { desk, clock, draft, moment, randomness, partner, fetches: 0 }
    }

    /// Checks, does, writes down.
    async fn answer_one(&mut self, call: HostCall) -> Result<HostReply, HostError> {
        let name = call.name();
        let mut used = Used::default();
        let answer = self.perform(call, &mut used).await;
        metrics::host_call(&self.desk.name, name, &answer);
        self.desk.papers.receipts.append(Use {
            at_ms: self.clock.now_ms(),
            import: name,
            grant: used.grant,
            target: used.target,
            outcome: outcome(&answer),
        });
        answer
    }

    async fn perform(&mut self, call: HostCall, used: &mut Used) -> Result<HostReply, HostError> {
        match call {
            HostCall::Send { to, body } => self.send(&to, body, used).await,
            HostCall::Reply { to, body } => self.reply(to, body, used).await,
            HostCall::React { to, emoji, remove } => self.react(to, emoji, remove, used).await,
            HostCall::DeleteOwn { sent } => self.delete_own(&sent, used),
            HostCall::Read { of, after, limit } => self.read(&of, after, limit, used).await,
            HostCall::ListRecent => self.list_recent(used).await,
            HostCall::Fetch { request } => self.fetch(request, used).await,
            HostCall::SecretExists { name } => self.secret_exists(name, used),
            HostCall::SecretReveal { name } => self.secret_reveal(name, used),
            call
            @ (HostCall::TimerSet { .. } | HostCall::TimerCancel { .. } | HostCall::TimerList { .. }) => {
                self.allowed(&Permission::Timers, used)?;
                self.time(call)
            }
            HostCall::GetConfig => {
                self.allowed(&Permission::Config, used)?;
                Ok(HostReply::Text(self.desk.config.clone()))
            }
            HostCall::Log { level, line } => {
                self.allowed(&Permission::Log, used)?;
                self.desk.papers.journal.write(self.clock.now_ms(), level, Source::Plugin, &line);
                Ok(HostReply::Done)
            }
            HostCall::Now => {
                self.allowed(&Permission::Clock, used)?;
                Ok(HostReply::Unsigned(self.moment.now_ms))
            }
            HostCall::RandomBytes { n } => {
                self.allowed(&Permission::Random, used)?;
                self.random_bytes(n)
            }
            HostCall::RandomNumber => {
                self.allowed(&Permission::Random, used)?;
                Ok(HostReply::Unsigned(self.randomness.next_u64()))
            }
            HostCall::OwnId => {
                self.allowed(&Permission::Identity, used)?;
                Ok(HostReply::Text(self.desk.own.to_string()))
            }
            kv => {
                self.allowed(&Permission::Kv, used)?;
                self.keep(kv)
            }
        }
    }

    /// Is there that grant, or a wider one?
    fn allowed(&self, permission: &Permission, used: &mut Used) -> Result<(), HostError> {
        match self.desk.grants.covering(permission) {
            Some(grant) => {
                used.grant = grant.to_string();
                Ok(())
            }
            None => {
                used.grant = permission.to_string();
                Err(HostError::AccessDenied)
            }
        }
    }

    fn keep(&mut self, call: HostCall) -> Result<HostReply, HostError> {
        let draft = &mut self.draft;
        Ok(match call {
            HostCall::KvGet { key } => HostReply::Value(draft.get(&key)?.map(BytesText)),
            HostCall::KvSet { key, value } => {
                draft.set(&key, &value.0)?;
                HostReply::Done
            }
            HostCall::KvDelete { key } => HostReply::Flag(draft.delete(&key)?),
            HostCall::KvListKeys { prefix, after, limit } => HostReply::Names(draft.list_keys(
                &prefix,
                after.as_deref(),
                usize::try_from(limit).unwrap_or(usize::MAX),
            )?),
            HostCall::KvCompareAndSwap { key, expected, new } => {
                let bytes = |value: &Option<BytesText>| value.as_ref().map(|value| value.0.clone());
                let (expected, new) = (bytes(&expected), bytes(&new));
                HostReply::Flag(draft.compare_and_swap(&key, expected.as_deref(), new.as_deref())?)
            }
            HostCall::KvIncrement { key, by } => HostReply::Number(draft.increment(&key, by)?),
            other => return Err(HostError::Other(format!("{} is no question to the store", other.name()))),
        })
    }

    fn time(&mut self, call: HostCall) -> Result<HostReply, HostError> {
        let draft = &mut self.draft;
        Ok(match call {
            HostCall::TimerSet { name, after, every } => {
                draft.set_timer(&name, after, every)?;
                HostReply::Done
            }
            HostCall::TimerCancel { name } => HostReply::Flag(draft.cancel_timer(&name)?),
            HostCall::TimerList { prefix, after } => {
                HostReply::Timers(draft.list_timers(&prefix, after.as_deref()))
            }
            other => return Err(HostError::Other(format!("{} is no question about timers", other.name()))),
        })
    }

    fn random_bytes(&mut self, n: u32) -> Result<HostReply, HostError> {
        if n > MOST_RANDOM {
            return Err(HostError::InvalidArgument(format!("n is {n}, expected at most {MOST_RANDOM}")));
        }
        let mut bytes = vec![0; usize::try_from(n).unwrap_or_default()];
        self.randomness.fill_bytes(&mut bytes);
        Ok(HostReply::Bytes(bytes.into()))
    }

    fn secret_exists(&self, name: String, used: &mut Used) -> Result<HostReply, HostError> {
        let name = secret_name(name)?;
        self.allowed(&Permission::Secret(name.clone()), used)?;
        Ok(HostReply::Flag(self.desk.secrets.contains_key(&name)))
    }

    fn secret_reveal(&self, name: String, used: &mut Used) -> Result<HostReply, HostError> {
        let name = secret_name(name)?;
        self.allowed(&Permission::SecretReveal(name.clone()), used)?;
        let secret = self.desk.secrets.get(&name).ok_or(HostError::NotFound)?;
        Ok(HostReply::Text(secret.expose().to_owned()))
    }
}

impl Answering for Live {
    fn answer(&mut self, call: HostCall) -> BoxFuture<'_, Result<HostReply, HostError>> {
        Box::pin(self.answer_one(call))
    }

    fn printed(&mut self, text: &str) {
        for line in text.lines() {
            self.desk.papers.journal.write(self.clock.now_ms(), LogLevel::Info, Source::Output, line);
        }
    }
}

/// Which grant a call stands on, and what it is aimed at: for its receipt.
#[derive(Default)]
struct Used {
    grant: String,
    target: String,
}

fn outcome(answer: &Result<HostReply, HostError>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(error) => error.name(),
    }
}

fn secret_name(name: String) -> Result<SecretName, HostError> {
    SecretName::try_from(name).map_err(|error| HostError::InvalidArgument(error.to_string()))
}

/// An id that a guest has written.
fn account(text: &str) -> Result<AccountId, HostError> {
    text.parse().map_err(|error| {
        let text: String = text.chars().take(80).collect();
        HostError::InvalidArgument(format!("{text:?} is no conversation: {error}"))
    })
}
