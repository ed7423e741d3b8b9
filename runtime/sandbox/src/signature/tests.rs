use base64::{Engine as _, prelude::BASE64_STANDARD};
use starling_protocol::crypto::{ed25519, hash::blake2b};

use super::*;

/// Signs as minisign does.
pub(crate) struct Signer {
    secret: ed25519::SecretKey,
    id: [u8; 8],
}

impl Signer {
    pub(crate) fn new(seed: u8) -> Self {
        Self { secret: ed25519::SecretKey::from_seed([seed; 32]), id: [seed; 8] }
    }

    pub(crate) fn key(&self) -> TrustedKey {
        let bytes = [&b"Ed"[..], &self.id, &self.secret.public().0].concat();
        BASE64_STANDARD.encode(bytes).parse().unwrap()
    }

    pub(crate) fn sign(&self, component: &[u8]) -> String {
        let signature = self.secret.sign(&blake2b::<64>(&[component])).0;
        let comment = "timestamp:1790000000\tfile:component.wasm";
        let global = self.secret.sign(&[&signature[..], comment.as_bytes()].concat()).0;
        let line = [&b"ED"[..], &self.id, &signature].concat();
        format!(
            "untrusted comment: signature\n{}\ntrusted comment: {comment}\n{}\n",
            BASE64_STANDARD.encode(line),
            BASE64_STANDARD.encode(global)
        )
    }
}

const COMPONENT: &[u8] = b"\0asm and so on";

fn trusting(signers: &[&Signer]) -> Demands {
    Demands {
        require_signed: true,
        trusted_keys: signers.iter().map(|signer| signer.key()).collect(),
        ..Demands::default()
    }
}

fn demanding(signer: &Signer) -> Demands {
    Demands { signer: Some(signer.key()), ..Demands::default() }
}

#[test]
fn a_signature_made_by_minisign_itself_is_accepted() {
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".parse().unwrap();
    let signature = "untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1633700835\tfile:test\tprehashed\n\
        wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";
    let demands = Demands { require_signed: true, trusted_keys: vec![key], ..Demands::default() };

    let provenance = demands.check(b"test", Some(signature)).unwrap();

    assert_eq!(provenance.signer.unwrap().id().to_string(), "E7620F1842B4E81F");
    assert!(demands.check(b"Test", Some(signature)).is_err());
}

#[test]
fn a_component_signed_by_a_trusted_key_is_accepted() {
    let (one, two) = (Signer::new(1), Signer::new(2));

    let provenance = trusting(&[&one, &two]).check(COMPONENT, Some(&two.sign(COMPONENT))).unwrap();

    assert_eq!(provenance.signer, Some(two.key()));
    assert_eq!(provenance.digest, Digest::of(COMPONENT));
}

#[test]
fn a_signature_that_is_needed_and_missing_is_asked_for_by_key() {
    let signer = Signer::new(1);

    for demands in [trusting(&[&signer]), demanding(&signer)] {
        let error = demands.check(COMPONENT, None).unwrap_err().to_string();
        assert!(error.contains("not signed") && error.contains("key 0101010101010101"), "{error}");
    }
}

#[test]
fn a_key_that_may_not_sign_is_named_with_those_that_may() {
    let (one, two) = (Signer::new(1), Signer::new(2));

    let error = trusting(&[&one]).check(COMPONENT, Some(&two.sign(COMPONENT))).unwrap_err();

    assert!(matches!(error, SignatureError::UnknownKey { .. }));
    assert_eq!(
        error.to_string(),
        "the component is signed by key 0202020202020202, expected key 0101010101010101"
    );
}

#[test]
fn a_demanded_signer_has_to_be_it_whoever_else_is_trusted() {
    let (one, two) = (Signer::new(1), Signer::new(2));
    let demands = Demands { trusted_keys: vec![two.key()], ..demanding(&one) };

    assert!(demands.check(COMPONENT, Some(&one.sign(COMPONENT))).is_ok());
    let refused = demands.check(COMPONENT, Some(&two.sign(COMPONENT))).unwrap_err();
    assert!(matches!(refused, SignatureError::UnknownKey { .. }), "{refused}");
}

#[test]
fn an_altered_component_or_signature_is_refused() {
    let signer = Signer::new(1);
    let signature = signer.sign(COMPONENT);
    let comment_altered = signature.replace("1790000000", "1790000001");
    let altered = |component: &[u8], signature: &str| {
        let error = trusting(&[&signer]).check(component, Some(signature)).unwrap_err();
        assert_eq!(error, SignatureError::Altered { key: signer.key().id() });
    };

    altered(b"another component", &signature);
    altered(COMPONENT, &comment_altered);
    let impostor = Signer { id: [1; 8], ..Signer::new(9) };
    altered(COMPONENT, &impostor.sign(COMPONENT));
}

#[test]
fn the_legacy_form_is_refused_by_name() {
    let signer = Signer::new(1);
    let signature = signer.sign(COMPONENT);
    let line = signature.lines().nth(1).unwrap();
    let mut bytes = BASE64_STANDARD.decode(line).unwrap();
    bytes[1] = b'd';
    let legacy = signature.replace(line, &BASE64_STANDARD.encode(bytes));

    assert_eq!(trusting(&[&signer]).check(COMPONENT, Some(&legacy)), Err(SignatureError::Legacy));
}

#[test]
fn what_is_no_signature_is_refused_and_never_panics() {
    let signer = Signer::new(1);
    let whole = signer.sign(COMPONENT);
    let demands = trusting(&[&signer]);

    for end in 0..whole.trim_end().len() {
        let cut = demands.check(COMPONENT, Some(&whole[..end]));
        assert!(cut.is_err(), "{end}: {cut:?}");
    }
    for text in ["", "\n\n\n\n", &whole.replace("trusted comment", "comment"), &"x".repeat(MAX_LEN + 1)] {
        assert_eq!(demands.check(COMPONENT, Some(text)), Err(SignatureError::Malformed), "{text}");
    }
}

#[test]
fn where_nothing_is_demanded_only_a_wrong_signature_of_a_known_key_is_refused() {
    let (one, two) = (Signer::new(1), Signer::new(2));
    let demands = Demands { require_signed: false, ..trusting(&[&one]) };

    assert_eq!(demands.check(COMPONENT, None).unwrap().signer, None);
    assert_eq!(demands.check(COMPONENT, Some(&two.sign(COMPONENT))).unwrap().signer, None);
    assert_eq!(demands.check(COMPONENT, Some(&one.sign(COMPONENT))).unwrap().signer, Some(one.key()));
    assert!(demands.check(b"another", Some(&one.sign(COMPONENT))).is_err());
}

#[test]
fn a_pinned_digest_has_to_be_the_component_s() {
    let pinned = Demands { digest: Some(Digest::of(COMPONENT)), ..Demands::default() };

    assert!(pinned.check(COMPONENT, None).is_ok());
    let error = pinned.check(b"another", None).unwrap_err().to_string();
    assert!(error.contains(&Digest::of(COMPONENT).to_string()), "{error}");
}
