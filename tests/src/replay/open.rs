//! The way back from what was sent and answered to what a transcript leaves open: accounts become names, times become
//! distances from the moment of sending, hashes become the messages they are of, and facts of a node become patterns.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

/// Milliseconds between 2020 and 2040: what else is so large is no time.
const TIMES: std::ops::Range<i64> = 1_577_836_800_000..2_208_988_800_000;
/// Answers are compared with times of earlier cases, which are played at another pace than they were made.
const PACE_MS: i64 = 120_000;

/// What is known of the values in a run.
#[derive(Debug, Default)]
pub struct Opener {
    /// Names by account id.
    pub accounts: BTreeMap<String, String>,
    /// Names by Ed25519 key.
    pub keys: BTreeMap<String, String>,
    /// Messages, opened, by their hash.
    pub hashes: BTreeMap<String, Json>,
}

impl Opener {
    /// Remembers the message of each store in a request by the hash that it was answered with.
    pub fn learn(&mut self, method: &str, params: &Json, answer: &Json) {
        let stored = (answer["hash"].as_str(), account_of(params));
        if let ("store", (Some(hash), Some(account))) = (method, stored) {
            let pubkey = self.text(account);
            let namespace = params.get("namespace").cloned().unwrap_or(json!(0));
            let message =
                json!({"$hash": {"pubkey": pubkey, "namespace": namespace, "data": params["data"]}});
            self.hashes.insert(hash.to_owned(), message);
        }
        let (requests, results) = (params["requests"].as_array(), answer["results"].as_array());
        for (request, result) in requests.into_iter().flatten().zip(results.into_iter().flatten()) {
            let method = request["method"].as_str().unwrap_or_default();
            self.learn(method, &request["params"], &result["body"]);
        }
    }

    /// A request, sent at that time. Signatures stay as they are.
    pub fn request(&self, value: &Json, sent_ms: i64) -> Json {
        match value {
            Json::Object(fields) => {
                let open = |(name, value): (&String, &Json)| (name.clone(), self.request(value, sent_ms));
                Json::Object(fields.iter().map(open).collect())
            }
            Json::Array(items) => items.iter().map(|item| self.request(item, sent_ms)).collect(),
            Json::Number(number) => match number.as_i64().filter(|number| TIMES.contains(number)) {
                Some(time) => json!({"$now": time - sent_ms}),
                None => value.clone(),
            },
            Json::String(text) => match text.parse::<i64>().ok().filter(|number| TIMES.contains(number)) {
                Some(time) => json!({"$now_text": time - sent_ms}),
                None => self.text(text),
            },
            other => other.clone(),
        }
    }

    fn text(&self, text: &str) -> Json {
        if let Some(name) = self.accounts.get(text) {
            return json!({"$account": name});
        }
        if let Some(name) = self.keys.get(text) {
            return json!({"$ed25519": name});
        }
        self.hashes.get(text).cloned().unwrap_or_else(|| text.into())
    }

    /// A pattern that an answer has, and answers of other nodes to the same request.
    pub fn answer(&self, value: &Json, sent_ms: i64) -> Json {
        match value {
            Json::Object(fields) => self.answer_fields(fields, sent_ms),
            Json::Array(items) => items.iter().map(|item| self.answer(item, sent_ms)).collect(),
            Json::Number(number) => match number.as_i64().filter(|number| TIMES.contains(number)) {
                Some(time) => json!({"$near": [{"$now": time - sent_ms}, PACE_MS]}),
                None => value.clone(),
            },
            Json::String(text) => self.text(text),
            other => other.clone(),
        }
    }

    fn answer_fields(&self, fields: &Map<String, Json>, sent_ms: i64) -> Json {
        let mut pattern = Map::new();
        for (name, value) in fields {
            let field = match (name.as_str(), value) {
                ("hf", Json::Array(_)) => json!({"$node": "hf"}),
                ("v" | "version", Json::Array(_)) => json!({"$node": "version"}),
                ("version", Json::String(_)) => json!({"$regex": "[0-9]+\\.[0-9]+\\.[0-9]+"}),
                ("height", Json::Number(_)) => json!({"$type": "number"}),
                ("snodes", Json::Array(_)) => {
                    json!({"$each": {"$open": {"pubkey_ed25519": {"$type": "text"}}}})
                }
                ("swarm", Json::String(_)) => json!({"$regex": "[0-9a-f]+"}),
                ("swarm", Json::Object(entries)) => self.swarm(entries, sent_ms),
                // Whoever was asked says true, and the others 1: who that is differs.
                ("already", _) if value == 1 || value == true => json!(true),
                ("deleted" | "updated", Json::Array(_)) => json!({"$sorted": self.answer(value, sent_ms)}),
                ("deleted" | "updated", Json::Object(namespaces)) => {
                    let sorted = |(name, hashes): (&String, &Json)| {
                        (name.clone(), json!({"$sorted": self.answer(hashes, sent_ms)}))
                    };
                    Json::Object(namespaces.iter().map(sorted).collect())
                }
                // Their keys are hashes, which are others in every run.
                ("unchanged" | "expiries", Json::Object(_)) => json!({"$type": "object"}),
                ("signature", Json::String(_)) => json!({"$regex": "[A-Za-z0-9+/]{86}=="}),
                _ => self.answer(value, sent_ms),
            };
            pattern.insert(name.clone(), field);
        }
        Json::Object(pattern)
    }

    /// One pattern for the entries of all members, none of which may be a failure.
    fn swarm(&self, entries: &Map<String, Json>, sent_ms: i64) -> Json {
        let good = entries.values().find(|entry| entry.get("failed").is_none());
        let Some(mut entry) = good.map(|entry| self.answer(entry, sent_ms)) else {
            return json!({"$any": true});
        };
        // Whoever was asked says the time as well.
        entry["t"] = json!({"$maybe": {"$type": "number"}});
        json!({"$swarm": entry})
    }
}

fn account_of(params: &Json) -> Option<&str> {
    params["pubkey"].as_str().or_else(|| params["pubKey"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_particular_to_a_run_is_left_open() {
        let mut opener = Opener::default();
        opener.accounts.insert("05aa".to_owned(), "alice".to_owned());
        let store =
            json!({"pubkey": "05aa", "timestamp": 1_795_000_000_000_i64, "ttl": "60000", "data": "AAAA"});
        let answer = json!({"hash": "h", "hf": [20, 0], "swarm": {"k": {"hash": "h", "already": 1}}});

        opener.learn("store", &store, &answer);

        let message = json!({"$hash": {"pubkey": {"$account": "alice"}, "namespace": 0, "data": "AAAA"}});
        assert_eq!(opener.request(&store, 1_795_000_000_005)["timestamp"], json!({"$now": -5}));
        assert_eq!(opener.request(&store, 0)["ttl"], json!("60000"));
        assert_eq!(opener.request(&json!(["h"]), 0), json!([message]));
        let pattern = opener.answer(&answer, 0);
        assert_eq!(pattern["hash"], message);
        assert_eq!(pattern["swarm"]["$swarm"]["already"], json!(true));
    }
}
