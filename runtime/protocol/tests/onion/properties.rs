//! What is built peels, what is altered does not, and nothing panics.

use proptest::prelude::*;
use starling_protocol::crypto::{ed25519, x25519};
use starling_protocol::onion::build::{CONTROL, Ciphers, Options, build_with};
use starling_protocol::onion::frame::Frame;
use starling_protocol::onion::layer::LayerKey;
use starling_protocol::onion::peel::outer;
use starling_protocol::onion::{
    Cipher, Destination, Forward, Hop, HopNumber, Inner, PeelError, ReplyKey, build, parse_node_reply, peel,
    v4,
};

use super::{any_seal, counting};

fn any_cipher() -> impl Strategy<Value = Cipher> {
    prop_oneof![Just(Cipher::AesGcm), Just(Cipher::XChaCha20), Just(Cipher::AesCbc)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_built_peels_to_the_same_body(
        seeds in proptest::collection::vec(any::<[u8; 32]>(), 1..5),
        ciphers in proptest::collection::vec(any_cipher(), 5),
        body in "[ -~]{0,300}",
        random_seed in any::<u8>(),
    ) {
        let keys: Vec<_> = seeds.into_iter().map(ed25519::SecretKey::from_seed).collect();
        let mut path: Vec<Hop> = keys.iter().map(|key| Hop::from_ed25519(key.public()).unwrap()).collect();
        let destination = Destination::ServiceNode(path.pop().unwrap(), body.clone());
        let options = Options { ciphers: Ciphers::Each(&ciphers[..keys.len()]), explicit_enc_type: true, control: CONTROL };
        let mut next = random_seed;
        let mut random = |out: &mut [u8]| { next = next.wrapping_add(77); out.fill(next) };

        let built = build_with(&path, &destination, &options, &mut random).unwrap();

        let guard = outer(&built.post_body).unwrap();
        let (mut ciphertext, mut ephemeral, mut cipher) = (guard.ciphertext, guard.ephemeral, guard.cipher);
        for key in &keys {
            match peel(&ciphertext, &key.to_x25519(), &ephemeral, cipher).unwrap() {
                Inner::Relay { ephemeral: e, cipher: c, ciphertext: inner, .. } => {
                    let forward = Forward { data: inner, cipher: c, ephemeral: e, hop_no: HopNumber::GUARD.next() };
                    let forward = Forward::decode(&forward.encode()).unwrap();
                    (ciphertext, ephemeral, cipher) = (forward.data, forward.ephemeral, forward.cipher);
                }
                Inner::Destination { body: found, reply, .. } => {
                    prop_assert_eq!(found, body.as_bytes());
                    let answer = reply.seal(b"the answer", &mut random);
                    prop_assert_eq!(built.reply_key.open(&answer).unwrap(), b"the answer");
                }
                Inner::Server { .. } => prop_assert!(false, "no server was asked for"),
            }
        }
    }

    #[test]
    fn flipping_any_byte_of_a_sealed_layer_is_refused(
        is_gcm in any::<bool>(),
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
    ) {
        let cipher = if is_gcm { Cipher::AesGcm } else { Cipher::XChaCha20 };
        let node = ed25519::SecretKey::from_seed([9; 32]);
        let destination = Destination::ServiceNode(Hop::from_ed25519(node.public()).unwrap(), "{}".to_owned());
        let built = build(&[], &destination, cipher, true, &mut counting()).unwrap();
        let guard = outer(&built.post_body).unwrap();
        let mut altered = guard.ciphertext.clone();
        *at.get_mut(&mut altered) ^= flip;

        let peeled = peel(&altered, &node.to_x25519(), &guard.ephemeral, cipher);

        prop_assert!(matches!(peeled, Err(PeelError::InvalidCiphertext)));
    }

    #[test]
    fn flipping_any_byte_of_an_answer_is_refused(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let node = ed25519::SecretKey::from_seed([9; 32]);
        let destination = Destination::ServiceNode(Hop::from_ed25519(node.public()).unwrap(), "{}".to_owned());
        let built = build(&[], &destination, Cipher::XChaCha20, true, &mut counting()).unwrap();
        let guard = outer(&built.post_body).unwrap();
        let key = LayerKey::for_node(guard.cipher, &node.to_x25519(), &guard.ephemeral).unwrap();
        let mut answer = key.seal(b"{\"body\":\"\",\"status\":200}", &mut counting());
        *at.get_mut(&mut answer) ^= flip;

        prop_assert!(built.reply_key.open(&answer).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), length in 0u32..300, cipher in any_cipher()) {
        let framed = [&length.to_le_bytes(), bytes.as_slice()].concat();
        let node = x25519::SecretKey::from_bytes([5; 32]);

        let _ = outer(&bytes);
        let _ = outer(&framed);
        let _ = Inner::parse(framed, any_seal());
        let _ = Forward::decode(&bytes);
        let _ = v4::Request::decode(&bytes);
        let _ = v4::Response::decode(&bytes);
        let _ = parse_node_reply(&bytes);
        let _ = peel(&bytes, &node, &x25519::PublicKey([9; 32]), cipher);
        let _ = ReplyKey::new(LayerKey::for_client(cipher, &node, &x25519::PublicKey([9; 32])).unwrap()).open(&bytes);
    }

    #[test]
    fn arbitrary_control_objects_never_panic(json in r#"\{("(headers|host|target|port|protocol|destination|ephemeral_key|enc_type|json|base64|hop_no)":("x"|-?[0-9]{1,6}|true|null|\{\}|"[0-9a-f]{64}"),){0,4}"z":1\}"#) {
        let framed = Frame { ciphertext: b"body", json: json.as_bytes() }.encode();

        let _ = outer(&framed);
        let _ = Inner::parse(framed, any_seal());
    }
}
