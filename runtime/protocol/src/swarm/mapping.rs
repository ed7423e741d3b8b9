//! From account to swarm (swarms §1).

use super::SwarmId;
use crate::account::AccountId;

/// The account's place on the ring: its four big-endian words joined by exclusive or. The kind of id plays no part.
#[must_use]
pub fn space(account: &AccountId) -> u64 {
    let (words, _) = account.key().as_chunks::<8>();
    words.iter().fold(0, |space, word| space ^ u64::from_be_bytes(*word))
}

/// The swarm nearest to `space` on the ring, the lower neighbour if two are equally near; `None` if there is no swarm.
///
/// `ids` must be ascending. [`SwarmId::UNASSIGNED`] among them is passed over.
#[must_use]
pub fn nearest(space: u64, ids: &[SwarmId]) -> Option<SwarmId> {
    let ids = &ids[..ids.partition_point(|id| id.is_assigned())];
    let above = ids.partition_point(|id| id.0 < space);
    let right = ids.get(above).or(ids.first())?;
    let left = ids[..above].last().or(ids.last())?;
    let (to_right, to_left) = (right.0.wrapping_sub(space), space.wrapping_sub(left.0));
    Some(if to_right < to_left { *right } else { *left })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swarm_exactly_at_the_account_is_its_swarm() {
        // To the left of the only match lies the whole ring, so the tie rule must not turn it down.
        assert_eq!(nearest(5, &[SwarmId(5)]), Some(SwarmId(5)));
        assert_eq!(nearest(20, &[SwarmId(10), SwarmId(20), SwarmId(30)]), Some(SwarmId(20)));
        assert_eq!(nearest(0, &[SwarmId(0), SwarmId(1 << 63)]), Some(SwarmId(0)));
    }

    #[test]
    fn without_swarms_there_is_none() {
        assert_eq!(nearest(5, &[]), None);
        assert_eq!(nearest(5, &[SwarmId::UNASSIGNED]), None);
    }
}
