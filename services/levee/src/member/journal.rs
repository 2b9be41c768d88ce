//! The partitioned journal as the door sees it: a call is answered when every part of it is durable.
//!
//! What is decided upon is not known here: the answer says accepted, and what a fold refuses later
//! goes to the dead letters under the same identity.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use ::log::{Log, LogError};
use chassis::SharedClock;
use intake::{
    BatchReport, BoxFuture, Journal, Marks, Outcome, Receipt, Spread, Submission, SubmitError,
    Target, Telling,
};
use proto::{catalogue::Catalogue, codes::Code, date::Instant, frame::Entry, region::Prefix};
use rules::Pack;
use tokio::sync::Semaphore;

use super::{
    call::{self, Calls},
    packs::Packs,
    view::Watchers,
};

/// Calls that may wait for the brokers at once.
const CALLS: usize = 256;
/// Seconds after which a busy journal may be asked again.
const RETRY_S: u32 = 1;
/// How often an append without a clear answer is made again before the caller is told.
const TRIES: u32 = 3;

/// The journal of a province.
pub(super) struct SpreadJournal {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    watchers: Option<Watchers>,
    /// Whether the packs are in force.
    pub(super) open: AtomicBool,
}

struct Shared {
    journal: Arc<dyn Log>,
    persons: Arc<dyn Log>,
    dead: Arc<dyn Log>,
    packs: Arc<Packs>,
    clock: SharedClock,
    spread: Spread,
    calls: Calls,
    telling: Mutex<Telling>,
}

impl SpreadJournal {
    pub(super) fn new(
        journal: Arc<dyn Log>,
        persons: Arc<dyn Log>,
        dead: Arc<dyn Log>,
        packs: Arc<Packs>,
        clock: SharedClock,
        watchers: Option<Watchers>,
    ) -> SpreadJournal {
        let spread = Spread { journals: journal.partitions(), persons: persons.partitions() };
        let (calls, telling) = (Calls::default(), Mutex::default());
        let shared = Shared { journal, persons, dead, packs, clock, spread, calls, telling };
        SpreadJournal {
            shared: Arc::new(shared),
            room: Arc::new(Semaphore::new(CALLS)),
            watchers,
            open: AtomicBool::new(false),
        }
    }

    /// Notes how far feeds of durable events were seen.
    pub(super) fn saw(&self, seen: &Marks) {
        self.shared.telling().note(seen);
    }

    /// Tells every partition how far the feeds were seen here, where that is due; blocks. `over`:
    /// nothing is told later.
    pub(super) fn tell_marks(&self, over: bool) -> Result<(), LogError> {
        let shared = &self.shared;
        let now = shared.now();
        let due = shared.telling().due(now, over);
        if due.is_empty() {
            return Ok(());
        }
        let frames = shared.spread.frames(&due.entries(), now, &shared.packs.catalogue());
        let journal = frames.into_iter().filter_map(|(target, frame)| match target {
            Target::Journal(partition) => Some((partition.0, vec![frame])),
            Target::Persons(_) => None,
        });
        append(&*shared.journal, journal.collect())?;
        shared.telling().told(&due, now);
        Ok(())
    }

    /// Enters and waits; blocks.
    pub(super) fn enter(&self, submission: Submission) -> Result<Receipt, SubmitError> {
        self.shared.enter(submission)
    }
}

impl Journal for SpreadJournal {
    fn submit(&self, submission: Submission) -> BoxFuture<'_, Result<Receipt, SubmitError>> {
        Box::pin(async move {
            if !self.open.load(Ordering::Acquire) {
                return Err(SubmitError::Starting);
            }
            let room = Arc::clone(&self.room).try_acquire_owned();
            let room = room.map_err(|_| SubmitError::Busy { retry_after_s: RETRY_S })?;
            let shared = Arc::clone(&self.shared);
            let entered = tokio::task::spawn_blocking(move || {
                let entered = shared.enter(submission);
                drop(room);
                entered
            });
            entered.await.unwrap_or(Err(SubmitError::Fault))
        })
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.shared.packs.catalogue()
    }

    fn packs(&self) -> Vec<Arc<Pack>> {
        self.shared.packs.in_force()
    }

    fn holds_state(&self) -> bool {
        // It is with the watchers that carry the partitions.
        self.watchers.is_some()
    }

    fn batch(&self, id: u64) -> BoxFuture<'_, Result<Option<BatchReport>, SubmitError>> {
        Box::pin(async move {
            let Some(watchers) = &self.watchers else { return Ok(None) };
            match watchers.batch(id).await.map_err(away)? {
                Some((told, undecided)) => {
                    Ok(Some(BatchReport { undecided, ..crate::up::report(id, told) }))
                }
                // What was answered a moment ago may not be folded anywhere yet.
                None if call::is_recent(id, self.shared.now()) => Err(SubmitError::Undecided),
                None => Ok(None),
            }
        })
    }

    fn household(
        &self,
        id: String,
    ) -> BoxFuture<'_, Result<Option<serde_json::Value>, SubmitError>> {
        Box::pin(async move {
            let Some(watchers) = &self.watchers else { return Ok(None) };
            watchers.household(&id).await.map_err(away)
        })
    }

    fn quality(
        &self,
        area: Prefix,
    ) -> BoxFuture<'_, Result<Option<serde_json::Value>, SubmitError>> {
        Box::pin(async move {
            let Some(watchers) = &self.watchers else { return Ok(None) };
            watchers.quality(area).await.map(Some).map_err(away)
        })
    }

    fn now(&self) -> Instant {
        self.shared.now()
    }
}

impl Shared {
    fn telling(&self) -> MutexGuard<'_, Telling> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Instant {
        Instant(self.clock.now_unix_micros())
    }

    fn enter(&self, submission: Submission) -> Result<Receipt, SubmitError> {
        let Submission { entries, dead, refused } = submission;
        let call = self.calls.next(self.now());
        if !dead.is_empty() {
            let letters: Vec<Vec<u8>> =
                dead.iter().map(|letter| letter.to_json().into_bytes()).collect();
            // Spread evenly; the remainder is below the number of partitions.
            let partition = (call::number(call) % u64::from(self.dead.partitions().max(1))) as u32;
            let groups = vec![(partition, letters)];
            append(&*self.dead, groups).map_err(|error| told(&error))?;
        }
        let at = self.now();
        let frames = self.spread.call(call, (&entries, &refused), at, &self.packs.catalogue());
        let (mut persons, mut journal) = (Vec::new(), Vec::new());
        for (target, frame) in frames {
            match target {
                Target::Persons(partition) => persons.push((partition, vec![frame])),
                Target::Journal(partition) => journal.push((partition.0, vec![frame])),
            }
        }
        append(&*self.persons, persons).map_err(|error| told(&error))?;
        append(&*self.journal, journal).map_err(|error| told(&error))?;
        let mut telling = Marks::default();
        for entry in &entries {
            if let Entry::Event(event) = entry {
                telling.note(event);
            }
        }
        self.telling().note(&telling);
        if entries.iter().any(|entry| matches!(entry, Entry::Pack { .. })) {
            self.packs.publish(&entries, at).map_err(|error| told(&error))?;
        }
        Ok(Receipt { batch: call, outcomes: vec![Outcome::Accepted; entries.len()] })
    }
}

/// Appends until every group is acknowledged. What may be there already is appended again: an entry
/// that comes twice counts once.
fn append(log: &dyn Log, mut groups: Vec<(u32, Vec<Vec<u8>>)>) -> Result<(), LogError> {
    for _ in 1..TRIES {
        match once(log, &mut groups) {
            Ok(()) => return Ok(()),
            Err(LogError::Unconfirmed { .. } | LogError::Io { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    once(log, &mut groups)
}

/// Takes off what is acknowledged; gives the first error.
fn once(log: &dyn Log, groups: &mut Vec<(u32, Vec<Vec<u8>>)>) -> Result<(), LogError> {
    let borrowed: Vec<(u32, Vec<&[u8]>)> = groups
        .iter()
        .map(|(partition, records)| (*partition, records.iter().map(Vec::as_slice).collect()))
        .collect();
    let asked: Vec<(u32, &[&[u8]])> =
        borrowed.iter().map(|(partition, records)| (*partition, records.as_slice())).collect();
    let answers = log.append_each(&asked);
    let failed = answers.iter().find_map(|answer| answer.as_ref().err().cloned());
    let mut answers = answers.into_iter();
    groups.retain(|_| answers.next().is_none_or(|answer| answer.is_err()));
    failed.map_or(Ok(()), Err)
}

fn away(code: Code) -> SubmitError {
    match code {
        Code::PartitionUncarried => SubmitError::Uncarried,
        Code::BatchUndecided => SubmitError::Undecided,
        Code::OverloadBusy => SubmitError::Busy { retry_after_s: RETRY_S },
        _ => SubmitError::Fault,
    }
}

fn told(error: &LogError) -> SubmitError {
    tracing::error!(code = error.code(), "a call is not durable: {error}");
    match error {
        LogError::Full => SubmitError::Full,
        _ => SubmitError::Fault,
    }
}
