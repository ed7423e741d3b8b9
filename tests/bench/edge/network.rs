//! What the endpoint tells about its network: who it is, who else there is, and a way through three of them.

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use starling_protocol::{
    crypto::{ed25519, random_bytes},
    onion::{Built, Cipher, Destination, Hop, build, parse_node_reply},
};

use super::{
    STORAGE,
    accounts::{Account, Home},
    requests::Signer,
};
use crate::load::{connection::Connection, target::Target};

/// Asks for something that must succeed.
pub(super) async fn ask(connection: &mut Connection, body: Bytes) -> Result<Value> {
    let answer = connection.post(STORAGE, body).await?;
    let text = || String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == 200, "the endpoint answers {} {}", answer.status, text());
    serde_json::from_slice(&answer.body).with_context(|| format!("no JSON: {}", text()))
}

/// The key that the node answers reachability tests with; `None` if it answers none.
pub(super) async fn legacy_key(connection: &mut Connection) -> Result<Option<ed25519::PublicKey>> {
    let answer = connection.post("/ping_test/v1", Bytes::new()).await?;
    let header = answer.headers.get("x-oxen-snode-pubkey").and_then(|header| STANDARD.decode(header).ok());
    Ok(header.and_then(|key| ed25519::PublicKey::from_slice(&key)))
}

/// A path over three nodes, the endpoint first, and a member of its swarm as destination.
pub(super) struct Route {
    path: Vec<Hop>,
    destination: Hop,
    is_on_path: bool,
}

/// Finds one.
///
/// # Errors
/// Why there is none.
pub(super) async fn route(connection: &mut Connection, target: &Target, home: &Home) -> Result<Route> {
    let nodes = nodes(connection).await?;
    let is_guard = |node: &&Node| match home.legacy {
        Some(legacy) => node.legacy == Some(legacy),
        None => node.ip == target.address.ip().to_string() && node.port == u64::from(target.address.port()),
    };
    let guard =
        nodes.iter().find(is_guard).context("the endpoint is not in the node list that it tells")?.hop;
    let mut others = nodes.iter().map(|node| node.hop).filter(|hop| *hop != guard);
    let path = vec![
        guard,
        others.next().context("the node list holds nobody else")?,
        others.next().context("the node list holds two nodes, a path takes three")?,
    ];
    let members = home
        .members
        .iter()
        .map(|member| Hop { ed25519: member.pubkey_ed25519, x25519: member.pubkey_x25519 });
    let free = members.clone().find(|hop| !path.contains(hop));
    let destination = free.or(members.into_iter().next()).context("the swarm has no members")?;
    Ok(Route { is_on_path: path.contains(&destination), path, destination })
}

impl Route {
    /// Signs and wraps a `retrieve`.
    pub(super) fn wrap(&self, signer: &Signer, account: &Account) -> Result<Built> {
        let body = String::from_utf8(signer.retrieve(account)?.to_vec())?;
        let destination = Destination::ServiceNode(self.destination, body);
        build(&self.path, &destination, Cipher::AesGcm, false, &mut |bytes: &mut [u8]| random_bytes(bytes))
            .context("no onion request can be built")
    }

    pub(super) fn destination_name(&self) -> &'static str {
        if self.is_on_path { "a node that is one of them" } else { "a fourth node" }
    }
}

/// Checks that an answer is one, and that the destination says 200 in it.
pub(super) fn opened(built: &Built, status: u16, body: &[u8]) -> Result<()> {
    ensure!(status == 200, "the endpoint answers {status} {}", String::from_utf8_lossy(body));
    let plaintext = built.reply_key.open(body).context("the answer cannot be opened")?;
    let reply = parse_node_reply(&plaintext).context("the answer is none")?;
    ensure!(reply.status == 200, "the destination answers {} {:?}", reply.status, reply.body);
    Ok(())
}

struct Node {
    hop: Hop,
    legacy: Option<ed25519::PublicKey>,
    ip: String,
    port: u64,
}

impl Node {
    fn read(state: &Value) -> Option<Self> {
        let text = |name: &str| state[name].as_str();
        Some(Self {
            hop: Hop {
                ed25519: text("pubkey_ed25519")?.parse().ok()?,
                x25519: text("pubkey_x25519")?.parse().ok()?,
            },
            legacy: text("service_node_pubkey").and_then(|key| key.parse().ok()),
            ip: text("public_ip").filter(|ip| *ip != "0.0.0.0")?.to_owned(),
            port: state["storage_port"].as_u64()?,
        })
    }
}

/// The node list, from the endpoint as a seed or through its daemon.
async fn nodes(connection: &mut Connection) -> Result<Vec<Node>> {
    let fields = json!({
        "public_ip": true, "storage_port": true, "pubkey_ed25519": true, "pubkey_x25519": true,
        "service_node_pubkey": true,
    });
    let params = json!({"active_only": true, "fields": fields});
    let seed = json!({"jsonrpc": "2.0", "id": 0, "method": "get_service_nodes", "params": params});
    let answer = connection.post("/json_rpc", seed.to_string().into()).await?;
    let told = (answer.status == 200).then(|| serde_json::from_slice::<Value>(&answer.body).ok()).flatten();
    let told = match told {
        Some(told) => told,
        None => {
            let params = json!({"endpoint": "get_service_nodes", "params": params});
            let request = json!({"method": "oxend_request", "params": params});
            ask(connection, request.to_string().into()).await.context("there is no node list")?
        }
    };
    let Some(states) = told["result"]["service_node_states"].as_array() else {
        bail!("there is no node list: the answer holds none");
    };
    Ok(states.iter().filter_map(Node::read).collect())
}
