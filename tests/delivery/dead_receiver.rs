//! A receiver that is dead for the whole schedule, on a clock that runs ahead: everything goes to
//! the second channel and to the operators, and nothing before 75 hours are over.

use std::{collections::BTreeSet, net::TcpListener, sync::Arc, time::Duration};

use chassis::ManualClock;
use proto::date::Instant;
use store::{ESCALATED, Sqlite, Store, Subscriptions};
use system_tests::receiver::Receiver;

use crate::inside::{Topic, alert, start, subscription};

const HOUR_US: u64 = 3_600_000_000;
/// How often the second receiver is looked at, 50 ms apart.
const LOOKS: u32 = 2_400;

fn volume() -> u64 {
    match std::env::var("LEVEE_VOLUME").as_deref() {
        Ok("full") => 10_000,
        _ => 300,
    }
}

/// Rows of the first channel that were escalated.
async fn escalated(store: &dyn Store) -> i64 {
    let (_, accounts) = store.accounts().await.unwrap();
    accounts[0].rows[0][usize::try_from(ESCALATED).unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ends_in_silence() {
    let alerts = volume();
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::open(&folder.path().join("store.sqlite")).await.unwrap());
    let receiver = Receiver::start();
    // A port that was free a moment ago: nobody listens.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dead = format!("http://{dead}");
    let second = format!("{}/ok/second", receiver.base());
    let new = subscription("a", &format!("{dead}/x"), Some(&second));
    let key = store.create(&new, &[], 0, &[]).await.unwrap();
    let begin = Instant::parse("2026-03-04T10:00:00+08:00").unwrap();
    let clock = ManualClock::at_unix_micros(begin.0);
    let topic = Topic::new();
    topic.append((0..alerts).map(|n| alert(n, begin)));
    let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
    let allowed = [dead, receiver.base()];
    let (stop, running) =
        start(Arc::clone(&shared), true, &topic, Arc::new(clock.clone()), &allowed);
    let count = i64::try_from(alerts).unwrap();
    for hour in 0_u64.. {
        // Ten minutes at a time, as long as the loops need to notice each.
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(60)).await;
            clock.advance(Duration::from_micros(HOUR_US / 6));
        }
        let ended = escalated(&*shared).await;
        if hour < 74 {
            assert_eq!(ended, 0, "after {hour} hours it is still tried");
        }
        if ended == count {
            println!("all escalated after {hour} hours");
            break;
        }
    }
    // A clock that runs ahead outruns claims, so a message may be sent twice, under one id.
    let distinct = || receiver.taken("/ok/second").into_iter().collect::<BTreeSet<String>>();
    let mut taken = distinct();
    for _ in 0..LOOKS {
        if taken.len() >= usize::try_from(alerts).unwrap() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        taken = distinct();
    }
    assert_eq!(taken.len(), usize::try_from(alerts).unwrap());
    let mut told = BTreeSet::new();
    let mut after = 0;
    loop {
        let tasks = shared.tasks(Some(key), after, 500).await.unwrap();
        let Some(last) = tasks.last() else { break };
        after = last.id;
        assert!(tasks.iter().all(|task| task.code == "delivery.exhausted"));
        told.extend(tasks.into_iter().filter_map(|task| task.alert));
    }
    assert_eq!(told, taken, "each alert is shown to the operators");
    assert_eq!(shared.accounts().await.unwrap().1[0].missing(), (0, 0));
    stop.request();
    running.await.unwrap();
}
