//! Who may connect, and how the door opens.

use std::{net::UdpSocket, sync::Arc};

use quinn::ConnectionError;
use starling_gateway::{
    Admission,
    quic::{Config, Options, spec},
};
use starling_kernel::{Kernel, RateLimit};
use starling_protocol::crypto::ed25519;

use crate::{
    house::House,
    reply,
    visitor::{Manner, Shown},
};

/// A client that is refused sees it at the latest when it uses the connection: its own handshake ends before the server has
/// looked at its key.
#[track_caller]
fn check_refused(ended: &ConnectionError, alert: u8) {
    let ConnectionError::ConnectionClosed(close) = ended else { panic!("closed by the server: {ended:?}") };
    assert_eq!(close.error_code, quinn::TransportErrorCode::crypto(alert), "{close}");
}

async fn refusal(house: &House, manner: Manner) -> ConnectionError {
    match house.try_visit(manner).await {
        Ok(visitor) => visitor.ended().await,
        Err(error) => error,
    }
}

#[actix_rt::test]
async fn any_ed25519_key_is_welcome_and_so_is_none() {
    let house = House::open().await;

    for shown in [Shown::Key([1; 32]), Shown::Key([2; 32]), Shown::Nothing] {
        let visitor = house.try_visit(Manner { shown: shown.clone(), ..house.manner() }).await.unwrap();
        assert_eq!(visitor.open().await.ask(0, "snode_ping", "").await, reply(0, "pong"), "{shown:?}");
    }
    house.close().await;
}

#[actix_rt::test]
async fn keys_of_another_kind_and_of_somebody_else_are_refused() {
    let house = House::open().await;
    let stolen = Shown::Stolen(ed25519::SecretKey::from_seed([8; 32]).public());

    let foreign = refusal(&house, Manner { shown: Shown::Foreign, ..house.manner() }).await;
    let forged = refusal(&house, Manner { shown: stolen, ..house.manner() }).await;

    check_refused(&foreign, 42); // bad_certificate
    check_refused(&forged, 51); // decrypt_error
    house.visitor().await;
    house.close().await;
}

#[actix_rt::test]
async fn another_protocol_is_refused() {
    let house = House::open().await;

    for alpn in [&b"oxenstorage-sn"[..], b"h3"] {
        let ended = refusal(&house, Manner { alpn, ..house.manner() }).await;
        check_refused(&ended, 120); // no_application_protocol
    }
    house.close().await;
}

#[actix_rt::test]
async fn the_door_proves_the_key_of_the_node() {
    let house = House::open().await;
    let server = ed25519::SecretKey::from_seed([10; 32]).public();

    let disappointed = house.try_visit(Manner { server, ..house.manner() }).await;

    assert!(matches!(disappointed.err(), Some(ConnectionError::TransportError(_))), "it is another node");
    house.close().await;
}

#[actix_rt::test]
async fn an_address_has_so_many_connections_and_no_more() {
    let house = House::open_with(|config, _| config.connections_per_address = 2).await;

    let (one, two) = (house.visitor().await, house.visitor().await);
    let third = house.try_visit(house.manner()).await.err();
    assert!(matches!(third, Some(ConnectionError::ConnectionClosed(_))), "{third:?}");

    one.connection.close(0_u32.into(), b"");
    let mut again = house.try_visit(house.manner()).await;
    while again.is_err() {
        // The goodbye takes its way; each try is an exchange with the server, so this does not spin.
        again = house.try_visit(house.manner()).await;
    }
    assert_eq!(two.open().await.ask(0, "snode_ping", "").await, reply(0, "pong"));
    house.close().await;
}

#[actix_rt::test]
async fn a_taken_port_stops_the_start_with_one_sentence() {
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let options = Options {
        key: Arc::new(ed25519::SecretKey::from_seed([9; 32])),
        admission: Arc::new(Admission::new(RateLimit::default())),
    };

    let started =
        Kernel::builder().actor(spec(Config { listen: taken, ..Config::default() }, options)).start().await;

    let error = started.err().expect("the port is taken").to_string();
    assert!(error.contains(&taken.to_string()) && error.contains("gateway.quic.listen"), "{error}");
}

#[actix_rt::test]
async fn the_port_is_free_once_the_door_is_closed() {
    let house = House::open().await;
    let address = house.address;
    let visitor = house.visitor().await;

    house.close().await;

    visitor.ended().await;
    // A socket of another process may have been given the same number meanwhile; it goes away as well.
    let freed = async {
        while UdpSocket::bind(address).is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let within = std::time::Duration::from_secs(20);
    tokio::time::timeout(within, freed).await.expect("the port was given back");
}
