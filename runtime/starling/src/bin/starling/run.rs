//! `starling run`.

use std::{io::Read as _, process, thread, time::Duration};

use serde::Serialize;
use starling::{Config, Listening, Role, Runtime};
use tokio::sync::oneshot;
use tracing::warn;

use crate::{
    arguments::{Global, Run},
    exit::{Code, Failure},
    logging,
    output::Output,
    settings,
    signals::Signals,
};

/// How long a process whose parent is gone may take to end.
const ORPHAN_WITHIN: Duration = Duration::from_secs(12);

pub(crate) async fn run(global: &Global, options: &Run) -> Result<(), Failure> {
    let loaded = settings::load(global)?;
    settings::validate(&loaded)?;
    logging::start(loaded.value.runtime.log);
    let mut signals = Signals::listen()?;
    let parent = options.end_with_stdin.then(watch_stdin).transpose()?;

    let output = Output::new(global.json);
    let runtime = tokio::select! {
        started = Runtime::builder().config(loaded.value).start() => started?,
        () = signals.next() => return Ok(()),
    };
    let told = tell(output, &runtime).await;
    if told.is_ok() {
        tokio::select! {
            () = signals.next() => {}
            () = gone(parent) => {}
        }
    }
    tokio::select! {
        killed = runtime.stop() => {
            if killed.is_empty() { told } else { Err(Failure::new(Code::Other, format!("had to be killed, because they did not finish in time: {}", killed.join(", ")))) }
        }
        () = signals.next() => Err(Failure::aborted()),
    }
}

/// What a process tells of itself once it runs.
#[derive(Serialize)]
struct Running<'a> {
    event: &'static str,
    pid: u32,
    roles: &'a std::collections::BTreeSet<Role>,
    data_dir: std::path::PathBuf,
    #[serde(flatten)]
    listening: &'a Listening,
}

async fn tell(output: Output, runtime: &Runtime) -> Result<(), Failure> {
    let listening = runtime.listening().await;
    let roles = &runtime.config().runtime.roles;
    let running = Running {
        event: "listening",
        pid: process::id(),
        roles,
        data_dir: runtime.data_dir().to_owned(),
        listening: &listening,
    };
    output.fact(&running, || text(runtime.config(), &running))
}

fn text(config: &Config, running: &Running<'_>) -> String {
    let Running { listening, .. } = running;
    let mut lines = Vec::new();
    if let Some(key) = listening.pubkey_ed25519 {
        lines.push(format!("node      {key}"));
    }
    if config.has_role(Role::Client) {
        lines.push("client    its accounts are in the data folder".to_owned());
    }
    lines.push(format!("data      {}", running.data_dir.display()));
    if let Some(address) = listening.gateway.https {
        lines.push(format!("https     https://{address}"));
    }
    if let Some(address) = listening.gateway.quic {
        lines.push(format!("quic      {address}"));
    }
    if let Some(address) = listening.gateway.omq {
        lines.push(format!("omq       tcp://{address}"));
    }
    for address in listening.libp2p.iter().flat_map(|libp2p| &libp2p.addresses) {
        lines.push(format!("libp2p    {address}"));
    }
    if let Some(address) = listening.gateway.operator {
        lines.push(format!("operator  http://{address}"));
    }
    lines.push("Ctrl-C stops.".to_owned());
    lines.join("\n")
}

/// Reads standard input to its end, which comes when the parent closes it or is gone.
fn watch_stdin() -> Result<oneshot::Receiver<()>, Failure> {
    let (ended, end) = oneshot::channel();
    let watch = move || {
        let mut scrap = [0; 64];
        while std::io::stdin().read(&mut scrap).is_ok_and(|read| read > 0) {}
        // The receiver is gone when the process is ending already.
        let _ = ended.send(());
        thread::sleep(ORPHAN_WITHIN);
        warn!("did not end in time after the parent was gone");
        process::exit(Code::Other as i32);
    };
    thread::Builder::new()
        .name("starling-parent".to_owned())
        .spawn(watch)
        .map_err(|error| Failure::machine(format!("could not watch standard input: {error}")))?;
    Ok(end)
}

async fn gone(parent: Option<oneshot::Receiver<()>>) {
    match parent {
        Some(parent) => drop(parent.await),
        None => std::future::pending().await,
    }
}
