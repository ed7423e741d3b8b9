//! TLS with raw public keys (RFC 7250): the node proves its own Ed25519 key and takes anybody's.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureAlgorithm,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime, alg_id},
    server::{
        AlwaysResolvesServerRawPublicKeys,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::{CertifiedKey, Signer, SigningKey, public_key_to_spki},
};
use starling_protocol::crypto::ed25519;

/// The protocol's name in handshakes.
const ALPN: &[u8] = b"oxenstorage";

/// The TLS side of the door, for the node with that key.
///
/// Sessions are not resumed, so that early data cannot be offered either.
///
/// # Errors
/// The cryptography of this build does not speak TLS 1.3.
pub(super) fn tls(
    key: Arc<ed25519::SecretKey>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, Error> {
    let spki = public_key_to_spki(&alg_id::ED25519, key.public().as_bytes());
    let certified = CertifiedKey::new(vec![CertificateDer::from(spki.to_vec())], Arc::new(NodeKey(key)));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(AnyKey))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::new(certified))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.max_early_data_size = 0;
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Signs handshakes as the node: the secret stays in its one place.
#[derive(Debug)]
struct NodeKey(Arc<ed25519::SecretKey>);

#[derive(Debug)]
struct NodeSigner(Arc<ed25519::SecretKey>);

impl SigningKey for NodeKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let signer = || Box::new(NodeSigner(Arc::clone(&self.0))) as Box<dyn Signer>;
        offered.contains(&SignatureScheme::ED25519).then(signer)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(public_key_to_spki(&alg_id::ED25519, self.0.public().as_bytes()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for NodeSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.sign(message).0.to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// Takes every client that proves an Ed25519 key, and those that have none.
#[derive(Debug)]
struct AnyKey;

impl ClientCertVerifier for AnyKey {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if !others.is_empty() {
            return Err(CertificateError::BadEncoding.into());
        }
        public_key(key)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("raw keys are for TLS 1.3".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let signature: Option<[u8; 64]> = signed.signature().try_into().ok();
        let is_valid = signed.scheme == SignatureScheme::ED25519
            && signature.is_some_and(|signature| {
                public_key(key).is_ok_and(|key| key.verify(message, &ed25519::Signature(signature)))
            });
        if is_valid {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// The key in a `SubjectPublicKeyInfo`, which for Ed25519 has one form only (RFC 8410).
fn public_key(spki: &[u8]) -> Result<ed25519::PublicKey, Error> {
    let unreadable = || Error::from(CertificateError::BadEncoding);
    let (_, key) = spki.split_last_chunk::<32>().ok_or_else(unreadable)?;
    let is_ed25519 = public_key_to_spki(&alg_id::ED25519, key).as_ref() == spki;
    if is_ed25519 { Ok(ed25519::PublicKey(*key)) } else { Err(unreadable()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_of_an_ed25519_key_is_read() {
        let spki = public_key_to_spki(&alg_id::ED25519, [7; 32]);
        let other_kind = public_key_to_spki(&alg_id::ECDSA_P256, [7; 32]);

        assert_eq!(public_key(&spki), Ok(ed25519::PublicKey([7; 32])));
        for bad in [&other_kind[..], &spki[1..], &spki[..43], &[&spki[..], &[0][..]].concat(), &[7; 32], b""]
        {
            assert_eq!(public_key(bad), Err(CertificateError::BadEncoding.into()));
        }
    }

    #[test]
    fn the_node_signs_with_ed25519_or_not_at_all() {
        let secret = Arc::new(ed25519::SecretKey::from_seed([3; 32]));
        let key = NodeKey(Arc::clone(&secret));

        let signer = key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256, SignatureScheme::ED25519]).unwrap();
        let signature: [u8; 64] = signer.sign(b"handshake").unwrap().try_into().unwrap();

        assert!(secret.public().verify(b"handshake", &ed25519::Signature(signature)));
        assert!(key.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]).is_none());
    }
}
