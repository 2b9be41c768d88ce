//! From snapshots to households ready, in this process: every partition of a province is taken
//! over by somebody who knows nothing of it.

use chassis::{Clock, Failure};
use intake::pack::Packer;

use super::{Bench, delay::profile, load, place::Place};
use crate::bench::row::{Row, rss};

/// Events of each household.
const EVENTS: u64 = 2;
/// Entries of one append.
const GROUP: u64 = 20_000;

pub(super) fn run(bench: &Bench<'_>) -> Result<Row, Failure> {
    let place = &Place::new(bench, "restore")?;
    let households = bench.args.restored;
    let mut packer = Packer::new(bench.args.partitions, bench.args.partitions);
    for n in 0..households {
        packer.add(&profile(n)?, &bench.pack.catalogue);
        for event in 0..EVENTS {
            packer.add(&load::bill(bench, n, event)?, &bench.pack.catalogue);
        }
        if n % GROUP == GROUP - 1 {
            place.enter(&mut packer)?;
        }
    }
    place.enter(&mut packer)?;
    let watchers = place.watchers("alerts-live")?;
    let running = watchers.start()?;
    running.until_ready()?;
    running.until_folded()?;
    running.stop()?;
    let begin = bench.clock.monotonic();
    let running = watchers.start()?;
    running.until_ready()?;
    let elapsed = bench.clock.monotonic().saturating_sub(begin);
    let mut row = Row { name: "kafka.restore", n: households, elapsed, ..Row::default() };
    row.rss_bytes = rss(None);
    row.note("live_events", households * EVENTS);
    row.note("snapshot_bytes", watchers.bytes()?);
    row.note("partitions", bench.args.partitions);
    running.stop()?;
    Ok(row)
}
