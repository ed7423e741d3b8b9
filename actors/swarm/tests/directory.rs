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
        Self::open_with(first, Config::default()).await
    }

    async fn open_with(first: Option<Arc<NodeList>>, config: Config) -> Self {
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
            .actor(starling_swarm::spec(config.clone(), node(1).ed25519))
            .actor(starling_swarm::copier::spec(config, node(1).ed25519))
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

    /// What a node was sent, in order.
    fn methods_seen(&self, number: u8) -> Vec<String> {
        let port = node(number).libp2p_port;
        let peers = self.peers.lock().expect("no test panics with the lock held");
        peers.seen.iter().filter(|(to, _)| *to == port).map(|(_, method)| method.clone()).collect()
    }

    /// Lets the actors work until a node was sent so much.
    async fn until_seen(&self, number: u8, n_copies: usize) {
        while self.n_seen(number) != n_copies {
            tokio::task::yield_now().await;
        }
    }

    /// Outcomes by node number.
    async fn replicate(&self) -> Vec<(u8, MemberOutcome)> {
        self.write("store").await
    }

    /// Outcomes by node number.
    async fn write(&self, method: &'static str) -> Vec<(u8, MemberOutcome)> {
        let answers = self.kernel.ask(write(method)).await.expect("there is a swarm");
        let number = |key| (1..=9).find(|number| node(*number).ed25519 == key).expect("one of ours");
        answers.into_iter().map(|answer| (number(answer.node), answer.outcome)).collect()
    }

    async fn state(&self, key: &str) -> u64 {
        let all = self.kernel.observe().await;
        let copier = all.iter().find(|actor| actor.name == "copier").expect("the actor runs");
        copier.state[key].as_u64().expect("a number")
    }

    /// Lets the actors work until `key` has that value.
    async fn until(&self, key: &str, value: u64) {
        while self.state(key).await != value {
            tokio::task::yield_now().await;
        }
    }
}

fn write(method: &'static str) -> Replicate {
    Replicate { account: account(90), method, dict: Bytes::from_static(b"d1:xi1ee") }
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
    let first = tokio::spawn(async move { first.ask(write("store")).await });
    house.until_seen(5, 1).await;
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
    assert_eq!(house.n_seen(5), 1 + 4 + 1, "the first try, what it had missed, and the last write");
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
    assert_eq!(house.write("delete").await[3], (5, MemberOutcome::TimedOut), "it waits behind the first");

    house.until("copies_to_retry", 0).await;
    assert_eq!(house.methods_seen(5), ["store", "store", "delete"]);
    assert_eq!(house.replicate().await[3], (5, done_ok()));
}

#[tokio::test]
async fn a_write_does_not_overtake_what_the_member_missed() {
    let house = House::open(Some(list(1, 1..=5))).await;
    house.set(5, Some(Behaviour::Dead));
    assert_eq!(house.write("store").await[3], (5, MemberOutcome::TimedOut));
    house.until("copies_to_retry", 1).await;

    // The member is back, and slow, so that there is a time at which its queue is being sent.
    house.set(5, Some(Behaviour::Slow(Duration::from_secs(2))));
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(house.write("delete").await[3], (5, MemberOutcome::TimedOut));
    house.until_seen(5, 2).await;
    assert_eq!(house.methods_seen(5), ["store", "store"], "the probe is the oldest copy");
    assert_eq!(house.write("expire").await[3], (5, MemberOutcome::TimedOut));
    assert_eq!(house.n_seen(5), 2, "one at a time");
    assert_eq!(house.state("copies_to_retry").await, 3);

    house.set(5, None);
    house.clock.advance(Duration::from_secs(2));
    house.until("copies_to_retry", 0).await;
    assert_eq!(house.methods_seen(5), ["store", "store", "delete", "expire"]);
    assert_eq!(house.write("store").await[3], (5, done_ok()), "nothing waits, so it goes at once");
}

/// The clock stands still, so a write that waited would never be answered. With a single other member there is nobody whose
/// answers might come before or after the clock's steps.
#[tokio::test]
async fn all_writes_stop_waiting_for_a_member_at_its_first_long_silence() {
    let house = House::open(Some(list(1, [1, 5]))).await;
    assert_eq!(house.write("store").await, [(5, done_ok())]);
    house.set(5, Some(Behaviour::Slow(Duration::from_secs(60))));
    let write_later = || {
        let kernel = house.kernel.clone();
        tokio::spawn(
            async move { kernel.ask(write("store")).await.expect("there is a swarm").remove(0).outcome },
        )
    };
    let first = write_later();
    house.until_seen(5, 2).await;
    house.clock.advance(Duration::from_millis(49));
    let second = write_later();
    house.until_seen(5, 3).await;
    assert_eq!(house.state("members_down").await, 0, "there is a moment left");

    house.clock.advance(Duration::from_millis(1));

    assert_eq!(first.await.unwrap(), MemberOutcome::TimedOut);
    assert_eq!(second.await.unwrap(), MemberOutcome::TimedOut, "it stops with the first");
    assert_eq!(house.state("members_down").await, 1);
    assert_eq!(house.write("store").await, [(5, MemberOutcome::TimedOut)]);
    house.until_seen(5, 4).await;
    assert_eq!(house.state("copies_to_retry").await, 0, "all of them may still arrive");

    house.set(5, None);
    house.write("store").await;
    house.until("members_down", 0).await;
    assert_eq!(house.write("store").await, [(5, done_ok())], "it answered, so it is waited for again");
}

#[tokio::test]
async fn a_member_that_answers_others_is_waited_for_and_told_right() {
    let house = House::open(Some(list(1, [1, 5]))).await;
    assert_eq!(house.write("store").await, [(5, done_ok())]);
    house.set(5, Some(Behaviour::Slow(Duration::from_millis(90))));
    let kernel = house.kernel.clone();
    let slow = tokio::spawn(async move { kernel.ask(write("store")).await });
    house.until_seen(5, 2).await;
    house.clock.advance(Duration::from_millis(45));
    house.set(5, None);
    assert_eq!(house.write("delete").await, [(5, done_ok())]);

    house.clock.advance(Duration::from_millis(45));

    assert_eq!(slow.await.unwrap().unwrap()[0].outcome, done_ok());
    assert_eq!((house.state("members_down").await, house.n_seen(5)), (0, 3));
}

#[tokio::test]
async fn a_write_does_not_overtake_one_whose_fate_is_open() {
    let house = House::open(Some(list(1, [1, 5]))).await;
    assert_eq!(house.write("store").await, [(5, done_ok())]);
    house.set(5, Some(Behaviour::Slow(Duration::from_secs(60))));
    let kernel = house.kernel.clone();
    let lost = tokio::spawn(async move { kernel.ask(write("store")).await });
    house.until_seen(5, 2).await;

    // The answer's patience ends after a moment, the copy's own time after five seconds.
    house.clock.advance(Duration::from_millis(50));
    assert_eq!(lost.await.unwrap().unwrap()[0].outcome, MemberOutcome::TimedOut);
    house.set(5, None);
    assert_eq!(house.write("delete").await, [(5, MemberOutcome::TimedOut)], "it is silent");
    house.until("members_down", 0).await;
    assert_eq!(house.methods_seen(5), ["store", "store", "delete"]);

    house.clock.advance(Duration::from_millis(4950));
    house.until("copies_to_retry", 2).await;
    assert_eq!(house.state("members_down").await, 0, "one copy was lost, and the member is there");
    assert_eq!(house.write("expire").await, [(5, MemberOutcome::TimedOut)]);
    house.until("copies_to_retry", 0).await;
    assert_eq!(house.methods_seen(5), ["store", "store", "delete", "store", "delete", "expire"]);
}

#[tokio::test]
async fn a_lookup_does_not_wait_behind_copies() {
    let mut config = Config::default();
    config.bounds.concurrency = 4;
    let house = House::open_with(Some(list(1, 1..=5)), config).await;
    house.set(5, Some(Behaviour::Slow(Duration::from_secs(60))));
    for _ in 0..5 {
        let kernel = house.kernel.clone();
        tokio::spawn(async move { kernel.ask(write("store")).await });
    }
    house.until_seen(5, 4).await;

    // The clock stands still, so every place at the copier stays taken.
    let lookup = house.kernel.ask(SwarmFor { account: account(90) });
    let view = tokio::time::timeout(Duration::from_secs(20), lookup).await.expect("it is answered at once");

    assert!(view.unwrap().is_own);
    assert_eq!(house.n_seen(5), 4);
}

#[tokio::test]
async fn an_orderly_stop_tries_once_more_to_deliver_what_was_missed() {
    let house = House::open(Some(list(1, 1..=5))).await;
    house.set(4, Some(Behaviour::Dead));
    house.set(5, Some(Behaviour::Dead));
    house.write("store").await;
    house.write("delete").await;
    house.until("copies_to_retry", 4).await;
    house.set(5, None);

    assert_eq!(house.kernel.stop().await, [""; 0]);

    assert_eq!(house.methods_seen(5), ["store", "store", "delete"]);
    assert_eq!(house.methods_seen(4), ["store", "store"], "once more, and no further when that fails");
}

#[tokio::test]
async fn an_orderly_stop_does_not_wait_long_for_a_member_that_does_not_answer() {
    let config = Config { copy_deadline: Duration::from_secs(20), ..Config::default() };
    let house = House::open_with(Some(list(1, 1..=5)), config).await;
    house.set(5, Some(Behaviour::Dead));
    house.write("store").await;
    house.until("copies_to_retry", 1).await;
    house.set(5, Some(Behaviour::Slow(Duration::from_secs(20))));

    let kernel = house.kernel.clone();
    let stop = tokio::spawn(async move { kernel.stop().await });
    house.until_seen(5, 2).await;
    house.clock.advance(Duration::from_secs(2));

    // The clock stands still again: nothing but the end of the last tries can end the copier.
    while house
        .kernel
        .observe()
        .await
        .iter()
        .any(|actor| actor.name == "copier" && actor.status != starling_kernel::Status::Stopped)
    {
        tokio::task::yield_now().await;
    }
    stop.abort();
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
