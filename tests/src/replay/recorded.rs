//! Recordings of the reference, played against nodes that have the recorded keys and the recorded time: what comes back is
//! compared field by field, but for what [`rules`] lists.

mod https;
mod omq;
mod onion;
mod quic;
pub mod rules;
pub mod web_server;

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value as Json;

pub(crate) use self::https::{expand, sent};
use self::{
    rules::{Moment, Ports, compare_under_rules},
    web_server::WebServer,
};
use super::{
    door::{HttpsDoor, QuicDoor, Reply},
    network::{Network, Plan, Running},
    pattern::Difference,
    report::{Outcome, Report},
};

/// The files of a recording, by what they are called.
pub const NAMES: [&str; 4] = ["storage-https", "onion-v2", "omq", "quic"];

/// One recorded exchange.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Its file, without folder and extension.
    pub file: String,
    /// Its name.
    pub name: String,
    /// When it was sent.
    pub sent_ms: i64,
    /// As it was recorded.
    pub case: Json,
    /// The node that was asked, where the file says it once for all.
    pub node: Option<String>,
}

/// All exchanges of some folders, in the order in which they were made.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The nodes.
    pub plan: Plan,
    /// The exchanges.
    pub exchanges: Vec<Exchange>,
    /// Recorded accounts by name.
    pub accounts: BTreeMap<String, Json>,
    /// What the node told subscribers without being asked, by file.
    pub pushes: BTreeMap<String, Vec<Json>>,
    /// The one account of a file that has no list of them.
    pub owners: BTreeMap<String, Json>,
}

impl Recording {
    /// Reads folders. What is in several of them is played once; later exchanges may rely on those of another folder.
    ///
    /// # Errors
    /// A file cannot be read, or has another shape.
    pub fn read(folders: &[PathBuf]) -> Result<Self> {
        let mut plan = None;
        let (mut exchanges, mut accounts) = (Vec::new(), BTreeMap::new());
        let (mut pushes, mut owners) = (BTreeMap::new(), BTreeMap::new());
        for folder in folders {
            let network = folder.join("network.json");
            if super::player::is_plan(&network) {
                plan = Some(Plan::read(&network)?);
            }
            for name in NAMES {
                let path = folder.join(format!("{name}.json"));
                if !path.is_file() {
                    continue;
                }
                let text = std::fs::read(&path).with_context(|| format!("{}", path.display()))?;
                let file: Json =
                    serde_json::from_slice(&text).with_context(|| format!("{}", path.display()))?;
                if !file["cases"].is_array() {
                    bail!("{} does not have the shape of a recording", path.display());
                }
                for (name, account) in file["accounts"].as_object().into_iter().flatten() {
                    accounts.insert(name.clone(), account.clone());
                }
                if let Some(told) = file["pushes"].as_array() {
                    pushes.insert(name.to_owned(), told.clone());
                }
                if file["account"].is_object() {
                    owners.insert(name.to_owned(), file["account"].clone());
                }
                exchanges.extend(read_cases(name, &file));
            }
        }
        exchanges.sort_by_key(|exchange| exchange.sent_ms);
        let mut seen = std::collections::BTreeSet::new();
        exchanges.retain(|one| seen.insert((one.file.clone(), one.name.clone(), one.sent_ms)));
        let plan = match plan {
            Some(plan) => plan,
            None => Plan::read(&crate::repository().join("runtime/protocol/tests/recorded/network.json"))?,
        };
        Ok(Self { plan, exchanges, accounts, pushes, owners })
    }
}

fn read_cases(name: &str, file: &Json) -> Vec<Exchange> {
    let node = ["home_node", "node"].iter().find_map(|key| file[*key].as_str()).map(str::to_owned);
    let cases = file["cases"].as_array().map(Vec::as_slice).unwrap_or_default();
    let time = |case: &Json| case["sent_ms"].as_i64().or_else(|| answered_at(case));
    // Some were recorded without a time; what they, or those around them, were answered tells it.
    let mut last = cases.iter().find_map(time).unwrap_or(0);
    cases
        .iter()
        .enumerate()
        .map(|(index, case)| {
            let sent_ms = time(case).unwrap_or(last);
            last = sent_ms;
            let own = case["name"].as_str().or_else(|| case["endpoint"].as_str()).unwrap_or("case");
            let name_in_file =
                if case.get("name").is_some() { own.to_owned() } else { format!("{own}-{index}") };
            Exchange {
                file: name.to_owned(),
                name: name_in_file,
                sent_ms,
                case: case.clone(),
                node: node.clone(),
            }
        })
        .collect()
}

/// The time `t` in whatever form the answer has.
fn answered_at(case: &Json) -> Option<i64> {
    let body = &case["response_body"];
    let text = body["text"].as_str().map(str::to_owned).or_else(|| {
        let bytes = super::wire::from_base64(body["base64"].as_str()?)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    })?;
    let after = |mark: &str| text.rfind(mark).map(|at| &text[at + mark.len()..]);
    let digits = after("\"t\":").or_else(|| after("1:ti"))?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// Plays a recording against its own network, started for it; what was recorded on a smaller network, on such a one.
///
/// # Errors
/// The network cannot be started.
pub async fn play(recording: &Recording) -> Result<Report> {
    let mut report = Report::default();
    for (plan, part) in rules::networks(recording) {
        let began = part.exchanges.first().map_or(0, |exchange| exchange.sent_ms);
        let network = Network::start(&plan, u64::try_from(began).unwrap_or(0)).await?;
        report.append(play_on(&part, &network).await);
        network.stop().await;
    }
    Ok(report)
}

/// Plays a recording against its network, which runs already.
pub async fn play_on(recording: &Recording, network: &Network) -> Report {
    let player = Player {
        recording,
        network,
        https: HttpsDoor::default(),
        quic: QuicDoor::default(),
        omq: omq::Lines::default(),
        ports: Ports::of(network),
        web_server: WebServer::start().await,
    };
    let mut report = Report::default();
    for (index, exchange) in recording.exchanges.iter().enumerate() {
        let name = format!("{}/{}", exchange.file, exchange.name);
        network.clock.set(u64::try_from(exchange.sent_ms).unwrap_or(0));
        if let Some(reason) = rules::skipped(exchange) {
            report.skip(name, reason);
            continue;
        }
        let earlier = &recording.exchanges[..index];
        let played = async {
            player.bridge(earlier, exchange).await?;
            player.exchange(exchange).await
        };
        match played.await {
            Ok(outcome) => report.add(name, outcome),
            Err(error) => report.judge(name, Err(format!("{error:#}"))),
        }
    }
    player.quic_pushes(&mut report).await;
    report
}

/// What the kinds of exchanges share.
struct Player<'a> {
    recording: &'a Recording,
    network: &'a Network,
    https: HttpsDoor,
    quic: QuicDoor,
    omq: omq::Lines,
    ports: Ports,
    web_server: std::result::Result<WebServer, String>,
}

impl Player<'_> {
    async fn exchange(&self, exchange: &Exchange) -> Result<Outcome> {
        match exchange.file.as_str() {
            "storage-https" => self.storage(exchange).await,
            "onion-v2" => self.onion(exchange).await,
            "quic" => self.quic(exchange).await,
            "omq" => self.omq(exchange).await,
            other => bail!("nobody plays files named {other}"),
        }
    }

    /// The node that an exchange of frames is with.
    fn asked(&self, exchange: &Exchange) -> Result<&Running> {
        let own = exchange.case["node"].as_str().or(exchange.node.as_deref());
        self.network.node(own.context("a request to nobody")?).context("the node is not one of the network's")
    }

    fn compare_replies(&self, exchange: &Exchange, expected: &Reply, got: &Reply) -> Result<(), Difference> {
        if expected.status != got.status {
            let got = format!("{} {}", got.status, got.body);
            return Err(Difference::new("status", expected.status, got));
        }
        compare_under_rules(&self.moment(exchange), &expected.body, &got.body)
    }

    fn moment(&self, exchange: &Exchange) -> Moment<'_> {
        Moment { sent_ms: exchange.sent_ms, ports: &self.ports }
    }

    /// Brings about the state that the recording network was in through exchanges that the recording leaves out.
    async fn bridge(&self, earlier: &[Exchange], next: &Exchange) -> Result<()> {
        if let Some(request) = rules::subscription(self.recording, earlier, next)? {
            let node = self.asked(next)?;
            let answer = match next.file.as_str() {
                "quic" => self.quic.command(&node.peer, "monitor", request).await?.1,
                _ => self.omq.subscribe(&node.peer, next, request).await?,
            };
            anyhow::ensure!(answer == b"d7:successi1ee", "a subscription is answered {answer:?}");
        }
        for bridge in rules::bridges(self.recording, earlier, next)? {
            let node = self.network.node(&bridge.node).context("the node is not one of the network's")?;
            let call = super::door::Call::Envelope(bridge.envelope);
            let reply = super::door::Door::call(&self.https, &node.peer, &call).await?;
            anyhow::ensure!(reply.status == 200, "a bridge is answered {}: {}", reply.status, reply.body);
        }
        Ok(())
    }
}

/// `{"text": …}` or `{"base64": …}`.
fn bytes(value: &Json) -> Option<Vec<u8>> {
    match value["text"].as_str() {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => super::wire::from_base64(value["base64"].as_str()?),
    }
}

/// A judgement on one exchange.
fn judged(result: std::result::Result<(), Difference>) -> Outcome {
    match result {
        Ok(()) => Outcome::Passed,
        Err(difference) => Outcome::Failed { difference: difference.to_string() },
    }
}
