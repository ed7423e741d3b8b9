//! Which nodes of a block test which others (swarms §6).

use super::random::Mt19937;

/// Most validators of one quorum.
pub const QUORUM_SIZE: usize = 10;
/// Votes that decide.
pub const VOTES_NEEDED: usize = 7;
const MIN_TESTED: usize = 50;

/// A block's obligations quorum, as indices into the active nodes sorted by key, followed by the decommissioned ones
/// sorted by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// Who tests.
    pub validators: Vec<usize>,
    /// Who is tested.
    pub workers: Vec<usize>,
}

/// Draws the quorum that the block's hash decides.
#[must_use]
pub fn obligations(block_hash: &[u8; 32], active: usize, decommissioned: usize) -> Quorum {
    let mut seeds = vec![0];
    seeds.extend(block_hash.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)));
    let fresh = Mt19937::from_seed_sequence(&seeds);

    let total = active + decommissioned;
    let n_validators = active.min(QUORUM_SIZE);
    let mut nodes: Vec<usize> = (0..total).collect();
    if n_validators == 0 || n_validators >= total {
        shuffle(&mut nodes, fresh);
    } else {
        // Validators come from the active nodes alone, so these are shuffled first among themselves.
        shuffle(&mut nodes[..active], fresh.clone());
        shuffle(&mut nodes[n_validators..], fresh);
    }
    let workers = nodes.split_off(n_validators);
    let n_tested = workers.len().min(MIN_TESTED.max(workers.len() / 100));
    Quorum { validators: nodes, workers: workers.into_iter().take(n_tested).collect() }
}

fn shuffle(nodes: &mut [usize], mut random: Mt19937) {
    for index in 1..nodes.len() {
        let other = random.index(index + 1);
        nodes.swap(index, other);
    }
}
