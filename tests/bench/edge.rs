//! A storage endpoint as clients use it: how many requests per second, and how fast, over connections that stay open.
//!
//! Everything is signed and wrapped before the measuring begins, and what that costs is printed by itself. Before the
//! endpoint the same load goes to a server that does nothing, so that one sees what the generator could do at most.

mod accounts;
mod network;
mod requests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use starling_tests::Devnet;

pub(crate) use self::{
    accounts::Account,
    requests::{retrieves, stores},
};
use self::{accounts::Home, requests::Signer};
use crate::{
    load::{self, Plan, Work, connection::Connection, target::Target, trivial::Trivial},
    report::{Report, ms},
};

/// Where requests go.
pub(crate) const STORAGE: &str = "/storage_rpc/v1";
const ONION: &str = "/onion_req/v2";

/// Accounts whose mailboxes are used; those with messages in them.
const ACCOUNTS: usize = 16;
const FULL: usize = 4;

/// Messages in a full mailbox.
const MESSAGES: usize = 100;

/// Prepared requests that are sent over and over.
const PREPARED: usize = 64;
const PREPARED_F64: f64 = 64.0;

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Base URL of the endpoint, such as https://203.0.113.7:22021; without it a private network is started
    #[arg(long)]
    url: Option<String>,
    /// How many nodes that private network has; an onion request needs four
    #[arg(long, default_value_t = 5)]
    nodes: usize,
    /// How long each measurement takes, in seconds
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How many connections ask at once
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    connections: Vec<usize>,
    /// How many connections, from as many addresses, a client uses in turn, to stay below a rate limit per address
    /// [default: 16 for an endpoint on this machine that is named by --url, otherwise 1]
    #[arg(long)]
    lanes: Option<usize>,
}

pub(crate) fn measure(report: &Report, options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("no runtime for the clients")?;
    let time = Duration::try_from_secs_f64(options.seconds).context("--seconds is no length of time")?;
    let own = options.url.is_none().then(|| unlimited_network(options.nodes));
    let target = Target::parse(match (&own, &options.url) {
        (Some(devnet), _) => &devnet.ready.seed,
        (None, url) => url.as_deref().unwrap_or_default(),
    })?;
    let is_foreign_loopback = own.is_none() && target.is_loopback_v4();
    let lanes = options.lanes.unwrap_or(if is_foreign_loopback { 16 } else { 1 });
    let bench = Bench { report, target, time, lanes, connections: options.connections.clone() };
    runtime.block_on(async {
        bench.generator_alone().await?;
        bench.endpoint().await
    })
}

/// A private network whose nodes let one address ask as often as it likes.
pub(crate) fn unlimited_network(nodes: usize) -> Devnet {
    Devnet::start_with(nodes, &["--no-demo", "-O", "gateway.rate.per_second=0"])
}

struct Bench<'a> {
    report: &'a Report,
    target: Target,
    time: Duration,
    lanes: usize,
    connections: Vec<usize>,
}

impl Bench<'_> {
    /// What the generator can do against a server that does nothing.
    async fn generator_alone(&self) -> Result<()> {
        let trivial = tokio::task::block_in_place(Trivial::start)?;
        let target = Target::at(trivial.address);
        let bodies = Arc::new(vec![Bytes::from_static(br#"{"method":"info","params":{}}"#)]);
        let work = Work::Cycle { path: STORAGE, bodies };
        for workers in &self.connections {
            let plan = Plan { workers: *workers, lanes: self.lanes, time: self.time.min(SHORT), rate: None };
            let outcome = load::run(&target, &work, plan).await?;
            self.report.load("load generator alone", *workers, &outcome);
        }
        tokio::task::block_in_place(|| drop(trivial));
        Ok(())
    }

    async fn endpoint(&self) -> Result<()> {
        let mut connection = Connection::open(&self.target, 0).await?;
        let home = Home::find(&mut connection, &self.target, ACCOUNTS).await?;
        self.signing(&home.accounts[0])?;

        self.run("info", || Ok(vec![requests::info()])).await?;
        self.run_work("store", stores(&home.accounts)?).await?;
        // Mailboxes that the stores did not go to.
        let fresh = Home::find(&mut connection, &self.target, ACCOUNTS).await?.accounts;
        self.run("retrieve, empty mailbox", || each(&fresh, Signer::retrieve)).await?;
        let filled = self.fill(&mut connection, &fresh[..FULL]).await?;
        self.run(&format!("retrieve, {MESSAGES} messages"), || each(&fresh[..FULL], Signer::retrieve))
            .await?;
        self.run("batch of 7: 6 retrieves, 1 expire", || {
            let signer = Signer::now();
            fresh
                .iter()
                .zip(filled.iter().cycle())
                .map(|(account, hash)| signer.poll(account, hash))
                .collect()
        })
        .await?;
        self.onion(&mut connection, &home).await
    }

    /// What it costs a client to sign, which is not part of the other figures.
    fn signing(&self, account: &Account) -> Result<()> {
        let began = Instant::now();
        for _ in 0..PREPARED {
            Signer::now().retrieve(account)?;
        }
        let each = ms(began.elapsed()) / PREPARED_F64;
        self.report.figure("signing and writing one retrieve, before the measurement", each, "ms");
        Ok(())
    }

    /// Puts messages into mailboxes; gives the hash of one of each.
    async fn fill(&self, connection: &mut Connection, accounts: &[Account]) -> Result<Vec<String>> {
        let mut hashes = Vec::new();
        for account in accounts {
            let mut last = String::new();
            for number in 0..MESSAGES {
                let answer = network::ask(connection, requests::store(account, number)?).await?;
                last = answer["hash"].as_str().context("the answer to store has no hash")?.to_owned();
                if self.lanes > 1 {
                    // One address alone must stay below the limit.
                    tokio::time::sleep(Duration::from_millis(4)).await;
                }
            }
            hashes.push(last);
        }
        Ok(hashes)
    }

    async fn onion(&self, connection: &mut Connection, home: &Home) -> Result<()> {
        let route = match network::route(connection, &self.target, home).await {
            Ok(route) => route,
            Err(reason) => {
                self.report.note(&format!("onion request over 3 hops: skipped, {reason:#}"));
                return Ok(());
            }
        };
        let account = &home.accounts[0];
        let began = Instant::now();
        let built: Vec<_> =
            (0..PREPARED).map(|_| route.wrap(&Signer::now(), account)).collect::<Result<_>>()?;
        let each = ms(began.elapsed()) / PREPARED_F64;
        self.report.figure("wrapping one onion request, before the measurement", each, "ms");
        let answer = connection.post(ONION, built[0].post_body.clone().into()).await?;
        if let Err(reason) = network::opened(&built[0], answer.status, &answer.body) {
            self.report.note(&format!("onion request over 3 hops: skipped, {reason:#}"));
            return Ok(());
        }
        let what = format!("onion request over 3 hops to {}, retrieve", route.destination_name());
        let bodies = built.into_iter().map(|built| Bytes::from(built.post_body)).collect();
        self.run_work(&what, Work::Cycle { path: ONION, bodies: Arc::new(bodies) }).await
    }

    /// Measures requests that are made anew for each number of connections, for signatures grow old.
    async fn run(&self, what: &str, make: impl Fn() -> Result<Vec<Bytes>>) -> Result<()> {
        for workers in &self.connections {
            let work = Work::Cycle { path: STORAGE, bodies: Arc::new(make()?) };
            self.run_once(what, *workers, &work).await?;
        }
        Ok(())
    }

    async fn run_work(&self, what: &str, work: Work) -> Result<()> {
        for workers in &self.connections {
            self.run_once(what, *workers, &work).await?;
        }
        Ok(())
    }

    async fn run_once(&self, what: &str, workers: usize, work: &Work) -> Result<()> {
        let plan = Plan { workers, lanes: self.lanes, time: self.time, rate: None };
        let outcome = load::run(&self.target, work, plan).await.with_context(|| format!("{what}: failed"))?;
        self.report.load(what, workers, &outcome);
        if outcome.others.contains_key(&429) {
            self.report.note(
                "429 is the endpoint's rate limit: the figure above is the limit's, not the endpoint's",
            );
        } else if outcome.failed() > 0
            && let Some(complaint) = &outcome.complaint
        {
            self.report.note(&format!("the last answer that was not 200: {complaint}"));
        }
        Ok(())
    }
}

/// The generator alone needs no longer than this to show what it can.
const SHORT: Duration = Duration::from_secs(3);

fn each(accounts: &[Account], make: impl Fn(&Signer, &Account) -> Result<Bytes>) -> Result<Vec<Bytes>> {
    let signer = Signer::now();
    accounts.iter().map(|account| make(&signer, account)).collect()
}
