//! A node under load with a bot in its process that does its work, and then a dozen plugins that mean harm beside it: what the
//! node's clients notice, and whether the good one misses anything.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, TryRecvError, sync_channel},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use starling::{
    Config, Role,
    config::private_node,
    contracts::{
        node::{COMPATIBLE_VERSION, ServiceNode},
        plugins::PluginStatus,
    },
    node_list::NodeListFile,
    protocol::{
        crypto::{ed25519, random_bytes},
        swarm::SwarmId,
    },
    sandbox::config::{LimitSettings, PluginConfig},
};

use super::{
    Options,
    house::{self, Cast, House},
};
use crate::{
    edge::{Account, stores},
    load::{self, Outcome, Plan, target::Target},
    machine::resident,
    report::{Report, ms},
};

/// What each of the hostile does, again and again.
const HOSTILE: [(&str, &str); 14] = [
    ("spin", "spin"),
    ("call-forever", "call-forever"),
    ("allocate", "allocate 4294967295"),
    ("hoard", "hoard-in-steps"),
    ("recurse", "recurse 1000000"),
    ("log-flood", "log-flood 1000000"),
    ("fill-kv", "fill-kv 1000000"),
    ("set-timers", "set-timers 1000000"),
    ("send-flood", "send-flood 1000000"),
    ("huge-texts", "huge-texts 33554432"),
    ("trap", "trap"),
    ("trap-after-kv", "trap-after-kv"),
    ("sleep", "sleep 86400"),
    ("fetch", "fetch"),
];
/// How often the good one is written to.
const BEAT: Duration = Duration::from_millis(200);
/// Orders that wait for each of the hostile.
const ORDERS: usize = 2_000;

/// Measures the node before and while the hostile are at it, several times anew: a disk's pace changes from one minute to the next,
/// and what is compared has to be spread over the same minutes.
pub(super) fn measure(report: &Report, options: &Options) -> Result<()> {
    let names = HOSTILE.map(|(name, _)| name);
    if let Some(unknown) = options.only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no hostile plugin {unknown}; there are {}", names.join(", "));
    }
    let loose = if options.only.is_empty() { names.join(",") } else { options.only.join(",") };
    let mut rounds = (0..options.rounds.max(1)).map(|_| Round::run(report, options, &loose));
    let mut all = rounds.next().context("there is one at least")??;
    for round in rounds {
        all.add(round?);
    }

    for percentile in [50.0, 99.0] {
        let of = |outcome: &Outcome| ms(outcome.latencies.percentile(percentile)) * 1e3;
        let what = format!("store p{percentile:.0}, hostile plugins beside the good bot, against it alone");
        report.ratio(&what, of(&all.harmed), of(&all.calm), "µs");
    }
    report.figure("resident memory, the good bot at work", all.before as f64 / 1e6, "MB");
    report.figure("resident memory, hostile plugins at it", all.after as f64 / 1e6, "MB");
    report.note(&format!("the good bot was told {} times and answered {}", all.told, all.answered));
    for plugin in all.plugins.as_array().into_iter().flatten() {
        report.note(&format!(
            "{}: {} handled, {} failed, {} in quarantine; {}",
            plugin["name"], plugin["handled"], plugin["failed"], plugin["quarantined"], plugin["reason"]
        ));
    }
    ensure!(all.told == all.answered, "the good bot missed something");
    Ok(())
}

/// What was found with one node, or with several.
struct Round {
    calm: Outcome,
    harmed: Outcome,
    /// Resident memory, before and after; the most of all rounds.
    before: u64,
    after: u64,
    told: u64,
    answered: u64,
    /// How the plugins fared in the last round.
    plugins: Value,
}

impl Round {
    fn run(report: &Report, options: &Options, loose: &str) -> Result<Self> {
        let runtime = tokio::runtime::Runtime::new().context("no runtime for the clients")?;
        let mut node = Node::start()?;
        let target = Target::parse(&node.url)?;
        let accounts: Vec<_> = (0..16).map(|_| Account::random()).collect();
        let time = Duration::try_from_secs_f64(options.seconds).context("--seconds is no length of time")?;
        let run = |what: &str, time| -> Result<Outcome> {
            let plan = Plan { workers: 8, lanes: 1, time, rate: Some(options.rate) };
            let outcome = runtime.block_on(load::run(&target, &stores(&accounts)?, plan))?;
            report.load(what, 8, &outcome);
            let complaint = || outcome.complaint.clone().unwrap_or_default();
            ensure!(outcome.failed() == 0, "stores failed: {}", complaint());
            Ok(outcome)
        };
        run("stores, warming up", Duration::from_secs(3))?;
        let calm = run("stores, the good bot at work", time)?;
        let before = resident(node.process.id())?;
        node.say(&format!("go {loose}"))?;
        let harmed = run("stores, hostile plugins at it", time)?;
        let after = resident(node.process.id())?;
        let mut tally: Value = serde_json::from_str(&node.ask("tally")?)?;
        let count = |what: &str| tally[what].as_u64().context("a tally has counts");
        let (told, answered) = (count("told")?, count("answered")?);
        Ok(Self { calm, harmed, before, after, told, answered, plugins: tally["plugins"].take() })
    }

    fn add(&mut self, other: Self) {
        let Self { calm, harmed, before, after, told, answered, plugins } = other;
        self.calm.add(&calm);
        self.harmed.add(&harmed);
        self.before = self.before.max(before);
        self.after = self.after.max(after);
        self.told += told;
        self.answered += answered;
        self.plugins = plugins;
    }
}

/// The process with the node and the plugins.
struct Node {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Node {
    fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("plugin-host").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("the node cannot be started")?;
        let input = process.stdin.take().context("its input is piped")?;
        let output = BufReader::new(process.stdout.take().context("its output is piped")?);
        let mut node = Self { process, input, output, url: String::new() };
        node.url = node.line()?;
        Ok(node)
    }

    fn say(&mut self, word: &str) -> Result<()> {
        Ok(writeln!(self.input, "{word}")?)
    }

    fn ask(&mut self, word: &str) -> Result<String> {
        self.say(word)?;
        self.line()
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.output.read_line(&mut line)? > 0, "the node has ended");
        Ok(line.trim().to_owned())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What that process does: it says where it listens, lets the hostile loose when it is told to go, and tells at the end how all
/// fared.
pub(crate) fn serve() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let folder = tempfile::tempdir()?;
        let list = folder.path().join("nodes.json");
        let mut seed = [0; 32];
        random_bytes(&mut seed);
        let authority = ed25519::SecretKey::from_seed(seed);
        let silent = TcpListener::bind("127.0.0.1:0")?;
        let cast = cast()?;
        let house = House::open(&cast, |config| become_node(config, &list, &authority)).await?;
        write_list(&house, &list, &authority).await?;
        println!("{}", url(&house).await?);
        let words = words();
        let mut told = 0;
        loop {
            match words.try_recv() {
                Ok(word) => match word.strip_prefix("go ") {
                    Some(names) => let_loose(&house, &silent, names).await?,
                    None => break,
                },
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {}
            }
            house.tell("good", "hello", 1).await?;
            told += 1;
            tokio::time::sleep(BEAT).await;
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while house.sent("good")? < told && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let plugins: Vec<PluginStatus> = house.plugins().await?;
        println!("{}", json!({ "told": told, "answered": house.sent("good")?, "plugins": plugins }));
        house.close().await;
        Ok(())
    })
}

/// Gives those of the hostile their orders, by their names, which commas part.
async fn let_loose(house: &House, silent: &TcpListener, names: &str) -> Result<()> {
    let named: Vec<_> = names.split(',').collect();
    for (name, order) in HOSTILE.into_iter().filter(|(name, _)| named.contains(name)) {
        let order = match name {
            "fetch" => format!("fetch http://{}/", silent.local_addr()?),
            _ => order.to_owned(),
        };
        house.tell(name, &order, ORDERS).await?;
    }
    Ok(())
}

/// The lines of the input, as they come.
fn words() -> Receiver<String> {
    let (words, heard) = sync_channel(4);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if words.send(line).is_err() {
                return;
            }
        }
    });
    heard
}

fn cast() -> Result<Vec<Cast>> {
    // What fails is not tried again, so that each is at it as often as it can.
    let at_once = LimitSettings { retries: Some(0), ..LimitSettings::default() };
    let hostile = PluginConfig { limits: Some(at_once), ..house::ordinary()? };
    let mut cast: Vec<_> = HOSTILE
        .iter()
        .map(|(name, _)| Cast { name, guest: "misbehave", section: hostile.clone(), is_kept: false })
        .collect();
    cast.push(Cast { name: "good", guest: "counter", section: house::plenty()?, is_kept: false });
    Ok(cast)
}

fn become_node(config: &mut Config, list: &std::path::Path, authority: &ed25519::SecretKey) {
    let plugins = std::mem::take(&mut config.plugins);
    *config = private_node(list.to_owned(), Some(authority.public()));
    config.runtime.roles = [Role::Node, Role::Client].into();
    config.sandbox.private_addresses = true;
    config.plugins = plugins;
}

/// The node is the only one of its network.
async fn write_list(house: &House, path: &std::path::Path, authority: &ed25519::SecretKey) -> Result<()> {
    let listening = house.runtime.listening().await;
    let ed25519 = listening.pubkey_ed25519.context("it is a node")?;
    let port = |address: Option<std::net::SocketAddr>| address.map_or(0, |address| address.port());
    let member = ServiceNode {
        ed25519,
        x25519: ed25519.to_x25519().context("a node's key converts")?,
        legacy: ed25519,
        public_ip: std::net::Ipv4Addr::LOCALHOST,
        storage_port: port(listening.gateway.https),
        omq_port: port(listening.gateway.omq),
        libp2p_port: listening.libp2p.map_or(0, |libp2p| libp2p.port),
        swarm: SwarmId(0),
        version: COMPATIBLE_VERSION,
        requested_unlock_height: 0,
    };
    let list = NodeListFile::new(1, [19, 6], [7; 32], vec![member])?;
    list.sign(authority).write(path)?;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        // The client of this process talks to nobody, so that it needs no path.
        let waiting: Vec<_> =
            house.runtime.unready().into_iter().filter(|(actor, _)| *actor != "paths").collect();
        if waiting.is_empty() {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the node does not get ready: {waiting:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn url(house: &House) -> Result<String> {
    let https = house.runtime.listening().await.gateway.https.context("it is a node")?;
    Ok(format!("https://{https}"))
}
