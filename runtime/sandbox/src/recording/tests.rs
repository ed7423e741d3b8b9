//! Recordings written, read and played again.

use std::{fs, path::Path};

use futures::{FutureExt as _, future::BoxFuture};

use super::*;
use crate::{
    call::{Answering, HostCall, HostError, HostReply},
    event::{Event, Outcome},
    guest::{Fault, FaultKind, Moment},
    permission::Grants,
};

/// Answers with what the key is, and never answers the clock.
struct Host;

impl Answering for Host {
    fn answer(&mut self, call: HostCall) -> BoxFuture<'_, Result<HostReply, HostError>> {
        Box::pin(async move {
            match call {
                HostCall::KvGet { key } => Ok(HostReply::Value(Some(key.as_str().into()))),
                HostCall::Now => std::future::pending().await,
                _ => Err(HostError::AccessDenied),
            }
        })
    }

    fn printed(&mut self, _: &str) {}
}

fn get(key: &str) -> HostCall {
    HostCall::KvGet { key: key.to_owned() }
}

fn moment() -> Moment {
    Moment { now_ms: 7, seed: [3; 32] }
}

fn header() -> Header {
    Header::new("echo", "1.0.0", "ab", "bot", None)
}

/// What a plugin does with any host.
fn play(host: &mut dyn Answering, calls: &[HostCall]) -> Vec<Option<Result<HostReply, HostError>>> {
    host.printed("hello\n");
    calls.iter().map(|call| host.answer(call.clone()).now_or_never()).collect()
}

fn record(path: &Path, calls: &[&[HostCall]], max: u64) -> Result<u64, RecordError> {
    let mut recorder = Recorder::create(path, &header(), &Grants::none(), max)?;
    for calls in calls {
        let (mut host, taping) = recorder.listen(&Event::Start, &moment(), true, Box::new(Host));
        play(&mut *host, calls);
        let host: Box<dyn std::any::Any> = unlisten(host);
        assert!(host.is::<Host>(), "handed back");
        recorder.finish(taping, &Ok(Outcome::Done))?;
    }
    Ok(recorder.written())
}

fn takes(path: &Path) -> Vec<Take> {
    let mut recording = Recording::open(path).unwrap();
    assert_eq!(*recording.header(), header());
    std::iter::from_fn(|| recording.next_take().unwrap()).collect()
}

#[test]
fn a_call_is_played_again_as_it_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let calls = [get("a"), HostCall::OwnId, HostCall::Now];
    record(&path, &[&calls], 1 << 20).unwrap();

    let take = takes(&path).pop().unwrap();
    let replay = Replay::new(take.clone());
    let answers = play(&mut replay.clone(), &calls);

    assert_eq!((take.moment(), take.fresh, take.printed.as_str()), (moment(), true, "hello\n"));
    assert_eq!(
        answers,
        [Some(Ok(HostReply::Value(Some("a".into())))), Some(Err(HostError::AccessDenied)), None]
    );
    assert_eq!(replay.difference(&Ok(Outcome::Done)), None);
}

#[test]
fn the_first_difference_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    record(&path, &[&[get("a"), get("b")]], 1 << 20).unwrap();
    let take = takes(&path).pop().unwrap();
    let differ = |calls: &[HostCall], outcome: Result<Outcome, Fault>| {
        let replay = Replay::new(take.clone());
        play(&mut replay.clone(), calls);
        replay.difference(&outcome).unwrap().to_string()
    };

    let other = differ(&[get("a"), get("x"), get("y")], Ok(Outcome::Done));
    assert_eq!(
        other,
        "step 2: recorded {\"call\":\"kv-get\",\"key\":\"b\"}, now {\"call\":\"kv-get\",\"key\":\"x\"}"
    );
    let fewer = differ(&[get("a")], Ok(Outcome::Done));
    assert!(fewer.ends_with("now the end of the call") && fewer.starts_with("step 2"), "{fewer}");
    let more = differ(&[get("a"), get("b"), get("c")], Ok(Outcome::Done));
    assert!(more.starts_with("step 3: recorded the end of the call"), "{more}");
    let fault = Fault { kind: FaultKind::Trapped, text: "x".to_owned() };
    assert_eq!(
        differ(&[get("a"), get("b")], Err(fault)),
        "recorded {\"outcome\":\"done\"}, now {\"fault\":\"trapped\"}"
    );
    let silent = Replay::new(take.clone());
    let mut host = silent.clone();
    for call in [get("a"), get("b")] {
        host.answer(call).now_or_never().unwrap().unwrap();
    }
    let printed = silent.difference(&Ok(Outcome::Done)).unwrap().to_string();
    assert_eq!(printed, "recorded printed \"hello\\n\", now printed \"\"");
}

#[test]
fn a_call_that_ran_out_of_time_is_compared_as_far_as_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let late = || Err(Fault { kind: FaultKind::TimedOut, text: "late".to_owned() });
    let mut recorder = Recorder::create(&path, &header(), &Grants::none(), 1 << 20).unwrap();
    let (mut host, taping) = recorder.listen(&Event::Start, &moment(), true, Box::new(Host));
    play(&mut *host, &[get("a"), get("a")]);
    recorder.finish(taping, &late()).unwrap();
    let take = takes(&path).pop().unwrap();

    for n_calls in [0, 1, 2, 5] {
        let replay = Replay::new(take.clone());
        let answers = play(&mut replay.clone(), &vec![get("a"); n_calls]);
        assert_eq!(answers.iter().filter(|answer| answer.is_some()).count(), n_calls.min(2));
        assert_eq!(replay.difference(&late()), None, "{n_calls} calls");
    }

    let replay = Replay::new(take);
    play(&mut replay.clone(), &[get("b")]);
    assert!(replay.difference(&late()).is_some(), "another call");
}

#[test]
fn a_call_that_was_torn_off_is_none_and_a_broken_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    record(&path, &[&[get("a")], &[get("b")]], 1 << 20).unwrap();
    let whole = fs::read(&path).unwrap();

    for cut in 1..60 {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        assert_eq!(takes(&path).len(), 1, "{cut} bytes torn off");
    }

    let text = String::from_utf8(whole).unwrap();
    fs::write(&path, text.replacen("\"fresh\"", "\"fresh", 1)).unwrap();
    let mut recording = Recording::open(&path).unwrap();
    let broken = recording.next_take().unwrap_err().to_string();
    assert!(broken.starts_with("line 2 of the recording is broken"), "{broken}");
    fs::write(&path, "{\"a\":1}\n").unwrap();
    assert!(matches!(Recording::open(&path), Err(RecordingError::NotOne)));
    fs::write(&path, text.replacen("recording\":1", "recording\":2", 1)).unwrap();
    assert!(matches!(Recording::open(&path), Err(RecordingError::Foreign { found: 2, .. })));
}

#[test]
fn a_recording_that_is_full_ends_with_a_whole_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let long: Vec<_> = (0..1000).map(|_| get(&"x".repeat(200))).collect();

    let full = record(&path, &[&[get("a")], &long, &[get("b")]], 2000).unwrap_err();

    assert!(matches!(full, RecordError::Full { max: 2000, .. }), "{full}");
    assert_eq!(takes(&path).len(), 1);
    assert!(fs::metadata(&path).unwrap().len() <= 2000);
}

#[test]
fn a_plugin_that_may_read_a_secret_is_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let grants: Grants = ["kv", "secret-reveal:token"].iter().map(|text| text.parse().unwrap()).collect();

    let refused = Recorder::create(&path, &header(), &grants, 2000).unwrap_err();

    assert!(refused.to_string().contains("granted secret-reveal:token is not recorded"), "{refused}");
    assert!(!path.exists());
    let using: Grants = std::iter::once("secret:token".parse().unwrap()).collect();
    assert!(Recorder::create(&path, &header(), &using, 2000).is_ok());
}

#[test]
fn a_recording_never_goes_over_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    fs::write(&path, "thesis").unwrap();

    for number in [2, 3] {
        let recorder = Recorder::create(&path, &header(), &Grants::none(), 2000).unwrap();
        assert_eq!(recorder.path(), folder.path().join(format!("r.jsonl.{number}")));
    }

    assert_eq!(fs::read_to_string(&path).unwrap(), "thesis");
}

#[cfg(unix)]
#[test]
fn a_recording_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");

    record(&path, &[], 2000).unwrap();

    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
