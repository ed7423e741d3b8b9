//! The message store without its actor: against a model, for many writers at once, and for what a killed process leaves behind.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use proptest::prelude::*;
use starling_kernel::SystemClock;
use starling_protocol::{
    AccountId,
    account::Prefix,
    storage::{
        MessageHash, Namespace, NamespaceScope, message_hash, response::RetrieveLimits,
        signed_text::ExpireMode, subaccount::Token,
    },
};
use starling_storage::store::{
    self, Insert, Inserted, LowerAll, Operation, Options, Remove, RemoveExpired, Renew, Revoke,
    SCHEMA_VERSION, Store, StoreError, Tables, Unrevoke, Which,
};

const OPTIONS: Options = Options {
    cache_bytes: 16 << 20,
    capacity_bytes: 1 << 30,
    max_batch: 64,
    linger: Duration::from_millis(1),
    queue: 4096,
};
const NO_LIMIT: (Option<i64>, Option<i64>) = (None, Some(-1));

fn open(file: &Path) -> Store {
    Store::open(file, OPTIONS, Arc::new(SystemClock::default())).expect("the store opens")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn write<O: Operation>(store: &Store, operation: O) -> O::Output {
    block_on(store.write(operation)).expect("the store writes")
}

fn account(number: u8) -> AccountId {
    AccountId::new(Prefix::Standard, [number; 32])
}

fn message(number: u8, namespace: i16, body: &[u8], timestamp: i64, expiry: i64) -> Insert {
    let (account, namespace) = (account(number), Namespace(namespace));
    let hash = message_hash(&account, namespace, body);
    Insert { account, namespace, hash, timestamp, expiry, body: body.to_vec() }
}

fn bodies(store: &Store, number: u8, namespace: i16) -> Vec<Vec<u8>> {
    let limits = RetrieveLimits::new(NO_LIMIT.0, NO_LIMIT.1);
    let snapshot = store.read().expect("a snapshot");
    let page = snapshot.retrieve(&account(number), Namespace(namespace), None, limits, 0).expect("a page");
    page.messages.into_iter().map(|message| message.body).collect()
}

#[test]
fn writers_that_come_together_share_their_commits() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("storage.redb"));

    let writes = (0..1000_u32).map(|number| {
        let insert = message(1, 0, &number.to_be_bytes(), 1, 2);
        store.submit(insert).expect("there is room")
    });
    let outcomes = block_on(join_all(writes));

    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(Inserted::New))));
    let n_commits = store.n_commits();
    assert!((16..=100).contains(&n_commits), "1000 writes of at most 64 a commit took {n_commits} commits");
    let expected: Vec<_> = (0..1000_u32).map(|number| number.to_be_bytes().to_vec()).collect();
    assert_eq!(bodies(&store, 1, 0), expected, "and stay in the order in which they came");
}

#[test]
fn a_full_queue_and_a_closed_store_refuse_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { queue: 2, max_batch: 1, ..OPTIONS };
    let file = folder.path().join("storage.redb");
    let store = Store::open(&file, options, Arc::new(SystemClock::default())).unwrap();

    let mut tickets = Vec::new();
    let busy = loop {
        match store.submit(message(1, 0, &tickets.len().to_be_bytes(), 1, 2)) {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => break error,
        }
        assert!(tickets.len() < 100_000, "nothing was refused");
    };
    assert!(matches!(busy, StoreError::Busy { capacity: 2 }), "{busy}");
    assert!(block_on(join_all(tickets)).iter().all(Result::is_ok), "what was taken is done");

    block_on(store.close());
    let closed = store.submit(message(1, 0, b"late", 1, 2)).map(drop);
    assert!(matches!(closed, Err(StoreError::Closed)), "{closed:?}");
}

/// Does half of a change, and panics.
struct Breaks;

impl Operation for Breaks {
    type Output = ();
    type Progress = ();

    fn apply(&mut self, _: &mut (), tables: &mut Tables<'_>) -> Result<store::Step<()>, StoreError> {
        message(9, 0, b"half", 1, 2).apply(&mut (), tables)?;
        panic!("an operation that breaks");
    }
}

#[test]
fn an_operation_that_panics_is_undone_and_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("storage.redb"));

    let broken = block_on(store.write(Breaks));
    assert!(matches!(broken, Err(StoreError::Panicked)), "{broken:?}");

    assert_eq!(write(&store, message(1, 0, b"whole", 1, 2)), Inserted::New);
    assert_eq!((bodies(&store, 9, 0), bodies(&store, 1, 0)), (vec![], vec![b"whole".to_vec()]));
}

#[test]
fn only_the_newest_fifty_revocations_are_kept_and_none_of_an_unknown_account() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("storage.redb"));
    let token = |number: u8| Token::from_bytes([number; 36]);
    let revoked = || store.read().unwrap().revoked(&account(1)).unwrap();

    write(&store, Revoke { account: account(1), tokens: vec![token(1)] });
    assert_eq!(revoked(), []);

    let insert = message(1, 0, b"x", 1, 2);
    let hash = insert.hash;
    write(&store, insert);
    for number in 1..=60 {
        write(&store, Revoke { account: account(1), tokens: vec![token(number)] });
    }
    assert_eq!(revoked(), (11..=60).map(token).collect::<Vec<_>>());
    let unrevoke = Unrevoke { account: account(1), tokens: vec![token(5), token(60)] };
    assert_eq!(write(&store, unrevoke), 1);
    assert!(store.read().unwrap().is_revoked(&account(1), &token(59)).unwrap());
    assert!(!store.read().unwrap().is_revoked(&account(2), &token(59)).unwrap());

    write(&store, Remove { account: account(1), which: Which::Hashes(vec![hash]) });
    assert_eq!(revoked(), [], "an account without messages is forgotten");
}

#[test]
fn a_file_of_a_later_version_is_refused_with_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("storage.redb");
    drop(open(&file));
    let later = SCHEMA_VERSION + 1;
    // The writer's thread lets go of the file a moment after the store is dropped.
    let database = loop {
        match redb::Database::create(&file) {
            Err(redb::DatabaseError::DatabaseAlreadyOpen) => std::thread::yield_now(),
            other => break other.unwrap(),
        }
    };
    let transaction = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("storage/meta/1");
    transaction.open_table(meta).unwrap().insert("schema", later).unwrap();
    transaction.commit().unwrap();
    drop(database);

    let refused = Store::open(&file, OPTIONS, Arc::new(SystemClock::default())).map(drop).unwrap_err();

    let text = refused.to_string();
    assert!(
        matches!(refused, StoreError::Newer { found, known: SCHEMA_VERSION, .. } if found == later),
        "{text}"
    );
    assert!(text.contains("storage.redb has schema version 2") && text.contains("up to 1"), "{text}");
}

/// Set in the process that is going to be killed.
const VICTIM: &str = "STARLING_STORE_VICTIM";

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Ok(file) = std::env::var(VICTIM) {
        return write_until_killed(Path::new(&file));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("storage.redb");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_acknowledged_survives_a_kill", "--nocapture", "--test-threads=1"])
        .env(VICTIM, &file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let hashes =
        |line: std::io::Result<String>| line.ok()?.strip_prefix("stored ")?.parse::<MessageHash>().ok();
    let mut acknowledged: Vec<_> = lines.by_ref().filter_map(hashes).take(300).collect();

    // On Unix this is SIGKILL: nothing of the process runs any more.
    victim.kill().unwrap();
    acknowledged.extend(lines.filter_map(hashes));
    victim.wait().unwrap();

    assert!(acknowledged.len() >= 300);
    let store = open(&file);
    let found = store.read().unwrap().expiries(&account(1), &acknowledged).unwrap();
    assert_eq!(found.len(), acknowledged.len());
}

/// Says on its standard output what it was told is on disk.
fn write_until_killed(file: &Path) {
    let store = open(file);
    for round in 0_u64.. {
        let inserts: Vec<_> =
            (0..8_u64).map(|part| message(1, 0, &(round * 8 + part).to_be_bytes(), 1, 2)).collect();
        let hashes: Vec<_> = inserts.iter().map(|insert| insert.hash).collect();
        let tickets = inserts.into_iter().map(|insert| store.submit(insert).expect("there is room"));
        for (outcome, hash) in block_on(join_all(tickets)).into_iter().zip(hashes) {
            outcome.expect("it is written");
            let mut out = std::io::stdout().lock();
            writeln!(out, "stored {hash}").and_then(|()| out.flush()).expect("somebody reads");
        }
    }
}

/// What the store does, told by a list in the order of arrival.
#[derive(Debug, Default)]
struct Model {
    rows: Vec<(AccountId, Namespace, MessageHash, i64, i64, Vec<u8>)>,
}

#[derive(Debug, Clone)]
enum Step {
    Insert { account: u8, namespace: i16, body: u8, timestamp: i64, expiry: i64 },
    RemoveHash { account: u8, pick: usize },
    RemoveAll { account: u8, scope: Option<i16> },
    RemoveBefore { account: u8, scope: Option<i16>, before: i64 },
    Expired { now: i64, limit: usize },
    Lower { account: u8, scope: Option<i16>, expiry: i64 },
    Renew { account: u8, pick: usize, expiry: i64, mode: u8 },
    Reopen,
}

fn steps() -> impl Strategy<Value = Step> {
    let (account, namespace, time) = (1..3_u8, prop::sample::select(vec![0_i16, 2, -1, -11]), 0..20_i64);
    let scope = prop::option::of(namespace.clone());
    prop_oneof![
        8 => (account.clone(), namespace, 0..12_u8, time.clone(), time.clone()).prop_map(
            |(account, namespace, body, timestamp, expiry)| Step::Insert { account, namespace, body, timestamp, expiry }
        ),
        2 => (account.clone(), 0..40_usize).prop_map(|(account, pick)| Step::RemoveHash { account, pick }),
        1 => (account.clone(), scope.clone()).prop_map(|(account, scope)| Step::RemoveAll { account, scope }),
        1 => (account.clone(), scope.clone(), time.clone())
            .prop_map(|(account, scope, before)| Step::RemoveBefore { account, scope, before }),
        2 => (time.clone(), 1..5_usize).prop_map(|(now, limit)| Step::Expired { now, limit }),
        1 => (account.clone(), scope, time.clone())
            .prop_map(|(account, scope, expiry)| Step::Lower { account, scope, expiry }),
        3 => (account, 0..40_usize, time, 0..3_u8)
            .prop_map(|(account, pick, expiry, mode)| Step::Renew { account, pick, expiry, mode }),
        1 => Just(Step::Reopen),
    ]
}

fn scope_of(scope: Option<i16>) -> NamespaceScope {
    scope.map_or(NamespaceScope::All, |namespace| NamespaceScope::One(Namespace(namespace)))
}

impl Model {
    fn picked(&self, pick: usize) -> MessageHash {
        let row = self.rows.get(pick % self.rows.len().max(1));
        row.map_or_else(|| MessageHash::from_bytes(&[b'A'; 43]).expect("a hash"), |row| row.2)
    }

    fn take(
        &mut self,
        wanted: impl Fn(&AccountId, Namespace, &MessageHash, i64) -> bool,
    ) -> Vec<(Namespace, MessageHash)> {
        let mut taken = Vec::new();
        self.rows.retain(|(account, namespace, hash, timestamp, ..)| {
            let is_wanted = wanted(account, *namespace, hash, *timestamp);
            if is_wanted {
                taken.push((*namespace, *hash));
            }
            !is_wanted
        });
        taken.sort_by_key(|(_, hash)| *hash);
        taken
    }

    fn insert(&mut self, insert: &Insert) -> Inserted {
        if let Some(row) = self.rows.iter_mut().find(|row| row.2 == insert.hash) {
            row.4 = row.4.max(insert.expiry);
            return Inserted::Already { expiry: row.4 };
        }
        if insert.namespace.is_public_outbox() {
            let here = |row: &&(AccountId, Namespace, _, i64, _, _)| {
                (row.0, row.1) == (insert.account, insert.namespace)
            };
            if self.rows.iter().filter(here).any(|row| row.3 > insert.timestamp) {
                return Inserted::Obsolete;
            }
            self.rows.retain(|row| (row.0, row.1) != (insert.account, insert.namespace));
        }
        let Insert { account, namespace, hash, timestamp, expiry, body } = insert.clone();
        self.rows.push((account, namespace, hash, timestamp, expiry, body));
        Inserted::New
    }
}

fn is_in(scope: Option<i16>, namespace: Namespace) -> bool {
    scope.is_none_or(|scope| scope == namespace.0)
}

/// Makes one step in both, and compares what they say of it.
fn check(step: Step, store: &mut Option<Store>, model: &mut Model, file: &Path) {
    let held = store.as_ref().expect("it is open");
    match step {
        Step::Insert { account, namespace, body, timestamp, expiry } => {
            let insert = message(account, namespace, &[body], timestamp, expiry);
            assert_eq!(write(held, insert.clone()), model.insert(&insert));
        }
        Step::RemoveHash { account: number, pick } => {
            let (account, hash) = (account(number), model.picked(pick));
            let removed = write(held, Remove { account, which: Which::Hashes(vec![hash, hash]) });
            assert_eq!(removed, model.take(|owner, _, held, _| *owner == account && *held == hash));
        }
        Step::RemoveAll { account: number, scope } => {
            let account = account(number);
            let removed = write(held, Remove { account, which: Which::All(scope_of(scope)) });
            assert_eq!(
                removed,
                model.take(|owner, namespace, _, _| *owner == account && is_in(scope, namespace))
            );
        }
        Step::RemoveBefore { account: number, scope, before } => {
            let account = account(number);
            let which = Which::Before(scope_of(scope), before);
            let removed = write(held, Remove { account, which });
            let expected = model.take(|owner, namespace, _, time| {
                *owner == account && is_in(scope, namespace) && time <= before
            });
            assert_eq!(removed, expected);
        }
        Step::Expired { now, limit } => {
            let n_removed = write(held, RemoveExpired { now, limit });
            // Those that go first are removed first; of equals, the one that came first.
            let mut due: Vec<_> =
                model.rows.iter().filter(|row| row.4 <= now).map(|row| (row.4, row.2)).collect();
            due.sort_by_key(|(expiry, _)| *expiry);
            due.truncate(limit);
            assert_eq!(n_removed, due.len());
            model.rows.retain(|row| due.iter().all(|(_, hash)| *hash != row.2));
        }
        Step::Lower { account: number, scope, expiry } => {
            let account = account(number);
            let lowered = write(held, LowerAll { account, scope: scope_of(scope), expiry });
            let mut expected = Vec::new();
            for row in
                model.rows.iter_mut().filter(|row| row.0 == account && is_in(scope, row.1) && row.4 > expiry)
            {
                row.4 = expiry;
                expected.push((row.1, row.2));
            }
            expected.sort_by_key(|(_, hash)| *hash);
            assert_eq!(lowered, expected);
        }
        Step::Renew { account: number, pick, expiry, mode } => {
            let (account, hash) = (account(number), model.picked(pick));
            let mode = [ExpireMode::Set, ExpireMode::Shorten, ExpireMode::Extend][usize::from(mode)];
            let renewed = write(held, Renew { account, expiries: vec![(hash, expiry)], mode });
            let (mut updated, mut unchanged) = (BTreeMap::new(), BTreeMap::new());
            if let Some(row) = model.rows.iter_mut().find(|row| row.0 == account && row.2 == hash) {
                let moves = match mode {
                    ExpireMode::Set => true,
                    ExpireMode::Shorten => expiry < row.4,
                    ExpireMode::Extend => expiry > row.4 && (expiry - row.4) * 100 >= row.4 - row.3,
                };
                if moves {
                    row.4 = expiry;
                    updated.insert(hash, expiry);
                } else {
                    unchanged.insert(hash, row.4);
                }
            }
            assert_eq!((renewed.updated, renewed.unchanged), (updated, unchanged));
        }
        Step::Reopen => {
            block_on(held.close());
            drop(store.take());
            *store = Some(open(file));
        }
    }
}

/// Compares everything that can be asked of both.
fn compare(store: &Store, model: &Model, now: i64) {
    let snapshot = store.read().expect("a snapshot");
    for number in 1..3 {
        for namespace in [0, 2, -1, -11].map(Namespace) {
            let of_slot =
                model.rows.iter().filter(|row| row.0 == account(number) && row.1 == namespace && row.4 > now);
            let expected: Vec<_> = of_slot.map(|row| (row.2, row.3, row.4, row.5.clone())).collect();
            let ask = |after, count| {
                let limits = RetrieveLimits::new(count, Some(-1));
                let page =
                    snapshot.retrieve(&account(number), namespace, after, limits, now).expect("a page");
                let rows =
                    page.messages.into_iter().map(|held| (held.hash, held.timestamp, held.expiry, held.body));
                (rows.collect::<Vec<_>>(), page.more)
            };
            assert_eq!(ask(None, None), (expected.clone(), false));
            for (index, (hash, ..)) in expected.iter().enumerate() {
                let rest = &expected[index + 1..];
                assert_eq!(ask(Some(hash), Some(1)), (rest[..rest.len().min(1)].to_vec(), rest.len() > 1));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_a_list_would_do(steps in prop::collection::vec(steps(), 1..30), now in -1..20_i64) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("storage.redb");
        let (mut store, mut model) = (Some(open(&file)), Model::default());
        for step in steps {
            check(step, &mut store, &mut model, &file);
            compare(store.as_ref().unwrap(), &model, now);
        }
    }
}

#[test]
fn a_long_change_takes_turns_and_holds_up_its_own_account_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("storage.redb"));
    let inserts =
        (0..4000_u32).map(|number| store.submit(message(1, 0, &number.to_be_bytes(), 1, 100)).unwrap());
    assert!(block_on(join_all(inserts)).iter().all(Result::is_ok));
    let before = store.n_commits();

    let all = NamespaceScope::All;
    let lower = LowerAll { account: account(1), scope: all, expiry: 50 };
    let delete = Remove { account: account(1), which: Which::All(all) };
    let lowered = store.submit(lower).unwrap();
    let deleted = store.submit(delete).unwrap();
    let again = store.submit(message(1, 0, &7_u32.to_be_bytes(), 1, 100)).unwrap();
    let other = store.submit(message(2, 0, b"somebody else", 1, 100)).unwrap();
    let (lowered, deleted, again, (other, n_until_other)) = block_on(async {
        let other = async { (other.await, store.n_commits()) };
        futures::join!(lowered, deleted, again, other)
    });

    assert!(matches!(other, Ok(Inserted::New)));
    assert_eq!((lowered.unwrap().len(), deleted.unwrap().len()), (4000, 4000));
    assert_eq!(again.unwrap(), Inserted::New, "what was there before is stored anew after it was deleted");
    assert_eq!(bodies(&store, 1, 0), [7_u32.to_be_bytes()]);
    let n_commits = store.n_commits() - before;
    assert!((8..=14).contains(&n_commits), "eight times a thousand messages took {n_commits} commits");
    assert!(n_until_other - before < n_commits, "another account did not wait for all of them");
}

#[test]
fn a_long_change_is_finished_before_the_store_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("storage.redb");
    let store = open(&file);
    let inserts =
        (0..3000_u32).map(|number| store.submit(message(1, 0, &number.to_be_bytes(), 1, 100)).unwrap());
    assert!(block_on(join_all(inserts)).iter().all(Result::is_ok));

    let deleted =
        store.submit(Remove { account: account(1), which: Which::All(NamespaceScope::All) }).unwrap();
    let after = store.submit(message(1, 0, b"after", 1, 100)).unwrap();
    block_on(store.close());

    assert_eq!(block_on(deleted).unwrap().len(), 3000);
    assert_eq!(block_on(after).unwrap(), Inserted::New);
    drop(store);
    assert_eq!(bodies(&open(&file), 1, 0), [b"after"]);
}

#[test]
fn what_changes_nothing_is_answered_without_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("storage.redb"));
    let insert = message(1, 0, b"x", 1_000, 101_000);
    write(&store, insert.clone());
    let before = store.n_commits();

    let extend = |expiry| Renew {
        account: account(1),
        expiries: vec![(insert.hash, expiry), (insert.hash, expiry)],
        mode: ExpireMode::Extend,
    };
    assert_eq!(write(&store, insert.clone()), Inserted::Already { expiry: 101_000 });
    let barely = write(&store, extend(101_999));
    assert_eq!(
        (barely.updated, barely.unchanged),
        (BTreeMap::new(), BTreeMap::from([(insert.hash, 101_000)]))
    );
    let unrevoke = Unrevoke { account: account(1), tokens: vec![Token::from_bytes([1; 36])] };
    assert_eq!(write(&store, unrevoke), 0);
    assert_eq!(store.n_commits(), before);

    let enough = write(&store, extend(102_000));
    assert_eq!(
        (enough.updated, enough.unchanged),
        (BTreeMap::from([(insert.hash, 102_000)]), BTreeMap::new())
    );
    assert_eq!(store.n_commits(), before + 1);
}
