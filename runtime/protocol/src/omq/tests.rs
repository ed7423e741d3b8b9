use super::*;

fn parts(texts: &[&str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
}

#[track_caller]
fn refused(sent: &[&str], received: &[&str]) {
    let refusal = Incoming::parse(parts(sent)).expect_err("must be refused");
    assert_eq!(refusal.clone().encode(), parts(received));
    assert_eq!(Delivery::parse(parts(received)), Some(Delivery::Refused(refusal)));
}

#[test]
fn refusals_name_the_tag_of_a_request_and_else_the_command() {
    refused(&["storage.nope", "t12", "{}"], &["UNKNOWNCOMMAND", "storage.nope"]);
    refused(&["storage"], &["UNKNOWNCOMMAND", "storage"]);
    refused(&["", "t"], &["UNKNOWNCOMMAND", ""]);
    refused(&["storage.info.", "t"], &["UNKNOWNCOMMAND", "storage.info."]);
    refused(&["STORAGE.info", "t"], &["UNKNOWNCOMMAND", "STORAGE.info"]);
    refused(&["storage.info"], &["NO_REPLY_TAG", "storage.info"]);
    refused(&["monitor.messages"], &["NO_REPLY_TAG", "monitor.messages"]);
    refused(&["service.get_stats", "t15"], &["FORBIDDEN", "REPLY", "t15"]);
    refused(&["service.get_stats"], &["FORBIDDEN", "service.get_stats"]);
    refused(&["service.nope", "t"], &["UNKNOWNCOMMAND", "service.nope"]);
    refused(&["sn.storage_cc", "p2", "store", "de"], &["FORBIDDEN_SN", "REPLY", "p2"]);
    refused(&["sn.ping"], &["FORBIDDEN_SN", "sn.ping"]);
    refused(&["sn.nope", "p2"], &["UNKNOWNCOMMAND", "sn.nope"]);
}

#[test]
fn a_name_that_is_no_text_is_unknown_and_comes_back_as_it_was() {
    let sent = vec![Bytes::from_static(b"storage.\xff\x00"), Bytes::from_static(b"t")];

    let refusal = Incoming::parse(sent.clone()).expect_err("must be refused");

    assert_eq!(refusal.encode(), [Bytes::from_static(b"UNKNOWNCOMMAND"), sent[0].clone()]);
    assert!(Incoming::parse(Vec::new()).is_err());
}

#[test]
fn requests_keep_their_tag_and_their_parts() {
    let sent = request("storage.store", b"\x00tag\xff", parts(&["{}", "more"]));

    let Ok(Incoming::Call(call)) = Incoming::parse(sent) else { panic!("a request") };

    assert_eq!(call.action, Action::Storage("store"));
    assert_eq!(call.tag, b"\x00tag\xff"[..]);
    assert_eq!(call.data, parts(&["{}", "more"]));
    let monitor = Incoming::parse(request(MONITOR, b"", [])).expect("a request");
    let call = Call { action: Action::Monitor, tag: Bytes::new(), data: Vec::new() };
    assert_eq!(monitor, Incoming::Call(call));
}

#[test]
fn every_method_of_the_storage_can_be_called() {
    for method in crate::storage::request::METHODS {
        let sent = request(&format!("storage.{method}"), b"t", []);
        let call = Call { action: Action::Storage(method), tag: Bytes::from_static(b"t"), data: Vec::new() };
        assert_eq!(Incoming::parse(sent), Ok(Incoming::Call(call)));
    }
}

#[test]
fn greetings_are_known_and_answers_to_nothing_are_not_answered() {
    assert_eq!(Incoming::parse(parts(&["HI"])), Ok(Incoming::Hi));
    assert_eq!(Incoming::parse(parts(&["BYE"])), Ok(Incoming::Bye));
    for word in ["HELLO", "REPLY", "UNKNOWNCOMMAND", "FORBIDDEN", "FORBIDDEN_SN", "NO_REPLY_TAG"] {
        assert_eq!(Incoming::parse(parts(&[word, "t"])), Ok(Incoming::Unasked), "{word}");
    }
}

#[test]
fn an_answer_has_the_status_only_where_it_is_not_200() {
    let tag = || Bytes::from_static(b"t");
    let answer = |status| storage_reply(tag(), status, Bytes::from_static(b"body"));

    assert_eq!(answer(200), parts(&["REPLY", "t", "body"]));
    assert_eq!(answer(421), parts(&["REPLY", "t", "421", "body"]));
    let data = parts(&["421", "body"]);
    assert_eq!(Delivery::parse(answer(421)), Some(Delivery::Reply { tag: tag(), data }));
}

#[test]
fn a_client_tells_answers_from_notifications() {
    let told = notification(NOTIFY_MESSAGE, Bytes::from_static(b"de"));

    assert_eq!(told, parts(&["notify.message", "de"]));
    let name = Bytes::from_static(b"notify.message");
    assert_eq!(Delivery::parse(told), Some(Delivery::Command { name, data: parts(&["de"]) }));
    assert_eq!(Delivery::parse(parts(&["HELLO"])), Some(Delivery::Hello));
    assert_eq!(Delivery::parse(parts(&["BYE"])), Some(Delivery::Bye));
    for cut_off in [&["REPLY"][..], &["FORBIDDEN"][..], &[][..]] {
        assert_eq!(Delivery::parse(parts(cut_off)), None, "{cut_off:?}");
    }
}
