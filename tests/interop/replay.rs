//! Recordings of the reference and transcripts of our own, played against running nodes.

use std::path::PathBuf;

use starling_tests::{
    replay::{
        adapt,
        door::{Door, HttpsDoor, OmqDoor, OnionDoor, QuicDoor},
        network::Network,
        player, record,
        recorded::{self, Recording},
        report::Report,
        target::Target,
    },
    repository,
};

fn recordings() -> PathBuf {
    repository().join("runtime/protocol/tests/recorded")
}

/// Everything passed, and what was skipped was so for one of these reasons.
#[track_caller]
fn check(report: &Report, least: usize, reasons: &[&str]) {
    println!("{report}");
    assert_eq!(report.failed(), [], "{report}");
    for (case, reason) in report.skipped() {
        assert!(reasons.iter().any(|known| reason.contains(known)), "{case} was skipped: {reason}");
    }
    assert!(report.passed() >= least, "only {} cases passed", report.passed());
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_exchanges_are_answered_as_the_reference_answered_them() {
    let recording = Recording::read(&[recordings()]).expect("the recordings are there");

    let report = recorded::play(&recording).await.expect("the network starts");

    let reasons =
        ["a stand-in for the chain's daemon", "from node to node", "no web server at the recorded address"];
    check(&report, 90, &reasons);
}

#[tokio::test(flavor = "multi_thread")]
async fn transcripts_pass_over_every_door() {
    let recording = Recording::read(&[recordings()]).expect("the recordings are there");
    let network = Network::start(&recording.plan, 1_795_400_000_000).await.expect("the network starts");
    let home = &network.nodes[0].peer;
    let target = Target::discover(&home.url, Some(network.time())).await.expect("a storage node");
    assert_eq!(target.home.ed25519, home.ed25519, "the node's key was found out");
    let (https, onion) =
        (HttpsDoor::default(), OnionDoor::new(vec![target.members[0].clone(), target.home.clone()]));
    let (quic, omq) = (QuicDoor::default(), OmqDoor::default());
    let doors: [&dyn Door; 4] = [&https, &onion, &quic, &omq];

    let files = player::read_folder(&repository().join("tests/transcripts")).expect("transcripts");
    let report = player::play(&files, &doors, &target).await.expect("the node can be asked");
    network.stop().await;

    check(&report, 2_600, &[]);
}

/// The player itself: an answer that is not the recorded one is found, with the place where it differs.
#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_found_and_named() {
    let mut recording = Recording::read(&[recordings()]).expect("the recordings are there");
    recording.exchanges.retain(|exchange| exchange.name == "store_inbox_ns0" || exchange.name == "bad_json");
    recording.exchanges[0].case["response"]["body_json"]["hash"] = "another".into();
    recording.exchanges[1].case["response"]["body_text"] = "other words".into();

    let report = recorded::play(&recording).await.expect("the network starts");

    let failed = report.failed();
    assert_eq!(failed.len(), 2, "{report}");
    assert!(failed[0].1.starts_with("/hash: expected \"another\", got "), "{}", failed[0].1);
    assert_eq!(failed[1].1, "body: expected \"other words\", got \"invalid json\"");
}

/// What was recorded of other nodes is asked of these in their own time, with other accounts; what they answered is recorded,
/// and they answer so again.
#[tokio::test(flavor = "multi_thread")]
async fn recordings_are_adapted_to_any_node_and_answers_recorded_again() {
    let recording = Recording::read(&[recordings()]).expect("the recordings are there");
    let network = Network::start(&recording.plan, 1_799_999_000_000).await.expect("the network starts");
    let target =
        Target::discover(&network.nodes[1].peer.url, Some(network.time())).await.expect("a storage node");
    let https = HttpsDoor::default();
    let doors: [&dyn Door; 1] = [&https];

    let (adapted, _) = adapt::adapt(&recording).expect("it can be adapted");
    let first =
        player::play(&[("recorded".to_owned(), adapted.clone())], &doors, &target).await.expect("played");
    let again = record::record(&adapted, &https, &target).await.expect("recorded");
    let second = player::play(&[("again".to_owned(), again)], &doors, &target).await.expect("played");
    network.stop().await;

    check(&first, 50, &[]);
    check(&second, 50, &[]);
}
