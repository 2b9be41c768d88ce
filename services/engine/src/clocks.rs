//! The clocks of a case: what is due until when, who is asked next, and what stops a clock.
//!
//! The three clocks of a level and the later steps of the chain run on one mechanism: a clock
//! begins, is answered by an outcome, or runs out at an instant and asks the next level of the
//! route. It refuses to know why a case is open.

use proto::{
    alert::{Change, Clocks, Due, Severity},
    chain::Step,
    date::Instant,
    outcome::Kind,
};
use rules::{Pack, Term};
use serde::{Deserialize, Serialize};

use crate::{
    case::Case,
    decide::Moment,
    desk::Desk,
    fold::Fold,
    publish::{Press, Said},
    record::Record,
    rows::Rows,
    view::Sight,
    words::{Word, Words},
    world::World,
};

/// An instant that never comes.
pub(crate) const NEVER: Instant = Instant(i64::MAX);

/// What a clock does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    /// It waits for an answer.
    Runs,
    /// It has one.
    Answered,
    /// It ran out where the route ends.
    Spent,
}

/// One clock of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Clock {
    /// What is waited for.
    pub step: Step,
    /// The step whose answer began it; nothing for what begins with the level.
    pub after: Option<Step>,
    /// What it does.
    pub state: State,
    /// The place on the route of who is asked.
    pub stage: u8,
    /// Until when.
    pub by: Instant,
    /// Its full length.
    pub span: Term,
    /// The id of the pack that set it, whose calendar counts.
    pub pack: Word,
}

impl Case {
    /// When the next clock runs out.
    pub(crate) fn alarm(&self) -> Instant {
        let running = self.clocks.iter().filter(|clock| clock.state == State::Runs);
        running.map(|clock| clock.by).min().unwrap_or(NEVER)
    }

    /// The clocks without an answer, as alerts show them.
    pub(crate) fn shown_clocks(&self) -> Clocks {
        let mut shown = Clocks::default();
        for clock in self.clocks.iter().filter(|clock| clock.state != State::Answered) {
            match clock.step {
                Step::Acknowledge => shown.acknowledge_by = Some(clock.by),
                Step::Visit => shown.visit_by = Some(clock.by),
                Step::Decide => shown.decide_by = Some(clock.by),
                step => shown.steps.push(Due { step, by: clock.by }),
            }
        }
        shown
    }

    fn set_clock(&mut self, clock: Clock) {
        match self.clocks.iter_mut().find(|known| known.step == clock.step) {
            // Who was asked already is not asked a second time.
            Some(known) => *known = Clock { stage: known.stage, ..clock },
            None => {
                self.clocks.push(clock);
                self.clocks.sort_by_key(|clock| clock.step);
            }
        }
    }
}

/// The earliest end that the packs give a step, and the pack that gives it.
fn earliest(
    packs: &[(Word, &Pack)],
    from: Instant,
    span_of: impl Fn(&Pack) -> Option<Term>,
) -> Option<(Instant, Term, Word)> {
    let ends = packs.iter().filter_map(|(id, pack)| {
        let span = span_of(pack)?;
        Some((pack.calendar.end(from, span), span, *id))
    });
    ends.min_by_key(|(by, _, _)| *by)
}

/// What has happened to the clocks of a case.
pub(crate) struct Course<'c> {
    pub(crate) case: &'c mut Case,
    /// The packs whose rules stand, by id.
    pub(crate) packs: Vec<(Word, &'c Pack)>,
    /// What people did about the household's cases.
    pub(crate) record: Option<&'c Record>,
    pub(crate) episode: u32,
    pub(crate) at: Instant,
}

impl<'c> Course<'c> {
    pub(crate) fn new<'d: 'c>(
        case: &'c mut Case,
        desk: &Desk<'d>,
        record: Option<&'c Record>,
        episode: u32,
        at: Instant,
    ) -> Course<'c> {
        let mut packs: Vec<(Word, &Pack)> = Vec::new();
        for standing in case.standings.iter().filter(|s| s.published.max(s.shown) > Severity::None)
        {
            let slot = desk.book.slot(standing.rule);
            let holds =
                slot.and_then(|s| desk.book.holds(s, desk.sight.known.region, desk.sight.today).0);
            let Some(at) = holds else { continue };
            let pack = &**desk.book.pack(at);
            if let Some(channel) = &pack.green_channel {
                let risk = &pack.rules[usize::from(at.rule)].risk;
                case.help_first |= channel.risks.contains(risk);
            }
            packs.push((desk.book.pack_id(at), pack));
        }
        packs.sort_by(|a, b| a.1.id.cmp(&b.1.id));
        packs.dedup_by_key(|(id, _)| *id);
        Course { case, packs, record, episode, at }
    }

    fn answered(&self, step: Step) -> bool {
        let help_first = self.case.help_first;
        let live = self.record.into_iter().flat_map(|record| record.live(self.episode));
        live.into_iter().any(|noted| step.answered_by(noted.kind, help_first))
    }

    /// After an alert: a raise begins the clocks of the level, a fall keeps the running ones.
    pub(crate) fn published(&mut self, change: Change, words: &mut Words) {
        let level = self.case.level;
        let clocks = self.packs.iter().filter_map(|(_, pack)| pack.clocks.get(&level));
        if let Some(longest) = clocks.rev().max_by_key(|c| c.route.len())
            && longest.route.len() >= self.case.route.len()
        {
            self.case.route = longest.route.iter().map(|step| words.place(step)).collect();
        }
        if matches!(change, Change::Opened | Change::Raised) {
            for step in [Step::Acknowledge, Step::Visit, Step::Decide] {
                let span_of = |pack: &Pack| {
                    let steps = &pack.clocks.get(&level)?.steps;
                    steps.iter().find(|(known, _)| *known == step).map(|(_, span)| *span)
                };
                self.begin(step, None, self.at, span_of);
            }
        }
        self.help_first();
        self.follow();
    }

    /// Where help comes first, measures are due before the forms.
    fn help_first(&mut self) {
        let begun = self.case.clocks.iter().any(|clock| clock.step == Step::Measures);
        if self.case.help_first && !begun {
            let span_of = |pack: &Pack| pack.green_channel.as_ref().map(|green| green.measures);
            self.begin(Step::Measures, None, self.at, span_of);
        }
    }

    fn begin(
        &mut self,
        step: Step,
        after: Option<Step>,
        from: Instant,
        span_of: impl Fn(&Pack) -> Option<Term>,
    ) {
        if self.answered(step) {
            return;
        }
        if let Some((by, span, pack)) = earliest(&self.packs, from, span_of) {
            let state = State::Runs;
            self.case.set_clock(Clock { step, after, state, stage: 0, by, span, pack });
        }
    }

    /// Begins the steps whose turn has come.
    fn follow(&mut self) {
        let level = self.case.level;
        let mut turns: Vec<(Step, Step)> = Vec::new();
        for (_, pack) in self.packs.iter().filter(|(_, pack)| pack.clocks.contains_key(&level)) {
            turns.extend(pack.chain.iter().map(|row| (row.step, row.after)));
        }
        for (step, after) in turns {
            let begun = self.case.clocks.iter().any(|clock| clock.step == step);
            let waits = self.case.help_first
                && (step == Step::Measures
                    || after == Step::Visit && !self.answered(Step::Measures));
            if begun || waits || !self.answered(after) {
                continue;
            }
            let from = self.ends(after);
            self.begin(step, Some(after), from, |pack| {
                let rows = pack.clocks.contains_key(&level).then_some(&pack.chain)?;
                rows.iter().find(|row| row.step == step && row.after == after)?.within
            });
        }
    }

    /// The instant at which an answered step is over: a posting hangs for a while.
    fn ends(&self, step: Step) -> Instant {
        let live = self.record.into_iter().flat_map(|record| record.live(self.episode));
        let posted = live.filter(|noted| step == Step::Posting && noted.kind == Kind::Posted);
        let end = posted.map(|noted| noted.entered.plus_us(noted.paused_us)).max();
        end.unwrap_or(self.at).max(self.at)
    }

    /// How long a posting that begins now hangs, by the pack that wants it longest.
    pub(crate) fn posting_us(&self) -> i64 {
        let lasts = self.packs.iter().filter_map(|(_, pack)| {
            let span = pack.chain.iter().find(|row| row.step == Step::Posting)?.lasts?;
            Some(pack.calendar.end(self.at, span).0.saturating_sub(self.at.0))
        });
        lasts.max().unwrap_or(0)
    }

    /// After an outcome was noted: stops the clocks it answers and begins what comes next. While a
    /// posting hangs the clocks stand still, but for help that comes first.
    pub(crate) fn noted(&mut self, kind: Kind, paused_us: i64) {
        let help_first = self.case.help_first;
        for clock in &mut self.case.clocks {
            if clock.step.answered_by(kind, help_first) {
                clock.state = State::Answered;
            } else if clock.state == State::Runs && clock.step != Step::Measures {
                clock.by = clock.by.plus_us(paused_us);
            }
        }
        self.follow();
    }

    /// After an outcome was revoked: what it answered runs again, due now at the earliest, and what
    /// it began has not begun.
    pub(crate) fn revoked(&mut self, paused_us: i64) {
        let clocks = std::mem::take(&mut self.case.clocks);
        let kept: Vec<Clock> = clocks
            .into_iter()
            .filter(|clock| clock.after.is_none_or(|after| self.answered(after)))
            .map(|mut clock| {
                if clock.state == State::Answered && !self.answered(clock.step) {
                    clock.state = State::Runs;
                    clock.by = clock.by.max(self.at);
                } else if clock.state == State::Runs && clock.step != Step::Measures {
                    clock.by = clock.by.plus_us(-paused_us).max(self.at);
                }
                clock
            })
            .collect();
        self.case.clocks = kept;
    }
}

impl Fold {
    /// Notes when the household's next clock runs out.
    pub(crate) fn set_alarm(&mut self, ix: u32) {
        let household = &mut self.households[ix as usize];
        let alarm = household.case.as_deref().map_or(NEVER, Case::alarm);
        if alarm == household.alarm {
            return;
        }
        if household.alarm != NEVER {
            self.alarms.remove(&(household.alarm, ix));
        }
        household.alarm = alarm;
        if alarm != NEVER {
            self.alarms.insert((alarm, ix));
        }
    }

    /// The first alarm after an instant.
    pub(crate) fn alarm_after(&self, at: Instant) -> Instant {
        let later = self.alarms.range((at.plus_us(1), 0)..).next();
        later.map_or(NEVER, |(alarm, _)| *alarm)
    }

    /// The next household whose alarm has come.
    pub(crate) fn rung(&self, at: Instant) -> Option<u32> {
        self.alarms.first().filter(|(alarm, _)| *alarm <= at).map(|(_, ix)| *ix)
    }

    /// The household's first clock ran out at `at`: the next level of the route is asked, for the
    /// clock's full length. Where the route ends it stays run out.
    pub(crate) fn run_out(&mut self, world: &World, ix: u32, at: Instant) {
        let household = &mut self.households[ix as usize];
        let Some(mut case) = household.case.take() else { return };
        let rung = |clock: &&mut Clock| clock.state == State::Runs && clock.by <= at;
        let mut overdue = None;
        if let Some(clock) = case.clocks.iter_mut().find(rung) {
            let (asked, next) = (usize::from(clock.stage), usize::from(clock.stage) + 1);
            if let (Some(from), Some(to)) = (case.route.get(asked), case.route.get(next)) {
                let book = world.book(world.generation(household.seen));
                let weekends = rules::Calendar::default();
                let calendar = book.calendar(clock.pack).unwrap_or(&weekends);
                clock.stage += 1;
                clock.by = calendar.end(at, clock.span);
                overdue = Some((clock.step, *from, *to));
            } else {
                clock.state = State::Spent;
            }
        }
        let household = &mut self.households[ix as usize];
        if let Some((clock, from, to)) = overdue
            && let Some(known) = household.known.take()
        {
            let ledger = std::mem::take(&mut household.ledger);
            let book = world.book(world.generation(household.seen));
            let rows = Rows::new(&ledger, &known, &world.areas, household.seen);
            let sight = Sight {
                known: &known,
                words: &self.words,
                rows: &rows,
                today: at.date(),
                watched_until: household.watched_until,
            };
            let mut desk = Desk::new(book, sight, std::mem::take(&mut self.kit));
            let moment = Moment { world, at };
            case.revision += 1;
            let said = Said::new(Change::Overdue, case.level).overdue(clock, from, to);
            let (routes, sheet) = (&mut self.words_of_route, &mut self.sheet);
            let mut press = Press { household, routes, sheet };
            let alert = press.say(&moment, &mut desk, &mut case, said).0;
            self.alerts.push(alert);
            self.kit = desk.finish();
            household.ledger = ledger;
            household.known = Some(known);
        }
        self.households[ix as usize].case = Some(case);
        self.set_alarm(ix);
    }
}
