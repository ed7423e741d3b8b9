//! Which command was meant.

/// How many letters may be wrong for a guess to be worth its line.
const FARTHEST: usize = 2;

/// The name that is nearest to what was written, if one is near.
pub(super) fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Far longer than any command: not worth the comparing.
    if written.len() > 64 {
        return None;
    }
    let near = names.map(|name| (distance(written, name), name)).min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, name)| *distance <= FARTHEST && *distance < name.len()).map(|(_, name)| name)
}

/// How many letters must be put in, left out or changed to come from one word to the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, opposite) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *opposite);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let names = ["remind", "status", "help"];

        assert_eq!(nearest("remnid", names.into_iter()), Some("remind"));
        assert_eq!(nearest("statu", names.into_iter()), Some("status"));
        assert_eq!(nearest("weather", names.into_iter()), None);
        assert_eq!(nearest(&"x".repeat(65), names.into_iter()), None);
    }
}
