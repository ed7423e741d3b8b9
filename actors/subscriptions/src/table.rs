//! Who is told of what. Pure: no actor, clock or socket; time comes in as a number of ticks.
//!
//! Accounts are spread over [`SHARDS`] small maps, so that no insertion ever moves more than one of them, and whoever must go
//! through all subscriptions (for those that lapsed, for accounts that moved) can do so a map at a time. An account's entry
//! holds its watchers, mostly one: 72 bytes with the account. A subscription whose time is over, or whose connection is
//! closed, is as good as gone at once and is removed when it is met.

mod links;

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    mem,
};

use starling_contracts::subscriptions::{Link, NewMessage, Notice};
use starling_protocol::{account::AccountId, storage::monitor::LIFETIME_SECONDS};
use tokio::sync::mpsc::{self, error::TrySendError};

use self::links::Links;
use crate::{namespaces::Namespaces, notice::Announcement};

/// How many maps the accounts are spread over.
pub const SHARDS: usize = 256;

/// Time is counted in tenths of a second, of which 32 bits hold thirteen years.
pub const TICKS_PER_SECOND: u64 = 10;

/// How long a subscription lives.
const LIFETIME: u32 = 65 * 60 * 10;
const _: () = assert!(LIFETIME as u64 == LIFETIME_SECONDS * TICKS_PER_SECOND);

/// How much may be held; sets of unusual namespaces count for more than one (see [`Namespaces::weight`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For all connections together.
    pub held: usize,
    /// For one connection.
    pub held_per_link: usize,
}

/// All subscriptions.
pub struct Table {
    limits: Limits,
    picker: RandomState,
    shards: Vec<HashMap<AccountId, Watchers>>,
    links: Links,
}

/// What became of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is new.
    Added,
    /// It was there, and has more time and perhaps more namespaces now.
    Renewed,
    /// There is no room for it.
    Full,
    /// Its connection is closed, and nobody is there to be told.
    Closed,
}

/// What became of the notices of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Handed to connections.
    pub sent: u64,
    /// Lost, because a connection had no room.
    pub lost: u64,
    /// Subscriptions that turned out to have lapsed.
    pub lapsed: u64,
}

/// One subscription to an account.
#[derive(Debug)]
struct Watcher {
    link: u32,
    /// The tick at which it has lapsed.
    until: u32,
    namespaces: Namespaces,
    wants_data: bool,
}

/// The subscriptions to one account; an empty one is on its way out.
#[derive(Debug)]
enum Watchers {
    One(Watcher),
    Many(Vec<Watcher>),
}

impl Watchers {
    fn as_mut_slice(&mut self) -> &mut [Watcher] {
        match self {
            Self::One(watcher) => std::slice::from_mut(watcher),
            Self::Many(watchers) => watchers,
        }
    }

    fn push(&mut self, watcher: Watcher) {
        match mem::replace(self, Self::Many(Vec::new())) {
            Self::One(first) => *self = Self::Many(vec![first, watcher]),
            Self::Many(mut watchers) => {
                watchers.push(watcher);
                *self = Self::Many(watchers);
            }
        }
    }

    /// Keeps those that `keep` says; tells whether any are left.
    fn retain(&mut self, mut keep: impl FnMut(&mut Watcher) -> bool) -> bool {
        match self {
            Self::One(watcher) => keep(watcher),
            Self::Many(watchers) => {
                watchers.retain_mut(keep);
                !watchers.is_empty()
            }
        }
    }

    fn into_vec(self) -> Vec<Watcher> {
        match self {
            Self::One(watcher) => vec![watcher],
            Self::Many(watchers) => watchers,
        }
    }
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let shards = (0..SHARDS).map(|_| HashMap::new()).collect();
        Self { limits, picker: RandomState::new(), shards, links: Links::default() }
    }

    /// How many subscriptions are held, with those that lapsed and have not been met since.
    #[must_use]
    pub fn held(&self) -> usize {
        self.links.held()
    }

    /// How many connections hold them.
    #[must_use]
    pub fn links(&self) -> usize {
        self.links.len()
    }

    /// Is there no room for another one?
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.links.weight() >= self.limits.held
    }

    /// Subscribes a connection to an account, or renews that: namespaces are added to those it has, and who once wanted
    /// bodies goes on getting them.
    pub fn subscribe(
        &mut self,
        now: u32,
        link: &Link,
        account: &AccountId,
        namespaces: Namespaces,
        wants_data: bool,
    ) -> Held {
        if link.outlet.is_closed() {
            return Held::Closed;
        }
        let shard = self.shard_of(account);
        let until = now.saturating_add(LIFETIME);
        let known = self.links.find(link.id);
        let watchers = self.shards[shard].get_mut(account);
        let there = watchers.and_then(|watchers| {
            watchers.as_mut_slice().iter_mut().find(|watcher| Some(watcher.link) == known)
        });
        let (was_alive, namespaces, wants_data, before) = match &there {
            // What has lapsed counts for nothing any more, but for its place.
            Some(old) if old.until <= now => (false, namespaces, wants_data, old.namespaces.weight()),
            Some(old) => {
                let all = old.namespaces.union(&namespaces);
                (true, all, wants_data || old.wants_data, old.namespaces.weight())
            }
            None => (false, namespaces, wants_data, 0),
        };
        let weight = namespaces.weight();
        let others = self.links.weight() - before;
        let others_of_link = known.map_or(0, |slot| self.links.weight_of(slot)) - before;
        if others + weight > self.limits.held || others_of_link + weight > self.limits.held_per_link {
            return Held::Full;
        }
        match there {
            Some(old) => {
                let slot = old.link;
                *old = Watcher { link: slot, until, namespaces, wants_data };
                self.links.reweigh(slot, before, weight);
            }
            None => {
                let slot = self.links.enter(link, weight);
                let watcher = Watcher { link: slot, until, namespaces, wants_data };
                match self.shards[shard].get_mut(account) {
                    Some(watchers) => watchers.push(watcher),
                    None => {
                        self.shards[shard].insert(*account, Watchers::One(watcher));
                    }
                }
            }
        }
        if was_alive { Held::Renewed } else { Held::Added }
    }

    /// Tells the subscribers of a message's account and namespace of it. Nobody is waited for.
    pub fn announce(&mut self, now: u32, message: &NewMessage) -> Told {
        let shard = self.shard_of(&message.account);
        let mut told = Told::default();
        let Some(watchers) = self.shards[shard].get_mut(&message.account) else { return told };
        let announcement = Announcement::new(message);
        let links = &mut self.links;
        let any_left = watchers.retain(|watcher| {
            let outlet = links.outlet(watcher.link).filter(|_| watcher.until > now);
            let is_open = outlet.is_some_and(|outlet| {
                if !watcher.namespaces.contains(message.namespace) {
                    return true;
                }
                match outlet.try_send(announcement.notice(watcher.wants_data)) {
                    Ok(()) => told.sent += 1,
                    Err(TrySendError::Full(_)) => told.lost += 1,
                    Err(TrySendError::Closed(_)) => return false,
                }
                true
            });
            if !is_open {
                told.lapsed += 1;
                links.leave(watcher.link, watcher.namespaces.weight());
            }
            is_open
        });
        if !any_left {
            self.shards[shard].remove(&message.account);
        }
        told
    }

    /// Removes what has lapsed from one shard; tells how many.
    pub fn sweep(&mut self, shard: usize, now: u32) -> u64 {
        let links = &mut self.links;
        let accounts = &mut self.shards[shard];
        let mut lapsed = 0;
        accounts.retain(|_, watchers| {
            watchers.retain(|watcher| {
                let is_open = links.outlet(watcher.link).is_some_and(|outlet| !outlet.is_closed());
                let stays = is_open && watcher.until > now;
                if !stays {
                    lapsed += 1;
                    links.leave(watcher.link, watcher.namespaces.weight());
                }
                stays
            })
        });
        // After a crowd has left, its room goes too; the factor keeps a map from shrinking and growing by turns.
        if accounts.capacity() > 64 && accounts.capacity() / 4 > accounts.len() {
            accounts.shrink_to(accounts.len() * 2);
        }
        lapsed
    }

    /// The accounts of one shard.
    #[must_use]
    pub fn accounts(&self, shard: usize) -> Vec<AccountId> {
        self.shards[shard].keys().copied().collect()
    }

    /// Ends all subscriptions to an account; gives the connections of those that had not lapsed.
    pub fn end(&mut self, account: &AccountId, now: u32) -> Vec<Link> {
        let shard = self.shard_of(account);
        let Some(watchers) = self.shards[shard].remove(account) else { return Vec::new() };
        let mut open = Vec::new();
        for watcher in watchers.into_vec() {
            let link = self.links.link(watcher.link).filter(|link| !link.outlet.is_closed());
            open.extend(link.filter(|_| watcher.until > now));
            self.links.leave(watcher.link, watcher.namespaces.weight());
        }
        open
    }

    fn shard_of(&self, account: &AccountId) -> usize {
        // The remainder of a number is below its divisor.
        usize::try_from(self.picker.hash_one(account) % SHARDS as u64).unwrap_or_default()
    }
}

/// Where notices to a connection go.
pub(crate) type Outlet = mpsc::Sender<Notice>;

#[cfg(test)]
mod tests;
