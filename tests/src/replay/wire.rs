//! JSON parameters as bencode, and bencoded answers as the JSON they stand for (storage-rpc §1.4).

use anyhow::{Context as _, Result, bail};
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use serde_json::{Map, Value as Json};
use starling_protocol::bencode::{self, Dict, Limits, Value};

/// In which encoding parameters are sent, and answers come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Form {
    /// JSON text.
    #[serde(rename = "json")]
    Json,
    /// Bencode.
    #[serde(rename = "bt")]
    Bencode,
}

/// Base64 in JSON, raw in bencode.
const RAW: [&str; 9] =
    ["data", "signature", "subaccount", "subaccount_sig", "revoke", "unrevoke", "s", "S", "T"];
/// Base64 in JSON answers, raw in bencoded ones; notifications have no JSON form of their own.
const RAW_IN_ANSWERS: [&str; 4] = ["data", "signature", "revoked_subaccounts", "~"];

/// Base64 with or without padding, as clients send both.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet::STANDARD, lenient).decode(text).ok()
}

/// Parameters as they travel.
///
/// # Errors
/// A number that bencode does not know.
pub fn encode(params: &Json, form: Form) -> Result<Vec<u8>> {
    match form {
        Form::Json => Ok(params.to_string().into_bytes()),
        Form::Bencode => Ok(value(None, params)?.context("null is nothing in bencode")?.encode()),
    }
}

fn value(key: Option<&str>, json: &Json) -> Result<Option<Value>> {
    Ok(Some(match json {
        Json::Null => return Ok(None),
        Json::Bool(flag) => Value::from(u8::from(*flag)),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            _ => bail!("{number} is no integer: bencode has no others"),
        },
        Json::String(text) => Value::Bytes(bytes(key, text)),
        Json::Array(items) => {
            Value::List(items.iter().filter_map(|item| value(key, item).transpose()).collect::<Result<_>>()?)
        }
        // The parameters for the chain's daemon stay JSON.
        Json::Object(_) if key == Some("params of endpoint") => Value::Bytes(json.to_string().into_bytes()),
        Json::Object(fields) => Value::Dict(dict(fields)?),
    }))
}

fn dict(fields: &Map<String, Json>) -> Result<Dict> {
    let is_endpoint = fields.contains_key("endpoint");
    let mut dict = Dict::new();
    for (name, json) in fields {
        let key = if is_endpoint && name == "params" { "params of endpoint" } else { name.as_str() };
        if let Some(value) = value(Some(key), json)? {
            dict.insert(name.clone().into_bytes(), value);
        }
    }
    Ok(dict)
}

fn bytes(key: Option<&str>, text: &str) -> Vec<u8> {
    let raw = match key {
        Some("pubkey_ed25519" | "P" | "p") => hex::decode(text).ok(),
        Some("pubkey" | "pubKey") if text.len() == 66 => hex::decode(text).ok(),
        Some("subaccount" | "revoke" | "unrevoke") if text.len() == 72 => hex::decode(text).ok(),
        Some(key) if RAW.contains(&key) => from_base64(text),
        _ => None,
    };
    raw.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// An answer's body, whatever it is encoded in: objects as they are in JSON, texts as texts, anything else in base64.
pub fn decode(body: &[u8]) -> Json {
    let is_object = matches!(body.first(), Some(b'{' | b'['));
    if let Some(json) = is_object.then(|| serde_json::from_slice(body).ok()).flatten() {
        return json;
    }
    // A text may begin like a dict, but it is no whole one.
    let is_bencode = matches!(body, [b'd' | b'l', .., b'e']);
    if let Some(value) = is_bencode.then(|| whole(body)).flatten() {
        return json(None, &value);
    }
    match std::str::from_utf8(body) {
        Ok(text) => Json::from(text),
        Err(_) => Json::from(STANDARD.encode(body)),
    }
}

fn whole(body: &[u8]) -> Option<Value> {
    let (value, len) = bencode::decode_prefix(body, Limits::REQUEST).ok()?;
    (len == body.len()).then_some(value)
}

/// A bencoded value as the JSON it stands for.
pub fn json(key: Option<&str>, value: &Value) -> Json {
    match value {
        Value::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => number.to_string().into(),
        },
        Value::Bytes(bytes) if key.is_some_and(|key| RAW_IN_ANSWERS.contains(&key)) => {
            STANDARD.encode(bytes).into()
        }
        // The account of a notification.
        Value::Bytes(bytes) if key == Some("@") => hex::encode(bytes).into(),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => STANDARD.encode(bytes).into(),
        },
        Value::List(items) => items.iter().map(|item| json(key, item)).collect(),
        Value::Dict(dict) => {
            let field = |(key, value): (&Vec<u8>, &Value)| {
                let key = String::from_utf8_lossy(key).into_owned();
                let value = json(Some(&key), value);
                (key, value)
            };
            Json::Object(dict.iter().map(field).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_become_raw_bytes_where_bencode_has_them_raw() {
        let params = json!({
            "pubkey": "05aa", "data": "AAEC", "pubkey_ed25519": "ff".repeat(32), "extend": true,
            "namespace": -10, "nothing": null, "messages": ["one"],
        });

        let encoded = encode(&params, Form::Bencode).unwrap();

        let expected = [
            b"d4:data3:\0\x01\x026:extendi1e8:messagesl3:onee9:namespacei-10e6:pubkey4:05aa14:pubkey_ed2551932:".as_slice(),
            &[0xff; 32],
            b"e",
        ];
        assert_eq!(encoded, expected.concat());
    }

    #[test]
    fn an_answer_is_the_same_in_either_encoding() {
        let bencoded = b"d2:hfli19ei6ee8:messagesld4:data3:\0\x01\x02eee";

        assert_eq!(decode(bencoded), json!({"hf": [19, 6], "messages": [{"data": "AAEC"}]}));
        assert_eq!(decode(br#"{"hf":[19,6]}"#), json!({"hf": [19, 6]}));
        assert_eq!(decode(b"deleted"), json!("deleted"), "a text that only begins like bencode");
    }

    #[test]
    fn the_daemons_parameters_stay_json() {
        let params = json!({"endpoint": "ons_resolve", "params": {"type": 0}});

        let encoded = encode(&params, Form::Bencode).unwrap();

        assert_eq!(encoded, br#"d8:endpoint11:ons_resolve6:params10:{"type":0}e"#);
    }
}
