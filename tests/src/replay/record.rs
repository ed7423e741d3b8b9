//! Plays a script and writes down what a node answered, as a transcript that other nodes can be held against.

use anyhow::{Context as _, Result};

use super::{
    door::Door,
    open::Opener,
    player::Round,
    target::Target,
    transcript::{Case, DoorName, Expect, Transcript},
    wire::Form,
};

/// Plays the cases of a script, whatever they expect, and answers with the same cases expecting what came.
///
/// # Errors
/// A case that cannot be sent, or a node that does not answer.
pub async fn record(script: &Transcript, door: &dyn Door, target: &Target) -> Result<Transcript> {
    let mut round = Round::new("script", script, door, Form::Json, target).await?;
    let mut opener = Opener::default();
    for (name, account) in &round.accounts {
        opener.accounts.insert(account.id.to_string(), name.clone());
        opener.keys.insert(account.key.public().to_string(), name.clone());
    }
    let mut recorded = Transcript { cases: Vec::new(), ..script.clone() };
    for case in &script.cases {
        if !script.plays(case, DoorName::Https, Form::Json) {
            continue;
        }
        let peer = target.peer(case.node).with_context(|| format!("no node at the place {:?}", case.node))?;
        let (sent_ms, params) = (target.now_ms(), round.filled(case)?);
        let (reply, _) = round.exchange(case, peer).await.with_context(|| case.name.clone())?;
        round.capture(case, &reply);
        opener.learn(case.method.as_deref().unwrap_or_default(), &params, &reply.body);
        let body = opener.answer(&reply.body, sent_ms);
        let headers = case.expect.headers.clone();
        let expect = Expect { status: reply.status, body, bt: None, headers, notices: Vec::new() };
        recorded.cases.push(Case { expect, ..case.clone() });
    }
    Ok(recorded)
}
