//! Making load: workers that each have one request under way, over connections that stay open.

pub(crate) mod connection;
pub(crate) mod latencies;
pub(crate) mod target;
pub(crate) mod trivial;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;

use self::{connection::Connection, latencies::Latencies, target::Target};

/// What is asked, over and over.
#[derive(Clone)]
pub(crate) enum Work {
    /// These bodies in turn.
    Cycle { path: &'static str, bodies: Arc<Vec<Bytes>> },
    /// These bodies in turn, each with some characters that are a number which never comes again.
    Unique { path: &'static str, bodies: Arc<Vec<Template>> },
}

/// A body of which [`UNIQUE`] characters change.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) body: Bytes,
    /// Where those characters begin.
    pub(crate) at: usize,
}

/// How many characters of a [`Work::Unique`] body change.
pub(crate) const UNIQUE: usize = 16;

impl Work {
    fn request(&self, number: u64) -> (&'static str, Bytes) {
        match self {
            Self::Cycle { path, bodies } => (path, pick(bodies, number).clone()),
            Self::Unique { path, bodies } => {
                let Template { body, at } = pick(bodies, number);
                let mut bytes = body.to_vec();
                bytes[*at..at + UNIQUE].copy_from_slice(format!("{number:016x}").as_bytes());
                (path, bytes.into())
            }
        }
    }
}

fn pick<T>(bodies: &[T], number: u64) -> &T {
    let count = u64::try_from(bodies.len()).unwrap_or(u64::MAX);
    &bodies[usize::try_from(number % count).unwrap_or(0)]
}

/// How hard to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Workers; each has one request under way at most.
    pub(crate) workers: usize,
    /// Connections that each worker uses in turn; more than one only to come from several addresses.
    pub(crate) lanes: usize,
    /// How long.
    pub(crate) time: Duration,
    /// Requests per second of all workers together; as many as the answers allow if `None`.
    pub(crate) rate: Option<f64>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Of requests that were answered with 200.
    pub(crate) latencies: Latencies,
    /// How long it took to get a connection.
    pub(crate) connecting: Latencies,
    /// How long it really took.
    pub(crate) elapsed: Duration,
    /// How often each other status was answered; 0 stands for no answer.
    pub(crate) others: BTreeMap<u16, u64>,
    /// Of the answers of status 200, those that name a member of the swarm as failed.
    pub(crate) partial: u64,
    /// An answer that was not 200, or why there was none.
    pub(crate) complaint: Option<String>,
}

impl Outcome {
    /// Answers of status 200 per second.
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.count_as_f64() / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Of all requests, those that were not answered with 200.
    pub(crate) fn failed_share(&self) -> f64 {
        let failed = u32::try_from(self.failed()).map_or(f64::MAX, f64::from);
        failed / (failed + self.latencies.count_as_f64()).max(1.0)
    }

    /// How many were not answered with 200.
    pub(crate) fn failed(&self) -> u64 {
        self.others.values().sum()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.latencies.add(&other.latencies);
        self.connecting.add(&other.connecting);
        self.elapsed = self.elapsed.max(other.elapsed);
        self.partial += other.partial;
        for (status, count) in &other.others {
            *self.others.entry(*status).or_default() += count;
        }
        if self.complaint.is_none() {
            self.complaint.clone_from(&other.complaint);
        }
    }
}

/// Numbers of requests, never the same twice in a process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Opens the connections, lets all workers begin at once, and adds up what they saw.
///
/// # Errors
/// No connection can be opened, or nothing at all was answered with 200.
pub(crate) async fn run(target: &Target, work: &Work, plan: Plan) -> Result<Outcome> {
    let (lanes, mut outcome) = connect(target, plan).await?;
    let began = Instant::now();
    let workers: Vec<_> = lanes
        .into_iter()
        .enumerate()
        .map(|(index, lanes)| {
            let (target, work) = (target.clone(), work.clone());
            tokio::spawn(async move { Worker { index, lanes, target, work, plan, began }.run().await })
        })
        .collect();
    for worker in workers {
        outcome.add(&worker.await.context("a worker of the load ended badly")?);
    }
    outcome.elapsed = began.elapsed();
    if outcome.latencies.is_empty() {
        let complaint = outcome.complaint.as_deref().unwrap_or("no answer at all");
        bail!("not one request was answered with 200; the last answer: {complaint}");
    }
    Ok(outcome)
}

/// Opens all connections at once. A worker that gets none counts as one request without an answer.
async fn connect(target: &Target, plan: Plan) -> Result<(Vec<Vec<Connection>>, Outcome)> {
    let lanes = plan.lanes.max(1);
    let opening: Vec<_> = (0..plan.workers)
        .map(|worker| {
            let target = target.clone();
            tokio::spawn(async move {
                let (mut own, mut took) = (Vec::new(), Latencies::default());
                for lane in 0..lanes {
                    let began = Instant::now();
                    own.push(Connection::open(&target, worker * lanes + lane).await?);
                    took.record(began.elapsed());
                }
                anyhow::Ok((own, took))
            })
        })
        .collect();
    let (mut opened, mut outcome) = (Vec::new(), Outcome::default());
    for worker in opening {
        match worker.await.context("a worker of the load ended badly")? {
            Ok((own, took)) => {
                opened.push(own);
                outcome.connecting.add(&took);
            }
            Err(error) => {
                *outcome.others.entry(0).or_default() += 1;
                outcome.complaint = Some(format!("{error:#}"));
            }
        }
    }
    ensure!(!opened.is_empty(), "no connection: {}", outcome.complaint.unwrap_or_default());
    Ok((opened, outcome))
}

struct Worker {
    index: usize,
    lanes: Vec<Connection>,
    target: Target,
    work: Work,
    plan: Plan,
    began: Instant,
}

impl Worker {
    async fn run(mut self) -> Outcome {
        let mut outcome = Outcome::default();
        let mut turn = 0_usize;
        while let Some(due) = self.due(turn) {
            if due > Instant::now() {
                tokio::time::sleep_until(due.into()).await;
            }
            // A request that could not be sent in time waited for the one before it, and that is part of its latency.
            let asked_at = if self.plan.rate.is_some() { due } else { Instant::now() };
            let (path, body) = self.work.request(NUMBER.fetch_add(1, Ordering::Relaxed));
            let lane = turn % self.lanes.len();
            match self.lanes[lane].post(path, body).await {
                Ok(answer) if answer.status == 200 => {
                    outcome.latencies.record(asked_at.elapsed());
                    outcome.partial += u64::from(names_a_failure(&answer.body));
                }
                Ok(answer) => {
                    *outcome.others.entry(answer.status).or_default() += 1;
                    outcome.complaint =
                        Some(format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)));
                }
                Err(error) => {
                    *outcome.others.entry(0).or_default() += 1;
                    outcome.complaint = Some(format!("{error:#}"));
                    let number = self.index * self.lanes.len() + lane;
                    if let Ok(fresh) = Connection::open(&self.target, number).await {
                        self.lanes[lane] = fresh;
                    }
                }
            }
            turn += 1;
        }
        outcome
    }

    /// When the next request is to be sent; `None` when the time is over.
    fn due(&self, turn: usize) -> Option<Instant> {
        let end = self.began + self.plan.time;
        let due = match self.plan.rate {
            None => Instant::now(),
            Some(rate) => {
                let workers = count(self.plan.workers);
                let offset = count(self.index) / workers;
                self.began + Duration::from_secs_f64((count(turn) + offset) * workers / rate)
            }
        };
        (due < end && Instant::now() < end).then_some(due)
    }
}

/// Members are named as failed in this one way (storage-rpc §5).
fn names_a_failure(body: &[u8]) -> bool {
    const FAILED: &[u8] = br#""failed":true"#;
    body.windows(FAILED.len()).any(|window| window == FAILED)
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
