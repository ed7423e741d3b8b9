use starling_protocol::storage::request::Refused;

use super::*;

#[test]
fn every_bare_reply_is_as_short_as_the_bound_says() {
    let refusals = [
        TOO_MANY,
        FULL,
        ELSEWHERE,
        MonitorError::Arguments("monitor request takes a single bencoded dict or list parameter"),
        MonitorError::Arguments("Cannot provide both p= and P= pubkey values"),
        MonitorError::Key("Provided S subaccount signature must be 64 bytes"),
        MonitorError::Key("Provided P= Session Ed25519 pubkey must be 32 bytes"),
        MonitorError::Namespaces,
        MonitorError::TooOld,
        MonitorError::InFuture,
        MonitorError::SignatureLength,
        MonitorError::Signature,
        MonitorError::Subaccount(Refused::TokenSignature),
        MonitorError::Subaccount(Refused::TokenAccess),
    ];

    for refusal in refusals {
        let bare = encode_replies(false, &[Err(refusal)]);
        assert!(bare.len() <= LONGEST_BARE, "{}", String::from_utf8_lossy(&bare));
    }
    let longest = MAX_ENTRIES * LONGEST_BARE;
    assert!(longest <= MAX_REPLY, "{longest}");
}

#[test]
fn details_are_left_out_where_the_reply_would_grow_too_long() {
    let details = vec![b'x'; 5_000];
    let mut reply = Reply { bytes: Vec::new(), left: 25_000 };

    for _ in 0..25_000 {
        reply.send_elsewhere(&details);
    }

    assert!((MAX_REPLY - 3_000_000..=MAX_REPLY).contains(&reply.bytes.len()), "{}", reply.bytes.len());
    assert!(
        reply.bytes.ends_with(b"d7:errcodei6e5:error50:Account is not stored by this service node's swarme")
    );
}

#[test]
fn a_list_is_cut_into_pieces_that_cover_it() {
    let list = [&b"l"[..], &b"de".repeat(2 * LOOK + 5), b"e"].concat();
    let (mut at, mut covered, mut parts) = (1, 0, 0);

    loop {
        let part = look(&list, at).unwrap();
        assert_eq!(part.pieces.first().map_or(at, |(first, _)| *first), at);
        covered += part.pieces.iter().map(|(_, count)| count).sum::<usize>();
        (at, parts) = (part.next, parts + 1);
        if part.is_last {
            break;
        }
    }

    assert_eq!((covered, parts), (2 * LOOK + 5, 3));
}

#[test]
fn a_list_that_does_not_end_where_it_should_is_refused() {
    for list in [&b"ldee"[..], b"ldeede", b"ld1:ae", b"li1ee", b"lde"] {
        let outcome = look(list, 1);
        assert_eq!(outcome.is_ok(), list == b"ldee", "{}", String::from_utf8_lossy(list));
    }
}
