//! Swarm mapping, assignment and quorums against known answers.

#![cfg(test)]

#[path = "vectors/file.rs"]
mod vector_file;

use proptest::prelude::*;
use serde_json::Value as Json;
use starling_protocol::AccountId;
use starling_protocol::bencode;
use starling_protocol::storage::transfer::{self, TransferMessage};
use starling_protocol::storage::{MessageHash, Namespace};
use starling_protocol::swarm::assignment::{self, Swarms};
use starling_protocol::swarm::random::Mt19937;
use starling_protocol::swarm::{SwarmId, mapping, quorum};
use vector_file::{Entry, load};

fn u64_of(field: &Json) -> u64 {
    field.as_str().expect("a number in text").parse().expect("a 64-bit number")
}

fn swarm_id(field: &Json) -> SwarmId {
    SwarmId(u64_of(field))
}

fn swarm_ids(field: &Json) -> Vec<SwarmId> {
    field.as_array().expect("a list").iter().map(swarm_id).collect()
}

fn numbers(field: &Json) -> Vec<usize> {
    serde_json::from_value(field.clone()).expect("a list of numbers")
}

fn account(field: &Json) -> AccountId {
    AccountId::parse_any(field.as_str().expect("text")).expect("an account id")
}

fn hex_of(field: &Json) -> Vec<u8> {
    hex::decode(field.as_str().expect("text")).expect("hex digits")
}

#[test]
fn accounts_have_their_place_on_the_ring() {
    for mut entry in load("swarm_mapping").entries("space") {
        assert_eq!(mapping::space(&account(&entry.field("pubkey"))), u64_of(&entry.field("space")));
        entry.finish();
    }
}

#[test]
fn accounts_map_to_the_nearest_swarm() {
    for mut entry in load("swarm_mapping").entries("mapping") {
        let ids = swarm_ids(&entry.field("swarm_ids"));
        for mut case in entry.entries("cases") {
            let space = mapping::space(&account(&case.field("pubkey")));
            let expected = Some(case.field("swarm_id")).filter(|id| !id.is_null()).map(|id| swarm_id(&id));

            assert_eq!(space, u64_of(&case.field("space")));
            assert_eq!(mapping::nearest(space, &ids), expected);
            case.finish();
        }
        entry.finish();
    }
}

#[test]
fn a_new_swarm_takes_the_middle_of_the_largest_gap() {
    for mut entry in load("swarm_mapping").entries("new_swarm_id") {
        assert_eq!(
            assignment::new_id(&swarm_ids(&entry.field("existing"))),
            swarm_id(&entry.field("new_id"))
        );
        entry.finish();
    }
}

#[test]
fn the_generator_is_the_standard_one() {
    for mut entry in load("swarm_mapping").entries("mt19937_64") {
        let mut random = Mt19937::from_seed(u64_of(&entry.field("seed")));
        let drawn: Vec<u64> = (0..10_000).map(|_| random.next_u64()).collect();

        let first: Vec<u64> = entry.field("first").as_array().unwrap().iter().map(u64_of).collect();

        assert_eq!(drawn[..first.len()], first);
        assert_eq!(drawn[9_999], u64_of(&entry.field("output_10000")));
        entry.finish();
    }
}

#[test]
fn numbers_are_drawn_as_the_reference_draws_them() {
    for mut entry in load("swarm_mapping").entries("uniform") {
        let mut random = Mt19937::from_seed(u64_of(&entry.field("seed")));

        let drawn: Vec<u64> =
            entry.field("n").as_array().unwrap().iter().map(|n| random.uniform(u64_of(n))).collect();

        let expected: Vec<u64> = entry.field("value").as_array().unwrap().iter().map(u64_of).collect();
        assert_eq!(drawn, expected);
        entry.finish();
    }
}

#[test]
fn equally_large_swarms_are_left_where_the_reference_leaves_them() {
    for mut entry in load("swarm_mapping").entries("sort_by_size") {
        assert_eq!(assignment::sort_by_size(&numbers(&entry.field("sizes"))), numbers(&entry.field("order")));
        entry.finish();
    }
}

fn swarms(field: &Json) -> Swarms<usize> {
    let swarms = field.as_array().expect("a list of swarms").iter().map(|swarm| {
        let mut swarm = Entry::new(swarm.clone());
        let pair = (swarm_id(&swarm.field("id")), numbers(&swarm.field("nodes")));
        swarm.finish();
        pair
    });
    swarms.collect()
}

#[test]
fn assignment_comes_to_the_same_swarms() {
    for mut entry in load("swarm_mapping").entries("assignment") {
        let mut dealt = swarms(&entry.field("swarms"));

        assignment::assign(&mut dealt, numbers(&entry.field("unassigned")), u64_of(&entry.field("seed")));

        assert_eq!(dealt, swarms(&entry.field("result")), "{}", entry.field("name"));
        entry.finish();
    }
}

#[test]
fn obligations_quorums_are_drawn_alike() {
    for mut entry in load("swarm_mapping").entries("obligations_quorum") {
        let hash = hex_of(&entry.field("block_hash")).try_into().expect("a hash has 32 bytes");
        let [active, decommissioned] = ["active", "decommissioned"]
            .map(|name| usize::try_from(entry.field(name).as_u64().unwrap()).unwrap());

        let drawn = quorum::obligations(&hash, active, decommissioned);

        assert_eq!(drawn.validators, numbers(&entry.field("validators")));
        assert_eq!(drawn.workers, numbers(&entry.field("workers")));
        entry.finish();
    }
}

#[test]
fn messages_move_between_members_in_the_same_bytes() {
    for mut entry in load("swarm_mapping").entries("sn_data") {
        let with_namespace = entry.field("with_namespace").as_bool().unwrap();
        let payload = hex_of(&entry.field("payload_hex"));
        let messages: Vec<TransferMessage> =
            entry.field("messages").as_array().unwrap().iter().map(message).collect();

        assert_eq!(transfer::encode(&messages, with_namespace), payload);

        let mut expected = messages;
        for message in expected.iter_mut().filter(|_| !with_namespace) {
            // Old releases lose it on the way: everything arrives in namespace 0.
            message.namespace = Namespace::DEFAULT;
        }
        assert_eq!(transfer::decode(&payload).unwrap(), expected);
        entry.finish();
    }
}

fn message(fields: &Json) -> TransferMessage {
    let mut entry = Entry::new(fields.clone());
    let message = TransferMessage {
        account: account(&entry.field("pubkey")),
        hash: MessageHash::from_bytes(&hex_of(&entry.field("hash_hex"))).unwrap(),
        timestamp: entry.field("timestamp").as_i64().unwrap(),
        expiry: entry.field("expiry").as_i64().unwrap(),
        data: hex_of(&entry.field("data_hex")),
        namespace: Namespace(entry.field("namespace").as_i64().unwrap().try_into().unwrap()),
    };
    entry.finish();
    message
}

#[test]
fn a_foreign_batch_is_refused_with_a_reason() {
    for payload in [&b""[..], b"\x02le", b"\x01", b"\x01de", b"\x01l1:ae", b"\x01lli1eee", b"\x01li1ee"] {
        assert!(transfer::decode(payload).is_err(), "{payload:?}");
    }
    let deep = bencode::Value::List(vec![bencode::Value::List(vec![bencode::Value::List(vec![])])]);
    assert!(transfer::decode(&[&[1], deep.encode().as_slice()].concat()).is_err());
}

proptest! {
    #[test]
    fn assignment_keeps_every_node_once_and_no_swarm_starves(
        sizes in proptest::collection::vec(0usize..20, 0..25),
        unassigned in 0usize..60,
        seed in any::<u64>(),
    ) {
        let mut next = 0..;
        let mut deal = |n: usize| next.by_ref().take(n).collect::<Vec<u32>>();
        let mut dealt: Swarms<u32> =
            (1u64..).zip(&sizes).map(|(index, size)| (SwarmId(index << 50), deal(*size))).collect();
        let waiting = deal(unassigned);
        let total = sizes.iter().sum::<usize>() + unassigned;

        assignment::assign(&mut dealt, waiting, seed);

        let mut nodes: Vec<u32> = dealt.values().flatten().copied().collect();
        nodes.sort_unstable();
        prop_assert_eq!(nodes, (0..).take(total).collect::<Vec<u32>>());
        prop_assert!(!dealt.contains_key(&SwarmId::UNASSIGNED));
        if dealt.len() > 1 {
            prop_assert!(dealt.values().all(|nodes| nodes.len() >= assignment::MIN_SIZE));
        }
    }

    #[test]
    fn sorting_by_size_sorts(sizes in proptest::collection::vec(0usize..9, 0..400)) {
        let order = assignment::sort_by_size(&sizes);

        let mut places = order.clone();
        places.sort_unstable();
        prop_assert_eq!(places, (0..sizes.len()).collect::<Vec<_>>());
        prop_assert!(order.is_sorted_by_key(|index| sizes[*index]));
    }

    #[test]
    fn the_nearest_swarm_is_no_farther_than_any_other(space in any::<u64>(), ids in proptest::collection::btree_set(0..u64::MAX, 1..40)) {
        let ids: Vec<SwarmId> = ids.into_iter().map(SwarmId).collect();
        let distance = |id: SwarmId| id.0.wrapping_sub(space).min(space.wrapping_sub(id.0));

        let chosen = mapping::nearest(space, &ids).unwrap();

        prop_assert_eq!(distance(chosen), ids.iter().map(|id| distance(*id)).min().unwrap());
    }

    #[test]
    fn arbitrary_batches_never_panic(payload in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = transfer::decode(&payload);
        let _ = transfer::decode(&[&[1], payload.as_slice()].concat());
    }
}

#[test]
fn every_section_of_the_file_is_looked_at() {
    let mut file = load("swarm_mapping");
    for section in [
        "space",
        "mapping",
        "new_swarm_id",
        "mt19937_64",
        "uniform",
        "sort_by_size",
        "assignment",
        "sn_data",
        "obligations_quorum",
    ] {
        file.field(section);
    }
    file.finish();
}
