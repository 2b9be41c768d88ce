//! Deterministic simulation: the real folds, the real partition machines and the real distribution
//! of calls over a simulated broker, disks, store and clocks, in one thread, by a seed.
//!
//! `LEVEE_SEED` is the first seed, `LEVEE_VOLUME=full` takes fifty times as many. A failure names its
//! seed; `LEVEE_SEED=N` begins with it. Nothing here depends on the time, on threads or on the order
//! of a hash table: the same seed gives the same bytes.

#![expect(clippy::expect_used, reason = "a test: a failed step must end it")]

mod broker;
mod cluster;
mod dice;
mod happenings;
mod oracle;
mod planted;
mod reproduction;
mod store;

use std::sync::atomic::{AtomicU64, Ordering};

use cluster::{Cluster, Options};
use dice::{COUNTERS, Coverage};
use planted::Bug;

/// Seeds of a quick run.
const SEEDS: u64 = 2_000;

fn first() -> u64 {
    std::env::var("LEVEE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

fn count() -> u64 {
    let full = std::env::var("LEVEE_VOLUME").is_ok_and(|volume| volume == "full");
    if full { SEEDS * 50 } else { SEEDS }
}

/// Runs one seed; gives what happened and a trace of all bytes.
fn run(options: Options) -> Result<(Coverage, String), String> {
    let mut cluster = Cluster::new(options);
    cluster.run()?;
    oracle::judge(&mut cluster)?;
    let mut coverage = cluster.coverage.clone();
    coverage.merge(&cluster.broker.coverage());
    coverage.merge(&cluster.store.coverage());
    let (traces, names) = (cluster.broker.traces(), cluster.store.names());
    let trace = format!("{traces:?} {names:?} {coverage:?}");
    Ok((coverage, trace))
}

#[test]
fn nothing_is_lost_and_nothing_counts_twice_whatever_befalls_the_province() {
    let next = AtomicU64::new(first());
    let end = first() + count();
    let work = || {
        let mut coverage = Coverage::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return coverage;
            }
            match run(Options::of(seed)) {
                Ok((seen, _)) => coverage.merge(&seen),
                Err(told) => panic!("LEVEE_SEED={seed}: {told}"),
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let coverage = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut coverage = Coverage::default();
        for worker in workers {
            match worker.join() {
                Ok(seen) => coverage.merge(&seen),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        coverage
    });
    for what in COUNTERS {
        let times = coverage.0.get(what).copied().unwrap_or(0);
        println!("{times:>9}  {what}");
        assert!(times > 0, "in {} seeds never: {what}", count());
    }
    let unknown: Vec<_> = coverage.0.keys().filter(|what| !COUNTERS.contains(what)).collect();
    assert!(unknown.is_empty(), "counted and not listed: {unknown:?}");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in first()..first() + 20 {
        let twice = [run(Options::of(seed)), run(Options::of(seed))];
        assert_eq!(twice[0], twice[1], "seed {seed}");
        assert!(twice[0].is_ok(), "seed {seed}: {:?}", twice[0]);
    }
    assert_ne!(run(Options::of(1)), run(Options::of(2)));
}

#[test]
fn without_faults_there_is_no_false_alarm() {
    for seed in first()..first() + 20 {
        let plain = Options { faults: false, zombies: false, ..Options::of(seed) };
        run(plain).unwrap_or_else(|told| panic!("seed {seed}: {told}"));
        let strict = Options { zombies: false, ..Options::of(seed) };
        run(strict).unwrap_or_else(|told| panic!("seed {seed}: {told}"));
    }
}

/// Seeds within which a planted bug must show.
const SEARCHED: u64 = 200;

#[test]
fn every_planted_bug_is_found() {
    assert!(Bug::ALL.len() >= 15);
    for bug in Bug::ALL {
        let zombies = bug.needs_zombies();
        let found = (1..=SEARCHED).find_map(|seed| {
            let options = Options { bug: Some(*bug), zombies, ..Options::of(seed) };
            run(options).err().map(|told| (seed, told))
        });
        match found {
            Some((seed, told)) => {
                let short = told.lines().next().unwrap_or_default().to_owned();
                println!("{bug:?}: seed {seed}: {short}");
            }
            None => panic!("{bug:?} is not found in {SEARCHED} seeds"),
        }
    }
}
