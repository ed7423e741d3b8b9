//! The door for stored messages: what is sealed comes back, and what was altered, forged or garbled does not.

use proptest::prelude::*;
use starling_protocol::account::Prefix;
use starling_protocol::content::proto::{
    CallMessage, ReceiptMessage, TypingMessage, UnsendRequest, call_message, receipt_message,
};
use starling_protocol::content::{self, Content, Expiration, Kind, KindError, Profile, Text};
use starling_protocol::crypto::{ed25519, x25519};
use starling_protocol::message::{Decoded, EncodeError, Ignored, Incoming, MAX_LEN, Outgoing, Version};
use starling_protocol::{AccountId, AccountKeys, envelope, message, session_protocol};

const SENT_AT: u64 = 1_754_971_101_123;

fn alice() -> AccountKeys {
    AccountKeys::from_seed(&[1; 16])
}

fn bob() -> AccountKeys {
    AccountKeys::from_seed(&[2; 16])
}

fn text(body: &str) -> Content {
    Text::new(body, SENT_AT).expect("a short text").into_content()
}

/// A source of "random" bytes that is different at each call.
fn counter() -> impl FnMut(&mut [u8]) {
    let mut calls = 0;
    move |bytes| {
        calls += 1;
        bytes.fill(calls);
    }
}

fn encode(content: Content, sender: &AccountKeys, recipient: AccountId) -> Vec<u8> {
    let outgoing = Outgoing { recipient, sent_at: SENT_AT, content };
    message::encode(Version::V1, &outgoing, sender, &mut counter()).expect("a short message")
}

#[track_caller]
fn accepted(data: &[u8], recipient: &AccountKeys) -> Incoming {
    match message::decode(data, recipient) {
        Decoded::Message(message) => *message,
        other => panic!("not a message: {other:?}"),
    }
}

#[track_caller]
fn ignored(content: Content, sender: &AccountKeys, because: Ignored) {
    let data = encode(content, sender, bob().id());
    assert_eq!(message::decode(&data, &bob()), Decoded::Ignored(because));
}

#[test]
fn a_text_arrives_with_sender_time_profile_and_timer() {
    let profile = Profile { name: "Alice".into(), picture: None, updated_at_seconds: 7 };
    let sent = Text::new("hello", SENT_AT)
        .unwrap()
        .with_profile(profile)
        .with_expiration(Expiration::AfterSend { seconds: 60 })
        .into_content();

    let message = accepted(&encode(sent.clone(), &alice(), bob().id()), &bob());

    assert_eq!((message.sender, message.sender_ed25519), (alice().id(), alice().ed25519().public()));
    assert_eq!((message.conversation(), message.from_self), (alice().id(), false));
    assert_eq!((message.body(), message.kind), (Some("hello"), Kind::Text));
    assert_eq!((message.sent_at, message.expiration()), (SENT_AT, Expiration::AfterSend { seconds: 60 }));
    assert_eq!(message.profile().unwrap().display_name(), "Alice");
    assert!(message.content == sent && message.pro_signature.is_some());
}

#[test]
fn a_copy_to_oneself_belongs_to_the_conversation_it_names() {
    let copy = content::sync_copy(&text("hello"), &alice().id()).unwrap();
    let note = content::sync_copy(&text("note"), &bob().id()).unwrap();

    let copy = accepted(&encode(copy, &bob(), bob().id()), &bob());
    let note = accepted(&encode(note, &bob(), bob().id()), &bob());

    assert_eq!(
        (copy.conversation(), copy.sync_target, copy.from_self),
        (alice().id(), Some(alice().id()), true)
    );
    assert_eq!(note.conversation(), bob().id());
}

#[test]
fn an_empty_sync_target_counts_as_absent() {
    let mut content = text("hello");
    content.data_message.as_mut().unwrap().sync_target = Some(String::new());

    assert_eq!(accepted(&encode(content, &alice(), bob().id()), &bob()).sync_target, None);
}

#[test]
fn nobody_else_may_synchronise_ones_own_messages() {
    let forged = content::sync_copy(&text("forged"), &bob().id()).unwrap();
    let mut garbled = text("garbled");
    garbled.data_message.as_mut().unwrap().sync_target = Some("nobody".into());

    ignored(forged, &alice(), Ignored::ForeignSyncTarget);
    ignored(garbled, &bob(), Ignored::SyncTarget);
}

#[test]
fn own_messages_of_a_kind_that_is_not_synchronised_are_dropped() {
    let typing = Content { typing_message: Some(TypingMessage::default()), ..Content::default() };
    let receipt = ReceiptMessage { r#type: receipt_message::Type::Read.into(), timestamp: vec![SENT_AT] };
    let receipt = Content { receipt_message: Some(receipt), ..Content::default() };
    let call = |step: call_message::Type| Content {
        call_message: Some(CallMessage { r#type: step.into(), uuid: "u".into(), ..CallMessage::default() }),
        ..Content::default()
    };

    ignored(typing.clone(), &bob(), Ignored::FromSelf);
    ignored(receipt, &bob(), Ignored::FromSelf);
    ignored(call(call_message::Type::Offer), &bob(), Ignored::FromSelf);
    assert_eq!(accepted(&encode(typing, &alice(), bob().id()), &bob()).kind, Kind::Typing);
    let answered = accepted(&encode(call(call_message::Type::Answer), &bob(), bob().id()), &bob());
    assert_eq!(answered.kind, Kind::Call(call_message::Type::Answer));
}

#[test]
fn only_the_author_takes_a_message_back() {
    let unsend = |author: AccountId| {
        let request = UnsendRequest { timestamp: 5, author: author.to_string() };
        Content { unsend_request: Some(request), ..Content::default() }
    };

    assert_eq!(accepted(&encode(unsend(alice().id()), &alice(), bob().id()), &bob()).kind, Kind::Unsend);
    ignored(unsend(bob().id()), &alice(), Ignored::ForeignUnsend);
}

#[test]
fn contents_that_say_nothing_are_dropped() {
    let empty = Content { data_message: Some(content::DataMessage::default()), ..Content::default() };

    ignored(Content::default(), &alice(), Ignored::Kind(KindError::NoPart));
    ignored(empty, &alice(), Ignored::Kind(KindError::Empty));
}

#[test]
fn the_times_inside_and_outside_must_agree_unless_there_is_none_inside() {
    let wrapped = |inside: Option<u64>, outside: u64| {
        let content = Content { sig_timestamp: inside, ..text("hello") };
        let ephemeral = x25519::SecretKey::from_bytes([9; 32]);
        let sealed =
            session_protocol::seal(&content::encode(&content), &alice(), &bob().id(), &ephemeral).unwrap();
        message::decode(&envelope::wrap(sealed, outside, &[0; 64]), &bob())
    };

    assert_eq!(wrapped(Some(5), 6), Decoded::Ignored(Ignored::Timestamp));
    for tolerated in [None, Some(0), Some(6)] {
        assert!(matches!(wrapped(tolerated, 6), Decoded::Message(message) if message.sent_at == 6));
    }
}

#[test]
fn longer_than_a_swarm_stores_is_refused_with_limit_and_length() {
    let with_body = |len: usize| {
        let mut content = text("x");
        content.data_message.as_mut().unwrap().body = Some("x".repeat(len));
        Outgoing { recipient: bob().id(), sent_at: SENT_AT, content }
    };
    let encode = |outgoing: &Outgoing| message::encode(Version::V1, outgoing, &alice(), &mut counter());

    let longest = encode(&with_body(76_300)).unwrap();
    assert!(longest.len() <= MAX_LEN);
    let Err(EncodeError::TooLong { got, limit }) = encode(&with_body(77_000)) else {
        panic!("must be refused")
    };
    assert!(got > limit && limit == MAX_LEN);
    assert_eq!(
        message::decode(&vec![8; MAX_LEN + 1], &bob()),
        Decoded::Ignored(Ignored::TooLong { got: MAX_LEN + 1, limit: MAX_LEN })
    );
}

#[test]
fn a_long_text_is_shown_up_to_the_limit_of_those_who_paid() {
    let mut content = text("x");
    content.data_message.as_mut().unwrap().body = Some("é".repeat(10_001));

    let message = accepted(&encode(content, &alice(), bob().id()), &bob());

    assert_eq!(message.body().unwrap().chars().count(), 10_000);
}

#[test]
fn what_cannot_be_written_to_is_refused() {
    let outgoing = |recipient| Outgoing { recipient, sent_at: SENT_AT, content: text("hello") };
    let encode =
        |version, recipient| message::encode(version, &outgoing(recipient), &alice(), &mut counter());
    let refused = Err(EncodeError::Seal(session_protocol::Error::RecipientKey));

    assert_eq!(encode(Version::V1, AccountId::new(Prefix::Blinded15, [7; 32])), refused);
    assert_eq!(encode(Version::V1, AccountId::new(Prefix::Standard, [0; 32])), refused);
    assert_eq!(encode(Version::V2, bob().id()), Err(EncodeError::Version { version: Version::V2 }));
}

#[test]
fn other_versions_are_kept_byte_for_byte() {
    let cases: [(&[u8], Version); 5] = [
        (&[0, 2, 3, 4], Version::V2),
        (&[0, 2], Version::V2),
        (&[0, 1, 9], Version::Reserved(1)),
        (&[0, 0xff], Version::Reserved(0xff)),
        (&[0], Version::Reserved(0)),
    ];
    for (data, version) in cases {
        assert_eq!(message::decode(data, &bob()), Decoded::Unsupported { version, raw: data.to_vec() });
    }
}

#[test]
fn bytes_that_name_no_version_are_not_kept() {
    for data in [&[][..], &[0x0a, 1, 2], &[0x08, 0x02], b"anything"] {
        assert_eq!(message::decode(data, &bob()), Decoded::Ignored(Ignored::NoVersion));
    }
}

#[test]
fn nothing_that_debug_prints_shows_what_was_said_or_to_whom() {
    let outgoing = Outgoing { recipient: bob().id(), sent_at: SENT_AT, content: text("secret words") };
    let incoming = message::decode(&encode(text("secret words"), &alice(), bob().id()), &bob());

    for printed in [format!("{outgoing:?}"), format!("{incoming:?}"), format!("{:?}", alice())] {
        assert!(!printed.contains("secret"), "{printed}");
        assert!(!printed.contains(&hex::encode(bob().id().key())), "{printed}");
        assert!(!printed.contains(&hex::encode(alice().id().key())), "{printed}");
        assert!(!printed.contains(&alice().ed25519().public().to_string()), "{printed}");
    }
}

proptest! {
    #[test]
    fn any_text_survives_the_way_there_and_back(body in "\\PC{1,300}", seeds in any::<([u8; 16], [u8; 16])>(), random: [u8; 32]) {
        prop_assume!(!body.trim().is_empty());
        let (sender, recipient) = (AccountKeys::from_seed(&seeds.0), AccountKeys::from_seed(&seeds.1));
        let outgoing = Outgoing { recipient: recipient.id(), sent_at: SENT_AT, content: text(&body) };
        let mut fill = |bytes: &mut [u8]| bytes.iter_mut().zip(random.iter().cycle()).for_each(|(byte, random)| *byte = *random);

        let data = message::encode(Version::V1, &outgoing, &sender, &mut fill).unwrap();

        let message = accepted(&data, &recipient);
        prop_assert_eq!(message.sender, sender.id());
        prop_assert_eq!(message.body(), Some(body.as_str()));
        if recipient.id() != sender.id() {
            let refused = Decoded::Ignored(Ignored::Open(session_protocol::Error::Decrypt));
            prop_assert_eq!(message::decode(&data, &sender), refused);
        }
    }

    #[test]
    fn a_flipped_byte_of_a_sealed_message_is_refused(position: prop::sample::Index, flip in 1_u8..) {
        let ephemeral = x25519::SecretKey::from_bytes([9; 32]);
        let mut sealed = session_protocol::seal(&content::encode(&text("hello")), &alice(), &bob().id(), &ephemeral).unwrap();
        let position = position.index(sealed.len());

        sealed[position] ^= flip;

        // The top bit of the ephemeral key is ignored by the curve, but it is part of the nonce.
        prop_assert_eq!(session_protocol::open(&sealed, &bob()), Err(session_protocol::Error::Decrypt));
    }

    #[test]
    fn a_flipped_byte_of_a_stored_message_never_changes_what_was_said(position: prop::sample::Index, flip in 1_u8..) {
        let mut data = encode(text("hello"), &alice(), bob().id());
        let genuine = accepted(&data, &bob());
        let position = position.index(data.len());

        data[position] ^= flip;

        // Frame and envelope are not signed: what means nothing in them may be altered unnoticed, nothing else.
        if let Decoded::Message(mut message) = message::decode(&data, &bob()) {
            message.pro_signature = genuine.pro_signature;
            prop_assert_eq!(*message, genuine);
        }
    }

    #[test]
    fn a_flipped_byte_of_a_signature_or_of_what_was_signed_is_refused(message: [u8; 40], position in 0_usize..104, flip in 1_u8..) {
        let signature = alice().ed25519().sign(&message);
        let mut bytes = [message.as_slice(), &signature.0].concat();

        bytes[position] ^= flip;

        let altered = ed25519::Signature::from_slice(&bytes[40..]).unwrap();
        prop_assert!(!alice().ed25519().public().verify(&bytes[..40], &altered));
    }

    #[test]
    fn arbitrary_bytes_never_panic(prefix in prop::sample::select(vec![&[][..], &[8, 1, 0x12], &[8, 6], &[8, 7], &[0, 2]]), tail: Vec<u8>) {
        let data = [prefix, &tail].concat();

        if let Decoded::Unsupported { raw, .. } = message::decode(&data, &bob()) {
            prop_assert_eq!(raw, data);
        }
    }

    #[test]
    fn arbitrary_envelopes_never_panic(sealed: Vec<u8>, timestamp: u64) {
        let outcome = message::decode(&envelope::wrap(sealed, timestamp, &[0; 64]), &bob());

        prop_assert!(matches!(outcome, Decoded::Ignored(_)));
    }

    #[test]
    fn arbitrary_sealed_bytes_of_a_hostile_sender_never_panic(inside: Vec<u8>, timestamp: u64) {
        let ephemeral = x25519::SecretKey::from_bytes([9; 32]);
        let sealed = session_protocol::seal(&inside, &alice(), &bob().id(), &ephemeral).unwrap();

        match message::decode(&envelope::wrap(sealed, timestamp, &[0; 64]), &bob()) {
            Decoded::Message(message) => prop_assert_eq!(message.sender, alice().id()),
            Decoded::Ignored(_) => {}
            other => prop_assert!(false, "version 1 is known: {:?}", other),
        }
    }
}
