//! Peers that speak libp2p, but not as they should.

use std::{
    io::{self, Write as _},
    net::{Ipv4Addr, TcpStream, UdpSocket},
};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, StreamExt as _};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identity, noise, request_response,
    request_response::{Event, Message, ProtocolSupport},
    swarm::SwarmEvent,
    tcp, yamux,
};
use starling_contracts::transport::{Error, PeerAddress, Protocol};
use starling_protocol::{crypto::ed25519, peer_wire::decode_answer};

use crate::setup::{call, client, config, node};

/// Writes whatever it is given, and reads until the end.
#[derive(Debug, Clone, Default)]
struct Raw;

async fn read_all<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

impl request_response::Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut length = [0; 4];
        io.read_exact(&mut length).await?;
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        io.read_exact(&mut body).await?;
        Ok(body)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_all(io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }
}

type Hostile = Swarm<request_response::Behaviour<Raw>>;

fn hostile(seed: u8, protocol: &'static str) -> Hostile {
    let protocol = (StreamProtocol::new(protocol), ProtocolSupport::Full);
    SwarmBuilder::with_existing_identity(identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap())
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| request_response::Behaviour::new([protocol], request_response::Config::default()))
        .unwrap()
        .build()
}

fn peer_of(address: &PeerAddress) -> (PeerId, Multiaddr) {
    let key = identity::ed25519::PublicKey::try_from_bytes(&address.ed25519.0).unwrap();
    let multiaddr = format!("/ip4/{}/tcp/{}", address.ip, address.port).parse().unwrap();
    (identity::PublicKey::from(key).to_peer_id(), multiaddr)
}

/// Sends bytes in place of a request, and tells what came back: bytes, or the failure of the stream.
async fn send(swarm: &mut Hostile, to: &PeerAddress, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let (peer, address) = peer_of(to);
    let sent = swarm.behaviour_mut().send_request_with_addresses(&peer, bytes, vec![address]);
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::Behaviour(Event::Message {
                message: Message::Response { request_id, response },
                ..
            }) if request_id == sent => return Ok(response),
            SwarmEvent::Behaviour(Event::OutboundFailure { request_id, error, .. }) if request_id == sent => {
                return Err(error.to_string());
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_by_its_announcement_alone() {
    let node = node(1, config()).await;
    let mut swarm = hostile(9, "/starling/storage/1");

    let outcome = send(&mut swarm, &node.address(), vec![0xff; 4]).await;
    let over = ((10_u32 << 20) + 1).to_be_bytes().to_vec();
    let just_over = send(&mut swarm, &node.address(), over).await;

    // The stream is reset, or ends without an answer; never is there one.
    assert!(outcome.is_err() || outcome.as_deref() == Ok(b""), "{outcome:?}");
    assert!(just_over.is_err() || just_over.as_deref() == Ok(b""), "{just_over:?}");
}

#[tokio::test]
async fn malformed_bytes_harm_nobody() {
    let node = node(1, config()).await;
    let address = node.address();
    for protocol in ["/starling/onion/1", "/starling/storage/1", "/starling/ping/1"] {
        let mut swarm = hostile(9, protocol);
        for bytes in
            [&b""[..], b"\0", b"\0\0\0", b"\0\0\x10\0short", b"\0\0\0\x01\x07trailing", &[0x80; 5000]]
        {
            let _ = send(&mut swarm, &address, bytes.to_vec()).await;
        }
        let empty = send(&mut swarm, &address, b"\0\0\0\0".to_vec()).await.unwrap();
        assert_eq!(empty.first(), Some(&0), "{protocol} answers an empty request in order");
    }
    let mut tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, node.port)).unwrap();
    tcp.write_all(&[0xa5; 100_000])
        .or_else(|error| match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Ok(()),
            _ => Err(error),
        })
        .unwrap();
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for size in [0, 1, 40, 1200] {
        udp.send_to(&vec![0xc3; size], (Ipv4Addr::LOCALHOST, node.port)).unwrap();
    }

    let answer = call(&client().await, address, Protocol::Storage, b"still here").await.unwrap();

    assert_eq!(decode_answer(&answer), Ok((200, b"still here".to_vec())));
    assert!(node.kernel.observe().await.iter().all(|actor| actor.restarts == 0));
}

#[tokio::test]
async fn swarm_requests_of_strangers_are_not_even_negotiated() {
    let node = node(1, config()).await;
    node.learn(1, vec![node.listed()]).await;
    let mut swarm = hostile(9, "/starling/swarm/1");

    let outcome = send(&mut swarm, &node.address(), b"\0\0\0\x02le".to_vec()).await;

    assert_eq!(outcome, Err("The remote supports none of the requested protocols".to_owned()));
}

#[tokio::test]
async fn answers_over_the_limit_or_of_an_unknown_kind_are_refused() {
    let mut swarm = hostile(9, "/starling/ping/1");
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let port = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            let text = address.to_string();
            break text.rsplit('/').next().unwrap().parse().unwrap();
        }
    };
    let key = ed25519::SecretKey::from_seed([9; 32]).public();
    let liar = PeerAddress { ed25519: key, ip: Ipv4Addr::LOCALHOST, port };
    // Answers with whatever it was sent.
    let echo = async {
        loop {
            if let SwarmEvent::Behaviour(Event::Message {
                message: Message::Request { request, channel, .. },
                ..
            }) = swarm.select_next_some().await
            {
                swarm.behaviour_mut().send_response(channel, request).unwrap();
            }
        }
    };
    let client = client().await;
    let ask = async {
        let lies: [&[u8]; 5] = [b"\0\xff\xff\xff\xff", b"\x07", b"", b"\0\0\0\0\x05abc", b"\x01"];
        let mut outcomes = Vec::new();
        for lie in lies {
            outcomes.push(call(&client, liar.clone(), Protocol::Ping, lie).await);
        }
        outcomes
    };

    let outcomes = tokio::select! {
        outcomes = ask => outcomes,
        () = echo => unreachable!("it has no end"),
    };

    let size = 0xffff_ffff;
    assert_eq!(outcomes[0], Err(Error::TooLarge { what: "answer", size, limit: 64 }));
    assert!(outcomes[1..4].iter().all(|outcome| matches!(outcome, Err(Error::Broken(_)))), "{outcomes:?}");
    assert_eq!(outcomes[4], Err(Error::NotServed { protocol: Protocol::Ping }));
}
