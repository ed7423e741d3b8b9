//! How many requests are under way, and to how many each server answers at once.

use std::{cell::RefCell, collections::HashMap, net::IpAddr, rc::Rc, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for requests; servers with none under way are not kept.
#[derive(Debug, Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    per_server: Rc<RefCell<HashMap<IpAddr, usize>>>,
    most_per_server: usize,
}

/// A place at one server, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    server: IpAddr,
}

impl Places {
    pub(super) fn new(most: usize, most_per_server: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(most)), per_server: Rc::default(), most_per_server }
    }

    pub(super) fn most_per_server(&self) -> usize {
        self.most_per_server
    }

    /// One of the places; none when all are taken.
    pub(super) fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).try_acquire_owned().ok()
    }

    /// A place at the server of that address; none when it has enough to do. A name may have as many addresses, and an address
    /// as many names, as somebody likes: the address is what bears it.
    pub(super) fn enter_to(&self, server: IpAddr) -> Option<Place> {
        let server = server.to_canonical();
        let mut per_server = self.per_server.borrow_mut();
        let count = per_server.get(&server).copied().unwrap_or(0);
        if count >= self.most_per_server {
            return None;
        }
        per_server.insert(server, count + 1);
        Some(Place { places: self.clone(), server })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut per_server = self.places.per_server.borrow_mut();
        if let Some(count) = per_server.get_mut(&self.server) {
            *count -= 1;
            if *count == 0 {
                per_server.remove(&self.server);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_its_places_whichever_way_its_address_is_written() {
        let places = Places::new(3, 2);
        let server: IpAddr = "198.51.100.7".parse().unwrap();
        let mapped: IpAddr = "::ffff:198.51.100.7".parse().unwrap();

        let first = places.enter_to(server);
        let second = places.enter_to(mapped);

        assert!(first.is_some() && second.is_some());
        assert!(places.enter_to(server).is_none() && places.enter_to(mapped).is_none());
        assert!(places.enter_to("198.51.100.8".parse().unwrap()).is_some());
        drop((first, second));
        assert!(places.enter_to(server).is_some());
        assert!(places.per_server.borrow().is_empty(), "what is left behind is nothing");
    }

    #[test]
    fn no_more_than_all_places_are_taken() {
        let places = Places::new(1, 1);

        let first = places.enter();

        assert!(first.is_some() && places.enter().is_none());
        drop(first);
        assert!(places.enter().is_some());
    }
}
