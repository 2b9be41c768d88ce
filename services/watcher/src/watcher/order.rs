//! The sequencer's thread: drains the queue, commits, hands on.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chassis::Component;
use log::LogError;
use proto::date::Instant;
use tokio::sync::oneshot;

use super::{Call, Message, Phase, Shared};
use crate::{
    Fault, Receipt, Submission, SubmitError,
    sequencer::{Committed, Sequencer},
};

/// How long the queue is waited for; also how late a midnight may be noticed.
const ROUND: Duration = Duration::from_millis(250);
/// Bytes that are committed at once.
const TOGETHER: usize = 16 << 20;
/// How long the loop may take for one round before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(120);

type Answer = oneshot::Sender<Result<Receipt, SubmitError>>;

/// Starts the thread; it ends when the queue is closed and empty, and then ends the fold's queue.
pub(super) fn spawn(shared: Arc<Shared>, last_at: Instant) -> Result<(), Fault> {
    let threads = shared.threads.clone();
    let body = move || {
        let (journal, dead) = (&shared.topics.journal, &shared.topics.dead);
        let sequencer = Sequencer::new(Arc::clone(journal), Arc::clone(dead), last_at);
        let component = shared.health.component("journal");
        component.ready();
        Order { shared, sequencer, component, unsure: false }.run();
    };
    threads.spawn("sequencer", body).map_err(|e| Fault::Start(e.to_string()))
}

struct Order {
    shared: Arc<Shared>,
    sequencer: Sequencer,
    component: Component,
    /// Whether the journal may hold what nobody was told of.
    unsure: bool,
}

impl Order {
    fn run(mut self) {
        let pulse = self.shared.health.pulse("sequencer", PATIENCE);
        while !self.shared.calls.is_over() {
            pulse.beat();
            let calls = self.shared.calls.take(ROUND, TOGETHER);
            self.look_again();
            if calls.is_empty() {
                self.tick();
            } else {
                self.commit(calls);
            }
        }
        self.shared.messages.close();
    }

    fn commit(&mut self, calls: Vec<Call>) {
        let (group, answers): (Vec<Submission>, Vec<Answer>) =
            calls.into_iter().map(|call| (call.submission, call.answer)).unzip();
        let (now, catalogue) = (self.shared.now(), self.shared.catalogue());
        match self.sequencer.commit(group, now, &catalogue) {
            Ok(committed) => self.hand_on(committed, answers),
            Err(error) => {
                let told = self.failed(&error);
                for answer in answers {
                    // Who waited may have gone.
                    let _ = answer.send(Err(told));
                }
            }
        }
    }

    /// Lets the clock pass a midnight, or the deadline of a case, at which nothing enters.
    fn tick(&mut self) {
        let (now, last) = (self.shared.now(), self.sequencer.last_at());
        let live = *self.shared.phase.borrow() == Phase::Live;
        let deadline = Instant(self.shared.deadline.load(Ordering::Acquire));
        let due = now.date() > last.date() || (now >= deadline && last < deadline);
        if !live || last == Instant(i64::MIN) || !due {
            return;
        }
        let catalogue = self.shared.catalogue();
        match self.sequencer.tick(now, &catalogue) {
            Ok(committed) => self.hand_on(committed, Vec::new()),
            Err(error) => {
                self.failed(&error);
            }
        }
    }

    fn hand_on(&self, committed: Committed, answers: Vec<Answer>) {
        self.component.ready();
        let weight = committed.frames.iter().map(|frame| 400 * (1 + frame.entries.len())).sum();
        // Where the fold has ended, the senders are dropped: what was taken is decided later.
        self.shared.messages.push(Message::Group(committed, answers), weight);
    }

    fn failed(&mut self, error: &LogError) -> SubmitError {
        tracing::error!(code = error.code(), "the journal does not take a group: {error}");
        match error {
            LogError::Full => {
                self.component.failing("storage.full");
                SubmitError::Full
            }
            LogError::Unconfirmed { .. } => {
                self.component.failing("log.unconfirmed");
                self.unsure = true;
                SubmitError::Fault
            }
            other => {
                self.component.failing(other.code());
                SubmitError::Fault
            }
        }
    }

    /// Before anything is appended after an append without answer, the fold takes what is there.
    fn look_again(&mut self) {
        if !self.unsure {
            return;
        }
        if let Ok(end) = self.shared.topics.journal.end(0) {
            self.unsure = !self.shared.messages.push(Message::Look(end), 1);
        }
    }
}
