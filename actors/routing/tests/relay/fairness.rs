//! Many who bring onion requests, one of them far too many: what that costs the others, by a clock that the test owns.
//!
//! The node's storage stands for whatever is slow: it takes the same time for each request, and does one after the other.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, stream::FuturesUnordered};
use starling_contracts::{
    routing::{self, EnterOnion, OnionAnswer, Origin, Origins, RelayOnion},
    storage::{Answer, Body},
};
use starling_kernel::{CallError, Clock as _, ManualClock, SeededEntropy};
use starling_protocol::{
    crypto::ed25519::PublicKey,
    onion::{Forward, Outer, peel::outer},
};
use starling_routing::relay::RelayConfig;

use super::{key, plain, to_node, town::Town};

/// How long the storage takes for a request.
const WORK: Duration = Duration::from_millis(100);
/// How many requests the relay has under way at once; one link alone gets half of them.
const AT_ONCE: usize = 8;
const OF_ONE_LINK: usize = AT_ONCE / 2;

type Outcome = Result<OnionAnswer, routing::Error>;

/// A node, and requests on their way to it.
struct House {
    town: Arc<Town>,
    clock: ManualClock,
    origins: Origins,
    asked: FuturesUnordered<actix_rt::task::JoinHandle<(&'static str, Duration, Outcome)>>,
    served: usize,
}

impl House {
    async fn build(change: impl Fn(&mut RelayConfig)) -> Self {
        let clock = ManualClock::at(1_700_000_000_000);
        let configure = |config: &mut RelayConfig| {
            config.max_under_way = AT_ONCE;
            config.max_under_way_per_link = AT_ONCE;
            // Nobody loses patience before the test does.
            config.queue_within = Duration::from_secs(1000);
            config.bounds.answer_within = Duration::from_secs(2000);
            change(config);
        };
        let town = Town::with_clock(vec![[1; 32]], configure, Arc::new(clock.clone())).await;
        town.storage.say(Ok(Answer { status: 200, body: Body::Text("here".to_owned()) }));
        town.storage.open_desk();
        let origins = Origins::new(&SeededEntropy::new(1));
        Self { town: Arc::new(town), clock, origins, asked: FuturesUnordered::new(), served: 0 }
    }

    fn origin(&self, address: u8) -> Origin {
        self.origins.of(IpAddr::from([203, 0, 113, address]))
    }

    /// A client of that address brings a request.
    fn enter(&self, name: &'static str, address: u8) {
        let request = EnterOnion { frame: to_node(&[], 1).post_body.into(), origin: self.origin(address) };
        self.ask(name, request);
    }

    /// A listed node passes a request on.
    fn pass_on(&self, name: &'static str, from: PublicKey) {
        let Outer { ciphertext, ephemeral, cipher, hop_no } =
            outer(&to_node(&[], 1).post_body).expect("a frame");
        let dict = Forward { data: ciphertext, cipher, ephemeral, hop_no: hop_no.next() }.encode();
        self.ask(name, RelayOnion { dict: Bytes::from(dict), from });
    }

    fn ask<M>(&self, name: &'static str, request: M)
    where
        M: starling_kernel::Message<Reply = OnionAnswer, Error = routing::Error>,
    {
        let (town, clock) = (Arc::clone(&self.town), self.clock.clone());
        let began = clock.elapsed();
        self.asked.push(actix_rt::spawn(async move {
            let outcome = town.ask(&key(1), request).await;
            (name, clock.elapsed() - began, outcome)
        }));
    }

    /// Waits until the relay holds so many requests, queued and under way.
    async fn held(&self, queued: usize, under_way: usize) {
        loop {
            let state = self.town.relay_state(&key(1)).await;
            if (&state["queued"], &state["under_way"]) == (&queued.into(), &under_way.into()) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The storage does the next request, and whoever asked has the answer: how long that took by the clock.
    async fn serve(&mut self) -> (&'static str, Duration) {
        self.served += 1;
        self.town.storage.arrived(self.served).await;
        self.clock.advance(WORK);
        assert!(self.town.storage.serve_one());
        let (name, took, outcome) = self.next().await;
        assert_eq!(outcome.expect("it is answered").status, 200, "{name}");
        (name, took)
    }

    async fn next(&mut self) -> (&'static str, Duration, Outcome) {
        self.asked.next().await.expect("somebody has asked").expect("nobody panicked")
    }

    async fn stop(self) {
        let Self { town, asked, .. } = self;
        assert!(asked.is_empty(), "everybody was answered");
        Arc::into_inner(town).expect("nobody else holds it").stop().await;
    }
}

#[actix_rt::test]
async fn ten_honest_links_wait_for_each_other_and_not_for_a_flood() {
    const FLOOD: usize = 400;
    let mut house = House::build(|_| {}).await;
    for _ in 0..FLOOD {
        house.enter("flood", 0);
    }
    house.held(FLOOD - OF_ONE_LINK, OF_ONE_LINK).await;
    for address in 1..=10 {
        house.enter("honest", address);
    }
    house.held(FLOOD - OF_ONE_LINK + 10 - (AT_ONCE - OF_ONE_LINK), AT_ONCE).await;

    let mut slowest = Duration::ZERO;
    let mut flood_served = 0;
    for _ in 0..FLOOD + 10 {
        match house.serve().await {
            ("honest", took) => slowest = slowest.max(took),
            _ => flood_served += 1,
        }
    }

    // What was under way, a turn of each link, and a turn of the flood in between.
    assert!(slowest <= WORK * 30, "the slowest of the honest took {slowest:?}, the flood {:?}", WORK * 400);
    assert_eq!(flood_served, FLOOD, "nobody is forgotten");
    house.stop().await;
}

#[actix_rt::test]
async fn a_flood_fills_its_own_queue_and_is_refused_what_is_beyond() {
    let mut house = House::build(|config| config.max_queued_per_link = 20).await;
    let node = key(9);
    let most = OF_ONE_LINK + 20;
    for _ in 0..100 {
        house.pass_on("flood", node);
    }
    for _ in 0..100 - most {
        let (name, took, outcome) = house.next().await;
        assert_eq!((name, took), ("flood", Duration::ZERO), "refused at once");
        assert_eq!(plain(&outcome.expect("an answer")), (503, "Next hop congested"));
    }
    house.held(20, OF_ONE_LINK).await;
    for _ in 0..100 {
        house.enter("client", 7);
    }
    // What is left for a second link is less.
    let most_of_second = (AT_ONCE - OF_ONE_LINK) / 2 + 20;
    for _ in 0..100 - most_of_second {
        let (name, _, outcome) = house.next().await;
        assert_eq!(name, "client");
        let busy = matches!(outcome, Err(routing::Error::Call(CallError::Busy { actor: "relay", .. })));
        assert!(busy, "its door has words of its own for it: {outcome:?}");
    }
    house.enter("honest", 8);

    let mut answered = std::collections::BTreeMap::new();
    let mut honest = None;
    for _ in 0..most + most_of_second + 1 {
        let (name, took) = house.serve().await;
        *answered.entry(name).or_insert(0) += 1;
        if name == "honest" {
            honest = Some(took);
        }
    }

    assert_eq!(answered["flood"], most);
    assert_eq!(answered["client"], most_of_second);
    assert!(honest.is_some_and(|took| took <= WORK * 16), "{honest:?}");
    house.stop().await;
}

#[actix_rt::test]
async fn whoever_waits_too_long_for_a_turn_is_refused() {
    let mut house = House::build(|config| {
        (config.max_under_way, config.queue_within) = (1, Duration::from_secs(5));
    })
    .await;
    house.enter("first", 1);
    house.held(0, 1).await;
    house.enter("second", 2);
    house.pass_on("third", key(9));
    house.held(2, 1).await;
    house.town.storage.arrived(1).await;

    house.clock.advance(Duration::from_secs(5));

    let mut refused = [house.next().await, house.next().await];
    refused.sort_by_key(|(name, ..)| *name);
    let [("second", _, second), ("third", _, third)] = refused else { panic!("{refused:?}") };
    assert!(matches!(second, Err(routing::Error::Call(CallError::Busy { .. }))), "{second:?}");
    assert_eq!(plain(&third.expect("an answer")), (503, "Next hop congested"));
    assert_eq!(house.serve().await.0, "first", "whoever has a turn keeps it");
    house.stop().await;
}
