//! Events per second, one measure after the other on the same records: the bare client, feeds into
//! the journal, the journal into alerts, and the whole way at once.

use std::collections::BTreeMap;

use chassis::{Clock, Failure};
use intake::door::Noun;
use log::{Batch, Log, LogError};
use log_kafka::yardstick;
use proto::{date::Instant, frame::decode};
use serde::Deserialize;

use super::{
    Bench,
    load::{Line, Work},
    peer,
    place::{Place, Watchers},
};
use crate::bench::row::{Row, rss, spent};

/// Bytes of one read.
const READ: usize = 4 << 20;

/// What a consumer of such events reads at least.
#[derive(Deserialize)]
struct Event<'a> {
    id: &'a str,
    time: &'a str,
    subject: &'a str,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    occurred_on: &'a str,
    self_paid_fen: i64,
}

/// What is said of an alert here.
#[derive(Deserialize)]
struct Alert {
    data: AlertData,
}

#[derive(Deserialize)]
struct AlertData {
    household: String,
    level: String,
}

/// Runs the measures once.
pub(super) fn run(bench: &Bench<'_>, work: &Work, run: u32) -> Result<Vec<Row>, Failure> {
    let place = &Place::new(bench, "stream")?;
    let mut stream = Stream { bench, place, work, run, rows: Vec::new() };
    let parsed = stream.bare()?;
    stream.whole_way(parsed)?;
    let later = &Place::new(bench, "parts")?;
    Stream { place: later, ..stream }.in_parts(parsed)
}

struct Stream<'a> {
    bench: &'a Bench<'a>,
    place: &'a Place<'a>,
    work: &'a Work,
    run: u32,
    rows: Vec<Row>,
}

/// The place of the row of the parsing consumer.
const PARSED: usize = 2;

impl Stream<'_> {
    /// The bare client; gives the place of the row that the others are held against.
    fn bare(&mut self) -> Result<usize, Failure> {
        let Stream { bench, place, work, .. } = *self;
        let topic = place.topic("events");
        let n = work.events.len() as u64;
        // A peer that goes by the records' instants finds a household before its events.
        produce(bench, &place.topic("households"), &work.profiles)?;
        self.timed("kafka.bare_produce", n, || produce(bench, &topic, &work.events))?;
        let mut bytes = 0;
        self.timed("kafka.bare_consume", n, || {
            Ok(yardstick::consume(bench.cluster, &topic, n, &mut |record| bytes += record.len())?)
        })?;
        let (mut sum, mut broken) = (0_i64, 0_u64);
        self.timed("kafka.bare_consume_parse", n, || {
            Ok(yardstick::consume(bench.cluster, &topic, n, &mut |record| match look(record) {
                Some(seen) => sum = sum.wrapping_add(seen),
                None => broken += 1,
            })?)
        })?;
        let row = &mut self.rows[PARSED];
        row.note("check", sum);
        row.note("unreadable", broken);
        Ok(PARSED)
    }

    /// From topics of profiles and events to the alerts topic, all services at once.
    fn whole_way(&mut self, parsed: usize) -> Result<(), Failure> {
        let Stream { bench, place, work, run, .. } = *self;
        let (profiles, n) = (work.profiles.len() as u64, work.events.len() as u64);
        let watchers = place.watchers("alerts-live")?;
        let running = watchers.start()?;
        let today = Instant(bench.clock.now_unix_micros()).date();
        running.until_ready()?;
        self.timed("kafka.households_to_state", profiles, || {
            place.carry("households", Noun::Household, profiles)?;
            running.until_folded()
        })?;
        self.timed("kafka.events_to_alerts", n, || {
            place.carry("events", Noun::Event, n)?;
            running.until_folded()?;
            running.until("published", || Ok(watchers.published()? >= running.alerts()))
        })?;
        running.stop()?;
        let same_day = today == Instant(bench.clock.now_unix_micros()).date();
        let compared = bench.args.rules.is_none() && same_day;
        if compared && said(&watchers)? != work.alerts(today)? {
            return Err(Failure::new(1, "the alerts are not those that a plain way finds"));
        }
        let whole = self.rows.len() - 1;
        let share = share(&self.rows[whole], &self.rows[parsed]);
        self.rows[whole].note("of_bare_consume_parse", share);
        self.rows[whole].note("alerts", watchers.published()?);
        self.rows[whole].note("alerts_compared", compared);
        if let Some(command) = &bench.args.peer {
            let mut peer = peer::run(bench, place, command, n)?;
            peer.note("run", run);
            let times = times(&self.rows[whole], &peer);
            self.rows[whole].note("times_the_peer", times);
            self.rows.push(peer);
        }
        Ok(())
    }

    /// The same way in two parts, one after the other.
    fn in_parts(mut self, parsed: usize) -> Result<Vec<Row>, Failure> {
        let Stream { bench, place, work, .. } = self;
        let (profiles, n) = (work.profiles.len() as u64, work.events.len() as u64);
        produce(bench, &place.topic("households"), &work.profiles)?;
        produce(bench, &place.topic("events"), &work.events)?;
        place.carry("households", Noun::Household, profiles)?;
        let watchers = place.watchers("alerts-later")?;
        let running = watchers.start()?;
        running.until_ready()?;
        running.until_folded()?;
        running.stop()?;
        self.timed("kafka.events_to_journal", n, || place.carry("events", Noun::Event, n))?;
        let intake = self.rows.len() - 1;
        let share = share(&self.rows[intake], &self.rows[parsed]);
        self.rows[intake].note("of_bare_consume_parse", share);
        let mut read = (0, 0);
        self.timed("kafka.journal_consume", n, || {
            read = consume(place.journal())?;
            Ok(())
        })?;
        if let Some(row) = self.rows.last_mut() {
            row.n = read.0;
            row.note("frames", read.1);
        }
        let running = self.timed("kafka.journal_to_alerts", n, || {
            let running = watchers.start()?;
            running.until_folded()?;
            running.until("published", || Ok(watchers.published()? >= running.alerts()))?;
            Ok(running)
        })?;
        running.stop()?;
        if let Some(row) = self.rows.last_mut() {
            row.note("alerts", watchers.published()?);
        }
        Ok(self.rows)
    }

    fn timed<T>(
        &mut self,
        name: &'static str,
        n: u64,
        measured: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let clock = self.bench.clock;
        let (begin, before) = (clock.monotonic(), spent());
        let done = measured()?;
        let elapsed = clock.monotonic().saturating_sub(begin);
        let spent = spent().zip(before).map(|(after, before)| after.saturating_sub(before));
        let mut row = Row { name, n, elapsed, rss_bytes: rss(None), ..Row::default() };
        row.note("run", self.run);
        row.note("partitions", self.bench.args.partitions);
        if let Some(spent) = spent {
            row.note_seconds("processor_seconds", spent);
        }
        self.rows.push(row);
        Ok(done)
    }
}

fn produce(bench: &Bench<'_>, topic: &str, lines: &[Line]) -> Result<(), Failure> {
    let records = lines.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()));
    yardstick::produce(bench.cluster, topic, records)?;
    Ok(())
}

/// What the parsing consumer computes of a record.
fn look(record: &[u8]) -> Option<i64> {
    let Event { id, time, subject, data } = serde_json::from_slice(record).ok()?;
    let texts = id.len() + time.len() + subject.len() + data.occurred_on.len();
    Some(data.self_paid_fen.wrapping_add(texts as i64))
}

/// Household and levels of the alerts that were published, in the order of their households.
fn said(watchers: &Watchers<'_>) -> Result<Vec<(String, Vec<&'static str>)>, Failure> {
    let mut said: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    let mut strange = 0;
    each(&*watchers.alerts, |record| {
        let Ok(Alert { data }) = serde_json::from_slice(record) else {
            strange += 1;
            return;
        };
        let known = ["none", "yellow", "red"].into_iter().find(|known| *known == data.level);
        said.entry(data.household).or_default().extend(known);
    })?;
    if strange > 0 {
        return Err(Failure::new(1, format!("{strange} alerts cannot be read")));
    }
    Ok(said.into_iter().collect())
}

/// Reads a journal to its end and decodes its frames: entries and frames.
fn consume(journal: &dyn Log) -> Result<(u64, u64), LogError> {
    let (mut entries, mut frames) = (0, 0);
    each(journal, |record| {
        frames += 1;
        entries += decode(record).map_or(0, |frame| frame.entries.len() as u64);
    })?;
    Ok((entries, frames))
}

fn each(log: &dyn Log, mut seen: impl FnMut(&[u8])) -> Result<(), LogError> {
    let mut batch = Batch::new();
    for partition in 0..log.partitions() {
        let (mut next, end) = (0, log.end(partition)?);
        while next < end {
            log.read(partition, next, READ, &mut batch)?;
            batch.iter().for_each(|(_, record)| seen(record));
            next = batch.next_offset().unwrap_or(end);
        }
    }
    Ok(())
}

/// How many percent of another measure's rate this one reaches.
fn share(row: &Row, of: &Row) -> u64 {
    (rate(row) * 100.0 / rate(of).max(1.0)).round() as u64
}

/// How many times another's rate this one is, to a tenth.
fn times(row: &Row, of: &Row) -> f64 {
    (rate(row) * 10.0 / rate(of).max(1.0)).round() / 10.0
}

#[expect(clippy::cast_precision_loss, reason = "a rate is shown, not decided upon")]
fn rate(row: &Row) -> f64 {
    row.n as f64 / row.elapsed.as_secs_f64().max(1e-9)
}
