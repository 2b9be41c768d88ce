//! The fold's thread: restores, then folds groups, answers questions and does timer work between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chassis::{Component, Threads};
use log::{Disk, LogError};
use tokio::sync::oneshot;

use super::{Message, Phase, Shared, order};
use crate::{
    Crew, Fault, JOURNAL, Receipt, SubmitError,
    machine::Machine,
    meters::whole,
    restore::{Witness, catch_up, restore},
    sequencer::Committed,
    snapshot::{Refused, Shelf, Snapshot},
};

/// How long the queue is waited for when nothing is to be done.
const ROUND: Duration = Duration::from_millis(500);
/// Bytes that are folded before timer work has its turn.
const TOGETHER: usize = 1 << 20;
/// Households of each partition that timer work touches before the queue is looked at again.
const HOUSEHOLDS: usize = 16;
/// How long the loop may take for one round before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long to wait before a topic that is full is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// Entries after which a snapshot is due.
const SNAPSHOT_ENTRIES: u64 = 1_000_000;
/// Time after which a snapshot is due if anything entered.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(15 * 60);

/// Starts the thread.
pub(super) fn spawn(
    threads: &Threads,
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    crew: Crew,
) -> Result<(), Fault> {
    let component = shared.health.component("fold");
    let body = move || {
        let shelf = Shelf::new(disk);
        let ended = run(&shared, &shelf, crew, &component);
        if let Err(fault) = &ended {
            tracing::error!(code = fault.code(), "the fold stops: {fault}");
            component.failing(fault.code());
        }
        // Nobody may wait for a fold that has ended.
        shared.calls.close();
        shared.messages.close();
        drop(shared.messages.take(Duration::ZERO, usize::MAX));
        shared.set_phase(Phase::Ended(ended.err().map(|fault| fault.code())));
    };
    threads.spawn("fold", body).map_err(|e| Fault::Start(e.to_string()))
}

fn run(
    shared: &Arc<Shared>,
    shelf: &Shelf,
    crew: Crew,
    component: &Component,
) -> Result<(), Fault> {
    let mut witness = Told { shared, component };
    let restored = restore(&shared.topics, shelf, crew, &shared.letter, &mut witness)?;
    let Some(machine) = restored else { return Ok(()) };
    shared.show_packs(&machine);
    shared.meters.tally(machine.tally());
    order::spawn(Arc::clone(shared), machine.clock())?;
    let taken = Taken { entries: machine.tally().accepted, at: shared.clock.monotonic() };
    let writing = Arc::default();
    let (shared, shelf) = (Arc::clone(shared), shelf.clone());
    let mut fold = Fold { shared, shelf, machine, taken, writing };
    fold.tell_alerts();
    fold.shared.set_phase(Phase::Live);
    component.ready();
    fold.live(component)?;
    fold.last_snapshot();
    Ok(())
}

struct Told<'s> {
    shared: &'s Shared,
    component: &'s Component,
}

impl Witness for Told<'_> {
    fn refused(&mut self, name: &str, why: Refused) {
        tracing::warn!(code = why.code(), snapshot = name, "a snapshot is not used");
        self.shared.meters.snapshots_refused.inc();
        self.shared.health.component(format!("snapshot {name}: {}", why.code())).ready();
    }

    fn progress(&mut self, done: u64, total: u64) {
        self.component.starting(done, total);
        self.shared.meters.restore_done.set(whole(done));
        self.shared.meters.restore_total.set(whole(total));
    }

    fn wanted(&self) -> bool {
        !self.shared.calls.is_over()
    }
}

/// When the last snapshot was taken.
struct Taken {
    entries: u64,
    at: Duration,
}

struct Fold {
    shared: Arc<Shared>,
    shelf: Shelf,
    machine: Machine,
    taken: Taken,
    writing: Arc<AtomicBool>,
}

impl Fold {
    fn live(&mut self, component: &Component) -> Result<(), Fault> {
        let pulse = self.shared.health.pulse("fold", PATIENCE);
        let mut left = true;
        while !self.shared.messages.is_over() {
            pulse.beat();
            let round = if left { Duration::ZERO } else { ROUND };
            for message in self.shared.messages.take(round, TOGETHER) {
                self.message(message)?;
            }
            left = self.machine.work(HOUSEHOLDS)?;
            let deadline = self.machine.engine().next_deadline();
            let deadline = deadline.map_or(i64::MAX, |deadline| deadline.0);
            self.shared.deadline.store(deadline, Ordering::Release);
            self.publish(component)?;
            self.snapshot_if_due();
        }
        Ok(())
    }

    fn message(&mut self, message: Message) -> Result<(), Fault> {
        match message {
            Message::Ask(question) => question(&self.machine),
            Message::Look(end) => self.look(end)?,
            Message::Group(committed, answers) => self.group(committed, answers)?,
        }
        Ok(())
    }

    fn group(
        &mut self,
        committed: Committed,
        answers: Vec<oneshot::Sender<Result<Receipt, SubmitError>>>,
    ) -> Result<(), Fault> {
        let begun = self.shared.clock.monotonic();
        // Records in between landed although their append had no answer.
        self.look(committed.records.start)?;
        let packs = self.machine.engine().packs().len();
        let counts: Vec<usize> = committed.frames.iter().map(|f| f.entries.len()).collect();
        let brings_pack = committed.frames.iter().any(|frame| {
            frame.entries.iter().any(|(_, e)| matches!(e, proto::frame::Entry::Pack { .. }))
        });
        for (offset, framed) in (committed.records.start..).zip(committed.frames) {
            self.machine.take(offset, framed)?;
        }
        self.machine.settle()?;
        if brings_pack || packs != self.machine.engine().packs().len() {
            self.shared.show_packs(&self.machine);
        }
        let mut outcomes = self.machine.outcomes().into_iter();
        let mut answers = answers.into_iter();
        for (batch, count) in (committed.records.start..).zip(counts) {
            let outcomes = outcomes.by_ref().take(count).collect();
            if let Some(answer) = answers.next() {
                // Who waited may have gone.
                let _ = answer.send(Ok(Receipt { batch, outcomes }));
            }
        }
        let spent = self.shared.clock.monotonic().saturating_sub(begun);
        self.shared.meters.fold_seconds.observe(spent.as_secs_f64());
        self.shared.meters.tally(self.machine.tally());
        Ok(())
    }

    fn look(&mut self, end: u64) -> Result<(), Fault> {
        let present = self.shared.topics.journal.end(0).map_err(Fault::log(JOURNAL))?;
        let end = end.min(present);
        while self.machine.next() < end {
            catch_up(&mut self.machine, &self.shared.topics.journal, end)?;
        }
        self.machine.settle()?;
        self.machine.outcomes();
        Ok(())
    }

    /// Publishes what waits; where the disk is full or silent, waits with everything else until it
    /// is not.
    fn publish(&mut self, component: &Component) -> Result<(), Fault> {
        let mut waited = false;
        while let Err(fault) = self.machine.flush() {
            let Fault::Log { error, .. } = &fault else { return Err(fault) };
            let code = match error {
                LogError::Full => "storage.full",
                LogError::Unconfirmed { .. } | LogError::Io { .. } => error.code(),
                _ => return Err(fault),
            };
            tracing::error!(code, "alerts wait: {fault}");
            component.failing(code);
            waited = true;
            if self.shared.messages.is_over() {
                return Err(fault);
            }
            std::thread::sleep(AGAIN);
        }
        if waited {
            component.ready();
        }
        self.tell_alerts();
        Ok(())
    }

    fn tell_alerts(&self) {
        if let Ok(end) = self.shared.topics.alerts.end(0) {
            self.shared.alerts_end.send_if_modified(|told| std::mem::replace(told, end) != end);
        }
    }

    fn snapshot_if_due(&mut self) {
        let (entries, at) = (self.machine.tally().accepted, self.shared.clock.monotonic());
        let new = entries - self.taken.entries;
        let old = at.saturating_sub(self.taken.at) >= SNAPSHOT_EVERY;
        if new < SNAPSHOT_ENTRIES && (new == 0 || !old) {
            return;
        }
        if self.writing.swap(true, Ordering::AcqRel) {
            return;
        }
        self.taken = Taken { entries, at };
        let snapshot = self.machine.snapshot(&self.shared.topics);
        let writing = Arc::clone(&self.writing);
        let Some(snapshot) = snapshot else {
            writing.store(false, Ordering::Release);
            return;
        };
        let (shared, shelf) = (Arc::clone(&self.shared), self.shelf.clone());
        let spawned = self.shared.threads.spawn("snapshot", move || {
            write(&shared, &shelf, &snapshot);
            writing.store(false, Ordering::Release);
        });
        if spawned.is_err() {
            self.writing.store(false, Ordering::Release);
        }
    }

    fn last_snapshot(&mut self) {
        if self.machine.tally().accepted == self.taken.entries && !self.is_first() {
            return;
        }
        if let Some(snapshot) = self.machine.snapshot(&self.shared.topics) {
            write(&self.shared, &self.shelf, &snapshot);
        }
    }

    fn is_first(&self) -> bool {
        self.machine.next() > 0 && self.shelf.names().is_ok_and(|names| names.is_empty())
    }
}

fn write(shared: &Shared, shelf: &Shelf, snapshot: &Snapshot) {
    let begun = shared.clock.monotonic();
    match shelf.write(snapshot) {
        Ok(bytes) => {
            let spent = shared.clock.monotonic().saturating_sub(begun);
            shared.meters.snapshot_seconds.set(spent.as_secs_f64());
            tracing::info!(bytes, next = snapshot.next, "snapshot taken");
        }
        Err(error) => tracing::error!(%error, "snapshot.io: no snapshot was taken"),
    }
}
