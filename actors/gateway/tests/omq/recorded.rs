//! What a reference node said, replayed: the stand-ins say what its storage said, and the door has to put it as it did.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;
use starling_contracts::storage::{Answer, Body};

use super::house::{House, notice};

fn parts(frames: &Value) -> Vec<Bytes> {
    let bytes = |frame: &Value| match (&frame["text"], &frame["base64"]) {
        (Value::String(text), _) => Bytes::from(text.clone()),
        (_, Value::String(text)) => Bytes::from(STANDARD.decode(text).expect("base64")),
        _ => panic!("{frame} is no frame"),
    };
    frames.as_array().expect("frames").iter().map(bytes).collect()
}

/// What the storage must have answered for the reply to be what it was.
fn answer(reply: &[Bytes], is_bencoded: bool) -> Answer {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).expect("a text");
    match reply {
        [body] if is_bencoded => Answer { status: 200, body: Body::Bencode(body.clone()) },
        [body] => Answer { status: 200, body: Body::Json(serde_json::from_slice(body).expect("an object")) },
        [code, body] => {
            Answer { status: text(code).parse().expect("a status"), body: Body::Text(text(body)) }
        }
        _ => panic!("a reply has a body, or a code and a body"),
    }
}

#[actix_rt::test]
async fn every_recorded_exchange_of_a_client_looks_as_it_did() {
    let recording: Value = serde_json::from_str(include_str!("recorded.json")).expect("JSON");
    let house = House::open().await;
    let client = house.client();
    let mut replayed = Vec::new();

    for case in recording["cases"].as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        if case["as"] != "client" {
            continue;
        }
        let sent = parts(&case["sent_frames"]);
        let received: Vec<_> = case["received"].as_array().expect("messages").iter().map(parts).collect();
        let reply = received.iter().find(|message| message[0] == b"REPLY"[..]);
        if let (Some(reply), Some(params)) = (reply, sent.get(2)) {
            let command = std::str::from_utf8(&sent[0]).expect("a name");
            if let Some(method) = command.strip_prefix("storage.") {
                let answer = answer(&reply[2..], params.starts_with(b"d"));
                house.stage.recorded.lock().expect("nobody panicked with it").push((
                    method.to_owned(),
                    params.clone(),
                    answer,
                ));
            } else {
                house
                    .stage
                    .subscribed
                    .lock()
                    .expect("nobody panicked with it")
                    .push((params.clone(), reply[2].clone()));
            }
        }
        if received.len() == 2 {
            // The push of the store comes on the connection that has subscribed.
            client.socket.send_multipart(["monitor.messages", "sub", "de"], 0).expect("sent");
            assert_eq!(client.socket.recv_multipart(0).expect("a reply")[0], b"REPLY");
            let body: &'static [u8] = Box::leak(received[0][1].to_vec().into_boxed_slice());
            house.link().outlet.send(notice(body)).await.expect("the link is open");
        }

        client.socket.send_multipart(sent.iter().map(|part| &part[..]), 0).expect("sent");
        let mut got: Vec<Vec<Bytes>> = (0..received.len())
            .map(|_| {
                client.socket.recv_multipart(0).expect("an answer").into_iter().map(Bytes::from).collect()
            })
            .collect();

        let mut expected = received;
        got.sort();
        expected.sort();
        assert_eq!(got, expected, "{name}");
        replayed.push(name);
    }

    assert!(replayed.len() >= 15, "only {replayed:?} were replayed");
    house.close().await;
}
