//! `levee bench kafka`: what a topic of raw events costs, beside the bare client on the same topic
//! in the same run.
//!
//! Five measures a run, on topics of its own: the bare producer, the bare consumer, the bare consumer
//! that also parses the JSON, intake from the raw topic to the journal, and the journal's frames read
//! back through the log port.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chassis::{Clock, Failure, SystemClock};
use intake::{Caller, door::Noun, feed::Feeds};
use log::{Batch, Log, LogError};
use log_kafka::{
    Cluster, Connection, Dress, Feed, FeedSettings, HEADERS, KafkaLog, Plan, Settings, yardstick,
};
use proto::{catalogue::Catalogue, date::Instant, frame::decode, person::TokenKey};
use serde::Deserialize;

use super::row::{Row, rss};

/// Bytes of one read of the journal.
const READ: usize = 4 << 20;
/// Days over which the events' times are spread.
const DAYS: u64 = 400;

/// Measure Kafka: the bare client, intake from a raw topic, and reading the journal
#[derive(clap::Args)]
pub(super) struct Args {
    /// Where a broker is; `cargo run --release -p test-broker` starts one
    #[arg(long, value_name = "HOST:PORT")]
    brokers: String,
    /// Events
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Households that they are about
    #[arg(long, default_value_t = 200_000)]
    households: u64,
    /// Partitions of the raw topic and of the journal
    #[arg(long, default_value_t = 4)]
    partitions: u32,
    /// Runs
    #[arg(long, default_value_t = 1)]
    runs: u32,
}

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

/// Runs the measures.
///
/// # Errors
/// The broker cannot be used.
pub(super) fn run(args: &Args) -> Result<Vec<Row>, Failure> {
    let cluster = Cluster::connect(&Connection::new(&args.brokers, "levee-bench"))?;
    let clock = SystemClock::new();
    let events = events(args, clock.now_unix_micros());
    let mut rows = Vec::new();
    for run in 0..args.runs {
        // Topics of other runs stay as they are: a name of its own costs nothing.
        let stamp = clock.now_unix_micros();
        let bench = Bench { args, cluster: &cluster, clock: &clock, stamp, run };
        rows.extend(bench.rows(&events)?);
    }
    Ok(rows)
}

/// Keys and values, in the order of their times.
fn events(args: &Args, now_us: i64) -> Vec<(String, String)> {
    const DAY_US: u64 = 86_400_000_000;
    let span = DAYS * DAY_US;
    let begin = now_us.cast_unsigned().saturating_sub(span);
    let make = |n: u64| {
        let time = Instant((begin + span / args.events.max(1) * n).cast_signed());
        let household = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % args.households.max(1);
        let (fund, own) = (30_000 + n % 977 * 1_000, 20_000 + n % 613 * 100);
        let value = format!(
            r#"{{"specversion":"1.0","id":"99-ybj-{n:012}","source":"99/ybj","type":"medical.settlement","time":"{time}","subject":"household/H{household:08}","data":{{"occurred_on":"{}","setting":"inpatient","total_fen":{},"fund_paid_fen":{fund},"self_paid_fen":{own}}}}}"#,
            time.date(),
            fund + own,
        );
        (format!("H{household:08}"), value)
    };
    (0..args.events).map(make).collect()
}

struct Bench<'a> {
    args: &'a Args,
    cluster: &'a Arc<Cluster>,
    clock: &'a SystemClock,
    stamp: i64,
    run: u32,
}

impl Bench<'_> {
    fn rows(&self, events: &[(String, String)]) -> Result<Vec<Row>, Failure> {
        let raw = self.topic("raw");
        self.make()?;
        let n = self.args.events;
        let produced = self.timed("kafka.bare_produce", || {
            let records = events.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()));
            yardstick::produce(self.cluster, &raw, records).map(drop)
        })?;
        let mut bytes = 0;
        let counted = self.timed("kafka.bare_consume", || {
            yardstick::consume(self.cluster, &raw, n, &mut |record| bytes += record.len())
        })?;
        let (mut sum, mut broken) = (0_i64, 0_u64);
        let mut parsed = self.timed("kafka.bare_consume_parse", || {
            yardstick::consume(self.cluster, &raw, n, &mut |record| match look(record) {
                Some(seen) => sum = sum.wrapping_add(seen),
                None => broken += 1,
            })
        })?;
        parsed.note("check", sum);
        parsed.note("unreadable", broken);
        let journal = self.open("journal")?;
        let mut intake = self.timed("kafka.intake", || self.intake(&raw, &journal))?;
        intake.note("of_bare_consume_parse", share(&intake, &parsed));
        let mut read = (0, 0);
        let mut frames = self.timed("kafka.journal_consume", || {
            read = consume(&*journal)?;
            Ok(())
        })?;
        frames.n = read.0;
        frames.note("frames", read.1);
        Ok(vec![produced, counted, parsed, intake, frames])
    }

    fn topic(&self, name: &str) -> String {
        format!("bench-{}-{name}", self.stamp)
    }

    fn make(&self) -> Result<(), Failure> {
        let partitions = self.args.partitions;
        let mut plan = format!(
            "replication: 1\nmin_insync: 1\ntopics:\n  {HEADERS}: {{partitions: 1, keep: forever}}\n"
        );
        for name in ["raw", "journal", "persons", "dead_letters"] {
            let topic = self.topic(name);
            let line = "keep: 1d, large_records: true";
            plan.push_str(&format!("  {topic}: {{partitions: {partitions}, {line}}}\n"));
        }
        Plan::read(&plan).map_err(Failure::usage)?.create(self.cluster)?;
        Ok(())
    }

    fn open(&self, name: &str) -> Result<Arc<dyn Log>, LogError> {
        let settings = Settings {
            dress: if name == "dead_letters" { Dress::DeadLetter } else { Dress::Bare },
            ..Settings::new(&self.topic(name), self.args.partitions)
        };
        Ok(Arc::new(KafkaLog::open(self.cluster, &settings)?))
    }

    fn timed(
        &self,
        name: &'static str,
        measured: impl FnOnce() -> Result<(), LogError>,
    ) -> Result<Row, Failure> {
        let begin = self.clock.monotonic();
        measured()?;
        let elapsed = self.clock.monotonic().saturating_sub(begin);
        let mut row =
            Row { name, n: self.args.events, elapsed, rss_bytes: rss(None), ..Row::default() };
        row.note("run", self.run);
        row.note("partitions", self.args.partitions);
        Ok(row)
    }

    /// From the raw topic to the journal, as the service does it.
    fn intake(&self, raw: &str, journal: &Arc<dyn Log>) -> Result<(), LogError> {
        let settings = FeedSettings {
            group: self.topic("group"),
            topics: vec![raw.to_owned()],
            instance: None,
            session: Duration::from_secs(6),
        };
        let catalogue = Arc::new(Catalogue::shipped());
        let feeds = Feeds {
            source: Box::new(Feed::open(self.cluster, &settings)?),
            nouns: BTreeMap::from([(raw.to_owned(), Noun::Event)]),
            journal: Arc::clone(journal),
            persons: self.open("persons")?,
            dead: self.open("dead_letters")?,
            key: TokenKey::new(1, &[0; 32]),
            caller: Caller::operator(),
            clock: Arc::new(self.clock.clone()),
            known: Arc::new(move || Arc::clone(&catalogue)),
        };
        let (stop, mut seen) = (AtomicBool::new(false), 0);
        feeds.run(&|| stop.load(Ordering::Acquire), &mut |told| {
            seen += told.taken + told.refused.values().sum::<u64>();
            stop.store(seen >= self.args.events, Ordering::Release);
        })
    }
}

/// What the parsing consumer computes of a record.
fn look(record: &[u8]) -> Option<i64> {
    let Event { id, time, subject, data } = serde_json::from_slice(record).ok()?;
    let texts = id.len() + time.len() + subject.len() + data.occurred_on.len();
    Some(data.self_paid_fen.wrapping_add(texts as i64))
}

/// Reads a journal to its end and decodes its frames: entries and frames.
fn consume(journal: &dyn Log) -> Result<(u64, u64), LogError> {
    let (mut entries, mut frames) = (0, 0);
    let mut batch = Batch::new();
    for partition in 0..journal.partitions() {
        let (mut next, end) = (0, journal.end(partition)?);
        while next < end {
            journal.read(partition, next, READ, &mut batch)?;
            for (_, record) in batch.iter() {
                frames += 1;
                entries += decode(record).map_or(0, |frame| frame.entries.len() as u64);
            }
            next = batch.next_offset().unwrap_or(end);
        }
    }
    Ok((entries, frames))
}

/// How many percent of another measure's rate this one reaches.
fn share(row: &Row, of: &Row) -> u64 {
    let percent = of.elapsed.as_micros() * 100 / row.elapsed.as_micros().max(1);
    u64::try_from(percent).unwrap_or(u64::MAX)
}
