//! The files of cases: what is sent, and what has to come back. `tests/interop/README.md` documents the format.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::wire::Form;

/// One file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// What it is about.
    pub what: String,
    /// Accounts by name. Without a seed they are drawn anew for each round.
    #[serde(default)]
    pub accounts: BTreeMap<String, AccountPlan>,
    /// Rights to act for an account, by name.
    #[serde(default)]
    pub subaccounts: BTreeMap<String, SubaccountPlan>,
    /// Doors that every case goes through, unless it says otherwise.
    #[serde(default = "every_door")]
    pub doors: Vec<DoorName>,
    /// Encodings, likewise.
    #[serde(default = "every_form")]
    pub encodings: Vec<Form>,
    /// The cases, in order; later ones rely on earlier ones.
    pub cases: Vec<Case>,
}

/// An account of a transcript.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountPlan {
    /// `05` (a user) or `03` (a group).
    #[serde(default = "user")]
    pub prefix: String,
    /// Whose swarm keeps it.
    #[serde(default)]
    pub at: Place,
    /// 64 hex characters; only where `at` does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
}

/// A right to act for an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubaccountPlan {
    /// The account that gave it.
    pub of: String,
    /// Flags: Read 1, Write 2, Delete 4, AnyPrefix 8.
    pub flags: u8,
    /// The token's first byte, when it is not the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// Which node, seen from the one whose URL is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// That node, and its swarm.
    #[default]
    Home,
    /// Another member of its swarm.
    Member,
    /// A node of another swarm, or such a swarm.
    Elsewhere,
}

/// A way into a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoorName {
    /// `POST /storage_rpc/v1`.
    Https,
    /// Inside an onion request.
    Onion,
    /// A QUIC command.
    Quic,
    /// An OxenMQ request.
    Omq,
}

/// One exchange.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name, unique in the file.
    pub name: String,
    /// What is remarkable about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Who is asked.
    #[serde(default)]
    pub node: Place,
    /// Doors, if not those of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doors: Option<Vec<DoorName>>,
    /// Encodings, if not those of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encodings: Option<Vec<Form>>,
    /// A method with its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// See `method`.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub params: Json,
    /// In place of a method: a subscription, or a list of them; each may have a `sign` of its own.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub subscribe: Json,
    /// Who signs the parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<Json>,
    /// In place of a method: the exact text of the JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<String>,
    /// In place of a method: an HTTP request, byte by byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// What has to come back.
    pub expect: Expect,
    /// Names for parts of the answer, as JSON pointers into its body.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: BTreeMap<String, String>,
}

/// An HTTP request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// GET, POST and so on.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Further headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The body in base64, in place of `body`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    /// Whether the head is sent as it stands here, right or wrong; only `Host` is added.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exact: bool,
}

/// What has to come back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status: inside an onion request the inner one.
    pub status: u16,
    /// A pattern.
    pub body: Json,
    /// The pattern when the parameters were bencoded, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bt: Option<Json>,
    /// Headers by lower-case name, as patterns; looked at over HTTPS only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Json>,
    /// What the node tells meanwhile without being asked, on the connection to `home`, as patterns in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Json>,
}

impl Transcript {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is no transcript.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        let transcript: Self = serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
        let mut names: Vec<_> = transcript.cases.iter().map(|case| &case.name).collect();
        names.sort();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        anyhow::ensure!(twice.is_none(), "{}: two cases are named {:?}", path.display(), twice);
        Ok(transcript)
    }

    /// Whether a case is played over that door in that encoding.
    pub fn plays(&self, case: &Case, door: DoorName, form: Form) -> bool {
        let doors = case.doors.as_ref().unwrap_or(&self.doors);
        let encodings = case.encodings.as_ref().unwrap_or(&self.encodings).as_slice();
        let is_envelope = case.envelope.is_some() || case.http.is_some();
        // Who wants to be told stays connected.
        let needs_connection = !case.subscribe.is_null() || !case.expect.notices.is_empty();
        let fits = match door {
            DoorName::Https => !needs_connection,
            DoorName::Onion => case.http.is_none() && !needs_connection,
            DoorName::Quic | DoorName::Omq => !is_envelope,
        };
        let encodings = if case.subscribe.is_null() { encodings } else { &[Form::Bencode] };
        fits && doors.contains(&door) && (encodings.contains(&form) || is_envelope && form == Form::Json)
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn every_door() -> Vec<DoorName> {
    vec![DoorName::Https, DoorName::Onion, DoorName::Quic, DoorName::Omq]
}

fn every_form() -> Vec<Form> {
    vec![Form::Json, Form::Bencode]
}

fn user() -> String {
    "05".to_owned()
}
