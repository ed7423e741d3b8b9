//! What the bot says, on a host in memory.

use echo::Echo;
use starling_plugin::{
    Failure,
    mock::{MockHost, account},
};

#[test]
fn who_writes_hears_it_back() {
    let mock = MockHost::with_grants(&["send:reply"]);

    mock.say(&mut Echo, &account(1), "hello").expect("it may answer");

    assert_eq!(mock.texts_to(&account(1)), ["hello"]);
}

#[test]
fn without_the_grant_nothing_is_said_and_the_reason_is_told() {
    let mock = MockHost::with_grants(&[]);

    let failure = mock.say(&mut Echo, &account(1), "hello").expect_err("it may not answer");

    let reason = "outbox.send: the grant is missing, or does not reach so far";
    assert_eq!(failure, Failure::reject(reason));
    assert!(mock.texts().is_empty());
}
