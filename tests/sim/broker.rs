//! The broker: four topics on simulated disks. It crashes, also within a write, and comes back; its
//! answers get lost or come late. Handles on it stay good over a crash, as a client's do.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use log::{Batch, Faults, Log, LogError, Settings, SimulatedDisk, SimulatedLog};

use crate::dice::Coverage;

/// The topics in the order in which they are kept.
pub(crate) const TOPICS: [&str; 4] = ["journal", "persons", "alerts", "dead_letters"];

struct Topic {
    name: &'static str,
    partitions: u32,
    disk: SimulatedDisk,
    log: SimulatedLog,
}

struct State {
    topics: Vec<Topic>,
    faults: Faults,
    coverage: Coverage,
}

/// Clones are the same broker.
#[derive(Clone)]
pub(crate) struct Broker(Arc<Mutex<State>>);

/// One topic of the broker.
pub(crate) struct TopicLog {
    broker: Broker,
    topic: usize,
    partitions: u32,
}

impl Broker {
    pub(crate) fn new(seed: u64, partitions: [u32; 4], faults: Faults) -> Broker {
        let topics = TOPICS.iter().zip(partitions).zip(1..).map(|((name, partitions), n)| {
            let disk = SimulatedDisk::new(seed.wrapping_mul(10).wrapping_add(n));
            let log = open(&disk, name, partitions, faults);
            Topic { name, partitions, disk, log }
        });
        let topics = topics.collect();
        Broker(Arc::new(Mutex::new(State { topics, faults, coverage: Coverage::default() })))
    }

    pub(crate) fn topic(&self, topic: usize) -> Arc<TopicLog> {
        let partitions = self.state().topics[topic].partitions;
        Arc::new(TopicLog { broker: self.clone(), topic, partitions })
    }

    /// The power of one disk fails after so many further changes.
    pub(crate) fn crash_within(&self, topic: usize, changes: u64) {
        self.state().topics[topic].disk.crash_after(changes);
    }

    /// The power fails, and the broker starts again.
    pub(crate) fn restart(&self) {
        let mut state = self.state();
        let State { topics, faults, coverage } = &mut *state;
        for topic in topics {
            topic.disk.crash();
            topic.log = open(&topic.disk, topic.name, topic.partitions, *faults);
            coverage.add("torn end of a topic cut", topic.log.torn().len() as u64);
        }
    }

    /// From now on nothing goes wrong.
    pub(crate) fn heal(&self) {
        self.state().faults = Faults::default();
        self.restart();
    }

    pub(crate) fn coverage(&self) -> Coverage {
        self.state().coverage.clone()
    }

    /// A digest of every change of every disk.
    pub(crate) fn traces(&self) -> Vec<u64> {
        self.state().topics.iter().map(|topic| topic.disk.trace()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(disk: &SimulatedDisk, name: &str, partitions: u32, faults: Faults) -> SimulatedLog {
    let settings = Settings { segment_bytes: 32 << 10, ..Settings::new(name, partitions) };
    SimulatedLog::open(disk, &settings, faults).expect("a simulated topic opens after any crash")
}

impl TopicLog {
    fn with<T>(&self, asked: impl FnOnce(&SimulatedLog) -> T) -> T {
        asked(&self.broker.state().topics[self.topic].log)
    }
}

impl Log for TopicLog {
    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn append(&self, partition: u32, records: &[&[u8]]) -> Result<Range<u64>, LogError> {
        let answer = self.with(|log| log.append(partition, records));
        let what = match &answer {
            Err(LogError::Io { detail, .. }) if detail == "refused" => Some("append refused"),
            Err(LogError::Unconfirmed { detail }) if detail.contains("lost") => {
                Some("answer of an append lost")
            }
            Err(LogError::Unconfirmed { detail }) if detail.contains("in time") => {
                Some("append landed late")
            }
            _ => None,
        };
        if let Some(what) = what {
            self.broker.state().coverage.note(what);
        }
        answer
    }

    fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        into: &mut Batch,
    ) -> Result<(), LogError> {
        self.with(|log| log.read(partition, from, max_bytes, into))
    }

    fn start(&self, partition: u32) -> Result<u64, LogError> {
        self.with(|log| log.start(partition))
    }

    fn end(&self, partition: u32) -> Result<u64, LogError> {
        self.with(|log| log.end(partition))
    }

    fn wait(&self, partition: u32, after: u64, _timeout: Duration) -> Result<u64, LogError> {
        self.with(|log| log.wait(partition, after, Duration::ZERO))
    }

    fn truncate_before(&self, partition: u32, offset: u64) -> Result<u64, LogError> {
        self.with(|log| log.truncate_before(partition, offset))
    }
}
