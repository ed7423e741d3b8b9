//! How QUIC replies, OxenMQ replies and notifications say what JSON says (storage-rpc §1.2, §1.3, §7).

use anyhow::{Context as _, Result, bail};
use serde_json::Value as Json;
use starling_protocol::bencode::{self, Limits, Value};

use super::{Reply, wire};

/// The answer in a QUIC reply: `[code, body]`, raw text or bytes, or of an error `<code> <reason>\n\n<body>` or the refusal
/// of an unknown command.
///
/// # Errors
/// It is none of these.
pub fn parse_quic(is_error: bool, body: &[u8]) -> Result<Reply> {
    if !is_error {
        return Ok(match coded(body) {
            Some((status, body)) => Reply::new(status, body),
            None => Reply::new(200, wire::decode(body)),
        });
    }
    if body.starts_with(b"Invalid endpoint '") {
        return Ok(Reply::new(Reply::NO_STATUS, wire::decode(body)));
    }
    let end = body.windows(2).position(|pair| pair == b"\n\n").context("an error without an empty line")?;
    let head = String::from_utf8_lossy(&body[..end]).into_owned();
    let (code, reason) = head.split_once(' ').context("an error without a reason phrase")?;
    let status = code.parse().with_context(|| format!("{code:?} is no status"))?;
    if reason.is_empty() {
        bail!("an error without a reason phrase");
    }
    let rest = &body[end + 2..];
    Ok(match coded(rest) {
        Some((inner, _)) if inner != status => bail!("the error says {status} outside and {inner} inside"),
        Some((status, body)) => Reply::new(status, body),
        None => Reply::new(status, String::from_utf8_lossy(rest).into_owned().into()),
    })
}

/// A list of status and object, in either encoding.
fn coded(body: &[u8]) -> Option<(u16, Json)> {
    let (status, body) = match body.first()? {
        b'[' => {
            let pair: [Json; 2] = serde_json::from_slice(body).ok()?;
            let [status, body] = pair;
            (status.as_u64()?, body)
        }
        b'l' => {
            let list = bencode::decode(body, Limits::REQUEST).ok()?;
            let [Value::Integer(status), body] = list.as_list()? else { return None };
            (u64::try_from(*status).ok()?, wire::json(None, body))
        }
        _ => return None,
    };
    Some((u16::try_from(status).ok()?, body))
}

/// The answer in the parts of an OxenMQ reply: the body alone, or the code and the body.
///
/// # Errors
/// Any other number of parts, or a code that is none.
pub fn parse_omq(parts: &[Vec<u8>]) -> Result<Reply> {
    match parts {
        [body] => Ok(Reply::new(200, wire::decode(body))),
        [code, body] => {
            let code = String::from_utf8_lossy(code);
            let status = code.parse().with_context(|| format!("{code:?} is no status"))?;
            Ok(Reply::new(status, wire::decode(body)))
        }
        other => bail!("a reply of {} parts", other.len()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_recorded_quic_reply_is_understood() {
        let path = crate::repository().join("runtime/protocol/tests/recorded/quic.json");
        let recorded: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let replies: Vec<_> = recorded["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|case| {
                let body = &case["response_body"];
                let text = body["text"].as_str().map(|text| text.as_bytes().to_vec());
                let body = text.or_else(|| wire::from_base64(body["base64"].as_str()?)).unwrap();
                let reply = parse_quic(case["response_type"] == "E", &body).unwrap();
                (case["endpoint"].as_str().unwrap().to_owned(), reply)
            })
            .collect();

        let statuses: Vec<_> = replies.iter().map(|(name, reply)| (name.as_str(), reply.status)).collect();
        assert_eq!(
            statuses[..5],
            [("snode_ping", 200), ("info", 200), ("get_swarm", 200), ("store", 200), ("retrieve", 401)]
        );
        assert_eq!(replies[0].1.body, json!("pong"));
        assert_eq!(replies[4].1.body, json!("retrieve: request signature required"));
        assert_eq!(replies[5].1.body["swarm"].as_object().unwrap().len(), 5, "bencoded");
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert!(parse_quic(true, b"no code").is_err());
        assert!(parse_quic(true, b"400 Bad Request\n\n[401,{}]").is_err());
        assert!(parse_omq(&[]).is_err());
        assert!(parse_omq(&[b"abc".to_vec(), b"x".to_vec()]).is_err());
    }
}
