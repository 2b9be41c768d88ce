//! One partition of the journal or of the person log, from snapshot to output, step by step.
//!
//! A step is one bounded piece of work: a read, a fold, an append, a snapshot. The machine holds no
//! thread and no clock, so that a service can run many side by side and a simulation can stop it
//! between any two steps. To begin it takes the partition over in the store, loads the newest
//! sound snapshot, reads back what was published after it, and folds the tail; only what is missing
//! is published. Outputs are functions of the input alone, so a former owner that still runs does
//! no harm. It refuses to know groups, brokers and HTTP.

mod calls;
mod fold;
mod ports;
mod reading;
mod tell;

pub(crate) use ports::passes;

use std::collections::HashMap;

use engine::{Outcome, Output, Stamped};
use log::Batch;
use prost::Message;
use proto::{
    alert::Alert,
    date::Instant,
    frame::{Entry, FrameReader, VERSION, wire},
};

use crate::{
    Fault, Letter, Tally,
    letters::Known,
    outlet::Outlet,
    partition::{calls::Calls, fold::PartFold, reading::Reading, tell::Tell},
    snapshot::Snapshot,
    store::{OwnerError, Ownership},
};

pub use calls::Part;
pub use ports::{Limits, Ports, Topic};

/// Entries that are opened before they are applied: so many stay in a processor's own cache.
const AT_ONCE: usize = 512;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It read back what was published before.
    ReadBack,
    /// It folded records.
    Folded,
    /// It appended what records gave.
    Published,
    /// It did timer work.
    Worked,
    /// It kept a snapshot.
    Kept,
    /// It let the clock pass a midnight.
    Ticked,
    /// There was nothing to do.
    Idle,
}

/// How far a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Whether the state is restored.
    pub live: bool,
    /// Records behind the snapshot that are folded.
    pub done: u64,
    /// Records that were behind the snapshot when the partition was taken over.
    pub total: u64,
}

#[derive(Debug)]
enum Phase {
    ReadingBack(Reading),
    /// Up to this record everything that was read back must be made again.
    Folding(u64),
    Live,
}

/// An entry that waits to be applied: its place in its frame, nothing for a tick; and its call.
type Place = (Option<u32>, u64);

/// The machine of one partition.
pub struct PartitionMachine {
    topic: Topic,
    partition: u32,
    ports: Ports,
    limits: Limits,
    owner: Ownership,
    fold: PartFold,
    phase: Phase,
    first: u64,
    next: u64,
    clock: Instant,
    alerts: Option<Outlet>,
    dead: Outlet,
    tell: Tell,
    published: HashMap<String, Vec<u8>>,
    lettered: Known,
    tally: Tally,
    calls: Calls,
    /// Entries in the last snapshot.
    kept: u64,
    wanted: bool,
    working: bool,
    found: u64,
    batch: Batch,
}

impl std::fmt::Debug for PartitionMachine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartitionMachine")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("phase", &self.phase)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl PartitionMachine {
    /// Takes the partition over. `owner` is unlike that of any other owner, before or after;
    /// `refused` is told of snapshots that are not used, by name and code.
    ///
    /// # Errors
    /// The store or a topic cannot be used; [`Fault::Gap`].
    pub fn open(
        topic: Topic,
        partition: u32,
        ports: Ports,
        limits: Limits,
        owner: &str,
        refused: &mut dyn FnMut(&str, &'static str),
    ) -> Result<PartitionMachine, Fault> {
        let name = format!("{}-{partition:04}", topic.name());
        let owner = Ownership::take(ports.store.clone(), &name, owner).map_err(fault)?;
        let alerts = match topic {
            Topic::Journal => Some(ports.alerts_outlet(partition)?),
            Topic::Persons => None,
        };
        let dead = ports.dead_outlet(partition)?;
        let tell = Tell::new(ports.others(topic));
        let mut machine = PartitionMachine {
            topic,
            partition,
            limits,
            owner,
            fold: PartFold::new(topic),
            phase: Phase::Live,
            first: 0,
            next: 0,
            clock: Instant(i64::MIN),
            alerts,
            dead,
            tell,
            published: HashMap::new(),
            lettered: Known::default(),
            tally: Tally::default(),
            calls: Calls::default(),
            kept: 0,
            wanted: false,
            working: false,
            found: 0,
            batch: Batch::new(),
            ports,
        };
        let snapshot = machine.newest(refused)?;
        machine.begin(snapshot.as_ref())?;
        Ok(machine)
    }

    /// Does one piece of work. `now` is the wall clock.
    ///
    /// # Errors
    /// Where [`Fault::retryable`] says so, stepping again is safe; else the machine is of no use any
    /// more.
    pub fn step(&mut self, now: Instant) -> Result<Step, Fault> {
        if let Phase::ReadingBack(reading) = &mut self.phase {
            let done = reading.step(&self.ports, &mut self.published, &mut self.lettered)?;
            if done {
                self.found = self.published.len() as u64;
                self.phase = Phase::Folding(self.ports.end(self.topic, self.partition)?);
            }
            return Ok(Step::ReadBack);
        }
        if self.publish()? {
            return Ok(Step::Published);
        }
        if let Phase::Folding(end) = self.phase {
            return self.restore(end);
        }
        if self.snapshot_is_due() {
            self.keep()?;
            return Ok(Step::Kept);
        }
        if self.read()? {
            return Ok(Step::Folded);
        }
        if self.work(self.limits.households)? {
            return Ok(Step::Worked);
        }
        self.tick(now)
    }

    /// Wishes for a snapshot as soon as everything is acknowledged: before a hand-over.
    pub fn wish_snapshot(&mut self) {
        self.wanted = self.tally.accepted != self.kept;
    }

    /// Whether a snapshot is wished for and not kept yet.
    #[must_use]
    pub fn wishes(&self) -> bool {
        self.wanted
    }

    /// How far the machine is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let (live, end) = match self.phase {
            Phase::ReadingBack(_) => (false, self.next.max(self.first + 1)),
            Phase::Folding(end) => (false, end),
            Phase::Live => (true, self.next),
        };
        Progress { live, done: self.next - self.first, total: end - self.first }
    }

    /// Alerts after the snapshot that were there already.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.found
    }

    /// The first record that is not folded.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// What happened to the entries of this partition so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// What became of a call here.
    #[must_use]
    pub fn part(&self, call: u64) -> Option<Part> {
        self.calls.part(call)
    }

    /// The fold of this partition of the journal; nothing for the person log.
    #[must_use]
    pub fn partition(&self) -> Option<&engine::Partition> {
        self.fold.journal()
    }

    fn begin(&mut self, snapshot: Option<&Snapshot>) -> Result<(), Fault> {
        let (alerts, dead) = snapshot.map_or((0, 0), |snapshot| (snapshot.alerts, snapshot.dead));
        let start = self.ports.start(self.topic, self.partition)?;
        if self.next < start {
            return Err(Fault::Gap { start });
        }
        self.first = self.next;
        self.kept = self.tally.accepted;
        let alerts = (self.topic == Topic::Journal).then_some(alerts);
        let reading = Reading::new(&self.ports, self.partition, alerts, dead)?;
        self.phase = Phase::ReadingBack(reading);
        Ok(())
    }

    /// Folds towards the end of what was there, then holds what was read back against it.
    fn restore(&mut self, end: u64) -> Result<Step, Fault> {
        if self.next < end {
            self.read()?;
            return Ok(Step::Folded);
        }
        if self.work(self.limits.households)? {
            return Ok(Step::Worked);
        }
        let fold = self.fold.journal();
        let strange = |record: &[u8]| {
            let known: Option<reading::Named> = serde_json::from_slice(record).ok();
            // One that an earlier owner published twice is from before the snapshot.
            !known.is_some_and(|alert| {
                let reading::About { household, episode, revision } = &alert.data;
                fold.is_some_and(|fold| fold.made(household, *episode, *revision))
            })
        };
        let strangers = self.published.iter().filter(|(_, record)| strange(record));
        let mut ids: Vec<&String> = strangers.map(|(id, _)| id).collect();
        ids.sort_unstable();
        if let Some(id) = ids.first() {
            return Err(Fault::Diverged { id: (*id).clone(), count: ids.len() });
        }
        self.published.clear();
        self.lettered = Known::default();
        self.phase = Phase::Live;
        Ok(Step::Worked)
    }

    /// Appends what waits; says whether anything did.
    fn publish(&mut self) -> Result<bool, Fault> {
        if self.dead.waiting() > 0 {
            self.dead.flush().map_err(Fault::log(crate::DEAD_LETTERS))?;
            return Ok(true);
        }
        if let Some(alerts) = self.alerts.as_mut().filter(|alerts| alerts.waiting() > 0) {
            alerts.flush().map_err(Fault::log(crate::ALERTS))?;
            return Ok(true);
        }
        let waits = self.tell.waiting() > 0;
        if waits {
            self.tell.flush().map_err(Fault::log(self.topic.other().name()))?;
        }
        Ok(waits)
    }

    /// Takes and folds one read's worth of records; says whether there were any.
    fn read(&mut self) -> Result<bool, Fault> {
        let mut batch = std::mem::take(&mut self.batch);
        let read = self.ports.read(
            self.topic,
            self.partition,
            self.next,
            self.limits.read_bytes,
            &mut batch,
        );
        let folded = read.and_then(|()| {
            let mut waiting = Vec::new();
            let mut places = Vec::new();
            for (offset, record) in batch.iter() {
                self.record(offset, record, &mut waiting, &mut places)?;
            }
            self.settle(&mut waiting, &mut places)
        });
        let some = !batch.is_empty();
        self.batch = batch;
        folded.map(|()| some)
    }

    fn record(
        &mut self,
        offset: u64,
        record: &[u8],
        waiting: &mut Vec<Stamped>,
        places: &mut Vec<Place>,
    ) -> Result<(), Fault> {
        let fault = |error| Fault::Frame { offset, error };
        let frame = FrameReader::new(record).map_err(fault)?;
        if self.fold.history() != frame.history() {
            self.settle(waiting, places)?;
            while self.work(usize::MAX)? {}
            self.fold.set_history(frame.history());
        }
        if frame.left() == 0 {
            self.clock = self.clock.max(frame.at());
            waiting.push(Stamped::new(self.clock, Entry::Tick));
            places.push((None, calls::NONE));
        }
        let call = self.calls.begin(&frame);
        for (index, sealed) in (0..).zip(frame) {
            let sealed = sealed.map_err(fault)?;
            let (at, entry) = sealed.open(frame.at(), self.fold.catalogue()).map_err(fault)?;
            // Several append here, each with its own clock; the partition's never goes back.
            self.clock = self.clock.max(at);
            let pack = matches!(entry, Entry::Pack { .. });
            waiting.push(match sealed.key() {
                // Hashed once, by who wrote it.
                Some(key) => Stamped { at: self.clock, key, entry },
                None => Stamped::new(self.clock, entry),
            });
            places.push((Some(index), call));
            if pack || waiting.len() >= AT_ONCE {
                self.settle(waiting, places)?;
            }
        }
        self.next = offset + 1;
        Ok(())
    }

    fn settle(&mut self, waiting: &mut Vec<Stamped>, places: &mut Vec<Place>) -> Result<(), Fault> {
        if waiting.is_empty() {
            return Ok(());
        }
        self.working = true;
        let mut out = Output::default();
        self.fold.apply(waiting, &mut out);
        let first = self.topic == Topic::Journal && self.partition == 0;
        for ((stamped, (index, call)), outcome) in waiting.iter().zip(&*places).zip(&out.outcomes) {
            let Some(index) = index else { continue };
            self.tally.note(*outcome);
            self.calls.note(*call, &stamped.entry, *outcome, first);
            if let Outcome::Refused(code) = outcome {
                let known = self.fold.catalogue();
                let letter = Letter::of(*code, stamped.at, *index, &stamped.entry, known);
                self.put_letter(&letter);
            }
        }
        waiting.clear();
        places.clear();
        self.take(out)
    }

    /// Does pending work for some households; says whether it did any.
    fn work(&mut self, households: usize) -> Result<bool, Fault> {
        if !self.working {
            return Ok(false);
        }
        let mut out = Output::default();
        self.working = self.fold.work(households, &mut out);
        self.take(out)?;
        Ok(true)
    }

    fn take(&mut self, out: Output) -> Result<(), Fault> {
        for (code, stamped) in &out.refused {
            let letter = Letter::of(*code, stamped.at, 0, &stamped.entry, self.fold.catalogue());
            self.put_letter(&letter);
        }
        for stamped in &out.expired {
            let code = proto::codes::Code::ParkedExpired;
            let letter = Letter::of(code, stamped.at, 0, &stamped.entry, self.fold.catalogue());
            self.put_letter(&letter);
        }
        self.tell.put(out.told, self.fold.catalogue());
        out.alerts.into_iter().try_for_each(|alert| self.put_alert(alert))
    }

    fn put_letter(&mut self, letter: &Letter) {
        let record = (self.ports.letter)(letter);
        if !self.lettered.take(&record) {
            self.dead.put(record);
        }
    }

    fn put_alert(&mut self, alert: Alert) -> Result<(), Fault> {
        self.tally.alerts += 1;
        let Some(alerts) = self.alerts.as_mut() else { return Ok(()) };
        if self.published.is_empty() {
            alerts.put(alert.into_json());
            return Ok(());
        }
        let id = alert.id();
        match self.published.remove(&id) {
            Some(known) if known == alert.json() => {}
            Some(_) => return Err(Fault::Diverged { id, count: 1 }),
            None => alerts.put(alert.into_json()),
        }
        Ok(())
    }

    fn snapshot_is_due(&self) -> bool {
        let new = self.tally.accepted - self.kept;
        self.wanted || new >= self.limits.snapshot_entries
    }

    /// Everything is acknowledged here: nothing waits to be appended.
    fn keep(&mut self) -> Result<(), Fault> {
        let alerts = match self.topic {
            Topic::Journal => self.ports.alerts_end(self.partition)?,
            Topic::Persons => 0,
        };
        let dead = self.ports.dead_end(self.partition)?;
        let (tally, clock_us, history) = (self.tally, self.clock.0, self.fold.history());
        let beside = fold::Beside { tally, clock_us, history, calls: &self.calls };
        let Some(sections) = self.fold.snapshot(&beside) else { return Ok(()) };
        let snapshot =
            Snapshot { fold_version: fold::VERSION, next: self.next, alerts, dead, sections };
        self.owner.keep(self.next, &snapshot.encode()).map_err(fault)?;
        self.kept = self.tally.accepted;
        self.wanted = false;
        Ok(())
    }

    /// Lets the clock pass a midnight, or the deadline of a case, at which nothing enters.
    fn tick(&mut self, now: Instant) -> Result<Step, Fault> {
        let deadline = self.partition().and_then(engine::Partition::next_deadline);
        let due = now.date() > self.clock.date() || deadline.is_some_and(|by| now >= by);
        if self.clock == Instant(i64::MIN) || !due {
            return Ok(Step::Idle);
        }
        let tick = wire::Frame { version: VERSION, at_us: now.0, ..wire::Frame::default() };
        self.ports.append(self.topic, self.partition, &tick.encode_to_vec())?;
        Ok(Step::Ticked)
    }
}

fn fault(error: OwnerError) -> Fault {
    match error {
        OwnerError::Superseded => Fault::Superseded,
        OwnerError::Store(error) => Fault::Store(error),
    }
}

#[cfg(test)]
pub(crate) mod tests;
