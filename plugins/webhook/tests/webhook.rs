//! What is posted and sent, on a host in memory.

use std::time::Duration;

use serde_json::{Value, json};
use starling_plugin::{
    Bot as _, Failure, Header, Level, Outcome, Response,
    mock::{BEGINNING, MockHost, account},
};
use webhook::Webhook;

const URL: &str = "https://hooks.example.org/starling";

fn host() -> MockHost {
    let grants = ["send:reply", "http:https://hooks.example.org", "secret:token", "config", "log"];
    MockHost::with_grants(&grants).with_config(config(true)).with_secret("token", "s3cret")
}

fn config(answer: bool) -> Value {
    json!({
        "url": URL, "answer": answer, "requests": true, "authors": [],
        "secret": { "name": "token" },
    })
}

/// How a message ends when the server answers it in that way, and what was sent.
fn answered(host: &MockHost, response: Response) -> (Outcome, Vec<String>) {
    host.answer("POST", URL, response);
    let outcome = host.say(&mut Webhook, &account(1), "hello");
    (outcome, host.texts())
}

fn json_answer(body: &str) -> Response {
    Response::new(200).with_header("Content-Type", "application/json; charset=utf-8").with_body(body)
}

#[test]
fn a_message_is_posted_with_the_secret_that_the_plugin_never_sees() {
    let host = host();

    answered(&host, Response::new(204)).0.expect("an empty answer is one");

    let request = host.requests().remove(0);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let expected = json!({
        "id": 1, "conversation": account(1), "author": account(1), "sent_at": BEGINNING,
        "received_at": BEGINNING, "is_request": false, "body": "hello",
    });
    assert_eq!((request.method.as_str(), request.url.as_str(), body), ("POST", URL, expected));
    let secret = Header::Secret { prefix: "Bearer ".into(), name: "token".into() };
    assert!(request.headers.contains(&("authorization".into(), secret)), "{:?}", request.headers);
    let key = Header::Text(format!("1-{}", BEGINNING.as_millis()));
    assert!(request.headers.contains(&("idempotency-key".into(), key)), "{:?}", request.headers);
}

#[test]
fn what_the_server_answers_is_sent() {
    let plain = answered(&host(), Response::new(200).with_body("hello to you"));
    let object = answered(&host(), json_answer(r#"{"text": "hello to you", "more": 1}"#));

    assert_eq!(plain, (Ok(()), vec!["hello to you".to_owned()]));
    assert_eq!(object, (Ok(()), vec!["hello to you".to_owned()]));
}

#[test]
fn an_answer_without_a_text_sends_nothing() {
    for response in [Response::new(204), json_answer("{}"), json_answer(r#"{"text": " "}"#)] {
        assert_eq!(answered(&host(), response), (Ok(()), Vec::new()));
    }
    let mute = host().with_config(config(false));
    assert_eq!(answered(&mute, Response::new(200).with_body("hello")), (Ok(()), Vec::new()));
}

#[test]
fn a_busy_server_is_asked_again_when_it_wants() {
    let (told, _) = answered(&host(), Response::new(429).with_header("retry-after", "7"));
    let (silent, _) = answered(&host(), Response::new(503));
    let (endless, _) = answered(&host(), Response::new(503).with_header("retry-after", "999999999"));

    assert_eq!(told, Err(Failure::retry(Duration::from_secs(7), "the server answered 429")));
    assert_eq!(silent, Err(Failure::retry(Duration::from_secs(30), "the server answered 503")));
    assert_eq!(endless, Err(Failure::retry(Duration::from_secs(3_600), "the server answered 503")));
}

#[test]
fn what_the_server_does_not_want_is_not_posted_again() {
    let (unwanted, _) = answered(&host(), Response::new(404));
    let (broken, _) = answered(&host(), json_answer("{"));

    assert_eq!(unwanted, Err(Failure::reject("the server answered 404")));
    assert!(matches!(broken, Err(Failure::Reject(_))), "{broken:?}");
}

#[test]
fn a_server_that_cannot_be_reached_is_tried_again() {
    let host = host();
    host.fail_answer("POST", URL, "no connection");

    let failure = host.say(&mut Webhook, &account(1), "hello").unwrap_err();

    assert_eq!(failure, Failure::retry(Duration::ZERO, "http.fetch: no connection"));
}

#[test]
fn messages_of_others_and_requests_stay_here() {
    let host = host();
    host.grant("secret:token");
    let choosy =
        host.with_config(json!({ "url": URL, "answer": true, "requests": false, "authors": [account(2)] }));

    choosy.say(&mut Webhook, &account(1), "hello").expect("it is passed over");
    let mut request = choosy.receive(&account(2), "hello");
    request.is_request = true;
    choosy.call(|host| Webhook.on_message(host, request)).expect("it is passed over");

    assert!(choosy.requests().is_empty());
}

#[test]
fn without_the_grant_for_the_origin_nothing_leaves() {
    let host = host();
    host.revoke("http");

    let failure = host.say(&mut Webhook, &account(1), "hello").unwrap_err();

    assert!(failure.to_string().contains("http.fetch"), "{failure}");
    assert!(host.requests().is_empty());
}

#[test]
fn a_secret_that_is_not_there_is_told_at_the_start() {
    let host = host().with_config(json!({
        "url": URL, "answer": true, "requests": true, "authors": [], "secret": { "name": "other" },
    }));
    host.grant("secret:other");

    host.call(|host| Webhook.on_start(host)).expect("it starts");

    let warning = "there is no secret `other`: requests will fail".to_owned();
    assert_eq!(host.log(), [(Level::Warn, warning)]);
}
