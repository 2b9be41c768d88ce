//! Outcomes enter: they stop clocks, close cases, begin quiet and the watch for relapse; or they
//! undo an earlier one.

use proto::{
    alert::{Change, Severity},
    codes::Code,
    date::{Date, Instant},
    ids::HouseholdKey,
    outcome::{CaseId, CaseOutcome, Kind},
};

use crate::{
    case::Case,
    clocks::Course,
    decide::{Cause, Moment},
    desk::{Desk, Kit},
    engine::Engine,
    fold::{Fold, Outcome, oldest_kept},
    household::Household,
    publish::{Press, Said},
    record::{Noted, Record, WATCHED_DAYS},
    rows::Rows,
    silence::Closing,
    view::Sight,
    words::Word,
    world::World,
};

impl Engine {
    /// Applies an outcome to the household that it names.
    pub(crate) fn outcome(
        &mut self,
        key: HouseholdKey,
        outcome: &CaseOutcome,
        at: Instant,
    ) -> Outcome {
        let partition = key.partition(u32::try_from(self.folds.len()).unwrap_or(1));
        let fold = &mut self.folds[partition as usize];
        match fold.find(key, &outcome.household) {
            Some(ix) => fold.outcome(&self.world, ix, outcome, at),
            None => Outcome::Refused(Code::CaseUnknown),
        }
    }

    /// Whether some household's watch for relapse begins on a date.
    pub(crate) fn watch_begins(&self, today: Date) -> bool {
        let until = today.plus(WATCHED_DAYS);
        let begins = |fold: &Fold| {
            let mut recorded = fold.recorded.iter().map(|ix| &fold.households[*ix as usize]);
            recorded.any(|household| household.watched_until == until)
        };
        self.folds.iter().any(begins)
    }
}

/// The episode of a household whose case this is.
fn episode_of(household: &Household, case: CaseId) -> Option<u32> {
    (1..=household.episode).rev().find(|episode| CaseId::of(&household.id, *episode) == case)
}

impl Fold {
    fn outcome(&mut self, world: &World, ix: u32, outcome: &CaseOutcome, at: Instant) -> Outcome {
        self.catch_up(world, ix, at);
        let household = &mut self.households[ix as usize];
        let Some(episode) = episode_of(household, outcome.case) else {
            return Outcome::Refused(Code::CaseUnknown);
        };
        let last = household.episode;
        let open = episode == last
            && household.case.as_deref().is_some_and(|case| case.level > Severity::None);
        if household.record.is_none() {
            self.recorded.push(ix);
        }
        let record = household.record.get_or_insert_default();
        match record.known(outcome, episode) {
            Some(true) => return Outcome::Duplicate,
            Some(false) => return Outcome::Refused(Code::IdConflict),
            None => record.forget(oldest_kept(world, at), last),
        }
        if record.noted.len() >= Record::MOST {
            return Outcome::Refused(Code::LimitHousehold);
        }
        let mut undone = None;
        if outcome.kind == Kind::Revoked {
            let id = outcome.revokes.as_deref().unwrap_or_default();
            let Some(target) = record.revocable(episode, id) else {
                return Outcome::Refused(Code::OutcomeUnknown);
            };
            target.revoked = true;
            undone = Some((target.kind, target.paused_us));
        }
        record.noted.push(Noted::of(outcome, at, episode));
        match undone {
            Some((kind, _)) if kind.closes() => self.lift(world, ix, episode, at),
            Some((_, paused_us)) if open => {
                self.with_course(world, ix, at, |course| course.revoked(paused_us));
            }
            None if outcome.kind.closes() => self.settle(world, ix, open, outcome.kind, at),
            None if open => self.answer(world, ix, outcome.kind, at),
            _ => {}
        }
        Outcome::Accepted
    }

    /// An outcome of an open case that does not close it.
    fn answer(&mut self, world: &World, ix: u32, kind: Kind, at: Instant) {
        let paused_us = if kind == Kind::Posted {
            self.with_course(world, ix, at, |course| course.posting_us()).unwrap_or(0)
        } else {
            0
        };
        self.note_case(ix, paused_us);
        self.with_course(world, ix, at, |course| course.noted(kind, paused_us));
    }

    /// Notes with the last outcome what the open case stood on.
    fn note_case(&mut self, ix: u32, paused_us: i64) {
        let household = &mut self.households[ix as usize];
        let Some(case) = household.case.as_deref() else { return };
        let stood = case.standings.iter().filter(|s| s.published > Severity::None);
        let rules: Box<[Word]> = stood.map(|s| s.rule).collect();
        let sources = case.sources.clone().into_boxed_slice();
        let noted = household.record.as_mut().and_then(|record| record.noted.last_mut());
        if let Some(noted) = noted {
            (noted.rules, noted.sources, noted.paused_us) = (rules, sources, paused_us);
        }
    }

    /// Works on the clocks of the open case.
    fn with_course<T>(
        &mut self,
        world: &World,
        ix: u32,
        at: Instant,
        work: impl FnOnce(&mut Course<'_>) -> T,
    ) -> Option<T> {
        let household = &mut self.households[ix as usize];
        let mut case = household.case.take()?;
        let household = &self.households[ix as usize];
        let book = world.book(world.generation(household.seen));
        let done = household.known.as_deref().map(|known| {
            let (today, watched_until) = (at.date(), household.watched_until);
            let sight =
                Sight { known, words: &self.words, rows: &Rows::default(), today, watched_until };
            let desk = Desk::new(book, sight, Kit::default());
            let record = household.record.as_deref();
            work(&mut Course::new(&mut case, &desk, record, household.episode, at))
        });
        self.households[ix as usize].case = Some(case);
        self.set_alarm(ix);
        done
    }

    /// A closing outcome: the open case ends and its rules are quiet; with the risk removed the
    /// household is watched.
    fn settle(&mut self, world: &World, ix: u32, open: bool, kind: Kind, at: Instant) {
        if open {
            self.note_case(ix, 0);
        }
        // What grows is measured against the closing value, which the watch is part of.
        self.watch(ix);
        if open {
            self.close(world, ix, kind, at);
        }
        self.look_tomorrow(ix, at);
    }

    fn close(&mut self, world: &World, ix: u32, kind: Kind, at: Instant) {
        let household = &mut self.households[ix as usize];
        let (Some(mut case), Some(known)) = (household.case.take(), household.known.take()) else {
            return;
        };
        let ledger = std::mem::take(&mut household.ledger);
        let household = &self.households[ix as usize];
        let book = world.book(world.generation(household.seen));
        let rows = Rows::new(&ledger, &known, &world.areas, household.seen);
        let (words, watched_until) = (&self.words, household.watched_until);
        let sight = Sight { known: &known, words, rows: &rows, today: at.date(), watched_until };
        let mut desk = Desk::new(book, sight, Kit::default());
        let closing = Closing { world, household };
        for standing in case.standings.iter_mut().filter(|s| s.shown > Severity::None) {
            let silence = closing.silence(standing, &mut desk);
            standing.hush(Some(silence));
        }
        let previous = std::mem::take(&mut case.level);
        case.revision += 1;
        case.clocks.clear();
        let moment = Moment { world, at };
        let said = Said::new(Change::Closed, previous).reason(kind.word());
        let household = &mut self.households[ix as usize];
        let (routes, sheet) = (&mut self.words_of_route, &mut self.sheet);
        let alert = Press { household, routes, sheet }.say(&moment, &mut desk, &mut case, said).0;
        self.alerts.push(alert);
        let household = &mut self.households[ix as usize];
        (household.ledger, household.known) = (ledger, Some(known));
        household.case = quiet(case);
        self.set_alarm(ix);
    }

    /// Takes back the closing of an episode: its quiet ends and the household is decided anew. What
    /// is true then opens a new episode.
    fn lift(&mut self, world: &World, ix: u32, episode: u32, at: Instant) {
        let household = &mut self.households[ix as usize];
        let closed = household
            .record
            .as_deref()
            .is_some_and(|record| record.live(episode).any(|noted| noted.kind.closes()));
        if let Some(case) = household.case.as_deref_mut().filter(|_| !closed) {
            for standing in &mut case.standings {
                standing.silence = standing.silence.filter(|s| s.episode != episode);
            }
        }
        self.watch(ix);
        self.decide(world, ix, at, Cause::Packs);
        self.look_tomorrow(ix, at);
    }

    /// Notes until when the household is watched for relapse.
    pub(crate) fn watch(&mut self, ix: u32) {
        let household = &mut self.households[ix as usize];
        let record = household.record.as_deref();
        household.watched_until = record.map_or(Date(i32::MIN), Record::watched_until);
    }

    /// What changed by an outcome is looked at by the next midnight's decision.
    fn look_tomorrow(&mut self, ix: u32, at: Instant) {
        let household = &mut self.households[ix as usize];
        if household.known.is_some() {
            household.due = household.due.min(at.date().plus(1));
            household.doubt();
            self.arm(ix);
        }
    }
}

/// What stays of a closed case: the rules that are quiet.
pub(crate) fn quiet(mut case: Box<Case>) -> Option<Box<Case>> {
    case.standings.retain(|standing| standing.silence.is_some());
    case.level = Severity::None;
    case.clocks.clear();
    (!case.standings.is_empty()).then_some(case)
}
