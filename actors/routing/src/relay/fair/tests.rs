use std::{cell::Cell, rc::Rc};

use super::*;

/// A request of a test: its number, and whether whoever waits for it has gone.
#[derive(Debug, Clone)]
struct Ticket(usize, Rc<Cell<bool>>);

impl Waiter for Ticket {
    fn is_gone(&self) -> bool {
        self.1.get()
    }
}

fn ticket(number: usize) -> Ticket {
    Ticket(number, Rc::default())
}

fn link(number: u8) -> Link {
    Link::Node(PublicKey([number; 32]))
}

const SHARES: Shares = Shares {
    opening: 1,
    under_way: 1000,
    under_way_per_link: 1000,
    queued: 1000,
    queued_per_link: 500,
    bytes_per_link: 64 << 20,
};

/// The next request, worked on at once.
fn work(fair: &mut Fair<Ticket>) -> Option<(Link, usize)> {
    let (link, Ticket(number, _)) = fair.next()?;
    fair.opened();
    fair.ended(link);
    Some((link, number))
}

#[test]
fn one_link_is_served_in_the_order_of_arrival() {
    let mut fair = Fair::new(SHARES);
    for number in 0..5 {
        fair.join(link(1), 100, ticket(number)).unwrap();
    }

    let served: Vec<_> = std::iter::from_fn(|| work(&mut fair)).map(|(_, number)| number).collect();

    assert_eq!(served, [0, 1, 2, 3, 4]);
    assert_eq!((fair.totals(), fair.links()), ((0, 0), 0), "what is left behind is nothing");
}

#[test]
fn a_flood_of_one_link_keeps_the_others_waiting_for_one_turn_of_its_own() {
    let mut fair = Fair::new(SHARES);
    for number in 0..500 {
        fair.join(link(0), 10_000, ticket(number)).unwrap();
    }
    for honest in 1..=10 {
        fair.join(link(honest), 10_000, ticket(0)).unwrap();
    }

    let served: Vec<_> = std::iter::from_fn(|| work(&mut fair)).map(|(link, _)| link).collect();

    let last = served.iter().rposition(|served| *served != link(0)).expect("they are served");
    let in_one_turn = QUANTUM / (10_000 + OVERHEAD);
    assert_eq!(last + 1, in_one_turn + 10);
    assert_eq!(served.len(), 510, "and nobody is forgotten");
}

#[test]
fn turns_are_counted_in_bytes() {
    let mut fair = Fair::new(SHARES);
    for number in 0..6 {
        fair.join(link(1), 10 << 20, ticket(number)).unwrap();
    }
    for number in 0..400 {
        fair.join(link(2), 50_000, ticket(number)).unwrap();
    }

    let mut bytes = HashMap::new();
    for _ in 0..203 {
        let (link, _) = work(&mut fair).expect("both have something");
        *bytes.entry(link).or_insert(0_usize) += if link == self::link(1) { 10 << 20 } else { 50_000 };
    }

    let (long, short) = (bytes[&link(1)], bytes[&link(2)]);
    assert!(long.abs_diff(short) <= (10 << 20) + 203 * OVERHEAD, "{long} {short}");
}

#[test]
fn whoever_has_many_under_way_leaves_places_to_others() {
    let mut fair = Fair::new(Shares { opening: 100, under_way: 16, under_way_per_link: 12, ..SHARES });
    for number in 0..50 {
        fair.join(link(1), 1, ticket(number)).unwrap();
        fair.join(link(2), 1, ticket(number)).unwrap();
    }

    let mut under_way = HashMap::new();
    while let Some((link, _)) = fair.next() {
        fair.opened();
        *under_way.entry(link).or_insert(0) += 1;
    }
    assert!(under_way.values().sum::<usize>() < 16, "{under_way:?}");

    fair.join(link(3), 1, ticket(0)).unwrap();
    assert_eq!(fair.next().map(|(link, _)| link), Some(link(3)), "a newcomer need not wait for them");
    fair.opened();
    for _ in 0..3 {
        fair.ended(link(1));
    }
    assert!(fair.next().is_some(), "what ended makes room");
}

#[test]
fn no_more_layers_are_opened_at_once_than_there_are_places() {
    let mut fair = Fair::new(Shares { opening: 2, ..SHARES });
    for number in 0..3 {
        fair.join(link(1), 1, ticket(number)).unwrap();
    }

    assert!(fair.next().is_some() && fair.next().is_some());
    assert!(fair.next().is_none());
    fair.opened();
    assert!(fair.next().is_some());
}

#[test]
fn a_full_queue_refuses_its_own_link_only() {
    let mut fair = Fair::new(Shares { queued_per_link: 2, bytes_per_link: 1000, ..SHARES });

    assert_eq!(fair.join(link(1), 5000, ticket(0)), Ok(()), "one request is let in however long");
    assert_eq!(fair.join(link(1), 1, ticket(1)), Err(Full), "more bytes than there may be");
    assert_eq!(fair.join(link(2), 1, ticket(0)), Ok(()));
    assert_eq!(fair.join(link(2), 1, ticket(1)), Ok(()));
    assert_eq!(fair.join(link(2), 1, ticket(2)), Err(Full), "more requests than there may be");
    assert_eq!(fair.join(link(3), 1, ticket(0)), Ok(()));
}

#[test]
fn when_all_queues_are_full_the_longest_loses_its_last() {
    let mut fair = Fair::new(Shares { queued: 5, ..SHARES });
    let flood: Vec<_> = (0..5).map(ticket).collect();
    for ticket in &flood {
        fair.join(link(1), 1, ticket.clone()).unwrap();
    }

    assert_eq!(fair.join(link(1), 1, ticket(5)), Err(Full));
    assert_eq!(fair.join(link(2), 1, ticket(0)), Ok(()));
    assert_eq!(fair.join(link(2), 1, ticket(1)), Ok(()));
    assert_eq!(fair.join(link(2), 1, ticket(2)), Err(Full), "three and two are as even as it gets");

    assert_eq!(Rc::strong_count(&flood[4].1), 1, "the last was refused");
    let served: Vec<_> = std::iter::from_fn(|| work(&mut fair)).collect();
    assert_eq!(served, [(link(1), 0), (link(1), 1), (link(1), 2), (link(2), 0), (link(2), 1)]);
}

#[test]
fn whoever_has_gone_takes_no_turn_and_no_place() {
    let mut fair = Fair::new(Shares { queued_per_link: 3, ..SHARES });
    let tickets: Vec<_> = (0..3).map(ticket).collect();
    for ticket in &tickets {
        fair.join(link(1), 1, ticket.clone()).unwrap();
    }

    tickets[0].1.set(true);
    tickets[1].1.set(true);
    assert_eq!(fair.join(link(1), 1, ticket(3)), Ok(()), "they make room in a full queue");
    tickets[2].1.set(true);

    assert_eq!(work(&mut fair), Some((link(1), 3)));
    assert_eq!(work(&mut fair), None);
    assert_eq!((fair.totals(), fair.links()), ((0, 0), 0));
}

#[test]
fn a_link_that_has_been_idle_has_saved_nothing_up() {
    let mut fair = Fair::new(SHARES);
    fair.join(link(1), 1, ticket(0)).unwrap();
    assert!(work(&mut fair).is_some());

    for number in 0..100 {
        fair.join(link(1), 10_000, ticket(number)).unwrap();
        fair.join(link(2), 10_000, ticket(number)).unwrap();
    }
    let served: Vec<_> = std::iter::from_fn(|| work(&mut fair)).take(6).map(|(link, _)| link).collect();

    assert_eq!(served.iter().filter(|served| **served == link(1)).count(), 3);
}
