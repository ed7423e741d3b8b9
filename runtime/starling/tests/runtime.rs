//! The library as an embedding program uses it.

use std::sync::Arc;

use starling::{
    Config, Error, Role, Runtime,
    contracts::{
        accounts::{CreateAccount, ListAccounts, Profile},
        inbox::{self, ListMessages, StoredMessage},
    },
    kernel::{Actor, Context, Handler, SeededEntropy, Spec, Task, done},
};

fn profile() -> Profile {
    "p".parse().expect("a profile name")
}

fn client(folder: &std::path::Path) -> starling::RuntimeBuilder {
    let any_port = "127.0.0.1:0";
    Runtime::builder().roles([Role::Client]).data_dir(folder).set("gateway.operator", any_port)
}

#[tokio::test]
async fn what_one_runtime_keeps_the_next_one_finds() {
    let folder = tempfile::tempdir().unwrap();
    let first = client(folder.path()).start().await.unwrap();
    let made = first.ask(CreateAccount { profile: profile(), name: None }).await.unwrap();
    assert!(first.stop().await.is_empty(), "nobody had to be killed");

    let second = client(folder.path()).start().await.unwrap();
    let listed = second.ask(ListAccounts).await.unwrap();

    assert_eq!(listed, [made.account]);
    second.stop().await;
}

#[tokio::test]
async fn several_runtimes_share_a_process_but_no_folder() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = client(here.path()).start().await.unwrap();
    let two = client(there.path()).start().await.unwrap();

    let refused = client(here.path()).start().await.err().expect("the folder is taken");
    one.ask(CreateAccount { profile: profile(), name: None }).await.unwrap();

    assert!(matches!(refused, Error::InUse { pid: Some(pid), .. } if pid == std::process::id()), "{refused}");
    assert_eq!(two.ask(ListAccounts).await.unwrap(), []);
    assert_ne!(one.listening().await.gateway.operator, two.listening().await.gateway.operator);
    one.stop().await;
    two.stop().await;
}

/// Stands in for our inbox.
struct EmptyInbox;

impl Actor for EmptyInbox {
    const NAME: &'static str = "inbox";
}

impl Handler<ListMessages> for EmptyInbox {
    fn handle(&mut self, _: ListMessages, _: &Context) -> Task<Result<Vec<StoredMessage>, inbox::Error>> {
        done(Err(inbox::Error::Empty))
    }
}

#[tokio::test]
async fn an_own_actor_of_the_same_name_stands_in_for_ours() {
    let folder = tempfile::tempdir().unwrap();
    let own = Spec::new(|_| async { Ok(EmptyInbox) }).serves::<ListMessages>();
    let runtime = client(folder.path()).actor(own).start().await.unwrap();

    let answer = runtime.ask(ListMessages { profile: profile(), after: 0, limit: 1 }).await;

    assert_eq!(answer, Err(inbox::Error::Empty));
    runtime.stop().await;
}

#[tokio::test]
async fn with_its_own_entropy_a_test_gets_the_same_account_every_time() {
    let mut made = Vec::new();
    for _ in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        let entropy = Arc::new(SeededEntropy::new(7));
        let needless = ["gateway", "transport", "paths", "inbox"];
        let builder = needless.into_iter().fold(client(folder.path()), |builder, name| builder.without(name));
        let runtime = builder.entropy(entropy).start().await.unwrap();
        made.push(runtime.ask(CreateAccount { profile: profile(), name: None }).await.unwrap().account.id);
        runtime.stop().await;
    }

    assert_eq!(made[0], made[1]);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_anything_is_touched() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let mut config = Config::for_roles([]);
    config.runtime.data_dir = Some(folder.clone());

    let by_value = Runtime::builder().config(config).start().await.err().expect("there is no role");
    let by_key =
        client(&folder).set("inbox.send_atempts", "1").start().await.err().expect("there is no such key");

    assert!(by_value.to_string().starts_with("runtime.roles is empty"), "{by_value}");
    assert_eq!(by_key.to_string(), "-O: unknown key inbox.send_atempts; did you mean inbox.send_attempts?");
    assert!(!folder.exists());
}
