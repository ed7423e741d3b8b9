//! Messages against an independent implementation, libsession 0.1.8, in both directions.
//!
//! Where it differs from messages.md, and what the vectors decide instead:
//! - Trailing zeros without a padding mark: it leaves them (as older clients do), the vectors drop them (as the current
//!   shared library does). Encoded content never ends so.
//! - The place of a paid-feature signature: it signs with a throw-away key, we write R ‖ s of random scalars. Both are
//!   allowed (messages §5), and receivers ignore either.
//! - It does not refuse content that lacks a required field, and its schema leaves out the fields that are reserved.

use libsession::crypto::session_encrypt as theirs;
use libsession::proto::session_protos as their_schema;
use libsession::protocol::protocol as their_protocol;
use proptest::prelude::*;
use prost::Message as _;
use starling_protocol::content::{self, Content, Expiration, Profile, Text};
use starling_protocol::crypto::{ed25519, x25519};
use starling_protocol::message::{Decoded, Outgoing, Version};
use starling_protocol::pro::ProofA;
use starling_protocol::{AccountKeys, envelope, message, padding, session_protocol};

fn accounts() -> impl Strategy<Value = (AccountKeys, AccountKeys)> {
    any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| (AccountKeys::from_seed(&a), AccountKeys::from_seed(&b)))
}

fn contents() -> impl Strategy<Value = Content> {
    let picture = proptest::option::of(("http://[a-z]{1,20}/file/[0-9]{1,7}", any::<[u8; 32]>()));
    let profile = ("\\PC{1,20}", picture, any::<u64>())
        .prop_map(|(name, picture, updated_at_seconds)| Profile { name, picture, updated_at_seconds });
    let expiration = prop_oneof![
        Just(Expiration::Never),
        (1_u32..).prop_map(|seconds| Expiration::AfterRead { seconds }),
        (1_u32..).prop_map(|seconds| Expiration::AfterSend { seconds }),
    ];
    ("x\\PC{0,400}", any::<u64>(), proptest::option::of(profile), expiration).prop_map(
        |(body, sent_at, profile, expiration)| {
            let text = Text::new(body, sent_at).expect("a short text").with_expiration(expiration);
            profile.into_iter().fold(text, Text::with_profile).into_content()
        },
    )
}

proptest! {
    #[test]
    fn what_we_seal_they_open((sender, recipient) in accounts(), message: Vec<u8>, ephemeral: [u8; 32]) {
        let ephemeral = x25519::SecretKey::from_bytes(ephemeral);

        let sealed = session_protocol::seal_raw(&message, sender.ed25519(), &recipient.x25519().public(), &ephemeral).unwrap();

        let (opened, id) = theirs::decrypt_incoming_session_id(recipient.ed25519().to_bytes64().as_slice(), &sealed).unwrap();
        prop_assert_eq!((opened, id), (message, sender.id().to_string()));
    }

    #[test]
    fn what_they_seal_we_open((sender, recipient) in accounts(), message: Vec<u8>) {
        let sealed =
            theirs::encrypt_for_recipient(sender.ed25519().to_bytes64().as_slice(), recipient.id().as_bytes(), &message).unwrap();

        let opened = session_protocol::open_raw(&sealed, recipient.x25519()).unwrap();

        prop_assert_eq!(opened.content, message);
        prop_assert_eq!((opened.sender, opened.sender_ed25519), (sender.id(), sender.ed25519().public()));
    }

    #[test]
    fn the_deterministic_form_is_the_same_to_the_byte((sender, recipient) in accounts(), message: Vec<u8>) {
        let ours = session_protocol::seal_raw_deterministic(&message, sender.ed25519(), &recipient.x25519().public()).unwrap();

        let theirs = theirs::encrypt_for_recipient_deterministic(
            sender.ed25519().to_bytes64().as_slice(),
            recipient.id().as_bytes(),
            &message,
        );

        prop_assert_eq!(ours, theirs.unwrap());
    }

    #[test]
    fn padding_is_the_same(message in proptest::collection::vec(any::<u8>(), 0..700)) {
        let padded = padding::pad(&message);

        prop_assert_eq!(&padded, &their_protocol::pad_message(&message));
        prop_assert_eq!(padding::unpad(&padded), their_protocol::unpad_message(&padded));
    }

    #[test]
    fn content_is_encoded_the_same(content in contents()) {
        let bytes = content::encode(&content);

        let theirs = their_schema::Content::decode(bytes.as_slice()).unwrap();

        prop_assert_eq!(theirs.encode_to_vec(), bytes);
        prop_assert_eq!(theirs.sig_timestamp, content.sig_timestamp);
        let data = theirs.data_message.unwrap();
        prop_assert_eq!(data.body.as_deref(), content.data_message.as_ref().map(|data| data.body()));
    }

    #[test]
    fn a_stored_message_of_ours_is_read_by_them((sender, recipient) in accounts(), content in contents(), random: [u8; 32]) {
        let sent_at = content.sig_timestamp();
        let outgoing = Outgoing { recipient: recipient.id(), sent_at, content: content.clone() };
        let mut fill = |bytes: &mut [u8]| bytes.iter_mut().zip(random.iter().cycle()).for_each(|(byte, random)| *byte = *random);
        let data = message::encode(Version::V1, &outgoing, &sender, &mut fill).unwrap();

        let secret = recipient.ed25519().to_bytes64();
        let keys = their_protocol::DecodeEnvelopeKey { decrypt_keys: &[secret.as_slice()], ..Default::default() };
        let decoded = their_protocol::decode_envelope(&keys, &data, &[0; 32]).unwrap();

        prop_assert_eq!(decoded.content_plaintext, content::encode(&content));
        prop_assert_eq!(decoded.envelope.timestamp, sent_at);
        prop_assert_eq!(decoded.sender_ed25519_pubkey, sender.ed25519().public().0);
        prop_assert_eq!(decoded.sender_x25519_pubkey, *sender.id().key());
    }

    #[test]
    fn a_stored_message_of_theirs_is_read_by_us((sender, recipient) in accounts(), content in contents()) {
        let sent_at = content.sig_timestamp();
        let secret = sender.ed25519().to_bytes64();
        let data =
            their_protocol::encode_for_1o1(&content::encode(&content), secret.as_slice(), sent_at, recipient.id().as_bytes(), None)
                .unwrap();

        let Decoded::Message(message) = message::decode(&data, &recipient) else { panic!("not a message") };

        prop_assert!(message.content == content);
        prop_assert_eq!((message.sender, message.sent_at), (sender.id(), sent_at));
        let signature = message.pro_signature.expect("they always sign");
        // Apart from the random parts, frame and envelope are the same to the byte.
        let sealed = envelope::unwrap(&data).unwrap().content.unwrap();
        prop_assert_eq!(envelope::wrap_signed(sealed, sent_at, &signature), data);
    }

    #[test]
    fn proofs_of_the_first_generation_hash_the_same(version: u8, tag: [u8; 32], rotating: [u8; 32], expires_at: u64, backend: [u8; 32]) {
        let backend = ed25519::SecretKey::from_seed(backend);
        let ours = ProofA { version, gen_index_hash: tag, rotating_key: ed25519::PublicKey(rotating), expires_at };
        let sig = backend.sign(&ours.hash());
        let theirs = their_protocol::ProProof {
            version,
            gen_index_hash: tag,
            rotating_pubkey: rotating,
            expiry_unix_ts_ms: expires_at,
            sig: sig.0,
        };

        prop_assert_eq!(ours.hash(), theirs.hash());
        prop_assert!(theirs.verify_signature(&backend.public().0).unwrap());
        prop_assert!(ours.verify(&backend.public(), &sig));
    }
}
