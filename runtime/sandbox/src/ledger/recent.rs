//! Values that a plugin read or wrote lately, open in memory: most plugins ask for the same few again and again.

use std::collections::HashMap;

use super::changes::Value;

/// Most bytes that are kept of a plugin.
const CAPACITY: usize = 64 * 1024;
/// Largest part of it that one value may take.
const MOST_OF_ONE: usize = CAPACITY / 8;
/// What an entry takes beside its key and value, roughly.
const OVERHEAD: usize = 96;

/// A bounded memory of values, and of keys that have none.
#[derive(Default)]
pub(super) struct Recent {
    values: HashMap<Box<str>, Option<Value>>,
    bytes: usize,
}

impl Recent {
    pub(super) fn get(&self, key: &str) -> Option<Option<Value>> {
        self.values.get(key).cloned()
    }

    /// The value is this from now on. When there is no room for it, everything is forgotten: what is asked for often is soon back.
    pub(super) fn put(&mut self, key: &str, value: Option<Value>) {
        if let Some(old) = self.values.remove(key) {
            self.bytes -= cost(key, old.as_ref());
        }
        let cost = cost(key, value.as_ref());
        if cost > MOST_OF_ONE {
            return;
        }
        if self.bytes + cost > CAPACITY {
            self.clear();
        }
        self.bytes += cost;
        self.values.insert(key.into(), value);
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.bytes = 0;
    }
}

fn cost(key: &str, value: Option<&Value>) -> usize {
    OVERHEAD + key.len() + value.map_or(0, |value| value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_the_last_value_and_never_more_than_it_may() {
        let mut recent = Recent::default();
        for number in 0..5000_usize {
            let value: Value = vec![0; number % 9000].into();
            recent.put(&format!("key/{}", number % 50), Some(value.clone()));

            let held = recent.get(&format!("key/{}", number % 50));

            assert!(recent.bytes <= CAPACITY);
            assert_eq!(
                recent.bytes,
                recent.values.iter().map(|(key, value)| cost(key, value.as_ref())).sum::<usize>()
            );
            match held {
                Some(held) => assert_eq!(held, Some(value)),
                None => assert!(number % 9000 + OVERHEAD > MOST_OF_ONE - 10),
            }
        }
        recent.put("gone", None);
        assert_eq!(recent.get("gone"), Some(None));
        recent.clear();
        assert_eq!((recent.get("gone"), recent.bytes), (None, 0));
    }
}
