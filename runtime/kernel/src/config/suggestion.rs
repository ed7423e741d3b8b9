//! What somebody who misspelt a key probably meant.

use std::fmt;

/// The end of the sentence about an unknown key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A key that looks like it.
    DidYouMean(String),
    /// Nothing looks like it; these are the keys of that section.
    Known(Vec<String>),
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::DidYouMean(key) => write!(f, "; did you mean {key}?"),
            Hint::Known(keys) if keys.is_empty() => f.write_str("; no keys are known there"),
            Hint::Known(keys) => write!(f, "; known there: {}", keys.join(", ")),
        }
    }
}

/// Compares `unknown` with the keys of its own section first, then with `everywhere`; all are whole keys.
pub(super) fn suggest(unknown: &str, siblings: &[String], everywhere: &[String]) -> Hint {
    let same_section = nearest(siblings, |key| distance(last(unknown), last(key)), allowance(last(unknown)));
    let misspelt = || nearest(everywhere, |key| distance(&flat(unknown), &flat(key)), 2);
    let misplaced = || nearest(everywhere, |key| distance(last(unknown), last(key)), 1);
    let longer = || siblings.iter().find(|key| extends(last(unknown), last(key)));
    match same_section.or_else(misspelt).or_else(misplaced).or_else(longer) {
        Some(key) => Hint::DidYouMean(key.clone()),
        None => Hint::Known(siblings.to_vec()),
    }
}

/// `listen_address` for `listen`, or the other way round.
fn extends(left: &str, right: &str) -> bool {
    let shorter = left.len().min(right.len());
    shorter >= 3 && (left.starts_with(right) || right.starts_with(left))
}

fn nearest(keys: &[String], distance: impl Fn(&str) -> usize, at_most: usize) -> Option<&String> {
    let nearest = keys.iter().map(|key| (distance(key), key)).min_by_key(|(distance, _)| *distance);
    nearest.filter(|(distance, _)| *distance <= at_most).map(|(_, key)| key)
}

fn distance(left: &str, right: &str) -> usize {
    strsim::damerau_levenshtein(left, right)
}

/// A third of the letters may be wrong, and two always.
fn allowance(key: &str) -> usize {
    (key.chars().count() / 3).max(2)
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// A key with its separators made alike: one underscore too few is the commonest slip in the environment.
fn flat(key: &str) -> String {
    key.replace(['.', '-'], "_")
}
