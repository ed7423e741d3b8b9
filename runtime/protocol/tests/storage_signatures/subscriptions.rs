//! Subscriptions and notifications.

use starling_protocol::storage::monitor::{self, Notification};
use starling_protocol::storage::signed_text;

use super::vector_file::load;
use super::{hex_of, signature, text};

#[test]
fn subscriptions_are_read_written_and_verified() {
    for mut entry in load("storage_signatures").entries("monitor") {
        let payload = hex_of(&entry.field("payload_hex"));
        let name = entry.field("name");
        match text(&name) {
            "success_reply" => assert_eq!(monitor::encode_replies(false, &[Ok(())]), payload),
            notify if notify.starts_with("notify") => {
                let notification = Notification::decode(&payload).unwrap();
                assert_eq!(notification.encode(), payload);
                let has_data = notify.contains("with_data");
                assert!(has_data || notify.contains("no_data"), "unknown notification {notify}");
                assert_eq!(notification.data.is_some(), has_data);
            }
            _ => {
                let request = monitor::parse(&payload).unwrap();
                assert_eq!(request.is_list, payload[0] == b'l');
                let parts: Vec<Vec<u8>> =
                    request.entries.iter().map(|part| part.as_ref().unwrap().encode()).collect();
                let rebuilt = if request.is_list {
                    [b"l", parts.concat().as_slice(), b"e"].concat()
                } else {
                    parts.concat()
                };
                assert_eq!(rebuilt, payload);
                for part in &request.entries {
                    let part = part.as_ref().unwrap();
                    let id = part.verify(part.timestamp + 5).unwrap();
                    assert_eq!(part.account(), Some(id));
                    assert!(part.verify(part.timestamp + monitor::MAX_AGE_SECONDS + 1).is_err());
                    assert!(part.verify(part.timestamp - monitor::MAX_AHEAD_SECONDS - 1).is_err());
                    let expected =
                        signed_text::monitor(&id, part.timestamp, part.wants_data, &part.namespaces);
                    if let Some(message) = entry.maybe("message") {
                        assert_eq!(expected, text(&message).as_bytes());
                        assert_eq!(part.signature, signature(&entry.field("signature")));
                    }
                }
            }
        }
        entry.finish();
    }
}

#[test]
fn faulty_subscriptions_get_the_known_numbers_and_texts() {
    #[track_caller]
    fn check(payload: &[u8], expected: &[u8]) {
        let request = monitor::parse(payload);
        let outcomes: Vec<_> = match request {
            Ok(request) => request.entries.into_iter().map(|entry| entry.map(|_| ())).collect(),
            Err(error) => vec![Err(error)],
        };
        let reply = monitor::encode_replies(false, &outcomes);
        assert_eq!(String::from_utf8_lossy(&reply), String::from_utf8_lossy(expected));
    }
    let sixty_four = [b"1:s64:".as_slice(), &[7; 64], b"1:ti1e"].concat();
    let key = [b"1:P32:".as_slice(), &[7; 32]].concat();

    check(
        &[b"d".as_slice(), &key, b"1:nli2ei0ee", &sixty_four, b"e"].concat(),
        b"d7:errcodei3e5:error55:Invalid n= namespace list: namespaces must be ascendinge",
    );
    check(
        &[b"d1:nli0ee".as_slice(), &sixty_four, b"e"].concat(),
        b"d7:errcodei1e5:error48:Invalid arguments: Either p= or P= must be givene",
    );
    check(b"d1:P3:abce", b"d7:errcodei2e5:error51:Provided P= Session Ed25519 pubkey must be 32 bytese");
    check(
        b"hello",
        b"d7:errcodei1e5:error81:Invalid arguments: monitor request takes a single bencoded dict or list parametere",
    );
}
