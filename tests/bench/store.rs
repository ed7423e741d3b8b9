//! Storing messages through HTTPS, against what the database alone can commit.

use std::{
    sync::Arc,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use redb::{Database, TableDefinition};
use serde_json::{Value, json};
use starling_protocol::crypto::random_bytes;
use starling_tests::{Devnet, insecure_client};

use crate::report::Report;

/// A short text message, sealed and wrapped, is about as long.
const BODY: usize = 512;
const RUN: Duration = Duration::from_secs(5);
const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("messages");

pub(crate) fn measure(report: &Report) {
    let devnet = Devnet::start(1);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime for the clients");
    for connections in [1_usize, 16, 64] {
        let https = runtime.block_on(stores_per_second(&devnet.ready.seed, connections));
        let raw = commits_per_second(connections);
        report.ratio(
            &format!("stores over HTTPS, {connections} keep-alive connections, against raw redb commits of {connections}"),
            https,
            raw,
            "stores/s",
        );
    }
}

async fn stores_per_second(seed: &str, connections: usize) -> f64 {
    let client = insecure_client();
    let url = format!("{seed}/storage_rpc/v1");
    let done = Arc::new(AtomicU32::new(0));
    let began = Instant::now();
    let workers = (0..connections).map(|_| {
        let (client, url, done) = (client.clone(), url.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            while began.elapsed() < RUN {
                let answer = client.post(&url).body(request()).send().await.expect("the node answers");
                assert_eq!(answer.status().as_u16(), 200, "the node stores");
                // The connection is free again only when the body was read.
                answer.bytes().await.expect("the answer has a body");
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("a worker ends");
    }
    f64::from(done.load(Ordering::Relaxed)) / began.elapsed().as_secs_f64()
}

fn request() -> String {
    let mut account = [5; 33];
    random_bytes(&mut account[1..]);
    let mut body = [0; BODY];
    random_bytes(&mut body);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let value: Value = json!({
        "method": "store",
        "params": {
            "pubkey": hex::encode(account),
            "timestamp": u64::try_from(now).expect("a date before the year 500 million"),
            "ttl": 86_400_000,
            "data": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, body),
        },
    });
    value.to_string()
}

/// Durable transactions of `batch` records of the same size, one after the other.
fn commits_per_second(batch: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::create(folder.path().join("raw.redb")).expect("a database");
    let began = Instant::now();
    let mut done = 0_u32;
    while began.elapsed() < RUN {
        let transaction = database.begin_write().expect("a transaction");
        {
            let mut table = transaction.open_table(TABLE).expect("a table");
            for _ in 0..batch {
                let mut key = [0; 33];
                random_bytes(&mut key);
                let mut body = [0; BODY];
                random_bytes(&mut body);
                table.insert(key.as_slice(), body.as_slice()).expect("an insert");
                done += 1;
            }
        }
        transaction.commit().expect("a commit");
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}
