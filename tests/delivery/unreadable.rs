//! Lines that are no alerts, and alerts that are no more: nobody waits for them, and people are told.

use std::{sync::Arc, time::Duration};

use chassis::SystemClock;
use proto::date::Instant;
use store::{NewDelivery, PENDING, Sqlite, Store, Subscriptions, Tasks};
use system_tests::receiver::Receiver;

use crate::inside::{Topic, alert, start, subscription};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_told_and_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::open(&folder.path().join("store.sqlite")).await.unwrap());
    let receiver = Receiver::start();
    let new = subscription("a", &format!("{}/ok/a", receiver.base()), None);
    let gone = NewDelivery {
        subscription: 0,
        alert: "gone".into(),
        seq: -1,
        partition: 0,
        position: 99,
        level: 3,
        parcel: None,
        state: PENDING,
        due: 0,
    };
    store.create(&new, &[gone], 0, &[]).await.unwrap();
    let topic = Topic::new();
    let now = Instant(chassis::Clock::now_unix_micros(&SystemClock::new()));
    topic.append([b"{".to_vec(), alert(1, now)].into_iter());
    let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
    let allowed = [receiver.base()];
    let (stop, running) = start(shared, true, &topic, Arc::new(SystemClock::new()), &allowed);
    while receiver.taken("/ok/a").is_empty() || store.waiting().await.unwrap() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let tasks = store.tasks(None, 0, 9).await.unwrap();
    let mut codes: Vec<&str> = tasks.iter().map(|task| &*task.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["alert.unreadable", "delivery.unreadable"]);
    stop.request();
    running.await.unwrap();
}
