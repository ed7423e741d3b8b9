//! Accounts that the endpoint keeps, found by asking it for their swarm.

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use starling_protocol::{
    AccountId,
    crypto::{ed25519, random_bytes},
    storage::response::{SwarmMember, SwarmReply},
};

use super::network;
use crate::load::{connection::Connection, target::Target};

/// Sub-requests of one batch.
const BATCH: usize = 20;

/// How many accounts are tried before the endpoint is believed to keep none: enough for a network of some hundred swarms.
const TRIES: usize = 40_000;

/// An account of nobody.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) key: ed25519::SecretKey,
}

impl Account {
    /// A fresh one.
    pub(crate) fn random() -> Self {
        let mut seed = [0; 32];
        random_bytes(&mut seed);
        let key = ed25519::SecretKey::from_seed(seed);
        Self { id: AccountId::standard(key.to_x25519().public()), key }
    }
}

/// What the endpoint keeps, and with whom.
pub(crate) struct Home {
    pub(crate) accounts: Vec<Account>,
    pub(crate) members: Vec<SwarmMember>,
    /// The endpoint itself, by the key that it answers reachability tests with.
    pub(crate) legacy: Option<ed25519::PublicKey>,
}

impl Home {
    /// Finds accounts that the endpoint keeps.
    pub(crate) async fn find(connection: &mut Connection, target: &Target, wanted: usize) -> Result<Self> {
        let legacy = network::legacy_key(connection).await?;
        let mut home = Self { accounts: Vec::new(), members: Vec::new(), legacy };
        for _ in 0..TRIES / BATCH {
            let tried: Vec<_> = (0..BATCH).map(|_| Account::random()).collect();
            let requests: Vec<_> = tried
                .iter()
                .map(|account| json!({"method": "get_swarm", "params": {"pubkey": account.id.to_string()}}))
                .collect();
            let batch = json!({"method": "batch", "params": {"requests": requests}});
            let answer = network::ask(connection, batch.to_string().into()).await?;
            let results = answer["results"].as_array().context("the answer to batch has no results")?;
            for (account, result) in tried.into_iter().zip(results) {
                let swarm = SwarmReply::from_json(&result["body"]).context("get_swarm")?;
                if swarm.members.iter().any(|member| home.is_endpoint(member, target)) {
                    home.accounts.push(account);
                    home.members = swarm.members;
                }
            }
            if home.accounts.len() >= wanted {
                home.accounts.truncate(wanted);
                return Ok(home);
            }
        }
        bail!("of {TRIES} accounts the endpoint keeps {}: is it in a swarm?", home.accounts.len())
    }

    /// Is that the node that was asked?
    pub(crate) fn is_endpoint(&self, member: &SwarmMember, target: &Target) -> bool {
        match self.legacy {
            Some(legacy) => member.pubkey_legacy == legacy,
            None => member.ip == target.address.ip() && member.https_port == target.address.port(),
        }
    }
}
