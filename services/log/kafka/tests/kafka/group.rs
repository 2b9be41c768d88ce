//! Two members of a group share a topic's partitions and hand them over.

use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use log_kafka::{Change, Group, Member};

use crate::{cluster, fresh, made};

const LONG: Duration = Duration::from_secs(60);

fn member(topic: &str, instance: Option<&str>) -> Member {
    Member {
        group: format!("{topic}-group"),
        topic: topic.to_owned(),
        instance: instance.map(str::to_owned),
        session: Duration::from_secs(6),
        hand_over: LONG,
    }
}

/// Takes changes in until the member has this many partitions.
fn settle(changes: &Receiver<Change>, own: &mut BTreeSet<u32>, wanted: usize) {
    while own.len() != wanted {
        match changes.recv_timeout(LONG).unwrap() {
            Change::Assigned(some) => own.extend(some),
            Change::Revoked(some, hand_over) => {
                own.retain(|partition| !some.contains(partition));
                drop(hand_over);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn members_share_partitions_and_hand_them_over() {
    let Some(cluster) = cluster() else { return };
    let topic = fresh("shared-out");
    made(cluster, &topic, 6);
    let (mut first, mut second) = (BTreeSet::new(), BTreeSet::new());
    let (one, of_one) = Group::join(cluster, &member(&topic, None)).unwrap();
    settle(&of_one, &mut first, 6);
    one.show(&[(0, 0)]).unwrap();

    let (two, of_two) = Group::join(cluster, &member(&topic, None)).unwrap();
    // While the first one holds the hand-over, the second one has nothing.
    let (some, hand_over) = match of_one.recv_timeout(LONG).unwrap() {
        Change::Revoked(some, hand_over) => (some, hand_over),
        other => panic!("{other:?}"),
    };
    assert_eq!(some.len(), 3, "only what moves is interrupted");
    assert!(of_two.recv_timeout(Duration::from_millis(500)).is_err());
    drop(hand_over);
    first.retain(|partition| !some.contains(partition));
    settle(&of_two, &mut second, 3);
    assert!(first.is_disjoint(&second) && first.len() == 3);

    // A member that leaves gives everything back.
    let leaving = std::thread::spawn(move || drop(one));
    let given = match of_one.recv_timeout(LONG).unwrap() {
        Change::Revoked(some, _) => some,
        other => panic!("{other:?}"),
    };
    assert_eq!(given.into_iter().collect::<BTreeSet<_>>(), first);
    leaving.join().unwrap();
    settle(&of_two, &mut second, 6);
    drop(of_two);
    drop(two);
}

#[test]
fn a_member_that_restarts_gets_its_partitions_back_and_its_twin_is_told() {
    let Some(cluster) = cluster() else { return };
    let topic = fresh("static");
    made(cluster, &topic, 4);
    let (mut first, mut second) = (BTreeSet::new(), BTreeSet::new());
    let (one, of_one) = Group::join(cluster, &member(&topic, Some("slot-1"))).unwrap();
    settle(&of_one, &mut first, 4);
    let (two, of_two) = Group::join(cluster, &member(&topic, Some("slot-2"))).unwrap();
    settle(&of_one, &mut first, 2);
    settle(&of_two, &mut second, 2);
    drop(of_one);
    drop(one);
    let (again, of_again) = Group::join(cluster, &member(&topic, Some("slot-1"))).unwrap();
    let mut back = BTreeSet::new();
    settle(&of_again, &mut back, 2);
    assert_eq!(back, first, "the same partitions as before");

    let (twin, of_twin) = Group::join(cluster, &member(&topic, Some("slot-1"))).unwrap();
    let told = loop {
        match of_again.recv_timeout(LONG).unwrap() {
            Change::Ended(error) => break error.code(),
            Change::Revoked(..) | Change::Lost(_) | Change::Assigned(_) => {}
        }
    };
    assert_eq!(told, "log.locked");
    drop((of_again, of_twin, of_two));
    drop((again, twin, two));
}

#[test]
fn what_a_member_gave_up_before_its_process_was_replaced_goes_to_the_one_who_waits() {
    let Some(cluster) = cluster() else { return };
    let topic = fresh("orphaned");
    made(cluster, &topic, 4);
    let (mut first, mut second, mut back) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (one, of_one) = Group::join(cluster, &member(&topic, Some("slot-1"))).unwrap();
    settle(&of_one, &mut first, 4);
    let (two, of_two) = Group::join(cluster, &member(&topic, Some("slot-2"))).unwrap();
    let (some, hand_over) = match of_one.recv_timeout(LONG).unwrap() {
        Change::Revoked(some, hand_over) => (some, hand_over),
        other => panic!("{other:?}"),
    };
    // Another process has the name before the first one says that it gave them up.
    let (again, of_again) = Group::join(cluster, &member(&topic, Some("slot-1"))).unwrap();
    settle(&of_again, &mut back, 2);
    drop(hand_over);
    settle(&of_two, &mut second, 2);
    assert_eq!(second, some.into_iter().collect());
    assert!(back.is_disjoint(&second));
    drop((of_one, of_two, of_again));
    drop((one, two, again));
}
