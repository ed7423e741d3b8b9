//! The actor through its contract, with a ledger and a transport of the test's making.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use starling_contracts::{
    node::ServiceNode,
    staking::{self, CurrentNodeList, NodeList, NodeListChanged},
    swarm::{Error, MemberOutcome, Replicate, SwarmFor},
    transport::{self, CallPeer, Protocol},
};
use starling_kernel::{Actor, Context, Handler, Kernel, ManualClock, Spec, Task, done, task};
use starling_protocol::{
    account::{AccountId, Prefix},
    crypto::ed25519,
    peer_wire::{SwarmAnswer, decode_swarm_request},
    swarm::SwarmId,
};
use starling_swarm::Config;

/// Node numbers 1 to 5 form swarm 100, 6 to 9 swarm 2⁶³; node 10 is in none.
fn node(number: u8) -> ServiceNode {
    let key = ed25519::SecretKey::from_seed([number; 32]).public();
    let swarm = match number {
        1..=5 => SwarmId(100),
        6..=9 => SwarmId(1 << 63),
        _ => SwarmId::UNASSIGNED,
    };
    ServiceNode {
        ed25519: key,
        x25519: key.to_x25519().expect("a real key has an image"),
        legacy: key,
        public_ip: Ipv4Addr::LOCALHOST,
        storage_port: 1,
        omq_port: 0,
        libp2p_port: 1000 + u16::from(number),
        swarm,
        version: [2, 8, 0],
        requested_unlock_height: 0,
    }
}

fn list(height: u64, numbers: impl IntoIterator<Item = u8>) -> Arc<NodeList> {
    Arc::new(NodeList::new(height, [19, 6], [0; 32], numbers.into_iter().map(node).collect()))
}

fn account(space: u64) -> AccountId {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&space.to_be_bytes());
    AccountId::new(Prefix::Standard, key)
}

struct FakeLedger(Option<Arc<NodeList>>);

impl Actor for FakeLedger {
    const NAME: &'static str = "staking";
}

impl Handler<CurrentNodeList> for FakeLedger {
    fn handle(&mut self, _: CurrentNodeList, _: &Context) -> Task<Result<Arc<NodeList>, staking::Error>> {
        done(self.0.clone().ok_or(staking::Error::NoList))
    }
}

/// How a fake peer behaves, by port.
#[derive(Debug, Clone)]
enum Behaviour {
    Answer(Vec<u8>),
    /// Answers so much later.
    Slow(Duration),
    /// Refuses the connection.
    Dead,
}

/// What every peer does, and what it was sent.
#[derive(Debug, Default)]
struct Peers {
    behaviour: HashMap<u16, Behaviour>,
    seen: Vec<(u16, String)>,
}

type Shared = Arc<Mutex<Peers>>;

struct FakeTransport(Shared);

impl Actor for FakeTransport {
    const NAME: &'static str = "transport";
}

impl Handler<CallPeer> for FakeTransport {
    fn handle(&mut self, call: CallPeer, ctx: &Context) -> Task<Result<Bytes, transport::Error>> {
        assert_eq!(call.protocol, Protocol::Swarm);
        let (method, dict) = decode_swarm_request(&call.body).expect("a copy is a list of method and dict");
        assert_eq!(dict, b"d1:xi1ee");
        let mut peers = self.0.lock().expect("no test panics with the lock held");
        peers.seen.push((call.peer.port, method));
        let behaviour = peers.behaviour.get(&call.peer.port).cloned();
        let clock = Arc::clone(ctx.clock());
        task(async move {
            match behaviour {
                None => Ok(Bytes::from_static(b"d2:oki1ee")),
                Some(Behaviour::Answer(bytes)) => Ok(bytes.into()),
                Some(Behaviour::Dead) => Err(transport::Error::Unreachable("refused".to_owned())),
                Some(Behaviour::Slow(time)) => {
                    clock.sleep(time.min(call.deadline)).await;
                    if time <= call.deadline {
                        Ok(Bytes::from_static(b"d2:oki1ee"))
                    } else {
                        Err(transport::Error::TimedOut { within_ms: 5000 })
                    }
                }
            }
        })
    }
}

struct House {
    kernel: Kernel,
    clock: ManualClock,
    peers: Shared,
}

impl House {
    async fn open(first: Option<Arc<NodeList>>) -> Self {
        let clock = ManualClock::at(1_000_000);
        let peers = Shared::default();
        let for_transport = Arc::clone(&peers);
        let kernel = Kernel::builder()
            .clock(Arc::new(clock.clone()))
            .actor(
                Spec::new(move |_| {
                    let first = first.clone();
                    async { Ok(FakeLedger(first)) }
                })
                .serves::<CurrentNodeList>(),
            )
            .actor(
                Spec::new(move |_| {
                    let peers = Arc::clone(&for_transport);
                    async { Ok(FakeTransport(peers)) }
                })
                .serves::<CallPeer>(),
            )
            .actor(starling_swarm::spec(Config::default(), node(1).ed25519))
            .start()
            .await
            .expect("the kernel starts");
        Self { kernel, clock, peers }
    }

    fn set(&self, number: u8, behaviour: Option<Behaviour>) {
        let port = node(number).libp2p_port;
        let mut peers = self.peers.lock().expect("no test panics with the lock held");
        match behaviour {
            Some(behaviour) => peers.behaviour.insert(port, behaviour),
            None => peers.behaviour.remove(&port),
        };
    }

    fn n_seen(&self, number: u8) -> usize {
        let port = node(number).libp2p_port;
        self.peers
            .lock()
            .expect("no test panics with the lock held")
            .seen
            .iter()
            .filter(|(to, _)| *to == port)
            .count()
    }

    /// Outcomes by node number.
    async fn replicate(&self) -> Vec<(u8, MemberOutcome)> {
        let write =
            Replicate { account: account(90), method: "store", dict: Bytes::from_static(b"d1:xi1ee") };
        let answers = self.kernel.ask(write).await.expect("there is a swarm");
        let number = |key| (1..=9).find(|number| node(*number).ed25519 == key).expect("one of ours");
        answers.into_iter().map(|answer| (number(answer.node), answer.outcome)).collect()
    }

    async fn state(&self, key: &str) -> u64 {
        let all = self.kernel.observe().await;
        let swarm = all.iter().find(|actor| actor.name == "swarm").expect("the actor runs");
        swarm.state[key].as_u64().expect("a number")
    }

    /// Lets the actors work until `key` has that value.
    async fn until(&self, key: &str, value: u64) {
        while self.state(key).await != value {
            tokio::task::yield_now().await;
        }
    }
}

fn done_ok() -> MemberOutcome {
    MemberOutcome::Done(Bytes::from_static(b"d2:oki1ee"))
}

#[tokio::test]
async fn before_the_first_list_there_is_no_swarm_and_the_actor_is_not_ready() {
    let house = House::open(None).await;

    assert_eq!(house.kernel.ask(SwarmFor { account: account(1) }).await, Err(Error::NoSwarms));
    assert_eq!(house.kernel.unready(), [("swarm", "no node list yet".to_owned())]);

    house.kernel.publisher().publish(NodeListChanged { list: list(1, []) }).await;
    assert_eq!(house.kernel.unready(), [("swarm", "the node list holds no swarm".to_owned())]);

    house.kernel.publisher().publish(NodeListChanged { list: list(2, 1..=9) }).await;
    assert_eq!(house.kernel.unready(), []);
    assert!(house.kernel.ask(SwarmFor { account: account(1) }).await.is_ok());
}

#[tokio::test]
async fn the_nearest_swarm_keeps_an_account_and_says_whether_it_is_ours() {
    let house = House::open(Some(list(1, 1..=10))).await;
    let swarm_for = async |space| house.kernel.ask(SwarmFor { account: account(space) }).await.unwrap();

    let ours = swarm_for(90).await;
    assert_eq!((ours.id, ours.is_own, ours.members.len()), (SwarmId(100), true, 5));
    let theirs = swarm_for(u64::MAX / 2).await;
    assert_eq!((theirs.id, theirs.is_own, theirs.members.len()), (SwarmId(1 << 63), false, 4));
}

#[tokio::test]
async fn an_older_list_does_not_replace_a_newer_one() {
    let house = House::open(Some(list(5, 1..=9))).await;

    house.kernel.publisher().publish(NodeListChanged { list: list(4, 6..=9) }).await;
    assert!(house.kernel.ask(SwarmFor { account: account(90) }).await.unwrap().is_own);

    house.kernel.publisher().publish(NodeListChanged { list: list(6, 6..=9) }).await;
    assert!(!house.kernel.ask(SwarmFor { account: account(90) }).await.unwrap().is_own);
}

#[tokio::test]
async fn each_other_member_gets_a_copy_and_answers_in_its_own_form() {
    let house = House::open(Some(list(1, 1..=9))).await;
    let refusal = SwarmAnswer::Refused { code: 406, reason: "late".to_owned() };
    house.set(3, Some(Behaviour::Answer(refusal.encode())));
    house.set(4, Some(Behaviour::Answer(b"what?".to_vec())));
    house.set(5, Some(Behaviour::Dead));

    let answers = house.replicate().await;

    let refused = MemberOutcome::Refused { code: 406, reason: "late".to_owned() };
    let expected =
        [(2, done_ok()), (3, refused), (4, MemberOutcome::Unreadable), (5, MemberOutcome::TimedOut)];
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn a_swarm_of_one_has_nobody_to_copy_to() {
    let house = House::open(Some(list(1, [1]))).await;

    assert_eq!(house.replicate().await, []);
}

#[tokio::test]
async fn a_dead_member_holds_up_one_write_and_gets_all_of_them_when_it_is_back() {
    let house = House::open(Some(list(1, 1..=5))).await;
    house.set(5, Some(Behaviour::Slow(Duration::from_secs(60))));
    let first = house.kernel.clone();
    let write = Replicate { account: account(90), method: "store", dict: Bytes::from_static(b"d1:xi1ee") };
    let first = tokio::spawn(async move { first.ask(write).await });
    while house.n_seen(5) == 0 {
        tokio::task::yield_now().await;
    }
    house.until("members_down", 0).await;

    house.clock.advance(Duration::from_secs(5));
    let answers = first.await.unwrap().unwrap();
    assert_eq!(answers.iter().filter(|answer| answer.outcome == MemberOutcome::TimedOut).count(), 1);
    house.until("copies_to_retry", 1).await;

    // The clock stands still: these would never be answered if they waited for the dead member.
    for _ in 0..3 {
        assert_eq!(house.replicate().await[3], (5, MemberOutcome::TimedOut));
    }
    assert_eq!(house.n_seen(5), 1, "nothing is sent to it before the next probe");
    assert_eq!(house.state("copies_to_retry").await, 4);

    house.set(5, None);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(house.replicate().await[3], (5, MemberOutcome::TimedOut), "a probe is not waited for");

    house.until("copies_to_retry", 0).await;
    house.until("members_down", 0).await;
    assert_eq!(house.n_seen(5), 1 + 1 + 4, "the first try, the probe, and what it had missed");
    assert_eq!(house.replicate().await[3], (5, done_ok()));
}

#[tokio::test]
async fn missed_copies_are_retried_without_any_write() {
    let house = House::open(Some(list(1, 1..=5))).await;
    house.set(5, Some(Behaviour::Dead));
    house.replicate().await;
    house.until("copies_to_retry", 1).await;
    house.set(5, None);

    // A second at a time, as the ticks of the actor come; how many it takes depends on when each of them goes to sleep.
    while house.state("copies_to_retry").await != 0 {
        house.clock.advance(Duration::from_secs(1));
    }

    assert_eq!(house.n_seen(5), 2);
}

#[tokio::test]
async fn a_member_that_is_not_ready_gets_its_copy_later() {
    let house = House::open(Some(list(1, 1..=5))).await;
    let not_ready = SwarmAnswer::Refused { code: 503, reason: "not done syncing".to_owned() };
    house.set(5, Some(Behaviour::Answer(not_ready.encode())));

    let refused = MemberOutcome::Refused { code: 503, reason: "not done syncing".to_owned() };
    assert_eq!(house.replicate().await[3], (5, refused));
    house.until("copies_to_retry", 1).await;
    house.set(5, None);
    assert_eq!(house.replicate().await[3], (5, done_ok()));

    house.until("copies_to_retry", 0).await;
    assert_eq!(house.n_seen(5), 3);
}

#[tokio::test]
async fn a_member_that_leaves_takes_its_missed_copies_along() {
    let house = House::open(Some(list(1, 1..=5))).await;
    house.set(5, Some(Behaviour::Dead));
    house.replicate().await;
    house.until("copies_to_retry", 1).await;

    house.kernel.publisher().publish(NodeListChanged { list: list(2, 1..=4) }).await;

    assert_eq!(house.state("copies_to_retry").await, 0);
    assert_eq!(house.replicate().await.len(), 3);
}
