//! A partition that another member has taken, and that is this one's all the same.

use std::{thread, time::Duration};

use chassis::{Health, ManualClock, Threads};
use prometheus::Registry;

use super::*;
use crate::partition::tests::{append, at, clue, folder, open, pack, ports, profile};

/// How often it is looked, and how long between.
const LOOKS: u32 = 400;
const LOOK: Duration = Duration::from_millis(50);

fn until(found: impl Fn() -> bool) -> bool {
    (0..LOOKS).any(|_| {
        let found = found();
        if !found {
            thread::sleep(LOOK);
        }
        found
    })
}

#[test]
fn a_partition_taken_by_one_who_slept_is_taken_again_after_a_rest() {
    let (_folder, store) = folder();
    let ports = ports(&store);
    append(&ports.journal, &[pack(), profile(), clue(1, "household/H1", "self")]);
    let clock = Arc::new(ManualClock::at_unix_micros(at(2).0));
    let threads = Threads::default();
    let carrier = Carrier::new(CarrierParts {
        ports: ports.clone(),
        // Each entry wants a snapshot, so that a taken place is noticed at once.
        limits: Limits { snapshot_entries: 1, ..Limits::default() },
        threads: threads.clone(),
        health: Health::new(clock.clone()),
        registry: Registry::new(),
        clock: clock.clone(),
        process: "test".into(),
    })
    .unwrap();
    carrier.carry(Topic::Journal, 0).unwrap();
    let next = || carrier.ask(0, |_| ()).map(|told| told.next);
    assert!(until(|| next() == Ok(1)));

    drop(open(&ports, Topic::Journal, "sleeper").unwrap());
    append(&ports.journal, &[clue(2, "household/H1", "self")]);
    assert!(until(|| next().is_err()), "nobody is answered from what is another's");
    append(&ports.journal, &[clue(3, "household/H1", "self")]);
    assert!(next().is_err(), "it rests");
    clock.advance(REST);
    assert!(until(|| next() == Ok(3)));
    carrier.let_go(&[(Topic::Journal, 0)], LOOK * LOOKS);
}
