//! Who may ask how often, counted over all doors together (storage-load §3).

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use starling_kernel::{RateLimit, RateLimiter};

/// Counts the requests of client addresses. One for all doors of a node, so that nobody gets more by using several.
#[derive(Debug)]
pub struct Admission {
    requests: RateLimiter<Caller>,
}

/// Who counts as one caller: an IPv4 address, or the network of an IPv6 address, which has its whole /64 to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    V4(Ipv4Addr),
    V6Network([u8; 8]),
}

impl Admission {
    /// Everybody may ask as often as `requests` says.
    pub fn new(requests: RateLimit) -> Self {
        Self { requests: RateLimiter::new(requests) }
    }

    /// Counts a request, at a time of the kernel's `Clock::elapsed`. A batch is one; onion requests are not counted.
    ///
    /// # Errors
    /// How long until the next one passes.
    pub(crate) fn admit(&self, from: IpAddr, now: Duration) -> Result<(), Duration> {
        self.requests.admit(Caller::from(from), now)
    }

    /// Forgets who has been quiet.
    pub(crate) fn sweep(&self, now: Duration) {
        self.requests.sweep(now);
    }
}

impl From<IpAddr> for Caller {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6Network(network(address)),
        }
    }
}

fn network(address: Ipv6Addr) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = address.octets();
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(one: &str, other: &str, is_same: bool) {
        let caller = |text: &str| Caller::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(caller(one) == caller(other), is_same, "{one} {other}");
    }

    #[test]
    fn an_ipv6_network_is_one_caller_and_an_ipv4_address_is_one_however_written() {
        same("203.0.113.7", "203.0.113.8", false);
        same("203.0.113.7", "::ffff:203.0.113.7", true);
        same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true);
        same("2001:db8:1:2::1", "2001:db8:1:3::1", false);
    }

    #[test]
    fn who_asks_too_often_waits_and_nobody_else_does() {
        let admission = Admission::new(RateLimit { per_second: 10, burst: 3, callers: 10 });
        let (eager, other): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let now = Duration::from_secs(5);

        let passed = (0..10).filter(|_| admission.admit(eager, now).is_ok()).count();

        assert_eq!(passed, 3);
        assert_eq!(admission.admit(eager, now), Err(Duration::from_millis(100)));
        assert_eq!(admission.admit(other, now), Ok(()));
        admission.sweep(now + Duration::from_secs(1));
        assert_eq!(admission.admit(eager, now + Duration::from_secs(1)), Ok(()));
    }
}
