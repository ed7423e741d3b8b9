//! Keys as libp2p names them: a service node's PeerId holds its Ed25519 key itself, so that one gives the other.

use std::net::{Ipv4Addr, SocketAddrV4};

use libp2p::{Multiaddr, PeerId, identity, multiaddr};
use starling_protocol::crypto::ed25519;

use crate::config::Carrier;

/// The key pair that libp2p proves the node's identity with.
///
/// # Errors
/// The seed is no Ed25519 seed; every 32 bytes are one, so this does not happen.
pub(crate) fn keypair(key: &ed25519::SecretKey) -> Result<identity::Keypair, identity::DecodingError> {
    identity::Keypair::ed25519_from_bytes(*key.seed())
}

/// The PeerId of a service node; nothing for bytes that are no point of the curve.
pub(crate) fn peer_id(key: &ed25519::PublicKey) -> Option<PeerId> {
    let key = identity::ed25519::PublicKey::try_from_bytes(&key.0).ok()?;
    Some(PeerId::from_public_key(&identity::PublicKey::from(key)))
}

/// The service-node key in a PeerId; nothing for keys of another kind.
pub(crate) fn public_key(peer: &PeerId) -> Option<ed25519::PublicKey> {
    let key = identity::PublicKey::try_decode_protobuf(peer.as_ref().digest()).ok()?;
    let key = key.try_into_ed25519().ok()?;
    Some(ed25519::PublicKey(key.to_bytes()))
}

/// The address of a carrier at an IP address and port.
pub(crate) fn multiaddr(address: SocketAddrV4, carrier: Carrier) -> Multiaddr {
    let base = Multiaddr::from(*address.ip());
    match carrier {
        Carrier::Quic => {
            base.with(multiaddr::Protocol::Udp(address.port())).with(multiaddr::Protocol::QuicV1)
        }
        Carrier::Tcp => base.with(multiaddr::Protocol::Tcp(address.port())),
    }
}

/// Whether an address that a listed peer names for itself is worth passing on to others.
///
/// Addresses of a machine or a site are, only if the peer itself was seen at one.
pub(crate) fn is_usable(address: &Multiaddr, seen_at: Option<Ipv4Addr>) -> bool {
    let Some(ip) = ipv4(address) else { return false };
    let is_local = |ip: Ipv4Addr| ip.is_loopback() || ip.is_private() || ip.is_link_local();
    !ip.is_unspecified()
        && !ip.is_broadcast()
        && !ip.is_multicast()
        && (!is_local(ip) || seen_at.is_some_and(is_local))
}

/// The IPv4 address that an address starts with.
pub(crate) fn ipv4(address: &Multiaddr) -> Option<Ipv4Addr> {
    match address.iter().next()? {
        multiaddr::Protocol::Ip4(ip) => Some(ip),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_and_the_key_of_a_node_give_each_other() {
        let secret = ed25519::SecretKey::from_seed([3; 32]);

        let peer = peer_id(&secret.public()).unwrap();

        assert_eq!(peer, keypair(&secret).unwrap().public().to_peer_id());
        assert_eq!(public_key(&peer), Some(secret.public()));
    }

    #[test]
    fn other_identities_have_no_node_key() {
        let hashed = PeerId::from_bytes(&[&[0x12, 0x20][..], &[7; 32]].concat()).unwrap();

        assert_eq!(public_key(&hashed), None);
    }

    #[test]
    fn addresses_have_the_usual_form() {
        let address = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 9);

        assert_eq!(multiaddr(address, Carrier::Quic).to_string(), "/ip4/192.0.2.1/udp/9/quic-v1");
        assert_eq!(multiaddr(address, Carrier::Tcp).to_string(), "/ip4/192.0.2.1/tcp/9");
    }

    #[test]
    fn local_addresses_are_believed_of_local_peers_only() {
        let local: Multiaddr = "/ip4/127.0.0.1/tcp/9".parse().unwrap();
        let public: Multiaddr = "/ip4/192.0.2.1/tcp/9".parse().unwrap();

        assert!(is_usable(&local, Some(Ipv4Addr::LOCALHOST)));
        assert!(!is_usable(&local, Some(Ipv4Addr::new(192, 0, 2, 2))));
        assert!(is_usable(&public, None));
        assert!(!is_usable(&"/dns4/example.org/tcp/1".parse().unwrap(), None));
    }
}
