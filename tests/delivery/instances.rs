//! Two notifiers on one PostgreSQL and one alerts topic: they share the work, and nobody gets
//! anything twice. Then one dies in the middle, and the other ends what it began.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chassis::SystemClock;
use proto::date::Instant;
use store::{Accounts, Postgres, Store, Subscriptions};
use system_tests::{postgres::Server, receiver::Receiver};

use crate::inside::{Topic, alert, start, subscription};

const ALERTS: u64 = 600;

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_share_the_work_and_send_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start(folder.path()) else { return };
    let receiver = Receiver::start();
    let allowed = [receiver.base()];
    let topic = Topic::new();
    let mut running = Vec::new();
    let first = Postgres::open(&server.url("postgres")).await.unwrap();
    for n in 0..10 {
        let url = format!("{}/ok/{n}", receiver.base());
        first.create(&subscription(&format!("s{n}"), &url, None), &[], 0, &[]).await.unwrap();
    }
    for _ in 0..2 {
        let store: Arc<dyn Store> =
            Arc::new(Postgres::open(&server.url("postgres")).await.unwrap());
        running.push(start(store, false, &topic, Arc::new(SystemClock::new()), &allowed));
    }
    let now = Instant(chassis::Clock::now_unix_micros(&SystemClock::new()));
    for part in 0..30 {
        topic.append((part * ALERTS / 30..(part + 1) * ALERTS / 30).map(|n| alert(n, now)));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let wanted = usize::try_from(ALERTS * 10).unwrap();
    while receiver.calls().len() < wanted {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for n in 0..10 {
        let taken = receiver.taken(&format!("/ok/{n}"));
        let each: BTreeSet<&String> = taken.iter().collect();
        assert_eq!((each.len(), taken.len()), (ALERTS as usize, ALERTS as usize));
    }
    // One instance dies at once; what comes afterwards is planned and sent by the other.
    let (_, dying) = running.remove(0);
    dying.abort();
    let more = (ALERTS..ALERTS + 50).map(|n| alert(n, now));
    topic.append(more);
    while receiver.calls().len() < wanted + 500 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (stop, last) = running.remove(0);
    stop.request();
    last.await.unwrap();
    for account in first.accounts().await.unwrap().1 {
        assert_eq!(account.missing(), (0, 0));
    }
}
