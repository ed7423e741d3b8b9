//! Every limit that memory sets, derived from one number.

use bytesize::ByteSize;
use starling_contracts::transport::Protocol;
use starling_protocol::peer_wire::{MAX_BODY, MAX_FRAMING, MAX_NOTICE};

/// What a connection at rest takes: buffers of the carrier, tables of the multiplexer, tasks.
const PER_CONNECTION: u64 = 128 << 10;

/// How much one memory setting allows. A sixth each goes to requests of strangers, of listed nodes, and of members of a swarm,
/// to requests that go out and their answers, and to connections; the last is left for what cannot be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of strangers' requests that are read or being answered, and of the answers.
    pub(crate) stranger_bytes: usize,
    /// The same for what listed nodes pass on.
    pub(crate) listed_bytes: usize,
    /// The same for what members of a swarm copy to each other.
    pub(crate) member_bytes: usize,
    /// Bytes of our requests and of answers to them.
    pub(crate) outbound_bytes: usize,
    /// Bytes of requests to web servers for onion requests of others and of their answers: of the last sixth, but at least room for the longest of both.
    pub(crate) web_bytes: usize,
    /// Bytes of requests of plugins to web servers and of their answers: of the last sixth too, but at least room for the longest
    /// body.
    pub(crate) fetch_bytes: usize,
    /// Bytes of notices that wait for subscribers to take them.
    pub(crate) notice_bytes: usize,
    /// Peers that may be subscribed: each keeps a connection for itself.
    pub(crate) subscribers: usize,
    /// Connections, both ways; listed nodes are not counted.
    pub(crate) connections: u32,
    /// Those of them that others opened.
    pub(crate) inbound_connections: u32,
    /// Connections being opened, each way.
    pub(crate) pending_connections: u32,
    /// Resident memory of the whole process beyond which no new connection is taken.
    pub(crate) process_bytes: usize,
}

impl Limits {
    /// Below this not even one body each way and a handful of connections fit.
    pub(crate) const LEAST_MEMORY: ByteSize = ByteSize::mib(96);

    pub(crate) fn of(memory: ByteSize) -> Self {
        let sixth = memory.as_u64() / 6;
        let connections = u32::try_from(sixth / PER_CONNECTION).unwrap_or(u32::MAX).max(16);
        Self {
            stranger_bytes: bytes(sixth),
            listed_bytes: bytes(sixth),
            member_bytes: bytes(sixth),
            outbound_bytes: bytes(sixth),
            web_bytes: bytes(sixth / 2).max(2 * MAX_BODY),
            fetch_bytes: bytes(sixth / 8).max(MAX_BODY),
            notice_bytes: bytes(sixth / 4),
            subscribers: usize::try_from(connections / 8 * 3).unwrap_or(usize::MAX),
            connections,
            inbound_connections: connections / 4 * 3,
            pending_connections: (connections / 4).max(16),
            // The rest of a node (database cache, other actors) is about three times what we take.
            process_bytes: bytes(memory.as_u64().saturating_mul(4)),
        }
    }
}

/// The longest request and answer of a protocol, without the frame that the codec puts around it.
pub(crate) const fn longest(protocol: Protocol) -> (usize, usize) {
    match protocol {
        // The first byte tells who brings the request.
        Protocol::Onion => (MAX_BODY + 1, MAX_BODY + MAX_FRAMING),
        Protocol::Storage => (MAX_BODY, MAX_BODY + MAX_FRAMING),
        Protocol::Swarm => (MAX_BODY + MAX_FRAMING, MAX_BODY + MAX_FRAMING),
        Protocol::Ping => (64, 64),
        Protocol::Monitor => (MAX_BODY, MAX_BODY + MAX_FRAMING),
        Protocol::Notify => (MAX_NOTICE, 0),
    }
}

fn bytes(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_memory_allows_twice_as_much() {
        let (one, two) = (Limits::of(ByteSize::mib(384)), Limits::of(ByteSize::mib(768)));

        assert_eq!(one.connections, 512);
        assert_eq!(one.stranger_bytes, 64 << 20);
        assert_eq!((one.web_bytes, two.web_bytes), (32 << 20, 64 << 20));
        assert_eq!(two.connections, 2 * one.connections);
        assert_eq!(two.stranger_bytes, 2 * one.stranger_bytes);
    }

    #[test]
    fn the_least_memory_has_room_for_the_longest_request_of_each_kind() {
        let limits = Limits::of(Limits::LEAST_MEMORY);

        for protocol in crate::metrics::PROTOCOLS {
            let (request, answer) = longest(protocol);
            assert!(request < limits.stranger_bytes.min(limits.listed_bytes).min(limits.member_bytes));
            assert!(answer < limits.outbound_bytes);
        }
        assert!(
            2 * MAX_BODY <= limits.web_bytes,
            "a web server's answer may be as long as what it was asked"
        );
        assert!(MAX_BODY <= limits.fetch_bytes, "a plugin may be answered as much as anybody");
    }
}
