//! What a poll asks a member of the swarm, and how its answer is read (messages §14, storage-rpc §4.3, §4.15).

use base64::{Engine as _, alphabet, engine};
use bytes::Bytes;
use serde_json::Value as Json;
use starling_protocol::{
    account::AccountKeys,
    storage::{
        MessageHash, Namespace,
        request::{Batch, BatchOrder, Credentials, Request, Retrieve, RetrieveAuth},
        signed_text,
    },
};

use crate::filing::Item;

/// The namespaces that are polled: those whose content is handled.
pub(crate) const NAMESPACES: [Namespace; 1] = [Namespace::DEFAULT];

/// Nodes pad their base64, or do not.
const BASE64: engine::GeneralPurpose = engine::GeneralPurpose::new(
    &alphabet::STANDARD,
    engine::GeneralPurposeConfig::new().with_decode_padding_mode(engine::DecodePaddingMode::Indifferent),
);

/// One namespace, and the place up to which the member was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) namespace: Namespace,
    pub(crate) last_hash: Option<MessageHash>,
}

/// How the question is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// All namespaces in one `batch`.
    Batch,
    /// The first namespace alone, in a bare `retrieve`: its status is then the answer's own, which the layer that holds paths,
    /// swarms and network time looks at and acts on. A status inside a batch stays hidden from it.
    Plain,
}

/// The signed question. `now` is in milliseconds of network time, one for all namespaces.
pub(crate) fn request(keys: &AccountKeys, wanted: &[Wanted], now: u64, form: Form) -> Bytes {
    let asked: Vec<&Wanted> = match form {
        Form::Batch => wanted.iter().collect(),
        Form::Plain => wanted.iter().take(1).collect(),
    };
    let namespaces: Vec<Namespace> = asked.iter().map(|wanted| wanted.namespace).collect();
    let shares = shares(&namespaces);
    let timestamp = i64::try_from(now).unwrap_or(i64::MAX);
    let retrieves = asked.into_iter().zip(shares).map(|(wanted, share)| {
        let text = signed_text::retrieve(wanted.namespace, timestamp);
        let credentials = Credentials::sign(&keys.id(), keys.ed25519(), &text);
        Request::Retrieve(Retrieve {
            account: keys.id(),
            namespace: wanted.namespace,
            last_hash: wanted.last_hash,
            max_count: None,
            max_size: Some(share),
            auth: Some(RetrieveAuth { timestamp, credentials }),
        })
    });
    let mut requests: Vec<Request> = retrieves.collect();
    let request = match (form, requests.pop()) {
        (Form::Plain, Some(only)) => only,
        (_, last) => {
            requests.extend(last);
            Request::Batch(Batch { order: BatchOrder::All, requests })
        }
    };
    request.to_rpc_json().to_string().into()
}

/// Which part of a node's answer budget each namespace may fill: −k is the k-th part (messages §14).
///
/// Messages come before configs: a priority shares what those above it left over, and leaves as much as one of its own
/// takes while there are lower ones.
pub(crate) fn shares(namespaces: &[Namespace]) -> Vec<i64> {
    let priority = |namespace: &Namespace| match *namespace {
        Namespace::DEFAULT | Namespace(11) => 10,
        _ => 1,
    };
    let mut levels: Vec<i64> = namespaces.iter().map(priority).collect();
    levels.sort_unstable_by(|left, right| right.cmp(left));
    levels.dedup();
    let mut divisor = 1;
    let mut by_level = Vec::new();
    for (position, level) in levels.iter().enumerate() {
        let here = namespaces.iter().filter(|namespace| priority(namespace) == *level).count();
        let remaining = usize::from(position + 1 < levels.len());
        divisor *= i64::try_from(here + remaining).unwrap_or(i64::MAX);
        by_level.push((*level, -divisor));
    }
    let share = |namespace| {
        let level = priority(namespace);
        by_level.iter().find(|(other, _)| *other == level).map_or(-1, |(_, share)| *share)
    };
    namespaces.iter().map(share).collect()
}

/// What a member said of one namespace.
#[derive(Clone, PartialEq)]
pub(crate) enum Part {
    /// Its messages, in the member's order.
    Page(Page),
    /// Why not.
    Refused {
        /// The status.
        status: u16,
        /// The node's text.
        reason: String,
    },
}

/// Messages of one namespace.
#[derive(Clone, PartialEq)]
pub(crate) struct Page {
    pub(crate) namespace: Namespace,
    pub(crate) items: Vec<Item>,
    /// Entries that are no items.
    pub(crate) malformed: usize,
    /// The hash of the last entry that has one: where the next question goes on.
    pub(crate) last_hash: Option<MessageHash>,
    /// There is more than fitted.
    pub(crate) more: bool,
}

/// Reads an answer, one part per namespace asked for; what is missing or makes no sense is a refusal of status 0.
pub(crate) fn read(status: u16, body: &Json, wanted: &[Wanted], form: Form) -> Vec<Part> {
    if form == Form::Plain || status != 200 {
        let asked = if form == Form::Plain { &wanted[..wanted.len().min(1)] } else { wanted };
        return asked.iter().map(|wanted| part(status, body, wanted.namespace)).collect();
    }
    let results = body.get("results").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let read_one = |(position, wanted): (usize, &Wanted)| {
        let result = results.get(position);
        let code = result.and_then(|result| result.get("code")).and_then(Json::as_u64);
        let status = code.and_then(|code| u16::try_from(code).ok()).unwrap_or(0);
        let body = result.and_then(|result| result.get("body")).unwrap_or(&Json::Null);
        part(status, body, wanted.namespace)
    };
    wanted.iter().enumerate().map(read_one).collect()
}

fn part(status: u16, body: &Json, namespace: Namespace) -> Part {
    if status != 200 {
        return Part::Refused { status, reason: reason(body) };
    }
    let Some(entries) = body.get("messages").and_then(Json::as_array) else {
        return Part::Refused { status: 0, reason: "the answer holds no messages field".to_owned() };
    };
    let mut hashes = entries.iter().filter_map(|entry| entry.get("hash")?.as_str()?.parse().ok());
    let items: Vec<Item> = entries.iter().filter_map(item).collect();
    Part::Page(Page {
        namespace,
        malformed: entries.len() - items.len(),
        last_hash: hashes.next_back(),
        more: truth(body.get("more")),
        items,
    })
}

fn item(entry: &Json) -> Option<Item> {
    Some(Item {
        hash: entry.get("hash")?.as_str()?.parse().ok()?,
        stored_at: entry.get("timestamp")?.as_u64()?,
        expires_at: entry.get("expiration").and_then(Json::as_u64).unwrap_or_default(),
        data: base64(entry.get("data")?.as_str()?)?,
    })
}

/// The bytes of a text in base64.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// Booleans that passed through a peer arrive as numbers (storage-rpc §1.4).
pub(crate) fn truth(value: Option<&Json>) -> bool {
    value.is_some_and(|value| value.as_bool().unwrap_or(value.as_i64().is_some_and(|number| number != 0)))
}

/// The node's own words, cut to what fits into one line.
pub(crate) fn reason(body: &Json) -> String {
    const LONGEST: usize = 200;
    let text = match body {
        Json::String(text) => text.trim(),
        _ => return "no reason given".to_owned(),
    };
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use starling_protocol::storage::request::{Signed as _, parse_envelope};

    use super::*;

    fn wanted(namespaces: &[i16]) -> Vec<Wanted> {
        namespaces.iter().map(|n| Wanted { namespace: Namespace(*n), last_hash: None }).collect()
    }

    #[test]
    fn shares_follow_priorities() {
        let shares =
            |namespaces: &[i16]| shares(&namespaces.iter().copied().map(Namespace).collect::<Vec<_>>());

        assert_eq!(shares(&[0]), [-1]);
        assert_eq!(shares(&[0, 3]), [-2, -2]);
        assert_eq!(shares(&[0, 2, 3, 4, 5]), [-2, -8, -8, -8, -8]);
        assert_eq!(shares(&[2, 3]), [-2, -2]);
        assert!(shares(&[]).is_empty());
    }

    #[test]
    fn the_question_is_one_that_a_node_accepts() {
        let keys = AccountKeys::from_seed(&[5; 16]);
        let batch = request(&keys, &wanted(&[0, 3]), 1_700_000_000_000, Form::Batch);
        let plain = request(&keys, &wanted(&[0, 3]), 1_700_000_000_000, Form::Plain);

        let Request::Batch(batch) = parse_envelope(&batch).unwrap() else { panic!("a batch") };
        let Request::Retrieve(plain) = parse_envelope(&plain).unwrap() else { panic!("a retrieve") };
        assert_eq!(batch.requests.len(), 2);
        for (request, namespace) in batch.requests.iter().zip([0, 3]) {
            let Request::Retrieve(retrieve) = request else { panic!("a retrieve") };
            assert_eq!((retrieve.namespace, retrieve.max_size), (Namespace(namespace), Some(-2)));
            assert!(retrieve.verify().is_ok());
        }
        assert_eq!((plain.namespace, plain.max_size), (Namespace::DEFAULT, Some(-1)));
        assert!(plain.verify().is_ok());
    }

    #[test]
    fn an_answer_is_read_entry_by_entry_and_what_is_broken_is_counted() {
        let hash = "aZAwLUV0JcxbL6NxwfqfYD2JxvjE8sY7Fm+crd9gg/o";
        let good = json!({"hash": hash, "timestamp": 5, "expiration": 6, "data": "YWI="});
        let body = json!({"results": [{"code": 200, "body": {"more": 1, "messages": [
            {"hash": "short", "timestamp": 5, "data": "YWI="},
            7,
            good,
            {"hash": hash, "timestamp": 5, "data": "%"},
        ]}}]});

        let parts = read(200, &body, &wanted(&[0]), Form::Batch);

        let [Part::Page(page)] = parts.as_slice() else { panic!("one page") };
        assert_eq!((page.items.len(), page.malformed, page.more), (1, 3, true));
        assert_eq!(page.last_hash.map(|hash| hash.to_string()).as_deref(), Some(hash));
        assert_eq!((page.items[0].stored_at, page.items[0].expires_at), (5, 6));
        assert_eq!(page.items[0].data, b"ab");
    }

    #[test]
    fn refusals_keep_status_and_words_and_nonsense_is_a_refusal_too() {
        #[track_caller]
        fn refused(status: u16, body: Json, expected: u16) -> String {
            match read(status, &body, &wanted(&[0]), Form::Batch).pop() {
                Some(Part::Refused { status, reason }) => {
                    assert_eq!(status, expected);
                    reason
                }
                _ => panic!("must be refused"),
            }
        }

        assert_eq!(
            refused(503, json!("Service node is not ready: x\n"), 503),
            "Service node is not ready: x"
        );
        assert_eq!(
            refused(
                200,
                json!({"results": [{"code": 401, "body": "retrieve signature verification failed"}]}),
                401
            ),
            "retrieve signature verification failed"
        );
        for nonsense in [json!(null), json!({"results": {}}), json!({"results": [{"code": 200, "body": {}}]})]
        {
            refused(200, nonsense, 0);
        }
    }
}
