//! Inputs to start from: what vectors, recordings and transcripts hold, in the shape that each target takes.

mod literals;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

/// Where to look for JSON, from the root. Folders that are not there are passed over.
const SOURCES: [&str; 3] =
    ["runtime/protocol/tests/vectors", "runtime/protocol/tests/recorded", "tests/transcripts"];

/// Longer values teach a fuzzer nothing and slow it down, in bytes.
const LONGEST: usize = 32 << 10;

/// How a value stands in a file.
#[derive(Clone, Copy)]
enum Form {
    Hex,
    Base64,
    Text,
    /// The value itself, written as JSON.
    Json,
}

/// A target takes the values of these keys, behind this first byte.
struct Rule(&'static str, &'static [&'static str], Form, &'static [u8]);

const RULES: &[Rule] = &[
    Rule(
        "account_ids",
        &["id", "account", "account_id", "pubkey", "hash", "token", "token_hex"],
        Form::Text,
        b"",
    ),
    Rule("account_ids", &["pubkey_ed25519", "x25519_public", "swarm", "input"], Form::Text, b""),
    Rule("bencode", &["hex", "request_bt_hex", "payload_hex", "bencoded", "parameter"], Form::Hex, b""),
    Rule("client_answers", &["body_json", "entry", "response"], Form::Json, b""),
    Rule("content", &["hex", "plaintext", "padded"], Form::Hex, b""),
    Rule("message", &["websocket"], Form::Hex, b"\x00"),
    Rule("message", &["envelope"], Form::Hex, b"\x01"),
    Rule("message", &["sealed_box"], Form::Hex, b"\x02"),
    Rule("message", &["hex", "plaintext"], Form::Hex, b"\x03"),
    Rule("mnemonic", &["mnemonic", "seed"], Form::Text, b""),
    Rule("monitor", &["payload_hex"], Form::Hex, b""),
    Rule("monitor", &["body_base64"], Form::Base64, b""),
    Rule("onion_answer", &["http_body", "plaintext"], Form::Text, b"\x00"),
    Rule("onion_answer", &["http_body", "plaintext"], Form::Text, b"\x01"),
    Rule("onion_forward", &["parameter"], Form::Hex, b""),
    Rule("onion_layer", &["plaintext", "payload"], Form::Hex, b"\x00"),
    Rule("onion_layer", &["plaintext", "payload"], Form::Hex, b"\x01"),
    Rule("onion_layer", &["plaintext", "payload"], Form::Hex, b"\x02"),
    Rule("onion_outer", &["post_body", "frame"], Form::Hex, b""),
    Rule("onion_outer", &["body_b64"], Form::Base64, b""),
    Rule("onion_v4", &["bencoded", "plaintext"], Form::Hex, b""),
];

/// Everything that was found, as pairs of target and input.
pub type Seeds = BTreeSet<(&'static str, Vec<u8>)>;

/// Reads all sources.
///
/// # Errors
/// A file cannot be read or is no JSON.
pub fn gather(root: &Path) -> Result<Seeds> {
    let mut seeds: Seeds = literals::ALL.iter().map(|(target, bytes)| (*target, bytes.to_vec())).collect();
    for source in SOURCES {
        for path in json_files(&root.join(source))? {
            let text = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            let value: Value =
                serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))?;
            walk(&value, &mut seeds);
        }
    }
    seeds.retain(|(_, bytes)| bytes.len() <= LONGEST);
    Ok(seeds)
}

/// Those of one target.
pub fn of<'a>(target: &str, seeds: &'a Seeds) -> Vec<&'a [u8]> {
    let own = seeds.iter().filter(|(name, _)| *name == target);
    own.map(|(_, bytes)| bytes.as_slice()).collect()
}

/// Writes them into a folder, in the place of what was there; tells how many.
///
/// # Errors
/// The folder cannot be written.
pub fn write(folder: &Path, seeds: &[&[u8]]) -> Result<usize> {
    let failed = || format!("{} cannot be written", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(failed)?;
    }
    fs::create_dir_all(folder).with_context(failed)?;
    for (index, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("{index:04}")), seed).with_context(failed)?;
    }
    Ok(seeds.len())
}

fn json_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("{} cannot be read", folder.display()))?.path();
        if path.is_dir() {
            files.extend(json_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(files)
}

fn walk(value: &Value, seeds: &mut Seeds) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, seeds)),
        Value::Object(pairs) => {
            for (key, inner) in pairs {
                for Rule(target, keys, form, first) in RULES {
                    if keys.contains(&key.as_str())
                        && let Some(bytes) = read(*form, inner)
                    {
                        seeds.insert((target, [first, bytes.as_slice()].concat()));
                    }
                }
                walk(inner, seeds);
            }
            request(value, seeds);
        }
        _ => {}
    }
}

fn read(form: Form, value: &Value) -> Option<Vec<u8>> {
    match form {
        Form::Hex => hex::decode(value.as_str()?).ok(),
        Form::Base64 => STANDARD.decode(value.as_str()?).ok(),
        Form::Text => Some(value.as_str()?.as_bytes().to_vec()),
        Form::Json => (value.is_object() || value.is_array()).then(|| value.to_string().into_bytes()),
    }
}

/// A method and its parameters, wherever they stand, go to everything that takes requests.
fn request(value: &Value, seeds: &mut Seeds) {
    if let (Some(method), Some(params)) = (value["method"].as_str(), value.get("params")) {
        let body = value.to_string();
        seeds.insert(("http_request", http("/storage_rpc/v1", body.as_bytes())));
        seeds.insert(("rpc_json", body.into_bytes()));
        seeds.insert(("rpc_params", format!("{method}\n{params}").into_bytes()));
    }
    let bencoded = value["request_bt_hex"].as_str().and_then(|text| hex::decode(text).ok());
    if let (Some(method), Some(params)) = (value["request"]["method"].as_str(), bencoded) {
        seeds.insert(("rpc_params", [method.as_bytes(), b"\n", &params].concat()));
        let command = [format!("l{}:{method}", method.len()).as_bytes(), &params, b"e"].concat();
        seeds.insert(("peer_wire", command));
        let id = "i0e";
        let length = params.len();
        let message =
            [format!("l1:C{id}{}:{method}{length}:", method.len()).as_bytes(), &params, b"e"].concat();
        seeds.insert(("quic_frame", [format!("\x07{}:", message.len()).as_bytes(), &message].concat()));
        let parts = [format!("storage.{method}\ntag\n").as_bytes(), &params].concat();
        seeds.insert(("omq", parts));
    }
}

/// A whole HTTP request, as it looks behind TLS.
fn http(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_found_wherever_it_stands_and_goes_to_everything_that_takes_requests() {
        let value = serde_json::json!({"cases": [{
            "request": {"method": "info", "params": {}},
            "request_bt_hex": hex::encode("de"),
        }]});
        let mut seeds = Seeds::new();

        walk(&value, &mut seeds);

        assert_eq!(of("rpc_json", &seeds), [br#"{"method":"info","params":{}}"#.as_slice()]);
        assert_eq!(of("rpc_params", &seeds), [b"info\nde".as_slice(), b"info\n{}"]);
        assert_eq!(of("peer_wire", &seeds), [b"l4:infodee".as_slice()]);
        assert_eq!(of("quic_frame", &seeds), [b"\x0718:l1:Ci0e4:info2:dee".as_slice()]);
    }

    #[test]
    fn values_are_decoded_by_the_form_that_their_key_has() {
        let value =
            serde_json::json!({"post_body": "00ff", "body_b64": "aGk=", "frame": "no hex", "other": "00"});
        let mut seeds = Seeds::new();

        walk(&value, &mut seeds);

        assert_eq!(of("onion_outer", &seeds), [b"\x00\xff".as_slice(), b"hi"]);
    }
}
