//! From an accepted connection to HTTP: a place for it, TLS, a look at the first head, then actix's HTTP/1.1.
//!
//! - `socket`: the TCP side; a client that does not read what it is sent is cut off.
//! - `look`: the first head. `connection`: what HTTP is given, which times the heads after the first.
//! - `turns`: HTTP is given one head at a time.
//! - [`Pulse`]: tells the connection when it is being served.

mod connection;
mod look;
mod pulse;
mod socket;
mod turns;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use actix_http::{HttpService, Protocol, Request, Response};
use actix_rt::net::TcpStream;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_tls::accept::{
    max_concurrent_tls_connect,
    rustls_0_23::{Acceptor, TlsStream},
};
use actix_web::{
    App,
    dev::{AppConfig, Server},
    web::{Data, PayloadConfig, to},
};
use rustls::ServerConfig;
use starling_kernel::Clock;
use tokio::sync::Semaphore;

pub(crate) use self::pulse::{Pulse, Serving};
use self::{connection::Connection, look::look, socket::Socket};
use crate::{
    admission::Caller,
    config::Config,
    edge::Edge,
    metrics,
    shares::{Share, Shares},
};

/// A connection above TLS.
type TlsSocket = TlsStream<Socket>;

/// A connection that does not get as far as HTTP, or that broke there. There is nobody to tell.
#[derive(Debug)]
struct Ended;

/// How long a connection that is being closed is read, so that a client which is still sending gets its answer.
const LINGER: Duration = Duration::from_secs(1);

/// So many requests of a thread that were sent before the one before them was answered are worked on at once.
const HASTY: usize = 4;

/// The HTTPS server, ready to run.
pub(crate) fn server(
    config: &Config,
    listener: TcpListener,
    mut tls: ServerConfig,
    edge: Data<Edge>,
    clock: Arc<dyn Clock>,
) -> io::Result<Server> {
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let workers = match config.workers {
        0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        given => given,
    };
    // A few hundred clients that begin a handshake and leave it there would otherwise stop a thread from accepting others.
    max_concurrent_tls_connect(config.max_connections);
    let places = Arc::new(Shares::new(config.max_connections, config.connections_per_address));
    let builder = Server::build()
        .workers(workers)
        // The bound is ours: it tells callers apart, and turns the next one away rather than let it wait.
        .max_concurrent_connections(config.max_connections.saturating_add(1))
        .shutdown_timeout(config.bounds.drain_within.as_secs())
        .disable_signals();
    let closing = builder.graceful_shutdown_signal();
    let (handshake_within, head_within) = (config.handshake_within, config.head_within);
    let (keep_alive, stall_within) = (config.keep_alive, config.stall_within);
    let server = builder.listen("https", listener, move || {
        let (edge, clock, places) = (edge.clone(), Arc::clone(&clock), Arc::clone(&places));
        let (at_http, at_look) = (closing.clone(), closing.clone());
        let hasty = Arc::new(Semaphore::new(HASTY));
        let mut acceptor = Acceptor::new(tls.clone());
        acceptor.set_handshake_timeout(handshake_within);
        // The edge bounds bodies itself, with the texts that clients expect.
        let unbounded = PayloadConfig::new(usize::MAX);
        let app = App::new().app_data(edge.clone()).app_data(unbounded).default_service(to(Edge::serve));
        let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
        let for_promises = edge.clone();
        let http = HttpService::build()
            .keep_alive(keep_alive)
            .client_request_timeout(head_within)
            .client_disconnect_timeout(LINGER)
            .graceful_shutdown_signal(move || {
                let closing = at_http.clone();
                async move { closing.notified().await }
            })
            .expect(fn_service(move |request: Request| {
                let refusal = for_promises.refuses_promise(&request.head().headers);
                async move {
                    match refusal {
                        Some(refusal) => Err(Response::from(refusal)),
                        None => Ok(request),
                    }
                }
            }))
            .on_connect_ext(|connection: &Connection, data| {
                data.insert(connection.pulse());
            })
            .finish(map_config(app, |()| AppConfig::default()));
        let for_sockets = Arc::clone(&clock);
        let seat = fn_service(move |tcp: TcpStream| {
            let clock = Arc::clone(&for_sockets);
            let seated = seat(&places, &tcp).map(|place| Socket::new(tcp, place, clock, stall_within));
            async move { seated }
        });
        let look = fn_service(move |mut io: TlsSocket| {
            let (closing, clock, edge) = (at_look.clone(), Arc::clone(&clock), edge.clone());
            let hasty = Arc::clone(&hasty);
            async move {
                let ahead = tokio::select! {
                    biased;
                    looked = look(&mut io, &edge) => looked?,
                    () = clock.sleep(head_within) => return Err(Ended),
                    () = closing.notified() => return Err(Ended),
                };
                let from = io.get_ref().0.peer_addr();
                let caller = Caller::from(address(from));
                let charge = Box::new(move || edge.charge(caller));
                let connection = Connection::new(io, ahead, clock, head_within, charge, hasty);
                Ok((connection, Protocol::Http1, from))
            }
        });
        let acceptor = acceptor.map_err(|_| Ended);
        seat.and_then(acceptor).and_then(look).and_then(http.map_err(|_| Ended))
    })?;
    Ok(server.run())
}

/// Gives a connection its place, if there is one for its address.
fn seat(places: &Arc<Shares>, tcp: &TcpStream) -> Result<Share, Ended> {
    let mut place = places.share(Caller::from(address(tcp.peer_addr().ok())));
    match place.extend(1) {
        Ok(()) => Ok(place),
        Err(shortage) => {
            metrics::connection_refused(shortage);
            Err(Ended)
        }
    }
}

/// A connection that cannot tell where it comes from has been closed by its client.
fn address(from: Option<SocketAddr>) -> IpAddr {
    from.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |from| from.ip())
}
