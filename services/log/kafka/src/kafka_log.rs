//! One topic as a log. It compares what the topic says about itself with what is expected, and
//! knows no record's meaning.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::Duration;

use log::{Answers, Batch, Header, Log, LogError, check_sizes};

use crate::connection::PATIENCE;
use crate::reader::{Found, Reader};
use crate::{Cluster, Dress, headers};

/// How long a waiter sleeps at a time while another reader has moved the partition's lane.
const ELSEWHERE: Duration = Duration::from_millis(20);

/// Which topic is opened, and what is expected of it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name.
    pub topic: String,
    /// Its number of partitions; `None` takes the topic's.
    pub partitions: Option<u32>,
    /// Fingerprint of the key that its records were made with; compared with the header.
    pub key: Option<[u8; 16]>,
    /// How key and headers of its records are made.
    pub dress: Dress,
}

impl Settings {
    /// A topic of `partitions` partitions without a key whose records travel bare.
    #[must_use]
    pub fn new(topic: &str, partitions: u32) -> Settings {
        let topic = topic.to_owned();
        Settings { topic, partitions: Some(partitions), key: None, dress: Dress::Bare }
    }
}

/// A topic on Apache Kafka.
///
/// The topic must have been made before, with `cleanup.policy=delete`, and be written by Levee
/// alone: a record that is left out, as compaction and other writers' transactions do, is
/// `log.corrupt`. One reader a partition is fast; a second one at another place makes both fetch
/// again. After `log.unconfirmed` the records may still become durable.
pub struct KafkaLog {
    cluster: Arc<Cluster>,
    topic: String,
    partitions: Vec<Turns>,
    dress: Dress,
    reader: OnceLock<Reader>,
    starting: Mutex<()>,
}

/// Who may do what with a partition.
#[derive(Debug, Default)]
struct Turns {
    /// Held while records are handed over, so that those of one append stay together.
    append: Mutex<()>,
    /// Held by the reader that may move the lane.
    read: Mutex<()>,
}

fn held(turn: &Mutex<()>) -> MutexGuard<'_, ()> {
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KafkaLog {
    /// Opens a topic. The first who opens it writes its header; from then on topic, number of
    /// partitions and key are fixed.
    ///
    /// # Errors
    /// `log.topic`, `log.partitions`, `log.key`, `log.version`, `log.io`.
    pub fn open(cluster: &Arc<Cluster>, settings: &Settings) -> Result<KafkaLog, LogError> {
        let found = cluster.partitions_of(&settings.topic)?;
        if let Some(asked) = settings.partitions.filter(|asked| *asked != found) {
            return Err(LogError::Partitions { asked, found });
        }
        let topic = settings.topic.clone();
        headers::agree(cluster, &Header { partitions: found, topic, key: settings.key })?;
        Ok(KafkaLog::unchecked(cluster, &settings.topic, found, settings.dress))
    }

    /// Opens a topic of somebody else's to append to: it has no header and gets none.
    ///
    /// # Errors
    /// `log.topic`, `log.io`.
    pub fn foreign(
        cluster: &Arc<Cluster>,
        topic: &str,
        dress: Dress,
    ) -> Result<KafkaLog, LogError> {
        let partitions = cluster.partitions_of(topic)?;
        Ok(KafkaLog::unchecked(cluster, topic, partitions, dress))
    }

    /// Opens a topic without looking at its header.
    pub(crate) fn unchecked(
        cluster: &Arc<Cluster>,
        topic: &str,
        partitions: u32,
        dress: Dress,
    ) -> KafkaLog {
        KafkaLog {
            cluster: Arc::clone(cluster),
            topic: topic.to_owned(),
            partitions: (0..partitions).map(|_| Turns::default()).collect(),
            dress,
            reader: OnceLock::new(),
            starting: Mutex::new(()),
        }
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    fn turns(&self, asked: u32) -> Result<&Turns, LogError> {
        let partitions = self.partitions();
        self.partitions.get(asked as usize).ok_or(LogError::Partition { asked, partitions })
    }

    /// The consumer, which is made when something is read for the first time.
    fn reader(&self) -> Result<&Reader, LogError> {
        let _one = held(&self.starting);
        if let Some(reader) = self.reader.get() {
            return Ok(reader);
        }
        let made = Reader::start(self.cluster.connection(), &self.topic, self.partitions())?;
        Ok(self.reader.get_or_init(|| made))
    }

    fn bounds(&self, partition: u32) -> Result<Range<u64>, LogError> {
        self.turns(partition)?;
        self.cluster.bounds(&self.topic, partition)
    }

    /// What `append` and `hand_over` share: hands the records over without waiting.
    fn send(
        &self,
        partition: u32,
        records: &[&[u8]],
    ) -> Result<Arc<crate::sender::Ticket>, LogError> {
        let turns = self.turns(partition)?;
        check_sizes(records)?;
        let dressed = records.iter().map(|record| (self.dress.envelope(record), *record));
        let _together = held(&turns.append);
        Ok(self.cluster.sender().send(&self.topic, partition.cast_signed(), dressed))
    }
}

impl Log for KafkaLog {
    fn partitions(&self) -> u32 {
        // Kafka counts partitions in 31 bits.
        self.partitions.len() as u32
    }

    fn append(&self, partition: u32, records: &[&[u8]]) -> Result<Range<u64>, LogError> {
        let ticket = self.send(partition, records)?;
        if records.is_empty() {
            let end = self.end(partition)?;
            return Ok(end..end);
        }
        ticket.wait()
    }

    fn hand_over(&self, groups: &[(u32, &[&[u8]])]) -> Answers {
        let hand = |(partition, records): &(u32, &[&[u8]])| {
            let ticket = self.send(*partition, records)?;
            let nothing = records.is_empty().then(|| self.end(*partition)).transpose()?;
            Ok((ticket, nothing.map(|end| end..end)))
        };
        let sent: Vec<Result<_, LogError>> = groups.iter().map(hand).collect();
        let answer = |sent: Result<(Arc<crate::sender::Ticket>, Option<Range<u64>>), LogError>| {
            let (ticket, nothing) = sent?;
            nothing.map_or_else(|| ticket.wait(), Ok)
        };
        Box::new(move || sent.into_iter().map(answer).collect())
    }

    fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        into: &mut Batch,
    ) -> Result<(), LogError> {
        into.clear();
        let _turn = held(&self.turns(partition)?.read);
        let reader = self.reader()?;
        loop {
            let found = reader.take(partition, from, max_bytes, into)?;
            if let Found::Records = found {
                return Ok(());
            }
            let Range { start, end } = self.bounds(partition)?;
            if from < start || from > end {
                return Err(LogError::Offset { asked: from, start, end });
            }
            if from == end {
                return Ok(());
            }
            if let Found::Elsewhere = found {
                reader.move_to(partition, from);
            }
            if !reader.wait(partition, from, PATIENCE) {
                let detail = format!("no record at offset {from} of {end} within {PATIENCE:?}");
                return Err(LogError::Io { action: "reading from the broker", detail });
            }
        }
    }

    fn start(&self, partition: u32) -> Result<u64, LogError> {
        Ok(self.bounds(partition)?.start)
    }

    fn end(&self, partition: u32) -> Result<u64, LogError> {
        Ok(self.bounds(partition)?.end)
    }

    fn wait(&self, partition: u32, after: u64, timeout: Duration) -> Result<u64, LogError> {
        let turns = self.turns(partition)?;
        let reader = self.reader()?;
        let mut left = timeout;
        loop {
            if let Some(end) = reader.holds_beyond(partition, after) {
                return Ok(end);
            }
            let end = self.bounds(partition)?.end;
            if end > after || left.is_zero() {
                return Ok(end);
            }
            // Nothing can be fetched from beyond the end.
            let turn = if end < after {
                None
            } else {
                match turns.read.try_lock() {
                    Ok(turn) => Some(turn),
                    Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                    Err(TryLockError::WouldBlock) => None,
                }
            };
            if turn.is_some() && !reader.stands_at(partition, after) {
                reader.move_to(partition, after);
            }
            let ours = turn.is_some();
            drop(turn);
            let longest = if ours { left } else { left.min(ELSEWHERE) };
            if ours {
                reader.wait(partition, after, longest);
            } else {
                std::thread::sleep(longest);
            }
            // Woken early means that there is something, or that another reader moved the lane.
            left = if ours && reader.stands_at(partition, after) {
                Duration::ZERO
            } else {
                left.saturating_sub(ELSEWHERE)
            };
        }
    }

    fn truncate_before(&self, partition: u32, offset: u64) -> Result<u64, LogError> {
        let Range { start, end } = self.bounds(partition)?;
        if offset > end {
            return Err(LogError::Offset { asked: offset, start, end });
        }
        if offset <= start {
            return Ok(start);
        }
        self.cluster.delete_before(&self.topic, partition, offset)
    }
}
