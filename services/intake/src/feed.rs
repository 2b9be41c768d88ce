//! Topics that platforms write, through the same core as the door: records in, frames of the
//! journal and scrubbed dead letters out, and only then the records are done with.
//!
//! Two threads: this one reads, judges and hands over batch by batch, the other one waits until the
//! batches before are durable. An error ends both; the records since the last commit are read again after a restart,
//! which changes nothing: events have identities and the latest profile wins. It refuses to know
//! what kind of topic a record came from beyond its name.

mod breaker;
mod meters;
mod record;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use chassis::SharedClock;
use log::{Answers, Log, LogError, Position, Source};
use proto::{catalogue::Catalogue, codes::Code, date::Instant, person::TokenKey};

use crate::{caller::Caller, door::Noun, marks::Marks, pack::Packer};
use breaker::Breaker;
pub use meters::Meters;
use record::Judge;

/// Records of one batch at most, and bytes from which on it is complete.
const RECORDS: usize = 8_192;
const BYTES: usize = 8 << 20;
/// Records after which a commit is due although more are coming.
const COMMIT: usize = 65_536;
/// Batches that are on their way to the brokers at once.
const UNDER_WAY: usize = 4;
/// Longest wait for a record: so long a stop may take.
const WAIT: Duration = Duration::from_millis(20);

/// How event types in force are asked for, batch by batch.
pub type Known = Arc<dyn Fn() -> Arc<Catalogue> + Send + Sync>;

/// What feeds stand on.
pub struct Feeds {
    /// Where records come from.
    pub source: Box<dyn Source>,
    /// What the records of each topic are.
    pub nouns: BTreeMap<String, Noun>,
    /// Households' entries, and everything that concerns all of them.
    pub journal: Arc<dyn Log>,
    /// Persons' events.
    pub persons: Arc<dyn Log>,
    /// What was refused.
    pub dead: Arc<dyn Log>,
    /// Turns ID numbers into tokens.
    pub key: TokenKey,
    /// In whose name the records are taken.
    pub caller: Caller,
    /// The receiver's clock.
    pub clock: SharedClock,
    /// The event types in force.
    pub known: Known,
    /// After so many refused records in a row a partition is held; 0: never.
    pub hold_after: u32,
}

/// What became of the records of one batch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Records that became entries.
    pub taken: u64,
    /// Records that were refused, by code.
    pub refused: BTreeMap<Code, u64>,
    /// How far the feeds of what was taken were seen.
    pub seen: Marks,
    /// Partitions that are held after it.
    pub held: u64,
}

/// What is done with once a batch is durable.
struct Batch {
    done: Vec<Position>,
    records: usize,
    told: Told,
}

/// A batch that is on its way, and what becomes of it in each topic.
type UnderWay = (Batch, [Answers; 3]);
type Durable = Result<Batch, LogError>;

impl Feeds {
    /// Carries records over until `stop` says so; `told` hears of each batch once it is durable.
    ///
    /// # Errors
    /// What a log or the source says. What was read since the last commit is read again.
    pub fn run(self, stop: &dyn Fn() -> bool, told: &mut dyn FnMut(&Told)) -> Result<(), LogError> {
        let Feeds { source, nouns, journal, persons, dead, key, caller, clock, known, hold_after } =
            self;
        let packer = Packer::new(journal.partitions(), persons.partitions());
        let (dead_partitions, seen) = (dead.partitions(), Marks::default());
        let judge = Judge { nouns, key, caller, packer, seen, dead: dead_partitions };
        let topics = Topics { journal, persons, dead };
        let (breaker, waiting) = (Breaker::new(hold_after), Vec::new());
        let mut reading =
            Reading { source, judge, breaker, topics, clock, known, waiting, since: 0 };
        let (hand_over, batches) = sync_channel(UNDER_WAY);
        let (answer, answers) = channel();
        thread::scope(|scope| {
            thread::Builder::new()
                .name("feed-waiter".into())
                .spawn_scoped(scope, move || wait_for(&batches, &answer))
                .map_err(|e| LogError::Io { action: "starting a thread", detail: e.to_string() })?;
            while !stop() {
                let batch = reading.batch()?;
                let idle = batch.is_none();
                // A thread that has ended has answered why.
                let taken = batch.is_none_or(|batch| hand_over.send(batch).is_ok());
                while let Ok(durable) = answers.try_recv() {
                    reading.durable(durable, told)?;
                }
                reading.commit(idle)?;
                if !taken {
                    break;
                }
            }
            drop(hand_over);
            for durable in &answers {
                reading.durable(durable, told)?;
            }
            reading.commit(true)
        })
    }
}

struct Reading {
    source: Box<dyn Source>,
    judge: Judge,
    breaker: Breaker,
    topics: Topics,
    clock: SharedClock,
    known: Known,
    /// What is durable and not committed yet.
    waiting: Vec<Position>,
    since: usize,
}

impl Reading {
    /// Reads, judges and hands over what is there.
    fn batch(&mut self) -> Result<Option<UnderWay>, LogError> {
        let Reading { source, judge, breaker, topics, clock, known, .. } = self;
        let now = Instant(clock.now_unix_micros());
        for (topic, partition) in breaker.tries(clock.monotonic()) {
            source.resume(&topic, partition)?;
        }
        let catalogue = known();
        let (mut told, mut dead, mut bytes) = (Told::default(), Vec::new(), 0);
        let records = source.read(RECORDS, WAIT, &mut |record| {
            bytes += record.value.map_or(0, <[u8]>::len);
            let before = told.taken;
            judge.take(&record, now, &catalogue, &mut told, &mut dead);
            breaker.judged(record.topic, record.partition, told.taken > before) && bytes < BYTES
        })?;
        if records == 0 {
            return Ok(None);
        }
        for (topic, partition) in breaker.hold(clock.monotonic()) {
            tracing::error!(
                topic = &*topic,
                partition,
                "a feed brings only what is refused and is held"
            );
            source.pause(&topic, partition)?;
        }
        told.held = breaker.held();
        let (journal, persons) = judge.packer.pack(now);
        told.seen = std::mem::take(&mut judge.seen);
        let answers = [
            hand_over(&*topics.dead, &dead),
            hand_over(&*topics.journal, &journal),
            hand_over(&*topics.persons, &persons),
        ];
        Ok(Some((Batch { done: source.position(), records, told }, answers)))
    }

    fn durable(&mut self, durable: Durable, told: &mut dyn FnMut(&Told)) -> Result<(), LogError> {
        let batch = durable?;
        self.waiting = batch.done;
        self.since += batch.records;
        told(&batch.told);
        Ok(())
    }

    /// Commits what is durable when nothing else is to be done, or when it is much.
    fn commit(&mut self, idle: bool) -> Result<(), LogError> {
        if self.since == 0 || !(idle || self.since >= COMMIT) {
            return Ok(());
        }
        self.since = 0;
        self.source.commit(&self.waiting)
    }
}

/// Where batches go.
struct Topics {
    journal: Arc<dyn Log>,
    persons: Arc<dyn Log>,
    dead: Arc<dyn Log>,
}

/// Answers each batch once it is durable, in their order, up to the first that fails.
fn wait_for(batches: &Receiver<UnderWay>, answer: &Sender<Durable>) {
    for (batch, answers) in batches {
        let mut each = answers.into_iter().flat_map(|answers| answers());
        let durable = each.try_for_each(|answer| answer.map(drop)).map(|()| batch);
        let over = durable.is_err();
        // Where nobody listens any more the batch is read again.
        if answer.send(durable).is_err() || over {
            return;
        }
    }
}

fn hand_over(log: &dyn Log, records: &[(u32, Vec<u8>)]) -> Answers {
    let slices: Vec<(u32, [&[u8]; 1])> =
        records.iter().map(|(partition, record)| (*partition, [record.as_slice()])).collect();
    let groups: Vec<(u32, &[&[u8]])> =
        slices.iter().map(|(partition, record)| (*partition, record.as_slice())).collect();
    log.hand_over(&groups)
}
