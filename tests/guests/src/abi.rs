//! Makes components of core modules that are written by hand, to break what no compiler would.

use std::fs;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use crate::{build::plugins_folder, world};

/// Where the frame takes in what is particular to a module.
const GAP: &str = ";; ........";
/// For modules that have none of their own.
const REALLOC: &str = "(func $realloc (type $realloc) (call $take (local.get 3)))";

/// A bot made of `hostile/abi/NAME.wat`.
#[track_caller]
pub fn abuse(name: &str) -> Vec<u8> {
    let read = |name: &str| {
        let file = plugins_folder().join(format!("hostile/abi/{name}.wat"));
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("no {}: {error}", file.display()))
    };
    let mut body = read(name);
    if !body.contains("(func $realloc") {
        body.push_str(REALLOC);
    }
    let text = read("frame").replace(GAP, &body);
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (resolve, bot) = world::resolve(&world::contract(), "bot");
    embed_component_metadata(&mut module, &resolve, bot, StringEncoding::UTF8)
        .expect("a module can carry its contract");
    let encode = |module: &[u8]| ComponentEncoder::default().module(module)?.validate(true).encode();
    encode(&module).unwrap_or_else(|error| panic!("{name} is no component: {error:#}"))
}
