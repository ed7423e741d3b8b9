//! What subaccounts may do, and the blinded keys of group members.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use starling_protocol::AccountId;
use starling_protocol::account::Prefix;
use starling_protocol::crypto::ed25519;
use starling_protocol::storage::request::{Authority, Credentials, Refused, Request, parse_params};
use starling_protocol::storage::signed_text::ExpireMode;
use starling_protocol::storage::subaccount::{Access, MemberAuth, Token};

use super::vector_file::{Entry, load};
use super::{account, base64, hex_of, keys, parse, seed, signature, signed_bytes, text, verified};

#[test]
fn subaccounts_may_what_their_token_says() {
    let mut file = load("storage_signatures");
    let keys = keys(&mut file);
    for mut entry in file.entries("subaccounts") {
        let token = Token::parse(text(&entry.field("token")).as_bytes()).unwrap();
        let delegate = seed(&entry.field("subaccount_seed"));
        let request = parse(&entry.field("request")).unwrap();
        let message = signed_bytes(&mut entry);
        let expected = entry.field("expected");

        assert_eq!(token.as_bytes().as_slice(), hex_of(&entry.field("token_hex")));
        assert_eq!(Token::parse(hex::encode(token.as_bytes()).as_bytes()), Some(token));
        assert_eq!(token.key(), delegate.public());
        assert_eq!(keys.group.sign(token.as_bytes()), signature(&entry.field("subaccount_sig")));
        assert_eq!(delegate.sign(&message), signature(&entry.field("signature")));
        let outcome = verified(&request, &message);
        match (text(&expected), &request) {
            ("accept", _) => assert_eq!(outcome, Ok(Authority::Subaccount(token))),
            ("accept (extend only)", Request::Expire(expire)) => {
                assert_eq!(outcome, Ok(Authority::Subaccount(token)));
                assert_eq!(expire.permitted_mode(&outcome.unwrap()), Ok(ExpireMode::Extend));
                let mut shortening = expire.clone();
                shortening.mode = ExpireMode::Shorten;
                assert!(shortening.permitted_mode(&Authority::Subaccount(token)).is_err());
                assert_eq!(shortening.permitted_mode(&Authority::Owner), Ok(ExpireMode::Shorten));
            }
            ("reject 401", _) => {
                let refused = outcome.unwrap_err();
                assert!(request.refusal_text(refused).ends_with("signature verification failed"));
            }
            (other, _) => panic!("unknown expectation {other}"),
        }
        assert_eq!(parse_params(request.method(), &request.to_bencode()).unwrap().0, request);
        assert_eq!(parse(&request.to_rpc_json()).unwrap(), request);
        entry.finish();
    }
}

#[test]
fn a_token_altered_anywhere_is_refused() {
    let mut file = load("storage_signatures");
    let accepted = file
        .entries("subaccounts")
        .into_iter()
        .find_map(|mut entry| (entry.field("expected") == "accept").then(|| entry.field("request")));
    let sent = accepted.expect("an accepted subaccount request");
    for name in ["subaccount", "subaccount_sig", "signature"] {
        let bytes = base64(&sent["params"][name]);
        for index in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[index] ^= 0x10;
            let mut request = sent.clone();
            request["params"][name] = Json::from(STANDARD.encode(altered));
            assert!(parse(&request).unwrap().verify().is_err(), "{name} byte {index}");
        }
    }
}

#[test]
fn group_members_sign_with_blinded_keys() {
    for mut entry in load("storage_signatures").entries("blinded_member_subaccounts") {
        let (group, member) = (seed(&entry.field("group_seed")), seed(&entry.field("member_seed")));
        let id = account(&entry.field("member_account"));
        assert_eq!(id, AccountId::standard(member.to_x25519().public()));
        let flag = |entry: &mut Entry, name: &str, access| {
            if entry.field(name).as_bool().unwrap() { access } else { Access::NONE }
        };
        let access = Access::READ.and(flag(&mut entry, "write", Access::WRITE)).and(flag(
            &mut entry,
            "delete",
            Access::DELETE,
        ));

        let auth = MemberAuth::grant(&group, &id, &member.public(), access).unwrap();
        let delegated = auth.signed_token(&member.public()).unwrap();

        assert_eq!(auth.factor().as_bytes().as_slice(), hex_of(&entry.field("blind_factor_k")));
        assert_eq!(delegated.token.key().to_string(), text(&entry.field("blinded_pubkey")));
        assert_eq!(delegated.token.to_base64(), text(&entry.field("token")));
        assert_eq!(delegated.token.access(), access);
        assert_eq!(delegated.signature, signature(&entry.field("subaccount_sig")));
        assert_eq!(auth.encode().as_slice(), hex_of(&entry.field("auth_data_hex")));
        assert_eq!(MemberAuth::decode(auth.encode().as_slice()), Ok(auth.clone()));
        let message = signed_bytes(&mut entry);
        let signature = signature(&entry.field("signature"));
        assert_eq!(auth.sign(&member, &message), Ok(signature));
        let group_id = AccountId::new(Prefix::Group, *group.public().as_bytes());
        let credentials = Credentials::delegated(signature, delegated);
        assert_eq!(
            credentials.verify(&group_id, Some(Access::READ), &message),
            Ok(Authority::Subaccount(delegated.token))
        );
        assert_eq!(credentials.verify(&group_id, None, &message), Err(Refused::Signature));
        entry.finish();
    }
}

#[test]
fn an_admin_needs_no_sign_of_the_members_key() {
    let (group, member) = (ed25519::SecretKey::from_seed([1; 32]), ed25519::SecretKey::from_seed([2; 32]));
    let id = AccountId::standard(member.to_x25519().public());
    let mut other_sign = *member.public().as_bytes();
    other_sign[31] ^= 0x80;

    let granted = MemberAuth::grant(&group, &id, &ed25519::PublicKey(other_sign), Access::READ).unwrap();

    assert_eq!(granted, MemberAuth::grant(&group, &id, &member.public(), Access::READ).unwrap());
    assert!(MemberAuth::grant(&group, &id, &ed25519::PublicKey([0xff; 32]), Access::READ).is_err());
    assert!(MemberAuth::decode(&[0; 99]).is_err());
}
