//! What actors are given: time, randomness, a CPU pool.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use starling_kernel::{
    Clock, CpuPool, Entropy, Kernel, ManualClock, PoolError, SeededEntropy, SystemClock, SystemEntropy, task,
};

use crate::worker::{does, soon, spec, until};

#[tokio::test]
async fn a_manual_clock_wakes_whoever_slept_until_then_and_nobody_else() {
    soon(async {
        let clock = ManualClock::at(1_000);
        let (mut short, mut long) =
            (clock.sleep(Duration::from_secs(1)), clock.clone().sleep(Duration::from_secs(2)));
        assert!(futures::poll!(&mut short).is_pending());

        clock.advance(Duration::from_millis(1_500));

        assert!(futures::poll!(&mut short).is_ready());
        assert!(futures::poll!(&mut long).is_pending());
        assert_eq!((clock.now_ms(), clock.elapsed()), (2_500, Duration::from_millis(1_500)));
        assert_eq!(clock.sleepers(), 1);
        clock.advance(Duration::from_millis(500));
        long.await;
    })
    .await;
}

#[tokio::test]
async fn a_manual_clock_forgets_sleepers_that_gave_up() {
    let clock = ManualClock::at(0);
    for _ in 0..1_000 {
        drop(clock.sleep(Duration::from_secs(1)));
    }

    assert_eq!(clock.sleepers(), 0);
    clock.sleep(Duration::ZERO).await;
}

#[tokio::test]
async fn the_system_clock_goes_forward() {
    let clock = SystemClock::default();
    let (elapsed, now) = (clock.elapsed(), clock.now_ms());

    soon(clock.sleep(Duration::from_millis(2))).await;

    assert!(clock.elapsed() >= elapsed + Duration::from_millis(2));
    assert!(now > 1_600_000_000_000 && clock.now_ms() >= now);
}

#[tokio::test]
async fn periodic_work_runs_in_the_actors_time_until_the_actor_ends() {
    soon(async {
        let clock = ManualClock::at(0);
        let kernel =
            Kernel::builder().clock(Arc::new(clock.clone())).actor(spec::<0>()).start().await.unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&runs);
        let deed = does::<0>(move |_, ctx| {
            ctx.every(Duration::from_secs(10), move || {
                counter.fetch_add(1, Ordering::SeqCst);
                task(async {})
            });
            starling_kernel::done(Ok(0))
        });
        kernel.ask(deed).await.unwrap();

        for expected in 1..=3 {
            until(|| clock.sleepers() == 1).await;
            assert_eq!(runs.load(Ordering::SeqCst), expected - 1);
            clock.advance(Duration::from_secs(10));
            until(|| runs.load(Ordering::SeqCst) == expected).await;
        }
        kernel.stop().await;
        clock.advance(Duration::from_secs(100));

        assert_eq!(runs.load(Ordering::SeqCst), 3);
    })
    .await;
}

#[test]
fn numbers_below_a_bound_are_all_as_likely() {
    const DRAWS: usize = 60_000;
    let entropy: &dyn Entropy = &SeededEntropy::new(1);
    let mut counts = [0_usize; 6];
    for _ in 0..DRAWS {
        counts[entropy.below(6)] += 1;
    }

    // Five standard deviations around the mean of 10,000: √(60,000 · 1/6 · 5/6) ≈ 91.
    assert!(counts.iter().all(|count| count.abs_diff(DRAWS / 6) < 460), "{counts:?}");
    assert_eq!((entropy.below(0), entropy.below(1)), (0, 0));
}

#[test]
fn draws_from_the_uneven_end_of_the_range_are_thrown_away() {
    /// Draws the highest number once, then a one.
    struct High(AtomicUsize);
    impl Entropy for High {
        fn fill(&self, bytes: &mut [u8]) {
            let is_first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
            bytes.fill(if is_first { 0xff } else { 0 });
            bytes[0] = if is_first { 0xff } else { 1 };
        }
    }
    let high = High(AtomicUsize::new(0));
    let entropy: &dyn Entropy = &high;

    assert_eq!(entropy.below(10), 1, "2^64 - 1 is past the last full ten");
    assert_eq!(high.0.load(Ordering::SeqCst), 2);
}

#[test]
fn seeded_entropy_repeats_itself_and_the_systems_does_not() {
    let draw = |entropy: &dyn Entropy| entropy.bytes::<32>();

    assert_eq!(draw(&SeededEntropy::new(7)), draw(&SeededEntropy::new(7)));
    assert_ne!(draw(&SeededEntropy::new(7)), draw(&SeededEntropy::new(8)));
    assert_ne!(draw(&SystemEntropy), draw(&SystemEntropy));
}

#[test]
fn a_shuffle_keeps_every_item_and_reaches_every_order() {
    let entropy: &dyn Entropy = &SeededEntropy::new(3);
    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..500 {
        let mut items = [1, 2, 3, 4];
        entropy.shuffle(&mut items);
        orders.insert(items);
        items.sort_unstable();
        assert_eq!(items, [1, 2, 3, 4]);
    }

    assert_eq!(orders.len(), 24);
}

#[tokio::test]
async fn a_job_that_panics_is_told_and_the_pool_goes_on() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("and again");
        }
    }

    soon(async {
        let pool = CpuPool::new(1).unwrap();

        assert_eq!(pool.run(|| -> u32 { panic!("asked to") }).await, Err(PoolError::Panicked));
        assert_eq!(pool.run(|| -> u32 { std::panic::panic_any(Bomb) }).await, Err(PoolError::Panicked));
        let (release, released) = std::sync::mpsc::sync_channel::<()>(1);
        let mut unwanted = Box::pin(pool.run(move || {
            let _ = released.recv();
            Bomb
        }));
        assert!(futures::poll!(&mut unwanted).is_pending());
        drop(unwanted);
        release.send(()).unwrap();

        assert_eq!(pool.run(|| 7).await, Ok(7));
        assert_eq!(pool.threads(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_pool_holds_its_callers_back_instead_of_growing_its_queue() {
    soon(async {
        let pool = CpuPool::new(1).unwrap();
        let (release, released) = std::sync::mpsc::sync_channel::<()>(1);
        let entered = Arc::new(AtomicUsize::new(0));
        let mut blocker = Box::pin(pool.run(move || {
            let _ = released.recv();
        }));
        assert!(futures::poll!(&mut blocker).is_pending());
        let mut jobs: Vec<_> = (0..200)
            .map(|_| {
                let entered = Arc::clone(&entered);
                Box::pin(pool.run(move || {
                    entered.fetch_add(1, Ordering::SeqCst);
                }))
            })
            .collect();
        for job in &mut jobs {
            assert!(futures::poll!(job).is_pending());
        }
        // Dropped before its turn in the queue has come, a job is never run.
        let surplus = jobs.split_off(100);
        drop(surplus);

        release.send(()).unwrap();
        blocker.await.unwrap();
        futures::future::join_all(jobs).await;

        assert_eq!(entered.load(Ordering::SeqCst), 100);
    })
    .await;
}
