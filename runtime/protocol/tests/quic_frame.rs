//! Messages on QUIC streams: the recorded ones byte for byte, every bound, and any cut of the stream.

#![cfg(test)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value as Json;
use starling_protocol::quic_frame::{FrameError, Frames, Head, MAX_LEN, Message};

fn with_length(list: &[u8]) -> Vec<u8> {
    [list.len().to_string().as_bytes(), b":", list].concat()
}

/// Everything that a stream of these pieces holds.
fn read_all(pieces: impl IntoIterator<Item = Bytes>) -> Result<Vec<Message>, FrameError> {
    let (mut frames, mut messages) = (Frames::new(), Vec::new());
    for mut piece in pieces {
        while let Some(message) = frames.read(&mut piece)? {
            messages.push(message);
        }
        assert!(piece.is_empty(), "what is not a whole message is taken in");
    }
    frames.finish()?;
    Ok(messages)
}

#[track_caller]
fn check(stream: &[u8], expected: Result<&[Message], FrameError>) {
    let whole = read_all([Bytes::copy_from_slice(stream)]);
    let by_bytes = read_all(stream.chunks(1).map(Bytes::copy_from_slice));
    assert_eq!(whole.as_deref().map_err(|error| *error), expected, "{}", stream.escape_ascii());
    assert_eq!(by_bytes, whole, "the cut makes no difference");
    if let Ok(messages) = whole {
        let again: Vec<u8> = messages.iter().flat_map(Message::encode).collect();
        assert_eq!(again, stream, "encodes back to what it was read from");
    }
}

fn command(id: i64, name: &'static str, body: &'static str) -> Message {
    Message::Command { id, name: Bytes::from(name), body: Bytes::from(body) }
}

fn reply(id: i64, body: &'static str) -> Message {
    Message::Reply { id, body: Bytes::from(body) }
}

#[test]
fn recorded_answers_and_pushes_are_read_and_written_byte_for_byte() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/quic.json");
    let recording: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let body_of = |body: &Json| match (&body["text"], &body["base64"]) {
        (Json::String(text), _) => text.as_bytes().to_vec(),
        (_, Json::String(base64)) => STANDARD.decode(base64).unwrap(),
        other => panic!("no body in {other:?}"),
    };
    let mut checked = 0;
    for case in recording["cases"].as_array().unwrap() {
        let list =
            STANDARD.decode(case["response_as_received_after_length_prefix"].as_str().unwrap()).unwrap();
        let messages = read_all([Bytes::from(with_length(&list))]).unwrap();
        let [message] = &messages[..] else { panic!("one message: {messages:?}") };

        assert_eq!(message.encode(), with_length(&list), "{}", case["endpoint"]);
        assert_eq!(message.body().as_ref(), body_of(&case["response_body"]));
        let is_error = case["response_type"] == "E";
        assert!(
            matches!(message, Message::Error { .. }) == is_error
                && !matches!(message, Message::Command { .. })
        );
        checked += 1;
    }
    for push in recording["pushes"].as_array().unwrap() {
        let list = STANDARD.decode(push["raw_base64"].as_str().unwrap()).unwrap();
        let body = STANDARD.decode(push["body_base64"].as_str().unwrap()).unwrap();
        let name = Bytes::from(push["endpoint"].as_str().unwrap().to_owned());

        let message = Message::Command { id: 0, name, body: body.into() };

        assert_eq!(message.encode(), with_length(&list));
        assert_eq!(read_all([Bytes::from(with_length(&list))]), Ok(vec![message]));
        checked += 1;
    }
    assert!(checked >= 9, "{checked} of the recording were checked");
}

#[test]
fn each_form_is_read_from_any_cut_of_the_stream() {
    let ping = with_length(b"l1:Ci0e10:snode_ping0:e");
    let pong = with_length(b"l1:Ri0e4:ponge");
    let failed = with_length(b"l1:Ei9223372036854775807e4:fulle");
    let negative = with_length(b"l1:Ci-1e4:info2:{}e");

    check(b"", Ok(&[]));
    check(&ping, Ok(&[command(0, "snode_ping", "")]));
    check(&[&pong[..], &ping].concat(), Ok(&[reply(0, "pong"), command(0, "snode_ping", "")]));
    check(&failed, Ok(&[Message::Error { id: i64::MAX, body: Bytes::from("full") }]));
    check(&[&negative[..], &pong].concat(), Ok(&[command(-1, "info", "{}"), reply(0, "pong")]));
    check(&[&pong[..], &ping[..ping.len() - 1]].concat(), Err(FrameError::Truncated));
    check(b"2", Err(FrameError::Truncated));
}

#[test]
fn lengths_are_bounded_before_anything_is_kept() {
    for bad in ["x", ":", "-1:", " 1:", "1 :", "+1:", "000000001:", "123456789"] {
        check(bad.as_bytes(), Err(FrameError::Length));
    }
    check(b"10000001:", Err(FrameError::TooLong { announced: 10_000_001 }));
    check(b"99999999:", Err(FrameError::TooLong { announced: 99_999_999 }));

    let mut frames = Frames::new();
    assert_eq!(frames.read(&mut Bytes::from("10000000:l1:Ci3e")), Ok(None));
    assert_eq!(frames.held(), "l1:Ci3e".len(), "only what arrived is held");
    assert_eq!(frames.head(), Head::Command(3));
    assert_eq!(frames.finish(), Err(FrameError::Truncated));
}

#[test]
fn the_longest_message_is_read_and_one_byte_more_is_not() {
    let overhead = Message::Reply { id: 0, body: Bytes::new() }.list_len() + "9999977".len() - 1;
    let longest = Message::Reply { id: 0, body: Bytes::from(vec![7; MAX_LEN - overhead]) };
    let longer = Message::Reply { id: 0, body: Bytes::from(vec![7; MAX_LEN - overhead + 1]) };

    assert_eq!(longest.list_len(), MAX_LEN);
    assert_eq!(read_all([Bytes::from(longest.encode())]), Ok(vec![longest]));
    assert_eq!(read_all([Bytes::from(longer.encode())]), Err(FrameError::TooLong { announced: MAX_LEN + 1 }));
}

#[test]
fn lists_of_another_form_are_refused() {
    for list in [
        "",
        "e",
        "le",
        "d1:Ci0ee",
        "i0e",
        "4:list",
        "l1:Ce",
        "l1:Xi0e0:e",
        "l1:Ci0ee",
        "l1:Ci0e4:infoe",
        "l1:Ri0ee",
        "l1:Ri0e4:pong",
        "l1:Ri0e4:pongee",
        "l1:Ri0e4:pongx",
        "l1:Ri0e5:ponge",
        "l1:Ri0ei7ee",
        "l1:Ri0elee",
        "l1:Rie0:e",
        "l1:Ri+1e0:e",
        "l1:Ri1",
        "l1:Ri9223372036854775808e0:e",
        "l1:R1:00:e",
        "l2:Ri0e0:e",
        "l1:Ri0e-1:e",
        "l1:Ri0e99999999:e",
        "l1:Ri0e18446744073709551615:e",
        "l1:Ri0e+0:e",
    ] {
        check(&with_length(list.as_bytes()), Err(FrameError::List));
    }
}

#[test]
fn an_error_is_for_good() {
    let mut frames = Frames::new();

    assert_eq!(frames.read(&mut Bytes::from("nonsense")), Err(FrameError::Length));
    assert_eq!(frames.read(&mut Bytes::from("14:l1:Ri0e4:ponge")), Err(FrameError::Length));
    assert_eq!(frames.finish(), Err(FrameError::Length));
}

#[test]
fn an_unwanted_message_is_skipped_and_the_next_one_is_read() {
    let unwanted = command(12, "store", "0123456789").encode();
    for cut in 0..unwanted.len() {
        let mut frames = Frames::new();
        let (before, after) = unwanted.split_at(cut);
        assert_eq!(frames.read(&mut Bytes::copy_from_slice(before)), Ok(None));
        let is_begun = before.contains(&b':');
        let is_known = before.windows(3).any(|window| window == b"12e");
        assert_eq!(frames.head(), if is_known { Head::Command(12) } else { Head::Unknown }, "{cut}");

        frames.skip();
        let mut rest = Bytes::from([after, &with_length(b"l1:Ri0e4:ponge")].concat());

        let first = frames.read(&mut rest).unwrap().unwrap();
        if is_begun {
            assert_eq!(first, reply(0, "pong"), "{cut}");
        } else {
            assert_eq!(first, command(12, "store", "0123456789"), "nothing was there to skip at {cut}");
        }
    }
    let mut frames = Frames::new();
    frames.read(&mut Bytes::from("100:l1:Ri5e50:0123456789012345678901234567890")).unwrap();
    assert_eq!(frames.head(), Head::Unanswered);
}

fn messages() -> impl Strategy<Value = Message> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
    prop_oneof![
        (any::<i64>(), bytes(), bytes()).prop_map(|(id, name, body)| Message::Command { id, name, body }),
        (any::<i64>(), bytes()).prop_map(|(id, body)| Message::Reply { id, body }),
        (any::<i64>(), bytes()).prop_map(|(id, body)| Message::Error { id, body }),
    ]
}

proptest! {
    #[test]
    fn any_messages_cut_anywhere_come_out_as_they_went_in(
        messages in prop::collection::vec(messages(), 0..6),
        piece in 1_usize..300,
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(Message::encode).collect();
        prop_assert_eq!(read_all(stream.chunks(piece).map(Bytes::copy_from_slice)), Ok(messages.clone()));
        for message in messages {
            prop_assert_eq!(message.encode().len(), with_length(&vec![0; message.list_len()]).len());
        }
    }

    #[test]
    fn any_bytes_are_read_alike_however_cut_and_never_held_beyond_their_number(
        stream in prop::collection::vec(prop_oneof![any::<u8>(), b'0'..=b'9', Just(b':'), Just(b'l'), Just(b'e')], 0..400),
        piece in 1_usize..50,
    ) {
        let mut frames = Frames::new();
        let mut arrived = Bytes::from(stream.clone());
        while let Ok(Some(_)) = frames.read(&mut arrived) {}
        prop_assert!(frames.held() <= stream.len());
        let whole = read_all([Bytes::from(stream.clone())]);
        prop_assert_eq!(read_all(stream.chunks(piece).map(Bytes::copy_from_slice)), whole);
    }
}
