//! The `[accounts]` section.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use starling_kernel::{Bounds, config::Note};
use zeroize::Zeroizing;

/// What an operator may set about the keeping of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Protects the master key of the accounts; empty for none. Best given by the environment variable
    /// `STARLING_ACCOUNTS__PASSPHRASE`. Setting it for the first time protects the key that is there. From the next start.
    pub passphrase: Passphrase,
    /// The actor's bounds. From the next start.
    pub bounds: Bounds,
}

impl Config {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[Note::new(
        "passphrase",
        "Protects the key that the accounts are encrypted with; empty for none.\n\
         Give it by the environment variable STARLING_ACCOUNTS__PASSPHRASE rather than here.",
    )];

    /// Checks what the types alone cannot.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn validate(&self) -> Result<(), String> {
        if self.bounds.mailbox_capacity == 0 || self.bounds.concurrency == 0 {
            return Err("accounts.bounds: mailbox_capacity and concurrency must be at least 1".to_owned());
        }
        Ok(())
    }
}

/// A passphrase: wiped when dropped, never shown. It serialises as [`Passphrase::HIDDEN`], so that printing the settings in
/// force does not give it away.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// What stands in the place of a passphrase wherever settings are printed.
    pub const HIDDEN: &'static str = "(set, not shown)";

    /// The passphrase, if one is set.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        (!self.0.is_empty()).then(|| self.0.as_bytes())
    }
}

impl From<String> for Passphrase {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "Passphrase(none)" } else { "Passphrase(..)" })
    }
}

impl Serialize for Passphrase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { Self::HIDDEN })
    }
}

impl<'de> Deserialize<'de> for Passphrase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use starling_kernel::config::{Loader, Notes};

    use super::*;

    #[test]
    fn every_key_has_a_note() {
        let notes = Notes::new().section("", "", Config::NOTES).section("bounds", "", Bounds::NOTES);

        assert!(notes.example(&Config::default()).unwrap().contains("passphrase = \"\""));
    }

    #[test]
    fn a_passphrase_is_taken_from_the_environment_and_shown_nowhere() {
        let variables = [("STARLING_PASSPHRASE".into(), "correct horse".into())];
        let loaded = Loader::new().environment("STARLING", variables).load::<Config>().unwrap();

        assert_eq!(loaded.value.passphrase.bytes(), Some(&b"correct horse"[..]));
        let shown: String = loaded.origins().iter().map(ToString::to_string).collect();
        assert!(shown.contains(Passphrase::HIDDEN) && !shown.contains("horse"), "{shown}");
        assert!(!format!("{loaded:?}").contains("horse"));
    }
}
