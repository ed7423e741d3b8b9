//! Exchanges of the HTTPS edge.

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value as Json;

use super::{
    Exchange, Player, judged,
    rules::{HEADERS, compare_under_rules},
};
use crate::replay::{door::Reply, pattern::Difference, report::Outcome, transcript::Http, wire::from_base64};

/// The first 76,803 bytes of SHAKE-256 of "big", which recorded cases name instead of quoting them.
const BIG: &str = include_str!("../../../../actors/storage/tests/recorded/big.b64");

impl Player<'_> {
    pub(super) async fn storage(&self, exchange: &Exchange) -> Result<Outcome> {
        let (request, response) = (&exchange.case["request"], &exchange.case["response"]);
        let node = request["node"].as_str().context("a request to nobody")?;
        let node = self.network.node(node).context("the node is not one of the network's")?;
        let Some(body) = sent(request) else {
            return Ok(Outcome::Skipped {
                reason: "the recording describes its data instead of holding it".to_owned(),
            });
        };
        let text = |name: &str| request[name].as_str().map(str::to_owned);
        let headers = request["headers"].as_object().into_iter().flatten();
        let http = Http {
            method: text("method").context("a request without method")?,
            path: text("path").context("a request without path")?,
            headers: headers
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .filter(|(name, _)| !matches!(name.to_ascii_lowercase().as_str(), "host" | "content-length"))
                .collect(),
            body_base64: Some(STANDARD.encode(body)),
            ..Http::default()
        };
        let got = self.https.send(&node.peer.url, &http).await?;
        Ok(judged(self.compare_response(exchange, response, &got)))
    }

    fn compare_response(&self, exchange: &Exchange, response: &Json, got: &Reply) -> Result<(), Difference> {
        compare_head(response, got)?;
        let expected = match (&response["body_json"], response["body_base64"].as_str()) {
            (Json::Null, None) => &response["body_text"],
            (Json::Null, Some(_)) => &response["body_base64"],
            (body, _) => body,
        };
        compare_under_rules(&self.moment(exchange), expected, &got.body)
    }
}

/// Status and those headers that say something of the network.
pub(super) fn compare_head(response: &Json, got: &Reply) -> Result<(), Difference> {
    if response["status"].as_u64() != Some(u64::from(got.status)) {
        return Err(Difference::new(
            "status",
            &response["status"],
            format_args!("{} {}", got.status, got.body),
        ));
    }
    for name in HEADERS {
        let there = got.headers.get(&name.to_ascii_lowercase()).map(String::as_str);
        let expected = response["headers"][name].as_str();
        if expected != there {
            let path = format!("header {name}");
            return Err(Difference::new(&path, expected.unwrap_or("nothing"), there.unwrap_or("nothing")));
        }
    }
    Ok(())
}

/// The bytes of a request; `None` if they are described only, in words that mean nothing here.
pub(crate) fn sent(request: &Json) -> Option<Vec<u8>> {
    if let Some(text) = request["body_text"].as_str() {
        return Some(text.as_bytes().to_vec());
    }
    if let Some(bytes) = ["body_b64", "body_base64"].iter().find_map(|name| request[*name].as_str()) {
        return from_base64(bytes);
    }
    let mut body = request.get("body_json").cloned().unwrap_or_default();
    if body.is_null() {
        return Some(Vec::new());
    }
    expand(&mut body)?;
    Some(body.to_string().into_bytes())
}

/// Puts the data in place of its description.
pub(crate) fn expand(value: &mut Json) -> Option<()> {
    match value {
        Json::Object(fields) => {
            for (name, value) in fields {
                let described = value.as_str().filter(|text| name == "data" && text.starts_with('<'));
                if let Some(text) = described {
                    let len = text.contains("SHAKE-256 of 'big'").then(|| text[1..].split(' ').next())??;
                    *value = Json::from(BIG.get(..len.parse().ok()?)?);
                }
                expand(value)?;
            }
            Some(())
        }
        Json::Array(items) => items.iter_mut().try_for_each(expand),
        _ => Some(()),
    }
}
