use starling_contracts::routing::KnownSwarm;
use starling_kernel::SeededEntropy;
use starling_protocol::{
    account::{AccountId, Prefix},
    swarm::SwarmId,
};

use super::{
    super::{
        pool::tests::{key, node},
        reaction::react,
    },
    *,
};
use crate::config::FirstHop;

const NOW: Duration = Duration::from_secs(1000);
const LATER: Duration = Duration::from_secs(1060);
const ACCOUNT: [u8; 32] = [9; 32];

struct House {
    state: State,
    entropy: SeededEntropy,
}

fn terms() -> Terms {
    Terms {
        rules: Rules { first_hop: FirstHop::Https, subnet_diversity: true },
        kept: 2,
        forget_dropped_after: Duration::from_secs(600),
        min_pool: 8,
    }
}

/// Twelve nodes, two paths, a swarm of the last three nodes.
fn house(seed: u64) -> House {
    let entropy = SeededEntropy::new(seed);
    let mut state = State::new(terms(), None, NOW);
    state.refresh((1..=12).map(node).collect(), NOW, 5, &entropy);
    while let Some(plan) = state.plan(NOW, &entropy).filter(|_| state.lacks_paths()) {
        assert!(state.adopt(plan.hops));
    }
    let swarm = KnownSwarm { id: SwarmId(1), members: (10..=12).map(node).collect() };
    state.swarms.put(account(), swarm, NOW);
    House { state, entropy }
}

fn account() -> AccountId {
    AccountId::new(Prefix::Standard, ACCOUNT)
}

impl House {
    fn trip(&self) -> Trip {
        self.trip_to(None)
    }

    fn trip_to(&self, destination: Option<PublicKey>) -> Trip {
        self.state.choose(destination, &Shunned::default(), NOW, &self.entropy).expect("two paths stand")
    }

    /// As the client does it: a guard that answered is heard, then the table decides.
    fn happens(&mut self, event: &Event, trip: &Trip) {
        if *event == Event::GuardUnreachable {
            self.state.suspect(trip.guard().ed25519, LATER);
            return;
        }
        self.state.heard(&trip.guard().ed25519, NOW, &self.entropy);
        self.state.apply(event, react(event).0, trip, NOW, &self.entropy);
    }

    fn strikes(&self, nodes: &[PublicKey]) -> Vec<u8> {
        nodes.iter().map(|node| self.state.pool.strikes(node)).collect()
    }

    fn knows(&self, node: &PublicKey) -> bool {
        self.state.pool.node(node).is_some()
    }
}

#[test]
fn a_third_strike_takes_a_node_out_of_pool_swarms_and_paths() {
    let mut house = house(1);
    let trip = house.trip_to(Some(key(10)));
    let event = Event::NodeNotReady(key(10));

    house.happens(&event, &trip);
    house.happens(&event, &trip);
    assert!(house.knows(&key(10)));
    house.happens(&event, &trip);

    assert!(!house.knows(&key(10)));
    assert_eq!(house.state.swarms.get(&account(), NOW).map(|swarm| swarm.members.len()), Some(2));
    assert_eq!(house.state.find(&key(10)), None);
    let hop = house.trip().choice.hops[1];
    for _ in 0..3 {
        let trip = house.trip();
        house.happens(&Event::NodeNotReady(hop), &trip);
    }
    assert!((0..20).all(|_| !house.trip().choice.hops.contains(&hop)));
    assert_eq!(house.state.n_paths(), 2, "the path got another hop");
}

#[test]
fn a_path_strike_is_one_for_every_node_but_the_guard_and_the_third_costs_the_guard() {
    let mut house = house(2);
    let trip = house.trip();
    for strikes in 1..=2 {
        house.happens(&Event::PathTimedOut, &trip);
        assert_eq!(house.strikes(&trip.choice.hops), [0, strikes, strikes]);
    }

    house.happens(&Event::PathTimedOut, &trip);

    assert!(trip.choice.hops.iter().all(|hop| !house.knows(hop)));
    assert_eq!(house.state.n_paths(), 1);
    assert!(house.state.lacks_paths());
}

#[test]
fn an_unreachable_guard_is_struck_once_something_else_was_heard() {
    let mut house = house(3);
    let trip = house.trip();
    let guard = trip.guard().ed25519;
    for _ in 0..10 {
        house.happens(&Event::GuardUnreachable, &trip);
    }
    assert_eq!(house.strikes(&[guard]), [0], "this machine may be cut off");
    assert!(house.state.is_resting(&guard, NOW) && !house.state.is_resting(&guard, LATER));
    let other = house.trip();
    assert_ne!(other.guard().ed25519, guard);

    for strikes in 1..=2 {
        house.happens(&Event::Answered, &other);
        assert_eq!(house.strikes(&[guard]), [strikes]);
        house.happens(&Event::Answered, &other);
        assert_eq!(house.strikes(&[guard]), [strikes], "one failure, one strike");
        house.happens(&Event::GuardUnreachable, &trip);
    }
    house.happens(&Event::Answered, &other);

    assert!(!house.knows(&guard));
    assert_eq!(house.state.n_paths(), 1);
}

#[test]
fn a_guard_that_answers_again_is_no_suspect() {
    let mut house = house(4);
    let trip = house.trip();
    house.happens(&Event::GuardUnreachable, &trip);

    house.happens(&Event::Answered, &trip);
    let other = house.trip();
    house.happens(&Event::Answered, &other);

    assert_eq!(house.strikes(&[trip.guard().ed25519]), [0]);
    assert!(!house.state.is_resting(&trip.guard().ed25519, NOW));
}

#[test]
fn a_guard_that_says_it_is_not_ready_is_struck_at_once() {
    let mut house = house(5);
    let trip = house.trip();

    house.happens(&Event::GuardNotReady, &trip);

    assert_eq!(house.strikes(&trip.choice.hops), [1, 0, 0]);
}

#[test]
fn a_gone_hop_or_destination_is_dropped_at_once() {
    let mut house = house(6);
    let trip = house.trip_to(Some(key(11)));

    house.happens(&Event::DestinationGone, &trip);
    assert!(!house.knows(&key(11)) && house.state.swarms.member(&key(11)).is_none());
    let [guard, middle, _] = trip.choice.hops;
    house.happens(&Event::HopGone(middle), &trip);

    assert!(!house.knows(&middle) && house.knows(&guard));
    assert_eq!(house.state.n_paths(), 2);
}

#[test]
fn an_answer_forgives_the_path_and_a_good_one_the_destination() {
    let mut house = house(7);
    let trip = house.trip_to(Some(key(10)));
    house.happens(&Event::PathTimedOut, &trip);
    house.happens(&Event::DestinationFailed { strikes: true }, &trip);
    let [_, middle, exit] = trip.choice.hops;
    assert_eq!(house.strikes(&[middle, exit, key(10)]), [1, 1, 1]);

    house.happens(&Event::DestinationFailed { strikes: false }, &trip);
    assert_eq!(house.strikes(&[middle, exit, key(10)]), [0, 0, 1]);
    house.happens(&Event::Answered, &trip);

    assert_eq!(house.strikes(&[key(10)]), [0]);
}

#[test]
fn a_node_that_finds_the_clock_wrong_again_is_dropped() {
    let mut house = house(8);
    let trip = house.trip_to(Some(key(12)));
    house.happens(&Event::ClockOff { again: false }, &trip);
    assert!(house.state.has_complained(&key(12), LATER) && house.knows(&key(12)));
    assert!(!house.state.has_complained(&key(12), NOW + COMPLAINTS_LAST));

    house.happens(&Event::Answered, &trip);
    assert!(house.state.has_complained(&key(12), NOW), "it may have been asked for its time only");
    house.happens(&Event::ClockOff { again: true }, &trip);

    assert!(!house.knows(&key(12)));
}

#[test]
fn pool_and_guards_survive_a_restart() {
    let mut before = house(9);
    let revision = before.state.revision();
    let trip = before.trip_to(Some(key(10)));
    before.happens(&Event::DestinationGone, &trip);
    assert!(before.state.revision() > revision, "worth saving");
    let saved = before.state.to_saved(key(99));

    let after = State::new(terms(), Some(saved.clone()), NOW);

    assert_eq!(after.pool.len(), 11);
    assert_eq!(after.to_saved(key(99)), saved);
    assert_eq!(after.refreshed_at_ms(), 5);
    let plan = after.plan(NOW, &SeededEntropy::new(77)).expect("eleven nodes");
    assert!(plan.is_trusted && saved.guards.contains(&plan.hops[0]));
}

#[test]
fn a_new_list_repairs_paths_over_nodes_that_are_gone() {
    let mut house = house(10);
    let gone = house.trip().choice.hops[2];
    let list: Vec<_> = (1..=12).map(node).filter(|node| node.ed25519 != gone).collect();

    house.state.refresh(list, NOW, 6, &house.entropy);

    assert_eq!(house.state.n_paths(), 2);
    assert!((0..20).all(|_| !house.trip().choice.hops.contains(&gone)));
    assert_eq!((house.state.n_guards(), house.state.n_usable(), house.state.is_thin()), (11, 11, false));
}
