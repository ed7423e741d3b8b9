//! Counting what the store holds, from the keys of the messages alone.

use std::collections::BTreeMap;

use redb::{ReadableTable as _, ReadableTableMetadata as _};
use starling_contracts::storage::Spread;
use starling_protocol::{account::AccountId, storage::Namespace};

use super::{
    Snapshot, StoreError,
    place::Place,
    tables::{BODY_BYTES, MESSAGES, META, ROW_OVERHEAD},
};

/// Accounts with fewer messages are not counted, as the reference does not.
const LEAST: u64 = 2;

/// What the store holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Census {
    /// Accounts with at least two messages.
    pub accounts: u64,
    /// Messages of all accounts.
    pub messages: u64,
    /// Messages per account, of those that are counted.
    pub mean: f64,
    /// How messages spread over those accounts.
    pub spread: Spread,
    /// Messages by namespace.
    pub namespaces: BTreeMap<Namespace, u64>,
    /// Bytes that messages take, by the count that the capacity is compared with.
    pub used_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
}

impl Snapshot {
    /// Goes over the keys of all messages; what the file takes on disk is left at 0.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn census(&self) -> Result<Census, StoreError> {
        let rows = self.open(MESSAGES)?;
        let body_bytes = self.open(META)?.get(BODY_BYTES)?.map_or(0, |bytes| bytes.value());
        let messages = rows.len()?;
        let mut namespaces = BTreeMap::new();
        let mut per_account = PerAccount::default();
        for entry in rows.iter()? {
            let slot = Place::decode(entry?.0.value())?.slot;
            *namespaces.entry(slot.namespace).or_default() += 1;
            per_account.count(slot.account);
        }
        let mut counts = per_account.finish();
        counts.sort_unstable();
        let accounts = u64::try_from(counts.len()).unwrap_or(u64::MAX);
        let total: u64 = counts.iter().sum();
        Ok(Census {
            accounts,
            messages,
            // Both are below 2^52, where a float would begin to round.
            mean: if accounts == 0 { 0.0 } else { total as f64 / accounts as f64 },
            spread: spread(&counts),
            namespaces,
            used_bytes: body_bytes.saturating_add(messages.saturating_mul(ROW_OVERHEAD)),
            file_bytes: 0,
        })
    }
}

/// Messages come sorted by account, so one account is counted at a time.
#[derive(Default)]
struct PerAccount {
    current: Option<(AccountId, u64)>,
    counts: Vec<u64>,
}

impl PerAccount {
    fn count(&mut self, account: AccountId) {
        match &mut self.current {
            Some((current, count)) if *current == account => *count += 1,
            _ => {
                self.close();
                self.current = Some((account, 1));
            }
        }
    }

    fn close(&mut self) {
        self.counts.extend(self.current.take().map(|(_, count)| count).filter(|count| *count >= LEAST));
    }

    fn finish(mut self) -> Vec<u64> {
        self.close();
        self.counts
    }
}

/// Of counts in ascending order.
fn spread(counts: &[u64]) -> Spread {
    let at = |percent: usize| counts.get(counts.len() * percent / 100).copied().unwrap_or(0);
    Spread {
        min: at(0),
        p5: at(5),
        p25: at(25),
        median: at(50),
        p75: at(75),
        p95: at(95),
        max: counts.last().copied().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_sorted_counts() {
        let hundred: Vec<u64> = (1..=100).collect();

        let expected = Spread { min: 1, p5: 6, p25: 26, median: 51, p75: 76, p95: 96, max: 100 };
        assert_eq!(spread(&hundred), expected);
        assert_eq!(spread(&[7]), Spread { min: 7, p5: 7, p25: 7, median: 7, p75: 7, p95: 7, max: 7 });
        assert_eq!(spread(&[]), Spread::default());
    }
}
