//! protoc's command line, as far as `prost-build` uses it, over the pure Rust compiler protox.
//!
//! `protoc [--include_imports] [--include_source_info] -o OUT -I DIR... FILE...`

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = None;
    let mut includes: Vec<PathBuf> = Vec::new();
    let mut files: Vec<PathBuf> = Vec::new();
    let (mut imports, mut source_info) = (false, false);

    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments.next().map(PathBuf::from).ok_or_else(|| format!("{} needs a value", argument.display()))
        };
        match argument.to_str() {
            Some("-o") => output = Some(value()?),
            Some("-I") => includes.push(value()?),
            Some("--include_imports") => imports = true,
            Some("--include_source_info") => source_info = true,
            Some(option) if option.starts_with('-') => return Err(format!("unknown option {option}").into()),
            _ => files.push(argument.into()),
        }
    }

    let output = output.ok_or("-o is missing")?;
    let set = protox::Compiler::new(includes)?
        .include_imports(imports)
        .include_source_info(source_info)
        .open_files(files)?
        .encode_file_descriptor_set();
    fs::write(&output, set).map_err(|error| format!("cannot write {}: {error}", output.display()).into())
}
