//! Plays a transcript through one door in one encoding: a round. Every round has accounts of its own, so that rounds do not
//! meet.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value as Json, json};
use starling_protocol::crypto::random_bytes;

use super::{
    door::{Call, Door, Peer, Reply},
    pattern::{Difference, Scene, compare},
    report::Report,
    target::{Account, Accounts, Target},
    template::{Delegate, Values, delegates, prefix},
    transcript::{Case, DoorName, Place, Transcript},
    wire::{self, Form},
};

/// Plays every file through every door in every encoding that it carries.
///
/// # Errors
/// A file that is no transcript, or a node that cannot be asked at all.
pub async fn play(files: &[(String, Transcript)], doors: &[&dyn Door], target: &Target) -> Result<Report> {
    let mut report = Report::default();
    for (file, transcript) in files {
        let rounds = doors.iter().flat_map(|door| door.forms().iter().map(move |form| (*door, *form)));
        let played = rounds
            .filter(|(door, form)| {
                transcript.cases.iter().any(|case| transcript.plays(case, door.name(), *form))
            })
            .map(async |(door, form)| {
                let round = Round::new(file, transcript, door, form, target).await?;
                anyhow::Ok(round.play().await)
            });
        // Side by side: rounds share no account.
        for round in futures::future::try_join_all(played).await? {
            report.append(round);
        }
    }
    Ok(report)
}

/// The transcripts of a folder, by name. The files of a recording among them are left to [`recorded`](super::recorded).
///
/// # Errors
/// The folder cannot be read, or holds something else.
pub fn read_folder(folder: &Path) -> Result<Vec<(String, Transcript)>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("{}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter(|path| !is_recorded(path))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, Transcript::read(&path)?))
        })
        .collect()
}

/// Whether a file is one of a recording, by its name.
fn is_recorded(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    name == "network" && is_plan(path) || super::recorded::NAMES.contains(&name.as_ref())
}

/// Recorded networks have keys in their list of nodes; a transcript has cases.
pub(super) fn is_plan(path: &Path) -> bool {
    let text = std::fs::read(path).unwrap_or_default();
    serde_json::from_slice::<Json>(&text).is_ok_and(|file| file["nodes"].is_array())
}

/// One file through one door in one encoding.
pub(super) struct Round<'a> {
    file: &'a str,
    transcript: &'a Transcript,
    door: &'a dyn Door,
    form: Form,
    target: &'a Target,
    pub(super) accounts: Accounts,
    delegates: BTreeMap<String, Delegate>,
    captures: BTreeMap<String, Json>,
    facts: BTreeMap<String, Json>,
}

impl<'a> Round<'a> {
    pub(super) async fn new(
        file: &'a str,
        transcript: &'a Transcript,
        door: &'a dyn Door,
        form: Form,
        target: &'a Target,
    ) -> Result<Self> {
        let mut accounts = Accounts::new();
        for (name, plan) in &transcript.accounts {
            let kind = prefix(&plan.prefix)?;
            let account = match &plan.seed {
                Some(seed) => {
                    let seed = hex::decode(seed).ok().and_then(|seed| seed.try_into().ok());
                    Account::from_seed(seed.with_context(|| format!("the seed of {name:?}"))?, kind)
                }
                // Without another swarm its cases are skipped, and any account does.
                None if target.peer(plan.at).is_none() => draw(kind),
                None => target.account(kind, plan.at).await?,
            };
            accounts.insert(name.clone(), account);
        }
        let delegates = delegates(transcript, &accounts)?;
        let facts = [
            ("hf", target.hf.clone()),
            ("version", target.version.clone()),
            ("ed25519", target.home.ed25519.to_string().into()),
        ];
        let facts = facts.map(|(name, fact)| (name.to_owned(), fact)).into();
        Ok(Self {
            file,
            transcript,
            door,
            form,
            target,
            accounts,
            delegates,
            captures: BTreeMap::new(),
            facts,
        })
    }

    async fn play(mut self) -> Report {
        let mut report = Report::default();
        for case in &self.transcript.cases {
            if !self.transcript.plays(case, self.door.name(), self.form) {
                continue;
            }
            let name =
                format!("{}/{} ({}, {})", self.file, case.name, door(self.door.name()), form(self.form));
            let Some(peer) = self.target.peer(case.node) else {
                report.skip(name, format!("the network has no node at the place {:?}", case.node));
                continue;
            };
            if self.is_nobodys(case) {
                report.skip(name, "the network has no other swarm that could keep the account");
                continue;
            }
            match self.exchange(case, peer).await {
                Ok((reply, expected)) => {
                    let judged = match self.judge(case, &reply, &expected.body) {
                        Ok(()) => self.told(&expected.notices).await,
                        differs => differs.map_err(|difference| difference.to_string()),
                    };
                    report.judge(name, judged);
                }
                Err(error) => report.judge(name, Err(format!("{error:#}"))),
            }
        }
        report
    }

    /// Whether a case is about an account that should be kept elsewhere, where there is no elsewhere.
    fn is_nobodys(&self, case: &Case) -> bool {
        let fields =
            [&case.params["pubkey"], &case.params["pubKey"], &case.subscribe["P"], &case.subscribe["p"]];
        let name = fields.iter().find_map(|field| field["$account"].as_str().or(field["$ed25519"].as_str()));
        let plan = name.and_then(|name| self.transcript.accounts.get(name));
        plan.is_some_and(|plan| self.target.peer(plan.at).is_none())
    }

    /// Waits for what the node tells of its own accord, on the connection to the node whose URL is given.
    async fn told(&self, expected: &[Json]) -> Result<(), String> {
        let scene = Scene { members: self.target.swarm_of(Place::Home) };
        for (index, pattern) in expected.iter().enumerate() {
            let told = self.door.notice(&self.target.home).await.map_err(|error| format!("{error:#}"))?;
            compare(pattern, &told, &scene).map_err(|difference| format!("notice {index} {difference}"))?;
        }
        Ok(())
    }

    /// Sends the case; answers with the reply and with its patterns, filled with the values of the moment it was sent.
    pub(super) async fn exchange(&self, case: &Case, peer: &Peer) -> Result<(Reply, Expected)> {
        let values = self.values();
        let pattern = match (&case.expect.bt, self.form) {
            (Some(pattern), Form::Bencode) => pattern,
            _ => &case.expect.body,
        };
        let subscribe = Some(&case.subscribe).filter(|open| !open.is_null());
        let reply = match (&case.method, &case.envelope, &case.http, subscribe) {
            (Some(method), None, None, None) => {
                let mut params = values.fill(&case.params)?;
                if let Some(sign) = &case.sign {
                    let params = params.as_object_mut().context("`params` is no object")?;
                    values.sign(method, params, sign)?;
                }
                let params = if params.is_null() { json!({}) } else { params };
                let call = Call::Method { method: method.clone(), params, form: self.form };
                self.door.call(peer, &call).await?
            }
            (None, Some(text), None, None) => {
                self.door.call(peer, &Call::Envelope(text.clone().into_bytes())).await?
            }
            (None, None, Some(http), None) => self.target.https().send(&peer.url, http).await?,
            (None, None, None, Some(open)) => {
                let body = wire::encode(&values.subscription(open)?, Form::Bencode)?;
                self.door.call(peer, &Call::Subscription(body)).await?
            }
            _ => bail!("a case has either `method`, or `envelope`, or `http`, or `subscribe`"),
        };
        let notices = case.expect.notices.iter().map(|notice| values.fill(notice)).collect::<Result<_>>()?;
        Ok((reply, Expected { body: values.fill(pattern)?, notices }))
    }

    fn values(&self) -> Values<'_> {
        Values {
            now: self.target.now_ms(),
            accounts: &self.accounts,
            delegates: &self.delegates,
            captures: &self.captures,
            node: &self.facts,
        }
    }

    /// The parameters as they are sent now.
    pub(super) fn filled(&self, case: &Case) -> Result<Json> {
        self.values().fill(&case.params)
    }

    /// Remembers the parts of an answer that later cases name.
    pub(super) fn capture(&mut self, case: &Case, reply: &Reply) {
        let asked = self.target.peer(case.node).map_or_else(String::new, |peer| peer.ed25519.to_string());
        for (name, pointer) in &case.capture {
            if let Some(value) = reply.body.pointer(&pointer.replace("$node", &asked)) {
                self.captures.insert(name.clone(), value.clone());
            }
        }
    }

    fn judge(&mut self, case: &Case, reply: &Reply, pattern: &Json) -> Result<(), Difference> {
        self.capture(case, reply);
        if reply.status != case.expect.status {
            let got = format!("{} {}", reply.status, reply.body);
            return Err(Difference::new("status", case.expect.status, got));
        }
        let scene = Scene { members: self.target.swarm_of(case.node) };
        compare(pattern, &reply.body, &scene)?;
        if self.door.name() == DoorName::Https {
            for (name, pattern) in &case.expect.headers {
                let got = reply.headers.get(name).map_or(Json::Null, |value| Json::from(value.as_str()));
                compare(pattern, &got, &scene).map_err(|difference| Difference {
                    path: format!("header {name}{}", difference.path),
                    ..difference
                })?;
            }
        }
        Ok(())
    }
}

/// The patterns of a case, filled.
pub(super) struct Expected {
    body: Json,
    notices: Vec<Json>,
}

fn draw(kind: starling_protocol::account::Prefix) -> Account {
    let mut seed = [0; 32];
    random_bytes(&mut seed);
    Account::from_seed(seed, kind)
}

fn door(name: DoorName) -> &'static str {
    match name {
        DoorName::Https => "https",
        DoorName::Onion => "onion",
        DoorName::Quic => "quic",
        DoorName::Omq => "omq",
    }
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Json => "json",
        Form::Bencode => "bt",
    }
}
