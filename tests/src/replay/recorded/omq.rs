//! Exchanges over OxenMQ: the recorded frames are sent as they are, and what comes is compared message by message.

use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use serde_json::Value as Json;

use super::{Exchange, Player, bytes, judged, rules};
use crate::{
    OmqClient,
    replay::{
        door::{
            Peer,
            omq::{connect, with},
            parse_omq,
        },
        pattern::Difference,
        report::Outcome,
        wire,
    },
};

type Message = Vec<Vec<u8>>;

/// The connection that exchanges are made on, one at a time.
#[derive(Default)]
pub(super) struct Lines {
    open: tokio::sync::Mutex<Option<(String, Arc<Mutex<OmqClient>>)>>,
}

impl Lines {
    /// The connection that the exchange was made on, or a new one where the recorder changed to another.
    async fn line(&self, peer: &Peer, exchange: &Exchange) -> Result<Arc<Mutex<OmqClient>>> {
        let mut open = self.open.lock().await;
        let name = rules::connection(exchange, open.as_ref().map(|(name, _)| name.as_str()));
        if let Some((_, line)) = open.as_ref().filter(|(known, _)| *known == name) {
            return Ok(Arc::clone(line));
        }
        let line = Arc::new(Mutex::new(connect(peer).await?));
        *open = Some((name, Arc::clone(&line)));
        Ok(line)
    }

    /// Subscribes on the connection of an exchange that is still to come.
    pub(super) async fn subscribe(&self, peer: &Peer, next: &Exchange, request: Vec<u8>) -> Result<Vec<u8>> {
        let line = self.line(peer, next).await?;
        let parts = with(&line, move |client| client.request("monitor.messages", &[&request])).await??;
        Ok(parts.concat())
    }
}

impl Player<'_> {
    pub(super) async fn omq(&self, exchange: &Exchange) -> Result<Outcome> {
        let case = &exchange.case;
        let sent = message(&case["sent_frames"])?;
        let received = case["received"].as_array().context("a case without answers")?;
        let expected = received.iter().map(message).collect::<Result<Vec<_>>>()?;
        let line = self.omq.line(&self.asked(exchange)?.peer, exchange).await?;
        let count = expected.len();
        let ignores_notices = !expected.iter().any(|message| is_notice(message));

        let got = with(&line, move |client| -> Result<Vec<Message>> {
            let mut got = Vec::new();
            let mut next = client.exchange(&sent)?;
            loop {
                // Of what came before; the recording shows notifications where they were looked at.
                if !(ignores_notices && is_notice(&next)) {
                    got.push(next);
                }
                if got.len() == count {
                    return Ok(got);
                }
                next = client.message()?;
            }
        })
        .await??;

        Ok(judged(self.compare_messages(exchange, expected, got)))
    }

    /// Notifications and replies come in either order.
    fn compare_messages(
        &self,
        exchange: &Exchange,
        mut expected: Vec<Message>,
        mut got: Vec<Message>,
    ) -> Result<(), Difference> {
        expected.sort_by_key(|message| !is_notice(message));
        got.sort_by_key(|message| !is_notice(message));
        if expected.len() != got.len() {
            return Err(Difference::new("messages", expected.len(), got.len()));
        }
        expected
            .iter()
            .zip(&got)
            .try_for_each(|(expected, got)| self.compare_message(exchange, expected, got))
    }

    fn compare_message(
        &self,
        exchange: &Exchange,
        expected: &Message,
        got: &Message,
    ) -> Result<(), Difference> {
        let shown = |message: &Message| {
            message.iter().map(|part| String::from_utf8_lossy(part)).collect::<Vec<_>>().join(" | ")
        };
        let differs = || Difference::new("frames", shown(expected), shown(got));
        match (&expected[..], &got[..]) {
            ([reply, tag, parts @ ..], [got_reply, got_tag, got_parts @ ..])
                if reply == b"REPLY" && !parts.is_empty() =>
            {
                let begins_alike = |(a, b): (&Vec<u8>, &Vec<u8>)| a.first() == b.first();
                let alike = parts.iter().zip(got_parts).all(begins_alike);
                if (reply, tag) != (got_reply, got_tag) || parts.len() != got_parts.len() || !alike {
                    return Err(differs());
                }
                let (expected, got) = (parse_omq(parts), parse_omq(got_parts));
                let (Ok(expected), Ok(got)) = (expected, got) else { return Err(differs()) };
                let mut expected = expected;
                rules::without_synced(&mut expected.body);
                self.compare_replies(exchange, &expected, &got)
            }
            ([name, body], [got_name, got_body]) if is_notice(expected) && name == got_name => {
                let (expected, got) = (wire::decode(body), wire::decode(got_body));
                rules::compare_under_rules(&self.moment(exchange), &expected, &got)
            }
            _ if expected == got => Ok(()),
            _ => Err(differs()),
        }
    }
}

fn is_notice(message: &[Vec<u8>]) -> bool {
    message.first().is_some_and(|name| name.starts_with(b"notify."))
}

fn message(parts: &Json) -> Result<Message> {
    let parts = parts.as_array().context("a message is a list of parts")?;
    parts.iter().map(|part| bytes(part).context("a part is text or base64")).collect()
}
