//! The mock keeps the promises that the contract makes for the real host.

use std::time::Duration;

use serde_json::json;
use starling_plugin::{
    Bot, Command, Conversation, Error, Event, Failure, Filter, FilterHost, Host, Item, Level, Message,
    Outcome, Response, Sending, Timestamp, Verdict,
    mock::{Action, BEGINNING, MockHost, account, message},
};

const SECOND: Duration = Duration::from_secs(1);

/// Hands the host's error to the test, outside of the call that it would fail.
fn ask<T>(mock: &MockHost, work: impl FnOnce(&Host) -> Result<T, Error>) -> Result<T, Error> {
    mock.call(|host| Ok(work(host))).expect("the call itself ends well")
}

#[track_caller]
fn check_denied(permission: &str, work: impl Fn(&Host) -> Result<(), Error>) {
    let mock = MockHost::new();
    mock.answer("GET", "https://api.example.org/", Response::new(200));
    assert!(ask(&mock, &work).is_ok(), "{permission} is granted");

    mock.revoke(permission);

    let denied = ask(&mock, &work);
    assert!(matches!(denied, Err(Error::AccessDenied { .. })), "{permission}: {denied:?}");
}

fn conversation() -> Conversation {
    (&account(1)).into()
}

#[test]
fn each_capability_needs_its_grant() {
    let origin = message(&account(1), "hello").origin;
    check_denied("send", |host| host.outbox().send(&conversation(), "x").map(drop));
    check_denied("send", |host| host.outbox().reply(&origin, "x").map(drop));
    check_denied("react", |host| host.outbox().react(&origin, "👍"));
    check_denied("read", |host| host.conversations().read(&conversation(), 0, 10).map(drop));
    check_denied("read", |host| host.conversations().recent().map(drop));
    check_denied("kv", |host| host.kv().set("key", b"value"));
    check_denied("timers", |host| host.timers().set("name", SECOND));
    check_denied("http", |host| host.http().get("https://api.example.org/").send().map(drop));
    check_denied("config", |host| host.config().text().map(drop));
    check_denied("log", |host| host.log().write(Level::Info, "line"));
    check_denied("clock", |host| host.clock().now().map(drop));
    check_denied("random", |host| host.random().number().map(drop));
    check_denied("identity", |host| host.identity().own_id().map(drop));
}

#[test]
fn a_failed_call_has_changed_nothing() {
    let mock = MockHost::new();
    mock.call(|host| Ok(host.kv().set_text("kept", "before")?)).unwrap();

    let failure = mock.call(|host| {
        host.kv().set_text("kept", "after")?;
        host.kv().increment("new", 1)?;
        host.timers().repeat("timer", SECOND)?;
        host.outbox().send(&conversation(), "text")?;
        host.log().info("this stays");
        Err::<(), _>(Failure::reject("no"))
    });

    assert_eq!(failure, Err(Failure::reject("no")));
    assert_eq!(mock.bytes("kept").as_deref(), Some(&b"before"[..]));
    assert_eq!(mock.keys(), ["kept"]);
    assert!(mock.timers().is_empty() && mock.actions().is_empty());
    assert_eq!(mock.log(), [(Level::Info, "this stays".to_owned())]);
}

#[test]
fn a_reply_scope_reaches_who_has_written() {
    let mock = MockHost::with_grants(&["send:reply"]);

    let before = ask(&mock, |host| host.outbox().send(&conversation(), "x"));
    mock.receive(&account(1), "hello");
    let after = ask(&mock, |host| host.outbox().send(&conversation(), "x"));

    assert!(matches!(before, Err(Error::AccessDenied { call: "outbox.send" })), "{before:?}");
    assert!(after.is_ok());
}

#[test]
fn a_text_can_be_taken_back_before_and_after_it_has_left() {
    let mock = MockHost::new();

    let left = mock.call(|host| Ok(host.outbox().send(&conversation(), "one")?)).unwrap();
    mock.call(|host| {
        let queued = host.outbox().send(&conversation(), "two")?;
        host.outbox().delete(&queued)?;
        host.outbox().delete(&left)?;
        Ok(())
    })
    .unwrap();
    let again = ask(&mock, |host| host.outbox().delete(&left));

    assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
    let to = conversation();
    let sent = Action::Send { to, body: "one".to_owned(), sending: left.clone() };
    assert_eq!(mock.actions(), [sent, Action::Delete { sending: left }]);
    let stranger: Sending = serde_json::from_value(json!("sending-99")).unwrap();
    assert!(ask(&mock, |host| host.outbox().delete(&stranger)).is_err());
}

#[test]
fn what_the_contract_bounds_is_refused_with_what_was_expected() {
    let mock = MockHost::new();
    let long = "x".repeat(2_001);
    let reasons = [
        ask(&mock, |host| host.outbox().send(&conversation(), "").map(drop)),
        ask(&mock, |host| host.outbox().send(&conversation(), &long).map(drop)),
        ask(&mock, |host| host.outbox().react(&message(&account(1), "x").origin, "yes")),
        ask(&mock, |host| host.kv().get("").map(drop)),
        ask(&mock, |host| host.kv().set(&"k".repeat(257), b"")),
        ask(&mock, |host| host.kv().set("key", &[0; 65_537])),
        ask(&mock, |host| host.timers().repeat("name", Duration::from_millis(999))),
        ask(&mock, |host| host.random().bytes(65_537).map(drop)),
        ask(&mock, |host| host.http().get("ftp://example.org").send().map(drop)),
        ask(&mock, |host| host.http().request("BREW", "https://example.org").send().map(drop)),
    ];

    for reason in reasons {
        assert!(matches!(reason, Err(Error::InvalidArgument { .. })), "{reason:?}");
    }
}

#[test]
fn numbers_are_decimal_and_do_not_wrap() {
    let mock = MockHost::new();

    assert_eq!(ask(&mock, |host| host.kv().increment("n", i64::MAX)).ok(), Some(i64::MAX));
    assert!(ask(&mock, |host| host.kv().increment("n", 1)).is_err(), "the sum does not fit");
    assert_eq!(ask(&mock, |host| host.kv().get_text("n")).unwrap(), Some(i64::MAX.to_string()));
    ask(&mock, |host| host.kv().set_text("n", "many")).unwrap();
    assert!(ask(&mock, |host| host.kv().increment("n", 1)).is_err(), "the value is no number");
}

#[test]
fn a_swap_happens_only_over_the_expected_value() {
    let mock = MockHost::new();
    let swap = |expected: Option<&[u8]>, new: Option<&[u8]>| {
        ask(&mock, |host| host.kv().compare_and_swap("key", expected, new)).unwrap()
    };

    assert!(swap(None, Some(b"one")));
    assert!(!swap(None, Some(b"two")));
    assert!(!swap(Some(b"two"), None));
    assert!(swap(Some(b"one"), None));
    assert!(mock.keys().is_empty());
}

#[test]
fn keys_are_listed_in_order_and_page_by_page() {
    let mock = MockHost::new();
    let written: Vec<String> = (0..250).map(|n| format!("n/{n:03}")).collect();
    mock.call(|host| {
        host.kv().set_text("m", "")?;
        host.kv().set_text("o", "")?;
        written.iter().try_for_each(|key| host.kv().set_text(key, ""))?;
        Ok(())
    })
    .unwrap();

    let listed: Result<Vec<String>, Error> = ask(&mock, |host| host.kv().keys("n/").collect());
    let behind: Result<Vec<String>, Error> =
        ask(&mock, |host| host.kv().keys_after("n/", Some("n/247")).collect());

    assert_eq!(listed.unwrap(), written);
    assert_eq!(behind.unwrap(), ["n/248", "n/249"]);
}

#[test]
fn a_stored_value_of_another_form_is_named() {
    let mock = MockHost::new();

    let failure = mock
        .call(|host| {
            host.kv().set_text("score", "many")?;
            host.kv().get_json::<u32>("score")?;
            Ok(())
        })
        .unwrap_err();

    assert!(failure.to_string().starts_with("rejected: the value of `score` is malformed"), "{failure}");
}

/// Notes each firing with its time, and fails when it is told to.
#[derive(Default)]
struct Clockwork {
    fired: Vec<(String, Timestamp)>,
    failing: Option<&'static str>,
}

impl Bot for Clockwork {
    fn on_timer(&mut self, host: &Host, name: &str) -> Outcome {
        self.fired.push((name.to_owned(), host.clock().now()?));
        if self.failing == Some(name) { Err(Failure::reject("broken")) } else { Ok(()) }
    }
}

#[test]
fn timers_fire_in_order_each_at_its_time() {
    let mock = MockHost::new();
    let mut bot = Clockwork::default();
    mock.call(|host| {
        host.timers().set("late", 5 * SECOND)?;
        host.timers().set("early", SECOND)?;
        host.timers().repeat("often", 2 * SECOND)?;
        host.timers().set("never", 3 * SECOND)?;
        host.timers().cancel("never")?;
        Ok(())
    })
    .unwrap();

    mock.advance(&mut bot, 5 * SECOND);

    let seconds = |(name, at): &(String, Timestamp)| (name.clone(), at.since(BEGINNING).as_secs());
    let fired: Vec<_> = bot.fired.iter().map(seconds).collect();
    let expected = [("early", 1), ("often", 2), ("often", 4), ("late", 5)];
    assert_eq!(fired, expected.map(|(name, second)| (name.to_owned(), second)));
    assert_eq!(mock.now(), BEGINNING + 5 * SECOND);
    let left = ask(&mock, |host| host.timers().list("", None)).unwrap();
    let left: Vec<_> = left.iter().map(|timer| (timer.name.as_str(), timer.due_at)).collect();
    assert_eq!(left, [("often", BEGINNING + 6 * SECOND)]);
}

#[test]
fn a_timer_whose_call_fails_does_not_come_back() {
    let mock = MockHost::new();
    let mut bot = Clockwork { failing: Some("once"), ..Clockwork::default() };
    mock.call(|host| Ok(host.timers().set("once", SECOND)?)).unwrap();

    let outcomes = mock.advance(&mut bot, 10 * SECOND);

    assert_eq!(outcomes, [("once".to_owned(), Err(Failure::reject("broken")))]);
    assert!(mock.timers().is_empty());
}

#[test]
fn a_refused_call_is_refused_until_it_is_accepted() {
    let mock = MockHost::new();
    mock.refuse(Error::QuotaExceeded { call: "outbox.send", retry_after: Some(3 * SECOND) });

    let refused = mock.call(|host| Ok(host.outbox().send(&conversation(), "x")?));
    mock.accept("outbox.send");
    let accepted = mock.call(|host| Ok(host.outbox().send(&conversation(), "x")?));

    assert!(matches!(refused, Err(Failure::Retry { after, .. }) if after == 3 * SECOND), "{refused:?}");
    assert!(accepted.is_ok());
}

#[test]
fn stored_conversations_are_read_from_behind_an_id() {
    let mock = MockHost::new();
    for (author, body) in [(1, "one"), (2, "two"), (1, "three")] {
        mock.receive(&account(author), body);
    }

    let read = ask(&mock, |host| host.conversations().read(&conversation(), 1, 10)).unwrap();
    let recent = ask(&mock, |host| host.conversations().recent()).unwrap();

    assert_eq!(read.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), ["three"]);
    assert_eq!(recent, [conversation(), (&account(2)).into()]);
}

#[test]
fn randomness_repeats_itself_and_is_another_with_another_seed() {
    let draw = |seed| {
        let mock = MockHost::new();
        mock.seed(seed);
        ask(&mock, |host| Ok((host.random().bytes(5)?, host.random().number()?))).unwrap()
    };

    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let none: Option<&u8> = ask(&MockHost::new(), |host| host.random().choose(&[])).unwrap();
    assert_eq!(none, None);
}

#[test]
fn a_secret_is_lent_or_shown_as_it_is_granted() {
    let mock = MockHost::with_grants(&["secret:lent", "secret-reveal:shown"])
        .with_secret("lent", "a")
        .with_secret("shown", "b");

    assert!(ask(&mock, |host| host.secrets().exists("lent")).unwrap());
    assert!(ask(&mock, |host| host.secrets().exists("shown")).unwrap());
    assert_eq!(ask(&mock, |host| host.secrets().reveal("shown")).unwrap(), "b");
    for (name, call) in [("lent", "secrets.reveal"), ("other", "secrets.reveal")] {
        let denied = ask(&mock, |host| host.secrets().reveal(name)).unwrap_err();
        assert_eq!(denied.call(), Some(call), "{name}");
    }
}

#[test]
fn an_answer_is_given_once_and_in_order() {
    let mock = MockHost::new();
    let url = "https://api.example.org/";
    mock.answer("GET", url, Response::new(200).with_header("X-Kind", "first"));
    mock.fail_answer("GET", url, "no connection");

    let first = ask(&mock, |host| host.http().get(url).send()).unwrap();
    let second = ask(&mock, |host| host.http().get(url).send());

    assert_eq!(first.header("x-kind"), Some("first"));
    assert!(matches!(second, Err(Error::Other { .. })), "{second:?}");
    assert_eq!(mock.requests().len(), 2);
}

/// Ignores everything.
struct Mute;

impl Bot for Mute {}

impl Filter for Mute {}

#[test]
fn a_plugin_may_ignore_all_it_is_called_for() {
    let mock = MockHost::with_grants(&[]);
    let origin = message(&account(1), "/help").origin;
    let command = Command::parse(&message(&account(1), "/help")).unwrap();

    mock.call(|host| {
        Mute.on_start(host)?;
        Mute.migrate(host, "0.1.0")?;
        Mute.on_message(host, message(&account(1), "hello"))?;
        Mute.on_command(host, command)?;
        Mute.on_event(host, Event::Deletion(starling_plugin::Deletion { target: origin }))?;
        Mute.on_timer(host, "name")
    })
    .unwrap();

    assert_eq!(mock.review(&mut Mute, mock.item(&account(1), "hello")), Verdict::Allow);
}

/// Stores each item, and cannot judge the empty ones.
struct Storing;

impl Filter for Storing {
    fn review(&mut self, host: &FilterHost, item: Item) -> Result<Verdict, Error> {
        host.kv().increment("seen", 1)?;
        serde_json::from_str::<u8>(&item.body)?;
        Ok(Verdict::Allow)
    }

    fn undecided(&mut self, error: &Error) -> Verdict {
        Verdict::Hold(error.to_string())
    }
}

#[test]
fn a_filter_that_fails_has_its_own_last_word() {
    let mock = MockHost::new();

    let judged = mock.review(&mut Storing, mock.item(&account(1), "7"));
    let undecided = mock.review(&mut Storing, mock.item(&account(1), "x"));

    assert_eq!(judged, Verdict::Allow);
    assert!(
        matches!(&undecided, Verdict::Hold(reason) if reason.starts_with("JSON is malformed")),
        "{undecided:?}"
    );
    assert_eq!(mock.value("seen"), Some(1), "what it stored then is undone");
}

#[test]
fn a_kept_bot_remembers_between_calls() {
    #[derive(Default)]
    struct Counting(u32);

    impl Bot for Counting {
        fn on_message(&mut self, host: &Host, message: Message) -> Outcome {
            self.0 += 1;
            host.outbox().reply(&message.origin, &self.0.to_string())?;
            Ok(())
        }
    }

    let mock = MockHost::new();
    let mut bot = Counting::default();
    mock.say(&mut bot, &account(1), "a").unwrap();
    mock.say(&mut bot, &account(1), "b").unwrap();

    assert_eq!(mock.texts(), ["1", "2"]);
}
