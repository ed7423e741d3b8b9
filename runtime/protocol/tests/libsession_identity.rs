//! Keys against an independent implementation, libsession 0.1.8. It has no mnemonic, so the vectors alone decide that.

use libsession::crypto::{curve25519, ed25519 as theirs};
use proptest::prelude::*;
use starling_protocol::AccountKeys;
use starling_protocol::crypto::ed25519;

proptest! {
    #[test]
    fn keys_and_id_of_a_seed_are_the_same(seed: [u8; 16]) {
        let ours = AccountKeys::from_seed(&seed);
        let padded = [seed, [0; 16]].concat();

        let (public, secret) = theirs::ed25519_key_pair_from_seed(&padded).unwrap();

        prop_assert_eq!(ours.ed25519().public().0, public);
        prop_assert_eq!(*ours.ed25519().to_bytes64(), secret);
        prop_assert_eq!(ours.x25519().as_bytes(), &curve25519::to_curve25519_seckey(&secret).unwrap());
        prop_assert_eq!(*ours.id().key(), curve25519::to_curve25519_pubkey(&public).unwrap());
        prop_assert_eq!(*ours.pro_master().to_bytes64(), theirs::ed25519_pro_privkey_for_ed25519_seed(&padded).unwrap());
    }

    #[test]
    fn signatures_are_the_same_and_verify_on_the_other_side(seed: [u8; 32], message: Vec<u8>, flip: prop::sample::Index) {
        let ours = ed25519::SecretKey::from_seed(seed);

        let signature = ours.sign(&message);

        prop_assert_eq!(signature.0, theirs::sign(ours.to_bytes64().as_slice(), &message).unwrap());
        prop_assert!(theirs::verify(&signature.0, &ours.public().0, &message).unwrap());
        let mut altered = signature;
        altered.0[flip.index(64)] ^= 1;
        prop_assert!(!ours.public().verify(&message, &altered));
        prop_assert!(!theirs::verify(&altered.0, &ours.public().0, &message).unwrap_or(false));
    }
}
