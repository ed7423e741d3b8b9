//! The transport of the network in one process.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use starling_contracts::transport::{CallPeer, Error, FROM_CLIENT, HttpsAnswer, PostHttps, Protocol};
use starling_kernel::{Actor, Clock, Context, Handler, Task, done, task};
use starling_protocol::peer_wire::encode_onion_answer;

use crate::network::{Carried, EDGE_PORT, Network, SEED_PORT};

/// Carries bytes as the real transport would.
pub(crate) struct FakeTransport(Network);

impl FakeTransport {
    pub(crate) fn new(network: Network) -> Self {
        Self(network)
    }
}

impl Actor for FakeTransport {
    const NAME: &'static str = "transport";
}

fn wait(clock: &Arc<dyn Clock>, deadline: Duration) -> Task<Error> {
    let sleep = clock.sleep(deadline);
    let within_ms = u64::try_from(deadline.as_millis()).expect("tests wait less than that");
    task(async move {
        sleep.await;
        Error::TimedOut { within_ms }
    })
}

impl Handler<CallPeer> for FakeTransport {
    fn handle(&mut self, call: CallPeer, ctx: &Context) -> Task<Result<Bytes, Error>> {
        let mut state = self.0.state();
        let at = state.index(&call.peer.ed25519).expect("clients call nodes of the network");
        assert_eq!(call.peer.port, state.libp2p_port(at));
        let now_ms = ctx.clock().now_ms();
        let carried = match call.protocol {
            Protocol::Onion => {
                assert_eq!(call.body[0], FROM_CLIENT);
                state.enter(at, "libp2p", &call.body[1..], now_ms)
            }
            Protocol::Ping => state.ping(at),
            other => panic!("clients do not speak {other:?}"),
        };
        match (carried, call.protocol) {
            (Carried::Answer(_, body), Protocol::Ping) => done(Ok(body.into())),
            (Carried::Answer(status, body), _) => done(Ok(encode_onion_answer(status, &body).into())),
            (Carried::Refused, _) => done(Err(Error::Unreachable("refused".to_owned()))),
            (Carried::Silence, _) => {
                let late = wait(ctx.clock(), call.deadline);
                task(async move { Err(late.await) })
            }
        }
    }
}

impl Handler<PostHttps> for FakeTransport {
    fn handle(&mut self, post: PostHttps, ctx: &Context) -> Task<Result<HttpsAnswer, Error>> {
        let mut state = self.0.state();
        let (address, path) =
            post.url.strip_prefix("https://").and_then(|rest| rest.split_once('/')).expect("https");
        let port: u16 = address.split_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
        let now_ms = ctx.clock().now_ms();
        let carried = match path {
            "json_rpc" => match state.ask_seed(usize::from(port - SEED_PORT), &post) {
                Ok((body, content_type)) => {
                    let content_type = Some(content_type.to_owned());
                    return done(Ok(HttpsAnswer { status: 200, content_type, body }));
                }
                Err(carried) => carried,
            },
            "onion_req/v2" => state.enter(usize::from(port - EDGE_PORT), "https", &post.body, now_ms),
            "ping_test/v1" => state.ping(usize::from(port - EDGE_PORT)),
            other => panic!("clients do not post to /{other}"),
        };
        match carried {
            Carried::Answer(status, body) => {
                done(Ok(HttpsAnswer { status, content_type: None, body: body.into() }))
            }
            Carried::Refused => done(Err(Error::Unreachable("refused".to_owned()))),
            Carried::Silence => {
                let late = wait(ctx.clock(), post.deadline);
                task(async move { Err(late.await) })
            }
        }
    }
}
