//! A write at this node and at all other members, and the one answer made of theirs (storage-rpc §5).

use futures::channel::oneshot;
use serde_json::{Map, Value as Json, json};
use starling_contracts::{
    storage::{Answer, Error},
    swarm::{MemberAnswer, MemberOutcome, Replicate, SwarmView},
};
use starling_protocol::{
    bencode::{self, Limits, Value as Bt},
    crypto::ed25519,
    storage::{
        MessageHash,
        response::{Failure, ReplyValue},
    },
};
use tracing::debug;

use super::{PARSE_HERE, Server, failed, failure_entry};
use crate::{
    answers::{Moment, json_answer},
    metrics,
    store::StoreError,
    write::{Entry, Prepared, Writing},
};

/// A write on its way to the disk and to the other members.
pub(super) struct InFlight {
    local: Local,
    peers: oneshot::Receiver<Vec<MemberAnswer>>,
    frame: Frame,
}

enum Local {
    Waiting(Writing),
    Settled(Result<Entry, StoreError>),
}

/// What the answer consists of beside the entries.
struct Frame {
    own: ed25519::PublicKey,
    others: Vec<ed25519::PublicKey>,
    moment: Moment,
    hash: Option<MessageHash>,
    required: bool,
}

impl Server {
    /// Hands the write to the store, and its copies to the other members, both before anything is waited for.
    pub(super) fn begin_write(
        &self,
        prepared: Prepared,
        swarm: &SwarmView,
        moment: Moment,
    ) -> Result<InFlight, Error> {
        let Prepared { write, account, method, dict, hash, required } = prepared;
        let local = write.begin(self.pen.clone()).map_err(|error| failed(&error))?;
        let (tell, peers) = oneshot::channel();
        let replicate = self.replicate.clone();
        // Apart from this request, so that copies are on their way while others of the same batch are still checked.
        self.ctx.spawn(async move {
            // A copy that is not even handed over would not be retried, so a full mailbox is waited for.
            match replicate.ask_patiently(Replicate { account, method, dict }).await {
                // Whoever asked may have stopped waiting.
                Ok(answers) => drop(tell.send(answers)),
                Err(error) => {
                    metrics::copies_lost();
                    debug!(%error, "a write was not copied to the other members");
                }
            }
        });
        let others =
            swarm.members.iter().map(|member| member.ed25519).filter(|member| *member != self.own).collect();
        let frame = Frame { own: self.own, others, moment, hash, required };
        Ok(InFlight { local: Local::Waiting(local), peers, frame })
    }

    /// Waits for the disk and for the other members.
    pub(super) async fn finish_write(&self, mut write: InFlight) -> Result<Answer, Error> {
        write.settle().await;
        let InFlight { local, peers, frame } = write;
        let Local::Settled(local) = local else { return Err(Error::Store) };
        // Nobody tells if the copies could not be handed over: then every member counts as missed.
        let answers = peers.await.unwrap_or_default();
        let size: usize = answers.iter().map(|answer| size(&answer.outcome)).sum();
        let build = move || frame.build(local, answers);
        if size <= PARSE_HERE { Ok(build()) } else { self.on_pool(build).await }
    }
}

impl InFlight {
    /// Waits until the write is on this node's disk, or has failed there.
    pub(super) async fn settle(&mut self) {
        if let Local::Waiting(writing) = &mut self.local {
            self.local = Local::Settled(writing.await);
        }
    }
}

impl Frame {
    fn build(self, local: Result<Entry, StoreError>, answers: Vec<MemberAnswer>) -> Answer {
        let mut swarm = Map::new();
        for node in &self.others {
            swarm.insert(node.to_string(), Failure::Timeout.to_reply().to_json());
        }
        for MemberAnswer { node, outcome } in answers {
            swarm.insert(node.to_string(), member_entry(outcome));
        }
        let own = local.map_or_else(|_| failure_entry(), ReplyValue::Object);
        let mut own = own.to_json();
        if self.hash.is_some()
            && let Json::Object(own) = &mut own
        {
            own.insert("t".to_owned(), json!(self.moment.now));
        }
        swarm.insert(self.own.to_string(), own);
        let has_any = |test: fn(&Json) -> bool| swarm.values().any(test);
        let status = match () {
            () if !has_any(|entry| entry.get("failed").is_none()) => 500,
            () if self.required && !has_any(has_deleted) => 404,
            () => 200,
        };
        let mut body = Map::new();
        if let Some(hash) = self.hash.filter(|_| status == 200) {
            body.insert("hash".to_owned(), json!(hash.as_str()));
        }
        body.insert("swarm".to_owned(), Json::Object(swarm));
        json_answer(status, self.moment.stamp(body))
    }
}

fn has_deleted(entry: &Json) -> bool {
    match entry.get("deleted") {
        Some(Json::Array(hashes)) => !hashes.is_empty(),
        Some(Json::Object(namespaces)) => !namespaces.is_empty(),
        _ => false,
    }
}

fn size(outcome: &MemberOutcome) -> usize {
    match outcome {
        MemberOutcome::Done(dict) => dict.len(),
        _ => 0,
    }
}

/// The entry of another member, whatever became of its copy.
fn member_entry(outcome: MemberOutcome) -> Json {
    let failure = match outcome {
        MemberOutcome::Done(dict) => match read_entry(&dict) {
            Some(entry) => return entry,
            None => Failure::BadPeerResponse,
        },
        MemberOutcome::TimedOut => Failure::Timeout,
        MemberOutcome::Refused { code, reason } => Failure::Refused { code: code.to_string(), reason },
        MemberOutcome::Unreadable => Failure::BadPeerResponse,
    };
    failure.to_reply().to_json()
}

/// A member's flat dict as JSON: of its values only the signature is binary.
fn read_entry(dict: &[u8]) -> Option<Json> {
    let Bt::Dict(fields) = bencode::decode(dict, Limits::REQUEST).ok()? else { return None };
    let read = |(name, value): (Vec<u8>, Bt)| {
        let name = String::from_utf8(name).ok()?;
        let value = match value {
            Bt::Bytes(signature) if name == "signature" => ReplyValue::Binary(signature).to_json(),
            value => read_value(value)?,
        };
        Some((name, value))
    };
    fields.into_iter().map(read).collect::<Option<Map<_, _>>>().map(Json::Object)
}

fn read_value(value: Bt) -> Option<Json> {
    Some(match value {
        Bt::Integer(number) => match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => json!(number),
            (_, Ok(number)) => json!(number),
            _ => return None,
        },
        Bt::Bytes(text) => Json::String(String::from_utf8(text).ok()?),
        Bt::List(values) => Json::Array(values.into_iter().map(read_value).collect::<Option<_>>()?),
        Bt::Dict(fields) => {
            let read = |(name, value)| Some((String::from_utf8(name).ok()?, read_value(value)?));
            Json::Object(fields.into_iter().map(read).collect::<Option<_>>()?)
        }
    })
}
