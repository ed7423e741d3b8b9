//! Which known word somebody who misspelt one probably meant.

/// The known word most like `word`: a third of its letters may be wrong, and two always.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowance = (word.chars().count() / 3).max(2);
    let distance = |known: &&str| strsim::damerau_levenshtein(word, known);
    known
        .into_iter()
        .min_by_key(distance)
        .filter(|nearest| distance(nearest) <= allowance.min(nearest.len().saturating_sub(1)))
}

/// The end of a sentence about an unknown word.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(meant) => format!("; did you mean {meant}?"),
        None => format!("; known are {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["memory", "call_time", "kv"];

    #[test]
    fn a_slip_of_the_pen_is_understood_and_a_wild_word_is_not() {
        assert_eq!(nearest("memroy", KNOWN), Some("memory"));
        assert_eq!(nearest("calltime", KNOWN), Some("call_time"));
        assert_eq!(nearest("xyz", KNOWN), None);
        assert_eq!(hint("colour", KNOWN), "; known are memory, call_time, kv");
    }
}
