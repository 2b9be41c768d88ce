//! From an event produced to its alert readable, both by a bare client, at a steady rate.
//!
//! Open loop: an event's time counts from the instant at which it was due, so that a slow answer
//! shows as waiting and not as a lower rate. Feeds and watchers run in this process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
    thread,
    time::Duration,
};

use chassis::{Clock, Failure};
use intake::{door::Noun, pack::Packer};
use log_kafka::yardstick::{self, Producer};
use proto::{date::Instant, frame::Entry, household::Profile, json::Json, person::Persons};

use super::{Bench, load, place::Place};
use crate::bench::row::{Row, percentile, rss};

/// Of so many events one leads to an alert.
const ONE_OF: u64 = 4;
/// Seconds that are not counted.
const WARM: u64 = 2;
/// An event that was sent so much after it was due is counted.
const LATE: Duration = Duration::from_millis(5);

pub(super) fn run(bench: &Bench<'_>) -> Result<Row, Failure> {
    let args = bench.args;
    let (warm, events) = (WARM * args.rate, (WARM + args.seconds) * args.rate);
    let place = &Place::new(bench, "delay")?;
    resident(place, bench, events)?;
    let watchers = place.watchers("alerts-live")?;
    let running = watchers.start()?;
    running.until_ready()?;
    running.until_folded()?;
    let feeds = place.feeds(&[("events", Noun::Event)])?;
    let (raw, alerts) = (place.topic("events"), place.topic("alerts-live"));
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, told) = channel();
    let (clock, cluster) = (bench.clock.clone(), Arc::clone(bench.cluster));
    let reader = thread::spawn(move || {
        yardstick::consume(&cluster, &alerts, events / ONE_OF, &mut |record| {
            // Whoever listens has its reasons to have gone.
            let _ = tell.send((number(record), clock.monotonic()));
        })
    });
    let ends = Arc::clone(&stop);
    let carrier = thread::spawn(move || feeds.run(&|| ends.load(Ordering::Acquire), &mut |_| {}));
    // The group has handed the partitions out before the first event is due.
    thread::sleep(Duration::from_secs(3));
    let (begun, late) = send(bench, &raw, events)?;
    let elapsed = bench.clock.monotonic().saturating_sub(begun);
    let read = reader.join().map_err(|_| Failure::new(1, "the reader ended early"))?;
    stop.store(true, Ordering::Release);
    carrier.join().map_err(|_| Failure::new(1, "the feeds ended early"))??;
    running.stop()?;
    read?;
    let mut times: Vec<Duration> = told
        .iter()
        .filter_map(|(number, at)| Some((number?, at)))
        .filter(|(number, _)| *number >= warm)
        .map(|(number, at)| at.saturating_sub(due(begun, number, args.rate)))
        .collect();
    times.sort_unstable();
    let mut row = Row { name: "kafka.delay", n: events, elapsed, ..Row::default() };
    (row.p50, row.p99, row.rss_bytes) = (percentile(&times, 50), percentile(&times, 99), rss(None));
    row.note_ms("max_ms", times.last().copied().unwrap_or_default());
    row.note("alerts", times.len() as u64);
    row.note("late_sends", late);
    row.note("partitions", args.partitions);
    Ok(row)
}

fn due(begun: Duration, number: u64, rate: u64) -> Duration {
    begun + Duration::from_micros(number * 1_000_000 / rate.max(1))
}

/// One household for each event, straight into the journal.
fn resident(place: &Place<'_>, bench: &Bench<'_>, count: u64) -> Result<(), Failure> {
    let mut packer = Packer::new(bench.args.partitions, bench.args.partitions);
    for n in 0..count {
        packer.add(&profile(n)?, &bench.pack.catalogue);
        if n % 10_000 == 9_999 {
            place.enter(&mut packer)?;
        }
    }
    Ok(place.enter(&mut packer)?)
}

/// The profile of a household as an entry.
pub(super) fn profile(n: u64) -> Result<Entry, Failure> {
    let strange = || Failure::new(1, "a profile of the workload cannot be read");
    let line = load::profile(n);
    let json = Json::parse(line.as_bytes()).map_err(|_| strange())?;
    let read = Profile::parse(&json, Instant::EPOCH_SHANGHAI, Persons::AsGiven);
    let (profile, _) = read.map_err(|_| strange())?;
    Ok(Entry::Profile(Box::new(profile)))
}

/// Sends every event when it is due; gives the beginning and how many were sent late.
fn send(bench: &Bench<'_>, topic: &str, events: u64) -> Result<(Duration, u64), Failure> {
    let producer = Producer::new(bench.cluster, 0)?;
    let clock = bench.clock;
    let begun = clock.monotonic();
    let mut late = 0;
    for n in 0..events {
        let due = due(begun, n, bench.args.rate);
        let early = due.saturating_sub(clock.monotonic());
        if !early.is_zero() {
            producer.poll();
            thread::sleep(early);
        }
        late += u64::from(clock.monotonic().saturating_sub(due) > LATE);
        let now = Instant(clock.now_unix_micros());
        let fen = if n % ONE_OF == 0 { 4_000_000 } else { 10_000 };
        let household = load::name(n);
        let event = format!(
            r#"{{"specversion":"1.0","id":"d{n}","source":"99/ybj","type":"medical.settlement","time":"{now}","subject":"household/{household}","data":{{"setting":"inpatient","total_fen":{fen},"self_paid_fen":{fen}}}}}"#
        );
        producer.send(topic, household.as_bytes(), event.as_bytes())?;
    }
    producer.finish()?;
    Ok((begun, late))
}

/// The number of the household that an alert is about.
fn number(record: &[u8]) -> Option<u64> {
    const BEFORE: &str = r#""household":"H"#;
    let text = std::str::from_utf8(record).ok()?;
    let from = text.find(BEFORE)? + BEFORE.len();
    text[from..].split('"').next()?.parse().ok()
}
