//! `accounts.key`: the master key, plain or protected by a passphrase, in a file that only its owner may read.
//!
//! Plain: `starling-key` ‖ format 1 ‖ 0 ‖ key (32).
//! Protected: `starling-key` ‖ format 1 ‖ strength (1: Argon2id moderate) ‖ salt (16) ‖ nonce (24) ‖ sealed key (48), where the
//! key is sealed by XChaCha20-Poly1305 and everything before the nonce is bound to it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
};

use starling_kernel::Entropy;
use starling_protocol::crypto::{
    aead,
    password::{Strength, argon2id},
};
use zeroize::Zeroizing;

use crate::error::OpenError;

const MAGIC: &[u8; 12] = b"starling-key";
const FORMAT: u8 = 1;
const PLAIN: u8 = 0;
const MODERATE: u8 = 1;
/// Magic, format and kind.
const HEADER: usize = MAGIC.len() + 2;
/// More than any key file has.
const LONGEST: u64 = 256;

/// Reads the key file; `None` when there is none. A plain key is protected on the spot when a passphrase is given.
pub(crate) fn read(
    path: &Path,
    passphrase: Option<&[u8]>,
    entropy: &dyn Entropy,
) -> Result<Option<Zeroizing<[u8; 32]>>, OpenError> {
    let files = |source| OpenError::Files { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(files(error)),
    };
    refuse_open_permissions(path, &file)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    file.take(LONGEST).read_to_end(&mut bytes).map_err(files)?;
    let damaged = || OpenError::KeyFileDamaged { path: path.to_owned() };
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (&format, rest) = rest.split_first().ok_or_else(damaged)?;
    if format > FORMAT {
        return Err(OpenError::Newer { path: path.to_owned(), found: format.into(), known: FORMAT.into() });
    }
    match (rest.split_first().ok_or_else(damaged)?, passphrase) {
        ((&PLAIN, key), passphrase) => {
            let key = Zeroizing::new(<[u8; 32]>::try_from(key).map_err(|_| damaged())?);
            if passphrase.is_some() {
                write(path, &key, passphrase, entropy)?;
            }
            Ok(Some(key))
        }
        ((&MODERATE, sealed), _) if sealed.len() != 16 + 24 + 48 => Err(damaged()),
        ((&MODERATE, _), None) => Err(OpenError::PassphraseNeeded),
        ((&MODERATE, sealed), Some(passphrase)) => {
            let (salt, sealed) = sealed.split_first_chunk::<16>().ok_or_else(damaged)?;
            let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or_else(damaged)?;
            let wrapping = argon2id(passphrase, salt, Strength::Moderate);
            let key = aead::xchacha20_open(&wrapping, nonce, &bytes[..HEADER + 16], sealed)
                .map(Zeroizing::new)
                .ok_or(OpenError::WrongPassphrase)?;
            Ok(Some(Zeroizing::new(<[u8; 32]>::try_from(key.as_slice()).map_err(|_| damaged())?)))
        }
        _ => Err(damaged()),
    }
}

/// Writes the key file, so that a crash leaves either the old one or the new one.
pub(crate) fn write(
    path: &Path,
    key: &[u8; 32],
    passphrase: Option<&[u8]>,
    entropy: &dyn Entropy,
) -> Result<(), OpenError> {
    let bytes = encode(key, passphrase, entropy);
    replace(path, &bytes).map_err(|source| OpenError::Files { path: path.to_owned(), source })
}

fn encode(key: &[u8; 32], passphrase: Option<&[u8]>, entropy: &dyn Entropy) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    bytes.extend_from_slice(MAGIC);
    bytes.push(FORMAT);
    let Some(passphrase) = passphrase else {
        bytes.push(PLAIN);
        bytes.extend_from_slice(key);
        return bytes;
    };
    let (salt, nonce): ([u8; 16], [u8; 24]) = (entropy.bytes(), entropy.bytes());
    bytes.push(MODERATE);
    bytes.extend_from_slice(&salt);
    let wrapping = argon2id(passphrase, &salt, Strength::Moderate);
    let sealed = aead::xchacha20_seal(&wrapping, &nonce, &bytes, key);
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&sealed);
    bytes
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("key.new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private().write(true).create_new(true).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    // The rename itself is durable only once the folder is.
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Options under which a new file belongs to its owner alone.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn refuse_open_permissions(path: &Path, file: &File) -> Result<(), OpenError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata().map_err(|source| OpenError::Files { path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(OpenError::KeyFileOpen { path: path.to_owned(), mode }) }
}

/// Elsewhere the folder's access list decides, which the program does not read.
#[cfg(not(unix))]
fn refuse_open_permissions(_: &Path, _: &File) -> Result<(), OpenError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use starling_kernel::SeededEntropy;

    use super::*;

    fn entropy() -> SeededEntropy {
        SeededEntropy::new(1)
    }

    #[test]
    fn a_plain_key_is_read_back_and_is_protected_once_a_passphrase_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.key");
        assert!(read(&path, None, &entropy()).unwrap().is_none());
        write(&path, &[7; 32], None, &entropy()).unwrap();

        assert_eq!(*read(&path, None, &entropy()).unwrap().unwrap(), [7; 32]);
        assert_eq!(*read(&path, Some(b"horse"), &entropy()).unwrap().unwrap(), [7; 32]);
        assert!(!std::fs::read(&path).unwrap().windows(32).any(|part| part == [7; 32]), "now sealed");
        assert_eq!(*read(&path, Some(b"horse"), &entropy()).unwrap().unwrap(), [7; 32]);
        assert!(matches!(read(&path, None, &entropy()), Err(OpenError::PassphraseNeeded)));
        assert!(matches!(read(&path, Some(b"mule"), &entropy()), Err(OpenError::WrongPassphrase)));
    }

    #[test]
    fn damaged_and_newer_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.key");
        write(&path, &[7; 32], None, &entropy()).unwrap();
        let good = std::fs::read(&path).unwrap();

        for end in 0..good.len() {
            replace(&path, &good[..end]).unwrap();
            assert!(matches!(read(&path, None, &entropy()), Err(OpenError::KeyFileDamaged { .. })), "{end}");
        }
        replace(&path, &[MAGIC, &[FORMAT + 1][..], &good[13..]].concat()).unwrap();
        assert!(matches!(read(&path, None, &entropy()), Err(OpenError::Newer { found: 2, known: 1, .. })));
        replace(&path, &[MAGIC, &[FORMAT, 9][..], &good[14..]].concat()).unwrap();
        assert!(matches!(read(&path, None, &entropy()), Err(OpenError::KeyFileDamaged { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_may_read_is_refused_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.key");
        write(&path, &[7; 32], None, &entropy()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = read(&path, None, &entropy()).unwrap_err().to_string();

        assert!(error.contains("mode 0640") && error.contains("chmod 600"), "{error}");
    }
}
