//! The command as a person or a script meets it: what it prints, and how it ends.

#![cfg(feature = "cli")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// How a command ended.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_starling"));
    for (variable, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("STARLING_"))
    {
        command.env_remove(variable);
    }
    command.arg("--data-dir").arg(folder).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut child = command(folder, arguments).spawn().expect("the command can be started");
    // A command that fails early does not read its input.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("a child can be waited for");
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The command fails with one sentence that holds `expected`, as text and as JSON.
#[track_caller]
fn check_failure(folder: &Path, arguments: &[&str], input: &str, code: i32, expected: &str) {
    let ended = run(folder, arguments, input);
    assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "one sentence: {}", ended.err);
    let sentence =
        ended.err.strip_prefix("error: ").unwrap_or_else(|| panic!("{arguments:?}: {}", ended.err));
    assert!(sentence.contains(expected), "{arguments:?}: {sentence}");

    let ended = run(folder, &[&["--json"], arguments].concat(), input);
    assert_eq!(ended.err.lines().count(), 1, "one object: {}", ended.err);
    let told: Value = serde_json::from_str(&ended.err).expect("an error is one object");
    assert_eq!(told["code"], code);
    assert!(told["error"].as_str().expect("an error has a text").contains(expected), "{told}");
    assert_eq!(ended.out, "");
}

fn facts(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "one object: {text}");
    serde_json::from_str(text).expect("a fact is one object")
}

#[test]
fn a_recovery_password_makes_the_same_account_in_another_folder() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());

    let made = facts(&run(here.path(), &["--json", "account", "new", "--profile", "alice"], "").out);
    let recovery = made["recovery"].as_str().unwrap();
    let restored = facts(&run(there.path(), &["--json", "account", "restore"], recovery).out);
    let shown = facts(&run(here.path(), &["--json", "account", "show", "--profile", "alice"], "").out);
    let revealed =
        facts(&run(here.path(), &["--json", "account", "show", "--profile", "alice", "--recovery"], "").out);

    assert_eq!(restored["id"], made["id"]);
    assert_eq!(restored["profile"], "default");
    assert_eq!(shown, serde_json::json!({ "id": made["id"], "profile": "alice", "name": "" }));
    assert_eq!(revealed["recovery"], recovery);
    let listed = facts(&run(here.path(), &["--json", "account", "list"], "").out);
    assert_eq!(listed, shown);
}

#[test]
fn bad_input_is_told_in_one_sentence_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, &["account", "new"], "");
    let words = "rafts neither gypsy vocal ramped cupcake hunter iguana speedy tubes powder aerial cupcake";
    let restore = ["account", "restore", "--profile", "b"];

    check_failure(folder, &["account", "new"], "", 2, "there is already an account with the profile default");
    check_failure(
        folder,
        &["account", "show", "--profile", "x"],
        "",
        2,
        "there is no account with the profile x",
    );
    check_failure(
        folder,
        &["account", "show", "--profile", "X!"],
        "",
        2,
        "--profile: \"X!\" is not a profile name",
    );
    check_failure(folder, &restore, &words.replace("vocal", "vcoal"), 2, "did you mean \"vocal\"?");
    check_failure(folder, &restore, &words.replace("aerial cupcake", "aerial rafts"), 2, "checksum");
    check_failure(
        folder,
        &["send", "--to", "05ab", "text"],
        "",
        2,
        "--to: account id has 4 characters, expected 66",
    );
    check_failure(
        folder,
        &["send", "--to", &"99".repeat(33), "text"],
        "",
        2,
        "--to: account id starts with 99",
    );
    check_failure(
        folder,
        &["send", "--to", &format!("15{}", "ab".repeat(32)), "text"],
        "",
        2,
        "--to: account id starts with 15",
    );
    check_failure(
        folder,
        &["account", "new", "--profile", "b", "--name", " "],
        "",
        2,
        "--name: the name is empty",
    );
    check_failure(folder, &restore, "", 2, "has 0 words, expected 13: type all of them in one line");
    check_failure(
        folder,
        &["send", "--to", &format!("05{}", "ab".repeat(32)), "-"],
        &"a".repeat((1 << 20) + 1),
        2,
        "the text on standard input is longer than 1048576 bytes",
    );
    check_failure(
        folder,
        &["inbox", "--profle", "x"],
        "",
        2,
        "a similar argument exists: '--profile' (see --help)",
    );
    check_failure(folder, &["send", "text"], "", 2, "--to <ID> (see --help)");
    let file = folder.join("secret.toml");
    fs::write(&file, "[accounts]\npassphrase = 123456789\n").unwrap();
    let list = ["account", "list", "--config", file.to_str().unwrap()];
    check_failure(folder, &list, "", 3, "secret.toml:2: accounts.passphrase expects ");
    assert!(!run(folder, &list, "").err.contains("123456789"));
    check_failure(folder, &["account", "list", "--config", "/nowhere.toml"], "", 3, "/nowhere.toml");
    check_failure(
        folder,
        &["-O", "transport.first_hpo=https", "config", "check"],
        "",
        3,
        "did you mean transport.first_hop?",
    );
    check_failure(
        folder,
        &["-O", "runtime.roles=[]", "config", "check"],
        "",
        3,
        "-O: runtime.roles is empty",
    );
    check_failure(
        folder,
        &["send", "--to", &format!("05{}", "ab".repeat(32)), "text"],
        "",
        3,
        "--network FILE",
    );
    assert_eq!(run(folder, &["account", "list"], "").out.lines().count(), 1);
}

#[test]
fn a_network_that_cannot_be_reached_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("network.toml");
    // Nobody listens on the port of a listener that is gone.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fs::write(&file, format!("[network]\nseeds = [{{ url = \"https://127.0.0.1:{port}\" }}]\n")).unwrap();
    let data = folder.path().join("data");
    run(&data, &["account", "new"], "");

    let ended =
        run(&data, &["--network", file.to_str().unwrap(), "-O", "inbox.send_attempts=1", "inbox"], "");

    assert_eq!(ended.code, Some(4), "{}", ended.err);
    assert!(ended.err.contains("no service node could be reached"), "{}", ended.err);
}

#[test]
fn a_verb_that_is_told_to_stop_ends_in_order_and_says_what_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    run(&data, &["account", "new"], "");
    let to = format!("05{}", "ab".repeat(32));
    let send: &[&str] = &["send", "--to", &to, "text"];
    // A signal that comes before the client is up is told in other words.
    for (verb, signal, code, said) in [
        (&["inbox"][..], "TERM", 0, ""),
        (&["inbox", "--follow"], "INT", 0, ""),
        (send, "INT", 1, "error: stopped before "),
        (send, "TERM", 1, "error: stopped before "),
    ] {
        // A seed that takes connections and never says a word.
        let seed = TcpListener::bind("127.0.0.1:0").unwrap();
        let file = folder.path().join("network.toml");
        let url = format!("https://{}", seed.local_addr().unwrap());
        fs::write(&file, format!("[network]\nseeds = [{{ url = \"{url}\" }}]\n")).unwrap();

        // The seed would be waited for as long as accepted work may take.
        let drain = ["-O", "inbox.bounds.drain_within=1s", "-O", "routing.paths.bounds.drain_within=1s"];
        let arguments = [&["--network", file.to_str().unwrap()], &drain[..], verb].concat();
        let child = command(&data, &arguments).spawn().expect("the command can be started");
        let held = seed.accept().unwrap();
        kill(signal, child.id());
        let ended = child.wait_with_output().expect("a child can be waited for");
        drop(held);

        let err = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(code), "{verb:?}: {err}");
        assert!(err.starts_with(said) && err.is_empty() == said.is_empty(), "{verb:?}: {err}");
    }
}

fn kill(signal: &str, process: u32) {
    let sent = Command::new("kill")
        .args([&format!("-{signal}"), &process.to_string()])
        .status()
        .expect("kill can be run");
    assert!(sent.success());
}

/// A node that runs without a node list: it waits for one.
struct Node(Child);

impl Node {
    fn start(folder: &Path, more: &[&str]) -> (Self, Value) {
        let file = format!("staking.backend.file={}", folder.join("nodes.json").display());
        let authority = format!("staking.backend.authority={}", "ab".repeat(32));
        let mut arguments = vec!["--json", "-O", "runtime.roles=[\"node\"]", "-O", &file, "-O", &authority];
        for free in [
            "gateway.https=127.0.0.1:0",
            "gateway.operator=127.0.0.1:0",
            "gateway.quic.listen=127.0.0.1:0",
            "gateway.omq.listen=127.0.0.1:0",
            "transport.port=0",
        ] {
            arguments.extend(["-O", free]);
        }
        arguments.extend(more);
        arguments.push("run");
        let mut child =
            command(folder, &arguments).stderr(Stdio::inherit()).spawn().expect("a node can be started");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("stdout is piped"))
            .read_line(&mut line)
            .expect("output is text");
        let told = if line.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&line).expect("a node tells one object")
        };
        (Self(child), told)
    }

    fn end(&mut self, signal: &str) -> Option<i32> {
        kill(signal, self.0.id());
        self.0.wait().expect("a child can be waited for").code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and need not be.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_node_says_where_it_listens_and_ends_well_when_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut keys = Vec::new();
    for signal in ["TERM", "INT"] {
        let (mut node, told) = Node::start(folder.path(), &[]);

        assert_eq!(told["event"], "listening");
        assert_eq!(told["pid"], node.0.id());
        assert!(told["gateway"]["https"].as_str().unwrap().starts_with("127.0.0.1:"), "{told}");
        assert!(told["libp2p"]["addresses"][0].as_str().unwrap().contains("/p2p/"), "{told}");
        keys.push(told["pubkey_ed25519"].clone());
        assert_eq!(node.end(signal), Some(0), "SIG{signal}");
    }
    assert_eq!(keys[0], keys[1], "the same node after a restart");
}

/// Asks the operator's listener, over plain HTTP.
fn get(address: &str, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).expect("the operator's listener listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .expect("a request can be sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer is text");
    text
}

#[test]
fn the_alerts_look_at_series_that_a_node_has_before_anything_happens() {
    let folder = tempfile::tempdir().unwrap();
    let rules = fs::read_to_string(configs().join("prometheus-rules.yml")).unwrap();
    let expressions = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let named: Vec<_> =
        expressions.flat_map(|line| line.split(word)).filter(|word| word.starts_with("starling_")).collect();
    assert!(named.len() >= 5, "{named:?}");

    let (_node, told) = Node::start(folder.path(), &[]);
    let metrics = get(told["gateway"]["operator"].as_str().unwrap(), "/metrics");

    for name in named {
        let begins = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        assert!(metrics.lines().any(begins), "{name} is no series of a node");
    }
}

#[test]
fn the_files_of_the_public_networks_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    for (name, seeds) in [("session-mainnet.toml", 3), ("session-testnet.toml", 1)] {
        let file = configs().join(name);
        let arguments =
            ["--json", "--network", file.to_str().unwrap(), "-O", "runtime.roles=[\"client\"]", "config"];

        let checked = run(folder.path(), &[&arguments[..], &["check"]].concat(), "");
        let shown = run(folder.path(), &[&arguments[..], &["show"]].concat(), "").out;

        assert_eq!(checked.code, Some(0), "{name}: {}", checked.err);
        let lines: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let value = |key: &str| lines.iter().find(|line| line["key"] == key).unwrap()["value"].clone();
        assert_eq!(value("network.seeds").as_array().unwrap().len(), seeds);
        assert_eq!(value("transport.first_hop"), "https");
        assert_eq!(value("network.subnet_diversity"), true);
    }
}

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

#[test]
fn what_stands_in_the_way_of_a_start_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = Node::start(folder.path(), &[]);
    let list = ["account", "list"];
    check_failure(
        folder.path(),
        &list,
        "",
        5,
        &format!("is in use by another process (pid {})", node.0.id()),
    );
    drop(node);

    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let operator = format!("gateway.operator={taken}");
    let client = ["-O", "runtime.roles=[\"client\"]", "-O", &operator, "run"];
    let ended = run(folder.path(), &client, "");
    assert_eq!(ended.code, Some(5), "{}", ended.err);
    assert!(ended.err.contains(&taken.to_string()), "the port is named: {}", ended.err);
    drop(holder);

    fs::write(folder.path().join("version"), "9\n").unwrap();
    check_failure(
        folder.path(),
        &list,
        "",
        5,
        "is of a newer version (layout 9, this program knows up to 1)",
    );
}

#[test]
fn every_key_is_shown_with_the_place_that_won() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    fs::write(&file, "[inbox]\nsend_attempts = 5\n").unwrap();
    let arguments =
        ["--json", "--config", file.to_str().unwrap(), "-O", "inbox.members_per_poll=3", "config", "show"];

    let shown = run(folder.path(), &arguments, "").out;

    let origin = |key: &str| {
        let lines = shown.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let found =
            lines.into_iter().find(|line| line["key"] == key).unwrap_or_else(|| panic!("{key} is not shown"));
        found["origin"].as_str().unwrap().to_owned()
    };
    assert_eq!(origin("inbox.send_attempts"), format!("{}:2", file.display()));
    assert_eq!(origin("inbox.members_per_poll"), "-O");
    assert_eq!(origin("runtime.data_dir"), "flag");
    assert_eq!(origin("gateway.https"), "default");
}

#[test]
fn the_example_is_a_file_that_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let example = run(folder.path(), &["config", "example", "--role", "client"], "").out;
    let file = folder.path().join("client.toml");
    fs::write(&file, example).unwrap();

    let checked = run(folder.path(), &["--config", file.to_str().unwrap(), "config", "check"], "");

    assert_eq!(checked.code, Some(0), "{}", checked.err);
}
