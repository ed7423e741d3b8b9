//! Recordings as transcripts, for nodes that have other keys and another time: accounts are drawn anew, times are moved, what
//! was signed well is signed again, and what was not stays wrong.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value as Json, json};
use starling_protocol::crypto::ed25519;

use super::{
    open::Opener,
    recorded::{Exchange, Recording, rules},
    report::Report,
    signing,
    transcript::{AccountPlan, Case, Expect, Http, Place, SubaccountPlan, Transcript},
    wire::from_base64,
};

/// A recording as a transcript, and what of it cannot be one.
///
/// # Errors
/// A recording that lacks what its own cases rely on.
pub fn adapt(recording: &Recording) -> Result<(Transcript, Report)> {
    let mut adapter = Adapter::new(recording)?;
    let mut report = Report::default();
    let mut cases = Vec::new();
    for (index, exchange) in recording.exchanges.iter().enumerate() {
        let name = format!("{}/{}", exchange.file, exchange.name);
        let reason = rules::skipped(exchange).or_else(|| match exchange.file.as_str() {
            "storage-https" => None,
            "onion-v2" => Some(
                "sealed for the recorded keys; other nodes get transcripts through the onion door".to_owned(),
            ),
            _ => Some(
                "frames signed for the recorded time; other nodes get transcripts through this door"
                    .to_owned(),
            ),
        });
        if let Some(reason) = reason {
            report.skip(name, reason);
            continue;
        }
        for bridge in rules::bridges(recording, &recording.exchanges[..index], exchange)? {
            cases.push(adapter.bridge(&bridge, exchange)?);
        }
        match adapter.case(exchange) {
            Ok(case) => cases.push(case),
            Err(error) => report.skip(name, format!("{error:#}")),
        }
    }
    let what = "a recording of the reference, adapted".to_owned();
    let transcript = Transcript {
        what,
        accounts: adapter.plans,
        subaccounts: adapter.subaccounts,
        doors: vec![super::transcript::DoorName::Https],
        encodings: vec![super::wire::Form::Json],
        cases,
    };
    Ok((transcript, report))
}

struct Adapter<'a> {
    recording: &'a Recording,
    /// The node that plays the one whose URL is given.
    home: String,
    opener: Opener,
    plans: BTreeMap<String, AccountPlan>,
    secrets: BTreeMap<String, ed25519::SecretKey>,
    subaccounts: BTreeMap<String, SubaccountPlan>,
}

impl<'a> Adapter<'a> {
    fn new(recording: &'a Recording) -> Result<Self> {
        let first = recording.exchanges.iter().find_map(|exchange| exchange.case["request"]["node"].as_str());
        let home = first.unwrap_or_default().to_owned();
        let mut adapter = Self {
            recording,
            home,
            opener: Opener::default(),
            plans: BTreeMap::new(),
            secrets: BTreeMap::new(),
            subaccounts: BTreeMap::new(),
        };
        let home_swarm = adapter.swarm(&adapter.home).map(|swarm| format!("{swarm:x}"));
        for (name, account) in &recording.accounts {
            let text =
                |key: &str| account[key].as_str().with_context(|| format!("account {name} lacks {key}"));
            let (id, seed) = (text("account_id")?, text("ed25519_seed")?);
            let seed = hex::decode(seed).ok().and_then(|seed| seed.try_into().ok()).context("a seed")?;
            let key = ed25519::SecretKey::from_seed(seed);
            let is_home = home_swarm.as_deref() == account["swarm"].as_str();
            let at = if is_home { Place::Home } else { Place::Elsewhere };
            let prefix = id.get(..2).context("an account id")?.to_owned();
            adapter.plans.insert(name.clone(), AccountPlan { prefix, at, seed: None });
            adapter.opener.accounts.insert(id.to_owned(), name.clone());
            adapter.opener.keys.insert(key.public().to_string(), name.clone());
            adapter.secrets.insert(name.clone(), key);
        }
        Ok(adapter)
    }

    fn swarm(&self, node: &str) -> Option<u64> {
        self.recording.plan.swarm(node)
    }

    fn place(&self, node: &str) -> Result<Place> {
        let swarm = self.swarm(node).context("the node is not one of the recorded network")?;
        Ok(match (node == self.home, Some(swarm) == self.swarm(&self.home)) {
            (true, _) => Place::Home,
            (false, true) => Place::Member,
            (false, false) => Place::Elsewhere,
        })
    }

    fn case(&mut self, exchange: &Exchange) -> Result<Case> {
        let (request, response) = (&exchange.case["request"], &exchange.case["response"]);
        let text = |name: &str| request[name].as_str().with_context(|| format!("a request without {name}"));
        let is_rpc = text("method")? == "POST" && text("path")? == "/storage_rpc/v1";
        let mut case = empty(&exchange.name, self.place(text("node")?)?);
        let mut body = request["body_json"].clone();
        super::recorded::expand(&mut body)
            .context("the recording describes its data instead of holding it")?;
        if is_rpc && body["method"].is_string() && body["params"].is_object() {
            let method = body["method"].as_str().unwrap_or_default().to_owned();
            self.opener.learn(&method, &body["params"], &response["body_json"]);
            let call = self.call(&body, exchange.sent_ms)?;
            (case.params, case.sign) = (call["params"].clone(), call.get("sign").cloned());
            case.method = Some(method);
        } else {
            let sent = super::recorded::sent(request).context("a request without body")?;
            case.http = Some(Http {
                method: text("method")?.to_owned(),
                path: text("path")?.to_owned(),
                body: String::from_utf8(sent).context("a body that is no text")?,
                ..Http::default()
            });
        }
        let body =
            if response["body_json"].is_null() { &response["body_text"] } else { &response["body_json"] };
        let status = response["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        let mut headers =
            BTreeMap::from([("server".to_owned(), json!({"$regex": "Oxen Storage Server/[0-9.]+"}))]);
        if let Some(kind) = response["headers"]["Content-Type"].as_str() {
            headers.insert("content-type".to_owned(), kind.into());
        }
        let body = self.opener.answer(body, exchange.sent_ms);
        case.expect = Expect {
            status: status.context("an answer without status")?,
            body,
            bt: None,
            headers,
            notices: Vec::new(),
        };
        Ok(case)
    }

    fn bridge(&mut self, bridge: &rules::Bridge, before: &Exchange) -> Result<Case> {
        let body: Json = serde_json::from_slice(&bridge.envelope)?;
        let call = self.call(&body, before.sent_ms)?;
        let mut case = empty(&format!("before {}", before.name), self.place(&bridge.node)?);
        case.note = "stands for cases that the recording leaves out".to_owned();
        case.method = body["method"].as_str().map(str::to_owned);
        (case.params, case.sign) = (call["params"].clone(), call.get("sign").cloned());
        Ok(case)
    }

    /// A method with its parameters, and those inside of them, opened; signatures become signers.
    fn call(&mut self, call: &Json, sent_ms: i64) -> Result<Json> {
        let method = call["method"].as_str().unwrap_or_default().to_owned();
        let mut params = call["params"].clone();
        let mut opened = json!({"method": method});
        if let Some(sign) = self.signer(&method, &params)? {
            opened["sign"] = sign;
            for field in ["signature", "subaccount", "subaccount_sig"] {
                params.as_object_mut().and_then(|params| params.remove(field));
            }
        }
        if let Some(requests) = params.get_mut("requests").and_then(Json::as_array_mut) {
            let inner: Result<Vec<Json>> = requests
                .iter()
                .map(|inner| match inner["params"].is_object() {
                    true => self.call(inner, sent_ms),
                    false => Ok(inner.clone()),
                })
                .collect();
            let inner = inner?;
            let rest = params.as_object_mut().and_then(|params| params.remove("requests")).is_some();
            let mut params = self.opener.request(&params, sent_ms);
            if rest {
                params["requests"] = inner.into();
            }
            opened["params"] = params;
            return Ok(opened);
        }
        opened["params"] = self.opener.request(&params, sent_ms);
        Ok(opened)
    }

    /// Who signs anew; a signature that was wrong is made wrong again.
    fn signer(&mut self, method: &str, params: &Json) -> Result<Option<Json>> {
        let Some(signature) = params["signature"].as_str() else { return Ok(None) };
        let account = params["pubkey"].as_str().or_else(|| params["pubKey"].as_str());
        let owner = account.and_then(|id| self.opener.accounts.get(id)).cloned();
        let owner = owner.context("signed for an account whose seed is not recorded")?;
        let (signer, key) = match params["subaccount"].as_str() {
            None => (owner.clone(), self.secrets.get(&owner).context("a signer")?.public()),
            Some(token) => self.delegate(&owner, token)?,
        };
        let text = params.as_object().map(|params| signing::text(method, params)).transpose()?.flatten();
        let signature = from_base64(signature).and_then(|bytes| ed25519::Signature::from_slice(&bytes));
        let good = text.zip(signature).is_some_and(|(text, signature)| key.verify(&text, &signature));
        Ok(Some(if good { signer.into() } else { json!({"by": signer, "flaw": "flipped"}) }))
    }

    /// The subaccount of a recorded token, by a name for it, and the token's key.
    fn delegate(&mut self, owner: &str, token: &str) -> Result<(String, ed25519::PublicKey)> {
        let hex = hex::decode(token).ok().filter(|token| token.len() == 36);
        let token = hex.or_else(|| from_base64(token)).filter(|token| token.len() == 36);
        let token = token.context("a token that is none")?;
        let key = ed25519::PublicKey::from_slice(&token[4..]).context("a token's key")?;
        let name = format!("{owner} to {key}, flags {}", token[1]);
        let prefix = Some(format!("{:02x}", token[0]));
        let plan = SubaccountPlan { of: owner.to_owned(), flags: token[1], prefix };
        self.subaccounts.insert(name.clone(), plan);
        Ok((name, key))
    }
}

fn empty(name: &str, node: Place) -> Case {
    Case {
        name: name.to_owned(),
        note: String::new(),
        node,
        doors: None,
        encodings: None,
        method: None,
        params: Json::Null,
        subscribe: Json::Null,
        sign: None,
        envelope: None,
        http: None,
        expect: Expect {
            status: 200,
            body: json!({"$any": true}),
            bt: None,
            headers: BTreeMap::new(),
            notices: Vec::new(),
        },
        capture: BTreeMap::new(),
    }
}
