//! Takes the port: the same number for TCP and UDP.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt as _;
use libp2p::{Multiaddr, Swarm, core::transport::ListenerId, swarm::SwarmEvent};
use starling_kernel::{Clock, Fault};

use crate::{
    behaviour::Behaviour,
    config::{Carrier, Config},
    identity::multiaddr,
};

/// How many ports of the system's choice are tried for one that UDP has free as well.
const TRIES: usize = 64;
/// After a restart the sockets of the last incarnation may take a moment to close.
const REBIND_TRIES: usize = 100;
const REBIND_PAUSE: Duration = Duration::from_millis(50);

/// Where a swarm listens.
pub(crate) struct Bound {
    pub(crate) port: u16,
    pub(crate) addresses: Vec<Multiaddr>,
}

/// Listens on the configured port, or on one that the system chooses; on `again` when this is a restart.
///
/// # Errors
/// A fault that names the port and the key, for the operator.
pub(crate) async fn bind(
    swarm: &mut Swarm<Behaviour>,
    config: &Config,
    again: Option<u16>,
    clock: &Arc<dyn Clock>,
) -> Result<Bound, Fault> {
    if let Some(port) = again {
        for _ in 1..REBIND_TRIES {
            match try_port(swarm, config, port).await {
                Ok(bound) => return Ok(bound),
                Err(_) => clock.sleep(REBIND_PAUSE).await,
            }
        }
        return try_port(swarm, config, port).await.map_err(|error| refused(config, port, error));
    }
    if config.port != 0 {
        return try_port(swarm, config, config.port)
            .await
            .map_err(|error| refused(config, config.port, error));
    }
    for _ in 1..TRIES {
        // A port may be taken between the system's choice and ours; the last try says what is wrong if not that.
        if let Ok(bound) = try_port(swarm, config, 0).await {
            return Ok(bound);
        }
    }
    try_port(swarm, config, 0).await.map_err(|error| refused(config, 0, error))
}

/// Listens with every carrier on `port`, or on none of them.
async fn try_port(swarm: &mut Swarm<Behaviour>, config: &Config, port: u16) -> io::Result<Bound> {
    // libp2p shares its TCP ports with whoever asks to, so that a taken one would go unnoticed, and it buries the system's
    // error under its own; these sockets do neither.
    let tcp = TcpListener::bind((config.listen, port))?;
    let port = tcp.local_addr()?.port();
    drop(UdpSocket::bind((config.listen, port))?);
    drop(tcp);
    let mut bound = Bound { port, addresses: Vec::new() };
    let mut listeners = Vec::new();
    for carrier in [Carrier::Quic, Carrier::Tcp] {
        if !config.carriers.contains(&carrier) {
            continue;
        }
        match listen(swarm, config.listen, port, carrier, &mut bound.addresses).await {
            Ok(listener) => listeners.push(listener),
            Err(error) => {
                for listener in listeners {
                    swarm.remove_listener(listener);
                }
                return Err(error);
            }
        }
    }
    Ok(bound)
}

/// Listens with one carrier and waits until it does.
async fn listen(
    swarm: &mut Swarm<Behaviour>,
    ip: Ipv4Addr,
    port: u16,
    carrier: Carrier,
    addresses: &mut Vec<Multiaddr>,
) -> io::Result<ListenerId> {
    let address = multiaddr(SocketAddrV4::new(ip, port), carrier);
    let wanted = swarm.listen_on(address).map_err(|error| match error {
        libp2p::TransportError::Other(error) => error,
        other => io::Error::other(other),
    })?;
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                addresses.push(address);
                if listener_id == wanted {
                    return Ok(wanted);
                }
            }
            SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. } if listener_id == wanted => {
                return Err(error);
            }
            _ => {}
        }
    }
}

fn refused(config: &Config, port: u16, error: io::Error) -> Fault {
    let ip = config.listen;
    let what = match error.kind() {
        io::ErrorKind::AddrInUse if port == 0 => {
            format!("no port of {ip} is free for both TCP and UDP; set transport.port to one that is")
        }
        io::ErrorKind::AddrInUse => {
            format!("port {port} of {ip} is in use; stop the other process or choose another transport.port")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{ip} is no address of this machine; set transport.listen to one, or to 0.0.0.0 for all")
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {port} of {ip} may not be used by this user; choose a transport.port above 1023")
        }
        _ => format!("could not listen on port {port} of {ip}, set by transport.listen and transport.port"),
    };
    Fault::caused_by(what, error)
}
