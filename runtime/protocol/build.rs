//! Compiles the schema in `proto/` without a protoc, and lists the fields that its messages must not lack.
//!
//! The generated decoder fills a missing required field with a default; other implementations refuse the message. So the
//! required fields are written out here as a table, which `content::required` checks incoming bytes against.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use prost_build::Config;
use protox::prost_reflect::prost_types::field_descriptor_proto::Label;

const FILES: [&str; 2] = ["proto/content.proto", "proto/envelope.proto"];

/// What strangers' bytes are decoded as; the table holds these and all that they contain.
const ROOTS: [&str; 2] = [".starling.content.Content", ".starling.envelope.Envelope"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(FILES, ["proto"])?;

    let mut messages = BTreeMap::new();
    for file in &files.file {
        for message in &file.message_type {
            messages.insert(format!(".{}.{}", file.package(), message.name()), message);
        }
    }
    let mut table = String::new();
    let mut waiting: Vec<String> = ROOTS.map(str::to_owned).to_vec();
    let mut done = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if !done.insert(name.clone()) {
            continue;
        }
        let message = messages.get(&name).ok_or_else(|| format!("{name} is not in the schema"))?;
        let (mut required, mut nested) = (String::new(), String::new());
        for field in &message.field {
            if field.label() == Label::Required {
                write!(required, "({}, {:?}), ", field.number(), field.name())?;
            }
            if let Some(inner) = messages.get(field.type_name()) {
                write!(nested, "({}, &{}), ", field.number(), constant(inner.name()))?;
                waiting.push(field.type_name().to_owned());
            }
        }
        writeln!(
            table,
            "pub(crate) static {}: Shape = Shape {{ message: {:?}, required: &[{required}], nested: &[{nested}] }};",
            constant(message.name()),
            message.name(),
        )?;
    }
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("required.rs"), table)?;

    // The text of a message must not reach a log through `{:?}`; `content` and `envelope` give these a silent Debug.
    Config::new()
        .skip_debug([".starling.content.Content", ".starling.content.DataMessage"])
        .compile_fds(files)?;
    Ok(())
}

/// `GroupUpdateMessage` as `GROUP_UPDATE_MESSAGE`.
fn constant(name: &str) -> String {
    let mut constant = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !constant.is_empty() {
            constant.push('_');
        }
        constant.push(letter.to_ascii_uppercase());
    }
    constant
}
