//! A status for people.

use std::fmt::{self, Display, Formatter};

use bytesize::ByteSize;
use serde_json::Value;

/// What a process told of itself, line by line; what it did not tell is left out.
pub(super) struct Report<'a>(pub(super) &'a Value);

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        self.process(&mut lines);
        self.network(&mut lines);
        self.requests(&mut lines);
        self.store(&mut lines);
        self.actors(&mut lines);
        f.write_str(&lines.join("\n"))
    }
}

impl Report<'_> {
    fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    fn process(&self, lines: &mut Vec<String>) {
        let Self(told) = self;
        let uptime = std::time::Duration::from_secs(self.number("uptime").unwrap_or_default());
        let version = told["version"].as_str().unwrap_or("unknown");
        let uptime = humantime::format_duration(uptime);
        let state = if told["ready"] == true { "ready" } else { "not ready" };
        lines.push(format!("state     {state}, version {version}, up for {uptime}"));
        for reason in told["reasons"].as_array().into_iter().flatten() {
            let text = |name: &str| reason[name].as_str().unwrap_or_default().to_owned();
            lines.push(format!("          {} waits: {}", text("actor"), text("reason")));
        }
        if let Some(key) = told["pubkey_ed25519"].as_str() {
            lines.push(format!("node      {key}"));
        }
        let port = |name: &str| Some(format!("{name} {}", told["ports"][name].as_u64()?));
        let ports: Vec<_> =
            ["https", "libp2p", "quic", "oxenmq", "operator"].into_iter().filter_map(port).collect();
        if !ports.is_empty() {
            lines.push(format!("ports     {}", ports.join(", ")));
        }
    }

    fn network(&self, lines: &mut Vec<String>) {
        if let (Some(height), Some(nodes)) = (self.number("height"), self.number("nodes")) {
            lines.push(format!("height    {height}, {nodes} service nodes"));
        }
        let swarm = &self.0["swarm"];
        if let (Some(id), Some(members)) = (swarm["id"].as_str(), swarm["members"].as_u64()) {
            lines.push(format!("swarm     {id}, {members} members"));
        }
        if let Some(connections) = self.number("connections") {
            let refused = self.number("refused_requests").unwrap_or_default();
            lines.push(format!("clients   {connections} connections, {refused} requests turned away"));
        }
    }

    fn requests(&self, lines: &mut Vec<String>) {
        let window = std::time::Duration::from_secs(self.number("recent_timespan").unwrap_or_default());
        let kind = |(name, label): (&str, &str)| {
            let total = self.number(&format!("total_{name}_requests"))?;
            let recent = self.number(&format!("recent_{name}_requests")).unwrap_or_default();
            Some(format!("          {label:<9} {total:>12} {recent:>12}"))
        };
        let kinds = [("store", "store"), ("retrieve", "retrieve"), ("onion", "onion"), ("proxy", "to web")];
        let counted: Vec<_> = kinds.into_iter().filter_map(kind).collect();
        if !counted.is_empty() {
            let window = humantime::format_duration(window);
            lines.push(format!("requests               in all       recent (the last {window})"));
            lines.extend(counted);
        }
    }

    fn store(&self, lines: &mut Vec<String>) {
        if let (Some(messages), Some(accounts)) = (self.number("total_stored"), self.number("accounts")) {
            lines.push(format!("stored    {messages} messages, {accounts} accounts with more than one"));
        }
        if let Some(used) = self.number("db_used") {
            let size = |name: &str| ByteSize::b(self.number(name).unwrap_or_default());
            lines.push(format!(
                "disk      {} used, file of {}, at most {}",
                ByteSize::b(used),
                size("db_total"),
                size("db_max")
            ));
        }
    }

    fn actors(&self, lines: &mut Vec<String>) {
        let actors = self.0["actors"].as_array().map(Vec::as_slice).unwrap_or_default();
        if actors.is_empty() {
            return;
        }
        lines.push("actors                 state         handled       failed restarts".to_owned());
        for actor in actors {
            let text = |name: &str| actor[name].as_str().unwrap_or("?").to_owned();
            let count = |name: &str| actor[name].as_u64().unwrap_or_default();
            lines.push(format!(
                "          {:<12} {:<10} {:>10} {:>12} {:>8}",
                text("name"),
                text("status"),
                count("handled"),
                count("failed"),
                count("restarts")
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_that_was_told_has_its_line() {
        let told = json!({
            "version": "0.1.0", "uptime": 3725, "ready": false,
            "reasons": [{ "actor": "swarm", "reason": "no node list" }],
            "ports": { "https": 22021, "operator": 22024 }, "height": 42, "nodes": 14,
            "swarm": { "id": "00ff", "members": 7 }, "connections": 3, "refused_requests": 5,
            "total_store_requests": 100, "recent_store_requests": 9, "recent_timespan": 3600,
            "accounts": 4, "total_stored": 77, "db_used": 2048, "db_total": 4096, "db_max": 8192,
            "actors": [{ "name": "relay", "status": "ready", "handled": 8, "failed": 1, "restarts": 2 }],
        });

        let text = Report(&told).to_string();

        for part in [
            "not ready, version 0.1.0, up for 1h 2m 5s",
            "swarm waits: no node list",
            "https 22021, operator 22024",
            "42, 14 service nodes",
            "00ff, 7 members",
            "3 connections, 5 requests",
            "(the last 1h)",
            "77 messages, 4 accounts",
            "2.0 KiB used, file of 4.0 KiB, at most 8.0 KiB",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let row = |start: &str| {
            let line = text.lines().map(str::trim).find(|line| line.starts_with(start)).unwrap_or_default();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(row("store "), ["store", "100", "9"]);
        assert_eq!(row("relay "), ["relay", "ready", "8", "1", "2"]);
    }

    #[test]
    fn what_was_not_told_has_none() {
        let text =
            Report(&json!({ "version": "0.1.0", "ready": true, "uptime": 0, "swarm": null })).to_string();

        assert_eq!(text, "state     ready, version 0.1.0, up for 0s");
    }
}
