//! The connections that have subscriptions, each in a numbered place, so that a subscription names its own in four bytes.

use std::collections::HashMap;

use starling_contracts::subscriptions::{Link, LinkId};

use super::Outlet;

/// All connections with subscriptions.
#[derive(Debug, Default)]
pub(super) struct Links {
    slots: Vec<Option<Slot>>,
    /// Slots that are empty.
    free: Vec<u32>,
    by_id: HashMap<LinkId, u32>,
    held: usize,
    weight: usize,
}

/// One connection, there as long as it has a subscription.
#[derive(Debug)]
struct Slot {
    link: Link,
    held: usize,
    weight: usize,
}

impl Links {
    /// How many subscriptions all of them have.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// What these weigh.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn find(&self, id: LinkId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn weight_of(&self, slot: u32) -> usize {
        self.slot(slot).map_or(0, |slot| slot.weight)
    }

    pub(super) fn outlet(&self, slot: u32) -> Option<&Outlet> {
        self.slot(slot).map(|slot| &slot.link.outlet)
    }

    pub(super) fn link(&self, slot: u32) -> Option<Link> {
        self.slot(slot).map(|slot| slot.link.clone())
    }

    /// Counts a new subscription of a connection, and gives the number of its place.
    pub(super) fn enter(&mut self, link: &Link, weight: usize) -> u32 {
        let number = match self.find(link.id) {
            Some(number) => number,
            None => self.take_slot(link),
        };
        if let Some(slot) = self.slot_mut(number) {
            slot.held += 1;
            slot.weight += weight;
        }
        self.held += 1;
        self.weight += weight;
        number
    }

    /// A subscription weighs something else now.
    pub(super) fn reweigh(&mut self, number: u32, before: usize, weight: usize) {
        if let Some(slot) = self.slot_mut(number) {
            slot.weight = slot.weight - before + weight;
            self.weight = self.weight - before + weight;
        }
    }

    /// A subscription has ended; with its last one, a connection gives up its place.
    pub(super) fn leave(&mut self, number: u32, weight: usize) {
        let Some(slot) = self.slot_mut(number) else { return };
        slot.held -= 1;
        slot.weight -= weight;
        let is_last = slot.held == 0;
        let id = slot.link.id;
        self.held -= 1;
        self.weight -= weight;
        if is_last {
            self.slots[number as usize] = None;
            self.free.push(number);
            self.by_id.remove(&id);
        }
    }

    fn take_slot(&mut self, link: &Link) -> u32 {
        let slot = Some(Slot { link: link.clone(), held: 0, weight: 0 });
        let number = match self.free.pop() {
            Some(number) => {
                self.slots[number as usize] = slot;
                number
            }
            None => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1)
                    .expect("every connection has a subscription of its own, and these are bounded")
            }
        };
        self.by_id.insert(link.id, number);
        number
    }

    fn slot(&self, number: u32) -> Option<&Slot> {
        self.slots.get(number as usize)?.as_ref()
    }

    fn slot_mut(&mut self, number: u32) -> Option<&mut Slot> {
        self.slots.get_mut(number as usize)?.as_mut()
    }
}
