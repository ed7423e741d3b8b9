//! A set of namespaces in a few bytes.

use starling_protocol::storage::Namespace;

/// Namespaces from here on have a bit each; the network uses and reserves none beyond −30…30.
const FIRST_NEAR: i16 = -32;
const NEAR: i16 = 64;

/// So many far namespaces weigh as much as a subscription of their own.
const FAR_PER_WEIGHT: usize = 16;

/// A set of namespaces: those that are in use cost a bit, any other two bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Namespaces {
    near: u64,
    far: Option<Box<Far>>,
}

/// The namespaces that have no bit, ascending. Boxed, so that a set without any takes a pointer and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Far {
    numbers: Vec<i16>,
}

/// The bit of a near namespace.
fn bit(namespace: i16) -> Option<u64> {
    let place = namespace.checked_sub(FIRST_NEAR).filter(|place| (0..NEAR).contains(place))?;
    Some(1 << place)
}

impl FromIterator<Namespace> for Namespaces {
    fn from_iter<I: IntoIterator<Item = Namespace>>(namespaces: I) -> Self {
        let (mut near, mut numbers) = (0, Vec::new());
        for Namespace(number) in namespaces {
            match bit(number) {
                Some(bit) => near |= bit,
                None => numbers.push(number),
            }
        }
        Self { near, far: far(numbers) }
    }
}

fn far(mut numbers: Vec<i16>) -> Option<Box<Far>> {
    numbers.sort_unstable();
    numbers.dedup();
    numbers.shrink_to_fit();
    (!numbers.is_empty()).then(|| Box::new(Far { numbers }))
}

impl Namespaces {
    /// Is it one of them?
    #[must_use]
    pub fn contains(&self, Namespace(number): Namespace) -> bool {
        match (bit(number), &self.far) {
            (Some(bit), _) => self.near & bit != 0,
            (None, Some(far)) => far.numbers.binary_search(&number).is_ok(),
            (None, None) => false,
        }
    }

    /// All that are in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let numbers = |set: &Self| set.far.as_ref().map_or_else(Vec::new, |far| far.numbers.clone());
        Self { near: self.near | other.near, far: far([numbers(self), numbers(other)].concat()) }
    }

    /// What a subscription to them counts for: one, and one more for every sixteen that are far from those in use.
    #[must_use]
    pub fn weight(&self) -> usize {
        1 + self.far.as_ref().map_or(0, |far| far.numbers.len() / FAR_PER_WEIGHT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: impl IntoIterator<Item = i16>) -> Namespaces {
        numbers.into_iter().map(Namespace).collect()
    }

    #[test]
    fn a_set_holds_what_was_put_into_it_and_nothing_else() {
        let numbers = [i16::MIN, -3741, -33, -32, -11, -1, 0, 2, 31, 32, 1000, i16::MAX];

        let all = set(numbers);

        for number in i16::MIN..=i16::MAX {
            assert_eq!(all.contains(Namespace(number)), numbers.contains(&number), "{number}");
        }
    }

    #[test]
    fn a_union_holds_what_either_holds_once() {
        let (left, right) = (set([-11, 0, 500, 700]), set([0, 13, -700, 500]));

        assert_eq!(left.union(&right), set([-700, -11, 0, 13, 500, 700]));
        assert_eq!(left.union(&set([])), left);
    }

    #[test]
    fn namespaces_in_use_weigh_nothing_and_others_a_sixteenth() {
        assert_eq!(set([0]).weight(), 1);
        assert_eq!(set(-32..32).weight(), 1);
        assert_eq!(set(100..115).weight(), 1);
        assert_eq!(set(100..116).weight(), 2);
    }

    #[test]
    fn a_set_takes_sixteen_bytes() {
        assert_eq!(size_of::<Namespaces>(), 16);
    }
}
