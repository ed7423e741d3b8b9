//! When to try again to connect to a peer that could not be reached.

use std::{net::SocketAddrV4, time::Duration};

/// The pauses between tries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pauses {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

/// What is remembered of failures to reach one peer. Forgotten with the first success.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failed: Option<Failed>,
}

#[derive(Debug)]
struct Failed {
    address: SocketAddrV4,
    times: u32,
    until: Duration,
}

impl Backoff {
    /// How long no try should be made, at time `now`; nothing when one may be.
    ///
    /// An address that has not failed may be tried at once.
    pub(crate) fn left(&self, now: Duration, address: SocketAddrV4) -> Option<Duration> {
        let failed = self.failed.as_ref().filter(|failed| failed.address == address)?;
        failed.until.checked_sub(now).filter(|left| !left.is_zero())
    }

    /// Remembers a failure at time `now`.
    pub(crate) fn fail(&mut self, now: Duration, address: SocketAddrV4, pauses: Pauses) {
        let times = self.failed.as_ref().map_or(0, |failed| failed.times);
        // Beyond thirty doublings any first pause has outgrown any longest one.
        let pause = pauses.first.saturating_mul(2_u32.pow(times.min(30))).min(pauses.longest);
        self.failed = Some(Failed { address, times: times.saturating_add(1), until: now + pause });
    }

    /// Forgets all failures: the peer was reached.
    pub(crate) fn reset(&mut self) {
        self.failed = None;
    }

    /// Whether there is nothing to remember.
    pub(crate) fn is_clear(&self) -> bool {
        self.failed.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const PAUSES: Pauses = Pauses { first: Duration::from_secs(1), longest: Duration::from_secs(5) };
    const HERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
    const THERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2);

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let mut now = Duration::ZERO;
        for expected in [1, 2, 4, 5, 5] {
            backoff.fail(now, HERE, PAUSES);
            assert_eq!(backoff.left(now, HERE), Some(Duration::from_secs(expected)));
            now += Duration::from_secs(expected);
            assert_eq!(backoff.left(now, HERE), None);
        }
    }

    #[test]
    fn a_success_starts_over() {
        let mut backoff = Backoff::default();
        backoff.fail(Duration::ZERO, HERE, PAUSES);
        backoff.fail(Duration::ZERO, HERE, PAUSES);

        backoff.reset();

        assert_eq!(backoff.left(Duration::ZERO, HERE), None);
        backoff.fail(Duration::ZERO, HERE, PAUSES);
        assert_eq!(backoff.left(Duration::ZERO, HERE), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_new_address_is_tried_at_once() {
        let mut backoff = Backoff::default();
        backoff.fail(Duration::ZERO, HERE, PAUSES);

        assert_eq!(backoff.left(Duration::ZERO, THERE), None);
        assert!(backoff.left(Duration::ZERO, HERE).is_some());
        assert!(!backoff.is_clear());
    }
}
