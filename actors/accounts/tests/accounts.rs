//! The keeper of accounts, through its contract.

use std::{path::Path, sync::Arc};

use starling_accounts::{Config, spec};
use starling_contracts::accounts::{
    Account, CreateAccount, Created, Error, ListAccounts, Profile, RestoreAccount, RevealRecovery,
    ShowAccount, UnlockAccount,
};
use starling_kernel::{Kernel, ManualClock, SeededEntropy, StartError};
use zeroize::Zeroizing;

/// 13 November 2025.
const NOW_MS: u64 = 1_763_000_000_123;

async fn try_start(folder: &Path, config: Config, seed: u64) -> Result<Kernel, StartError> {
    Kernel::builder()
        .clock(Arc::new(ManualClock::at(NOW_MS)))
        .entropy(Arc::new(SeededEntropy::new(seed)))
        .io_threads(1)
        .cpu_threads(1)
        .actor(spec(config, folder.to_owned()))
        .start()
        .await
}

async fn start(folder: &Path) -> Kernel {
    try_start(folder, Config::default(), 1).await.expect("a new folder opens")
}

#[track_caller]
fn refusal(started: Result<Kernel, StartError>) -> String {
    match started {
        Ok(_) => panic!("the start must be refused"),
        Err(error) => error.to_string(),
    }
}

fn profile(name: &str) -> Profile {
    name.parse().expect("a profile name")
}

async fn create(kernel: &Kernel, name: &str) -> Created {
    kernel.ask(CreateAccount { profile: profile(name), name: None }).await.expect("the profile is free")
}

fn restore(name: &str, recovery: &str) -> RestoreAccount {
    RestoreAccount { profile: profile(name), name: None, recovery: Zeroizing::new(recovery.to_owned()) }
}

#[tokio::test]
async fn accounts_survive_a_restart_and_are_listed_by_profile() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = start(folder.path()).await;
    let bob = create(&kernel, "bob").await;
    let alice = kernel
        .ask(CreateAccount { profile: profile("alice"), name: Some(" \u{200b}Alice L. ".to_owned()) })
        .await
        .unwrap();
    kernel.stop().await;

    let kernel = try_start(folder.path(), Config::default(), 2).await.unwrap();
    let listed = kernel.ask(ListAccounts).await.unwrap();

    assert_eq!(listed, [alice.account.clone(), bob.account.clone()]);
    assert_eq!((alice.account.name.as_str(), bob.account.name.as_str()), ("Alice L.", ""));
    assert_eq!(kernel.ask(ShowAccount { profile: profile("bob") }).await.unwrap(), bob.account);
    assert_eq!(kernel.ask(RevealRecovery { profile: profile("bob") }).await.unwrap(), bob.recovery);
    kernel.stop().await;
}

#[tokio::test]
async fn a_recovery_password_gives_the_same_account_in_another_folder() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let here = start(first.path()).await;
    let made = create(&here, "alice").await;
    let there = try_start(second.path(), Config::default(), 2).await.unwrap();

    let restored: Account = there.ask(restore("phone", &made.recovery.to_uppercase())).await.unwrap();
    let secrets = there.ask(UnlockAccount { profile: profile("phone") }).await.unwrap();
    let original = here.ask(UnlockAccount { profile: profile("alice") }).await.unwrap();

    assert_eq!(restored.id, made.account.id);
    assert_eq!(secrets.keys.id(), made.account.id);
    assert_eq!(secrets.keys.seed(), original.keys.seed());
    assert_ne!(secrets.at_rest, original.at_rest, "what lies on disk is bound to the folder");
    assert_eq!((original.name_updated_at, secrets.name_updated_at), (NOW_MS / 1000, 1));
    here.stop().await;
    there.stop().await;
}

#[tokio::test]
async fn the_known_phrase_of_another_implementation_restores_its_account() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = start(folder.path()).await;
    let vectors: serde_json::Value = serde_json::from_str(include_str!("identity.json")).unwrap();

    let known = vectors["accounts"].as_array().unwrap();
    assert!(!known.is_empty());
    for (number, entry) in known.iter().enumerate() {
        let phrase = entry["mnemonic"].as_str().unwrap();
        let account = kernel.ask(restore(&format!("p{number}"), phrase)).await.unwrap();
        assert_eq!(account.id.to_string(), entry["account_id"].as_str().unwrap());
        let shown = kernel.ask(RevealRecovery { profile: account.profile }).await.unwrap();
        assert_eq!(shown.as_str(), phrase);
    }
    kernel.stop().await;
}

#[tokio::test]
async fn a_taken_profile_a_known_account_and_an_unknown_profile_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = start(folder.path()).await;
    let made = create(&kernel, "alice").await;

    let taken = kernel.ask(CreateAccount { profile: profile("alice"), name: None }).await.unwrap_err();
    let known = kernel.ask(restore("phone", &made.recovery)).await.unwrap_err();
    let unknown = kernel.ask(UnlockAccount { profile: profile("carol") }).await.unwrap_err();

    assert_eq!(taken, Error::ProfileTaken(profile("alice")));
    assert_eq!(known, Error::AlreadyHere(profile("alice")));
    assert_eq!(unknown, Error::UnknownProfile(profile("carol")));
    assert_eq!(kernel.ask(ListAccounts).await.unwrap(), [made.account], "nothing was changed");
    kernel.stop().await;
}

#[tokio::test]
async fn a_wrong_recovery_password_is_explained_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = start(folder.path()).await;
    let phrase = "rafts neither gypsy vocal ramped cupcake hunter iguana speedy tubes powder aerial cupcake";

    let unknown = kernel.ask(restore("a", &phrase.replacen("gypsy", "gxpsy", 1))).await.unwrap_err();
    let short = kernel.ask(restore("a", "rafts neither")).await.unwrap_err();
    let swapped = kernel.ask(restore("a", &phrase.replacen("rafts neither", "neither rafts", 1))).await;

    let Error::BadRecovery(unknown) = unknown else { panic!("{unknown:?}") };
    assert!(unknown.contains("word 3") && unknown.contains("gypsy"), "{unknown}");
    assert!(matches!(&short, Error::BadRecovery(text) if text.contains('2')), "{short}");
    assert!(matches!(swapped, Err(Error::BadRecovery(_))));
    assert_eq!(kernel.ask(ListAccounts).await.unwrap(), []);
    kernel.stop().await;
}

#[tokio::test]
async fn a_display_name_is_bounded_in_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = start(folder.path()).await;
    let named = |name: String| CreateAccount { profile: profile("a"), name: Some(name) };

    let long = kernel.ask(named("é".repeat(51))).await.unwrap_err();
    let empty = kernel.ask(named(" \u{feff}".to_owned())).await.unwrap_err();

    assert_eq!(long, Error::BadName("the name has 102 bytes, expected at most 100".to_owned()));
    assert!(matches!(empty, Error::BadName(_)));
    kernel.stop().await;
}

#[tokio::test]
async fn neither_seed_nor_name_nor_id_nor_phrase_lies_on_disk_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = start(folder.path()).await;
    let made = kernel
        .ask(CreateAccount { profile: profile("a-rare-profile"), name: Some("A Rare Name".to_owned()) })
        .await
        .unwrap();
    let secrets = kernel.ask(UnlockAccount { profile: profile("a-rare-profile") }).await.unwrap();
    kernel.stop().await;

    let id = made.account.id;
    let needles: Vec<Vec<u8>> = vec![
        secrets.keys.seed().to_vec(),
        secrets.keys.ed25519().seed()[..16].to_vec(),
        secrets.at_rest.to_vec(),
        id.key().to_vec(),
        id.to_string().into_bytes(),
        b"A Rare Name".to_vec(),
        b"a-rare-profile".to_vec(),
        made.recovery.split(' ').take(3).collect::<Vec<_>>().join(" ").into_bytes(),
    ];
    for file in ["accounts.redb", "accounts.key"] {
        let bytes = std::fs::read(folder.path().join(file)).unwrap();
        for needle in &needles {
            assert!(!bytes.windows(needle.len()).any(|part| part == needle), "found in {file}");
        }
    }
    assert!(!format!("{secrets:?}").contains(&hex::encode(secrets.keys.seed())));
    assert!(!format!("{secrets:?}").contains(&format!("{:?}", &secrets.at_rest[..4])[1..10]));
}

#[tokio::test]
async fn a_passphrase_is_needed_from_the_start_after_it_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let with = |text: &str| Config { passphrase: text.to_owned().into(), ..Config::default() };
    let kernel = start(folder.path()).await;
    let made = create(&kernel, "alice").await;
    kernel.stop().await;
    try_start(folder.path(), with("correct horse"), 2).await.unwrap().stop().await;

    let without = refusal(try_start(folder.path(), Config::default(), 3).await);
    let wrong = refusal(try_start(folder.path(), with("battery staple"), 4).await);
    let kernel = try_start(folder.path(), with("correct horse"), 5).await.unwrap();

    assert!(without.contains("STARLING_ACCOUNTS__PASSPHRASE"), "{without}");
    assert!(wrong.contains("the passphrase does not open the accounts"), "{wrong}");
    assert!(!wrong.contains("battery") && !wrong.contains("horse"));
    assert_eq!(kernel.ask(ListAccounts).await.unwrap(), [made.account]);
    kernel.stop().await;
}

#[tokio::test]
async fn a_lost_or_foreign_key_file_is_refused_and_nothing_is_overwritten() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (path, seed) in [(folder.path(), 1), (other.path(), 2)] {
        let kernel = try_start(path, Config::default(), seed).await.unwrap();
        create(&kernel, "alice").await;
        kernel.stop().await;
    }
    let key = folder.path().join("accounts.key");
    let saved = std::fs::read(&key).unwrap();

    std::fs::remove_file(&key).unwrap();
    let lost = refusal(start_again(folder.path()).await);
    assert!(!key.exists(), "no new key is made for accounts that it would not open");
    std::fs::copy(other.path().join("accounts.key"), &key).unwrap();
    let foreign = refusal(start_again(folder.path()).await);
    std::fs::write(&key, &saved).unwrap();
    let kernel = start_again(folder.path()).await.unwrap();

    assert!(lost.contains("accounts.key is missing"), "{lost}");
    assert!(foreign.contains("is not the key of the accounts"), "{foreign}");
    assert_eq!(kernel.ask(ListAccounts).await.unwrap().len(), 1);
    kernel.stop().await;
}

async fn start_again(folder: &Path) -> Result<Kernel, StartError> {
    try_start(folder, Config::default(), 77).await
}

#[tokio::test]
async fn a_folder_in_use_and_a_file_of_a_later_version_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = start(folder.path()).await;
    create(&kernel, "alice").await;
    let in_use = refusal(start_again(folder.path()).await);
    kernel.stop().await;

    let meta: redb::TableDefinition<&str, &[u8]> = redb::TableDefinition::new("accounts/meta");
    {
        let database = redb::Database::create(folder.path().join("accounts.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(meta).unwrap().insert("schema", 2_u64.to_le_bytes().as_slice()).unwrap();
        transaction.commit().unwrap();
    }
    let newer = refusal(start_again(folder.path()).await);

    assert!(in_use.contains("is in use by another process"), "{in_use}");
    assert!(newer.contains("accounts.redb has format 2") && newer.contains("newer starling"), "{newer}");
}
