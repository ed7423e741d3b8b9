//! How many messages one `retrieve` returns (storage-rpc §4.3).

/// Most that one answer may hold, counted as [`Page`] counts.
pub const MAX_RETRIEVE_BYTES: u64 = 7_800_000;
/// The share of [`MAX_RETRIEVE_BYTES`] when a client says nothing.
const DEFAULT_SHARE: i64 = -5;
/// What a message counts beside its body: its fields, and its hash.
const MESSAGE_OVERHEAD: u64 = 100 + 43;

/// What a request allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RetrieveLimits {
    /// Most messages, or no bound.
    pub max_count: Option<u64>,
    /// Most bytes, counted as [`Page`] counts.
    pub max_bytes: u64,
}

impl RetrieveLimits {
    /// Reads `max_count` and `max_size` as a client sends them: 0 is as good as nothing, a negative size −k is the k-th
    /// part of the maximum, and if neither says anything it is the fifth part.
    #[must_use]
    pub fn new(max_count: Option<i64>, max_size: Option<i64>) -> Self {
        let max_count = max_count.and_then(|count| u64::try_from(count).ok()).filter(|count| *count != 0);
        let size = max_size.filter(|size| *size != 0);
        let max_bytes = match size.or(max_count.is_none().then_some(DEFAULT_SHARE)) {
            None => MAX_RETRIEVE_BYTES,
            Some(size) if size < 0 => MAX_RETRIEVE_BYTES / size.unsigned_abs(),
            Some(size) => size.unsigned_abs().min(MAX_RETRIEVE_BYTES),
        };
        Self { max_count, max_bytes }
    }

    /// The same, with no more than so many bytes.
    #[must_use]
    pub fn at_most(self, max_bytes: u64) -> Self {
        Self { max_bytes: self.max_bytes.min(max_bytes), ..self }
    }
}

/// The messages of one answer, filled one by one in the order of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    limits: RetrieveLimits,
    count: u64,
    bytes: u64,
    more: bool,
}

impl Page {
    /// An empty page.
    #[must_use]
    pub const fn new(limits: RetrieveLimits) -> Self {
        Self { limits, count: 0, bytes: 0, more: false }
    }

    /// Takes the next message if it still fits, and tells whether it did. The first always does. After a refusal the
    /// page is full, and [`Page::more`] says so.
    pub fn try_add(&mut self, body_len: usize) -> bool {
        let cost = MESSAGE_OVERHEAD.saturating_add((body_len as u64).saturating_mul(4) / 3);
        let bytes = self.bytes.saturating_add(cost);
        let is_counted_out = self.limits.max_count.is_some_and(|max| self.count >= max);
        if self.more || is_counted_out || (self.count > 0 && bytes > self.limits.max_bytes) {
            self.more = true;
            return false;
        }
        self.count += 1;
        self.bytes = bytes;
        true
    }

    /// How many messages were taken.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes the messages count.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether there is at least one message that did not fit.
    #[must_use]
    pub const fn more(&self) -> bool {
        self.more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_sizes_are_shares_and_large_ones_are_cut() {
        let bytes = |count, size| RetrieveLimits::new(count, size).max_bytes;

        assert_eq!(bytes(None, None), 1_560_000);
        assert_eq!(bytes(Some(0), Some(0)), 1_560_000);
        assert_eq!(bytes(Some(1), None), 7_800_000);
        assert_eq!(bytes(None, Some(-3)), 2_600_000);
        assert_eq!(bytes(None, Some(i64::MIN)), 0);
        assert_eq!(bytes(None, Some(i64::MAX)), 7_800_000);
    }

    #[test]
    fn known_counts_of_seventy_thousand_byte_bodies() {
        for (size, expected) in [(Some(-1), 83), (Some(-3), 27), (None, 16)] {
            let mut page = Page::new(RetrieveLimits::new(None, size));
            while page.try_add(70_000) {}
            assert_eq!(page.count(), expected, "{size:?}");
        }
    }
}
