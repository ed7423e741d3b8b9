use std::{
    rc::Rc,
    sync::{Arc, atomic::Ordering},
};

use starling_kernel::{Actor, Kernel, ManualClock, Spec};
use starling_protocol::{
    account::{AccountId, Prefix},
    storage::{Namespace, message_hash},
};

use super::*;
use crate::store::{Insert, open_on};

struct Keeper;

impl Actor for Keeper {
    const NAME: &'static str = "keeper";
}

fn message(number: u8) -> Insert {
    let (account, namespace) = (AccountId::new(Prefix::Standard, [1; 32]), Namespace::DEFAULT);
    let body = vec![number];
    let hash = message_hash(&account, namespace, &body);
    Insert { account, namespace, hash, timestamp: 1, expiry: 2, body }
}

#[tokio::test]
async fn an_actor_is_unready_from_the_failure_until_the_file_was_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(1_795_000_000_000);
    let (store, is_failing) = open_on(&folder.path().join("store"), Arc::new(clock.clone()));
    let mended = store.clone();
    let keeper = Spec::new(move |ctx| {
        let (store, told) = (mended.clone(), Rc::new(ctx.clone()));
        let seen = mended.clone();
        ctx.spawn(mend(store, ctx.clone(), move || match seen.failure() {
            Some(error) => told.not_ready(error.to_string()),
            None => told.ready(),
        }));
        async { Ok(Keeper) }
    });
    let kernel =
        Kernel::builder().clock(Arc::new(clock.clone())).cpu_threads(1).actor(keeper).start().await.unwrap();
    // Each another message: what changes nothing is answered without the disk.
    let write = |number: u8| store.write(message(number));
    write(1).await.unwrap();

    is_failing.store(true, Ordering::Release);
    write(2).await.unwrap_err();
    while kernel.unready().is_empty() {
        tokio::task::yield_now().await;
    }
    let unready = kernel.unready();
    assert!(unready[0].1.starts_with("the message store failed: "), "{unready:?}");
    // Attempts while the disk still fails change nothing.
    for _ in 0..10 {
        clock.advance(LONGEST_PAUSE);
        tokio::task::yield_now().await;
    }
    assert!(write(3).await.is_err());

    is_failing.store(false, Ordering::Release);
    while !kernel.unready().is_empty() {
        clock.advance(LONGEST_PAUSE);
        tokio::task::yield_now().await;
    }
    write(4).await.unwrap();
    assert!(kernel.stop().await.is_empty());
}
