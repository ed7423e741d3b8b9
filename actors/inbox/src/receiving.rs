//! One poll: some members of the own swarm are read, and what they say is filed.

use std::sync::Arc;

use futures::future::{join_all, try_join_all};
use starling_contracts::{
    accounts::Profile,
    inbox::{Error, MessageReceived, Poll, Polled},
};
use starling_kernel::{Entropy, Kinded as _, Message as _};
use starling_protocol::crypto::ed25519;
use tracing::debug;

use crate::{
    copies, deletions,
    delivery::{CLOCK, WRONG_SWARM},
    desk::{Desk, Line, Unlocked},
    filing::{self, Item, Reason, Verdict},
    metrics::{self, PollOutcome},
    pending,
    polling::{self, Form, Page, Part, Wanted},
    reviewing,
    store::{Batch, Cursor},
};

/// Items that one job on the pool opens; so a large answer is spread over its threads.
const ITEMS_PER_JOB: usize = 32;

/// How often one reading of a member is repeated because of the clock or the swarm: once plainly, so that routing sees the
/// status and mends what is wrong, and once with what it has mended.
const REPEATS: usize = 2;

/// Polls an account: first what is pending is offered again and the copies that wait are stored, then some members of its swarm
/// are read, and at last what was taken back is deleted there.
pub(crate) async fn poll(desk: &Desk, Poll { profile }: Poll) -> Result<Polled, Error> {
    let turn = desk.turn(Line::Poll(profile.clone())).await;
    let account = desk.unlock(&profile).await?;
    pending::take_up(desk, &profile, &account).await;
    copies::store_copies(desk, &profile, &account).await;
    let members = members_to_read(desk, &account).await?;
    let read =
        join_all(members.into_iter().map(|member| read_member(desk, &profile, &account, member))).await;
    deletions::delete_in_swarm(desk, &profile, &account).await;
    drop(turn);
    let mut total = Polled::default();
    let mut first_error = None;
    let mut any_read = false;
    for outcome in read {
        match outcome {
            Ok(polled) => {
                any_read = true;
                total.new += polled.new;
                total.known += polled.known;
                total.dropped += polled.dropped;
                total.held += polled.held;
            }
            Err(error) => {
                debug!(kind = ?error.kind(), "a member of the swarm could not be read");
                first_error.get_or_insert(error);
            }
        }
    }
    metrics::polled(if any_read { PollOutcome::Done } else { PollOutcome::Failed });
    match first_error {
        Some(error) if !any_read => Err(error),
        _ => Ok(total),
    }
}

/// The members to be read: the one that answered last, as its place is known, and others by lot. `None` is whichever member
/// answers.
async fn members_to_read(desk: &Desk, account: &Unlocked) -> Result<Vec<Option<ed25519::PublicKey>>, Error> {
    let known = desk.delivery.swarm(account.secrets.keys.id()).await;
    let members = known.map(|swarm| swarm.members.iter().map(|member| member.ed25519).collect());
    let last = desk.on_disk(Poll::NAME, account, |store, sealer| store.last_node(sealer)).await?;
    let wanted = desk.config.members_per_poll;
    Ok(choose(members.unwrap_or_default(), last, wanted, desk.ctx.entropy().as_ref()))
}

fn choose(
    mut members: Vec<ed25519::PublicKey>,
    last: Option<ed25519::PublicKey>,
    wanted: usize,
    entropy: &dyn Entropy,
) -> Vec<Option<ed25519::PublicKey>> {
    if members.is_empty() {
        return vec![last];
    }
    entropy.shuffle(&mut members);
    if let Some(known) = last.and_then(|last| members.iter().position(|member| *member == last)) {
        members.swap(0, known);
    }
    members.into_iter().take(wanted).map(Some).collect()
}

/// Reads one member up to its end, page by page.
///
/// Places are kept per node, since nodes differ in order: when another member answers than the one that was asked, its
/// messages are filed all the same, but the place is not moved, and it is asked again from its own.
async fn read_member(
    desk: &Desk,
    profile: &Profile,
    account: &Unlocked,
    member: Option<ed25519::PublicKey>,
) -> Result<Polled, Error> {
    let mut total = Polled::default();
    let mut asked = member;
    let mut form = Form::Batch;
    let mut repeats_left = REPEATS;
    for _ in 0..desk.config.pages_per_poll {
        let wanted = places(desk, account, asked).await?;
        let now = desk.delivery.time().await?;
        let keys_of = Arc::clone(&account.secrets);
        let question = {
            let wanted = wanted.clone();
            desk.work(Poll::NAME, move || polling::request(&keys_of.keys, &wanted, now, form)).await?
        };
        let reply = desk.delivery.ask(account.secrets.keys.id(), question, asked).await?;
        let parts = polling::read(reply.status, &reply.body, &wanted, form);
        let mut next_form = Form::Batch;
        let is_own_place =
            asked == Some(reply.node) || (asked.is_none() && wanted.iter().all(|w| w.last_hash.is_none()));
        let mut more = false;
        for part in parts {
            let page = match part {
                Part::Page(page) => page,
                Part::Refused { status: CLOCK | WRONG_SWARM, .. } if repeats_left > 0 => {
                    repeats_left -= 1;
                    next_form = if form == Form::Batch { Form::Plain } else { Form::Batch };
                    more = true;
                    break;
                }
                Part::Refused { status, reason } => return Err(Error::Refused { status, reason }),
            };
            let before = wanted.iter().find(|w| w.namespace == page.namespace).and_then(|w| w.last_hash);
            more |= page.more && page.last_hash.is_some() && page.last_hash != before;
            let cursor = page.last_hash.filter(|_| is_own_place);
            let cursor = cursor.map(|hash| Cursor { node: reply.node, namespace: page.namespace, hash });
            let filed = file(desk, profile, account, page, reply.node, cursor).await?;
            total.new += filed.new;
            total.known += filed.known;
            total.dropped += filed.dropped;
            total.held += filed.held;
        }
        more |= !is_own_place;
        asked = Some(reply.node);
        form = next_form;
        if !more {
            break;
        }
    }
    Ok(total)
}

/// Up to where `node` was read, for every namespace.
async fn places(
    desk: &Desk,
    account: &Unlocked,
    node: Option<ed25519::PublicKey>,
) -> Result<Vec<Wanted>, Error> {
    let Some(node) = node else {
        return Ok(polling::NAMESPACES.map(|namespace| Wanted { namespace, last_hash: None }).to_vec());
    };
    desk.on_disk(Poll::NAME, account, move |store, sealer| {
        let place = |namespace| Ok(Wanted { namespace, last_hash: store.cursor(sealer, node, namespace)? });
        polling::NAMESPACES.into_iter().map(place).collect()
    })
    .await
}

/// Opens what is new on a page, has it judged, commits it together with the place in the member's order, and tells of it.
async fn file(
    desk: &Desk,
    profile: &Profile,
    account: &Unlocked,
    page: Page,
    node: ed25519::PublicKey,
    cursor: Option<Cursor>,
) -> Result<Polled, Error> {
    let Page { namespace, items, malformed, .. } = page;
    let own = account.secrets.keys.id();
    let total = items.len();
    let turn = desk.turn(Line::File(profile.clone())).await;
    let (unseen, genuine) = desk
        .on_disk(Poll::NAME, account, move |store, sealer| {
            let genuine: Vec<Item> =
                items.into_iter().filter(|item| filing::is_genuine(item, &own, namespace)).collect();
            let count = genuine.len();
            Ok((store.unseen(sealer, genuine)?, count))
        })
        .await?;
    let known = genuine - unseen.len();
    let judged = judge_all(desk, account, unseen).await?;
    let judged = reviewing::review(desk, profile, account, judged).await?;
    let batch = Batch { judged, cursor, node, received_at: desk.ctx.clock().now_ms() };
    let entropy = Arc::clone(desk.ctx.entropy());
    let filed = desk
        .on_disk(Poll::NAME, account, move |store, sealer| store.file(sealer, batch, entropy.as_ref()))
        .await?;
    drop(turn);
    let wrong = total - genuine;
    metrics::dropped(Reason::Malformed, malformed);
    metrics::dropped(Reason::WrongHash, wrong);
    for (reason, items) in &filed.dropped {
        metrics::dropped(*reason, *items);
    }
    let polled = Polled {
        new: filed.new.len(),
        known: known + filed.known,
        dropped: malformed + wrong + filed.dropped.values().sum::<usize>(),
        held: filed.held,
    };
    metrics::taken_back(filed.taken_back);
    metrics::received(polled.new);
    metrics::known(polled.known);
    let publisher = desk.ctx.publisher::<MessageReceived>();
    for message in filed.new {
        publisher.publish(MessageReceived { profile: profile.clone(), message }).await;
    }
    Ok(polled)
}

async fn judge_all(desk: &Desk, account: &Unlocked, items: Vec<Item>) -> Result<Vec<(Item, Verdict)>, Error> {
    let mut items = items.into_iter();
    let mut jobs = Vec::new();
    loop {
        let chunk: Vec<Item> = items.by_ref().take(ITEMS_PER_JOB).collect();
        if chunk.is_empty() {
            break;
        }
        let secrets = Arc::clone(&account.secrets);
        jobs.push(desk.work(Poll::NAME, move || {
            let judged = |item: Item| {
                let verdict = filing::judge(&item, &secrets.keys);
                (item, verdict)
            };
            chunk.into_iter().map(judged).collect::<Vec<_>>()
        }));
    }
    Ok(try_join_all(jobs).await?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use starling_kernel::SeededEntropy;

    use super::*;

    #[test]
    fn the_member_that_answered_last_comes_first_and_others_take_turns() {
        let members: Vec<_> = (0..5).map(|n| ed25519::PublicKey([n; 32])).collect();
        let entropy = SeededEntropy::new(3);
        let second = |_| {
            let chosen = choose(members.clone(), Some(members[2]), 2, &entropy);
            assert_eq!((chosen.len(), chosen[0]), (2, Some(members[2])));
            chosen[1].unwrap()
        };

        let others: std::collections::BTreeSet<_> = (0..64).map(second).collect();

        assert_eq!(others.len(), 4, "everybody else has a turn, the first never a second one");
        let gone = Some(ed25519::PublicKey([9; 32]));
        assert!(
            !choose(members.clone(), gone, 2, &entropy).contains(&gone),
            "a former member is not asked for"
        );
        assert_eq!(choose(Vec::new(), gone, 2, &entropy), [gone]);
        assert_eq!(choose(members[..1].to_vec(), None, 2, &entropy), [Some(members[0])]);
    }
}
