//! The English word list, and the word that a misspelt one was probably meant to be.

use std::sync::LazyLock;

/// Words in the list.
pub(super) const COUNT: usize = 1626;

/// Letters that tell two words of the list apart.
const PREFIX: usize = 3;

/// How many edits may lie between a misspelt word and the one suggested for it.
const MAX_EDITS: usize = 2;

static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("english.txt").lines().collect());

/// The word at an index below [`COUNT`].
pub(super) fn word(index: u64) -> &'static str {
    WORDS[usize::try_from(index).expect("an index of the list is small")]
}

/// The index of the word that begins with the same three letters.
pub(super) fn index(word: &str) -> Option<u64> {
    let wanted = word.get(..PREFIX)?;
    // The list is in alphabetical order and no two words share a prefix.
    let found = WORDS.binary_search_by(|listed| prefix(listed).cmp(wanted)).ok()?;
    u64::try_from(found).ok()
}

/// The significant part of a word of the list.
pub(super) fn prefix(listed: &str) -> &str {
    &listed[..PREFIX]
}

/// The word of the list that takes the fewest edits to get from `misspelt`, if it is near enough to be meant.
pub(super) fn closest(misspelt: &str) -> Option<&'static str> {
    let letters: Vec<char> = misspelt.chars().collect();
    let limit = MAX_EDITS.min(letters.len() / 2);
    WORDS
        .iter()
        .filter(|listed| listed.len().abs_diff(letters.len()) <= limit)
        .map(|listed| (edits(&letters, listed), *listed))
        .filter(|(distance, _)| *distance <= limit)
        // People seldom get the first letter wrong, so it decides between equals.
        .min_by_key(|(distance, listed)| {
            (*distance, !listed.starts_with(letters.as_slice().get(..1).unwrap_or(&[])))
        })
        .map(|(_, listed)| listed)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn edits(from: &[char], to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *letter == to[column - 1] && from[row - 1] == *other {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash;

    #[test]
    fn the_list_is_the_published_one() {
        let joined = WORDS.join("\n");

        assert_eq!(WORDS.len(), COUNT);
        assert_eq!(
            hex::encode(hash::sha256(&[joined.as_bytes()])),
            "998df55cb16d2318130c5cf7e9d4408247c8c4674935ee6e07d53f2f00ccf19b"
        );
        assert!(WORDS.is_sorted_by(|a, b| prefix(a) < prefix(b)));
    }

    #[test]
    fn every_word_is_found_by_its_prefix() {
        for (expected, listed) in WORDS.iter().enumerate() {
            assert_eq!(index(prefix(listed)), Some(expected as u64));
            assert_eq!(index(&format!("{listed}qx")), Some(expected as u64));
        }
        assert_eq!(index("zz"), None);
        assert_eq!(index("zzz"), None);
        assert_eq!(index("é"), None);
    }

    #[test]
    fn a_near_miss_is_guessed_and_nonsense_is_not() {
        assert_eq!(closest("vcoal"), Some("vocal"));
        assert_eq!(closest("cpucake"), Some("cupcake"));
        assert_eq!(closest("nether"), Some("neither"));
        assert_eq!(closest("qqqqqqqq"), None);
        assert_eq!(closest("x"), None);
    }
}
