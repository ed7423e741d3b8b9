//! What plugins send, on its way to the inbox.

use crate::{
    house::House,
    mail::{Left, id, sent_at},
    release::Release,
};

#[tokio::test]
async fn a_conversation_that_cannot_be_reached_waits_in_its_order_and_holds_up_no_other() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    house.mail.set_reachable("alice", false);
    house.receive("alice", "one").await;
    house.receive("alice", "two").await;
    house.until_so("nothing was tried", || house.mail.tries() >= 3).await;
    house.receive("bob", "three").await;
    house.until_left(1).await;
    let while_away = house.mail.left();
    house.mail.set_reachable("alice", true);
    house.until_left(3).await;

    house.a_while().await;
    house.close().await;
    assert_eq!(while_away, [Left::Text { to: id("bob"), body: "3 three".to_owned() }]);
    assert_eq!(house.mail.texts_to("alice"), ["1 one", "2 two"]);
    assert_eq!(house.mail.left().len(), 3);
}

#[tokio::test]
async fn what_waits_to_be_sent_is_sent_after_a_restart() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    house.mail.set_reachable("alice", false);
    house.receive("alice", "one").await;
    house.until_so("nothing was tried", || house.mail.tries() >= 1).await;
    house.close().await;
    house.mail.set_reachable("alice", true);
    house.open().await;

    house.until_left(1).await;
    house.a_while().await;
    house.close().await;
    assert_eq!(house.mail.texts_to("alice"), ["1 one"]);
}

#[tokio::test]
async fn an_inbox_that_breaks_down_delays_what_is_sent_and_loses_nothing() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    house.mail.break_down_once();
    house.receive("alice", "one").await;
    house.receive("alice", "two").await;

    house.until_left(2).await;
    house.a_while().await;
    house.close().await;
    assert_eq!(house.mail.texts_to("alice"), ["1 one", "2 two"]);
}

#[tokio::test]
async fn what_a_failed_call_sent_does_not_leave() {
    let mut house = House::new();
    Release::misbehave().install(&house.folder());
    house.open().await;
    house.until_runs("misbehave", "1.0.0").await;

    // Twenty are sent, and one more is refused; the call rejects its event only then, in the second case.
    house.receive("alice", "send-flood 3").await;
    house.receive("alice", "reject all").await;
    house.until_left(3).await;

    house.a_while().await;
    house.close().await;
    assert_eq!(house.mail.texts_to("alice"), ["flood 0", "flood 1", "flood 2"]);
}

#[tokio::test]
async fn a_message_is_taken_back_wherever_it_is() {
    let mut house = House::new();
    Release::misbehave().install(&house.folder());
    house.open().await;
    house.until_runs("misbehave", "1.0.0").await;

    house.receive("alice", "try outbox.send").await;
    house.until_left(1).await;
    house.receive("alice", "try outbox.delete-own 1").await;
    house.until_left(2).await;
    house.mail.set_reachable("bob", false);
    let tries = house.mail.tries();
    house.receive("bob", "try outbox.send").await;
    house.until_so("nothing was tried", || house.mail.tries() > tries).await;
    house.receive("alice", "try outbox.delete-own 2").await;
    house.until_logged("misbehave", "outbox.delete-own: ()").await;
    house.until("misbehave", |plugin| plugin.handled >= 5).await;
    house.mail.set_reachable("bob", true);
    house.receive("bob", "try outbox.send").await;
    house.until_left(3).await;

    house.a_while().await;
    house.close().await;
    let hello = |person| Left::Text { to: id(person), body: "hello".to_owned() };
    let deleted = Left::Deletion { to: id("alice"), sent_at: sent_at(0) };
    assert_eq!(house.mail.left(), [hello("alice"), deleted, hello("bob")]);
}
