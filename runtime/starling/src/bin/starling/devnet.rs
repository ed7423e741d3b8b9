//! `starling devnet`: a private network of real node processes on this machine, and two accounts that talk over it.
//!
//! This process is the network's authority: it starts the nodes, signs the list of them once their ports are known, and holds
//! each node by its standard input. A node whose standard input ends stops by itself, so no node outlives this process,
//! however it ends.

mod demo;
pub(crate) mod events;
pub(crate) mod network;
mod node;
pub(crate) mod place;
mod readiness;
mod roster;

use std::time::Instant;

use events::{Reporter, Stopped};
use network::Network;
use place::Place;

use crate::{
    arguments::{Devnet, Global},
    exit::Failure,
    logging,
    output::Output,
    settings,
    signals::Signals,
};

/// Three hops and a destination.
const FEWEST_FOR_DEMO: u16 = 4;

pub(crate) async fn devnet(global: &Global, options: &Devnet) -> Result<(), Failure> {
    check(global, options)?;
    // What is wrong with an -O is told here, before every node stumbles over it.
    logging::start_if_wanted(&settings::load(global)?, global.verbose);
    let mut signals = Signals::listen()?;
    let reporter = Reporter::new(Output::new(global.json));
    let place = Place::open(options.dir.as_deref(), options.keep)?;
    let outcome = live(&place, global, options, &reporter, &mut signals).await;
    let cleared = place.clear();
    let kept = options.keep.then(|| place.path().to_owned());
    let told = reporter.stopped(&Stopped { event: "stopped", kept });
    outcome.and(cleared).and(told)
}

fn check(global: &Global, options: &Devnet) -> Result<(), Failure> {
    if !global.config.is_empty() || global.network.is_some() || global.data_dir.is_some() {
        return Err(Failure::usage(
            "devnet makes its own settings: use -O for those of its nodes, and --dir for the folder of the network",
        ));
    }
    if options.nodes < FEWEST_FOR_DEMO && !options.no_demo {
        return Err(Failure::usage(format!(
            "--nodes {}: three hops and a destination need at least {FEWEST_FOR_DEMO} nodes; start more, or add --no-demo",
            options.nodes
        )));
    }
    Ok(())
}

/// From the first process to the last.
async fn live(
    place: &Place,
    global: &Global,
    options: &Devnet,
    reporter: &Reporter,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let mut network = Network::new(place, &global.overrides)?;
    let outcome = tokio::select! {
        outcome = stay_up(&mut network, place, global, options, reporter) => outcome,
        () = signals.next() => Ok(()),
    };
    let told = reporter.say("stopping the nodes");
    tokio::select! {
        () = network.stop() => {}
        () = signals.next() => network.kill().await,
    }
    outcome.and(told).and(network.take_failure().map_or(Ok(()), Err))
}

/// Starts everything, shows it, and then only watches. Ends by itself only with a failure.
async fn stay_up(
    network: &mut Network<'_>,
    place: &Place,
    global: &Global,
    options: &Devnet,
    reporter: &Reporter,
) -> Result<(), Failure> {
    let began = Instant::now();
    network.start(options.nodes, reporter).await?;
    reporter.ready(&network.ready(began.elapsed())?)?;
    if options.no_demo {
        reporter.how_to_talk(place, None)?;
    } else {
        // What goes wrong here is told at once; the network stays up, so that one can look.
        let shown = network.watch_beside(demo::show(place, &global.overrides, reporter), reporter).await?;
        match shown {
            Ok(pair) => reporter.how_to_talk(place, Some(&pair))?,
            Err(failure) => {
                reporter.demo_failed(&failure)?;
                network.failed_demo(failure);
            }
        }
    }
    network.watch(reporter).await
}
