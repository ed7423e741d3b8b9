//! The actor through its contract, over real files and a clock that stands still.

use std::{net::Ipv4Addr, path::Path, sync::Arc, time::Duration};

use starling_contracts::{
    node::ServiceNode,
    staking::{CurrentNodeList, Error, NodeListChanged},
};
use starling_kernel::{
    Actor, CallError, Context, Handler, Kernel, ManualClock, Message, Spec, StartError, Task, done, message,
};
use starling_protocol::{crypto::ed25519, swarm::SwarmId};
use starling_staking::{
    BackendConfig, Config, LocalConfig,
    local::{FileError, NodeListFile, next_version},
};

const POLL: Duration = Duration::from_secs(1);

fn authority() -> ed25519::SecretKey {
    ed25519::SecretKey::from_seed([1; 32])
}

fn node(number: u8) -> ServiceNode {
    let key = ed25519::SecretKey::from_seed([number; 32]).public();
    ServiceNode {
        ed25519: key,
        x25519: key.to_x25519().expect("a real key has an image"),
        legacy: key,
        public_ip: Ipv4Addr::LOCALHOST,
        storage_port: 20_000 + u16::from(number),
        omq_port: 0,
        libp2p_port: 30_000 + u16::from(number),
        swarm: SwarmId::UNASSIGNED,
        version: [2, 8, 0],
        requested_unlock_height: 0,
    }
}

fn list(height: u64, n_nodes: u8) -> NodeListFile {
    let empty = NodeListFile::new(height - 1, [19, 6], [0; 32], Vec::new()).expect("an empty list is valid");
    next_version(&empty, (10..10 + n_nodes).map(node).collect(), &[], [7; 32]).expect("new nodes join")
}

fn config(file: &Path) -> Config {
    let local = LocalConfig { file: file.to_owned(), authority: Some(authority().public()), poll: POLL };
    Config { backend: BackendConfig::Local(local), ..Config::default() }
}

/// Remembers which heights it was told.
#[derive(Default)]
struct Listener {
    heights: Vec<u64>,
}

struct Heights;
message!(Heights => Vec<u64>, CallError, "heights");

impl Actor for Listener {
    const NAME: &'static str = "listener";
}

impl Handler<NodeListChanged> for Listener {
    fn handle(
        &mut self,
        event: NodeListChanged,
        _: &Context,
    ) -> Task<Result<(), <NodeListChanged as Message>::Error>> {
        self.heights.push(event.list.height);
        done(Ok(()))
    }
}

impl Handler<Heights> for Listener {
    fn handle(&mut self, _: Heights, _: &Context) -> Task<Result<Vec<u64>, CallError>> {
        done(Ok(self.heights.clone()))
    }
}

struct House {
    kernel: Kernel,
    clock: ManualClock,
}

impl House {
    async fn open(config: Config) -> Self {
        let clock = ManualClock::at(1_000_000);
        let kernel = Kernel::builder()
            .clock(Arc::new(clock.clone()))
            .actor(
                Spec::new(|_| async { Ok(Listener::default()) })
                    .subscribes::<NodeListChanged>()
                    .serves::<Heights>(),
            )
            .actor(starling_staking::spec(config))
            .start()
            .await
            .expect("the kernel starts");
        let house = Self { kernel, clock };
        house.settle(1).await;
        house
    }

    async fn rounds(&self) -> u64 {
        self.kernel.observe().await[1].state["rounds"].as_u64().expect("the actor counts rounds")
    }

    /// Waits until the actor has finished that round and sleeps.
    async fn settle(&self, rounds: u64) {
        while self.rounds().await < rounds || self.clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn poll(&self) {
        let next = self.rounds().await + 1;
        self.clock.advance(POLL);
        self.settle(next).await;
    }

    async fn height(&self) -> Result<u64, Error> {
        self.kernel.ask(CurrentNodeList).await.map(|list| list.height)
    }
}

#[tokio::test]
async fn it_waits_for_the_file_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodes.json");
    let house = House::open(config(&file)).await;

    assert_eq!(house.height().await, Err(Error::NoList));
    assert_eq!(
        house.kernel.unready(),
        [("staking", format!("no node list yet: waiting for {}", file.display()))]
    );

    list(1, 3).sign(&authority()).write(&file).unwrap();
    house.poll().await;

    assert_eq!(house.height().await, Ok(1));
    assert_eq!(house.kernel.unready(), []);
    assert_eq!(house.kernel.ask(Heights).await.unwrap(), [1]);
}

#[tokio::test]
async fn a_list_that_cannot_follow_the_one_held_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodes.json");
    list(5, 3).sign(&authority()).write(&file).unwrap();
    let house = House::open(config(&file)).await;

    let stranger = ed25519::SecretKey::from_seed([2; 32]);
    list(6, 3).sign(&stranger).write(&file).unwrap();
    house.poll().await;
    assert_eq!(house.height().await, Ok(5), "signed by somebody else");

    list(6, 3).write(&file).unwrap();
    house.poll().await;
    assert_eq!(house.height().await, Ok(5), "not signed");

    list(4, 4).sign(&authority()).write(&file).unwrap();
    house.poll().await;
    assert_eq!(house.height().await, Ok(5), "of a lower height");

    list(5, 4).sign(&authority()).write(&file).unwrap();
    house.poll().await;
    assert_eq!(house.height().await, Ok(5), "another of the same height");

    std::fs::write(&file, b"{\"version\":1,").unwrap();
    house.poll().await;
    assert_eq!(house.height().await, Ok(5), "malformed");

    std::fs::remove_file(&file).unwrap();
    house.poll().await;
    assert_eq!(house.height().await, Ok(5), "gone");
    assert_eq!(house.kernel.unready(), []);

    list(7, 4).sign(&authority()).write(&file).unwrap();
    house.poll().await;
    assert_eq!(house.height().await, Ok(7));
    assert_eq!(house.kernel.ask(Heights).await.unwrap(), [5, 7]);
}

#[tokio::test]
async fn a_file_that_does_not_change_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodes.json");
    list(5, 3).sign(&authority()).write(&file).unwrap();
    let house = House::open(config(&file)).await;

    for _ in 0..3 {
        list(5, 3).sign(&authority()).write(&file).unwrap();
        house.poll().await;
    }

    assert_eq!(house.kernel.ask(Heights).await.unwrap(), [5]);
}

#[tokio::test]
async fn without_an_authority_it_does_not_start() {
    let refused = Kernel::builder().actor(starling_staking::spec(Config::default())).start().await;

    let Err(StartError::Fault { fault, .. }) = refused else { panic!("it started without an authority") };
    assert!(fault.to_string().contains("staking.backend.authority"), "{fault}");
}

#[test]
fn every_byte_of_a_signed_file_is_covered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodes.json");
    let signed = list(5, 3).sign(&authority());
    signed.write(&file).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(NodeListFile::read(&file).unwrap(), signed);
    assert!(signed.verify(&authority().public()).is_ok());

    let mut refused = 0;
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_alphanumeric()) {
        let mut changed = text.clone().into_bytes();
        changed[at] = if byte == b'1' { b'2' } else { b'1' };
        std::fs::write(&file, &changed).unwrap();
        let verified =
            NodeListFile::read(&file).and_then(|list| list.verify(&authority().public()).map(|()| list));
        match verified {
            Err(_) => refused += 1,
            Ok(list) => panic!("a changed byte at {at} was accepted: {list:?}"),
        }
    }
    assert!(refused > 500);
}

#[test]
fn keys_that_do_not_belong_together_are_refused() {
    let mut odd = node(9);
    odd.x25519 = node(8).x25519;
    let refused = |nodes| NodeListFile::new(1, [19, 6], [0; 32], nodes);

    assert!(matches!(refused(vec![node(1), odd]), Err(FileError::X25519 { index: 1 })));
    assert!(matches!(refused(vec![node(1), node(1)]), Err(FileError::Duplicate { index: 1 })));
}

#[test]
fn fourteen_nodes_make_two_swarms_and_a_leaving_one_is_gone() {
    let two = list(1, 14);
    let swarms = |list: &NodeListFile| {
        let mut swarms: Vec<_> = list.nodes().iter().map(|node| node.swarm).collect();
        swarms.sort_unstable();
        swarms.dedup();
        swarms
    };
    assert_eq!(swarms(&two).len(), 2);
    assert!(two.nodes().iter().all(|node| node.swarm.is_assigned()));

    let leaver = node(10).ed25519;
    let next = next_version(&two, vec![node(50)], &[leaver], [9; 32]).unwrap();

    assert_eq!((next.height, next.nodes().len()), (2, 14));
    assert!(next.nodes().iter().all(|node| node.ed25519 != leaver));
    assert!(next.nodes().iter().any(|node| node.ed25519 == self::node(50).ed25519));
    assert!(matches!(next_version(&next, Vec::new(), &[leaver], [9; 32]), Err(FileError::NotThere { .. })));
    assert!(matches!(next_version(&next, vec![node(50)], &[], [9; 32]), Err(FileError::Duplicate { .. })));
    let same = next_version(&next, Vec::new(), &[], [1; 32]).unwrap();
    assert_eq!(same.nodes(), next.nodes(), "without changes everybody stays");
}
