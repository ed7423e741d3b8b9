//! Messages, their order, and that none is lost or answered twice.

use starling_sandbox::config::CodeMode;

use crate::{house::House, release::Release};

#[tokio::test]
async fn messages_are_answered_once_each_over_a_restart() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    house.receive("alice", "one").await;
    house.until_left(1).await;
    house.close().await;
    house.mail.file("bob", "two");
    house.mail.file("alice", "three");
    house.open().await;
    house.until_left(3).await;
    house.receive("alice", "four").await;
    house.until_left(4).await;

    house.a_while().await;
    house.close().await;
    assert_eq!(house.mail.texts_to("alice"), ["1 one", "3 three", "4 four"]);
    assert_eq!(house.mail.texts_to("bob"), ["2 two"]);
}

#[tokio::test]
async fn what_lay_there_before_a_plugin_first_ran_is_not_its_business() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    for number in 0..100 {
        house.mail.file("alice", &format!("old {number}"));
    }
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    house.receive("alice", "new").await;

    house.until_left(1).await;
    house.a_while().await;
    house.close().await;
    assert_eq!(house.mail.texts_to("alice"), ["1 new"]);
}

#[tokio::test]
async fn more_messages_than_are_read_at_once_are_answered_in_their_order() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.operate("counter", |operator| {
        operator.limits = Some(toml::from_str("sends_per_minute = 6000").expect("it is a limit"));
    });
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    for number in 1..=200 {
        house.mail.file("alice", &format!("m{number}"));
    }
    house.receive("alice", "m201").await;

    house.until_left(201).await;
    house.a_while().await;
    house.close().await;
    let expected: Vec<_> = (1..=201).map(|number| format!("{number} m{number}")).collect();
    assert_eq!(house.mail.texts_to("alice"), expected);
}

#[tokio::test]
async fn an_interpreted_plugin_answers_the_same() {
    let mut house = House::new();
    house.config.code = CodeMode::Interpreted;
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    house.receive("alice", "one").await;
    house.receive("alice", "two").await;

    house.until_left(2).await;
    house.close().await;
    assert_eq!(house.mail.texts_to("alice"), ["1 one", "2 two"]);
}
