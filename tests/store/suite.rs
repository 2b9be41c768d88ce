//! What a store promises, one promise at a time.

use std::{collections::BTreeSet, sync::Arc};

use store::{
    ACTIVE, Claimed, DELETED, DELIVERED, ESCALATED, End, Entry, FURTHER, Lane, NewDelivery, OPEN,
    PAUSED, PENDING, Plan, Progress, Replay, Settled, Store, Subscription, Sweep, Turn, Turned,
};

pub(crate) const OWNER: i64 = 7;

pub(crate) fn subscription(id: &str, since_seq: i64) -> Subscription {
    Subscription {
        key: 0,
        id: id.into(),
        owner: "operator".into(),
        within: String::new(),
        state: ACTIVE,
        code: None,
        body: "{}".into(),
        secret: Some(vec![1, 2, 3]),
        former_secret: None,
        former_until: None,
        since_seq,
        created_at: 1,
        changed_at: 1,
    }
}

pub(crate) fn delivery(subscription: i64, seq: i64, due: i64) -> NewDelivery {
    NewDelivery {
        subscription,
        alert: format!("{seq:032x}"),
        seq,
        partition: 0,
        position: seq,
        level: 3,
        parcel: None,
        state: PENDING,
        due,
    }
}

/// Plans these rows as the alerts `from..to`.
pub(crate) async fn plan(store: &dyn Store, rows: Vec<NewDelivery>, to: i64) -> bool {
    let Progress { seq, version, closed_at, .. } = store.progress().await.unwrap();
    let mut entries: Vec<Entry> = Vec::new();
    for row in &rows {
        match entries.iter_mut().find(|e| e.subscription == row.subscription) {
            Some(entry) => entry.rows += 1,
            None => {
                entries.push(Entry { subscription: row.subscription, rows: 1, ..Entry::default() })
            }
        }
    }
    let to = Progress { seq: to, version, closed_at, positions: vec![(0, to)] };
    store.plan(&Plan { from: (seq, version), to, rows, entries }).await.unwrap()
}

pub(crate) fn lane(subscription: i64, channel: i64) -> Lane {
    Lane { subscription, channel }
}

pub(crate) async fn claim(store: &dyn Store, lane: Lane, now: i64, limit: i64) -> Turned {
    let wanted = vec![(lane, limit)];
    let turn = Turn { owner: OWNER, now, lease: now + 100, wanted, ..Turn::default() };
    store.turn(&turn).await.unwrap()
}

pub(crate) async fn settle(store: &dyn Store, claimed: &Claimed, now: i64, end: End) -> u64 {
    let settled = Settled {
        id: claimed.id,
        lane: lane(claimed.subscription, claimed.channel),
        parcel: claimed.parcel.clone(),
        attempt: claimed.attempt,
        end,
    };
    let turn = Turn { owner: OWNER, now, settled: vec![settled], ..Turn::default() };
    store.turn(&turn).await.unwrap().lost
}

pub(crate) async fn create(store: &dyn Store, id: &str) -> i64 {
    let seq = store.progress().await.unwrap().seq;
    store.create(&subscription(id, seq), &[], 0, &[]).await.unwrap()
}

pub(crate) async fn a_subscription_is_made_changed_and_deleted(store: &dyn Store) {
    let key = create(store, "a").await;
    let found = store.subscription("a").await.unwrap().unwrap();
    assert_eq!(found, Subscription { key, ..subscription("a", 0) });
    let paused = Subscription { state: PAUSED, body: "{\"x\":1}".into(), changed_at: 2, ..found };
    assert!(store.change(&paused, 1).await.unwrap());
    assert!(!store.change(&paused, 1).await.unwrap(), "it was changed meanwhile");
    assert_eq!(store.subscription("a").await.unwrap().as_ref(), Some(&paused));
    create(store, "b").await;
    let ids = |page: Vec<Subscription>| page.into_iter().map(|s| s.id).collect::<Vec<_>>();
    assert_eq!(ids(store.subscriptions(0, 9).await.unwrap()), ["a", "b"]);
    assert_eq!(ids(store.subscriptions(key, 9).await.unwrap()), ["b"]);
    let gone = Subscription { state: DELETED, changed_at: 3, ..paused };
    assert!(store.change(&gone, 2).await.unwrap());
    assert_eq!(store.subscription("a").await.unwrap(), None);
    assert_eq!(ids(store.subscriptions(0, 9).await.unwrap()), ["b"]);
    assert_eq!(store.progress().await.unwrap().version, 4, "each change counts");
}

pub(crate) async fn a_plan_is_whole_or_stale(store: &dyn Store) {
    let key = create(store, "a").await;
    assert!(plan(store, vec![delivery(key, 0, 10), delivery(key, 1, 10)], 3).await);
    let progress = store.progress().await.unwrap();
    assert_eq!((progress.seq, &*progress.positions), (3, &[(0, 3)][..]));
    assert!(!plan(store, vec![delivery(key, 3, 10), delivery(key, 1, 10)], 4).await, "a row twice");
    assert_eq!(store.progress().await.unwrap(), progress, "nothing of it was written");
    let stale = Plan { from: (2, progress.version), to: progress.clone(), ..Plan::default() };
    assert!(!store.plan(&stale).await.unwrap(), "another has planned");
    let pairs = [(key, format!("{:032x}", 1)), (key, format!("{:032x}", 9))];
    assert_eq!(store.known(&pairs).await.unwrap(), pairs[..1]);
    let late = subscription("late", 0);
    let late = store.create(&late, &[delivery(0, 1, 10)], 0, &[(0, 2)]).await.unwrap();
    let gap = store.replays().await.unwrap()[0];
    assert_eq!((gap.subscription, gap.position, gap.until), (late, 2, 3), "planned meanwhile");
    assert_eq!(store.subscription("late").await.unwrap().unwrap().since_seq, 3);
    let (_, accounts) = store.accounts().await.unwrap();
    let account = accounts[0];
    assert_eq!((account.counted_to, account.unmatched), (3, 1));
    assert_eq!(account.rows[0][PENDING as usize], 2);
}

pub(crate) async fn a_message_is_claimed_once_and_ends_once(store: &dyn Store) {
    let key = create(store, "a").await;
    let rows = vec![delivery(key, 0, 20), delivery(key, 1, 10), delivery(key, 2, 99)];
    assert!(plan(store, rows, 3).await);
    assert!(claim(store, lane(key, 1), 50, 9).await.claimed.is_empty(), "another lane");
    let turned = claim(store, lane(key, 0), 50, 1).await;
    assert_eq!(turned.claimed[0].position, 1, "the earliest due first");
    assert_eq!((turned.claimed[0].attempt, turned.next[0].1), (1, Some(20)));
    let more = claim(store, lane(key, 0), 50, 9).await;
    assert_eq!(more.claimed.len(), 1, "one is claimed, one is not due");
    assert_eq!(more.next[0].1, Some(99));
    assert_eq!(settle(store, &turned.claimed[0], 51, End::Delivered { at: 51 }).await, 0);
    assert_eq!(
        settle(store, &turned.claimed[0], 52, End::Delivered { at: 52 }).await,
        1,
        "it ended before"
    );
    let again = End::Again { due: 60, code: "test.again" };
    assert_eq!(settle(store, &more.claimed[0], 51, again).await, 0);
    assert!(claim(store, lane(key, 0), 59, 9).await.claimed.is_empty());
    let second = claim(store, lane(key, 0), 60, 9).await.claimed;
    assert_eq!((second[0].attempt, second[0].born), (2, 20));
    assert_eq!(
        settle(store, &more.claimed[0], 61, End::Delivered { at: 61 }).await,
        1,
        "an older attempt"
    );
    let done = store.deliveries(key, Some(DELIVERED), i64::MAX, 9).await.unwrap();
    assert_eq!((done.len(), done[0].settled_at), (1, Some(51)));
    let lanes = store.lanes().await.unwrap();
    assert_eq!(lanes.iter().map(|l| l.next).collect::<Vec<_>>(), [Some(99), None]);
}

pub(crate) async fn what_ends_badly_goes_to_the_second_channel_and_to_people(store: &dyn Store) {
    let key = create(store, "a").await;
    assert!(plan(store, vec![delivery(key, 0, 10), delivery(key, 1, 10)], 2).await);
    let claimed = claim(store, lane(key, 0), 10, 9).await.claimed;
    let end = |second| End::Escalated { code: "test.dead", second };
    settle(store, &claimed[0], 11, end(true)).await;
    settle(store, &claimed[1], 12, end(false)).await;
    let tasks = store.tasks(None, 0, 9).await.unwrap();
    assert_eq!(tasks.len(), 2);
    assert_eq!((&*tasks[0].kind, &*tasks[0].code), ("delivery", "test.dead"));
    assert_eq!(tasks[0].alert.as_ref(), Some(&claimed[0].alert));
    assert_eq!(tasks[0].subscription.as_deref(), Some("a"));
    let second = claim(store, lane(key, 1), 11, 9).await.claimed;
    assert_eq!(second.len(), 1);
    assert_eq!((&second[0].alert, second[0].attempt), (&claimed[0].alert, 1));
    settle(store, &second[0], 13, end(false)).await;
    assert_eq!(store.waiting().await.unwrap(), 3);
    let ids: Vec<i64> = tasks.iter().map(|task| task.id).collect();
    assert_eq!(store.done(&ids, "operator", 14).await.unwrap(), 2);
    assert_eq!(store.done(&ids, "operator", 15).await.unwrap(), 0);
    assert_eq!(store.waiting().await.unwrap(), 1);
    for _ in 0..2 {
        store.tell("conservation", Some(key), "test.books", 16).await.unwrap();
    }
    assert_eq!(store.waiting().await.unwrap(), 2, "the same is told once");
    assert!(store.disable(key, "test.gone", 17).await.unwrap());
    assert!(!store.disable(key, "test.gone", 18).await.unwrap());
    let mine = store.tasks(Some(key), 0, 9).await.unwrap();
    assert_eq!(mine.last().map(|task| &*task.kind), Some("subscription"));
    let since = |since| Turn { failing: vec![(lane(key, 0), since)], ..Turn::default() };
    store.turn(&since(Some(5))).await.unwrap();
    assert_eq!(store.lanes().await.unwrap()[0].failing_since, Some(5));
    store.turn(&since(None)).await.unwrap();
    assert_eq!(store.lanes().await.unwrap()[0].failing_since, None);
}

pub(crate) async fn a_group_goes_as_its_first_goes(store: &dyn Store) {
    let key = create(store, "a").await;
    let of =
        |seq, state| NewDelivery { parcel: Some("g".into()), state, ..delivery(key, seq, 100) };
    let rows = vec![of(0, OPEN), of(1, FURTHER), of(2, FURTHER)];
    assert!(plan(store, rows, 3).await);
    let standing = store.standing().await.unwrap();
    assert_eq!(standing.open, [(key, 100, 3)]);
    assert!(claim(store, lane(key, 0), 200, 9).await.claimed.is_empty(), "it is open");
    let progress = store.progress().await.unwrap();
    let close = |at| Plan {
        from: (progress.seq, progress.version),
        to: Progress { closed_at: at, ..progress.clone() },
        ..Plan::default()
    };
    assert!(store.plan(&close(99)).await.unwrap());
    assert!(claim(store, lane(key, 0), 200, 9).await.claimed.is_empty());
    assert!(store.plan(&close(100)).await.unwrap());
    assert_eq!(store.standing().await.unwrap().open, []);
    let claimed = claim(store, lane(key, 0), 200, 9).await.claimed;
    assert_eq!(claimed.len(), 1, "a group is one message");
    let members = store.members(lane(key, 0), "g").await.unwrap();
    assert_eq!(members.iter().map(|m| m.position).collect::<Vec<_>>(), [0, 1, 2]);
    settle(store, &claimed[0], 201, End::Escalated { code: "test.dead", second: true }).await;
    assert_eq!(store.waiting().await.unwrap(), 3, "each alert is told");
    let second = claim(store, lane(key, 1), 201, 9).await.claimed;
    assert_eq!(second.len(), 3, "each alert goes alone");
    assert!(second.iter().all(|row| row.parcel.is_none()));
    let ended = store.deliveries(key, Some(ESCALATED), i64::MAX, 9).await.unwrap();
    assert_eq!(ended.len(), 3);
}

pub(crate) async fn a_dead_senders_claims_come_back(store: &dyn Store) {
    let key = create(store, "a").await;
    assert!(plan(store, vec![delivery(key, 0, 10), delivery(key, 1, 10)], 2).await);
    assert_eq!(claim(store, lane(key, 0), 10, 1).await.claimed.len(), 1);
    assert_eq!(store.unlease(110, None).await.unwrap(), 0, "its lease still holds");
    assert_eq!(store.unlease(111, None).await.unwrap(), 1);
    assert_eq!(claim(store, lane(key, 0), 111, 9).await.claimed.len(), 2);
    assert_eq!(store.unlease(0, Some(OWNER)).await.unwrap(), 0);
    assert_eq!(store.unlease(0, Some(OWNER + 1)).await.unwrap(), 2, "nobody else is at work");
}

pub(crate) async fn a_replay_arms_what_is_there_and_makes_what_is_not(store: &dyn Store) {
    let key = create(store, "a").await;
    assert!(plan(store, vec![delivery(key, 0, 10), delivery(key, 1, 10)], 3).await);
    let claimed = claim(store, lane(key, 0), 10, 1).await.claimed;
    settle(store, &claimed[0], 11, End::Delivered { at: 11 }).await;
    let part = Replay { id: 0, subscription: key, partition: 0, position: 0, until: 3, since: 5 };
    store.begin_replay(&[part]).await.unwrap();
    let replay = store.replays().await.unwrap()[0];
    assert_eq!(Replay { id: 0, ..replay }, part);
    let rows: Vec<_> = (0..3).map(|seq| delivery(key, seq, 50)).collect();
    assert!(store.replay(&replay, &rows[..2], 2).await.unwrap());
    assert!(!store.replay(&replay, &rows, 3).await.unwrap(), "another has moved it");
    let replay = store.replays().await.unwrap()[0];
    assert_eq!(replay.position, 2);
    assert!(store.replay(&replay, &rows[2..], 3).await.unwrap());
    assert_eq!(store.replays().await.unwrap(), []);
    let claimed = claim(store, lane(key, 0), 50, 9).await.claimed;
    assert_eq!(claimed.len(), 3);
    assert!(claimed.iter().all(|row| row.attempt == 1));
    let born: BTreeSet<i64> = claimed.iter().map(|row| row.born).collect();
    assert_eq!(born, BTreeSet::from([10, 50]), "what still waited was left as it was");
    let (_, accounts) = store.accounts().await.unwrap();
    assert_eq!(accounts[0].extra, 1);
}

pub(crate) async fn what_came_after_a_message_waits_once_more(store: &dyn Store) {
    let key = create(store, "a").await;
    let rows = (0..6).map(|seq| {
        let parcel = (seq >= 4).then(|| "g".to_owned());
        let state = if seq == 5 { FURTHER } else { PENDING };
        NewDelivery { parcel, state, ..delivery(key, seq, 10 + seq) }
    });
    assert!(plan(store, rows.collect(), 6).await);
    let first = lane(key, 0);
    // What was taken later may be written sooner.
    for row in claim(store, first, 20, 9).await.claimed {
        let at = 100 + row.partition + row.position;
        settle(store, &row, 300 - at, End::Delivered { at }).await;
    }
    let alert = |seq: i64| format!("{seq:032x}");
    assert_eq!(store.again_after(first, "unknown", 200).await.unwrap(), 0);
    assert_eq!(store.again_after(lane(key, 1), &alert(0), 200).await.unwrap(), 0);
    assert_eq!(store.again_after(first, "g", 200).await.unwrap(), 0, "it was the last");
    assert_eq!(store.again_after(first, &alert(2), 200).await.unwrap(), 3);
    let claimed = claim(store, first, 200, 9).await.claimed;
    let again: BTreeSet<&str> = claimed.iter().map(|row| &*row.alert).collect();
    assert_eq!(again, [3, 4, 5].map(alert).iter().map(|alert| &**alert).collect());
    assert!(claimed.iter().all(|row| row.parcel.is_none()), "each alert goes alone");
    let last = &claimed[0];
    settle(store, &claimed[1], 210, End::Delivered { at: 210 }).await;
    // Its end is not written yet: what was given since it was due comes again.
    assert_eq!(store.again_after(first, &last.alert, 220).await.unwrap(), 1);
    assert_eq!(store.accounts().await.unwrap().1[0].missing(), (0, 0));
}

pub(crate) async fn a_dead_lane_is_swept(store: &dyn Store) {
    let key = create(store, "a").await;
    let rows = (0..5).map(|seq| delivery(key, seq, 10 + seq)).collect();
    assert!(plan(store, rows, 5).await);
    let sweep = Sweep { lane: lane(key, 0), born_by: 13, code: "test.dead", second: true, now: 99 };
    assert_eq!(store.sweep(&sweep, 3).await.unwrap(), 3);
    assert_eq!(store.sweep(&sweep, 3).await.unwrap(), 1);
    assert_eq!(store.sweep(&sweep, 3).await.unwrap(), 0);
    assert_eq!(store.waiting().await.unwrap(), 4);
    assert_eq!(claim(store, lane(key, 1), 99, 9).await.claimed.len(), 4);
    assert_eq!(claim(store, lane(key, 0), 99, 9).await.claimed.len(), 1);
}

pub(crate) async fn what_ended_long_ago_is_cleared_and_stays_in_the_books(store: &dyn Store) {
    let (a, b) = (create(store, "a").await, create(store, "b").await);
    let rows = vec![delivery(a, 0, 10), delivery(a, 1, 10), delivery(b, 0, 10)];
    assert!(plan(store, rows, 2).await);
    let claimed = claim(store, lane(a, 0), 10, 1).await.claimed;
    settle(store, &claimed[0], 11, End::Delivered { at: 11 }).await;
    assert_eq!(store.clear(11, 9).await.unwrap(), 0);
    assert_eq!(store.clear(12, 9).await.unwrap(), 1);
    let (_, accounts) = store.accounts().await.unwrap();
    assert_eq!((accounts[0].cleared, accounts[0].rows[0][PENDING as usize]), (1, 1));
    let found = store.subscription("b").await.unwrap().unwrap();
    let gone = Subscription { state: DELETED, changed_at: 2, ..found };
    assert!(store.change(&gone, 1).await.unwrap());
    assert_eq!(store.accounts().await.unwrap().1.len(), 1, "it is in no books any more");
    while store.clear(0, 1).await.unwrap() > 0 {}
    assert_eq!(store.deliveries(b, None, i64::MAX, 9).await.unwrap(), []);
    assert_eq!(store.lanes().await.unwrap().len(), 2, "only those of the other are left");
}

pub(crate) async fn two_claim_all_of_a_lane_between_them(one: Arc<dyn Store>, two: Arc<dyn Store>) {
    const ROWS: i64 = 2_000;
    let key = create(&*one, "a").await;
    assert!(plan(&*one, (0..ROWS).map(|seq| delivery(key, seq, 10)).collect(), ROWS).await);
    let work = |store: Arc<dyn Store>, owner: i64| async move {
        let mut mine = Vec::new();
        loop {
            let wanted = vec![(lane(key, 0), 7)];
            let turn = Turn { owner, now: 10, lease: 1_000, wanted, ..Turn::default() };
            let claimed = store.turn(&turn).await.unwrap().claimed;
            if claimed.is_empty() && store.lanes().await.unwrap()[0].next.is_none() {
                return mine;
            }
            mine.extend(claimed.iter().map(|row| row.id));
        }
    };
    let (a, b) = (tokio::spawn(work(one, 1)), tokio::spawn(work(two, 2)));
    let (a, b) = (a.await.unwrap(), b.await.unwrap());
    assert!(!a.is_empty() && !b.is_empty(), "both worked");
    let all: BTreeSet<i64> = a.iter().chain(&b).copied().collect();
    assert_eq!((all.len(), a.len() + b.len()), (ROWS as usize, ROWS as usize));
}
