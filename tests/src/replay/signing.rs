//! Signs parameters by the table of storage-rpc §4, written down here a second time: what a node checks with is not used.

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json};
use starling_protocol::crypto::ed25519;

use super::wire::from_base64;

/// Parameters of a method.
pub type Params = Map<String, Json>;

/// The text that is signed for a method; `None` for methods that are not signed.
///
/// # Errors
/// A field that the text needs is missing.
pub fn text(method: &str, params: &Params) -> Result<Option<Vec<u8>>> {
    let field = |name: &str| params.get(name).filter(|value| !value.is_null());
    let number = |name: &str| field(name).map(plain).with_context(|| format!("`{name}` is needed to sign"));
    let namespace = || match field("namespace").map(plain).as_deref() {
        None | Some("0") => String::new(),
        Some(other) => other.to_owned(),
    };
    let hashes = || field("messages").map(joined).context("`messages` is needed to sign");
    let text = match method {
        "store" => {
            let time = if field("sig_timestamp").is_some() { "sig_timestamp" } else { "timestamp" };
            format!("store{}{}", namespace(), number(time)?)
        }
        "retrieve" => format!("retrieve{}{}", namespace(), number("timestamp")?),
        "delete" => format!("delete{}", hashes()?),
        "delete_all" => format!("delete_all{}{}", namespace(), number("timestamp")?),
        "delete_before" => format!("delete_before{}{}", namespace(), number("before")?),
        "expire_all" => format!("expire_all{}{}", namespace(), number("expiry")?),
        "expire" => {
            let flag = |name: &str| field(name).is_some_and(|value| value == true || value == 1);
            let mode = match (flag("shorten"), flag("extend")) {
                (true, _) => "shorten",
                (_, true) => "extend",
                _ => "",
            };
            let expiries = field("expiry").map(joined).context("`expiry` is needed to sign")?;
            format!("expire{mode}{expiries}{}", hashes()?)
        }
        "get_expiries" => format!("get_expiries{}{}", number("timestamp")?, hashes()?),
        "revoked_subaccounts" => format!("revoked_subaccounts{}", number("timestamp")?),
        "revoke_subaccount" | "unrevoke_subaccount" => {
            let tokens = if method == "revoke_subaccount" { "revoke" } else { "unrevoke" };
            let mut text = format!("{method}{}", number("timestamp")?).into_bytes();
            for token in listed(field(tokens).with_context(|| format!("`{tokens}` is needed to sign"))?) {
                let token = token.as_str().unwrap_or_default();
                let hex = hex::decode(token).ok().filter(|token| token.len() == 36);
                text.extend(hex.or_else(|| from_base64(token)).unwrap_or_default());
            }
            return Ok(Some(text));
        }
        _ => return Ok(None),
    };
    Ok(Some(text.into_bytes()))
}

/// How a signature is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// One bit of the signature is another one.
    Flipped,
    /// The text that is signed has one byte more at its end.
    OtherText,
    /// The signature on the token has one bit changed.
    Token,
}

/// Whose signature: the account's owner's, or that of somebody whom the account gave a token.
pub struct Signer<'a> {
    /// The key that signs the request.
    pub key: &'a ed25519::SecretKey,
    /// Sent along as `pubkey_ed25519`; accounts of type 05 need it.
    pub pubkey_ed25519: Option<ed25519::PublicKey>,
    /// Token, and the account's signature on it.
    pub token: Option<([u8; 36], ed25519::Signature)>,
}

/// Adds `signature`, and what is needed to check it.
///
/// # Errors
/// A field that the text needs is missing, or the method is not signed.
pub fn sign(method: &str, params: &mut Params, signer: &Signer<'_>, flaw: Option<Flaw>) -> Result<()> {
    let text =
        text(method, params)?.with_context(|| format!("`{method}` has no signed text (storage-rpc §4)"))?;
    if let Some(key) = signer.pubkey_ed25519 {
        params.entry("pubkey_ed25519").or_insert_with(|| key.to_string().into());
    }
    insert(params, text, signer, flaw, ["signature", "subaccount", "subaccount_sig"]);
    Ok(())
}

/// Signs a subscription to messages of an account (storage-rpc §7).
///
/// # Errors
/// A field that the text needs is missing.
pub fn sign_subscription(
    fields: &mut Params,
    account: &str,
    signer: &Signer<'_>,
    flaw: Option<Flaw>,
) -> Result<()> {
    let time = fields.get("t").map(plain).context("`t` is needed to sign")?;
    let wants_data = u8::from(fields.get("d").is_some_and(|value| value == true || value == 1));
    let namespaces: Vec<_> =
        listed(fields.get("n").context("`n` is needed to sign")?).iter().map(plain).collect();
    let text = format!("MONITOR{account}{time}{wants_data}{}", namespaces.join(","));
    insert(fields, text.into_bytes(), signer, flaw, ["s", "T", "S"]);
    Ok(())
}

/// Adds the signature, and token and signature on it where there are, under these names.
fn insert(
    params: &mut Params,
    mut text: Vec<u8>,
    signer: &Signer<'_>,
    flaw: Option<Flaw>,
    [name, token_name, token_signature_name]: [&str; 3],
) {
    if flaw == Some(Flaw::OtherText) {
        text.push(b'0');
    }
    let mut signature = signer.key.sign(&text).0;
    if flaw == Some(Flaw::Flipped) {
        signature[7] ^= 4;
    }
    params.insert(name.to_owned(), STANDARD.encode(signature).into());
    if let Some((token, signature)) = &signer.token {
        let mut signature = signature.0;
        if flaw == Some(Flaw::Token) {
            signature[7] ^= 4;
        }
        params.insert(token_name.to_owned(), STANDARD.encode(token).into());
        params.insert(token_signature_name.to_owned(), STANDARD.encode(signature).into());
    }
}

/// A value as it is written in a signed text.
pub fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn listed(value: &Json) -> &[Json] {
    match value {
        Json::Array(items) => items,
        single => std::slice::from_ref(single),
    }
}

fn joined(value: &Json) -> String {
    listed(value).iter().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every request of the known answers, signed here, has the signature that is given there.
    #[test]
    fn the_texts_are_those_of_the_known_answers() {
        let path = crate::repository().join("runtime/protocol/tests/vectors/storage_signatures.json");
        let vectors: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let requests = vectors["requests"].as_array().unwrap();
        for vector in requests {
            let method = vector["request"]["method"].as_str().unwrap();
            let params = vector["request"]["params"].as_object().unwrap();

            let text = text(method, params).unwrap().expect("a signed method");

            let expected = vector["message"].as_str().map(|text| text.as_bytes().to_vec());
            let expected = expected.or_else(|| hex::decode(vector["message_hex"].as_str()?).ok());
            assert_eq!(Some(text), expected, "{}", vector["name"]);
        }
        assert!(requests.len() > 20, "only {} requests", requests.len());
    }

    /// Subscriptions likewise, in the bytes that are sent.
    #[test]
    fn subscriptions_are_those_of_the_known_answers() {
        let path = crate::repository().join("runtime/protocol/tests/vectors/storage_signatures.json");
        let vectors: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let seed = |name: &str| hex::decode(vectors["keys"][name]["seed"].as_str().unwrap()).unwrap();
        let monitor = |name: &str| {
            vectors["monitor"].as_array().unwrap().iter().find(|vector| vector["name"] == name).unwrap()
        };
        for (name, owner, fields) in [
            (
                "user",
                "user",
                serde_json::json!({
                    "P": vectors["keys"]["user"]["ed25519"], "d": 1, "n": [0, 2, 3, 5], "t": 1_736_942_400,
                }),
            ),
            (
                "group_admin",
                "group",
                serde_json::json!({
                    "p": vectors["keys"]["group"]["account"], "n": [-11, 11, 12, 13, 14], "t": 1_736_942_400,
                }),
            ),
        ] {
            let key = ed25519::SecretKey::from_seed(seed(owner).try_into().unwrap());
            let account = vectors["keys"][owner]["account"].as_str().unwrap();
            let mut fields = fields.as_object().unwrap().clone();

            sign_subscription(
                &mut fields,
                account,
                &Signer { key: &key, pubkey_ed25519: None, token: None },
                None,
            )
            .unwrap();

            let sent =
                crate::replay::wire::encode(&fields.into(), crate::replay::wire::Form::Bencode).unwrap();
            assert_eq!(hex::encode(sent), monitor(name)["payload_hex"].as_str().unwrap(), "{name}");
        }
    }
}
