//! Answers of servers and nodes, sealed and opened.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use starling_protocol::onion::layer::LayerKey;
use starling_protocol::onion::{Cipher, ReplyKey, ReplySeal, encode_node_reply, parse_node_reply, v4};

use super::vector_file::load;
use super::{Request, bytes, cipher, prepared, requests, text};

/// The key that the destination of a request shares with the client.
fn destination_key(request: &Request, cipher: Cipher) -> (LayerKey, LayerKey) {
    let (layer, secret) = (request.layers.last().unwrap(), request.secrets.last().unwrap());
    let ours = LayerKey::for_client(cipher, &layer.ephemeral, &secret.public()).unwrap();
    let theirs = LayerKey::for_node(cipher, secret, &layer.ephemeral.public()).unwrap();
    (ours, theirs)
}

#[test]
fn v4_responses_are_sealed_and_opened() {
    let mut file = load("onion");
    let requests = requests(&mut file);
    for mut entry in file.entries("v4_responses") {
        let request = &requests[text(&entry.field("request"))];
        let (ours, theirs) = destination_key(request, cipher(&entry.field("enc_type")));
        let (bencoded, http_body) = (bytes(&entry.field("bencoded")), bytes(&entry.field("http_body")));
        let metadata: Json = serde_json::from_str(text(&entry.field("response_metadata"))).unwrap();
        let body = Some(entry.field("response_body")).filter(|body| !body.is_null()).map(|body| bytes(&body));

        let response = v4::Response::decode(&ReplyKey::new(ours).open(&http_body).unwrap()).unwrap();

        assert_eq!(v4::Response::decode(&bencoded).as_ref(), Ok(&response));
        assert_eq!(v4::Response::decode(&response.encode()).as_ref(), Ok(&response));
        assert_eq!(
            hex::encode(response.encode()),
            hex::encode(&bencoded),
            "the metadata stand in the usual order"
        );
        assert_eq!((Json::from(response.code), response.body), (metadata["code"].clone(), body));
        assert_eq!(serde_json::to_value(response.headers).unwrap(), metadata["headers"]);
        let sealed = ReplySeal::new(theirs).seal(&bencoded, &mut prepared(bytes(&entry.field("nonce"))));
        assert_eq!(sealed, http_body);
        entry.finish();
    }
}

#[test]
fn node_responses_are_sealed_and_opened() {
    let mut file = load("onion");
    let requests = requests(&mut file);
    for mut entry in file.entries("node_responses") {
        let request = &requests[text(&entry.field("request"))];
        let (ours, theirs) = destination_key(request, cipher(&entry.field("enc_type")));
        let plaintext = text(&entry.field("plaintext")).as_bytes().to_vec();
        let status = u16::try_from(entry.field("status").as_u64().unwrap()).unwrap();
        let base64 = match text(&entry.field("http_body_encoding")) {
            "base64" => true,
            "raw" => false,
            other => panic!("unknown encoding {other}"),
        };
        let http_body =
            if base64 { text(&entry.field("http_body")).into() } else { bytes(&entry.field("http_body")) };
        let client = ReplyKey::new(ours);

        let opened = client.open(&http_body).unwrap();
        let reply = parse_node_reply(&opened).unwrap();

        assert_eq!(opened, plaintext);
        assert_eq!(reply.status, status);
        let json = serde_json::from_slice::<Json>(&plaintext).unwrap()["body"].is_object();
        assert_eq!(encode_node_reply(status, &reply.body, json), plaintext);
        let mut nonce = prepared(bytes(&entry.field("nonce")));
        assert_eq!(
            ReplySeal::new(theirs).seal_node_reply(status, &reply.body, (json, base64), &mut nonce),
            http_body
        );
        if base64 {
            let unpadded = text(&Json::from(String::from_utf8(http_body.clone()).unwrap()))
                .trim_end_matches('=')
                .to_owned();
            assert_eq!(client.open(unpadded.as_bytes()).unwrap(), plaintext);
            let wrapped =
                serde_json::json!({"result": String::from_utf8(http_body.clone()).unwrap()}).to_string();
            assert_eq!(client.open(wrapped.as_bytes()).unwrap(), plaintext);
            assert_eq!(client.open(&STANDARD.decode(&http_body).unwrap()).unwrap(), plaintext);
        }
        entry.finish();
    }
}
