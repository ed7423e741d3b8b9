//! Components of every released version of the contract still run.

use std::{fs, path::PathBuf};

use starling_sandbox::{
    call::FetchResponse,
    config::CodeMode,
    event::{Command, Event, Failure, Item, Outcome, Verdict},
};
use starling_test_guests::plugins_folder;

use crate::seated::{ALICE, Seated, message, sandbox, text};

/// The folders of all released versions.
fn versions() -> Vec<PathBuf> {
    let entries = fs::read_dir(plugins_folder().join("golden")).expect("there are golden components");
    let folders = entries.map(|entry| entry.unwrap().path());
    let is_version =
        |folder: &PathBuf| folder.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit());
    folders.filter(is_version).collect()
}

fn seated(component: PathBuf, mode: CodeMode) -> Seated {
    let bytes = fs::read(&component).unwrap_or_else(|error| panic!("{}: {error}", component.display()));
    let plugin =
        sandbox(mode).compile(&bytes).unwrap_or_else(|error| panic!("{}: {error}", component.display()));
    let seated = Seated::new(plugin);
    seated.host.configure("{}");
    let body = "four".into();
    seated.host.answer_from_web(FetchResponse { status: 200, headers: Vec::new(), body });
    seated
}

#[tokio::test(flavor = "multi_thread")]
async fn a_golden_bot_runs_and_gets_from_every_import_what_it_was_promised() {
    for (version, mode) in versions()
        .into_iter()
        .flat_map(|version| [(version.clone(), CodeMode::Native), (version, CodeMode::Interpreted)])
    {
        let mut echo = seated(version.join("echo.wasm"), mode);

        assert_eq!(echo.order("hello").await, Ok(Outcome::Done), "{}", version.display());

        let lines = echo.host.take_lines();
        let expected = [
            "outbox 1; conversations 0 0".to_owned(),
            "kv 5 0 true 2 true".to_owned(),
            "timers 0 true; http 200 4".to_owned(),
            format!("config {{}}; secrets true {ALICE}; clock 1790000000000"),
            format!("random 3 1790000000000; identity {ALICE}"),
        ];
        assert_eq!(lines, expected, "{}", version.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_export_of_a_golden_bot_is_told_what_it_was_promised() {
    let target = text("").origin;
    let conversation = || ALICE.to_owned();
    let command = Command {
        name: "remind".to_owned(),
        arguments: vec!["10m".to_owned(), "tea time".to_owned()],
        message: text("/remind 10m \"tea time\""),
    };
    let emoji = "\u{1f426}".to_owned();
    let detail = "{\"group\":\"03aa\"}".to_owned();
    let calls = [
        (Event::Start, "start"),
        (Event::Command { command }, "command remind 10m|tea time"),
        (
            Event::Reaction { author: conversation(), target: target.clone(), emoji, is_removed: true },
            "reaction \u{1f426} true",
        ),
        (
            Event::Receipt { conversation: conversation(), reader: conversation(), sent_at: vec![1, 2] },
            "receipt [1, 2]",
        ),
        (Event::Deletion { target }, "deletion 1790000000000"),
        (
            Event::Other { kind: "group-member-added".to_owned(), conversation: conversation(), detail },
            "other group-member-added {\"group\":\"03aa\"}",
        ),
        (Event::Timer { name: "tea".to_owned() }, "timer tea"),
        (Event::Migrate { from_version: "0.0.9".to_owned() }, "migrate 0.0.9"),
    ];
    for version in versions() {
        let mut echo = seated(version.join("echo.wasm"), CodeMode::Native);
        for (event, line) in &calls {
            assert_eq!(
                echo.call(event).await,
                Ok(Outcome::Done),
                "{}, {}",
                event.export(),
                version.display()
            );
            assert_eq!(echo.host.take_lines(), [*line], "{}", version.display());
        }
        assert_eq!(echo.call(&message("retry 70")).await, Ok(Outcome::Failed(Failure::Retry(70))));
        let rejected = Failure::Reject("why not".to_owned());
        assert_eq!(echo.call(&message("reject why not")).await, Ok(Outcome::Failed(rejected)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_golden_filter_gives_every_verdict() {
    let because = || "as asked".to_owned();
    for version in versions() {
        let mut filter = seated(version.join("filter.wasm"), CodeMode::Native);
        for (body, verdict) in [
            ("hello", Verdict::Allow),
            ("flag", Verdict::Flag(because())),
            ("hold", Verdict::Hold(because())),
            ("reject", Verdict::Reject(because())),
            ("replace", Verdict::Replace("replaced".to_owned())),
        ] {
            let item = Item {
                room: Some("https://open.example.org/lobby".to_owned()),
                conversation: ALICE.to_owned(),
                author: ALICE.to_owned(),
                sent_at: 1_790_000_000_000,
                body: body.to_owned(),
                is_request: true,
                attachments: 3,
            };

            let judged = filter.call(&Event::Review { item }).await;

            assert_eq!(judged, Ok(Outcome::Judged(verdict)), "{}", version.display());
            let lines = filter.host.take_lines();
            let now = 1_790_000_000_000_u64;
            assert_eq!(lines, [format!("https://open.example.org/lobby true 3 1 {{}} {now} {now} {ALICE}")]);
        }
    }
}
