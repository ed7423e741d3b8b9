//! A write at this node and at all other members, and the one answer made of theirs (storage-rpc §5).

use std::collections::BTreeMap;

use futures::channel::oneshot;
use serde_json::json;
use starling_contracts::{
    storage::Error,
    swarm::{MemberAnswer, MemberOutcome, Replicate, SwarmView},
};
use starling_protocol::{
    bencode::{self, Limits, Value as Bt},
    crypto::ed25519,
    storage::{
        MessageHash,
        response::{Failure, Fields, ReplyValue},
    },
};
use tracing::debug;

use super::{PARSE_HERE, Server, failed, failure_entry};
use crate::{
    answer_budget::Allowance,
    answers::{Composed, Moment},
    metrics,
    store::StoreError,
    write::{Entry, Prepared, Writing},
};

/// A write on its way to the disk and to the other members.
pub(super) struct InFlight {
    local: Local,
    peers: oneshot::Receiver<Vec<MemberAnswer>>,
    frame: Frame,
    /// Was the answer's length taken off the allowance?
    is_charged: bool,
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
        Ok(InFlight { local: Local::Waiting(local), peers, frame, is_charged: false })
    }

    /// Waits for the disk and for the other members.
    pub(super) async fn finish_write(
        &self,
        mut write: InFlight,
        allowance: &Allowance,
    ) -> Result<Composed, Error> {
        write.settle(allowance).await;
        let InFlight { local, peers, frame, .. } = write;
        let Local::Settled(local) = local else { return Err(Error::Store) };
        // Nobody tells if the copies could not be handed over: then every member counts as missed.
        let answers = peers.await.unwrap_or_default();
        let size: usize = answers.iter().map(|answer| size(&answer.outcome)).sum();
        let size = size.saturating_add(local.as_ref().map_or(0, weight));
        if size > PARSE_HERE {
            self.hold(u64::try_from(size).unwrap_or(u64::MAX), allowance)?;
        }
        self.near_or_on_pool(size, move || frame.build(local, answers)).await
    }
}

impl InFlight {
    /// Waits until the write is on this node's disk, or has failed there.
    pub(super) async fn settle(&mut self, allowance: &Allowance) {
        if let Local::Waiting(writing) = &mut self.local {
            self.local = Local::Settled(writing.await);
        }
        if let Local::Settled(Ok(entry)) = &self.local
            && !std::mem::replace(&mut self.is_charged, true)
        {
            // The other members will have as much to say.
            let all = weight(entry).saturating_mul(self.frame.others.len() + 1);
            allowance.spend(u64::try_from(all).unwrap_or(u64::MAX));
        }
    }
}

fn weight(entry: &Entry) -> usize {
    entry.iter().map(|(name, value)| name.len() + value.weight()).sum()
}

impl Frame {
    fn build(self, local: Result<Entry, StoreError>, answers: Vec<MemberAnswer>) -> Composed {
        let mut entries: BTreeMap<String, ReplyValue> =
            self.others.iter().map(|node| (node.to_string(), Failure::Timeout.to_reply())).collect();
        for MemberAnswer { node, outcome } in answers {
            entries.insert(node.to_string(), member_entry(outcome));
        }
        let mut own = local.map_or_else(|_| failure_entry(), ReplyValue::Object);
        if self.hash.is_some()
            && let ReplyValue::Object(own) = &mut own
        {
            own.push(("t".to_owned(), self.moment.now.into()));
        }
        entries.insert(self.own.to_string(), own);
        let has_any = |test: fn(&ReplyValue) -> bool| entries.values().any(test);
        let status = match () {
            () if !has_any(|entry| field(entry, "failed").is_none()) => 500,
            () if self.required && !has_any(has_deleted) => 404,
            () => 200,
        };
        let mut body = Fields::new();
        if let Some(hash) = self.hash.filter(|_| status == 200) {
            body.push(("hash".to_owned(), hash.as_str().into()));
        }
        body.push(("swarm".to_owned(), ReplyValue::Object(entries.into_iter().collect())));
        Composed::fields(status, self.moment.stamp(body))
    }
}

fn field<'a>(entry: &'a ReplyValue, name: &str) -> Option<&'a ReplyValue> {
    let ReplyValue::Object(fields) = entry else { return None };
    fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

fn has_deleted(entry: &ReplyValue) -> bool {
    match field(entry, "deleted") {
        Some(ReplyValue::List(hashes)) => !hashes.is_empty(),
        Some(ReplyValue::Object(namespaces)) => !namespaces.is_empty(),
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
fn member_entry(outcome: MemberOutcome) -> ReplyValue {
    let failure = match outcome {
        MemberOutcome::Done(dict) => match read_entry(&dict) {
            Some(entry) => return entry,
            None => Failure::BadPeerResponse,
        },
        MemberOutcome::TimedOut => Failure::Timeout,
        MemberOutcome::Refused { code, reason } => Failure::Refused { code: code.to_string(), reason },
        MemberOutcome::Unreadable => Failure::BadPeerResponse,
    };
    failure.to_reply()
}

/// A member's flat dict: of its values only the signature is binary. Its truth values came as numbers, and stay so.
fn read_entry(dict: &[u8]) -> Option<ReplyValue> {
    let Bt::Dict(fields) = bencode::decode(dict, Limits::TRANSFER).ok()? else { return None };
    let read = |(name, value): (Vec<u8>, Bt)| {
        let name = String::from_utf8(name).ok()?;
        let value = match value {
            Bt::Bytes(signature) if name == "signature" => ReplyValue::Binary(signature),
            value => read_value(value)?,
        };
        Some((name, value))
    };
    fields.into_iter().map(read).collect::<Option<_>>().map(ReplyValue::Object)
}

fn read_value(value: Bt) -> Option<ReplyValue> {
    Some(match value {
        Bt::Integer(number) => match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => ReplyValue::Json(json!(number)),
            _ => return None,
        },
        Bt::Bytes(text) => String::from_utf8(text).ok()?.into(),
        Bt::List(values) => ReplyValue::List(values.into_iter().map(read_value).collect::<Option<_>>()?),
        Bt::Dict(fields) => {
            let read = |(name, value)| Some((String::from_utf8(name).ok()?, read_value(value)?));
            ReplyValue::Object(fields.into_iter().map(read).collect::<Option<_>>()?)
        }
    })
}
