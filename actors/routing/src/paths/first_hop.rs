//! Bytes to a guard and back, over whichever transport it is spoken to.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use starling_contracts::{
    node::ServiceNode,
    transport::{CallPeer, Error, FROM_CLIENT, PeerAddress, PostHttps, Protocol, Trust},
};
use starling_kernel::Context;
use starling_protocol::{onion::MAX_REQUEST, peer_wire::decode_answer};

use crate::config::FirstHop;

/// A longer answer is not read: the longest body of a node, in base64.
const MAX_ANSWER: usize = MAX_REQUEST / 3 * 4 + 4096;
/// How much longer than its own deadline the transport is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// Speaks to guards.
pub(super) struct GuardLine {
    ctx: Context,
    first_hop: FirstHop,
}

impl GuardLine {
    pub(super) fn new(ctx: Context, first_hop: FirstHop) -> Self {
        Self { ctx, first_hop }
    }

    /// Brings an outer frame to a guard; the plain status and body that come back.
    pub(super) async fn send(
        &self,
        guard: &ServiceNode,
        frame: &[u8],
        within: Duration,
    ) -> Result<(u16, Bytes), Error> {
        match self.first_hop {
            FirstHop::Libp2p => {
                let mut body = BytesMut::with_capacity(frame.len() + 1);
                body.extend_from_slice(&[FROM_CLIENT]);
                body.extend_from_slice(frame);
                let answer = self.call(guard, Protocol::Onion, body.freeze(), within).await?;
                let (status, body) = decode_answer(&answer)
                    .map_err(|_| Error::Broken("the guard's answer is no answer".to_owned()))?;
                Ok((status, body.into()))
            }
            FirstHop::Https => self.post(guard, "onion_req/v2", Bytes::copy_from_slice(frame), within).await,
        }
    }

    /// Does the guard answer at all?
    pub(super) async fn is_alive(&self, guard: &ServiceNode, within: Duration) -> bool {
        let outcome = match self.first_hop {
            FirstHop::Libp2p => {
                self.call(guard, Protocol::Ping, Bytes::from_static(b"ping"), within).await.map(|_| ())
            }
            FirstHop::Https => self.post(guard, "ping_test/v1", Bytes::new(), within).await.map(|_| ()),
        };
        // Whatever else happened, nothing says that the guard is at fault.
        !matches!(outcome, Err(Error::Unreachable(_) | Error::TimedOut { .. } | Error::Broken(_)))
    }

    async fn call(
        &self,
        guard: &ServiceNode,
        protocol: Protocol,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, Error> {
        let peer = PeerAddress { ed25519: guard.ed25519, ip: guard.public_ip, port: guard.libp2p_port };
        let call = CallPeer { peer, protocol, body, deadline };
        self.ctx.recipient::<CallPeer>().ask_within(call, deadline + GRACE).await
    }

    async fn post(
        &self,
        guard: &ServiceNode,
        path: &str,
        body: Bytes,
        deadline: Duration,
    ) -> Result<(u16, Bytes), Error> {
        let post = PostHttps {
            url: format!("https://{}:{}/{path}", guard.public_ip, guard.storage_port),
            content_type: None,
            body,
            // What matters is sealed inside (storage-rpc §1.1).
            trust: Trust::AnyCertificate,
            max_answer: MAX_ANSWER,
            deadline,
        };
        let answer = self.ctx.recipient::<PostHttps>().ask_within(post, deadline + GRACE).await?;
        Ok((answer.status, answer.body))
    }
}
