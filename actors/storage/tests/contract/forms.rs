//! The forms in which one request can come: an envelope, or a method with its parameters in JSON or in bencode.
//!
//! Bencode is made from the JSON here, by the rules of storage-rpc §1.4 and not by the code under test.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Value as Json, json};
use starling_contracts::storage::Body;
use starling_protocol::bencode::{self, Dict, Limits, Value as Bt};

use crate::house::House;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Envelope,
    Json,
    Bencode,
}

impl Form {
    pub(crate) const ALL: [Self; 3] = [Self::Envelope, Self::Json, Self::Bencode];
}

const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Parameters as bencode: what is base64 or a key in JSON is raw.
pub(crate) fn bencoded(params: &Json) -> Vec<u8> {
    to_bencode("", params).encode()
}

fn to_bencode(name: &str, value: &Json) -> Bt {
    const BASE64: [&str; 6] = ["data", "signature", "subaccount", "subaccount_sig", "revoke", "unrevoke"];
    match value {
        Json::Null => panic!("bencode has no null"),
        Json::Bool(flag) => Bt::from(i64::from(*flag)),
        Json::Number(number) => Bt::from(number.as_i64().expect("a number of 64 bits")),
        Json::String(text) if BASE64.contains(&name) => {
            Bt::from(TOLERANT.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec()))
        }
        Json::String(text) if name.starts_with("pubkey") => {
            Bt::from(hex::decode(text).unwrap_or_else(|_| text.as_bytes().to_vec()))
        }
        Json::String(text) => Bt::from(text.as_str()),
        Json::Array(values) => values.iter().map(|value| to_bencode(name, value)).collect::<Vec<_>>().into(),
        Json::Object(fields) => Bt::Dict(
            fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), to_bencode(name, value))).collect(),
        ),
    }
}

/// Sends a request, as `{"method":…,"params":…}`, in one of the forms; gives the status and the bytes of the body.
pub(crate) async fn send(house: &House, node: usize, form: Form, request: &Json) -> (u16, Vec<u8>) {
    let (method, params) = (request["method"].as_str().expect("a method"), &request["params"]);
    let answer = match form {
        Form::Envelope => {
            let envelope = request.to_string().into();
            house.nodes[node].kernel.ask(starling_contracts::storage::ServeRpc { envelope }).await
        }
        Form::Json => house.call(node, method, params.to_string()).await,
        Form::Bencode => house.call(node, method, bencoded(params)).await,
    };
    let answer = answer.expect("the node answers");
    let body = match (answer.body, form) {
        (Body::Json(body), Form::Envelope | Form::Json) => body.to_string().into_bytes(),
        (Body::Bencode(body), Form::Bencode) => body.to_vec(),
        (Body::Text(text), _) => text.into_bytes(),
        (Body::Binary(bytes), _) => bytes.to_vec(),
        (other, form) => panic!("{form:?} was answered with {other:?}"),
    };
    (answer.status, body)
}

/// A bencoded dict.
#[track_caller]
pub(crate) fn dict(body: &[u8]) -> Dict {
    match bencode::decode_ascending(body, Limits::REQUEST) {
        Ok(Bt::Dict(dict)) => dict,
        other => panic!("no dict: {other:?}"),
    }
}

/// JSON and bencode of one answer say the same: bytes are base64 in the one, truth values numbers in the other.
#[track_caller]
pub(crate) fn assert_same(json: &Json, bt: &Bt) {
    match (json, bt) {
        (Json::Bool(flag), Bt::Integer(number)) => assert_eq!(i128::from(*flag), *number),
        (Json::Number(left), Bt::Integer(right)) => assert_eq!(left.as_i64().map(i128::from), Some(*right)),
        (Json::String(text), Bt::Bytes(bytes)) => {
            let is_base64 = || TOLERANT.decode(text).is_ok_and(|decoded| decoded == *bytes);
            assert!(text.as_bytes() == bytes.as_slice() || is_base64(), "{text} is not {bytes:?}");
        }
        (Json::Array(left), Bt::List(right)) => {
            assert_eq!(left.len(), right.len(), "{json}");
            left.iter().zip(right).for_each(|(left, right)| assert_same(left, right));
        }
        (Json::Object(left), Bt::Dict(right)) => {
            let names: Vec<_> = right.keys().map(|name| String::from_utf8_lossy(name)).collect();
            let mut expected: Vec<_> = left.keys().collect();
            expected.sort_unstable();
            assert_eq!(expected, names.iter().collect::<Vec<_>>());
            for (name, value) in left {
                assert_same(value, &right[name.as_bytes()]);
            }
        }
        _ => panic!("{json} is not {bt:?}"),
    }
}

#[tokio::test]
async fn nothing_counts_as_no_parameters() {
    let house = House::single().await;

    for params in [&b""[..], b"{}", b"{\"unknown\":[1,null]}"] {
        let answer = house.call(0, "info", params).await.unwrap();
        let Body::Json(body) = answer.body else { panic!("JSON is answered with JSON") };
        assert_eq!((answer.status, &body["version"]), (200, &json!([2, 8, 0])));
    }
    let Body::Bencode(body) = house.call(0, "info", &b"de"[..]).await.unwrap().body else {
        panic!("bencode is answered with bencode")
    };
    let now = house.now();
    let expected = format!("d2:hfli19ei6ee1:ti{now}e9:timestampi{now}e7:versionli2ei8ei0eee");
    assert_eq!(String::from_utf8_lossy(&body), expected);
}

#[tokio::test]
async fn faults_are_told_in_the_words_of_their_form() {
    let house = House::single().await;
    let account = crate::requests::Client::user(1).account.to_string();
    let refused = async |method: &str, params: &[u8], text: &str| {
        let answer = house.call(0, method, params.to_vec()).await.unwrap();
        assert_eq!((answer.status, answer.body), (400, Body::Text(text.to_owned())));
    };

    refused("nope", b"de", "no method nope").await;
    refused("nope", b"", "no method nope").await;
    refused("debug_panic", b"{}", "no method debug_panic").await;
    refused("retrieve", b"[", "invalid body: expected json or bt_dict").await;
    refused("retrieve", b"", "invalid request: Required field 'pubkey' missing").await;
    let json =
        json!({"pubkey": account, "namespace": 2, "signature": "x", "timestamp": 1_795_000_000_000_i64});
    let text = "invalid request: invalid signature: expected base64 encoded Ed25519 signature";
    refused("retrieve", json.to_string().as_bytes(), text).await;
    let text = "invalid request: invalid signature: expected 64-byte Ed25519 signature";
    refused("retrieve", &bencoded(&json), text).await;
    let mut json = json;
    json["signature"] = Json::from("A".repeat(86));
    json["subaccount"] = Json::from("x");
    let text = "invalid request: invalid subaccount: subaccount_sig is required when using subaccount";
    refused("retrieve", &bencoded(&json), text).await;
    let text = "invalid request: Invalid batch request: requests must be dicts";
    refused("batch", b"d8:requestsli1eee", text).await;
    let text = "invalid request: Invalid batch subrequest: invalid method \"nope\"";
    refused("batch", b"d8:requestsld6:method4:nope6:paramsdeeee", text).await;
    let text = "invalid request: Invalid batch subrequest: subrequests may not contain meta-requests";
    refused("sequence", b"d8:requestsld6:method6:ifelse6:paramsdeeee", text).await;
}

#[tokio::test]
async fn meta_requests_are_bencoded_through_and_through() {
    let house = House::single().await;
    let client = crate::requests::Client::user(1);
    let now = house.now();
    let store = client.store(0, b"\xff\x00raw", now).to_rpc_json();
    let retrieve = client.retrieve(0, None, now).to_rpc_json();
    let late = client.retrieve(0, None, now - 999_999).to_rpc_json();
    let nodes = json!({"method": "active_nodes_bin", "params": {}});
    let request = json!({"method": "batch", "params": {"requests": [store, retrieve, late, nodes]}});

    let (status, body) = send(&house, 0, Form::Bencode, &request).await;

    let results = dict(&body);
    let results = results[b"results".as_slice()].as_list().unwrap();
    let part = |index: usize| results[index].as_dict().unwrap();
    let codes: Vec<_> = (0..4).map(|index| part(index)[b"code".as_slice()].as_integer().unwrap()).collect();
    assert_eq!((status, codes), (200, vec![200, 200, 406, 200]));
    let messages = part(1)[b"body".as_slice()].as_dict().unwrap()[b"messages".as_slice()].as_list().unwrap();
    assert_eq!(messages[0].as_dict().unwrap()[b"data".as_slice()].as_bytes(), Some(&b"\xff\x00raw"[..]));
    let late = part(2)[b"body".as_slice()].as_bytes();
    assert_eq!(late, Some(&b"retrieve timestamp too far from current time"[..]));
    assert_eq!(part(3)[b"body".as_slice()].as_bytes().map(<[u8]>::len), Some(68), "51 bytes in base64");

    let choice = json!({"method": "ifelse", "params": {"if": {"hf_at_least": [19, 6]}, "then": request}});
    let (_, body) = send(&house, 0, Form::Bencode, &choice).await;
    let body = dict(&body);
    assert_eq!(body[b"condition".as_slice()].as_integer(), Some(1));
    let result = body[b"result".as_slice()].as_dict().unwrap();
    assert_eq!(result[b"code".as_slice()].as_integer(), Some(200));
}
