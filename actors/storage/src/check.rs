//! What a request must fulfil before anything is done: its times, then who signed it (storage-rpc §4). Pure.

use std::borrow::Cow;

use starling_protocol::{
    account::AccountId,
    storage::{
        limits::{CLIENT_TOLERANCE, MIN_TTL, PEER_TOLERANCE, STORE_TOLERANCE},
        request::{Authority, Refused, Request, Store},
        subaccount::Token,
    },
};

/// Who brings a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A client.
    Client,
    /// Another member of the swarm, which has got it from a client.
    Member,
}

impl Origin {
    /// How far a signed time may be off, in milliseconds.
    const fn tolerance(self) -> i64 {
        match self {
            Self::Client => CLIENT_TOLERANCE,
            Self::Member => PEER_TOLERANCE,
        }
    }
}

/// Why a request is turned away: status and text are part of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) text: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, text: text.into() }
    }
}

/// Checks times, signature and revocation, in the order in which the reference does.
///
/// `is_revoked` is asked for subaccounts only; its failure is the outer error.
pub(crate) fn check<E>(
    request: &Request,
    now: i64,
    origin: Origin,
    is_revoked: impl FnOnce(&AccountId, &Token) -> Result<bool, E>,
) -> Result<Result<Authority, Refusal>, E> {
    if let Err(refusal) = check_times(request, now, origin) {
        return Ok(Err(refusal));
    }
    let unauthorized = |refused| Refusal::new(401, request.refusal_text(refused));
    let authority = match request.verify() {
        Ok(authority) => authority,
        Err(refused) => return Ok(Err(unauthorized(refused))),
    };
    if let (Authority::Subaccount(token), Some(account)) = (&authority, request.account())
        && !outlives_revocation(request)
        && is_revoked(account, token)?
    {
        // The text is the same as for a bad signature: a revoked member learns no more than a stranger.
        return Ok(Err(unauthorized(Refused::Signature)));
    }
    Ok(Ok(authority))
}

/// Some namespaces can be read by subaccounts that were revoked.
fn outlives_revocation(request: &Request) -> bool {
    matches!(request, Request::Retrieve(retrieve) if retrieve.namespace.is_unrevocable())
}

fn check_times(request: &Request, now: i64, origin: Origin) -> Result<(), Refusal> {
    let tolerance = origin.tolerance();
    let near = |time: i64| time.abs_diff(now) <= tolerance.unsigned_abs();
    let require = |holds: bool, status, text| if holds { Ok(()) } else { Err(Refusal::new(status, text)) };
    match request {
        Request::Store(store) => check_store(store, now, near(store.signed_at())),
        Request::Retrieve(retrieve) => match &retrieve.auth {
            Some(auth) => require(near(auth.timestamp), 406, "retrieve timestamp too far from current time"),
            None => Ok(()),
        },
        Request::Delete(_) => Ok(()),
        Request::DeleteAll(delete) => {
            require(near(delete.timestamp), 406, "delete_all timestamp too far from current time")
        }
        Request::DeleteBefore(delete) => {
            let latest = now.saturating_add(tolerance);
            require(delete.before <= latest, 401, "delete_before timestamp too far in the future")
        }
        Request::ExpireAll(expire) => {
            let earliest = now.saturating_sub(tolerance);
            require(expire.expiry >= earliest, 406, "expire_all timestamp should be >= current time")
        }
        Request::Expire(expire) => {
            let earliest = now.saturating_sub(tolerance);
            let holds = expire.expiries.iter().all(|expiry| *expiry >= earliest);
            require(holds, 401, "expire: timestamp should be >= current time")
        }
        Request::GetExpiries(get) => {
            require(near(get.timestamp), 406, "get_expiries timestamp too far from current time")
        }
        Request::RevokeSubaccount(revoke) => {
            require(near(revoke.timestamp), 406, "revoke_subaccount timestamp too far from current time")
        }
        Request::UnrevokeSubaccount(unrevoke) => {
            require(near(unrevoke.timestamp), 406, "unrevoke_subaccount timestamp too far from current time")
        }
        Request::RevokedSubaccounts(revoked) => {
            require(near(revoked.timestamp), 406, "revoked_subaccounts timestamp too far from current time")
        }
        Request::GetSwarm(_)
        | Request::OxendRequest(_)
        | Request::Info
        | Request::ActiveNodes
        | Request::Batch(_)
        | Request::IfElse(_) => Ok(()),
    }
}

fn check_store(store: &Store, now: i64, is_signed_now: bool) -> Result<(), Refusal> {
    let namespace = store.namespace;
    if namespace.is_refused() {
        return Err(Refusal::new(
            403,
            format!("store: namespace {namespace} is reserved and takes no messages"),
        ));
    }
    if !(MIN_TTL..=namespace.max_ttl()).contains(&store.ttl()) {
        return Err(Refusal::new(403, "Provided expiry/TTL is not valid."));
    }
    let is_future = store.timestamp > now.saturating_add(STORE_TOLERANCE);
    if is_future || store.expiry() < now.saturating_sub(STORE_TOLERANCE) {
        return Err(Refusal::new(406, "Timestamp error: check your clock"));
    }
    // That a signature is missing is told before its time is looked at; the rest of the signature comes after.
    if namespace.store_needs_auth() && store.credentials.is_some() && !is_signed_now {
        return Err(Refusal::new(406, "store signature timestamp too far from current time"));
    }
    Ok(())
}
