use starling_kernel::ManualClock;

use super::*;

struct Place {
    folder: tempfile::TempDir,
    clock: ManualClock,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: ManualClock::at(1_000) }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("log.jsonl")
    }

    fn open(&self, lines_per_minute: u32) -> Journal {
        self.bounded(1 << 20, lines_per_minute)
    }

    fn bounded(&self, limit: u64, lines_per_minute: u32) -> Journal {
        Journal::open(&self.path(), limit, lines_per_minute, Arc::new(self.clock.clone())).unwrap()
    }

    fn lines(&self) -> Vec<String> {
        texts(read(&self.path()).unwrap())
    }
}

fn texts(entries: Vec<Entry>) -> Vec<String> {
    entries.into_iter().map(|entry| entry.line).collect()
}

#[test]
fn a_line_tells_when_how_important_what_and_who() {
    let place = Place::new();
    let journal = place.open(10);

    journal.write(1_000, LogLevel::Error, Source::Plugin, "no \"tea\"\nleft");
    journal.flush().unwrap();

    let expected =
        "{\"at_ms\":1000,\"level\":\"error\",\"line\":\"no \\\"tea\\\"\\nleft\",\"source\":\"plugin\"}\n";
    assert_eq!(std::fs::read_to_string(place.path()).unwrap(), expected);
}

#[test]
fn a_long_line_is_cut_between_two_characters() {
    let place = Place::new();
    let journal = place.open(10);

    journal.write(0, LogLevel::Info, Source::Plugin, &"ü".repeat(MAX_LINE));
    journal.write(0, LogLevel::Info, Source::Output, &format!("x{}", "ü".repeat(MAX_LINE)));
    journal.flush().unwrap();

    let lines = place.lines();
    assert_eq!(lines[0], format!("{}…", "ü".repeat(MAX_LINE / 2)));
    assert_eq!(lines[1], format!("x{}…", "ü".repeat(MAX_LINE / 2 - 1)));
}

#[test]
fn of_too_many_lines_the_rest_is_counted_and_the_host_is_still_heard() {
    let place = Place::new();
    let journal = place.open(3);

    let written = (0..10)
        .filter(|number| journal.write(1_000, LogLevel::Info, Source::Plugin, &number.to_string()))
        .count();
    journal.write(1_000, LogLevel::Error, Source::Host, "trapped");
    place.clock.advance(Duration::from_secs(60));
    journal.write(1_000, LogLevel::Info, Source::Plugin, "later");
    journal.flush().unwrap();

    assert_eq!(written, 3);
    let left_out = "7 lines were left out: too many in a minute";
    assert_eq!(place.lines(), ["0", "1", "2", left_out, "trapped", "later"]);
}

#[test]
fn another_version_may_write_more_and_the_same_one_gains_nothing_by_starting_again() {
    let place = Place::new();
    let journal = place.open(2);
    let write = || (0..10).filter(|_| journal.write(1_000, LogLevel::Info, Source::Plugin, "x")).count();

    let counts = [2, 2, 5].map(|allowed| {
        journal.allow(allowed);
        write()
    });

    assert_eq!(counts, [2, 0, 5]);
}

#[test]
fn what_was_left_out_is_told_even_if_nothing_more_is_written() {
    let place = Place::new();
    let journal = place.open(1);

    for _ in 0..1_000 {
        journal.write(1_000, LogLevel::Info, Source::Output, "x");
    }
    journal.flush().unwrap();
    journal.flush().unwrap();

    assert_eq!(place.lines(), ["x", "999 lines were left out: too many in a minute"]);
}

#[test]
fn a_flood_of_failures_cannot_fill_the_log_with_the_host_s_own_lines() {
    let place = Place::new();
    let journal = place.open(10);

    for _ in 0..10_000 {
        journal.write(1_000, LogLevel::Error, Source::Host, "trapped");
    }
    journal.flush().unwrap();

    assert_eq!(place.lines().len(), usize::try_from(HOST_LINES_PER_MINUTE).unwrap());
}

#[test]
fn the_log_stays_within_its_bound() {
    let place = Place::new();
    let journal = place.bounded(64 * 1024, 60_000);

    for number in 0..5_000 {
        journal.write(1_000, LogLevel::Info, Source::Plugin, &format!("line {number}"));
    }
    journal.flush().unwrap();

    let lines = place.lines();
    assert_eq!(lines.last().unwrap(), "line 4999");
    assert!((300..1_200).contains(&lines.len()), "{}", lines.len());
}

#[test]
fn a_follower_sees_every_line_once_across_the_change_of_files() {
    let place = Place::new();
    let (none, mut follower) = Follower::from_start(&place.path()).unwrap();
    assert_eq!(none, []);
    let journal = place.bounded(8 * 1024, 60_000);

    let mut seen = Vec::new();
    for number in 0..1_000 {
        journal.write(1_000, LogLevel::Info, Source::Plugin, &number.to_string());
        if number % 20 == 0 {
            journal.flush().unwrap();
            seen.extend(texts(follower.poll().unwrap()));
        }
    }
    journal.flush().unwrap();
    seen.extend(texts(follower.poll().unwrap()));

    assert_eq!(seen, (0..1_000).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_follower_begins_where_it_is_told_to() {
    let place = Place::new();
    let journal = place.open(100);
    journal.write(1_000, LogLevel::Info, Source::Plugin, "before");
    journal.flush().unwrap();

    let mut from_now = Follower::from_now(&place.path()).unwrap();
    let (before, mut from_start) = Follower::from_start(&place.path()).unwrap();
    journal.write(1_000, LogLevel::Info, Source::Plugin, "after");
    journal.flush().unwrap();

    assert_eq!(texts(before), ["before"]);
    assert_eq!(texts(from_now.poll().unwrap()), ["after"]);
    assert_eq!(texts(from_start.poll().unwrap()), ["after"]);
    assert_eq!(from_start.poll().unwrap(), []);
}

#[test]
fn half_a_line_is_not_told_before_it_is_whole() {
    let place = Place::new();
    let journal = place.open(10);
    journal.write(1_000, LogLevel::Info, Source::Plugin, "whole");
    journal.flush().unwrap();
    let line = std::fs::read_to_string(place.path()).unwrap();
    std::fs::write(place.path(), &line[..20]).unwrap();
    let (none, mut follower) = Follower::from_start(&place.path()).unwrap();

    std::fs::write(place.path(), &line).unwrap();

    assert_eq!(none, []);
    assert_eq!(texts(follower.poll().unwrap()), ["whole"]);
}
