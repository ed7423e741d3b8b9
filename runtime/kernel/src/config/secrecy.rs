//! Which keys hold secrets: their values are in no error.

/// What is in the name of every such key.
const TELLING: &[&str] = &["passphrase", "password", "secret", "token"];

/// Whether `text`, a key or something with keys in it, names a secret.
pub(super) fn is_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    TELLING.iter().any(|telling| text.contains(telling)) || names(&text).any(is_key)
}

/// The single names in a text.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
}

/// `key` and `something_key`, if it is not a public one.
fn is_key(name: &str) -> bool {
    (name == "key" || name.ends_with("_key")) && !name.contains("pub")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_secrets_are_known_by_their_names() {
        for secret in
            ["accounts.passphrase", "a.API_TOKEN", "a.key", "a.node_key", "x[2].secret", "{passphrase = "]
        {
            assert!(is_secret(secret), "{secret}");
        }
        for public in ["gateway.port", "a.public_key", "a.pubkey", "keys", "a.monkey", "keep_alive"] {
            assert!(!is_secret(public), "{public}");
        }
    }
}
