use starling_kernel::SeededEntropy;

use super::{
    super::{
        pool::tests::{key, pool},
        selection::Rules,
    },
    *,
};
use crate::config::FirstHop;

const RULES: Rules = Rules { first_hop: FirstHop::Libp2p, subnet_diversity: true };
const KEPT: usize = 2;

struct House {
    topology: Topology,
    pool: Pool,
    entropy: SeededEntropy,
}

/// A network of so many nodes, with all paths built that fit.
fn house(nodes: u8, seed: u64) -> House {
    let mut house =
        House { topology: Topology::default(), pool: pool(nodes), entropy: SeededEntropy::new(seed) };
    house.build();
    house
}

impl House {
    fn plan(&self, resting: &[PublicKey]) -> Option<Plan> {
        self.topology.plan(&self.pool, &RULES, &resting.iter().copied().collect(), &self.entropy)
    }

    fn build(&mut self) {
        while self.topology.len() < KEPT
            && let Some(plan) = self.plan(&[])
        {
            assert!(self.topology.adopt(plan.hops, &self.pool, KEPT));
        }
    }

    fn choose(&self, destination: Option<PublicKey>, shunned: &Shunned) -> Option<Choice> {
        let nobody = BTreeSet::new();
        self.topology.choose(destination.as_ref(), shunned, &self.pool, &RULES, &nobody, &self.entropy)
    }

    fn drop_node(&mut self, node: PublicKey) {
        self.pool.drop_node(&node, std::time::Duration::MAX);
        self.topology.drop_node(&node, &self.pool, &RULES, &self.entropy);
    }

    fn hops(&self) -> Vec<Hops> {
        self.topology.standing.iter().map(|path| path.hops).collect()
    }

    #[track_caller]
    fn check(&self) {
        let used: Vec<_> = self.hops().into_iter().flatten().collect();
        let distinct: BTreeSet<_> = used.iter().collect();
        assert_eq!(distinct.len(), used.len(), "no node is on two paths or twice on one");
        assert!(used.iter().all(|node| self.pool.node(node).is_some()), "no path holds a dropped node");
        assert!(self.topology.guards.len() <= KEPT);
        assert!(self.hops().iter().all(|hops| self.topology.guards.contains(&hops[0])));
    }
}

#[test]
fn two_paths_share_no_node() {
    for seed in 0..50 {
        let house = house(6, seed);
        assert_eq!((house.topology.len(), house.topology.guards().len()), (2, 2));
        house.check();
    }
}

#[test]
fn a_small_network_has_one_path_and_none_below_three_nodes() {
    assert_eq!(house(5, 1).topology.len(), 1);
    assert_eq!(house(3, 1).topology.len(), 1);
    assert_eq!(house(2, 1).topology.len(), 0);
    assert_eq!(house(2, 1).choose(None, &Shunned::default()), None);
}

#[test]
fn a_path_over_the_destination_is_not_taken_where_another_can_be() {
    for seed in 0..20 {
        for nodes in [4, 5, 6, 8] {
            let house = house(nodes, seed);
            for destination in (1..=nodes).map(key) {
                let choice = house.choose(Some(destination), &Shunned::default()).expect("there is a way");
                assert!(!choice.hops.contains(&destination), "{nodes} nodes");
            }
        }
    }
}

#[test]
fn with_three_nodes_the_destination_may_be_a_hop() {
    let house = house(3, 2);

    let choice = house.choose(Some(key(1)), &Shunned::default()).expect("better than none");

    assert!(choice.id.is_some() && choice.hops.contains(&key(1)));
}

#[test]
fn a_way_made_for_one_request_keeps_to_a_guard_in_use() {
    let house = house(5, 3);
    let [guard, middle, exit] = house.hops()[0];

    for destination in [middle, exit] {
        let choice = house.choose(Some(destination), &Shunned::default()).expect("five nodes are enough");
        assert_eq!((choice.id, choice.hops[0]), (None, guard));
    }
    let choice = house.choose(Some(guard), &Shunned::default()).expect("five nodes are enough");
    assert!(choice.id.is_none() && choice.hops[0] != guard);
}

#[test]
fn what_failed_a_request_is_not_used_for_it_again_where_that_can_be_avoided() {
    let house = house(8, 4);
    let [one, other] = [0, 1].map(|at| house.topology.standing[at].clone());

    let of_path = Shunned { paths: BTreeSet::from([one.id]), ..Shunned::default() };
    let of_guard = Shunned { guards: BTreeSet::from([one.hops[0]]), ..Shunned::default() };
    for shunned in [of_path, of_guard] {
        for _ in 0..10 {
            assert_eq!(house.choose(None, &shunned).and_then(|choice| choice.id), Some(other.id));
        }
    }
    let both = Shunned { guards: BTreeSet::from([one.hops[0], other.hops[0]]), ..Shunned::default() };
    let choice = house.choose(None, &both).expect("there are other guards");
    assert!(choice.id.is_none() && !both.guards.contains(&choice.hops[0]));
    let everybody = Shunned { guards: (1..=8).map(key).collect(), ..Shunned::default() };
    assert_eq!(house.choose(None, &everybody), None);
}

#[test]
fn both_paths_carry_requests() {
    let house = house(8, 5);
    let chosen: BTreeSet<_> = (0..50).map(|_| house.choose(None, &Shunned::default()).unwrap().id).collect();

    assert_eq!(chosen.len(), 2);
}

#[test]
fn a_lost_hop_is_replaced_in_place() {
    for position in [1, 2] {
        let mut house = house(8, 6);
        let path = house.topology.standing[0].clone();

        house.drop_node(path.hops[position]);

        let repaired = &house.topology.standing[0];
        assert_eq!((repaired.id, repaired.hops[0]), (path.id, path.hops[0]));
        assert_eq!(repaired.hops[3 - position], path.hops[3 - position]);
        house.check();
    }
}

#[test]
fn a_path_is_discarded_with_its_guard_and_without_a_replacement() {
    let mut house = house(6, 7);
    let [one, other] = house.hops().try_into().unwrap();

    house.drop_node(one[0]);
    assert_eq!(house.hops(), [other], "its guard is gone");
    house.drop_node(one[1]);
    house.drop_node(one[2]);
    house.drop_node(other[2]);

    assert_eq!(house.hops().len(), 0, "no node is left to stand in");
    assert_eq!(house.topology.guards(), [other[0]], "but it stays a guard");
    house.check();
}

#[test]
fn the_third_strike_of_a_path_is_told() {
    let mut house = house(6, 8);
    let id = house.topology.standing[0].id;

    assert_eq!([(); 2].map(|()| house.topology.strike(id)), [false, false]);
    house.topology.forgive(id);
    assert_eq!([(); 3].map(|()| house.topology.strike(id)), [false, false, true]);
    assert!(!house.topology.strike(PathId(999)));
}

#[test]
fn rotation_keeps_the_guards_and_takes_unused_nodes() {
    let mut house = house(12, 9);
    let before: BTreeSet<_> = house.topology.used();
    let guards: Vec<_> = house.hops().iter().map(|hops| hops[0]).collect();

    assert_eq!(house.topology.rotate(&house.pool, &RULES, &house.entropy), 2);

    assert_eq!(house.hops().iter().map(|hops| hops[0]).collect::<Vec<_>>(), guards);
    assert!(house.hops().iter().flat_map(|hops| &hops[1..]).take(2).all(|hop| !before.contains(hop)));
    house.check();
    let mut scarce = self::house(3, 9);
    assert_eq!(scarce.topology.rotate(&scarce.pool, &RULES, &scarce.entropy), 1, "with what there is");
    scarce.check();
}

#[test]
fn guards_of_before_lead_the_first_paths() {
    let before = house(12, 10);
    let mut after = House {
        topology: Topology::with_guards(before.topology.guards().to_vec()),
        pool: pool(12),
        entropy: SeededEntropy::new(99),
    };
    let plan = after.plan(&[]).expect("there are nodes");
    assert!(plan.is_trusted);
    let other = after.plan(before.topology.guards()).expect("there are nodes");
    assert!(!other.is_trusted, "guards that rest lead nothing");

    after.build();

    assert_eq!(after.hops().iter().map(|hops| hops[0]).collect::<Vec<_>>(), before.topology.guards());
    after.check();
}

#[test]
fn a_plan_that_was_overtaken_is_not_adopted() {
    let mut house = House { topology: Topology::default(), pool: pool(9), entropy: SeededEntropy::new(11) };
    let plan = house.plan(&[]).unwrap();
    assert!(house.topology.adopt(plan.hops, &house.pool, KEPT));
    assert!(!house.topology.adopt(plan.hops, &house.pool, KEPT), "its nodes are taken");
    let plan = house.plan(&[]).unwrap();
    house.drop_node(plan.hops[2]);
    assert!(!house.topology.adopt(plan.hops, &house.pool, KEPT), "a node of it was dropped");
    house.build();
    let plan = house.plan(&[]);
    assert!(plan.is_none_or(|plan| !house.topology.adopt(plan.hops, &house.pool, KEPT)), "there are enough");
    house.check();
}

#[test]
fn whatever_is_lost_paths_stay_apart_and_alive() {
    for seed in 0..60 {
        let mut house = house(20, seed);
        for round in 0..18_u64 {
            let at = usize::try_from((seed * 7 + round * 3) % 6).unwrap();
            let used: Vec<_> = house.hops().into_iter().flatten().collect();
            let Some(lost) = used.get(at).or(used.first()) else { break };
            house.drop_node(*lost);
            house.check();
            if round % 5 == 0 {
                house.topology.rotate(&house.pool, &RULES, &house.entropy);
                house.check();
            }
            house.build();
            house.check();
        }
    }
}
