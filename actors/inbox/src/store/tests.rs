//! The tables, without actor and network.

use std::sync::Arc;

use redb::ReadableTable as _;
use starling_contracts::{
    accounts::{Account, AccountSecrets},
    inbox::{Detail, MessageKind, MessageRef},
};
use starling_kernel::SeededEntropy;
use starling_protocol::account::{AccountId, AccountKeys};
use zeroize::Zeroizing;

use super::{tables::numbered, *};
use crate::filing::{Kept, Reason, Verdict};

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
    let content = vec![1, 2];
    Kept {
        from: id,
        conversation: id,
        body,
        sent_at,
        kind,
        detail: None,
        attachments: 0,
        review: None,
        content,
    }
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
        tables.add(&kept(1), hash(1), NOW, Place::Inbox)?;
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

/// A file of schema 1 with these messages of the account, as the version that knew no later one wrote it.
fn old_file(folder: &std::path::Path, sealer: &Sealer, messages: &[(u64, &str)]) {
    let entropy = SeededEntropy::new(7);
    let database = Database::create(folder.join("inbox.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut meta = transaction.open_table(tables::META).unwrap();
        meta.insert("schema", 1_u64.to_le_bytes().as_slice()).unwrap();
        let mut rows = transaction.open_table(MESSAGES).unwrap();
        for (id, message) in messages {
            let message_len = u32::try_from(message.len()).unwrap();
            let row = [&[1_u8][..], &message_len.to_le_bytes(), message.as_bytes(), &[7, 7]].concat();
            let key = numbered(sealer, *id);
            let sealed = sealer.seal("inbox/messages/1", &key, &row, &entropy);
            rows.insert(&key, sealed.as_slice()).unwrap();
        }
        // The table of what is pending came while the schema was 1, so it may be missing too.
        transaction.open_table(COPIES).unwrap();
        transaction.open_table(tables::IDENTITIES).unwrap();
        transaction.open_table(SEEN).unwrap();
        transaction.open_table(CURSORS).unwrap();
        transaction.open_table(STATE).unwrap();
    }
    transaction.commit().unwrap();
}

/// A row of a message as the first version wrote it.
fn old_row(id: u64, from: &AccountId, conversation: &AccountId, kind: &str) -> String {
    let hash = hash(1);
    format!(
        r#"{{"id":{id},"hash":"{hash}","from":"{from}","conversation":"{conversation}","body":"old","sent_at":5,"received_at":6,"kind":"{kind}"}}"#
    )
}

#[test]
fn a_file_of_the_first_schema_is_copied_brought_here_and_knows_whom_was_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let (sealer, entropy) = (sealer(1), SeededEntropy::new(1));
    let (own, bob) = (sealer.account(), kept(0).from);
    let stranger = AccountKeys::from_seed(&[9; 16]).id();
    let rows = [
        old_row(1, &own, &bob, "text"),
        old_row(2, &stranger, &stranger, "control"),
        old_row(3, &own, &own, "text"),
    ];
    old_file(folder.path(), &sealer, &[(1, &rows[0]), (2, &rows[1]), (3, &rows[2])]);

    let store = Store::open(folder.path()).unwrap();

    {
        let copy = Database::open(folder.path().join("inbox.schema-1.redb")).unwrap();
        let transaction = copy.begin_read().unwrap();
        let schema = transaction.open_table(tables::META).unwrap().get("schema").unwrap().unwrap();
        assert_eq!(schema.value(), 1_u64.to_le_bytes());
        assert_eq!(transaction.open_table(MESSAGES).unwrap().iter().unwrap().count(), 3);
        assert!(transaction.open_table(HELD).is_err(), "the copy is from before");
    }
    let listed = store.list(&sealer, 0, 9).unwrap();
    assert_eq!(listed.iter().map(|message| message.id).collect::<Vec<_>>(), [1, 2, 3]);
    let old = &listed[1];
    assert_eq!((old.body.as_str(), old.kind, old.from), ("old", MessageKind::Control, stranger));
    assert_eq!((&old.detail, old.is_request, old.attachments, &old.review), (&None, false, 0, &None));
    assert!(store.pending(&sealer).unwrap().is_empty());
    let name = |author| MessageRef { conversation: author, author, sent_at: 99 };
    assert_eq!(
        store.standing(&sealer, &[name(bob), name(stranger)], &entropy).unwrap(),
        [Standing::OfCorrespondent, Standing::OfStranger]
    );
    let filed = store.file(&sealer, batch(vec![keep(2, 10)], NOW), &entropy).unwrap();
    assert_eq!((filed.new[0].id, filed.new[0].is_request), (4, false));
    drop(store);
    let again = Store::open(folder.path()).unwrap();
    assert_eq!(again.list(&sealer, 0, 9).unwrap().len(), 4);
}

fn name(sent_at: u64) -> MessageRef {
    kept(sent_at).name()
}

fn unsend(n: u8, sent_at: u64, target: u64) -> (Item, Verdict) {
    let detail = Some(Detail::Deletion { target: name(target) });
    let kept = Kept { kind: MessageKind::Control, body: String::new(), detail, ..kept(sent_at) };
    (item(n), Verdict::Keep(Box::new(kept)))
}

#[test]
fn what_is_taken_back_is_gone_for_good_and_its_number_is_not_given_again() {
    let Fixture { store, sealer, entropy, .. } = &fixture();
    let file = |judged| store.file(sealer, batch(judged, NOW), entropy.as_ref()).unwrap();
    file(vec![keep(1, 10), keep(2, 11)]);

    let filed = file(vec![unsend(3, 12, 11), unsend(4, 13, 999)]);

    assert_eq!((filed.taken_back, filed.new.iter().map(|m| m.id).collect::<Vec<_>>()), (1, vec![3, 4]));
    let left: Vec<_> = store.list(sealer, 0, 9).unwrap().iter().map(|message| message.sent_at).collect();
    assert_eq!(left, [10, 12, 13]);
    let due = store.deletions(sealer, 9).unwrap();
    assert_eq!(due, [(0, Deletion { hash: hash(2), until: NOW + 14 * DAY_MS })]);
    let (twin, verdict) = keep(5, 11);
    assert_eq!(file(vec![(twin, verdict)]).known, 1, "it does not come again under another hash");
    assert_eq!(file(vec![keep(6, 14)]).new[0].id, 5);
    store.remove_deletions(sealer, &[0]).unwrap();
    assert!(store.deletions(sealer, 9).unwrap().is_empty());
}

#[test]
fn a_message_and_its_taking_back_in_one_answer_leave_only_the_latter() {
    let Fixture { store, sealer, entropy, .. } = &fixture();

    let filed =
        store.file(sealer, batch(vec![unsend(1, 12, 11), keep(2, 11)], NOW), entropy.as_ref()).unwrap();

    assert_eq!((filed.taken_back, filed.new.len(), filed.new[0].sent_at), (1, 1, 12));
    assert_eq!(store.list(sealer, 0, 9).unwrap(), filed.new);
}

#[test]
fn what_is_held_is_not_listed_until_it_is_released_behind_all_others() {
    let Fixture { store, sealer, entropy, .. } = &fixture();
    let hold = |n, sent_at| (item(n), Verdict::Hold(Box::new(kept(sent_at))));
    let answer = vec![hold(1, 10), hold(2, 11), keep(3, 12), hold(4, 13)];
    let filed = store.file(sealer, batch(answer, NOW), entropy.as_ref()).unwrap();
    assert_eq!((filed.held, filed.new.len(), filed.new[0].id), (3, 1, 3));
    let held = store.list_held(sealer, 0, 9).unwrap();
    assert_eq!(held.iter().map(|message| message.id).collect::<Vec<_>>(), [1, 2, 4]);
    assert!(store.list_held(sealer, 1, 1).unwrap()[0].id == 2);

    let released = store.release_held(sealer, 2, entropy.as_ref()).unwrap();
    store.discard_held(sealer, 4, entropy.as_ref()).unwrap();

    assert_eq!((released.id, released.sent_at), (5, 11), "4 is held, so 5 is the next number");
    let listed: Vec<_> = store.list(sealer, 0, 9).unwrap().iter().map(|message| message.id).collect();
    assert_eq!(listed, [3, 5]);
    assert_eq!(store.list_held(sealer, 0, 9).unwrap(), held[..1]);
    for id in [2, 4, 3, 77] {
        assert!(matches!(store.release_held(sealer, id, entropy.as_ref()), Err(Error::NoSuchMessage { .. })));
        assert!(store.discard_held(sealer, id, entropy.as_ref()).is_err());
    }
    let again = store.file(sealer, batch(vec![keep(5, 13), keep(6, 11)], NOW), entropy.as_ref()).unwrap();
    assert_eq!(again.known, 2, "neither what was discarded nor what was released comes again");
    let taken = store.file(sealer, batch(vec![unsend(7, 20, 11), unsend(8, 21, 10)], NOW), entropy.as_ref());
    assert_eq!(taken.unwrap().taken_back, 2, "the one released, and the one still held");
    assert!(store.list_held(sealer, 0, 9).unwrap().is_empty());
}

#[test]
fn a_waiting_copy_of_what_was_taken_back_goes_too_and_nobody_elses_in_its_place() {
    let Fixture { store, sealer, entropy, .. } = &fixture();
    let commit = |message: &Pending| store.commit_pending(sealer, message, NOW, entropy.as_ref()).unwrap();
    let sent = Pending { copy: vec![1], ..pending(10) };
    commit(&sent);
    let (position, copy) = store.copies(sealer, 9).unwrap().remove(0);

    let detail = Some(Detail::Deletion { target: name(10) });
    let request = Kept { kind: MessageKind::Control, detail, ..kept(11) };
    commit(&Pending { kept: request, copy: vec![2], ..pending(11) });

    let waiting = store.copies(sealer, 9).unwrap();
    assert_eq!((waiting.len(), waiting[0].0, waiting[0].1.data.clone()), (1, position, vec![2]));
    store.remove_copy(sealer, position, &copy, entropy.as_ref()).unwrap();
    store.put_copy_last(sealer, position, &copy, entropy.as_ref()).unwrap();
    assert!(store.copies(sealer, 9).unwrap() == waiting, "whoever was storing it finds another one there");
    assert_eq!(store.list(sealer, 0, 9).unwrap().len(), 1);
}

#[test]
fn taking_back_what_is_pending_ends_it() {
    let Fixture { store, sealer, entropy, .. } = &fixture();
    let named = |sent_at| store.has_named(sealer, &name(sent_at)).unwrap();
    store.put_pending(sealer, &pending(10), entropy.as_ref()).unwrap();
    assert_eq!((named(10), named(11)), (true, false));
    let elsewhere = MessageRef { conversation: sealer.account(), ..name(10) };
    assert!(!store.has_named(sealer, &elsewhere).unwrap());

    for target in [elsewhere, name(10)] {
        assert_eq!(store.pending(sealer).unwrap().len(), 1);
        let detail = Some(Detail::Deletion { target });
        let request = Kept { kind: MessageKind::Control, detail, ..kept(11) };
        let request = Pending { kept: request, ..pending(11) };
        store.commit_pending(sealer, &request, NOW, entropy.as_ref()).unwrap();
    }

    assert!(store.pending(sealer).unwrap().is_empty());
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
