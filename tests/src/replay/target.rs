//! A running node and what is around it, found out by asking: who it is, who is in its swarm, who is elsewhere, what time it
//! has, and accounts that are kept here or there.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value as Json, json};
use starling_protocol::{
    AccountId,
    account::Prefix,
    crypto::{ed25519, random_bytes},
};

use super::{
    door::{Call, Door as _, HttpsDoor, Peer, Reply},
    transcript::Place,
    wire::Form,
};

/// How many accounts are tried for one that is kept in the wanted place, twenty at a time.
const DRAWS: usize = 200;

/// An account whose key is known.
pub struct Account {
    /// The key.
    pub key: ed25519::SecretKey,
    /// The id.
    pub id: AccountId,
}

impl Account {
    /// The account of a seed.
    pub fn from_seed(seed: [u8; 32], prefix: Prefix) -> Self {
        let key = ed25519::SecretKey::from_seed(seed);
        let id = match prefix {
            Prefix::Standard => AccountId::standard(key.to_x25519().public()),
            other => AccountId::new(other, key.public().0),
        };
        Self { key, id }
    }

    /// The Ed25519 key that requests name beside a `05` account.
    pub fn pubkey_ed25519(&self) -> Option<ed25519::PublicKey> {
        (self.id.prefix() == Prefix::Standard).then(|| self.key.public())
    }
}

/// Whose time the node has.
#[derive(Clone)]
pub enum Time {
    /// Its own, this many milliseconds from ours.
    Offset(i64),
    /// One that somebody here owns.
    Owned(Arc<dyn Fn() -> i64 + Send + Sync>),
}

impl Time {
    /// The node's time in milliseconds.
    pub fn now_ms(&self) -> i64 {
        match self {
            Self::Offset(offset) => machine_ms() + offset,
            Self::Owned(now) => now(),
        }
    }
}

fn machine_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A running node.
pub struct Target {
    https: HttpsDoor,
    /// The node itself.
    pub home: Peer,
    /// The others of its swarm.
    pub members: Vec<Peer>,
    /// Nodes of one other swarm, if there is one.
    pub elsewhere: Vec<Peer>,
    /// `hf` of its answers.
    pub hf: Json,
    /// `version` of `info`.
    pub version: Json,
    swarm: String,
    time: Time,
}

impl Target {
    /// Asks the node at `url` who and where it is.
    ///
    /// # Errors
    /// It does not answer as a storage node does.
    pub async fn discover(url: &str, time: Option<Time>) -> Result<Self> {
        let https = HttpsDoor::default();
        // The key is not known yet, and HTTPS does not need it.
        let mut home =
            Peer { ed25519: ed25519::PublicKey([0; 32]), url: url.to_owned(), quic: None, omq: None };
        let info = ask(&https, &home, "info", json!({})).await?;
        let now = info["t"].as_i64().context("info has no time `t`")?;
        let time = time.unwrap_or_else(|| Time::Offset(now - machine_ms()));

        let (mut here, mut there) = (None, None);
        for _ in 0..DRAWS {
            let account = draw(Prefix::Standard);
            // Anyone may retrieve from legacy closed groups: only the swarm decides.
            let params = json!({"pubkey": account.id, "namespace": -10});
            let reply = call(&https, &home, "retrieve", params).await?;
            let swarm = ask(&https, &home, "get_swarm", json!({"pubkey": account.id})).await?;
            match reply.status {
                200 => here = Some((account, swarm)),
                421 => there = Some(swarm),
                other => bail!("retrieve from a legacy closed group is answered {other}: {}", reply.body),
            }
            if here.is_some() && there.is_some() {
                break;
            }
        }
        let (account, swarm) = here.context("the node keeps none of the accounts that were tried")?;
        home.ed25519 = own_key(&https, &home, &account, time.now_ms()).await?;
        let everyone = peers(&swarm)?;
        for known in everyone.iter().filter(|peer| peer.ed25519 == home.ed25519) {
            (home.quic, home.omq) = (known.quic, known.omq);
        }
        let members = everyone.into_iter().filter(|peer| peer.ed25519 != home.ed25519).collect();
        let elsewhere = there.as_ref().map(peers).transpose()?.unwrap_or_default();
        let swarm = swarm["swarm"].as_str().context("get_swarm names no swarm")?.to_owned();
        let (hf, version) = (info["hf"].clone(), info["version"].clone());
        Ok(Self { https, home, members, elsewhere, hf, version, swarm, time })
    }

    /// The node's time in milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.time.now_ms()
    }

    /// The door that was used to find all this out.
    pub fn https(&self) -> &HttpsDoor {
        &self.https
    }

    /// The node in that place; `None` if there is none.
    pub fn peer(&self, place: Place) -> Option<&Peer> {
        match place {
            Place::Home => Some(&self.home),
            Place::Member => self.members.first(),
            Place::Elsewhere => self.elsewhere.first(),
        }
    }

    /// The keys of the swarm that the node in that place is in.
    pub fn swarm_of(&self, place: Place) -> Vec<String> {
        let home = std::iter::once(&self.home).chain(&self.members);
        match place {
            Place::Home | Place::Member => home.map(|peer| peer.ed25519.to_string()).collect(),
            Place::Elsewhere => self.elsewhere.iter().map(|peer| peer.ed25519.to_string()).collect(),
        }
    }

    /// A new account that is kept in that place.
    ///
    /// # Errors
    /// None was found.
    pub async fn account(&self, prefix: Prefix, place: Place) -> Result<Account> {
        for _ in 0..DRAWS {
            let mut drawn: Vec<Account> = (0..20).map(|_| draw(prefix)).collect();
            let requests: Vec<Json> = drawn
                .iter()
                .map(|account| json!({"method": "get_swarm", "params": {"pubkey": account.id}}))
                .collect();
            let results = ask(&self.https, &self.home, "batch", json!({"requests": requests})).await?;
            let fits = |index: &usize| {
                let is_home = results["results"][*index]["body"]["swarm"] == self.swarm.as_str();
                is_home != (place == Place::Elsewhere)
            };
            if let Some(index) = (0..drawn.len()).find(fits) {
                return Ok(drawn.swap_remove(index));
            }
        }
        bail!("no account is kept in the place {place:?}")
    }
}

/// Stores a message: the entry of the node that was asked is the one that says the time (storage-rpc §4.1).
async fn own_key(https: &HttpsDoor, peer: &Peer, account: &Account, now: i64) -> Result<ed25519::PublicKey> {
    let params = json!({
        "pubkey": account.id, "namespace": -10, "timestamp": now, "ttl": 60_000, "data": "c3RhcmxpbmcgcmVwbGF5",
    });
    let stored = ask(https, peer, "store", params).await?;
    let entries = stored["swarm"].as_object().context("store answers without `swarm`")?;
    let mut own = entries.iter().filter(|(_, entry)| entry.get("t").is_some()).map(|(key, _)| key);
    let (Some(key), None) = (own.next(), own.next()) else {
        bail!("not exactly one entry of `swarm` has `t`: the node's own key is not known");
    };
    key.parse().with_context(|| format!("{key} is no Ed25519 key"))
}

/// The nodes in an answer of `get_swarm`.
fn peers(swarm: &Json) -> Result<Vec<Peer>> {
    let snodes = swarm["snodes"].as_array().context("get_swarm answers without `snodes`")?;
    snodes
        .iter()
        .map(|node| {
            let key = node["pubkey_ed25519"].as_str().context("a node without a key")?;
            let ip: std::net::IpAddr =
                node["ip"].as_str().unwrap_or_default().parse().context("an address")?;
            let port = |name: &str| node[name].as_u64().and_then(|port| u16::try_from(port).ok());
            let socket = |name: &str| port(name).filter(|port| *port != 0).map(|port| (ip, port).into());
            let https = port("port_https").context("a node without a port")?;
            Ok(Peer {
                ed25519: key.parse().context("a key")?,
                url: format!("https://{ip}:{https}"),
                quic: socket("port_quic"),
                omq: socket("port_omq"),
            })
        })
        .collect()
}

fn draw(prefix: Prefix) -> Account {
    let mut seed = [0; 32];
    random_bytes(&mut seed);
    Account::from_seed(seed, prefix)
}

async fn call(https: &HttpsDoor, peer: &Peer, method: &str, params: Json) -> Result<Reply> {
    let call = Call::Method { method: method.to_owned(), params, form: Form::Json };
    https.call(peer, &call).await
}

/// The body of a call that must succeed.
async fn ask(https: &HttpsDoor, peer: &Peer, method: &str, params: Json) -> Result<Json> {
    let reply = call(https, peer, method, params).await?;
    anyhow::ensure!(reply.status == 200, "{method} is answered {}: {}", reply.status, reply.body);
    Ok(reply.body)
}

/// Accounts by the names of a transcript.
pub type Accounts = BTreeMap<String, Account>;
