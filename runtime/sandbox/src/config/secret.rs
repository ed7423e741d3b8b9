//! Where an operator keeps a secret that a plugin may use. The secret itself never stands in the settings.

use std::{
    env, fmt,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor},
};
use thiserror::Error;
use zeroize::Zeroizing;

/// `{ env = "NAME" }` or `{ file = "PATH" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// A variable of the process's environment.
    Env(String),
    /// A file that its owner alone may read; a line break at its end does not count.
    File(PathBuf),
}

/// A secret. It is wiped when dropped, and has no `Debug` or `Display`, so that no log shows it.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// Why a secret could not be had. The texts hold nothing of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The environment has no such variable, or it is empty or no text.
    #[error("environment variable {0} is not set, is empty or is no text")]
    NoVariable(String),
    /// The file could not be read.
    #[error("could not read the secret in {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others than its owner may read the file.
    #[error("the secret in {} may be read by others (mode {mode:04o}); expected 0600", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is empty, or too long for a secret.
    #[error("the secret in {} is empty or longer than {} KiB", path.display(), MAX_LEN / 1024)]
    Length {
        /// The file.
        path: PathBuf,
    },
}

/// The longest secret, in bytes.
const MAX_LEN: u64 = 64 * 1024;

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A secret for a test, or from a script.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl SecretSource {
    /// Fetches the secret. Reads a file; not for the threads of actors.
    ///
    /// # Errors
    /// [`SecretError`], which says where it was looked for.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Env(name) => match env::var(name) {
                Ok(text) if !text.is_empty() => Ok(Secret::new(text)),
                _ => Err(SecretError::NoVariable(name.clone())),
            },
            Self::File(path) => read_file(path),
        }
    }

    /// What types cannot say, to be read after the key.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Env(name) if name.is_empty() || name.contains(['=', '\0']) => {
                Some("env is no name of an environment variable")
            }
            Self::File(path) if path.as_os_str().is_empty() => Some("file is empty: expected a path"),
            _ => None,
        }
    }
}

fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SecretError::Open { path: path.to_owned(), mode });
        }
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_LEN + 1).read_to_string(&mut text).map_err(unreadable)?;
    let is_too_long = u64::try_from(text.len()).is_ok_and(|len| len > MAX_LEN);
    let end = text.strip_suffix('\n').map_or(text.len(), |rest| rest.trim_end_matches('\r').len());
    text.truncate(end);
    if text.is_empty() || is_too_long {
        return Err(SecretError::Length { path: path.to_owned() });
    }
    Ok(Secret(text))
}

/// By hand, because a derived one would repeat a secret that was written in place of its source.
impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

const KEYS: &[&str] = &["env", "file"];
const EXPECTED: &str = "a secret's source is { env = \"NAME\" } or { file = \"PATH\" }; the secret itself has no place in the settings";

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ env = \"NAME\" } or { file = \"PATH\" }")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretSource, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<SecretSource, A::Error> {
        let mut found = None;
        while let Some(key) = entries.next_key::<String>()? {
            let source = match key.as_str() {
                "env" => SecretSource::Env(entries.next_value()?),
                "file" => SecretSource::File(entries.next_value()?),
                other => return Err(de::Error::unknown_field(other, KEYS)),
            };
            if found.replace(source).is_some() {
                return Err(de::Error::custom(EXPECTED));
            }
        }
        found.ok_or_else(|| de::Error::custom(EXPECTED))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[derive(Deserialize, Serialize)]
    struct Holder {
        secret: SecretSource,
    }

    fn source(text: &str) -> Result<SecretSource, toml::de::Error> {
        toml::from_str::<Holder>(&format!("secret = {text}")).map(|holder| holder.secret)
    }

    #[test]
    fn a_source_is_one_of_two_and_read_back() {
        for (text, expected) in [
            ("{ env = \"TOKEN\" }", SecretSource::Env("TOKEN".to_owned())),
            ("{ file = \"/run/token\" }", SecretSource::File("/run/token".into())),
        ] {
            let read = source(text).unwrap();

            assert_eq!(read, expected);
            let written = toml::to_string(&Holder { secret: read }).unwrap();
            assert_eq!(toml::from_str::<Holder>(&written).unwrap().secret, expected);
        }
        assert!(source("{ env = \"A\", file = \"b\" }").is_err());
        assert!(source("{ }").is_err());
        assert!(source("{ path = \"b\" }").unwrap_err().message().contains("unknown field `path`"));
    }

    #[test]
    fn a_secret_in_the_settings_is_refused_and_not_repeated() {
        let error = source("\"hunter2\"").unwrap_err();

        assert!(error.message().contains("no place in the settings"), "{error}");
        assert!(!error.message().contains("hunter2"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_holds_no_secret() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "hunter2\n").unwrap();
        let source = SecretSource::File(path.clone());

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = source.read().err().unwrap().to_string();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();

        assert!(refused.contains("mode 0640") && !refused.contains("hunter2"), "{refused}");
        assert_eq!(source.read().unwrap().expose(), "hunter2");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let missing = SecretSource::Env("STARLING_TEST_NO_SUCH_VARIABLE".to_owned()).read().err().unwrap();

        assert!(missing.to_string().contains("STARLING_TEST_NO_SUCH_VARIABLE"));
        assert!(SecretSource::File("/nowhere/at/all".into()).read().is_err());
    }
}
