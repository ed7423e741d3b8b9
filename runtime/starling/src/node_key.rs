//! The key of this service node, in a file that only its owner may read.
//!
//! One Ed25519 key names the node, signs its answers and is its libp2p identity; its X25519 key is the image of it, and its legacy
//! key is the same key. The file `node.key` holds the 32-byte seed as 64 hexadecimal characters and a line feed.

use std::{fs, io, path::Path};

use starling_kernel::Entropy;
use starling_protocol::crypto::ed25519;
use zeroize::Zeroizing;

use crate::{data_folder::disk, error::Error, private_file};

const FILE: &str = "node.key";

/// Reads the key in `folder`, or makes one at the first start.
///
/// # Errors
/// [`Error::Damaged`] when others may read the file or it holds no key; [`Error::Disk`].
pub(crate) fn load_or_create(folder: &Path, entropy: &dyn Entropy) -> Result<ed25519::SecretKey, Error> {
    let path = folder.join(FILE);
    match fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => {
            check_permissions(&path)?;
            parse(&text).ok_or_else(|| {
                let problem = "does not hold a key of 64 hexadecimal characters; restore it from a backup, or remove it to become a new node";
                Error::Damaged { path, problem: problem.to_owned() }
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let seed = Zeroizing::new(entropy.bytes::<32>());
            write(&path, &seed).map_err(|source| disk("write", &path, source))?;
            Ok(ed25519::SecretKey::from_seed(*seed))
        }
        Err(source) => Err(disk("read", &path, source)),
    }
}

fn parse(text: &str) -> Option<ed25519::SecretKey> {
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim_end(), seed.as_mut()).ok()?;
    Some(ed25519::SecretKey::from_seed(*seed))
}

#[cfg(unix)]
fn check_permissions(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map_err(|source| disk("read", path, source))?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let problem = format!("may be read by others (mode {mode:03o}); run `chmod 600` on it");
    Err(Error::Damaged { path: path.to_owned(), problem })
}

#[cfg(not(unix))]
fn check_permissions(_: &Path) -> Result<(), Error> {
    Ok(())
}

fn write(path: &Path, seed: &[u8; 32]) -> io::Result<()> {
    let text = Zeroizing::new(format!("{}\n", Zeroizing::new(hex::encode(seed)).as_str()));
    private_file::write(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use starling_kernel::SystemEntropy;

    use super::*;

    #[test]
    fn the_key_of_the_first_start_is_the_key_of_the_second() {
        let folder = tempfile::tempdir().unwrap();

        let first = load_or_create(folder.path(), &SystemEntropy).unwrap();
        let second = load_or_create(folder.path(), &SystemEntropy).unwrap();

        assert_eq!(first.public(), second.public());
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(text, format!("{}\n", hex::encode(first.seed())));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        load_or_create(folder.path(), &SystemEntropy).unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600,
            "made for the owner alone"
        );

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = load_or_create(folder.path(), &SystemEntropy).unwrap_err().to_string();

        assert!(refused.contains("may be read by others (mode 640)"), "{refused}");
    }

    #[test]
    fn a_damaged_key_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        load_or_create(folder.path(), &SystemEntropy).unwrap();
        fs::write(&path, "not a key").unwrap();

        let refused = load_or_create(folder.path(), &SystemEntropy).unwrap_err().to_string();

        assert!(refused.contains("does not hold a key"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "not a key");
    }
}
