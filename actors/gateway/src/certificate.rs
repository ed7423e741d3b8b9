//! The self-signed certificate of the edge (storage-rpc §1.1).
//!
//! No client verifies it: what matters is sealed and signed inside. So a P-256 key stands in for the reference's RSA-2048,
//! whose handshakes cost many times as much; subject, serial number and lifetime are the reference's.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256, SerialNumber,
    date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};

use crate::error::Error;

const CERTIFICATE: &str = "cert.pem";
const KEY: &str = "key.pem";
const LIFETIME: Duration = Duration::from_secs(10_000 * 24 * 60 * 60);

/// TLS with the certificate in `data_dir`, made there if it is the first start. Reads and writes files: not for an actor's thread.
pub(crate) fn tls(data_dir: &Path, now_ms: u64) -> Result<ServerConfig, Error> {
    let (certificates, key) = load_or_make(data_dir, now_ms)?;
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(Error::Tls)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn load_or_make(data_dir: &Path, now_ms: u64) -> Result<Identity, Error> {
    fs::create_dir_all(data_dir).map_err(|reason| Error::File {
        what: "create",
        path: data_dir.to_owned(),
        reason,
    })?;
    let (certificate, key) = (read(data_dir, CERTIFICATE)?, read(data_dir, KEY)?);
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => return Err(Error::KeyMissing { path: data_dir.join(KEY) }),
        // The key is written first: a stop between the two leaves it alone, and it gets its certificate now.
        (None, Some(key)) => (issue(data_dir, &key, now_ms)?, key),
        (None, None) => {
            let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Certificate)?;
            let key = pair.serialize_pem();
            write(data_dir, KEY, &key, 0o600)?;
            (issue(data_dir, &key, now_ms)?, key)
        }
    };
    let not_pem = |file: &str, expected| Error::NotPem { path: data_dir.join(file), expected };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| not_pem(CERTIFICATE, "certificate in PEM form"))?;
    if certificates.is_empty() {
        return Err(not_pem(CERTIFICATE, "certificate in PEM form"));
    }
    let key =
        PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| not_pem(KEY, "private key in PEM form"))?;
    Ok((certificates, key))
}

fn issue(data_dir: &Path, key: &str, now_ms: u64) -> Result<String, Error> {
    let not_key = |_| Error::NotPem { path: data_dir.join(KEY), expected: "private key in PEM form" };
    let pair = KeyPair::from_pem(key).map_err(not_key)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CountryName, "AU");
    subject.push(DnType::OrganizationName, "Oxen");
    subject.push(DnType::CommonName, "localhost");
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from_slice(&[1]));
    // Brings the subject key identifier that the reference's certificate has.
    params.is_ca = IsCa::ExplicitNoCa;
    params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(now_ms / 1000);
    params.not_after = params.not_before + LIFETIME;
    let certificate = params.self_signed(&pair).map_err(Error::Certificate)?.pem();
    write(data_dir, CERTIFICATE, &certificate, 0o644)?;
    Ok(certificate)
}

fn read(data_dir: &Path, file: &str) -> Result<Option<String>, Error> {
    let path = data_dir.join(file);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Error::NotPem { path, expected: "text in PEM form" })
        }
        Err(reason) => Err(Error::File { what: "read", path, reason }),
    }
}

/// Appears whole or not at all.
fn write(data_dir: &Path, file: &str, text: &str, mode: u32) -> Result<(), Error> {
    let path = data_dir.join(file);
    let fresh = data_dir.join(format!("{file}.new"));
    let written = || {
        let mut out =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&fresh)?;
        // The mode above is for new files only; one left behind by a crash gets it here.
        out.set_permissions(fs::Permissions::from_mode(mode))?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&fresh, &path)?;
        fs::File::open(data_dir)?.sync_all()
    };
    written().map_err(|reason| Error::File { what: "write", path: path.clone(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_795_392_422_769;

    #[test]
    fn the_first_start_makes_files_and_the_second_uses_them() {
        let dir = tempfile::tempdir().unwrap();

        let (first, _) = load_or_make(dir.path(), NOW_MS).unwrap();
        let (second, _) = load_or_make(dir.path(), NOW_MS + 1).unwrap();

        assert_eq!(first, second);
        let mode = fs::metadata(dir.path().join(KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        tls(dir.path(), NOW_MS).unwrap();
    }

    #[test]
    fn a_key_left_alone_gets_a_certificate() {
        let dir = tempfile::tempdir().unwrap();
        load_or_make(dir.path(), NOW_MS).unwrap();
        fs::remove_file(dir.path().join(CERTIFICATE)).unwrap();
        let key = fs::read(dir.path().join(KEY)).unwrap();

        tls(dir.path(), NOW_MS).unwrap();

        assert_eq!(fs::read(dir.path().join(KEY)).unwrap(), key);
    }

    #[track_caller]
    fn refused(dir: &Path, names: &str) {
        let error = tls(dir, NOW_MS).unwrap_err().to_string();
        assert!(error.contains(names), "{error}");
    }

    #[test]
    fn damaged_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        load_or_make(dir.path(), NOW_MS).unwrap();
        let key = fs::read(dir.path().join(KEY)).unwrap();

        fs::remove_file(dir.path().join(KEY)).unwrap();
        refused(dir.path(), "key.pem is missing");
        fs::write(dir.path().join(KEY), "no key").unwrap();
        refused(dir.path(), "key.pem holds no private key");
        fs::write(dir.path().join(KEY), key).unwrap();
        fs::write(dir.path().join(CERTIFICATE), "no certificate").unwrap();
        refused(dir.path(), "cert.pem holds no certificate");
    }
}
