//! Peeling one layer, against the sum of the primitives that it cannot do without.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use starling_protocol::{
    crypto::{aead, ed25519, hash, random_bytes, x25519},
    onion::{
        Cipher,
        build::{self, Destination, Hop},
        peel,
    },
};

use crate::report::Report;

/// How long each side is measured, five times in turn; the best run counts.
const RUN: Duration = Duration::from_millis(400);
const RUNS: usize = 5;

pub(crate) fn measure(report: &Report) {
    let bytes = |fill: &mut [u8]| random_bytes(fill);
    let mut seed = [0; 32];
    random_bytes(&mut seed);
    let node = ed25519::SecretKey::from_seed(seed);
    let secret = node.to_x25519();
    let hop = Hop::from_ed25519(node.public()).expect("a fresh key converts");
    for size in [1_024, 65_536] {
        for cipher in [Cipher::AesGcm, Cipher::XChaCha20] {
            let destination = Destination::ServiceNode(hop, "x".repeat(size));
            let built = build::build(std::slice::from_ref(&hop), &destination, cipher, true, &mut { bytes })
                .expect("a path of one hop can be built");
            let outer = peel::outer(&built.post_body).expect("what was built parses");
            let peel_one =
                || peel::peel(black_box(&outer.ciphertext), &secret, &outer.ephemeral, cipher).is_ok();
            let sum = || primitives(black_box(&outer.ciphertext), &secret, &outer.ephemeral, cipher);
            let (mut ours, mut bound) = (0.0_f64, 0.0_f64);
            for _ in 0..RUNS {
                bound = bound.max(per_second(sum));
                ours = ours.max(per_second(peel_one));
            }
            report.ratio(&format!("onion peel, {cipher}, {size} bytes"), ours, bound, "per s and core");
        }
    }
}

/// Key agreement, key derivation, authenticated decryption: nothing else.
fn primitives(sealed: &[u8], secret: &x25519::SecretKey, theirs: &x25519::PublicKey, cipher: Cipher) -> bool {
    let shared = secret.shared_secret(theirs).expect("a fresh key is of full order");
    let opened = match cipher {
        Cipher::AesGcm => {
            let (nonce, body) = sealed.split_first_chunk().expect("a nonce is there");
            aead::aes256_gcm_open(&hash::hmac_sha256(b"LOKI", &*shared), nonce, body)
        }
        _ => {
            let (nonce, body) = sealed.split_first_chunk().expect("a nonce is there");
            let key = hash::blake2b(&[&*shared, theirs.as_bytes(), secret.public().as_bytes()]);
            aead::xchacha20_open(&key, nonce, &[], body)
        }
    };
    opened.is_some()
}

fn per_second(mut work: impl FnMut() -> bool) -> f64 {
    let began = Instant::now();
    let mut done = 0_u32;
    while began.elapsed() < RUN {
        for _ in 0..16 {
            assert!(black_box(work()), "what was sealed opens");
        }
        done += 16;
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}
