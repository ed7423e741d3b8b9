//! What a stored message costs, for one that concerns no subscription, with none and with 100,000 of others; how long it takes
//! until a subscriber has the notice; and what a subscription takes of memory.

use std::{hint::black_box, sync::Arc, time::Instant};

use bytes::Bytes;
use criterion::{Criterion, criterion_group};
use starling_contracts::{
    staking::{self, CurrentNodeList, NodeList},
    subscriptions::{Announce, Link, LinkId, NewMessage, Notice, Subscribe},
};
use starling_kernel::{Actor, Context, Handler, Kernel, Spec, Task, done};
use starling_protocol::{
    account::{AccountId, Prefix},
    crypto::ed25519,
    storage::{
        Namespace, message_hash,
        monitor::{Subscriber, Subscription},
        signed_text,
    },
};
use starling_subscriptions::{
    Config,
    namespaces::Namespaces,
    table::{Limits, Table},
};
use tokio::sync::mpsc;

const CROWD: u32 = 100_000;

fn account(number: u32) -> AccountId {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    AccountId::new(Prefix::Group, key)
}

fn message(account: AccountId) -> NewMessage {
    NewMessage {
        account,
        namespace: Namespace(11),
        hash: message_hash(&account, Namespace(11), b"body"),
        timestamp: 1,
        expiry: 2,
        data: Bytes::from(vec![7; 2_000]),
    }
}

fn crowded(count: u32) -> (Table, mpsc::Receiver<Notice>) {
    let (outlet, notices) = mpsc::channel(1);
    let link = Link { id: LinkId(1), outlet };
    let mut table = Table::new(Limits { held: 1_000_000, held_per_link: 1_000_000 });
    let namespaces: Namespaces = [Namespace(11)].into_iter().collect();
    for number in 0..count {
        table.subscribe(0, &link, &account(number), namespaces.clone(), true);
    }
    (table, notices)
}

fn strangers(criterion: &mut Criterion) {
    let strangers: Vec<_> = (CROWD..CROWD + 1000).map(|number| message(account(number))).collect();
    for count in [0, 1_000, CROWD] {
        let (mut table, _notices) = crowded(count);
        let mut next = (0..strangers.len()).cycle();
        criterion.bench_function(&format!("announce, {count} subscriptions of others"), |bencher| {
            bencher.iter(|| {
                let at = next.next().unwrap_or_default();
                black_box(table.announce(1, &strangers[at]))
            });
        });
    }
}

struct Ledger;

impl Actor for Ledger {
    const NAME: &'static str = "staking";
}

fn own() -> ed25519::SecretKey {
    ed25519::SecretKey::from_seed([1; 32])
}

impl Handler<CurrentNodeList> for Ledger {
    fn handle(&mut self, _: CurrentNodeList, _: &Context) -> Task<Result<Arc<NodeList>, staking::Error>> {
        let node = starling_contracts::node::ServiceNode {
            ed25519: own().public(),
            x25519: own().to_x25519().public(),
            legacy: own().public(),
            public_ip: std::net::Ipv4Addr::LOCALHOST,
            storage_port: 1,
            omq_port: 1,
            libp2p_port: 1,
            swarm: starling_protocol::swarm::SwarmId(5),
            version: [2, 8, 0],
            requested_unlock_height: 0,
        };
        done(Ok(Arc::new(NodeList::new(1, [19, 6], [0; 32], vec![node]))))
    }
}

fn notices(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let key = ed25519::SecretKey::from_seed([2; 32]);
    let account = AccountId::new(Prefix::Group, key.public().0);
    let (outlet, mut notices) = mpsc::channel(64);
    let kernel = runtime.block_on(async {
        let kernel = Kernel::builder()
            .actor(Spec::new(|_| async { Ok(Ledger) }).serves::<CurrentNodeList>())
            .actor(starling_subscriptions::spec(Config::default(), own().public()))
            .start()
            .await
            .expect("the kernel starts");
        let now = i64::try_from(kernel.environment().clock.now_ms() / 1000).unwrap_or(i64::MAX);
        let namespaces = vec![Namespace(11)];
        let request = Subscription {
            subscriber: Subscriber::Account(account),
            subaccount: None,
            wants_data: true,
            signature: key.sign(&signed_text::monitor(&account, now, true, &namespaces)),
            namespaces,
            timestamp: now,
        };
        let link = Link { id: LinkId(1), outlet };
        let reply = kernel.ask(Subscribe { request: request.encode().into(), link }).await;
        assert_eq!(reply.expect("the actor is ready"), "d7:successi1ee");
        kernel
    });
    let told = message(account);
    criterion.bench_function("from announcement to notice, one subscriber", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let announce = Announce { messages: vec![told.clone()] };
                let (done, notice) = tokio::join!(kernel.ask(announce), notices.recv());
                done.expect("the actor is there");
                notice
            })
        });
    });
    runtime.block_on(kernel.stop());
}

/// The ratio that is promised, and bytes per subscription, from one run each.
fn figures() {
    let strangers: Vec<_> = (CROWD..CROWD + 1000).map(|number| message(account(number))).collect();
    let cost = |table: &mut Table| {
        let rounds = 300;
        let began = Instant::now();
        for _ in 0..rounds {
            strangers.iter().for_each(|message| {
                black_box(table.announce(1, message));
            });
        }
        began.elapsed().as_secs_f64() / f64::from(rounds) / 1000.0
    };
    let (mut empty, _first) = crowded(0);
    let (mut some, _third) = crowded(1_000);
    let before = resident();
    let (mut full, _second) = crowded(CROWD);
    let taken = resident().saturating_sub(before);
    let (one, few, other) = (cost(&mut empty), cost(&mut some), cost(&mut full));
    println!(
        "announce with 0 subscriptions {:.0} ns, with 1000 of others {:.0} ns, with {CROWD} {:.0} ns: ratios {:.2}, {:.2}",
        one * 1e9,
        few * 1e9,
        other * 1e9,
        other / one,
        other / few
    );
    println!("{CROWD} subscriptions take {} KiB, {} bytes each", taken >> 10, taken / u64::from(CROWD));
}

/// Resident memory in bytes; 0 where the system does not tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}

criterion_group!(benches, strangers, notices);

fn main() {
    figures();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
