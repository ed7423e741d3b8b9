//! Wrong once: each answer is one sentence that names the thing, with its exit code, and nothing is lost.

use std::{fs, net::TcpListener, process::Command};

use starling_tests::{Client, Finished, RunningNode, finish, starling};

#[track_caller]
fn refused(finished: &Finished, code: i32, named: &[&str]) {
    assert_eq!(finished.code, code, "stdout {:?} stderr {:?}", finished.stdout, finished.stderr);
    let lines: Vec<_> = finished.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "one sentence: {:?}", finished.stderr);
    assert!(!finished.stderr.contains("panicked"), "{:?}", finished.stderr);
    for name in named {
        assert!(finished.stderr.contains(name), "{name:?} is named in {:?}", finished.stderr);
    }
}

fn client() -> (tempfile::TempDir, Client) {
    let folder = tempfile::tempdir().expect("a folder");
    let network = folder.path().join("network.toml");
    fs::write(&network, "[network]\nname = \"nowhere\"\n[[network.seeds]]\nurl = \"https://127.0.0.1:1\"\n")
        .expect("a network file");
    let client = Client::new(&network);
    (folder, client)
}

#[test]
fn an_unknown_config_key_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.toml");
    fs::write(&file, "[runtime]\nroles = [\"node\"]\n\n[storage]\nmailbox = 3\n").expect("a config file");

    let finished = finish(Command::new(starling()).args(["run", "--config"]).arg(&file), "");

    refused(&finished, 3, &["node.toml:5", "mailbox"]);
}

#[test]
fn an_unreadable_config_file_is_named() {
    let finished =
        finish(Command::new(starling()).args(["config", "check", "--config", "/nonexistent/node.toml"]), "");

    refused(&finished, 3, &["/nonexistent/node.toml"]);
}

#[test]
fn a_wrong_override_names_itself() {
    let finished = finish(Command::new(starling()).args(["config", "check", "-O", "storage.nothing=1"]), "");

    refused(&finished, 3, &["-O", "storage.nothing"]);
}

#[test]
fn a_busy_port_is_named_with_its_key() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(starling());
    command.args(["run", "--data-dir"]).arg(folder.path().join("data"));
    for assignment in [
        "runtime.roles=[\"node\"]",
        &format!("staking.backend.authority={}", "0".repeat(64)),
        "gateway.operator=\"127.0.0.1:0\"",
        "gateway.quic.listen=\"127.0.0.1:0\"",
        "transport.listen=\"127.0.0.1\"",
        "transport.port=0",
        "runtime.log.level=\"error\"",
        &format!("gateway.https={address:?}"),
    ] {
        command.args(["-O", assignment]);
    }

    let finished = finish(&mut command, "");

    refused(&finished, 5, &[&address, "gateway.https"]);
}

#[test]
fn a_misspelt_recovery_word_is_named_with_a_suggestion() {
    let (_folder, client) = client();
    let phrase = "rafts neither gypsy vocal ramped cupcake hunter iguana speedy tubes powder aerial cupcake";

    let misspelt = client.run(&["account", "restore"], &phrase.replace("hunter", "hwnter"));
    let swapped = client.run(&["account", "restore"], &phrase.replace("rafts neither", "neither rafts"));
    let short = client.run(&["account", "restore"], "rafts neither gypsy");
    let right = client.run(&["account", "restore"], phrase);

    refused(&misspelt, 2, &["hwnter", "7", "hunter"]);
    refused(&swapped, 2, &["checksum"]);
    refused(&short, 2, &["3", "13"]);
    assert_eq!(right.code, 0, "{}", right.stderr);
    assert!(right.stdout.contains("05ba8dc42e86ee7f80757caa906deb0072b21a4e59cf4b3ae96cae4d07afbdb73f"));
}

#[test]
fn an_id_of_bad_length_or_prefix_is_refused_before_anything_is_sent() {
    let (_folder, client) = client();
    client.new_account("default");
    let good = "05ba8dc42e86ee7f80757caa906deb0072b21a4e59cf4b3ae96cae4d07afbdb73f";

    refused(&client.run(&["send", "--to", &good[..65], "hi"], ""), 2, &["65", "66"]);
    refused(&client.run(&["send", "--to", &good.replacen("05", "99", 1), "hi"], ""), 2, &["99"]);
    refused(&client.run(&["send", "--to", &good.replacen("ba", "zz", 1), "hi"], ""), 2, &["hex"]);
}

#[test]
fn a_message_that_is_too_long_says_how_long_it_may_be() {
    let (_folder, client) = client();
    let (id, _) = client.new_account("default");

    let finished = client.run(&["send", "--to", &id, "-"], &"long ".repeat(20_000));

    refused(&finished, 2, &["100000", "2000"]);
}

#[test]
fn a_network_that_cannot_be_reached_is_said_so() {
    let (_folder, client) = client();
    let (id, _) = client.new_account("default");

    refused(&client.run(&["send", "--to", &id, "hi"], ""), 4, &["seed"]);
}

#[test]
fn a_profile_that_is_taken_or_unknown_is_named() {
    let (_folder, client) = client();
    client.new_account("default");

    refused(&client.run(&["account", "new"], ""), 2, &["default"]);
    refused(&client.run(&["account", "show", "--profile", "nobody"], ""), 2, &["nobody"]);
    refused(&client.run(&["account", "new", "--profile", "No Way"], ""), 2, &["No Way"]);
}

#[test]
fn a_data_folder_of_a_newer_version_is_left_alone() {
    let (_folder, client) = client();
    client.new_account("default");
    let version = client.data().join("version");
    fs::write(&version, "99\n").expect("the version can be written");

    let finished = client.run(&["account", "list"], "");

    refused(&finished, 5, &["99"]);
    fs::write(&version, "1\n").expect("the version can be written");
    assert_eq!(client.lines(&["account", "list"]).len(), 1, "nothing was lost");
}

#[test]
fn a_data_folder_belongs_to_one_process_at_a_time() {
    let node = RunningNode::start(&"0".repeat(64), &[]);
    let mut command = Command::new(starling());
    command.args(["run", "--data-dir"]).arg(node.data()).args(["-O", "runtime.roles=[\"client\"]"]);

    let finished = finish(&mut command, "");

    refused(&finished, 5, &["another process", &node.pid().to_string()]);
}

#[test]
fn a_truncated_database_is_named_and_not_overwritten() {
    let (_folder, client) = client();
    client.new_account("default");
    let file = client.data().join("accounts.redb");
    let whole = fs::read(&file).expect("the accounts are there");
    fs::write(&file, &whole[..whole.len() / 3]).expect("the file can be cut");

    let finished = client.run(&["account", "list"], "");

    refused(&finished, 5, &["accounts.redb"]);
    fs::write(&file, &whole).expect("the file can be mended");
    assert_eq!(client.lines(&["account", "list"]).len(), 1);
}
