use std::fs;

use super::*;

const ALICE: &str = "05ba8dc42e86ee7f80757caa906deb0072b21a4e59cf4b3ae96cae4d07afbdb73f";
const LIMIT: u64 = 1 << 20;

fn used(at_ms: u64, grant: &str, target: &str, outcome: &'static str) -> Use {
    Use { at_ms, import: "kv.get", grant: grant.to_owned(), target: target.to_owned(), outcome }
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("receipts.jsonl")
    }

    fn open(&self, limit: u64) -> Receipts {
        Receipts::open(&self.path(), limit, "echo".parse().unwrap()).unwrap()
    }

    /// Writes these uses, each in a window of its own.
    fn with(uses: u64) -> Self {
        let place = Self::new();
        let receipts = place.open(LIMIT);
        for at in 0..uses {
            receipts.append(used(at, "kv", "", "ok"));
            receipts.flush(at).unwrap();
        }
        place
    }

    fn broken_at(&self, expected: usize) {
        match verify(&self.path()) {
            Err(AuditError::Broken { line, .. }) => assert_eq!(line, expected),
            other => panic!("expected a fault at line {expected}: {other:?}"),
        }
    }
}

#[test]
fn every_use_leaves_a_line_that_tells_who_did_what_with_whom() {
    let place = Place::new();
    let receipts = place.open(LIMIT);

    receipts.append(used(1_000, "send:reply", ALICE, "ok"));
    receipts.append(used(1_001, "http:https://a.org", "a.org", "access-denied"));
    receipts.tick(2_000).unwrap();

    let read = read(&place.path(), 0).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].n, read[0].at_ms, read[0].plugin.as_str()), (0, 1_000, "echo"));
    assert_eq!(
        (read[0].import.as_str(), read[0].grant.as_str(), read[0].target.as_str()),
        ("kv.get", "send:reply", "05ba8dc4…")
    );
    assert_eq!((read[1].target.as_str(), read[1].outcome.as_str()), ("a.org", "access-denied"));
    assert_eq!(verify(&place.path()).unwrap().lines, 2);
}

#[test]
fn no_account_id_and_no_long_text_is_kept_whole() {
    let place = Place::new();
    let receipts = place.open(LIMIT);

    receipts.append(used(0, "send:direct", ALICE, "ok"));
    receipts.append(used(0, "kv", &"ü".repeat(1_000), "ok"));
    receipts.flush(0).unwrap();

    let text = fs::read_to_string(place.path()).unwrap();
    assert!(!text.contains(&ALICE[..9]), "{text}");
    assert_eq!(read(&place.path(), 0).unwrap()[1].target, format!("{}…", "ü".repeat(32)));
}

#[test]
fn uses_alike_become_one_line_with_a_count() {
    let place = Place::new();
    let receipts = place.open(LIMIT);

    for at in 0..900 {
        receipts.append(used(at, "kv", "", "ok"));
        receipts.append(used(at, "log", "", if at < 5 { "ok" } else { "quota" }));
    }
    receipts.tick(999).unwrap();
    assert_eq!(read(&place.path(), 0).unwrap(), [], "the window is not over");
    receipts.tick(1_000).unwrap();

    let counts: Vec<_> =
        read(&place.path(), 0).unwrap().into_iter().map(|one| (one.grant, one.count, one.until_ms)).collect();
    let expected = [("kv", 900, Some(899)), ("log", 5, Some(4)), ("log", 895, Some(899))];
    assert_eq!(counts, expected.map(|(grant, count, until)| (grant.to_owned(), count, until)));
}

#[test]
fn a_flood_of_different_uses_writes_about_a_line_a_second() {
    let place = Place::new();
    let receipts = place.open(LIMIT);
    let hour = 3_600_000;

    let mut uses = 0_u64;
    for at in (0..hour).step_by(20) {
        receipts.append(used(at, "send:direct", &format!("target {uses}"), "ok"));
        uses += 1;
        if at % 1_000 == 0 {
            receipts.tick(at).unwrap();
        }
    }
    receipts.flush(hour).unwrap();

    let read = read(&place.path(), 0).unwrap();
    assert!(read.len() < 4_500, "{} lines", read.len());
    assert_eq!(read.iter().map(|receipt| receipt.count).sum::<u64>(), uses, "none is forgotten");
    assert!(read.iter().any(|receipt| receipt.outcome == "folded"));
}

#[test]
fn after_a_quiet_second_a_window_is_short_again() {
    let mut window = Window::default();
    for target in 0..100 {
        window.record(used(0, "kv", &target.to_string(), "ok"));
    }
    window.close(1_000, 0);
    window.record(used(1_000, "kv", "", "ok"));

    assert!(!window.is_over(2_500), "the next one is longer");
    window.close(3_000, 0);
    window.record(used(3_000, "kv", "", "ok"));
    assert!(window.is_over(4_000));
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_a_window_open() {
    let mut window = Window::default();
    window.record(used(1_000_000, "kv", "", "ok"));

    assert!(window.is_over(500_000));
}

#[test]
fn the_chain_goes_on_after_a_restart_and_after_a_torn_line() {
    let place = Place::with(3);
    let mut torn = fs::read(place.path()).unwrap();
    torn.extend_from_slice(b"{\"n\":3,\"at_");
    fs::write(place.path(), torn).unwrap();

    let receipts = place.open(LIMIT);
    receipts.append(used(9, "log", "", "ok"));
    receipts.flush(9).unwrap();

    let verified = verify(&place.path()).unwrap();
    assert_eq!((verified.lines, verified.first), (4, Some(0)));
    assert_eq!(read(&place.path(), 9).unwrap()[0].n, 3);
}

#[test]
fn the_files_stay_within_their_bound_and_the_chain_whole() {
    let place = Place::new();
    let limit = 64 * 1024;
    let mut receipts = place.open(limit);
    for at in 0..2_000_u64 {
        if at % 300 == 0 {
            receipts = place.open(limit);
        }
        receipts.append(used(at, "kv", &at.to_string(), "ok"));
        receipts.flush(at).unwrap();
    }

    let verified = verify(&place.path()).unwrap();

    let sizes = [place.path(), segments::older(&place.path())].map(|path| fs::metadata(path).unwrap().len());
    assert!(sizes.iter().sum::<u64>() <= limit, "{sizes:?}");
    assert!(verified.lines > 100 && verified.first.unwrap() > 0, "{verified:?}");
    assert_eq!(verified.first.unwrap() + verified.lines, 2_000);
}

#[test]
fn a_chain_goes_on_from_the_older_file_when_the_newer_is_not_there_yet() {
    let place = Place::with(3);
    fs::rename(place.path(), segments::older(&place.path())).unwrap();

    let receipts = place.open(LIMIT);
    receipts.append(used(9, "log", "", "ok"));
    receipts.flush(9).unwrap();

    assert_eq!(verify(&place.path()).unwrap().lines, 4);
}

#[test]
fn whatever_is_changed_in_a_line_is_found() {
    let place = Place::with(5);
    let whole = fs::read_to_string(place.path()).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    let rewrite = |lines: &[&str]| fs::write(place.path(), format!("{}\n", lines.join("\n"))).unwrap();

    rewrite(&[lines[0], &lines[1].replace("\"ok\"", "\"no\""), lines[2], lines[3], lines[4]]);
    place.broken_at(3);
    rewrite(&[lines[0], &lines[1].replace("\"at_ms\":1", "\"at_ms\": 1"), lines[2]]);
    place.broken_at(3);
    rewrite(&[lines[0], lines[2], lines[3]]);
    place.broken_at(2);
    rewrite(&[lines[0], lines[1], lines[1], lines[2]]);
    place.broken_at(3);
    rewrite(&[lines[0], lines[2], lines[1], lines[3]]);
    place.broken_at(2);
    rewrite(&[lines[0], "hello", lines[1]]);
    place.broken_at(2);
    rewrite(&[&lines[0].replace(&"0".repeat(64), &"1".repeat(64)), lines[1]]);
    place.broken_at(1);
    rewrite(&lines);
    assert_eq!(verify(&place.path()).unwrap().lines, 5);
}

#[test]
fn any_byte_that_is_altered_is_found() {
    let place = Place::with(4);
    let whole = fs::read(place.path()).unwrap();
    // The last line is vouched for by the head alone.
    let vouched = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    let head = verify(&place.path()).unwrap().head;

    for at in 0..whole.len() - 1 {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        fs::write(place.path(), &altered).unwrap();
        match verify(&place.path()) {
            Err(AuditError::Broken { .. }) => {}
            Ok(verified) => assert!(at > vouched && verified.head != head, "byte {at}"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn nothing_written_is_without_a_fault() {
    let place = Place::new();

    assert_eq!(verify(&place.path()).unwrap(), Verified { lines: 0, first: None, head: Digest::ZERO });
    assert_eq!(read(&place.path(), 0).unwrap(), []);
}

#[test]
fn lines_that_cannot_be_written_are_counted_in_the_next_that_can() {
    let place = Place::new();
    let receipts = place.open(LIMIT);
    receipts.append(used(0, "kv", "", "ok"));
    receipts.flush(0).unwrap();
    let working =
        std::mem::replace(&mut receipts.writer().segments, Segments::read_only(&place.path()).unwrap());

    receipts.append(used(1, "kv", "", "ok"));
    receipts.append(used(1, "kv", "", "ok"));
    receipts.append(used(1, "log", "", "ok"));
    assert!(receipts.flush(1).is_err());
    receipts.writer().segments = working;
    receipts.append(used(2, "log", "", "ok"));
    receipts.flush(2).unwrap();

    assert_eq!(verify(&place.path()).unwrap().lines, 3);
    let lost = &read(&place.path(), 1).unwrap()[0];
    assert_eq!((lost.outcome.as_str(), lost.count), ("lost", 3));
}
