//! Makes components of any contract.

use std::{fs, path::Path};

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, SourceMap, WorldId};

/// The texts of the contract in `sdk-wasm/wit`, file by file.
pub fn contract() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk-wasm/wit");
    let files = fs::read_dir(folder).expect("the contract is there");
    let files = files.map(|file| file.expect("a folder can be listed").path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|ending| ending == "wit")).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).expect("the contract can be read")).collect()
}

/// A component of the world of that name in these texts, which are one package; its exports trap.
#[track_caller]
pub fn of_world(texts: &[String], world: &str) -> Vec<u8> {
    let (resolve, world) = resolve(texts, world);
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("a module can carry its contract");
    let encode = |module: &[u8]| ComponentEncoder::default().module(module)?.validate(true).encode();
    encode(&module).expect("a contract can be encoded")
}

#[track_caller]
pub(crate) fn resolve(texts: &[String], world: &str) -> (Resolve, WorldId) {
    let mut sources = SourceMap::new();
    for (n, text) in texts.iter().enumerate() {
        sources.push(Path::new(&format!("{n}.wit")), text.as_str());
    }
    let group = sources.parse().unwrap_or_else(|(_, error)| panic!("no contract: {error}"));
    let mut resolve = Resolve::default();
    let package = resolve.push_group(group).expect("the contract stands on nothing else");
    let world = resolve.select_world(&[package], Some(world)).expect("the contract has that world");
    (resolve, world)
}
