//! The tables, without actor and network.

use std::sync::Arc;

use starling_contracts::{
    accounts::{Account, AccountSecrets},
    inbox::MessageKind,
};
use starling_kernel::SeededEntropy;
use starling_protocol::account::{AccountId, AccountKeys};
use zeroize::Zeroizing;

use super::*;

const NOW: u64 = 1_763_000_000_000;

struct Fixture {
    _folder: tempfile::TempDir,
    store: Store,
    sealer: Sealer,
    entropy: Arc<dyn Entropy>,
}

fn sealer(seed: u8) -> Sealer {
    let keys = AccountKeys::from_seed(&[seed; 16]);
    let account = Account { id: keys.id(), profile: "p".parse().unwrap(), name: "P".to_owned() };
    Sealer::new(&AccountSecrets { account, name_updated_at: 1, keys, at_rest: Zeroizing::new([seed; 32]) })
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    Fixture { _folder: folder, store, sealer: sealer(1), entropy: Arc::new(SeededEntropy::new(1)) }
}

fn hash(n: u8) -> MessageHash {
    let account = AccountKeys::from_seed(&[1; 16]).id();
    starling_protocol::storage::message_hash(&account, Namespace::DEFAULT, &[n])
}

fn kept(sent_at: u64) -> Kept {
    let id = AccountKeys::from_seed(&[2; 16]).id();
    let (kind, body) = (MessageKind::Text, format!("at {sent_at}"));
    Kept { from: id, conversation: id, body, sent_at, kind, content: vec![1, 2] }
}

fn item(n: u8) -> Item {
    Item { hash: hash(n), stored_at: NOW, expires_at: NOW + 14 * DAY_MS, data: vec![n] }
}

fn batch(judged: Vec<(Item, Verdict)>, received_at: u64) -> Batch {
    let node = ed25519::PublicKey([3; 32]);
    let cursor =
        judged.last().map(|(item, _)| Cursor { node, namespace: Namespace::DEFAULT, hash: item.hash });
    Batch { judged, cursor, node, received_at }
}

fn keep(n: u8, sent_at: u64) -> (Item, Verdict) {
    (item(n), Verdict::Keep(Box::new(kept(sent_at))))
}

#[test]
fn an_answer_read_again_after_its_place_was_lost_changes_nothing() {
    let Fixture { store, sealer, entropy, .. } = &fixture();
    let answer = || vec![keep(1, 10), (item(2), Verdict::Drop(Reason::Unopened)), keep(3, 5)];
    let lost = Batch { cursor: None, ..batch(answer(), NOW) };

    let first = store.file(sealer, lost, entropy.as_ref()).unwrap();
    let second = store.file(sealer, batch(answer(), NOW), entropy.as_ref()).unwrap();

    assert_eq!(first.new.iter().map(|message| message.sent_at).collect::<Vec<_>>(), [5, 10]);
    assert_eq!((first.known, first.dropped.get(&Reason::Unopened)), (0, Some(&1)));
    assert_eq!((second.new.len(), second.known, second.dropped.len()), (0, 3, 0));
    assert_eq!(store.list(sealer, 0, 10).unwrap(), first.new);
    let node = ed25519::PublicKey([3; 32]);
    assert_eq!(store.cursor(sealer, node, Namespace::DEFAULT).unwrap(), Some(hash(3)));
    assert_eq!(store.cursor(sealer, node, Namespace(3)).unwrap(), None);
    assert_eq!(store.last_node(sealer).unwrap(), Some(node));
}

#[test]
fn a_transaction_that_fails_half_way_leaves_nothing() {
    let Fixture { store, sealer, entropy, .. } = &fixture();

    let outcome = store.write(|transaction| {
        let mut tables = Tables::open(transaction, sealer, entropy.as_ref())?;
        tables.remember_hash(&hash(1), NOW)?;
        tables.add(&kept(1), hash(1), NOW)?;
        Err::<(), _>(Error::NotStored)
    });

    assert_eq!(outcome, Err(Error::NotStored));
    assert!(store.list(sealer, 0, 10).unwrap().is_empty());
    assert_eq!(store.unseen(sealer, vec![item(1)]).unwrap().len(), 1);
}

#[test]
fn hashes_are_forgotten_once_no_swarm_can_hold_them_and_messages_are_still_recognised() {
    let Fixture { store, sealer, entropy, .. } = &fixture();
    let expiring = |n, expires_at| (Item { expires_at, ..item(n) }, Verdict::Drop(Reason::Rules));
    let answer = vec![keep(1, 10), expiring(2, 0), expiring(3, u64::MAX)];
    store.file(sealer, batch(answer, NOW), entropy.as_ref()).unwrap();
    let seen_after = |days: u64| {
        store.file(sealer, batch(Vec::new(), NOW + days * DAY_MS), entropy.as_ref()).unwrap();
        3 - store.unseen(sealer, vec![item(1), item(2), item(3)]).unwrap().len()
    };

    assert_eq!((seen_after(14), seen_after(15), seen_after(31), seen_after(32)), (3, 1, 1, 0));
    let again = store.file(sealer, batch(vec![keep(1, 10)], NOW + 33 * DAY_MS), entropy.as_ref()).unwrap();
    assert_eq!((again.new.len(), again.known), (0, 1), "conversation, author and time are never forgotten");
}

fn own() -> AccountId {
    kept(0).from
}

fn pending(sent_at: u64) -> Pending {
    Pending { kept: kept(sent_at), peer: Some(vec![1, 2]), copy: vec![3], rounds: 4 }
}

#[test]
fn times_grow_and_a_time_given_back_is_used_again_only_if_it_was_the_last() {
    let Fixture { store, sealer, entropy, .. } = &fixture();
    let take = |now| store.take_time(sealer, &own(), now, entropy.as_ref()).unwrap();

    assert_eq!((take(100), take(100), take(50), take(200)), ((0, 100), (100, 101), (101, 102), (102, 200)));
    store.discard_pending(sealer, 101, Some(100), entropy.as_ref()).unwrap();
    assert_eq!(take(100), (200, 201), "a later one was taken since");
    store.discard_pending(sealer, 201, Some(200), entropy.as_ref()).unwrap();
    assert_eq!(take(100), (200, 201));
    store.discard_pending(sealer, 201, None, entropy.as_ref()).unwrap();
    assert_eq!(take(100), (201, 202), "not given back, for somebody may bear it");
}

#[test]
fn a_last_time_far_ahead_holds_nothing_up_but_times_that_are_borne_stay_unique() {
    let Fixture { store, sealer, entropy, .. } = &fixture();
    let take = |now| store.take_time(sealer, &own(), now, entropy.as_ref()).unwrap().1;
    store
        .file(sealer, batch(vec![keep(1, NOW + 7), keep(2, NOW + 200 * DAY_MS)], NOW), entropy.as_ref())
        .unwrap();
    take(NOW + 365 * DAY_MS);

    assert_eq!(take(NOW), NOW + 8, "one more than the last that is near");
    assert_eq!(take(NOW), NOW + 9);
    take(NOW + 365 * DAY_MS);
    store.put_pending(sealer, &pending(NOW + 20), entropy.as_ref()).unwrap();
    store.put_pending(sealer, &pending(NOW + 300 * DAY_MS), entropy.as_ref()).unwrap();
    assert_eq!(take(NOW), NOW + 21, "what is pending counts too");
    take(NOW + AHEAD_MS + 21);
    assert_eq!(take(NOW + 21), NOW + AHEAD_MS + 22, "a minute ahead is not far");
}

#[test]
fn what_is_pending_is_read_as_it_was_written_until_it_is_settled() {
    let Fixture { store, sealer, entropy, .. } = &fixture();
    let note = Pending { peer: None, ..pending(5) };
    for message in [&pending(9), &note] {
        store.put_pending(sealer, message, entropy.as_ref()).unwrap();
    }
    assert!(store.pending(sealer).unwrap() == [note.clone(), pending(9)]);
    assert!(store.list(sealer, 0, 9).unwrap().is_empty(), "not listed before it is sent");
    assert!(store.pending(&self::sealer(2)).unwrap().is_empty());

    for message in [&note, &pending(9)] {
        store.commit_pending(sealer, message, NOW, entropy.as_ref()).unwrap();
    }

    assert!(store.pending(sealer).unwrap().is_empty());
    let times: Vec<_> = store.list(sealer, 0, 9).unwrap().iter().map(|message| message.sent_at).collect();
    assert_eq!(times, [5, 9]);
    assert_eq!(store.copies(sealer, 9).unwrap().len(), 1, "a note is its own copy");
    let bytes = rows::encode_pending(&pending(9));
    let row_len = bytes.len() - 2;
    assert!((0..row_len).all(|end| rows::decode_pending(&bytes[..end]).is_none()));
}

#[test]
fn a_file_from_before_messages_were_pending_gets_their_table() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = Store::open(folder.path()).unwrap();
        let transaction = store.database.begin_write().unwrap();
        transaction.delete_table(tables::PENDING).unwrap();
        transaction.commit().unwrap();
    }
    let store = Store::open(folder.path()).unwrap();

    assert!(store.pending(&sealer(1)).unwrap().is_empty());
}

#[test]
fn rows_of_another_account_or_under_another_key_are_not_found() {
    let Fixture { store, sealer: own, entropy, .. } = &fixture();
    store.file(own, batch(vec![keep(1, 10)], NOW), entropy.as_ref()).unwrap();
    let other = sealer(2);

    assert!(store.list(&other, 0, 10).unwrap().is_empty());
    assert_eq!(store.unseen(&other, vec![item(1)]).unwrap().len(), 1);
    assert_eq!(store.last_node(&other).unwrap(), None);
}

#[test]
fn a_whole_content_is_kept_beside_what_is_shown() {
    let message = StoredMessage {
        id: 1,
        hash: hash(1),
        from: AccountKeys::from_seed(&[2; 16]).id(),
        conversation: AccountKeys::from_seed(&[2; 16]).id(),
        body: "x".to_owned(),
        sent_at: 1,
        received_at: 2,
        kind: MessageKind::Unsupported,
        detail: None,
        is_request: false,
        attachments: 0,
        review: None,
    };
    let row = Row { message, content: vec![0, 2, 255] };
    let bytes = row.encode();

    assert!(Row::decode(&bytes) == Some(row));
    assert!((0..bytes.len() - 3).all(|end| Row::decode(&bytes[..end]).is_none()));
}
