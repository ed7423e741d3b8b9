//! What lies on disk, and what a crash or another version of the program finds there.

use std::{sync::Arc, time::Duration};

use starling_inbox::Config;
use starling_kernel::{Kernel, ManualClock};

use crate::{
    network::Network,
    world::{Installation, id, keys},
};

/// Every byte of the file, read while nobody has it open.
fn file(folder: &tempfile::TempDir) -> Vec<u8> {
    std::fs::read(folder.path().join("inbox.redb")).unwrap()
}

#[tokio::test]
async fn neither_texts_nor_ids_nor_hashes_nor_nodes_lie_on_disk_in_clear() {
    let network = Network::of(2);
    let here = Installation::new(&network).await;
    let sent = here.send("alice", id("bob"), "a very rare sentence").await.unwrap();
    here.poll("bob").await.unwrap();
    network.state().unreachable.insert(id("alice"));
    here.send("alice", id("bob"), "another rare sentence").await.unwrap();
    let copy = here.list("alice").await[0].hash;
    let folder = here.stop().await;

    let bytes = file(&folder);
    assert!(bytes.len() > 4096);
    let mut needles: Vec<Vec<u8>> =
        ["a very rare", "another rare", sent.hash.as_str(), copy.as_str()].map(|text| text.into()).to_vec();
    for person in ["alice", "bob"] {
        needles.push(person.into());
        needles.push(id(person).to_string().into_bytes());
        needles.push(id(person).key().to_vec());
        needles.push(keys(person).ed25519().public().0.to_vec());
        needles.push(keys(person).seed()[..8].repeat(2));
    }
    needles.extend(network.state().nodes.iter().map(|node| node.key().public().0.to_vec()));
    needles.push(network.rows_of(id("bob"))[0].data[..32].to_vec());
    for needle in needles {
        assert!(!bytes.windows(needle.len()).any(|part| part == needle), "{needle:?} lies there in clear");
    }
}

#[tokio::test]
async fn a_process_that_dies_after_the_commit_loses_nothing_and_doubles_nothing() {
    let network = Network::of(2);
    let here = Installation::new(&network).await;
    here.send("alice", id("bob"), "one").await.unwrap();
    here.poll("bob").await.unwrap();
    let before = here.list("bob").await;
    // What another process would find if this one were gone now: the file as it is, without any orderly end.
    let copy = Arc::new(tempfile::tempdir().unwrap());
    std::fs::copy(here.path().join("inbox.redb"), copy.path().join("inbox.redb")).unwrap();

    let after_crash = Installation::over(&network, copy).await;

    assert_eq!(after_crash.list("bob").await, before);
    here.send("alice", id("bob"), "two").await.unwrap();
    let polled = after_crash.poll("bob").await.unwrap();
    assert_eq!(polled.new, 1);
    assert_eq!(after_crash.texts("bob").await, ["one", "two"]);
    here.stop().await;
    after_crash.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_belongs_to_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let here = Installation::new(&Network::of(1)).await;

    let mode = std::fs::metadata(here.path().join("inbox.redb")).unwrap().permissions().mode();

    assert_eq!(mode & 0o7777, 0o600);
    here.stop().await;
}

#[tokio::test]
async fn a_file_in_use_and_a_file_of_a_later_version_are_refused() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let in_use = refusal(&network, here.path()).await;
    let folder = here.stop().await;
    {
        let meta: redb::TableDefinition<&str, &[u8]> = redb::TableDefinition::new("inbox/meta");
        let database = redb::Database::create(folder.path().join("inbox.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(meta).unwrap().insert("schema", 3_u64.to_le_bytes().as_slice()).unwrap();
        transaction.commit().unwrap();
    }
    let newer = refusal(&network, folder.path()).await;

    assert!(in_use.contains("inbox.redb is in use by another process"), "{in_use}");
    assert!(newer.contains("inbox.redb has format 3") && newer.contains("newer starling"), "{newer}");
}

/// Why an inbox over that folder does not start.
async fn refusal(network: &Network, folder: &std::path::Path) -> String {
    let config = Config { retry_pause: Duration::ZERO, ..Config::default() };
    let started = Kernel::builder()
        .clock(Arc::new(ManualClock::at(1)))
        .actor(crate::world::Keeper::spec(Vec::new()))
        .actor(network.spec())
        .actor(starling_inbox::spec(config, folder.to_owned()))
        .start()
        .await;
    match started {
        Ok(_) => panic!("the start must be refused"),
        Err(error) => error.to_string(),
    }
}
