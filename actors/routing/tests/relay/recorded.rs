//! Exchanges with the reference, release 2.8.0: exact bodies, the keys of every layer and of every node.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use starling_contracts::{
    routing::OnionAnswer,
    storage::{self, Answer, Body},
    transport::WebAnswer,
};
use starling_protocol::{
    crypto::{ed25519, x25519},
    onion::layer::LayerKey,
};

/// One recorded exchange.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) guard: ed25519::PublicKey,
    pub(crate) body: Vec<u8>,
    status: u16,
    answer: Vec<u8>,
    /// Was the answer text on the wire?
    is_text: bool,
    /// The innermost layer's key, if its node is the one that answered.
    key: Option<LayerKey>,
    decrypted: Option<Value>,
    /// What the web server got, where one was asked.
    pub(crate) web_server: Option<WebServer>,
}

/// What a web server was asked, and what it said.
pub(crate) struct WebServer {
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    pub(crate) host: String,
    pub(crate) answer: WebAnswer,
}

fn file(name: &str) -> Value {
    let path = format!("{}/tests/recorded/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is a text in {value}"))
}

/// Public key and seed of every recorded node.
pub(crate) fn nodes() -> Vec<(ed25519::PublicKey, [u8; 32])> {
    let nodes = file("network.json");
    let nodes = nodes["nodes"].as_array().expect("a list of nodes");
    nodes
        .iter()
        .map(|node| {
            let seed = hex::decode(&text(node, "ed25519_seckey")[..64]).expect("hex");
            (text(node, "pubkey_ed25519").parse().expect("a key"), seed.try_into().expect("32 bytes"))
        })
        .collect()
}

pub(crate) fn seeds() -> Vec<[u8; 32]> {
    nodes().into_iter().map(|(_, seed)| seed).collect()
}

pub(crate) fn seed_of(public: &ed25519::PublicKey) -> [u8; 32] {
    nodes().into_iter().find(|(key, _)| key == public).expect("a recorded node").1
}

/// Every recorded exchange.
pub(crate) fn cases() -> Vec<Case> {
    let recorded = file("onion-v2.json");
    recorded["cases"].as_array().expect("a list of cases").iter().map(Case::read).collect()
}

fn web_server(case: &Value) -> Option<WebServer> {
    let asked = case.get("web_server_received")?.as_array()?.first()?;
    let answer = STANDARD.decode(text(&case["response"], "body_base64")).expect("base64");
    let status = case["response"]["status"].as_u64().and_then(|status| status.try_into().ok());
    Some(WebServer {
        path: text(asked, "path").to_owned(),
        body: STANDARD.decode(text(asked, "body_b64")).expect("base64"),
        host: text(&asked["headers"], "Host").to_owned(),
        answer: WebAnswer { status: status.expect("a status"), body: answer.into() },
    })
}

impl Case {
    fn read(case: &Value) -> Self {
        let response = &case["response"];
        let is_text = response.get("body_text").is_some();
        let answer = match is_text {
            true => text(response, "body_text").as_bytes().to_vec(),
            false => STANDARD.decode(text(response, "body_base64")).expect("base64"),
        };
        let innermost = &case["layers_innermost_first"][0];
        let key = case["response_decrypted"].get("json").map(|_| {
            let node: ed25519::PublicKey = text(innermost, "node").parse().expect("a key");
            let secret: ed25519::PublicKey = text(innermost, "ephemeral_seckey").parse().expect("hex");
            let secret = x25519::SecretKey::from_bytes(secret.0);
            let cipher = text(innermost, "enc_type").parse().expect("a cipher");
            let node = node.to_x25519().expect("an image");
            let key = LayerKey::for_client(cipher, &secret, &node).expect("a key");
            assert_eq!(hex::encode(key.as_bytes()), text(innermost, "key"), "the recorded key");
            key
        });
        Self {
            name: text(case, "name").to_owned(),
            guard: case["path"][0].as_str().expect("a path").parse().expect("a key"),
            body: STANDARD.decode(text(&case["request"], "body_b64")).expect("base64"),
            status: response["status"].as_u64().and_then(|status| status.try_into().ok()).expect("a status"),
            answer,
            is_text,
            key,
            decrypted: case["response_decrypted"].get("json").cloned(),
            web_server: web_server(case),
        }
    }

    /// What the reference's storage said, as far as it was asked.
    pub(crate) fn inner_answer(&self) -> Result<Answer, storage::Error> {
        let Some(decrypted) = &self.decrypted else {
            return Ok(Answer { status: 599, body: Body::Text("nobody should ask".to_owned()) });
        };
        let status =
            decrypted["status"].as_u64().and_then(|status| status.try_into().ok()).expect("a status");
        let body = match &decrypted["body"] {
            Value::String(text) => match serde_json::from_str::<Value>(text) {
                Ok(object @ Value::Object(_)) => Body::Json(object),
                _ => Body::Text(text.clone()),
            },
            object => Body::Json(object.clone()),
        };
        Ok(Answer { status, body })
    }

    /// Compares: plain answers byte by byte, sealed ones by their form and, once opened, byte by byte.
    #[track_caller]
    pub(crate) fn check(&self, ours: &OnionAnswer, name: &str) {
        assert_eq!(ours.status, self.status, "{name}");
        let Some(key) = &self.key else {
            assert_eq!(ours.body.as_ref(), self.answer, "{name}");
            return;
        };
        assert_eq!(std::str::from_utf8(&ours.body).is_ok(), self.is_text, "{name}: base64 or raw");
        assert_eq!(ours.body.len(), self.answer.len(), "{name}");
        let open = |body: &[u8]| {
            let sealed = match self.is_text {
                true => STANDARD.decode(body).expect("padded base64"),
                false => body.to_vec(),
            };
            let plaintext = key.open(&sealed).expect("it opens with the layer's key");
            String::from_utf8(plaintext).expect("json text")
        };
        assert_eq!(open(&ours.body), open(&self.answer), "{name}");
    }
}
