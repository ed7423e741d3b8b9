//! Ids, hashes, keys, tokens and names as texts: read or refused, and written in the one form that reads alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_protocol::{
    AccountId,
    crypto::{ed25519, x25519},
    profile::{clean_display_name, trim_display_name, truncate_display_name},
    storage::{MessageHash, subaccount::Token},
    swarm::SwarmId,
};

fuzz_target!(|data: &[u8]| {
    if let Some(token) = Token::parse(data) {
        assert_eq!(Token::parse(token.to_base64().as_bytes()), Some(token));
    }
    if let Ok(hash) = MessageHash::from_bytes(data) {
        assert_eq!(hash.as_str().as_bytes(), data);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(id) = AccountId::parse_any(text) {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
        assert_eq!(AccountId::from_bytes_any(id.as_bytes()), Ok(id));
        assert_eq!(text.parse().ok(), AccountId::from_bytes(id.as_bytes()).ok());
    }
    match AccountId::parse_target(text) {
        Ok(id) => assert!(id.is_conversation_target() && id.x25519().is_some()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(key) = text.parse::<ed25519::PublicKey>() {
        assert_eq!(key.to_string().parse(), Ok(key));
    }
    if let Ok(key) = text.parse::<x25519::PublicKey>() {
        assert_eq!(key.to_string().parse(), Ok(key));
    }
    if let Ok(swarm) = text.parse::<SwarmId>() {
        assert_eq!(swarm.to_string().parse().ok(), Some(swarm));
    }
    if let Ok(name) = clean_display_name(text) {
        assert_eq!(trim_display_name(&name), name);
        assert_eq!(truncate_display_name(&name), name);
    }
    assert!(truncate_display_name(text).len() <= 100);
});
