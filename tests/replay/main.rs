//! `cargo xtask replay` and `cargo xtask record`: plays folders of exchanges against running nodes, and writes them.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};
use starling_tests::replay::{
    adapt,
    door::{Door, HttpsDoor, OmqDoor, OnionDoor, QuicDoor},
    network::{Network, Plan},
    player, record,
    recorded::{self, Recording},
    report::Report,
    target::Target,
    transcript::Transcript,
};

#[derive(Debug, Parser)]
#[command(name = "replay", disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Play the transcripts and recordings in folders, and compare what comes back
    Play {
        /// The node's HTTPS edge, such as https://127.0.0.1:22021; without it the recorded network is started for it
        #[arg(long)]
        url: Option<String>,
        /// Where that node takes QUIC, such as 127.0.0.1:22020; without it, where get_swarm says
        #[arg(long, value_name = "ADDR", requires = "url")]
        quic: Option<SocketAddr>,
        /// Where that node takes OxenMQ; without it, where get_swarm says
        #[arg(long, value_name = "ADDR", requires = "url")]
        omq: Option<SocketAddr>,
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
        /// Folders of transcripts, recordings or both; later cases may rely on those of another folder
        #[arg(required = true)]
        folders: Vec<PathBuf>,
    },
    /// Play scripts against a node and write what it answered as transcripts
    Record {
        /// The node's HTTPS edge
        #[arg(long)]
        url: String,
        /// The folder to write to
        folder: PathBuf,
        /// Transcripts whose cases are sent; what they expect does not matter
        #[arg(required = true)]
        scripts: Vec<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match CommandLine::parse().verb {
        Verb::Play { url, quic, omq, json, folders } => {
            let node = url.map(|url| GivenNode { url, quic, omq });
            play(node.as_ref(), json, &folders).await
        }
        Verb::Record { url, folder, scripts } => write(&url, &folder, &scripts).await.map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The node that is to be played against.
struct GivenNode {
    url: String,
    quic: Option<SocketAddr>,
    omq: Option<SocketAddr>,
}

/// Whether nothing failed.
async fn play(node: Option<&GivenNode>, json: bool, folders: &[PathBuf]) -> Result<bool> {
    let recording = Recording::read(folders)?;
    let mut transcripts = Vec::new();
    for folder in folders {
        transcripts.extend(player::read_folder(folder)?);
    }
    ensure!(
        !recording.exchanges.is_empty() || !transcripts.is_empty(),
        "{folders:?} hold neither a transcript nor a recording"
    );
    let report = match node {
        Some(node) => on_node(node, &recording, transcripts).await?,
        None => on_recorded_network(&recording, &transcripts).await?,
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(report.failed().is_empty())
}

async fn on_node(
    node: &GivenNode,
    recording: &Recording,
    mut transcripts: Vec<(String, Transcript)>,
) -> Result<Report> {
    let mut target = Target::discover(&node.url, None).await?;
    target.home.quic = node.quic.or(target.home.quic);
    target.home.omq = node.omq.or(target.home.omq);
    let mut report = Report::default();
    if !recording.exchanges.is_empty() {
        let (adapted, skipped) = adapt::adapt(recording)?;
        report.append(skipped);
        transcripts.push(("recorded".to_owned(), adapted));
    }
    report.append(through_all_doors(&transcripts, &target).await?);
    Ok(report)
}

async fn on_recorded_network(recording: &Recording, transcripts: &[(String, Transcript)]) -> Result<Report> {
    let mut report = Report::default();
    if !recording.exchanges.is_empty() {
        report.append(recorded::play(recording).await?);
    }
    if !transcripts.is_empty() {
        let network = started(&recording.plan).await?;
        let url = network.nodes.first().context("the network has no nodes")?.peer.url.clone();
        let target = Target::discover(&url, Some(network.time())).await?;
        report.append(through_all_doors(transcripts, &target).await?);
        network.stop().await;
    }
    Ok(report)
}

async fn started(plan: &Plan) -> Result<Network> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Network::start(plan, u64::try_from(now.as_millis())?).await
}

async fn through_all_doors(transcripts: &[(String, Transcript)], target: &Target) -> Result<Report> {
    let mut path = vec![target.home.clone()];
    path.extend(target.members.first().cloned());
    let (https, onion) = (HttpsDoor::default(), OnionDoor::new(path));
    let (quic, omq) = (QuicDoor::default(), OmqDoor::default());
    let mut report = Report::default();
    let mut doors: Vec<&dyn Door> = vec![&https, &onion];
    // Where nobody answers, one line says so instead of one for every case.
    match quic.connection(&target.home).await {
        Ok(_) => doors.push(&quic),
        Err(error) => report.judge("every case over QUIC", Err(format!("{error:#}"))),
    }
    match omq.connection(&target.home).await {
        Ok(_) => doors.push(&omq),
        Err(error) => report.judge("every case over OxenMQ", Err(format!("{error:#}"))),
    }
    report.append(player::play(transcripts, &doors, target).await?);
    Ok(report)
}

async fn write(url: &str, folder: &std::path::Path, scripts: &[PathBuf]) -> Result<()> {
    let target = Target::discover(url, None).await?;
    std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    for script in scripts {
        let recorded = record::record(&Transcript::read(script)?, &HttpsDoor::default(), &target).await?;
        let path = folder.join(script.file_name().context("a script has a name")?);
        std::fs::write(&path, serde_json::to_string_pretty(&recorded)?)
            .with_context(|| format!("{}", path.display()))?;
        println!("{}: {} cases", path.display(), recorded.cases.len());
    }
    Ok(())
}
