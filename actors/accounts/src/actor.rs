//! The actor: one handler per message, each a step on the pool.

use std::{path::PathBuf, sync::Arc};

use starling_contracts::accounts::{
    Account, AccountSecrets, CreateAccount, Created, Error, ListAccounts, RestoreAccount, RevealRecovery,
    ShowAccount, UnlockAccount,
};
use starling_kernel::{Actor, CallError, Context, Fault, Handler, Message, Spec, Task, task};
use starling_protocol::{mnemonic::RecoveryPassword, profile::clean_display_name};
use tracing::info;
use zeroize::Zeroizing;

use crate::{config::Config, metrics, record::Record, store::Store};

/// When the name of a restored account counts as chosen, Unix seconds: long ago, so that the profile that the account's
/// other devices have shared wins (identity §6).
const RESTORED_NAME_AT: u64 = 1;

/// Keeps the accounts of one data folder.
///
/// It is made with the folder open and locked for this process, and has no other state: every message is one step on the
/// database, taken on the CPU pool.
pub struct Accounts {
    store: Arc<Store>,
}

/// How to run the actor over the accounts in `data_dir`.
pub fn spec(config: Config, data_dir: PathBuf) -> Spec<Accounts> {
    let bounds = config.bounds.clone();
    let config = Arc::new(config);
    let data_dir = Arc::new(data_dir);
    Spec::new(move |ctx| Accounts::open(Arc::clone(&config), Arc::clone(&data_dir), ctx))
        .bounds(bounds)
        .serves::<CreateAccount>()
        .serves::<RestoreAccount>()
        .serves::<ListAccounts>()
        .serves::<ShowAccount>()
        .serves::<RevealRecovery>()
        .serves::<UnlockAccount>()
}

impl Accounts {
    async fn open(config: Arc<Config>, data_dir: Arc<PathBuf>, ctx: Context) -> Result<Self, Fault> {
        metrics::register();
        config.validate().map_err(Fault::new)?;
        let entropy = Arc::clone(ctx.entropy());
        let opening =
            ctx.pool().run(move || Store::open(&data_dir, config.passphrase.bytes(), entropy.as_ref()));
        let opened = opening.await.map_err(|error| Fault::caused_by("opening the accounts failed", error))?;
        let store = opened.map_err(|error| Fault::new(error.to_string()))?;
        let held = store.count().map_err(|error| Fault::new(error.to_string()))?;
        metrics::held(held);
        info!(accounts = held, "accounts opened");
        Ok(Self { store: Arc::new(store) })
    }

    /// Answers `M` by a job on the pool.
    fn answer<M>(
        &self,
        ctx: &Context,
        job: impl FnOnce(&Store) -> Result<M::Reply, Error> + Send + 'static,
    ) -> Task<Result<M::Reply, Error>>
    where
        M: Message<Error = Error>,
    {
        let store = Arc::clone(&self.store);
        let pool = ctx.pool().clone();
        let actor = ctx.name();
        task(async move {
            let panicked = CallError::Panicked { actor, message: M::NAME };
            pool.run(move || job(&store)).await.map_err(|_| panicked)?
        })
    }
}

impl Actor for Accounts {
    const NAME: &'static str = "accounts";

    fn observe(&self) -> serde_json::Value {
        serde_json::json!({ "accounts": self.store.count().ok() })
    }
}

impl Handler<CreateAccount> for Accounts {
    fn handle(
        &mut self,
        CreateAccount { profile, name }: CreateAccount,
        ctx: &Context,
    ) -> Task<Result<Created, Error>> {
        let entropy = Arc::clone(ctx.entropy());
        let name_updated_at = ctx.clock().now_ms() / 1000;
        self.answer::<CreateAccount>(ctx, move |store| {
            let name = display_name(name)?;
            let seed = Zeroizing::new(entropy.bytes::<16>());
            let record = Record { profile, name, name_updated_at, seed };
            store.add(&record, entropy.as_ref())?;
            metrics::added();
            Ok(Created { account: record.account(), recovery: recovery(&record) })
        })
    }
}

impl Handler<RestoreAccount> for Accounts {
    fn handle(&mut self, restore: RestoreAccount, ctx: &Context) -> Task<Result<Account, Error>> {
        let entropy = Arc::clone(ctx.entropy());
        self.answer::<RestoreAccount>(ctx, move |store| {
            let RestoreAccount { profile, name, recovery } = restore;
            let name = display_name(name)?;
            let password: RecoveryPassword = recovery
                .parse()
                .map_err(|error: starling_protocol::mnemonic::Error| Error::BadRecovery(error.to_string()))?;
            let seed = Zeroizing::new(*password.keys().seed());
            let record = Record { profile, name, name_updated_at: RESTORED_NAME_AT, seed };
            store.add(&record, entropy.as_ref())?;
            metrics::added();
            Ok(record.account())
        })
    }
}

impl Handler<ListAccounts> for Accounts {
    fn handle(&mut self, _: ListAccounts, ctx: &Context) -> Task<Result<Vec<Account>, Error>> {
        self.answer::<ListAccounts>(ctx, |store| Ok(store.list()?.iter().map(Record::account).collect()))
    }
}

impl Handler<ShowAccount> for Accounts {
    fn handle(
        &mut self,
        ShowAccount { profile }: ShowAccount,
        ctx: &Context,
    ) -> Task<Result<Account, Error>> {
        self.answer::<ShowAccount>(ctx, move |store| Ok(store.find(&profile)?.account()))
    }
}

impl Handler<RevealRecovery> for Accounts {
    fn handle(
        &mut self,
        RevealRecovery { profile }: RevealRecovery,
        ctx: &Context,
    ) -> Task<Result<Zeroizing<String>, Error>> {
        self.answer::<RevealRecovery>(ctx, move |store| Ok(recovery(&store.find(&profile)?)))
    }
}

impl Handler<UnlockAccount> for Accounts {
    fn handle(
        &mut self,
        UnlockAccount { profile }: UnlockAccount,
        ctx: &Context,
    ) -> Task<Result<Arc<AccountSecrets>, Error>> {
        self.answer::<UnlockAccount>(ctx, move |store| {
            let record = store.find(&profile)?;
            let account = record.account();
            let at_rest = store.vault().at_rest(&account.id);
            metrics::unlocked();
            let name_updated_at = record.name_updated_at;
            Ok(Arc::new(AccountSecrets { account, name_updated_at, keys: record.keys(), at_rest }))
        })
    }
}

/// Without a given name the account has none: the profile's is a local matter and is not to travel with messages.
fn display_name(given: Option<String>) -> Result<String, Error> {
    let Some(name) = given else { return Ok(String::new()) };
    clean_display_name(&name).map_err(|error| Error::BadName(error.to_string()))
}

fn recovery(record: &Record) -> Zeroizing<String> {
    Zeroizing::new(RecoveryPassword::of(&record.keys()).as_str().to_owned())
}
