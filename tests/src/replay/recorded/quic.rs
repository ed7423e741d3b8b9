//! Exchanges over QUIC, and what the node told a subscriber meanwhile.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value as Json;

use super::{Exchange, Player, bytes, judged, rules::compare_under_rules};
use crate::replay::{
    door::{Door as _, parse_quic},
    pattern::Difference,
    report::{Outcome, Report},
    wire::{self, from_base64},
};

impl Player<'_> {
    pub(super) async fn quic(&self, exchange: &Exchange) -> Result<Outcome> {
        let case = &exchange.case;
        let peer = &self.asked(exchange)?.peer;
        let endpoint = case["endpoint"].as_str().context("a request without endpoint")?;
        let body = bytes(&case["request_body"]).context("a request without body")?;
        let (is_error, got) = self.quic.command(peer, endpoint, body).await?;
        let was_error = case["response_type"] == "E";
        if is_error != was_error {
            let kind = |is_error| if is_error { "an error reply" } else { "a reply" };
            let got = format!("{}: {}", kind(is_error), String::from_utf8_lossy(&got));
            return Ok(judged(Err(Difference::new("kind", kind(was_error), got))));
        }
        let expected = bytes(&case["response_body"]).context("an answer without body")?;
        let first = |body: &[u8]| body.first().copied().map(char::from);
        if first(&expected) != first(&got) {
            let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
            return Ok(judged(Err(Difference::new("encoding", text(&expected), text(&got)))));
        }
        let (expected, got) = (parse_quic(was_error, &expected)?, parse_quic(is_error, &got)?);
        Ok(judged(self.compare_replies(exchange, &expected, &got)))
    }

    /// Compares what was told on the connection, in order.
    pub(super) async fn quic_pushes(&self, report: &mut Report) {
        let pushes = self.recording.pushes.get("quic").map(Vec::as_slice).unwrap_or_default();
        let last = self.recording.exchanges.iter().rfind(|exchange| exchange.file == "quic");
        for (index, push) in pushes.iter().enumerate() {
            let Some(last) = last else { return };
            let judged = self.quic_push(last, push).await;
            report.judge(format!("quic/push-{index}"), judged.map_err(|error| format!("{error:#}")));
        }
    }

    async fn quic_push(&self, last: &Exchange, push: &Json) -> Result<()> {
        let expected = push["body_base64"].as_str().and_then(from_base64).context("a push without body")?;
        ensure!(push["endpoint"] == "notify", "nobody compares a push of {}", push["endpoint"]);
        let told = self.quic.notice(&self.asked(last)?.peer).await?;
        compare_under_rules(&self.moment(last), &wire::decode(&expected), &told)
            .map_err(|difference| anyhow::anyhow!("{difference}"))
    }
}
