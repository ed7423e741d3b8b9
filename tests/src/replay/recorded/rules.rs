//! Every difference between a recording and this network that is not a fault, in one place, each with its reason. Whatever is
//! not listed here has to be equal.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value as Json, json};
use starling::protocol::crypto::ed25519;

use super::{Exchange, Recording};
use crate::replay::{
    door::parse_quic,
    network::{Network, Plan},
    pattern::{Difference, Scene, compare},
    signing::{self, Signer},
    wire::{self, Form},
};

/// How far a recorded time may be from the moment of sending: the reference needed some milliseconds to answer.
const ANSWERED_WITHIN_MS: i64 = 1_000;

/// A difference that is not a fault.
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// Why it is none.
    pub reason: &'static str,
    /// Makes both sides alike where the rule holds, and nowhere else.
    apply: fn(&Moment<'_>, &mut Json, &mut Json),
}

/// When and where an exchange is played.
pub struct Moment<'a> {
    /// The time of the nodes, which stands still meanwhile.
    pub sent_ms: i64,
    /// The ports they have.
    pub ports: &'a Ports,
}

/// The ports of each node by its Ed25519 key: HTTPS, then QUIC and OxenMQ.
pub struct Ports(BTreeMap<String, (u16, u16)>);

impl Ports {
    /// The ports of a network.
    pub fn of(network: &Network) -> Self {
        let entry = |running: &crate::replay::network::Running| {
            (running.peer.ed25519.to_string(), (running.node.storage_port, running.node.omq_port))
        };
        Self(network.nodes.iter().map(entry).collect())
    }
}

/// All rules.
pub const RULES: &[Rule] = &[
    Rule {
        name: "time of the answer",
        reason: "here time stands still at the moment of sending; the reference took some milliseconds to answer",
        apply: answered_at,
    },
    Rule {
        name: "ports",
        reason: "the system chooses the ports here; each must be the one that the node of that key really has",
        apply: ports,
    },
    Rule {
        name: "order of members",
        reason: "get_swarm lists the members in the order of the ledger, which is another one for another ledger",
        apply: order_of_members,
    },
];

/// Headers that are compared. Not `Date` and `Connection`, which are the HTTP server's own, nor `Content-Length`, which follows
/// from the body, nor `X-Oxen-Snode-Pubkey`: our nodes have one key, the recorded ones a second one for the chain.
pub const HEADERS: [&str; 2] = ["Server", "Content-Type"];

/// Compares under the rules.
///
/// # Errors
/// The first difference that no rule explains.
pub fn compare_under_rules(moment: &Moment<'_>, expected: &Json, got: &Json) -> Result<(), Difference> {
    let (mut expected, mut got) = (expected.clone(), got.clone());
    for rule in RULES {
        (rule.apply)(moment, &mut expected, &mut got);
    }
    exact(&expected, &got)
}

/// Equality, by the first place where it does not hold. Patterns mean nothing in recordings, and none has a key like theirs.
fn exact(expected: &Json, got: &Json) -> Result<(), Difference> {
    if expected == got {
        return Ok(());
    }
    compare(expected, got, &Scene::default())?;
    // The comparison of patterns takes 1 for true, which a recording does not.
    Err(Difference::new("", expected, got))
}

fn walk(expected: &mut Json, got: &mut Json, visit: &mut impl FnMut(&mut Json, &mut Json)) {
    visit(expected, got);
    match (expected, got) {
        (Json::Object(expected), Json::Object(got)) => {
            for (name, expected) in expected {
                if let Some(got) = got.get_mut(name) {
                    walk(expected, got, visit);
                }
            }
        }
        (Json::Array(expected), Json::Array(got)) => {
            expected.iter_mut().zip(got).for_each(|(expected, got)| walk(expected, got, visit));
        }
        _ => {}
    }
}

fn answered_at(moment: &Moment<'_>, expected: &mut Json, got: &mut Json) {
    let near = |value: Option<&Json>, within: i64| {
        value.and_then(Json::as_i64).is_some_and(|time| (time - moment.sent_ms).abs() <= within)
    };
    walk(expected, got, &mut |expected, got| {
        for name in ["t", "timestamp"] {
            // `timestamp` is the node's time in `info` only.
            let is_time = name == "t" || expected.get("version").is_some();
            if is_time && near(expected.get(name), ANSWERED_WITHIN_MS) && near(got.get(name), 0) {
                expected[name] = got[name].clone();
            }
        }
    });
}

fn ports(moment: &Moment<'_>, expected: &mut Json, got: &mut Json) {
    let mut map = |expected: &mut Json, _: &mut Json| {
        let key = expected.get("pubkey_ed25519").and_then(Json::as_str);
        let Some((https, omq)) = key.and_then(|key| moment.ports.0.get(key)).copied() else { return };
        for (name, port) in [
            ("port", Json::from(https.to_string())),
            ("port_https", https.into()),
            ("port_omq", omq.into()),
            ("port_quic", omq.into()),
        ] {
            if let Some(field) = expected.get_mut(name) {
                *field = port;
            }
        }
    };
    // The recorded side alone is walked: its members may stand in another order.
    let mut same = expected.clone();
    walk(expected, &mut same, &mut map);
    let _ = got;
}

fn order_of_members(_: &Moment<'_>, expected: &mut Json, got: &mut Json) {
    fn sort(value: &mut Json) {
        if let Some(Json::Array(members)) = value.get_mut("snodes") {
            members.sort_by_key(|member| member["pubkey_ed25519"].to_string());
        }
    }
    walk(expected, got, &mut |expected, got| {
        sort(expected);
        sort(got);
    });
}

/// Why an exchange is not played at all.
pub fn skipped(exchange: &Exchange) -> Option<String> {
    let case = &exchange.case;
    let request = &case["request"]["body_json"];
    let is_stand_in = request["method"] == "oxend_request" && case["response"]["status"] == 200;
    if is_stand_in {
        return Some("a stand-in for the chain's daemon gave the recorded answer".to_owned());
    }
    let sender = case["as"].as_str().unwrap_or("client");
    if sender != "client" {
        return Some("from node to node: our nodes speak libp2p with each other".to_owned());
    }
    None
}

/// The networks that a recording was made on, each with what was recorded there.
///
/// QUIC was recorded on the first five nodes, all in one swarm, whose number its answers show.
pub fn networks(recording: &Recording) -> Vec<(Plan, Recording)> {
    let (quic, rest): (Vec<_>, Vec<_>) =
        recording.exchanges.iter().cloned().partition(|exchange| exchange.file == "quic");
    let part = |exchanges, has_pushes| Recording {
        exchanges,
        pushes: if has_pushes { recording.pushes.clone() } else { BTreeMap::new() },
        ..recording.clone()
    };
    let small = recording.plan.first_in_one_swarm(QUIC_NODES, QUIC_SWARM);
    [(recording.plan.clone(), part(rest, false)), (small, part(quic, true))]
        .into_iter()
        .filter(|(_, part)| !part.exchanges.is_empty())
        .collect()
}

const QUIC_NODES: usize = 5;
const QUIC_SWARM: u64 = i64::MAX as u64;

/// On which connection an OxenMQ exchange was made: the greeting opens one, and so does the list of subscriptions, because the
/// push after it lacks the body that the subscription before it asked for (storage-rpc §7: `d` stays set on a connection).
pub fn connection(exchange: &Exchange, current: Option<&str>) -> String {
    let opens = exchange.case["sent_frames"][0]["text"] == "HI" || exchange.name == "monitor_list_form";
    match current {
        Some(current) if !opens => current.to_owned(),
        _ => exchange.name.clone(),
    }
}

/// The subscription that was left out of the recording, before the exchange that relies on it: a store that is told of on a
/// connection that has not subscribed.
///
/// # Errors
/// The recording lacks the account's seed.
pub fn subscription(recording: &Recording, earlier: &[Exchange], next: &Exchange) -> Result<Option<Vec<u8>>> {
    let mut before = earlier.iter().filter(|exchange| exchange.file == next.file);
    let is_needed = match next.file.as_str() {
        "omq" => {
            let received = next.case["received"].as_array().into_iter().flatten();
            received.clone().any(|message| message[0]["text"] == "notify.message")
                && !before.any(|exchange| exchange.case["sent_frames"][0]["text"] == "monitor.messages")
        }
        "quic" => {
            let push = recording.pushes.get("quic").and_then(|pushes| pushes.first());
            let push = push.and_then(|push| wire::from_base64(push["body_base64"].as_str()?));
            let told = push.map(|body| wire::decode(&body)).unwrap_or_default();
            let stored = super::bytes(&next.case["response_body"]).unwrap_or_default();
            let stored = parse_quic(false, &stored).map(|reply| reply.body).unwrap_or_default();
            !told["h"].is_null()
                && stored["hash"] == told["h"]
                && !before.any(|exchange| exchange.case["endpoint"] == "monitor")
        }
        _ => false,
    };
    if !is_needed {
        return Ok(None);
    }
    let owner = recording.owners.get(&next.file).context("the recording has no account")?;
    let key = secret(owner)?;
    let account = owner["account_id"].as_str().context("the account's id")?;
    let fields = json!({"P": key.public().to_string(), "d": 1, "n": [0], "t": next.sent_ms / 1000});
    let Json::Object(mut fields) = fields else { unreachable!("an object was just made") };
    let signer = Signer { key: &key, pubkey_ed25519: None, token: None };
    signing::sign_subscription(&mut fields, account, &signer, None)?;
    Ok(Some(wire::encode(&fields.into(), Form::Bencode)?))
}

fn secret(account: &Json) -> Result<ed25519::SecretKey> {
    let seed = account["ed25519_seed"].as_str().and_then(|seed| hex::decode(seed).ok());
    let seed = seed.and_then(|seed| seed.try_into().ok()).context("the seed of an account")?;
    Ok(ed25519::SecretKey::from_seed(seed))
}

/// Takes out of a recorded answer what another node had pushed under a hash of its own making: ours compute hashes, and speak
/// libp2p with each other.
pub fn without_synced(expected: &mut Json) {
    if let Some(messages) = expected.get_mut("messages").and_then(Json::as_array_mut) {
        messages.retain(|message| message["hash"] != SYNCED);
    }
}

/// No body has this hash.
const SYNCED: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The messages of an OxenMQ retrieve that no earlier exchange has stored: those that nodes forwarded, and those of cases that
/// the published part of the recording leaves out.
fn missing_messages(recording: &Recording, earlier: &[Exchange], next: &Exchange) -> Result<Vec<Bridge>> {
    let frames =
        |value: &Json| value.as_array().into_iter().flatten().filter_map(super::bytes).collect::<Vec<_>>();
    let received = next.case["received"].as_array().into_iter().flatten();
    let mut answer = received
        .filter_map(|message| frames(message).into_iter().nth(2))
        .map(|body| wire::decode(&body))
        .find(|body| body["messages"].is_array())
        .unwrap_or_default();
    without_synced(&mut answer);
    let owner = recording.owners.get("omq").context("the recording has no account")?;
    let node = next.node.clone().context("a request to nobody")?;
    let played = |exchange: &&Exchange| exchange.file == "omq" && skipped(exchange).is_none();
    let seen: Vec<Json> = earlier
        .iter()
        .filter(played)
        .flat_map(|exchange| exchange.case["received"].as_array().into_iter().flatten())
        .filter_map(|message| frames(message).pop())
        .map(|body| wire::decode(&body))
        .collect();
    let is_stored = |hash: &Json| {
        seen.iter().any(|body| {
            let told = body["messages"].as_array().into_iter().flatten();
            body["hash"] == *hash || told.clone().any(|message| message["hash"] == *hash)
        })
    };
    let store = |message: &Json| {
        let params = json!({
            "pubkey": owner["account_id"], "timestamp": message["timestamp"], "expiry": message["expiration"],
            "data": message["data"],
        });
        let envelope = json!({"method": "store", "params": params}).to_string().into_bytes();
        Bridge { node: node.clone(), envelope }
    };
    let messages = answer["messages"].as_array().into_iter().flatten();
    Ok(messages.filter(|message| !is_stored(&message["hash"])).map(store).collect())
}

/// A request that brings about what an exchange left out of the recording did.
pub struct Bridge {
    /// Who is asked.
    pub node: String,
    /// The body of `/storage_rpc/v1`.
    pub envelope: Vec<u8>,
}

/// What has to happen before `next`.
///
/// Between the storing cases and `batch`, account A's messages were deleted by cases that the published part of the
/// recording leaves out. Where they are there, nothing is to be done.
///
/// # Errors
/// The recording lacks the account's seed.
pub fn bridges(recording: &Recording, earlier: &[Exchange], next: &Exchange) -> Result<Vec<Bridge>> {
    if next.file == "omq" && next.case["sent_frames"][0]["text"] == "storage.retrieve" {
        return missing_messages(recording, earlier, next);
    }
    if next.file != "storage-https" || next.name != "batch" {
        return Ok(Vec::new());
    }
    let deletes = |exchange: &Exchange| {
        let method = exchange.case["request"]["body_json"]["method"].as_str().unwrap_or_default();
        method.starts_with("delete")
    };
    if earlier.iter().any(deletes) {
        return Ok(Vec::new());
    }
    let account = recording.accounts.get("A").context("the recording has no account A")?;
    let key = secret(account)?;
    let params = json!({"pubkey": account["account_id"], "namespace": 0, "timestamp": next.sent_ms});
    let Json::Object(mut params) = params else { unreachable!("an object was just made") };
    let signer = Signer { key: &key, pubkey_ed25519: Some(key.public()), token: None };
    signing::sign("delete_all", &mut params, &signer, None)?;
    let node = next.case["request"]["node"].as_str().context("a request to nobody")?.to_owned();
    let envelope = json!({"method": "delete_all", "params": params}).to_string().into_bytes();
    Ok(vec![Bridge { node, envelope }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: Json, got: Json) -> Result<(), Difference> {
        let ports = Ports(BTreeMap::from([("aa".to_owned(), (1, 2))]));
        compare_under_rules(&Moment { sent_ms: 1_000_000, ports: &ports }, &expected, &got)
    }

    #[test]
    fn the_rules_explain_what_they_say_and_nothing_else() {
        let member =
            |https: u16| json!({"pubkey_ed25519": "aa", "port_https": https, "port": https.to_string()});

        assert_eq!(check(json!({"t": 1_000_003}), json!({"t": 1_000_000})), Ok(()));
        assert!(check(json!({"t": 1_000_003}), json!({"t": 1_000_001})).is_err(), "not the nodes' time");
        assert!(
            check(json!({"timestamp": 1_000_003}), json!({"timestamp": 1_000_000})).is_err(),
            "a message's"
        );
        assert_eq!(check(json!({"snodes": [member(23000)]}), json!({"snodes": [member(1)]})), Ok(()));
        assert!(check(json!({"snodes": [member(23000)]}), json!({"snodes": [member(23000)]})).is_err());
        assert!(check(json!({"more": true}), json!({"more": 1})).is_err());
    }
}
