//! What a plugin is called.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A plugin's name: 1 to 32 of `a-z 0-9 -`, beginning and ending with a letter or digit.
///
/// It is the name of a folder too, so it can neither lead out of the plugins' folder nor be `cache`, which lies there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginName(String);

/// A text that is no plugin's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadPluginName {
    /// It has other characters, or too many.
    #[error("a plugin's name has 1 to 32 characters of a-z, 0-9 and -, the first and last of them no -")]
    Form,
    /// The host uses it itself.
    #[error("a plugin cannot be called \"cache\", which the host uses itself")]
    Reserved,
}

/// Folders of the host's own that lie beside those of plugins.
const RESERVED: &[&str] = &["cache"];

impl PluginName {
    /// The longest name, in characters.
    pub const MAX_LEN: usize = 32;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PluginName {
    type Err = BadPluginName;

    fn from_str(text: &str) -> Result<Self, BadPluginName> {
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let fits = (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(is_plain);
        if !fits || text.starts_with('-') || text.ends_with('-') {
            return Err(BadPluginName::Form);
        }
        if RESERVED.contains(&text) { Err(BadPluginName::Reserved) } else { Ok(Self(text.to_owned())) }
    }
}

impl TryFrom<String> for PluginName {
    type Error = BadPluginName;

    fn try_from(text: String) -> Result<Self, BadPluginName> {
        text.parse()
    }
}

impl From<PluginName> for String {
    fn from(name: PluginName) -> Self {
        name.0
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for PluginName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_out_of_its_folder() {
        for name in ["", ".", "..", "../x", "a/b", "a\\b", "a.b", "/", "A", "-a", "a-", "é", "a\0", "a b"] {
            assert_eq!(name.parse::<PluginName>(), Err(BadPluginName::Form), "{name:?}");
        }
        assert_eq!("a".repeat(33).parse::<PluginName>(), Err(BadPluginName::Form));
        assert_eq!("cache".parse::<PluginName>(), Err(BadPluginName::Reserved));
    }

    #[test]
    fn usual_names_are_names() {
        for name in ["a", "echo", "spam-filter", "x2", &"a".repeat(32)] {
            assert_eq!(name.parse::<PluginName>().unwrap().as_str(), name);
        }
    }
}
