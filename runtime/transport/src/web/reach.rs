//! Which addresses belong to the public internet.
//!
//! IPv4 is public unless a registry of special purposes has it; of IPv6, only what is handed out to the public is, less what
//! the registry has inside of it. Addresses of IPv6 that stand for one of IPv4 are as public as that one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4 that are not public: base and length of the prefix.
const SPECIAL_V4: [([u8; 4], u32); 16] = [
    // "This network".
    ([0, 0, 0, 0], 8),
    // Private use.
    ([10, 0, 0, 0], 8),
    // Shared by the customers of a carrier.
    ([100, 64, 0, 0], 10),
    // Loopback.
    ([127, 0, 0, 0], 8),
    // Link-local; instances of clouds are told their secrets here.
    ([169, 254, 0, 0], 16),
    // Private use.
    ([172, 16, 0, 0], 12),
    // Assignments to protocols.
    ([192, 0, 0, 0], 24),
    // Documentation.
    ([192, 0, 2, 0], 24),
    // Relays of 6to4, which are no more.
    ([192, 88, 99, 0], 24),
    // Private use.
    ([192, 168, 0, 0], 16),
    // Benchmarks.
    ([198, 18, 0, 0], 15),
    // Documentation.
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast.
    ([224, 0, 0, 0], 4),
    // Reserved, and broadcast.
    ([240, 0, 0, 0], 4),
    // A public resolver's address that clouds answer themselves.
    ([168, 63, 129, 16], 32),
];

/// Networks inside of 2000::/3 that are not public.
const SPECIAL_V6: [(Ipv6Addr, u32); 3] = [
    // Assignments to protocols: Teredo, benchmarks, ORCHID.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation.
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// What is handed out to the public.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// 6to4: the IPv4 address follows.
const SIX_TO_FOUR: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);
/// NAT64: the IPv4 address is at the end.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Is it an address of the public internet?
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let address = address.to_bits();
    !SPECIAL_V4.iter().any(|(base, length)| {
        let base = Ipv4Addr::from(*base).to_bits();
        (address ^ base) >> (32 - length) == 0
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [.., a, b, c, d] = address.octets();
    if is_in(address, NAT64) {
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    if is_in(address, SIX_TO_FOUR) {
        let [_, _, a, b, c, d, ..] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    is_in(address, GLOBAL_V6) && !SPECIAL_V6.iter().any(|network| is_in(address, *network))
}

fn is_in(address: Ipv6Addr, (base, length): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ base.to_bits()) >> (128 - length) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(is_expected_public: bool, addresses: &[&str]) {
        for text in addresses {
            let address = text.parse().unwrap();
            assert_eq!(is_public(address), is_expected_public, "{text}");
        }
    }

    #[test]
    fn servers_of_the_internet_are_public() {
        check(true, &["1.1.1.1", "9.255.255.255", "100.63.255.255", "100.128.0.0", "126.255.255.255"]);
        check(true, &["172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "198.20.0.0"]);
        check(true, &["223.255.255.255", "2606:4700::1111", "2a01:4f8::1", "2001:200::1", "2400::1"]);
    }

    #[test]
    fn special_networks_are_not_from_their_first_address_to_their_last() {
        check(false, &["0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0"]);
        check(false, &["100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254"]);
        check(false, &["172.16.0.0", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1"]);
        check(false, &["192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.1"]);
        check(false, &["203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"]);
        check(false, &["168.63.129.16"]);
        check(false, &["::", "::1", "fe80::1", "fc00::1", "fdff::1", "ff02::1", "fec0::1", "100::1"]);
        check(false, &["2001::1", "2001:2::1", "2001:10::1", "2001:db8::1", "3fff::1", "5f00::1", "4000::1"]);
    }

    #[test]
    fn an_ipv6_address_that_stands_for_one_of_ipv4_is_as_public_as_that() {
        check(false, &["::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:a9fe:a9fe", "::127.0.0.1"]);
        check(false, &["64:ff9b::127.0.0.1", "64:ff9b::c0a8:1", "2002:7f00:1::", "2002:0a00:0001::1"]);
        check(false, &["64:ff9b:1::1.1.1.1", "2001:0:1::fefe:fefe"]);
        check(true, &["::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:0101:0101::1"]);
    }
}
