//! What a component may import, and which world its exports make it.

use thiserror::Error;

use crate::manifest::World;

/// The version of the contract that this host speaks. What was built for an earlier 0.1 runs; so does what was built for a
/// later one and uses nothing that is new there.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// The package of the contract.
const CONTRACT: &str = "starling:plugin";
/// Its interfaces that can be imported.
const INTERFACES: &[&str] = &[
    "types",
    "outbox",
    "conversations",
    "kv",
    "timers",
    "http",
    "config",
    "secrets",
    "log",
    "clock",
    "random",
    "identity",
];
/// The version of WASI that is linked, and its interfaces.
const WASI_VERSION: &str = "0.2.0";
const WASI: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Something that this host does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it imports {import}, which this host does not have; the nearest that it has is {nearest}")]
pub struct UnknownImport {
    /// What the component asks for.
    pub import: String,
    /// What it may have meant.
    pub nearest: String,
}

/// Is there each of these imports here?
///
/// # Errors
/// The first that there is not.
pub(crate) fn check(imports: &[String]) -> Result<(), UnknownImport> {
    imports.iter().try_for_each(|import| check_one(import))
}

fn check_one(import: &str) -> Result<(), UnknownImport> {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    let known = offered().find(|(offered, _)| offered == name);
    match known {
        Some((_, ours)) if is_compatible(version, ours) => Ok(()),
        Some((name, ours)) => Err(unknown(import, format!("{name}@{ours}"))),
        None => Err(unknown(import, nearest(name))),
    }
}

fn offered() -> impl Iterator<Item = (String, &'static str)> {
    let contract = INTERFACES.iter().map(|name| (format!("{CONTRACT}/{name}"), CONTRACT_VERSION));
    contract.chain(WASI.iter().map(|name| ((*name).to_owned(), WASI_VERSION)))
}

/// Versions below 1.0 fit when their first two numbers do; names without a version fit nothing.
fn is_compatible(wanted: &str, ours: &str) -> bool {
    let track = |version: &str| -> Option<(u64, u64)> {
        let mut numbers = version.split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    };
    track(wanted).is_some() && track(wanted) == track(ours)
}

fn nearest(name: &str) -> String {
    if name.starts_with("wasi:http/") {
        // What WASI has for the web is another interface here, with another name.
        return format!("{CONTRACT}/http@{CONTRACT_VERSION}");
    }
    let distance = |(offered, _): &(String, &str)| strsim::osa_distance(name, offered);
    let (name, version) = offered().min_by_key(distance).expect("the host offers something");
    format!("{name}@{version}")
}

fn unknown(import: &str, nearest: String) -> UnknownImport {
    let import = import.chars().take(200).collect();
    UnknownImport { import, nearest }
}

/// What these exports make of a component.
pub(crate) fn world(exports: &[String]) -> Option<World> {
    let has = |interface: &str| {
        let name = format!("{CONTRACT}/{interface}");
        exports.iter().any(|export| {
            export
                .split_once('@')
                .is_some_and(|(found, version)| found == name && is_compatible(version, CONTRACT_VERSION))
        })
    };
    match (has("handler"), has("reviewer")) {
        (true, _) => Some(World::Bot),
        (false, true) => Some(World::Filter),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(import: &str, expected: Result<(), &str>) {
        let found = super::check(&[import.to_owned()]);
        assert_eq!(found.map_err(|error| error.nearest), expected.map_err(str::to_owned), "{import}");
    }

    #[test]
    fn compatible_versions_are_taken_and_others_named_with_the_nearest() {
        check("starling:plugin/kv@0.1.0", Ok(()));
        check("starling:plugin/kv@0.1.7", Ok(()));
        check("wasi:io/poll@0.2.6", Ok(()));
        check("starling:plugin/kv@0.2.0", Err("starling:plugin/kv@0.1.0"));
        check("starling:plugin/kvs@0.1.0", Err("starling:plugin/kv@0.1.0"));
        check("wasi:http/outgoing-handler@0.2.0", Err("starling:plugin/http@0.1.0"));
        check("starling:plugin/kv", Err("starling:plugin/kv@0.1.0"));
        check("", Err("wasi:io/poll@0.2.0"));
    }

    #[test]
    fn exports_decide_the_world() {
        let of = |name: &str| world(&[name.to_owned()]);

        assert_eq!(of("starling:plugin/handler@0.1.0"), Some(World::Bot));
        assert_eq!(of("starling:plugin/reviewer@0.1.3"), Some(World::Filter));
        assert_eq!(of("starling:plugin/handler@0.2.0"), None);
        assert_eq!(of("wasi:cli/run@0.2.0"), None);
    }
}
