//! Visitors and staff at the desk, on a host in memory.

use std::time::Duration;

use helpdesk::Helpdesk;
use serde_json::json;
use starling_plugin::{
    AccountId, Bot as _, Level,
    mock::{MockHost, account},
};

const MINUTE: Duration = Duration::from_secs(60);

fn visitor() -> AccountId {
    account(1)
}

fn ann() -> AccountId {
    account(71)
}

fn ben() -> AccountId {
    account(72)
}

/// A desk with two people, which may do what `plugin.toml` asks for.
fn desk() -> MockHost {
    MockHost::with_grants(&["send:direct", "kv", "timers", "config", "clock", "log"]).with_config(json!({
        "greeting": "Hello.",
        "staff": [ann(), ben()],
        "answers": { "Opening hours": "From nine to five." },
        "nudge_after": "30m",
        "reminders": 2,
        "longest_reminder": "52w",
    }))
}

/// What everybody was told by one text: who, and what.
#[track_caller]
fn said(desk: &MockHost, who: &AccountId, text: &str) -> Vec<(AccountId, String)> {
    desk.take_actions();
    desk.say(&mut Helpdesk, who, text).expect("the desk can do this");
    let everybody = [visitor(), account(2), ann(), ben()];
    let heard =
        |who: &AccountId| desk.texts_to(who).into_iter().map(|text| (who.clone(), text)).collect::<Vec<_>>();
    everybody.iter().flat_map(heard).collect()
}

#[track_caller]
fn check(desk: &MockHost, who: &AccountId, text: &str, answers: &[(AccountId, &str)]) {
    let answers: Vec<_> = answers.iter().map(|(who, text)| (who.clone(), (*text).to_owned())).collect();
    assert_eq!(said(desk, who, text), answers);
}

#[test]
fn a_question_goes_to_everybody_at_the_desk_and_gets_a_number() {
    let desk = desk();

    let notice = format!(
        "#1 from {}:\nMy printer\nis on fire\n/take 1 takes it, /answer 1 answers it at once.",
        visitor()
    );
    let told = "Your question is #1. A person will answer here; you may add to it by just writing.";
    let answers = [(visitor(), told), (ann(), notice.as_str()), (ben(), notice.as_str())];

    check(&desk, &visitor(), "/ask My printer\nis on fire", &answers);
}

#[test]
fn while_a_question_is_taken_texts_pass_both_ways() {
    let desk = desk();
    said(&desk, &visitor(), "/ask Why?");

    let yours = "#1 is yours. What you write now goes to who asked:\nWhy?";
    check(&desk, &ann(), "/take", &[(visitor(), "A person is here for your question #1."), (ann(), yours)]);
    check(&desk, &ann(), "Because.", &[(visitor(), "Because.")]);
    check(&desk, &visitor(), "I see.", &[(ann(), "#1: I see.")]);
    check(&desk, &ben(), "/take 1", &[(ben(), "#1 is taken.")]);

    let closed = "Your question #1 is closed. /ask asks another.";
    check(&desk, &ann(), "/close", &[(visitor(), closed), (ann(), "#1 is closed.")]);
    let alone = "You have no question taken: /open lists them, /take takes one.";
    check(&desk, &ann(), "Hello?", &[(ann(), alone)]);
    assert_eq!(desk.keys(), ["tickets"], "nothing of it is kept but the number");
    assert!(desk.timers().is_empty());
}

#[test]
fn a_question_that_waits_is_brought_up_again_until_it_is_taken() {
    let desk = desk();
    said(&desk, &visitor(), "/ask Why?");
    desk.take_actions();

    desk.advance(&mut Helpdesk, 61 * MINUTE);
    let nudges = ["#1 has waited for 30m: Why?", "#1 has waited for 1h: Why?"];
    assert_eq!(desk.texts_to(&ann()), nudges);
    assert_eq!(desk.texts_to(&ben()), nudges);

    said(&desk, &ben(), "/take");
    desk.take_actions();
    desk.advance(&mut Helpdesk, 90 * MINUTE);
    assert!(desk.texts().is_empty());
}

#[test]
fn what_is_put_back_can_be_taken_by_another() {
    let desk = desk();
    said(&desk, &visitor(), "/ask Why?");
    said(&desk, &ann(), "/take 1");

    check(&desk, &ann(), "/back", &[(ann(), "#1 waits again.")]);
    assert_eq!(desk.timers().len(), 1, "the staff is nudged again");
    said(&desk, &ben(), "/take");

    check(&desk, &visitor(), "Hello?", &[(ben(), "#1: Hello?")]);
}

#[test]
fn who_leaves_the_staff_hears_no_more_of_what_they_have_taken() {
    let desk = desk();
    said(&desk, &visitor(), "/ask Why?");
    said(&desk, &ann(), "/take");
    let desk = desk.with_config(json!({
        "greeting": "Hello.", "staff": [ben()], "answers": {}, "nudge_after": "30m", "reminders": 2,
        "longest_reminder": "52w",
    }));

    check(&desk, &visitor(), "Hello?", &[(ben(), "#1: Hello?")]);
    said(&desk, &ben(), "/take");
    check(&desk, &ben(), "Because.", &[(visitor(), "Because.")]);
    assert!(!desk.keys().contains(&format!("serves/{}", ann())));
}

#[test]
fn a_visitor_cannot_do_what_the_staff_does() {
    let desk = desk();
    said(&desk, &visitor(), "/ask Why?");

    let unknown = "I do not know that command. /help lists all.";
    check(&desk, &account(2), "/open", &[(account(2), unknown)]);
    check(&desk, &account(2), "/answer 1 Go away", &[(account(2), unknown)]);
    check(&desk, &account(2), "/close", &[(account(2), "You have no question open.")]);
}

#[test]
fn the_desk_knows_answers_of_its_own() {
    let desk = desk();

    check(&desk, &visitor(), "/faq opening HOURS", &[(visitor(), "From nine to five.")]);
    check(&desk, &visitor(), "opening hours", &[(visitor(), "From nine to five.")]);
    let topics = "I know about: Opening hours.\n/faq and one of them tells you.";
    check(&desk, &visitor(), "/faq", &[(visitor(), topics)]);
    let greeting = "Hello.\n/help lists what I can do, /ask brings you to a person.";
    check(&desk, &visitor(), "hi", &[(visitor(), greeting)]);
}

#[test]
fn reminders_come_when_they_are_due_and_are_each_persons_own() {
    let desk = desk();

    check(&desk, &visitor(), "/remind 10m drink tea", &[(visitor(), "In 10m. (/forget 1 takes it back.)")]);
    said(&desk, &visitor(), "/remind 2h go home");
    let full = "You have as many reminders as you may. /reminders lists them, /forget takes one back.";
    check(&desk, &visitor(), "/remind 1m more", &[(visitor(), full)]);
    check(&desk, &account(2), "/forget 1", &[(account(2), "You have no reminder of that number.")]);
    check(&desk, &visitor(), "/reminders", &[(visitor(), "1. in 10m: drink tea\n2. in 2h: go home")]);
    check(&desk, &visitor(), "/forget 2", &[(visitor(), "Forgotten.")]);
    check(&desk, &visitor(), "/remind 53w x", &[(visitor(), "That is too far off: at most 52w.")]);

    desk.take_actions();
    desk.advance(&mut Helpdesk, 180 * MINUTE);

    assert_eq!(desk.texts_to(&visitor()), ["You wanted to be reminded: drink tea"]);
    assert_eq!(desk.keys(), ["reminders"]);
}

#[test]
fn a_desk_without_people_says_so() {
    let desk = desk().with_config(json!({
        "greeting": "Hello.", "staff": [], "answers": {}, "nudge_after": "30m", "reminders": 2,
        "longest_reminder": "52w",
    }));

    desk.call(|host| Helpdesk.on_start(host)).expect("it starts without people");
    check(&desk, &visitor(), "/ask Why?", &[(visitor(), "Nobody is at this desk who could be asked.")]);

    assert_eq!(desk.log()[0].0, Level::Warn);
}

#[test]
fn a_mistake_in_the_config_is_named_at_the_start() {
    let desk = desk().with_config(json!({ "greeting": "Hello.", "staff": ["ann"] }));

    let failure = desk.call(|host| Helpdesk.on_start(host)).expect_err("ann is no account id");

    assert!(failure.to_string().contains("an account id is 66 characters"), "{failure}");
}

#[test]
fn staff_who_cannot_be_reached_are_left_out_as_long_as_others_can_be() {
    let desk = desk();
    desk.revoke("send:direct");
    desk.grant("send:reply");

    let failure = desk.say(&mut Helpdesk, &visitor(), "/ask Why?").expect_err("nobody can be told");
    assert!(failure.to_string().contains("outbox.send"), "{failure}");

    desk.receive(&ann(), "hello");
    let heard = said(&desk, &visitor(), "/ask Why?");

    assert!(heard.iter().any(|(who, _)| *who == ann()), "{heard:?}");
    assert!(heard.iter().all(|(who, _)| *who != ben()), "{heard:?}");
}
