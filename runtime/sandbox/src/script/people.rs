//! People who exist in scripts alone: a name, and always the same id for it.

use std::collections::BTreeMap;

use serde_json::Value;
use starling_protocol::{
    account::{AccountId, AccountKeys},
    crypto::hash::blake2b,
};

/// The plugin's own account.
pub(super) const ME: &str = "me";
/// Who writes when nobody is named.
pub(super) const SOMEBODY: &str = "alice";
/// The longest name.
const MAX_NAME: usize = 32;
/// Keys of an event under which an account or a conversation stands.
const ACCOUNT_KEYS: [&str; 3] = ["conversation", "author", "reader"];

/// Everybody whom a script names.
#[derive(Debug, Clone, Default)]
pub(super) struct People {
    names: BTreeMap<String, String>,
}

impl People {
    /// The id that a name stands for; an id stands for itself.
    pub(super) fn id(&mut self, name: &str, place: &str) -> Result<String, String> {
        if AccountId::parse_any(name).is_ok() {
            return Ok(name.to_owned());
        }
        let is_name = !name.is_empty()
            && name.len() <= MAX_NAME
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        if !is_name {
            return Err(format!(
                "{place} is {name:?}: expected a name of at most {MAX_NAME} of a-z, 0-9, - and _, or an id of 66 characters"
            ));
        }
        let id = person(name);
        self.names.insert(id.clone(), name.to_owned());
        Ok(id)
    }

    /// How a report calls an account.
    pub(super) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }

    /// Puts ids in place of the names in an event.
    pub(super) fn resolve(&mut self, value: &mut Value, place: &str) -> Result<(), String> {
        match value {
            Value::Object(object) => object.iter_mut().try_for_each(|(key, value)| {
                let place = format!("{place}.{key}");
                match value {
                    Value::String(name) if ACCOUNT_KEYS.contains(&key.as_str()) => {
                        *name = self.id(name, &place)?;
                        Ok(())
                    }
                    value => self.resolve(value, &place),
                }
            }),
            Value::Array(values) => values.iter_mut().try_for_each(|value| self.resolve(value, place)),
            _ => Ok(()),
        }
    }
}

/// The id of a person: a real one, whose key nobody needs.
pub(super) fn person(name: &str) -> String {
    let seed = blake2b::<16>(&[b"starling script person ", name.as_bytes()]);
    AccountKeys::from_seed(&seed).id().to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_always_stands_for_the_same_account_that_can_be_written_to() {
        let mut people = People::default();

        let alice = people.id("alice", "from").unwrap();

        assert_eq!(alice, People::default().id("alice", "from").unwrap());
        assert_ne!(alice, people.id("bob", "from").unwrap());
        assert_eq!(people.id(&alice, "from").unwrap(), alice, "an id stands for itself");
        assert!(AccountId::parse_target(&alice).is_ok());
        assert_eq!((people.name(&alice), people.name("05ff")), ("alice", "05ff"));
    }

    #[test]
    fn names_in_an_event_become_ids_and_other_texts_stay() {
        let mut event = json!({ "event": "reaction", "author": "bob", "emoji": "x", "target": { "conversation": "bob", "author": "me", "sent-at": 1 } });

        People::default().resolve(&mut event, "event").unwrap();

        assert_eq!(event["author"], person("bob"));
        assert_eq!(event["target"]["author"], person(ME));
        assert_eq!((&event["emoji"], &event["target"]["sent-at"]), (&json!("x"), &json!(1)));
        let refused = People::default().resolve(&mut json!({ "author": "Bob!" }), "event").unwrap_err();
        assert!(refused.starts_with("event.author is \"Bob!\": expected a name"), "{refused}");
    }
}
