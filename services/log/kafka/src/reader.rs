//! Reading: one consumer on a thread of its own that fills a lane for each partition somebody
//! reads. It assigns by offsets that it is told and belongs to no group.
//!
//! Records are copied once, from the fetched response into a [`Batch`], and the batch changes
//! hands. A lane that is full is paused while others are not; when all are full nothing is polled,
//! and the fetched responses wait in librdkafka's own bounded queue.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use log::{Batch, LogError};
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::{Connection, fault, told};

/// Bytes in a lane from which on it is full, and below which it is filled again.
const FULL: usize = 16 << 20;
const LOW: usize = 4 << 20;
/// Bytes of one hand-over to a lane.
const PORTION: usize = 1 << 20;
/// Longest sleep of the thread: so long a wish may wait while nothing arrives.
const LOOK: Duration = Duration::from_millis(5);
/// Batches that are kept for their memory.
const SPARE: usize = 64;

/// What is read of one partition.
#[derive(Debug, Default)]
struct Lane {
    /// Whether the consumer fetches it.
    active: bool,
    paused: bool,
    /// Offset of the first record that is here, or of the one that is awaited.
    from: u64,
    /// Offset that is awaited from the broker.
    next: u64,
    batches: VecDeque<Batch>,
    /// Records of the first batch that were handed out.
    taken: usize,
    bytes: usize,
    fault: Option<LogError>,
}

impl Lane {
    fn move_to(&mut self, from: u64) {
        // A pause outlasts a new assignment until it is taken back.
        let paused = self.paused;
        *self = Lane { active: true, paused, from, next: from, ..Lane::default() };
    }

    fn put(&mut self, batch: Batch) {
        self.bytes += batch.bytes();
        self.next = batch.next_offset().unwrap_or(self.next);
        self.batches.push_back(batch);
    }

    /// Hands out records from the first batch; says whether there were any.
    fn hand(&mut self, max_bytes: usize, into: &mut Batch, spare: &mut Vec<Batch>) -> bool {
        let Some(first) = self.batches.front_mut() else { return false };
        if self.taken == 0 && first.bytes() <= max_bytes {
            mem::swap(first, into);
        } else {
            let mut given = 0;
            for (offset, record) in first.iter().skip(self.taken) {
                given += record.len();
                if given > max_bytes && !into.is_empty() {
                    break;
                }
                into.push(offset, record);
            }
            self.taken += into.len();
        }
        self.bytes -= into.bytes();
        self.from = into.next_offset().unwrap_or(self.from);
        let whole =
            self.batches.front().is_none_or(|first| self.taken == 0 || self.taken == first.len());
        if whole {
            self.taken = 0;
            let emptied = self.batches.pop_front().filter(|_| spare.len() < SPARE);
            spare.extend(emptied.map(|mut batch| {
                batch.clear();
                batch
            }));
        }
        true
    }
}

#[derive(Debug, Default)]
struct State {
    lanes: Vec<Lane>,
    /// Partitions that are to be fetched from their lane's `next`.
    wishes: Vec<u32>,
    spare: Vec<Batch>,
    over: bool,
    /// The consumer cannot go on.
    broken: Option<LogError>,
}

#[derive(Debug, Default)]
struct Lanes {
    state: Mutex<State>,
    moved: Condvar,
}

impl Lanes {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep<'s>(
        &self,
        state: MutexGuard<'s, State>,
        longest: Duration,
        while_: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'s, State> {
        let waited = self.moved.wait_timeout_while(state, longest, while_);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What a lane holds at the offset that was asked for.
pub(crate) enum Found {
    /// Records; they were handed out.
    Records,
    /// None yet, and the lane stands there.
    Awaited,
    /// The lane stands elsewhere.
    Elsewhere,
}

/// The consumer of one topic.
pub(crate) struct Reader {
    lanes: Arc<Lanes>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    pub(crate) fn start(
        connection: &Connection,
        topic: &str,
        partitions: u32,
    ) -> Result<Reader, LogError> {
        let consumer = BaseConsumer::from_config_and_context(&connection.reader()?, Told)
            .map_err(|e| fault::failed("making a consumer", &e))?;
        let lanes = Arc::new(Lanes::default());
        lanes.state().lanes.resize_with(partitions as usize, Lane::default);
        let feeder = Feeder {
            consumer,
            topic: topic.to_owned(),
            lanes: Arc::clone(&lanes),
            portions: (0..partitions).map(|_| Batch::new()).collect(),
            filled: Vec::new(),
        };
        let thread = thread::Builder::new().name("kafka-reader".into()).spawn(move || feeder.run());
        let thread = thread
            .map_err(|e| LogError::Io { action: "starting a thread", detail: e.to_string() })?;
        Ok(Reader { lanes, thread: Some(thread) })
    }

    /// Takes what a lane holds at `from`.
    pub(crate) fn take(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        into: &mut Batch,
    ) -> Result<Found, LogError> {
        let mut state = self.lanes.state();
        let State { lanes, spare, broken, .. } = &mut *state;
        if let Some(error) = broken {
            return Err(error.clone());
        }
        let lane = &mut lanes[partition as usize];
        if !lane.active || lane.from != from {
            return Ok(Found::Elsewhere);
        }
        let was_full = lane.bytes >= LOW;
        if lane.hand(max_bytes, into, spare) {
            if was_full && lane.bytes < LOW {
                self.lanes.moved.notify_all();
            }
            return Ok(Found::Records);
        }
        match lane.fault.take() {
            None => Ok(Found::Awaited),
            Some(error) => {
                lane.active = false;
                Err(error)
            }
        }
    }

    /// Lets a partition be fetched from `from` on; what its lane holds is forgotten.
    pub(crate) fn move_to(&self, partition: u32, from: u64) {
        let mut state = self.lanes.state();
        state.lanes[partition as usize].move_to(from);
        state.wishes.push(partition);
        self.lanes.moved.notify_all();
    }

    /// Sleeps until the lane that stands at `from` holds something or no longer stands there.
    /// Says whether that happened within `longest`.
    pub(crate) fn wait(&self, partition: u32, from: u64, longest: Duration) -> bool {
        let awaits = |state: &mut State| {
            let lane = &state.lanes[partition as usize];
            let there = lane.active && lane.from == from && lane.batches.is_empty();
            there && lane.fault.is_none() && state.broken.is_none()
        };
        let mut state = self.lanes.sleep(self.lanes.state(), longest, awaits);
        !awaits(&mut state)
    }

    /// The end of what the lane holds, where it holds the record at `after`.
    pub(crate) fn holds_beyond(&self, partition: u32, after: u64) -> Option<u64> {
        let state = self.lanes.state();
        let lane = &state.lanes[partition as usize];
        (lane.active && lane.from <= after && after < lane.next).then_some(lane.next)
    }

    /// Whether the lane stands at `after` with nothing in it.
    pub(crate) fn stands_at(&self, partition: u32, after: u64) -> bool {
        let state = self.lanes.state();
        let lane = &state.lanes[partition as usize];
        lane.active && lane.from == after && lane.batches.is_empty() && lane.fault.is_none()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.lanes.state().over = true;
        self.lanes.moved.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has been told of by the panic's own hook.
            let _ = thread.join();
        }
    }
}

/// Sends what librdkafka says to the process's log.
pub(crate) struct Told;

impl ClientContext for Told {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        told::log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        told::error(&error, reason);
    }
}

impl ConsumerContext for Told {}

/// The thread's side.
struct Feeder {
    consumer: BaseConsumer<Told>,
    topic: String,
    lanes: Arc<Lanes>,
    /// What was fetched of each partition and not handed over yet.
    portions: Vec<Batch>,
    filled: Vec<u32>,
}

/// What the lanes ask of the consumer.
#[derive(Debug, Default)]
struct Orders {
    fetch: Vec<(u32, u64)>,
    pause: Vec<u32>,
    resume: Vec<u32>,
}

impl Feeder {
    fn run(mut self) {
        while let Some(orders) = self.orders() {
            let polled = self.carry_out(&orders).and_then(|()| self.poll());
            if let Err(error) = polled {
                let error = fault::failed("reading from the broker", &error);
                self.lanes.state().broken = Some(error);
                self.lanes.moved.notify_all();
                return;
            }
            self.hand_over();
        }
    }

    /// What is to be done before the next poll; nothing at the end. Sleeps while all that is
    /// fetched is full.
    fn orders(&self) -> Option<Orders> {
        let stuck = |state: &mut State| {
            let mut active = state.lanes.iter().filter(|lane| lane.active).peekable();
            let some = active.peek().is_some();
            let still =
                some && active.all(|lane| lane.bytes >= LOW && (lane.paused || lane.bytes >= FULL));
            still && state.wishes.is_empty() && !state.over
        };
        let mut state = self.lanes.sleep(self.lanes.state(), Duration::from_secs(1), stuck);
        if state.over {
            return None;
        }
        let mut orders = Orders::default();
        for partition in mem::take(&mut state.wishes) {
            let lane = &state.lanes[partition as usize];
            if lane.active {
                orders.fetch.retain(|(other, _)| *other != partition);
                orders.fetch.push((partition, lane.next));
            }
        }
        for (partition, lane) in (0..).zip(&mut state.lanes).filter(|(_, lane)| lane.active) {
            if !lane.paused && lane.bytes >= FULL {
                lane.paused = true;
                orders.pause.push(partition);
            } else if lane.paused && lane.bytes < LOW {
                lane.paused = false;
                orders.resume.push(partition);
            }
        }
        Some(orders)
    }

    fn list(&self, partitions: impl Iterator<Item = (u32, Offset)>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in partitions {
            // Both come from lanes: a partition below 2^31 and an offset of the broker's.
            let _ = list.add_partition_offset(&self.topic, partition.cast_signed(), offset);
        }
        list
    }

    fn carry_out(&self, orders: &Orders) -> Result<(), KafkaError> {
        if !orders.fetch.is_empty() {
            let assigned = self.consumer.assignment()?;
            let fetched = |partition: u32| {
                assigned.find_partition(&self.topic, partition.cast_signed()).is_some()
            };
            let again: Vec<_> = orders.fetch.iter().filter(|(p, _)| fetched(*p)).collect();
            if !again.is_empty() {
                let gone = again.iter().map(|(partition, _)| (*partition, Offset::Invalid));
                self.consumer.incremental_unassign(&self.list(gone))?;
            }
            let at = orders.fetch.iter();
            let at = at.map(|(partition, next)| (*partition, Offset::Offset(next.cast_signed())));
            self.consumer.incremental_assign(&self.list(at))?;
        }
        let each = |partitions: &[u32]| self.list(partitions.iter().map(|p| (*p, Offset::Invalid)));
        if !orders.pause.is_empty() {
            self.consumer.pause(&each(&orders.pause))?;
        }
        if !orders.resume.is_empty() {
            self.consumer.resume(&each(&orders.resume))?;
        }
        Ok(())
    }

    /// Takes what is there, up to a portion.
    fn poll(&mut self) -> Result<(), KafkaError> {
        let Feeder { consumer, lanes, portions, filled, .. } = self;
        let mut bytes = 0;
        let mut wait = LOOK;
        while bytes < PORTION {
            match consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    let partition = message.partition().cast_unsigned();
                    let offset = message.offset().cast_unsigned();
                    let record = message.payload().unwrap_or_default();
                    let Some(portion) = portions.get_mut(partition as usize) else { continue };
                    if portion.is_empty() {
                        filled.push(partition);
                    }
                    portion.push(offset, record);
                    bytes += record.len().max(1);
                }
                Some(Err(error)) => {
                    if let KafkaError::MessageConsumptionFatal(_) = error {
                        return Err(error);
                    }
                    if lost_its_place(&error) {
                        forget(lanes);
                        break;
                    }
                }
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    fn hand_over(&mut self) {
        if self.filled.is_empty() {
            return;
        }
        let mut state = self.lanes.state();
        let State { lanes, spare, wishes, .. } = &mut *state;
        for partition in self.filled.drain(..) {
            let portion = &mut self.portions[partition as usize];
            let lane = &mut lanes[partition as usize];
            // What was fetched before the lane was moved belongs to where it stood.
            if lane.active && lane.fault.is_none() && !wishes.contains(&partition) {
                let sound = sound(lane.next, portion);
                if sound < portion.len() {
                    let offset = lane.next + sound as u64;
                    let segment = self.topic.clone();
                    lane.fault =
                        Some(LogError::Corrupt { partition, segment, position: 0, offset });
                    portion.truncate(sound);
                }
                if !portion.is_empty() {
                    lane.put(mem::replace(portion, spare.pop().unwrap_or_default()));
                }
            }
            portion.clear();
        }
        drop(state);
        self.lanes.moved.notify_all();
    }
}

/// How many records go on where the lane ended: none is left out and none is empty.
fn sound(next: u64, portion: &Batch) -> usize {
    let expected = (next..).zip(portion.iter());
    expected.take_while(|(next, (offset, record))| next == offset && !record.is_empty()).count()
}

/// Whether an error ends the fetching of a partition; which one it does not say.
fn lost_its_place(error: &KafkaError) -> bool {
    !matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
        )
    )
}

/// Whoever reads looks for the partition's bounds again, and is told or goes on.
fn forget(lanes: &Lanes) {
    lanes.state().lanes.iter_mut().for_each(|lane| lane.active = false);
    lanes.moved.notify_all();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(records: std::ops::Range<u64>) -> Batch {
        let mut batch = Batch::new();
        records.for_each(|offset| batch.push(offset, &[7; 10]));
        batch
    }

    #[test]
    fn a_lane_hands_out_every_record_once_whatever_is_asked_for() {
        for max in [0, 10, 25, 30, 1000] {
            let mut lane = Lane::default();
            lane.move_to(5);
            lane.put(batch(5..8));
            lane.put(batch(8..12));
            let (mut into, mut spare) = (Batch::new(), Vec::new());
            let mut seen = Vec::new();
            while lane.hand(max, &mut into, &mut spare) {
                assert!(into.len() == 1 || into.bytes() <= max);
                seen.extend(into.iter().map(|(offset, _)| offset));
                assert_eq!(lane.from, seen.last().unwrap() + 1);
                into.clear();
            }
            assert_eq!(seen, (5..12).collect::<Vec<_>>(), "{max}");
            assert_eq!((lane.bytes, spare.len()), (0, 2));
        }
    }

    #[test]
    fn a_record_left_out_or_without_bytes_is_damage() {
        assert_eq!(sound(5, &batch(5..8)), 3);
        assert_eq!(sound(4, &batch(5..8)), 0);
        let mut left_out = batch(5..8);
        left_out.push(9, b"x");
        assert_eq!(sound(5, &left_out), 3);
        let mut empty = batch(5..8);
        empty.push(8, b"");
        assert_eq!(sound(5, &empty), 3);
    }
}
