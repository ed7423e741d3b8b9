use super::*;

const WHOLE: &str = r#"
name = "echo"
version = "0.1.0"
world = "starling:plugin/bot@0.1.0"
description = "Says back what it is told."
component = "echo.wasm"
events = ["message", "command", "reaction", "receipt", "deletion", "other"]
permissions = ["send:reply", "log"]
stateful = true
retire_after = 50
[limits]
memory = "32 MiB"
call_time = "2s"
[config]
greeting = "Hello"
nested = { list = [1, 2.5, true] }
[build]
command = "cargo build --release --target wasm32-wasip2"
output = "target/wasm32-wasip2/release/hello.wasm"
"#;

const LEAST: &str =
    "name = \"echo\"\nversion = \"0.1.0\"\nworld = \"starling:plugin/bot@0.1.0\"\npermissions = []\n";

fn parse(text: &str) -> Result<Manifest, FileError> {
    Manifest::parse(Path::new("plugin.toml"), text)
}

/// Refuses what `LEAST` becomes with these lines added.
#[track_caller]
fn refused(added: &str, because: &str) {
    let error = parse(&format!("{LEAST}{added}")).expect_err("must be refused").to_string();

    assert!(error.contains(because), "{error}");
}

#[test]
fn every_key_of_the_documentation_is_read() {
    let manifest = parse(WHOLE).unwrap();

    assert_eq!(manifest.name.as_str(), "echo");
    assert_eq!(manifest.version, Version::new(0, 1, 0));
    assert_eq!(manifest.events().len(), 6);
    assert_eq!(manifest.permissions.to_string(), "send:reply, log");
    assert_eq!(manifest.kept_for(), Some(50));
    assert_eq!(manifest.limits.memory, Some(ByteSize::mib(32)));
    assert_eq!(manifest.limits.call_time, Some(Duration::from_secs(2)));
    assert_eq!(manifest.config["greeting"].as_str(), Some("Hello"));
    assert!(manifest.build.as_ref().unwrap().command.starts_with("cargo build"));
}

#[test]
fn what_is_left_out_has_its_default() {
    let manifest = parse(LEAST).unwrap();

    assert_eq!(manifest.component_file(), "echo.wasm");
    assert_eq!(manifest.events(), [EventKind::Message].into());
    assert_eq!(manifest.kept_for(), None);
    assert!(manifest.permissions.is_empty());
    assert!(manifest.config.is_empty());
}

#[test]
fn what_was_written_is_read_back() {
    for text in [WHOLE, LEAST] {
        let manifest = parse(text).unwrap();

        assert_eq!(parse(&toml::to_string(&manifest).unwrap()).unwrap(), manifest);
    }
}

#[test]
fn an_error_names_the_line_and_the_key() {
    refused("desc = \"x\"", "plugin.toml:5: unknown key desc; known are name, version");
    refused("descripton = \"x\"", "plugin.toml:5: unknown key descripton; did you mean description?");
    refused(
        "events = [\"mesage\"]",
        "plugin.toml:5: events[0] has an unknown value \"mesage\"; did you mean message?",
    );
    refused("[limits]\nmemory = \"many\"", "plugin.toml:6: limits.memory is not right");
    refused("[limits]\ncall_time = \"2 sceonds\"", "plugin.toml:6: limits.call_time is not right");
    refused(
        "[limits]\ncalltime = \"2s\"",
        "plugin.toml:6: unknown key limits.calltime; did you mean call_time?",
    );
    refused("[build]\noutput = \"x.wasm\"", "the key command is missing");
    let error = parse("name = \"Echo\"\n").unwrap_err().to_string();
    assert!(error.starts_with("plugin.toml:1: name is not right: a plugin's name has"), "{error}");
    let error = parse(&LEAST.replace("0.1.0\"\nworld", "one\"\nworld")).unwrap_err().to_string();
    assert!(error.starts_with("plugin.toml:2: version is not right"), "{error}");
    let error = parse(&LEAST.replace("bot@", "bots@")).unwrap_err().to_string();
    assert!(error.starts_with("plugin.toml:3: world is not right: there is no world"), "{error}");
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    refused("retire_after = 5", "plugin.toml:5: retire_after goes with stateful = true");
    refused("stateful = true\nretire_after = 0", "plugin.toml:6: retire_after is out of range");
    refused("\n[limits]\nmemory = \"0 B\"", "plugin.toml:7: limits.memory is 0");
    refused("[build]\ncommand = \" \"", "plugin.toml:6: build.command is empty");
    let filter = LEAST.replace("/bot@", "/filter@");
    let error = parse(&format!("{filter}events = []\n")).unwrap_err().to_string();
    assert!(error.contains("plugin.toml:5: events is for bots"), "{error}");
    let error = parse(&filter.replace("[]", "[\"kv\", \"send:reply\"]")).unwrap_err().to_string();
    assert!(error.contains("plugin.toml:4: permissions asks for send:reply"), "{error}");
}

#[test]
fn a_component_lies_beside_its_manifest() {
    for file in
        ["../echo.wasm", "/tmp/echo.wasm", "a/echo.wasm", ".wasm", "echo", "echo.wasm\\u0000", "é.wasm"]
    {
        refused(&format!("component = \"{file}\""), "plugin.toml:5: component is no file beside plugin.toml");
    }
}

#[test]
fn what_is_shown_to_operators_is_bounded() {
    refused(&format!("description = \"{}\"", "x".repeat(301)), "description is longer than 300 characters");
    refused("description = \"a\\u001b[2J\"", "description holds control characters");
}
