//! Numbers that storage rules depend on (storage-rpc §2, §4). Times are milliseconds.

/// Largest message body, in bytes. A multiple of three, so that its base64 needs no padding.
pub const MAX_BODY: usize = 76_800;
/// Shortest time to live of a message.
pub const MIN_TTL: i64 = 10_000;
/// Longest time to live in a public inbox, 14 days.
pub const MAX_TTL_PUBLIC_INBOX: i64 = 14 * DAY;
/// Longest time to live elsewhere, 30 days; also what `expire` clamps to.
pub const MAX_TTL: i64 = 30 * DAY;
/// How far a `store` may lie in the future, or its expiry in the past.
pub const STORE_TOLERANCE: i64 = 10_000;
/// How far a signed time may be off in a client's request.
pub const CLIENT_TOLERANCE: i64 = 60_000;
/// The same in a request that a swarm member passed on.
pub const PEER_TOLERANCE: i64 = 70_000;
/// Below this a time was surely given in seconds.
pub const MIN_TIMESTAMP: i64 = 1_000_000_000;
/// Most requests in a `batch` or `sequence`.
pub const MAX_BATCH: usize = 20;
/// Most tokens in one revocation, and revocations kept per account.
pub const MAX_REVOKED: usize = 50;

const DAY: i64 = 24 * 60 * 60 * 1000;
