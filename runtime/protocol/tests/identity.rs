//! Every vector of identity.json: keys, recovery passwords, names, ids.

#[path = "vectors/file.rs"]
mod vector_file;

use starling_protocol::crypto::hash;
use starling_protocol::mnemonic::{self, RecoveryPassword};
use starling_protocol::profile::{MAX_NAME_BYTES, NameError, clean_display_name, trim_display_name};
use starling_protocol::{AccountId, AccountKeys};
use vector_file::Entry;

#[test]
fn every_vector_of_identity_holds() {
    let mut file = vector_file::load("identity");
    text(&mut file, "description");
    word_list(&text(&mut file, "wordlist_sha256_newline_joined"));
    file.entries("accounts").into_iter().for_each(account);
    file.entries("long_phrases").into_iter().for_each(long_phrase);
    file.entries("phrase_tolerance").into_iter().for_each(tolerated_phrase);
    file.entries("phrase_rejects").into_iter().for_each(refused_phrase);
    file.entries("display_name_trim").into_iter().for_each(display_name);
    file.entries("ids").into_iter().for_each(id);
    file.finish();
}

fn text(entry: &mut Entry, field: &str) -> String {
    entry.field(field).as_str().expect("a text").to_owned()
}

fn bytes(entry: &mut Entry, field: &str) -> Vec<u8> {
    hex::decode(text(entry, field)).expect("hex")
}

/// The list is private, but a small number is written with the word of that index first.
fn word_list(expected_sha256: &str) {
    let words: Vec<String> = (0..1626_u32)
        .map(|number| {
            mnemonic::encode(&number.to_le_bytes()).split(' ').next().expect("a first word").to_owned()
        })
        .collect();

    assert_eq!(hex::encode(hash::sha256(&[words.join("\n").as_bytes()])), expected_sha256);
}

fn account(mut entry: Entry) {
    let seed: [u8; 16] = bytes(&mut entry, "seed").try_into().expect("an account's seed has 16 bytes");
    let phrase = text(&mut entry, "mnemonic");
    let keys = AccountKeys::from_seed(&seed);

    assert_eq!(mnemonic::encode(&seed), phrase);
    assert_eq!(*mnemonic::decode_account(&phrase).expect("the phrase is good"), seed);
    assert_eq!(RecoveryPassword::of(&keys).as_str(), phrase);
    assert_eq!(phrase.parse::<RecoveryPassword>().expect("the phrase is good").keys().id(), keys.id());
    let words: Vec<&str> = phrase.split(' ').collect();
    let checksum_index = entry.field("checksum_index").as_u64().and_then(|index| usize::try_from(index).ok());
    assert_eq!(words[checksum_index.expect("an index")], words[12]);

    assert_eq!(keys.seed(), &seed);
    assert_eq!(keys.ed25519().seed().as_slice(), bytes(&mut entry, "seed32"));
    assert_eq!(keys.ed25519().public().to_string(), text(&mut entry, "ed25519_public"));
    assert_eq!(keys.ed25519().to_bytes64().as_slice(), bytes(&mut entry, "ed25519_secret64"));
    assert_eq!(keys.x25519().as_bytes().as_slice(), bytes(&mut entry, "x25519_secret"));
    let x25519 = text(&mut entry, "x25519_public");
    assert_eq!(keys.x25519().public().to_string(), x25519);
    assert_eq!(keys.ed25519().public().to_x25519().expect("a key of ours converts").to_string(), x25519);

    let id = text(&mut entry, "account_id");
    assert_eq!(keys.id().to_string(), id);
    assert_eq!(id.parse(), Ok(keys.id()));
    assert_eq!(AccountId::from_bytes(&hex::decode(&id).expect("hex")), Ok(keys.id()));

    assert_eq!(keys.pro_master().seed().as_slice(), bytes(&mut entry, "pro_master_seed"));
    assert_eq!(keys.pro_master().public().to_string(), text(&mut entry, "pro_master_public"));
    entry.finish();
}

fn long_phrase(mut entry: Entry) {
    let seed = bytes(&mut entry, "seed");
    let phrase = text(&mut entry, "mnemonic");

    assert_eq!(mnemonic::encode(&seed), phrase);
    assert_eq!(*mnemonic::decode(&phrase).expect("the phrase is good"), seed);
    if seed.len() != 16 {
        assert!(mnemonic::decode_account(&phrase).is_err(), "only 16-byte seeds make an account");
    }
    entry.finish();
}

fn tolerated_phrase(mut entry: Entry) {
    let seed = bytes(&mut entry, "seed");
    let phrase = text(&mut entry, "mnemonic");

    assert_eq!(*mnemonic::decode(&phrase).expect("the phrase is good"), seed);
    assert_eq!(mnemonic::decode_account(&phrase).expect("the phrase is good").as_slice(), seed);
    entry.finish();
}

fn refused_phrase(mut entry: Entry) {
    let expected = text(&mut entry, "error");
    let error = mnemonic::decode_account(&text(&mut entry, "mnemonic")).expect_err("must be refused");

    let class = match error {
        mnemonic::Error::TooFewWords { .. } | mnemonic::Error::WrongNumber { .. } => "count",
        mnemonic::Error::UnknownWord { .. } => "unknown word",
        mnemonic::Error::Checksum { .. } => "checksum",
        mnemonic::Error::NotCanonical { .. } => "overflow",
        other => panic!("the vectors know no error like {other:?}"),
    };
    assert_eq!(class, expected);
    entry.finish();
}

fn display_name(mut entry: Entry) {
    let input = text(&mut entry, "input");
    let output = text(&mut entry, "output");

    assert_eq!(trim_display_name(&input), output);
    let cleaned = match output.len() {
        0 => Err(NameError::Empty),
        1..=MAX_NAME_BYTES => Ok(output),
        got => Err(NameError::TooLong { got }),
    };
    assert_eq!(clean_display_name(&input), cleaned);
    entry.finish();
}

fn id(mut entry: Entry) {
    let written = text(&mut entry, "id");
    let parsed = AccountId::parse_target(&written);

    assert_eq!(parsed.is_ok(), entry.field("valid_account").as_bool().expect("a bool"));
    if let Ok(id) = parsed {
        assert_eq!(id.to_string(), written.to_lowercase());
    }
    entry.finish();
}
