//! Scripts performed by native stand-ins: what the runner says of good and bad plugins.

use std::path::Path;

use futures::FutureExt as _;

use super::{
    super::{
        people::{ME, People, person},
        stage::{Reaction, Stage},
    },
    *,
};
use crate::{
    call::{HostCall, HostError, HostReply},
    event::Failure,
    guest::FaultKind,
};

/// A plugin as a function: its calls are made one after the other.
struct Native<F>(F);

impl<F> Callee for Native<F>
where
    F: FnMut(&Event) -> (Vec<HostCall>, Result<Outcome, Fault>),
{
    fn call<'a>(
        &'a mut self,
        event: &'a Event,
        _: &'a Moment,
        mut host: Box<dyn Answering>,
    ) -> LocalBoxFuture<'a, Result<Outcome, Fault>> {
        let (calls, outcome) = (self.0)(event);
        Box::pin(async move {
            for call in calls {
                // What it is answered is in the report.
                let _ = host.answer(call).await;
            }
            outcome
        })
    }

    fn restart(&mut self) {}
}

fn manifest(permissions: &str) -> Manifest {
    let text = format!(
        "name = \"x\"\nversion = \"1.0.0\"\nworld = \"starling:plugin/bot@0.1.0\"\nevents = [\"message\", \"command\", \"reaction\"]\n\
         permissions = [{permissions}]\n[config]\ngreeting = \"Hello\"\n"
    );
    Manifest::parse(Path::new("plugin.toml"), &text).unwrap()
}

fn perform(
    permissions: &str,
    script: &str,
    plugin: impl FnMut(&Event) -> (Vec<HostCall>, Result<Outcome, Fault>),
) -> Report {
    let script = Script::parse(script).unwrap();
    script.perform(&manifest(permissions), &mut Native(plugin)).now_or_never().unwrap()
}

fn problems(report: &Report) -> String {
    report.failed.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Says back what it is told, and counts.
fn echo(event: &Event) -> (Vec<HostCall>, Result<Outcome, Fault>) {
    let calls = match event {
        Event::Message { message } => vec![
            HostCall::KvIncrement { key: "told".to_owned(), by: 1 },
            HostCall::Reply { to: message.origin.clone(), body: message.body.clone() },
        ],
        Event::Command { command } => {
            vec![HostCall::TimerSet { name: command.arguments.join(" "), after: 60_000, every: None }]
        }
        Event::Timer { name } => vec![HostCall::Send { to: person("alice"), body: format!("{name}!") }],
        _ => Vec::new(),
    };
    (calls, Ok(Outcome::Done))
}

const ALL: &str = "\"send:reply\", \"kv\", \"timers\"";

#[test]
fn a_plugin_that_does_what_is_expected_passes() {
    let script = r#"{ "steps": [
        { "message": "hello", "expect": [{ "reply": "hello" }], "kv": { "told": "1", "other": null } },
        { "message": "hi", "from": "bob", "expect": [{ "reply": { "to": "bob", "quotes": "hi", "body": { "contains": "h" } } }] },
        { "command": "/remind tea time", "expect": [{ "timer-set": { "name": "tea time", "after": "1m" } }], "timers": ["tea time"] },
        { "advance": "59s", "expect": [] },
        { "advance": "1s", "expect": [{ "send": { "to": "alice", "body": "tea time!" } }], "timers": [] },
        { "restart": true, "expect": [], "kv": { "told": { "matches": "^2$" } } }
    ] }"#;

    let report = perform(ALL, script, echo);

    assert!(report.is_good(), "{}", problems(&report));
    assert_eq!((report.steps, report.calls), (6, 6));
}

#[test]
fn a_difference_stands_in_its_step_line_by_line() {
    let script = r#"{ "steps": [
        { "message": "hello" },
        { "message": "hello", "expect": [{ "reply": "Hello" }, { "send": "more" }], "kv": { "told": "3" } },
        { "message": "never told" }
    ] }"#;

    let report = perform(ALL, script, echo);

    assert_eq!(
        problems(&report),
        "step 2: message \"hello\" from alice\n  \
         what it did is not what was expected (-: expected, +: came)\n    \
         - reply to alice, quotes \"hello\", body \"Hello\"\n    \
         - send to alice, body \"more\"\n    \
         + reply to alice, quotes \"hello\", body \"hello\"\n  \
         kv \"told\": expected \"3\", came \"2\""
    );
    assert_eq!(report.calls, 3, "the rest is not performed");
}

#[test]
fn what_is_not_granted_is_refused_and_may_be_expected_so() {
    let script = r#"{ "grants": ["kv"], "steps": [
        { "message": "hello", "expect": [{ "refused": { "call": "outbox.reply", "error": "access-denied" } }], "kv": { "told": "1" } },
        { "message": "hello", "expect": [] }
    ] }"#;

    let report = perform(ALL, script, echo);

    assert!(report.is_good(), "{}", problems(&report));
    let script = r#"{ "steps": [{ "message": "hello", "expect": [{ "refused": "kv.increment" }, { "reply": "hello" }] }] }"#;
    let report = perform("\"send:reply\"", script, echo);
    assert!(report.is_good(), "what is not asked for is not granted: {}", problems(&report));
}

#[test]
fn a_call_that_fails_leaves_nothing_behind_but_its_log() {
    let fail = |event: &Event| {
        let (mut calls, _) = echo(event);
        calls.push(HostCall::Log { level: crate::call::LogLevel::Warn, line: "no".to_owned() });
        match event {
            Event::Message { .. } => (calls, Ok(Outcome::Failed(Failure::Reject("not today".to_owned())))),
            Event::Command { .. } => {
                (calls, Err(Fault { kind: FaultKind::TimedOut, text: "late".to_owned() }))
            }
            _ => (Vec::new(), Ok(Outcome::Done)),
        }
    };
    let script = r#"{ "steps": [
        { "message": "a", "outcome": { "failed": { "reject": { "contains": "today" } } }, "expect": [{ "log": "no" }], "kv": { "told": null } },
        { "command": "/b", "outcome": { "fault": "timed-out" }, "expect": [], "timers": [] },
        { "message": "c" }
    ] }"#;

    let report = perform("\"send:reply\", \"kv\", \"timers\", \"log\"", script, fail);

    assert_eq!(
        problems(&report),
        "step 3: message \"c\" from alice\n  on-message: expected done, came failed for good: \"not today\""
    );
}

#[test]
fn what_is_taken_back_in_the_same_call_was_never_sent() {
    let regret = |event: &Event| {
        let calls = match event {
            Event::Message { message } => vec![
                HostCall::Send { to: message.origin.conversation.clone(), body: "one".to_owned() },
                HostCall::Send { to: message.origin.conversation.clone(), body: "two".to_owned() },
                HostCall::DeleteOwn { sent: "1".to_owned() },
            ],
            Event::Command { .. } => {
                ["2", "1"].map(|sent| HostCall::DeleteOwn { sent: sent.to_owned() }).into()
            }
            _ => Vec::new(),
        };
        (calls, Ok(Outcome::Done))
    };
    let script = r#"{ "steps": [
        { "message": "a", "expect": [{ "send": "two" }] },
        { "command": "/undo", "expect": [{ "delete-own": "two" }, { "refused": { "error": "not-found" } }] }
    ] }"#;

    let report = perform("\"send:reply\", \"delete\"", script, regret);

    assert!(report.is_good(), "{}", problems(&report));
}

#[test]
fn requests_are_answered_in_order_and_all_of_them_must_be_made() {
    let ask = |event: &Event| {
        let Event::Message { message } = event else { return (Vec::new(), Ok(Outcome::Done)) };
        let header =
            crate::call::HeaderValue::Secret { prefix: "Bearer ".to_owned(), name: "token".to_owned() };
        let request = crate::call::FetchRequest {
            method: "GET".to_owned(),
            url: format!("https://api.example.org/{}", message.body),
            headers: vec![("Authorization".to_owned(), header)],
            body: Vec::new().into(),
        };
        (vec![HostCall::Fetch { request }], Ok(Outcome::Done))
    };
    let script = |steps: &str| {
        format!(
            r#"{{ "secrets": {{ "token": "abc" }}, "http": [
                {{ "expect": {{ "url": {{ "contains": "org/a" }}, "headers": {{ "authorization": "Bearer abc" }} }}, "answer": {{ "body": "x" }} }},
                {{ "expect": {{ "method": "GET" }}, "answer": "timeout" }}
            ], "steps": [{steps}] }}"#
        )
    };
    let asks = "\"http:https://api.example.org\", \"secret:token\"";

    let good = perform(
        asks,
        &script(
            r#"{ "message": "a" }, { "message": "b", "expect": [{ "fetch": { "url": "https://api.example.org/b" } }, { "refused": { "call": "http.fetch", "error": "other" } }] }"#,
        ),
        ask,
    );
    assert!(good.is_good(), "{}", problems(&good));
    let other = perform(asks, &script(r#"{ "message": "b" }"#), ask);
    assert!(
        problems(&other)
            .contains("the request is another than http expects next; url: expected a text with \"org/a\"")
    );
    let unused = perform(asks, &script(r#"{ "message": "a" }"#), ask);
    assert!(
        problems(&unused).contains("the last 1 of the 2 exchanges of http were never made"),
        "{}",
        problems(&unused)
    );
    let denied = perform(
        "\"http:https://other.example.org\"",
        &script(r#"{ "message": "a", "expect": [{ "refused": { "error": "access-denied" } }] }"#),
        ask,
    );
    assert!(problems(&denied).contains("the last 2 of the 2"), "{}", problems(&denied));
}

#[test]
fn a_plugin_that_is_not_offered_an_event_is_not_called_for_it() {
    let script = r#"{ "steps": [{ "message": "a" }, { "receipt": "a" }] }"#;
    let report = perform(ALL, script, echo);
    assert!(problems(&report).contains("events in plugin.toml lacks \"receipt\""), "{}", problems(&report));

    let report = perform(ALL, r#"{ "steps": [{ "review": "a" }] }"#, echo);
    assert!(problems(&report).contains("a bot is not called for review"), "{}", problems(&report));
    let report = perform(ALL, r#"{ "steps": [{ "reaction": "👍", "on": "nothing" }] }"#, echo);
    assert!(
        problems(&report).contains("no message \"nothing\" in the conversation with alice"),
        "{}",
        problems(&report)
    );
}

#[test]
fn the_same_script_is_the_same_call_by_call() {
    fn heard(seed: u64) -> Vec<HostReply> {
        struct Curious(Vec<HostReply>);
        impl Callee for Curious {
            fn call<'a>(
                &'a mut self,
                _: &'a Event,
                _: &'a Moment,
                mut host: Box<dyn Answering>,
            ) -> LocalBoxFuture<'a, Result<Outcome, Fault>> {
                Box::pin(async move {
                    for call in [
                        HostCall::RandomNumber,
                        HostCall::RandomBytes { n: 9 },
                        HostCall::Now,
                        HostCall::GetConfig,
                    ] {
                        self.0.push(host.answer(call).await.unwrap_or(HostReply::Done));
                    }
                    Ok(Outcome::Done)
                })
            }

            fn restart(&mut self) {}
        }
        let script = format!(
            r#"{{ "seed": {seed}, "config": {{ "greeting": "Hi" }}, "steps": [{{ "start": true }}, {{ "advance": 5 }}, {{ "timer": "t" }}] }}"#
        );
        let mut curious = Curious(Vec::new());
        let manifest = manifest("\"random\", \"clock\", \"config\"");
        let script = Script::parse(&script).unwrap();
        let report = script.perform(&manifest, &mut curious).now_or_never().unwrap();
        assert!(report.is_good(), "{}", problems(&report));
        curious.0
    }

    let first = heard(1);

    assert_eq!(first, heard(1));
    assert_ne!(first[0], heard(2)[0]);
    assert_ne!(first[0], first[4], "another call, other numbers");
    assert_eq!(
        (&first[2], &first[6]),
        (&HostReply::Unsigned(1_767_225_600_000), &HostReply::Unsigned(1_767_225_600_006))
    );
    assert_eq!(first[3], HostReply::Text("{\"greeting\":\"Hi\"}".to_owned()));
}

#[test]
fn a_grant_may_name_somebody() {
    let send = |event: &Event| {
        let to = |name| HostCall::Send { to: person(name), body: "x".to_owned() };
        let calls = if *event == Event::Start { Vec::new() } else { vec![to("bob"), to("carol")] };
        (calls, Ok(Outcome::Done))
    };
    let script = r#"{ "grants": ["send:bob"], "steps": [
        { "timer": "t", "expect": [{ "send": { "to": "bob" } }, { "refused": { "error": "access-denied" } }] }
    ] }"#;

    let report = perform("\"send:direct\"", script, send);

    assert!(report.is_good(), "{}", problems(&report));
}

#[test]
fn errors_are_those_of_the_contract() {
    let check = |permissions: &str, call: HostCall, expected: HostError| {
        let grants = manifest(permissions).permissions;
        let mut stage = Stage::new(person(ME), People::default(), grants);
        stage.begin(&Moment { now_ms: 1, seed: [0; 32] });
        stage.hear(&person("alice"), &person("alice"), "hello", 1, true);
        let Reaction::Now(answer) = stage.answer(call.clone()) else { panic!("an answer") };
        let error = answer.unwrap_err();
        let is_same = match (&error, &expected) {
            (HostError::InvalidArgument(text), HostError::InvalidArgument(part)) => {
                text.contains(part.as_str())
            }
            (error, expected) => error == expected,
        };
        assert!(is_same, "{call:?}: expected {expected:?}, came {error:?}");
    };
    let send = |to: &str, body: &str| HostCall::Send { to: to.to_owned(), body: body.to_owned() };
    let invalid = |part: &str| HostError::InvalidArgument(part.to_owned());

    check("\"send:reply\"", send(&person("bob"), "a"), HostError::AccessDenied);
    check("\"react:direct\"", send(&person("alice"), "a"), HostError::AccessDenied);
    check("\"send:reply\"", send(&person("alice"), " "), invalid("empty"));
    check("\"send:reply\"", send(&person("alice"), &"x".repeat(2001)), invalid("longer than 2000"));
    check("\"send:direct\"", send("room", "a"), invalid("no conversation"));
    check("", HostCall::OwnId, HostError::AccessDenied);
    check("\"secret:a\"", HostCall::SecretReveal { name: "a".to_owned() }, HostError::AccessDenied);
    check("\"secret-reveal:a\"", HostCall::SecretReveal { name: "a".to_owned() }, HostError::NotFound);
    check("\"random\"", HostCall::RandomBytes { n: 65_537 }, invalid("65536"));
    check(
        "\"read:direct\"",
        HostCall::Read { of: "x".to_owned(), after: 0, limit: 1 },
        invalid("no conversation"),
    );
    check("\"delete\"", HostCall::DeleteOwn { sent: "7".to_owned() }, HostError::NotFound);
}
