//! A small store of the plugin's own.

use std::collections::VecDeque;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error,
    imports::{Backing, Imports as _},
};

/// How many keys [`Keys`] asks for at a time.
const PAGE: u32 = 100;

/// The plugin's store, kept on disk. Needs `kv`.
///
/// All that one call changes is one transaction; a call that fails leaves the store as it was. Keys have 1 to 256 bytes,
/// values at most 64 KiB.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use starling_plugin::mock::MockHost;
///
/// #[derive(Serialize, Deserialize, Default, PartialEq, Debug)]
/// struct Score {
///     won: u32,
/// }
///
/// let mock = MockHost::new();
/// mock.call(|host| {
///     let mut score: Score = host.kv().get_json("score/alice")?.unwrap_or_default();
///     score.won += 1;
///     host.kv().set_json("score/alice", &score)?;
///     Ok(())
/// })
/// .expect("the mock keeps what it is given");
///
/// assert_eq!(mock.value("score/alice"), Some(Score { won: 1 }));
/// ```
#[derive(Clone, Copy)]
pub struct Kv<'a> {
    backing: &'a Backing,
}

impl<'a> Kv<'a> {
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing }
    }

    /// The bytes of a key, or nothing.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.backing.kv_get(key)
    }

    /// Sets a key to these bytes.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.backing.kv_set(key, value)
    }

    /// The text of a key, or nothing.
    pub fn get_text(&self, key: &str) -> Result<Option<String>, Error> {
        let Some(bytes) = self.get(key)? else { return Ok(None) };
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|error| Error::malformed(format!("the value of `{key}`"), error))
    }

    /// Sets a key to this text.
    pub fn set_text(&self, key: &str, value: &str) -> Result<(), Error> {
        self.set(key, value.as_bytes())
    }

    /// The value of a key that [`set_json`](Self::set_json) has set, or nothing.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(bytes) = self.get(key)? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| Error::malformed(format!("the value of `{key}`"), error))
    }

    /// Sets a key to a value, as JSON.
    pub fn set_json<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        let text = serde_json::to_vec(value)
            .map_err(|error| Error::malformed(format!("the new value of `{key}`"), error))?;
        self.set(key, &text)
    }

    /// Deletes a key; says whether it was there.
    pub fn delete(&self, key: &str) -> Result<bool, Error> {
        self.backing.kv_delete(key)
    }

    /// All keys that begin with `prefix`, in the order of their bytes.
    pub fn keys(&self, prefix: &str) -> Keys<'a> {
        self.keys_after(prefix, None)
    }

    /// Those of them that come behind `after`.
    pub fn keys_after(&self, prefix: &str, after: Option<&str>) -> Keys<'a> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        Keys { backing: self.backing, prefix, after, page: VecDeque::new(), is_last: false }
    }

    /// Sets a key to `new`, or deletes it when that is nothing, if its value is `expected`; says whether it was.
    pub fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, Error> {
        self.backing.kv_compare_and_swap(key, expected, new)
    }

    /// Adds to a number, which begins at zero, and answers what it is now.
    pub fn increment(&self, key: &str, by: i64) -> Result<i64, Error> {
        self.backing.kv_increment(key, by)
    }
}

/// Keys of the store, fetched page by page. Ends behind the first error.
pub struct Keys<'a> {
    backing: &'a Backing,
    prefix: String,
    after: Option<String>,
    page: VecDeque<String>,
    is_last: bool,
}

impl Iterator for Keys<'_> {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Result<String, Error>> {
        if self.page.is_empty() && !self.is_last {
            match self.backing.kv_list_keys(&self.prefix, self.after.as_deref(), PAGE) {
                Ok(page) => {
                    self.is_last = page.len() < PAGE as usize;
                    self.page = page.into();
                }
                Err(error) => {
                    self.is_last = true;
                    return Some(Err(error));
                }
            }
        }
        let key = self.page.pop_front()?;
        self.after = Some(key.clone());
        Some(Ok(key))
    }
}
