//! What a partition's machine reads from and writes to. It knows topics and no record.

use std::{sync::Arc, time::Duration};

use log::{Batch, Log, LogError};

use crate::{ALERTS, DEAD_LETTERS, Fault, JOURNAL, PERSONS, Writer, outlet::Outlet, store::Store};

/// What the partition is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Topic {
    /// Households: profiles, events, area events, packs.
    Journal,
    /// Persons: claims and events.
    Persons,
}

impl Topic {
    /// The topic's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Topic::Journal => JOURNAL,
            Topic::Persons => PERSONS,
        }
    }

    /// Where what it tells goes.
    pub(crate) fn other(self) -> Topic {
        match self {
            Topic::Journal => Topic::Persons,
            Topic::Persons => Topic::Journal,
        }
    }
}

/// The topics and the snapshots, shared by all machines of a process.
#[derive(Clone)]
pub struct Ports {
    /// Partitioned by household.
    pub journal: Arc<dyn Log>,
    /// Partitioned by person.
    pub persons: Arc<dyn Log>,
    /// As many partitions as the journal: those of partition p go to partition p.
    pub alerts: Arc<dyn Log>,
    /// Any number of partitions.
    pub dead: Arc<dyn Log>,
    /// Where snapshots are kept.
    pub store: Arc<dyn Store>,
    /// How a letter becomes a record of the dead letters.
    pub letter: Writer,
}

/// How much is done in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one read.
    pub read_bytes: usize,
    /// Households that timer work touches in one step.
    pub households: usize,
    /// Entries after which a snapshot is due.
    pub snapshot_entries: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { read_bytes: 1 << 20, households: 256, snapshot_entries: 1_000_000 }
    }
}

impl Ports {
    fn log(&self, topic: Topic) -> &Arc<dyn Log> {
        match topic {
            Topic::Journal => &self.journal,
            Topic::Persons => &self.persons,
        }
    }

    pub(crate) fn others(&self, topic: Topic) -> Arc<dyn Log> {
        Arc::clone(self.log(topic.other()))
    }

    pub(crate) fn alerts_outlet(&self, partition: u32) -> Result<Outlet, Fault> {
        Outlet::of(Arc::clone(&self.alerts), partition).map_err(Fault::log(ALERTS))
    }

    pub(crate) fn dead_outlet(&self, partition: u32) -> Result<Outlet, Fault> {
        let partition = self.dead_partition(partition);
        Outlet::of(Arc::clone(&self.dead), partition).map_err(Fault::log(DEAD_LETTERS))
    }

    pub(crate) fn dead_partition(&self, partition: u32) -> u32 {
        partition % self.dead.partitions().max(1)
    }

    pub(crate) fn start(&self, topic: Topic, partition: u32) -> Result<u64, Fault> {
        self.log(topic).start(partition).map_err(Fault::log(topic.name()))
    }

    pub(crate) fn end(&self, topic: Topic, partition: u32) -> Result<u64, Fault> {
        self.log(topic).end(partition).map_err(Fault::log(topic.name()))
    }

    pub(crate) fn alerts_end(&self, partition: u32) -> Result<u64, Fault> {
        self.alerts.end(partition).map_err(Fault::log(ALERTS))
    }

    pub(crate) fn dead_end(&self, partition: u32) -> Result<u64, Fault> {
        self.dead.end(self.dead_partition(partition)).map_err(Fault::log(DEAD_LETTERS))
    }

    pub(crate) fn read(
        &self,
        topic: Topic,
        partition: u32,
        from: u64,
        max_bytes: usize,
        into: &mut Batch,
    ) -> Result<(), Fault> {
        let read = self.log(topic).read(partition, from, max_bytes, into);
        read.map_err(Fault::log(topic.name()))
    }

    /// Sleeps until there is a record from `from` on, at most `timeout`.
    pub(crate) fn wait(
        &self,
        topic: Topic,
        partition: u32,
        from: u64,
        timeout: Duration,
    ) -> Result<(), Fault> {
        let waited = self.log(topic).wait(partition, from, timeout);
        waited.map(|_| ()).map_err(Fault::log(topic.name()))
    }

    pub(crate) fn append(&self, topic: Topic, partition: u32, record: &[u8]) -> Result<(), Fault> {
        let appended = self.log(topic).append(partition, &[record]);
        appended.map(|_| ()).map_err(Fault::log(topic.name()))
    }
}

/// Whether an append that failed so may be tried again.
pub(crate) fn passes(error: &LogError) -> bool {
    matches!(error, LogError::Io { .. } | LogError::Unconfirmed { .. } | LogError::Full)
}
