//! Which crate may import which.
//!
//! An arrow may only point down, never sideways:
//!
//! ```text
//! tools      tests, tests/*                   may look at everything; nobody imports them
//! 4          runtime/starling                 the only crate that knows every other
//! 3          actors/*, transport, sandbox     siblings: none imports another
//! 2          runtime/contracts                what may be asked of whom
//! 1          runtime/protocol, kernel         import nothing of ours
//!            sdk-wasm                         nor does what plugins are written with
//! 1          tests/guests                     builds plugins for tests; imports nothing of ours
//! ```
//!
//! Dev- and build-dependencies count like any other. Some crates from outside are confined as well: the heavy ones to the
//! room that is built around them, the cryptographic ones to the one folder that may be replaced.

use std::{collections::BTreeMap, fmt};

use crate::metadata::Metadata;

/// The storeys of the house, from the ground up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Floor {
    /// Imports nothing of ours.
    Ground,
    /// The messages between actors.
    Contracts,
    /// The actors and what they stand beside.
    Rooms,
    /// The composition root.
    Roof,
    /// Tests and recipes: outside of the house, looking in.
    Tools,
}

impl Floor {
    /// The floor of the crate in that folder; `None` when the plan has no room there.
    pub fn of(folder: &str) -> Option<Self> {
        match folder {
            "runtime/protocol" | "runtime/kernel" | "sdk-wasm" | "tests/guests" => Some(Floor::Ground),
            "runtime/contracts" => Some(Floor::Contracts),
            "runtime/transport" | "runtime/sandbox" => Some(Floor::Rooms),
            "runtime/starling" => Some(Floor::Roof),
            _ if folder.starts_with("actors/") => Some(Floor::Rooms),
            _ if folder == "tests" || folder.starts_with("tests/") => Some(Floor::Tools),
            _ => None,
        }
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Floor::Ground => "floor 1",
            Floor::Contracts => "floor 2",
            Floor::Rooms => "floor 3",
            Floor::Roof => "floor 4",
            Floor::Tools => "the tools",
        })
    }
}

/// A crate from outside that only some of ours may import directly.
struct Confined {
    name: &'static str,
    /// Whether crates named `NAME-…` are parts of it.
    has_parts: bool,
    /// The folders of those who may.
    to: &'static [&'static str],
    because: &'static str,
}

const CONFINED: &[Confined] = &[
    Confined { name: "sodiumoxide", has_parts: false, to: &["runtime/protocol"], because: CRYPTO },
    Confined { name: "libsodium-sys", has_parts: false, to: &["runtime/protocol"], because: CRYPTO },
    Confined { name: "ring", has_parts: false, to: &["runtime/protocol"], because: CRYPTO },
    Confined { name: "libp2p", has_parts: true, to: &["runtime/transport"], because: HEAVY },
    Confined { name: "wasmtime", has_parts: true, to: &["runtime/sandbox"], because: HEAVY },
    Confined { name: "alloy", has_parts: true, to: &["actors/staking"], because: HEAVY },
    Confined { name: "actix", has_parts: false, to: &["runtime/kernel"], because: ACTORS },
];

const CRYPTO: &str = "a cryptographic library must be replaceable in one folder";
const HEAVY: &str = "a heavy crate is built into one room";
const ACTORS: &str = "actors stand on the kernel, not on actix";

/// How a workspace breaks the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// The arrow points to a higher floor.
    Up {
        /// Who imports.
        from: String,
        /// Whom.
        to: String,
        /// Their floors.
        floors: (Floor, Floor),
    },
    /// The arrow stays on its floor.
    Sideways {
        /// Who imports.
        from: String,
        /// Whom.
        to: String,
        /// Their floor.
        floor: Floor,
    },
    /// A crate stands where the plan has no room.
    Unplanned {
        /// The crate.
        name: String,
        /// Where it stands.
        folder: String,
    },
    /// A confined crate is imported from elsewhere.
    Confined {
        /// Who imports.
        from: String,
        /// The crate from outside.
        to: String,
        /// Why it is confined.
        because: &'static str,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Up { from, to, floors: (lower, upper) } => {
                write!(f, "{from} imports {to}: an arrow up, from {lower} to {upper}")
            }
            Violation::Sideways { from, to, floor } => {
                write!(f, "{from} imports {to}: an arrow sideways, both on {floor}")
            }
            Violation::Unplanned { name, folder } => {
                write!(f, "{name} stands in {folder}, where the plan of the floors has no room")
            }
            Violation::Confined { from, to, because } => write!(f, "{from} imports {to}: {because}"),
        }
    }
}

/// Everything in the workspace that breaks the plan.
pub fn violations(metadata: &Metadata) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut floors = BTreeMap::new();
    for package in &metadata.packages {
        let folder = metadata.folder(package);
        match Floor::of(folder) {
            Some(floor) => {
                floors.insert(package.name.as_str(), floor);
            }
            None => {
                found.push(Violation::Unplanned { name: package.name.clone(), folder: folder.to_owned() })
            }
        }
    }
    for package in &metadata.packages {
        let folder = metadata.folder(package);
        let Some(&floor) = floors.get(package.name.as_str()) else { continue };
        let mut imports: Vec<_> = package.dependencies.iter().map(|import| import.name.as_str()).collect();
        imports.sort_unstable();
        imports.dedup();
        for import in imports {
            let arrow = match floors.get(import) {
                Some(&below) => arrow(&package.name, floor, import, below),
                None => confined(&package.name, folder, import),
            };
            found.extend(arrow);
        }
    }
    found
}

fn arrow(from: &str, floor: Floor, to: &str, other: Floor) -> Option<Violation> {
    let (from, to) = (from.to_owned(), to.to_owned());
    // A crate may list itself, to have its features in its own tests.
    if other < floor || from == to {
        return None;
    }
    Some(if other == floor {
        Violation::Sideways { from, to, floor }
    } else {
        Violation::Up { from, to, floors: (floor, other) }
    })
}

fn confined(from: &str, folder: &str, to: &str) -> Option<Violation> {
    let is_part = |name: &str| to.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
    let rule = CONFINED.iter().find(|rule| to == rule.name || (rule.has_parts && is_part(rule.name)))?;
    if rule.to.contains(&folder) {
        return None;
    }
    Some(Violation::Confined { from: from.to_owned(), to: to.to_owned(), because: rule.because })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{Dependency, Package};

    /// Who imports whom, as `folder: import import/dev`; a crate is named like the last part of its folder.
    fn workspace(crates: &[(&str, &[&str])]) -> Metadata {
        let package = |(folder, imports): &(&str, &[&str])| Package {
            name: folder.rsplit('/').next().expect("a folder has a name").to_owned(),
            manifest_path: format!("/house/{folder}/Cargo.toml"),
            dependencies: imports
                .iter()
                .map(|import| match import.split_once('/') {
                    Some((name, kind)) => Dependency { name: name.to_owned(), kind: Some(kind.to_owned()) },
                    None => Dependency { name: (*import).to_owned(), kind: None },
                })
                .collect(),
        };
        Metadata { packages: crates.iter().map(package).collect(), workspace_root: "/house".to_owned() }
    }

    #[track_caller]
    fn check(crates: &[(&str, &[&str])], expected: &[&str]) {
        let found: Vec<_> = violations(&workspace(crates)).iter().map(Violation::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn arrows_down_are_allowed_over_any_number_of_floors() {
        check(
            &[
                ("runtime/protocol", &["serde"]),
                ("runtime/kernel", &["actix", "actix-rt"]),
                ("runtime/contracts", &["protocol", "kernel"]),
                ("actors/swarm", &["contracts", "protocol", "kernel", "actix-web", "actix-http"]),
                ("runtime/starling", &["swarm", "contracts", "kernel"]),
                ("tests", &["starling", "protocol"]),
                ("tests/xtask", &["clap"]),
            ],
            &[],
        );
    }

    #[test]
    fn an_arrow_up_is_named_with_both_crates() {
        check(
            &[("runtime/contracts", &["swarm"]), ("actors/swarm", &["starling"]), ("runtime/starling", &[])],
            &[
                "contracts imports swarm: an arrow up, from floor 2 to floor 3",
                "swarm imports starling: an arrow up, from floor 3 to floor 4",
            ],
        );
    }

    #[test]
    fn an_arrow_sideways_is_named_with_both_crates() {
        check(
            &[
                ("runtime/transport", &[]),
                ("actors/swarm", &["transport", "storage"]),
                ("actors/storage", &[]),
            ],
            &[
                "swarm imports storage: an arrow sideways, both on floor 3",
                "swarm imports transport: an arrow sideways, both on floor 3",
            ],
        );
    }

    #[test]
    fn the_ground_floor_imports_nothing_of_ours_not_even_each_other() {
        check(
            &[
                ("runtime/protocol", &["kernel"]),
                ("runtime/kernel", &["protocol", "contracts"]),
                ("runtime/contracts", &[]),
            ],
            &[
                "protocol imports kernel: an arrow sideways, both on floor 1",
                "kernel imports contracts: an arrow up, from floor 1 to floor 2",
                "kernel imports protocol: an arrow sideways, both on floor 1",
            ],
        );
    }

    #[test]
    fn imports_for_tests_and_build_scripts_count_too() {
        check(
            &[("actors/swarm", &["storage/dev"]), ("actors/storage", &["tests/build"]), ("tests", &[])],
            &[
                "swarm imports storage: an arrow sideways, both on floor 3",
                "storage imports tests: an arrow up, from floor 3 to the tools",
            ],
        );
    }

    #[test]
    fn a_crate_may_list_itself() {
        check(&[("actors/swarm", &["swarm/dev"])], &[]);
    }

    #[test]
    fn a_crate_without_a_floor_is_refused() {
        check(
            &[("runtime/common", &["starling"]), ("runtime/starling", &["common"])],
            &["common stands in runtime/common, where the plan of the floors has no room"],
        );
    }

    #[test]
    fn confined_crates_are_refused_elsewhere_with_all_their_parts() {
        check(
            &[
                ("runtime/protocol", &["ring", "sodiumoxide"]),
                ("runtime/transport", &["libp2p", "libp2p-quic"]),
                ("runtime/sandbox", &["wasmtime-wasi"]),
                ("actors/staking", &["alloy"]),
            ],
            &[],
        );
        check(
            &[
                ("actors/swarm", &["actix", "alloy-primitives", "ring", "ringbuf"]),
                ("runtime/starling", &["libp2p/dev", "wasmtime"]),
            ],
            &[
                "swarm imports actix: actors stand on the kernel, not on actix",
                "swarm imports alloy-primitives: a heavy crate is built into one room",
                "swarm imports ring: a cryptographic library must be replaceable in one folder",
                "starling imports libp2p: a heavy crate is built into one room",
                "starling imports wasmtime: a heavy crate is built into one room",
            ],
        );
    }
}
