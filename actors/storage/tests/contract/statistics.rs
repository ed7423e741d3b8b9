//! What an operator is told.

use std::{collections::BTreeMap, time::Duration};

use starling_contracts::storage::{Figures, Requests, Spread, Statistics};
use starling_protocol::storage::Namespace;

use crate::{
    house::{House, NOW},
    requests::{Client, envelope},
};

async fn figures(house: &House) -> Figures {
    house.nodes[0].kernel.ask(Statistics).await.expect("the node answers")
}

async fn store(house: &House, client: &Client, namespace: i16, number: u8) {
    let store = envelope(&client.store(namespace, &[number; 10], house.now()));
    house.raw(0, store).await.expect("the node answers").ok();
}

#[tokio::test]
async fn the_figures_say_what_is_stored_and_asked() {
    let house = House::single().await;
    let clients = [Client::user(1), Client::user(2), Client::group(3)];
    for (client, namespaces) in clients.iter().zip([&[0, 0, 2, 2][..], &[0, 3], &[11]]) {
        for (number, namespace) in (0..).zip(namespaces) {
            store(&house, client, *namespace, number).await;
        }
    }
    house.raw(0, envelope(&clients[0].retrieve(0, None, NOW))).await.unwrap().ok();
    house.raw(0, envelope(&clients[0].retrieve(0, None, NOW - 999_999))).await.unwrap();

    let told = figures(&house).await;

    assert_eq!((told.accounts, told.total_stored, told.account_msg_mean), (2, 7, 3.0));
    let expected = Spread { min: 2, p5: 2, p25: 2, median: 4, p75: 4, p95: 4, max: 4 };
    assert_eq!(told.account_msg_count, expected);
    let namespaces =
        [(0, 3), (2, 2), (3, 1), (11, 1)].map(|(namespace, count)| (Namespace(namespace), count));
    assert_eq!(told.namespace_messages, BTreeMap::from(namespaces));
    assert_eq!((told.db_used, told.db_max), (7 * 410, 10 << 30));
    assert!(told.db_total >= told.db_used);
    assert_eq!(told.store_requests, Requests { total: 7, recent: 7 });
    assert_eq!(told.retrieve_requests, Requests { total: 2, recent: 2 });
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!((&json["account_msg_count_95th"], &json["namespace_messages"]["0"]), (&4.into(), &3.into()));
}

#[tokio::test]
async fn the_store_is_counted_once_a_minute_and_requests_at_once() {
    let house = House::single().await;
    let client = Client::user(1);
    assert_eq!(figures(&house).await.total_stored, 0);
    store(&house, &client, 0, 1).await;

    let soon = figures(&house).await;
    assert_eq!((soon.total_stored, soon.store_requests.total), (0, 1));

    house.clock.advance(Duration::from_secs(3600));
    let later = figures(&house).await;
    assert_eq!((later.total_stored, later.store_requests), (1, Requests { total: 1, recent: 0 }));
    assert_eq!(later.recent_timespan, Duration::from_secs(3000), "five slices, and the sixth has just begun");
}
