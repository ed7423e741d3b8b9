//! The recovery password: a seed as English words with a checksum word (identity §3).
//!
//! Every four bytes become three words of the 1626-word list, and one of the words is repeated at the end as a
//! checksum, so an account's 16 bytes are 13 words. Only the first three letters of a word count.

mod error;
mod words;

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

pub use self::error::Error;
use self::error::Suspect;
use crate::account::AccountKeys;

/// Words of an account's recovery password.
pub const ACCOUNT_WORDS: usize = 13;

/// Words in the list, the base of the code.
const BASE: u64 = words::COUNT as u64;

/// More words than any seed in use has; the bound on what is looked at before a text is refused.
const MAX_WORDS: usize = 97;

/// The 13 words of one account, wiped when dropped; `Debug` hides them, [`RecoveryPassword::as_str`] gives them.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryPassword {
    phrase: Zeroizing<String>,
    seed: Zeroizing<[u8; 16]>,
}

impl RecoveryPassword {
    /// The recovery password of an account.
    #[must_use]
    pub fn of(keys: &AccountKeys) -> Self {
        Self::from_seed(keys.seed())
    }

    /// The recovery password of a seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 16]) -> Self {
        Self { phrase: Zeroizing::new(encode(seed)), seed: Zeroizing::new(*seed) }
    }

    /// The words in their canonical spelling, one space between two.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.phrase
    }

    /// The keys that follow from it.
    #[must_use]
    pub fn keys(&self) -> AccountKeys {
        AccountKeys::from_seed(&self.seed)
    }
}

impl FromStr for RecoveryPassword {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode_account(text).map(|seed| Self::from_seed(&seed))
    }
}

impl fmt::Debug for RecoveryPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryPassword(..)")
    }
}

/// Writes a seed as words, followed by the checksum word.
///
/// # Panics
/// When the seed is empty or its length is no multiple of four; seeds are made by us, 16 bytes each.
#[must_use]
pub fn encode(seed: &[u8]) -> String {
    let (groups, rest) = seed.as_chunks::<4>();
    assert!(!groups.is_empty() && rest.is_empty(), "a seed is one or more groups of four bytes");
    let mut chosen: Vec<&str> = Vec::with_capacity(groups.len() * 3 + 1);
    for group in groups {
        let number = u64::from(u32::from_le_bytes(*group));
        let first = number % BASE;
        let second = (number / BASE + first) % BASE;
        let third = (number / BASE / BASE + second) % BASE;
        chosen.extend([first, second, third].map(words::word));
    }
    let checksum = chosen[checksum_index(&chosen)];
    chosen.push(checksum);
    chosen.join(" ")
}

/// Reads the seed of any length back from words; for an account use [`decode_account`].
///
/// Case, spacing and anything that is no letter (numbering, commas, line breaks) are ignored.
///
/// # Errors
/// See [`Error`]; the first that applies of: number of words, unknown word, checksum, value out of range.
pub fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    let given: Vec<&str> = lower
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .take(MAX_WORDS + 1)
        .collect();
    decode_words(&given)
}

/// Reads an account's seed back from its 13 words.
///
/// # Errors
/// As [`decode`], and any other number of words.
pub fn decode_account(text: &str) -> Result<Zeroizing<[u8; 16]>, Error> {
    let got = count_words(text);
    match got {
        ..ACCOUNT_WORDS => Err(Error::TooFewWords { got }),
        ACCOUNT_WORDS => {
            let seed = decode(text)?;
            let seed: &[u8; 16] =
                seed.as_slice().try_into().expect("13 words hold four groups of four bytes");
            Ok(Zeroizing::new(*seed))
        }
        _ => Err(Error::WrongNumber { got }),
    }
}

/// Reads what a recovery QR code holds: the words, or the plain hex of the seed (identity §3.3).
///
/// # Errors
/// As [`decode_account`] when the text is not hex; [`Error::SeedLength`] when it is hex of another length.
pub fn decode_qr(text: &str) -> Result<Zeroizing<[u8; 16]>, Error> {
    let trimmed = text.trim();
    let is_hex_seed =
        !trimmed.is_empty() && trimmed.len() < 66 && trimmed.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hex_seed {
        return decode_account(text);
    }
    let mut seed = Zeroizing::new([0; 16]);
    hex::decode_to_slice(trimmed, &mut *seed).map_err(|_| Error::SeedLength { got: trimmed.len() })?;
    Ok(seed)
}

fn count_words(text: &str) -> usize {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).count()
}

fn decode_words(given: &[&str]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let got = given.len();
    if got < 4 {
        return Err(Error::TooFewWords { got });
    }
    if got % 3 != 1 || got > MAX_WORDS {
        return Err(Error::WrongNumber { got });
    }
    let mut indices = Vec::with_capacity(got);
    for (position, word) in given.iter().enumerate() {
        indices.push(words::index(word).ok_or_else(|| Error::unknown_word(position + 1, word))?);
    }
    let listed: Vec<&str> = indices.iter().map(|index| words::word(*index)).collect();
    let (checksum, payload) = listed.split_last().expect("there are at least four words");
    if payload[checksum_index(payload)] != *checksum {
        return Err(Error::Checksum { suspect: Suspect::first(given, &listed) });
    }
    let mut seed = Zeroizing::new(Vec::with_capacity(got / 3 * 4));
    for (group, triple) in indices.as_chunks::<3>().0.iter().enumerate() {
        let number = join_triple(triple).ok_or(Error::NotCanonical { position: group * 3 + 1 })?;
        seed.extend_from_slice(&number.to_le_bytes());
    }
    Ok(seed)
}

/// The number behind three words, or `None` when it does not fit 32 bits, which no encoder produces.
fn join_triple(&[first, second, third]: &[u64; 3]) -> Option<u32> {
    let middle = (BASE - first + second) % BASE;
    let high = (BASE - second + third) % BASE;
    u32::try_from(first + BASE * middle + BASE * BASE * high).ok()
}

/// Which of the words is repeated as checksum: CRC-32 over their three-letter prefixes, modulo their number.
fn checksum_index(listed: &[&str]) -> usize {
    let mut crc = crc32fast::Hasher::new();
    for word in listed {
        crc.update(words::prefix(word).as_bytes());
    }
    crc.finalize() as usize % listed.len()
}
