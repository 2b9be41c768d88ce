//! Work put off: midnights, deadlines and changes that households have not met yet.

use std::sync::Arc;

use proto::{date::Instant, mark::Mark};

use crate::{
    clocks::NEVER,
    engine::{Engine, Output},
    fold::{Fold, Outcome},
    hands::Hands,
};

impl Engine {
    /// When the next clock of a case runs out, after the engine's own clock: a tick at that instant
    /// says so in time.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let alarms = self.folds.iter().map(|fold| fold.alarm_after(self.world.clock));
        alarms.min().filter(|alarm| *alarm != NEVER)
    }

    /// Does pending work for at most `budget` households a partition; says whether some is left.
    pub fn work<H: Hands>(&mut self, hands: &H, budget: usize, out: &mut Output) -> bool {
        if self.idle() {
            return false;
        }
        let world = &self.world;
        hands.each(&mut self.folds, |fold| {
            fold.work(world, budget);
        });
        self.prune();
        self.take_alerts(out);
        !self.idle()
    }

    pub(crate) fn idle(&self) -> bool {
        self.folds.iter().all(|fold| fold.idle(self.world.clock))
    }

    /// Works everything off now, where nobody waits.
    pub(crate) fn hurry<H: Hands>(&mut self, hands: &H) {
        if self.eager && !self.idle() {
            let world = &self.world;
            hands.each(&mut self.folds, |fold| {
                fold.work(world, usize::MAX);
            });
        }
    }

    /// Takes over how far feeds were seen by others: from now on alerts say so.
    pub(crate) fn seen_elsewhere(&mut self, marks: &[Mark], at: Instant) -> Outcome {
        let before = self.marks.clone();
        for mark in marks {
            let source = self.feed(&mark.source);
            mark.types.iter().for_each(|type_id| self.marks.note(source, mark.seen, *type_id));
        }
        if self.marks == before {
            return Outcome::Duplicate;
        }
        self.world.marks.push((at, Arc::new(self.marks.clone())));
        Outcome::Accepted
    }

    /// Drops marks and changes that no household can ask for any more.
    pub(crate) fn prune(&mut self) {
        if self.world.marks.len() > 1 && self.idle() {
            let last = self.world.marks.len() - 1;
            self.world.marks.drain(..last);
        }
        let oldest = self.folds.iter().filter_map(Fold::oldest_change).min();
        self.world.changes.retain(|c| oldest.is_some_and(|oldest| c.number >= oldest));
    }
}
