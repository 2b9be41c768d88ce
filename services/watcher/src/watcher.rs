//! The running watcher: its handle, its queue and its phases. The threads are in files of their own.

mod fold;
mod order;

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock, atomic::AtomicI64},
};

use chassis::{Health, SharedClock, Threads};
use log::{Disk, RealDisk};
use prometheus::Registry;
use proto::{catalogue::Catalogue, date::Instant, region::Prefix};
use rules::Pack;
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use crate::{
    AlertsLog, Crew, Fault, Receipt, Report, Submission, SubmitError, Topics,
    inbox::{Inbox, Refused},
    machine::{Machine, Writer},
    meters::Meters,
};

/// Calls that may wait to be made durable.
const CALLS: usize = 4_096;
/// Bytes that may wait to be made durable.
const BYTES: usize = 128 << 20;
/// Bytes that may wait to be folded, and groups and questions with them.
const FOLD_BYTES: usize = 64 << 20;
const FOLD_MESSAGES: usize = 1_024;

/// What the watcher stands on.
pub struct Parts {
    /// The open topics.
    pub topics: Topics,
    /// Where its threads are joined.
    pub threads: Threads,
    /// Where it tells its state.
    pub health: Health,
    /// Where its metrics are registered.
    pub registry: Registry,
    /// The wall clock.
    pub clock: SharedClock,
    /// How a letter of the fold becomes a record of the dead letters.
    pub letter: Writer,
}

/// What the watcher is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The state is being restored.
    Restoring,
    /// A past is being filled in: nothing else is taken.
    Filling,
    /// Everything is taken.
    Live,
    /// It has ended, by a wish or by this fault.
    Ended(Option<&'static str>),
}

/// A handle on the running watcher. Clones share it.
#[derive(Clone)]
pub struct Watcher {
    shared: Arc<Shared>,
}

struct Shared {
    topics: Topics,
    clock: SharedClock,
    calls: Inbox<Call>,
    messages: Inbox<Message>,
    catalogue: RwLock<Arc<Catalogue>>,
    packs: RwLock<Vec<Arc<Pack>>>,
    phase: watch::Sender<Phase>,
    alerts_end: watch::Sender<u64>,
    meters: Meters,
    health: Health,
    threads: Threads,
    letter: Writer,
    /// When the next clock of a case runs out; the largest instant when none runs.
    deadline: AtomicI64,
}

struct Call {
    submission: Submission,
    answer: oneshot::Sender<Result<Receipt, SubmitError>>,
}

type Question = Box<dyn FnOnce(&Machine) + Send>;

enum Message {
    /// Frames that became durable, and who waits for each.
    Group(crate::sequencer::Committed, Vec<oneshot::Sender<Result<Receipt, SubmitError>>>),
    /// The journal may hold records that nobody was told of, up to this one.
    Look(u64),
    Ask(Question),
}

impl Watcher {
    /// Starts the threads; the restore goes on in the background. Snapshots are in `snapshots`.
    ///
    /// # Errors
    /// The folder, a metric or a thread cannot be had.
    pub fn start(parts: Parts, snapshots: &Path) -> Result<Watcher, Fault> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(snapshots)?);
        Watcher::start_on(parts, disk, Crew::of_machine())
    }

    pub(crate) fn start_on(
        parts: Parts,
        snapshots: Arc<dyn Disk>,
        crew: Crew,
    ) -> Result<Watcher, Fault> {
        let Parts { topics, threads, health, registry, clock, letter } = parts;
        let meters = Meters::new(&registry).map_err(|e| Fault::Start(e.to_string()))?;
        let end = topics.alerts.end(0).map_err(Fault::log(crate::ALERTS))?;
        let shared = Arc::new(Shared {
            topics,
            clock,
            calls: Inbox::new(CALLS, BYTES),
            messages: Inbox::new(FOLD_MESSAGES, FOLD_BYTES),
            catalogue: RwLock::new(Arc::new(Catalogue::shipped())),
            packs: RwLock::default(),
            phase: watch::Sender::new(Phase::Restoring),
            alerts_end: watch::Sender::new(end),
            meters,
            health,
            threads: threads.clone(),
            letter,
            deadline: AtomicI64::new(i64::MAX),
        });
        fold::spawn(&threads, Arc::clone(&shared), snapshots, crew)?;
        Ok(Watcher { shared })
    }

    /// Takes a call; the answer comes when it is durable and decided upon. A sender that is gone
    /// without an answer means [`SubmitError::Fault`].
    ///
    /// # Errors
    /// It cannot be taken now; nothing of it was.
    pub fn submit(
        &self,
        submission: Submission,
    ) -> Result<oneshot::Receiver<Result<Receipt, SubmitError>>, SubmitError> {
        match (self.phase(), submission.past.is_some()) {
            (Phase::Live, false) | (Phase::Filling, true) => {}
            (Phase::Ended(Some(_)), _) => return Err(SubmitError::Fault),
            _ => return Err(SubmitError::Starting),
        }
        let (answer, answered) = oneshot::channel();
        let weight = submission.weight();
        let offered = self.shared.calls.offer(Call { submission, answer }, weight);
        self.shared.meters.backlog.set(crate::meters::whole(self.shared.calls.len() as u64));
        match offered {
            Ok(()) => Ok(answered),
            Err(Refused::Full) => Err(SubmitError::Busy),
            Err(Refused::Closed) => Err(SubmitError::Starting),
        }
    }

    /// As [`Watcher::submit`], and waits for room and for the answer. Never from an async task.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn submit_and_wait(&self, submission: Submission) -> Result<Receipt, SubmitError> {
        self.enqueue(submission)?.blocking_recv().unwrap_or(Err(SubmitError::Fault))
    }

    /// As [`Watcher::submit`], and waits for room. Never from an async task.
    ///
    /// # Errors
    /// It cannot be taken in this phase.
    pub fn enqueue(
        &self,
        submission: Submission,
    ) -> Result<oneshot::Receiver<Result<Receipt, SubmitError>>, SubmitError> {
        match (self.phase(), submission.past.is_some()) {
            (Phase::Live, false) | (Phase::Filling, true) => {}
            _ => return Err(SubmitError::Starting),
        }
        let (answer, answered) = oneshot::channel();
        let weight = submission.weight();
        match self.shared.calls.push(Call { submission, answer }, weight) {
            true => Ok(answered),
            false => Err(SubmitError::Starting),
        }
    }

    /// From now on only a past is taken, until [`Watcher::end_past`]. Says whether that is possible:
    /// the watcher is live and its journal holds no entry.
    #[must_use]
    pub fn begin_past(&self) -> bool {
        let empty = self.shared.topics.journal.end(0).is_ok_and(|end| end == 0);
        empty && self.turn(Phase::Live, Phase::Filling)
    }

    /// The past is complete: calls are taken.
    pub fn end_past(&self) {
        self.turn(Phase::Filling, Phase::Live);
    }

    /// Whether nothing ever entered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.topics.journal.end(0).is_ok_and(|end| end == 0)
    }

    fn turn(&self, from: Phase, to: Phase) -> bool {
        self.shared.phase.send_if_modified(|phase| {
            let turns = *phase == from;
            if turns {
                *phase = to;
            }
            turns
        })
    }

    /// What the watcher is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.shared.phase.borrow()
    }

    /// Tells each change of phase.
    #[must_use]
    pub fn phases(&self) -> watch::Receiver<Phase> {
        self.shared.phase.subscribe()
    }

    /// The event types in force.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.shared.catalogue()
    }

    /// The packs in force or to come.
    #[must_use]
    pub fn packs(&self) -> Vec<Arc<Pack>> {
        self.shared.packs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.shared.now()
    }

    /// What became of the call that is journal record `batch`.
    pub async fn report(&self, batch: u64) -> Option<Report> {
        self.ask(move |machine| machine.report(batch)).await.ok().flatten()
    }

    /// A household as it is shown; nothing when it is not known.
    ///
    /// # Errors
    /// The state is being restored, or too much is waiting.
    pub async fn household(&self, id: String) -> Result<Option<Value>, SubmitError> {
        self.ask(move |machine| machine.portrait(&id)).await
    }

    /// What people did about the cases of households, and what is due; in the order asked for,
    /// those left out that are not known.
    ///
    /// # Errors
    /// As [`Watcher::household`].
    pub async fn dossiers(&self, ids: Vec<String>) -> Result<Vec<Value>, SubmitError> {
        self.ask(move |machine| machine.dossiers(&ids)).await
    }

    /// What answers the wish for a visit in the cases of households.
    ///
    /// # Errors
    /// As [`Watcher::household`].
    pub async fn visits(&self, ids: Vec<String>) -> Result<Vec<engine::Visit>, SubmitError> {
        self.ask(move |machine| machine.visits(&ids)).await
    }

    /// How often rules and feeds were right in an area: `region`, `all`, and the lists `rules`,
    /// `feeds`, `feed_rules` and `areas`, each with counts and the share that led to help.
    ///
    /// # Errors
    /// As [`Watcher::household`].
    pub async fn quality(&self, area: Prefix) -> Result<Value, SubmitError> {
        self.ask(move |machine| machine.quality(area)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Machine) -> T + Send + 'static,
    ) -> Result<T, SubmitError> {
        if !matches!(self.phase(), Phase::Live | Phase::Filling) {
            return Err(SubmitError::Starting);
        }
        let (answer, answered) = oneshot::channel();
        let asked: Question = Box::new(move |machine| {
            // Who asked may have gone.
            let _ = answer.send(question(machine));
        });
        match self.shared.messages.offer(Message::Ask(asked), 1) {
            Ok(()) => answered.await.map_err(|_| SubmitError::Fault),
            Err(Refused::Full) => Err(SubmitError::Busy),
            Err(Refused::Closed) => Err(SubmitError::Starting),
        }
    }

    /// The alerts topic.
    #[must_use]
    pub fn alerts(&self) -> AlertsLog {
        let log = Arc::clone(&self.shared.topics.alerts);
        AlertsLog::new(log, self.shared.alerts_end.subscribe())
    }

    /// Takes nothing in any more; the threads end when what waits is done and a snapshot is taken.
    pub fn stop(&self) {
        self.shared.calls.close();
        if self.phase() == Phase::Restoring {
            self.shared.messages.close();
        }
    }
}

impl Shared {
    fn now(&self) -> Instant {
        Instant(self.clock.now_unix_micros())
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_phase(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Shows the packs and types in force to those who check what enters.
    fn show_packs(&self, machine: &Machine) {
        let engine = machine.engine();
        let catalogue = Arc::new(engine.catalogue().clone());
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = catalogue;
        let packs = engine.packs().to_vec();
        *self.packs.write().unwrap_or_else(PoisonError::into_inner) = packs;
    }
}
