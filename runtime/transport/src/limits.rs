//! Every limit that memory sets, derived from one number.

use bytesize::ByteSize;
use starling_contracts::transport::Protocol;
use starling_protocol::peer_wire::{MAX_BODY, MAX_FRAMING};

/// What a connection at rest takes: buffers of the carrier, tables of the multiplexer, tasks.
const PER_CONNECTION: u64 = 128 << 10;

/// How much one memory setting allows. A quarter goes to requests that come in, a quarter to those that go out and
/// their answers, a quarter to connections; the last is left for what cannot be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of strangers' requests that are read or being answered.
    pub(crate) inbound_bytes: usize,
    /// The same for what only listed nodes may send.
    pub(crate) listed_bytes: usize,
    /// Bytes of our requests and of answers to them.
    pub(crate) outbound_bytes: usize,
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
    pub(crate) const LEAST_MEMORY: ByteSize = ByteSize::mib(64);

    pub(crate) fn of(memory: ByteSize) -> Self {
        let quarter = memory.as_u64() / 4;
        let connections = u32::try_from(quarter / PER_CONNECTION).unwrap_or(u32::MAX).max(16);
        Self {
            inbound_bytes: bytes(quarter),
            listed_bytes: bytes(quarter),
            outbound_bytes: bytes(quarter),
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
        let (one, two) = (Limits::of(ByteSize::mib(256)), Limits::of(ByteSize::mib(512)));

        assert_eq!(one.connections, 512);
        assert_eq!(one.inbound_bytes, 64 << 20);
        assert_eq!(two.connections, 2 * one.connections);
        assert_eq!(two.inbound_bytes, 2 * one.inbound_bytes);
    }

    #[test]
    fn the_least_memory_has_room_for_the_longest_request_of_each_kind() {
        let limits = Limits::of(Limits::LEAST_MEMORY);

        for protocol in [Protocol::Onion, Protocol::Storage, Protocol::Swarm, Protocol::Ping] {
            let (request, answer) = longest(protocol);
            assert!(request < limits.inbound_bytes && request < limits.listed_bytes);
            assert!(answer < limits.outbound_bytes);
        }
    }
}
