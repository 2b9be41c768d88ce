//! One decision about one household: which rules stand, at which level, and until when.

use proto::{
    alert::Severity,
    catalogue::TypeId,
    date::{Date, Instant},
};
use rules::{Evaluate, Memo, Outcome, Pack, Rule};

use crate::{
    case::Case,
    fold::Fold,
    household::{Household, Known},
    ledger::Ledger,
    margin::{Margin, margin_after},
    record::WATCHED_DAYS,
    rulebook::{RuleAt, Rulebook},
    silence::stays,
    view::{Row, View, rows},
    words::Words,
    world::World,
};

/// Why a household is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Events of this type, its own or its areas', came, went or were replaced.
    Event(TypeId),
    /// Its profile, its persons or several of its events changed.
    Data,
    /// A date came on which something can turn.
    Midnight,
    /// Packs came into force or left.
    Packs,
}

impl Cause {
    fn changes_data(self) -> bool {
        matches!(self, Cause::Event(_) | Cause::Data)
    }
}

/// The views of all packs of a generation on one date, made when first asked for.
pub(crate) struct Desk<'a> {
    pub(crate) book: &'a Rulebook,
    pub(crate) known: &'a Known,
    pub(crate) words: &'a Words,
    pub(crate) rows: &'a [Row<'a>],
    pub(crate) today: Date,
    views: Vec<Option<View<'a>>>,
    memos: &'a mut Vec<Memo>,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(
        book: &'a Rulebook,
        known: &'a Known,
        words: &'a Words,
        rows: &'a [Row<'a>],
        today: Date,
        memos: &'a mut Vec<Memo>,
    ) -> Desk<'a> {
        memos.resize_with(memos.len().max(book.packs.len()), Memo::new);
        let views = book.packs.iter().map(|_| None).collect();
        Desk { book, known, words, rows, today, views, memos }
    }

    /// A pack with what is needed to evaluate its expressions.
    pub(crate) fn pack(&mut self, at: u16) -> (&'a Pack, &mut View<'a>, &mut Memo) {
        let at = usize::from(at);
        let pack: &'a Pack = &self.book.packs[at];
        let memo = &mut self.memos[at];
        let view = self.views[at].get_or_insert_with(|| {
            memo.begin();
            View::new(pack, self.known, self.words, self.rows, self.today)
        });
        (pack, view, memo)
    }

    pub(crate) fn rule(&self, at: RuleAt) -> &'a Rule {
        &self.book.packs[usize::from(at.pack)].rules[usize::from(at.rule)]
    }
}

impl Fold {
    /// Decides one household at an instant and publishes what changed.
    pub(crate) fn decide(&mut self, world: &World, ix: u32, at: Instant, cause: Cause) {
        let household = &mut self.households[ix as usize];
        let Some(watched_until) = household.known.as_deref().map(|known| known.watched_until)
        else {
            return;
        };
        let today = at.date();
        let generation = world.generation(household.seen);
        // Rules that ask for the watch have changed with it, whatever the event is.
        let begins = watched_until == today.plus(WATCHED_DAYS);
        let cause = if begins && cause.changes_data() { Cause::Data } else { cause };
        if cause.changes_data() {
            household.changed_on = today;
            household.changed_under = generation;
            household.changed_watch = watched_until;
        }
        let book = world.book(generation);
        if let Cause::Event(type_id) = cause
            && book.reading(type_id).is_empty()
            && book.on_event().is_empty()
        {
            return;
        }
        let Some(known) = household.known.take() else { return };
        let ledger = std::mem::take(&mut household.ledger);
        let rows = rows(&ledger, &known, &world.areas, book, household.seen);
        let mut case = household.case.take().unwrap_or_default();
        case.expire(today, book);
        let mut desk = Desk::new(book, &known, &self.words, &rows, today, &mut self.memos);
        let mut round = Round { world, household, case: &mut case, cause, until: Date::MAX };
        match cause {
            Cause::Event(type_id) => {
                for list in [book.reading(type_id), book.on_event()] {
                    list.iter().for_each(|slot| round.rule(*slot, &mut desk, &mut self.failed));
                }
            }
            Cause::Data | Cause::Midnight | Cause::Packs => {
                book.all().iter().for_each(|slot| round.rule(*slot, &mut desk, &mut self.failed));
            }
        }
        let grown = round.material(&mut desk);
        let held = case.standings.iter().map(|s| s.due()).min().unwrap_or(Date::MAX);
        let partial = matches!(cause, Cause::Event(_));
        let mut until = round_until(partial, household.due, grown.until).min(held);
        let mut margin = Margin::NONE;
        if case.change().is_none() && !grown.grown {
            margin = margin_after(&mut desk, &case, cause, household.margin, until);
        }
        let moment = Moment { world, at, known: &known, ledger: &ledger, rows: &rows };
        let alert = self.publish(&moment, ix, &mut case, grown.grown);
        if let Some((alert, material_until)) = alert {
            until = until.min(material_until);
            self.alerts.push(alert);
            let mut desk = Desk::new(book, &known, &self.words, &rows, today, &mut self.memos);
            // What is said moves every baseline, so nothing is kept of the margin before.
            margin = margin_after(&mut desk, &case, cause, Margin::NONE, until);
        }
        case.standings.retain(|s| s.shown > Severity::None || s.silence.is_some());
        let empty = case.standings.is_empty() && case.level == Severity::None;
        let household = &mut self.households[ix as usize];
        household.ledger = ledger;
        household.known = Some(known);
        household.case = (!empty).then_some(case);
        household.due = until;
        household.margin = margin;
        self.arm(ix);
        self.set_alarm(ix);
    }
}

/// What a decision is made from.
pub(crate) struct Moment<'m> {
    pub(crate) world: &'m World,
    pub(crate) at: Instant,
    pub(crate) known: &'m Known,
    pub(crate) ledger: &'m Ledger,
    pub(crate) rows: &'m [Row<'m>],
}

fn round_until(partial: bool, due: Date, until: Date) -> Date {
    if partial { due.min(until) } else { until }
}

/// Whether a material value has grown, and when any level or material value can next change.
struct Grown {
    grown: bool,
    until: Date,
}

struct Round<'r> {
    world: &'r World,
    household: &'r Household,
    case: &'r mut Case,
    cause: Cause,
    until: Date,
}

impl Round<'_> {
    fn rule(&mut self, slot: u16, desk: &mut Desk<'_>, failed: &mut Vec<u64>) {
        let book = desk.book;
        let id = book.id(slot);
        let (holds, boundary) = book.holds(slot, desk.known.region, desk.today);
        self.until = self.until.min(boundary);
        let standing = self.case.standings.iter().find(|s| s.rule == id).copied();
        let stands = standing.is_some();
        let Some(at) = holds else {
            if stands {
                // A rule no longer in force leaves at once, whatever its falls wait for.
                self.case.standing(id).find(Severity::None, desk.today, 0);
            }
            return;
        };
        let pack = book.pack(at);
        let days = i32::try_from(pack.close_after_days).unwrap_or(i32::MAX);
        let fresh = pack.evaluate == Evaluate::Daily || self.cause.changes_data();
        let level = if !fresh {
            // A level that another pack's rule of this id gave is not this pack's.
            let own = standing.filter(|s| s.pack == book.pack_id(at));
            let then = kept_rule(self.world, self.household, desk.known, id, pack);
            then.and(own).map_or(Severity::None, |s| s.computed)
        } else {
            let (pack, view, memo) = desk.pack(at.pack);
            let decision = pack.level(&pack.rules[usize::from(at.rule)], view, memo);
            if decision.failed > 0 {
                count_failed(failed, id.0, decision.failed);
            }
            if pack.evaluate == Evaluate::Daily {
                self.until = self.until.min(decision.until);
            }
            decision.level
        };
        let (silence, sure) = stays(standing.and_then(|s| s.silence), level, at, fresh, desk);
        self.until = self.until.min(sure);
        if stands || level > Severity::None {
            let standing = self.case.standing(id);
            standing.silence = silence;
            standing.pack = book.pack_id(at);
            standing.find(level, desk.today, days);
        }
    }

    /// Looks at the material values of the rules whose level has not changed.
    fn material(self, desk: &mut Desk<'_>) -> Grown {
        let mut grown = Grown { grown: false, until: self.until };
        for standing in &self.case.standings {
            let Some(slot) = desk.book.slot(standing.rule) else { continue };
            let (Some(at), _) = desk.book.holds(slot, desk.known.region, desk.today) else {
                continue;
            };
            let Some(material) = desk.rule(at).material else { continue };
            if standing.shown == Severity::None || standing.shown != standing.published {
                continue;
            }
            if desk.book.pack(at).evaluate == Evaluate::OnEvent && !self.cause.changes_data() {
                continue;
            }
            let (pack, view, memo) = desk.pack(at.pack);
            let Outcome::Number(number) = pack.evaluate(material.value, view, memo) else {
                continue;
            };
            let Some(baseline) = standing.baseline else { continue };
            grown.grown |= number.value / material.step > baseline;
            if pack.evaluate == Evaluate::Daily {
                grown.until = grown.until.min(grows(number, material.step, baseline, desk.today));
            }
        }
        grown
    }
}

/// The first date on which a number's quotient may be above the baseline.
pub(crate) fn grows(number: rules::Number, step: i64, baseline: i64, today: Date) -> Date {
    let later = if number.rise { number.until } else { Date::MAX };
    if number.slope > 0 {
        // Towards zero or from below it the quotient is harder to tell: look each day.
        let line = baseline.checked_add(1).and_then(|q| q.checked_mul(step));
        let gap = line.and_then(|line| line.checked_sub(number.value)).filter(|gap| *gap > 0);
        let days = gap.map_or(1, |gap| gap.saturating_add(number.slope - 1) / number.slope);
        let days = if baseline < 0 { 1 } else { i32::try_from(days).unwrap_or(i32::MAX) };
        let crossing = today.plus(days.max(1));
        let beyond = if crossing < number.until { crossing } else { number.until };
        return later.min(beyond);
    }
    if number.slope < 0 { later.min(number.until) } else { later }
}

/// For a rule decided only on events: the same pack's rule as of the last change of data, if it was
/// in force then.
pub(crate) fn kept_rule<'w>(
    world: &'w World,
    household: &Household,
    known: &Known,
    id: crate::words::Word,
    pack: &Pack,
) -> Option<(&'w Rulebook, RuleAt)> {
    let book = world.book(household.changed_under);
    let (at, _) = book.holds(book.slot(id)?, known.region, household.changed_on);
    let at = at?;
    let then = book.pack(at);
    (then.id == pack.id && then.evaluate == Evaluate::OnEvent).then_some((&**book, at))
}

fn count_failed(failed: &mut Vec<u64>, rule: u16, n: u8) {
    let at = usize::from(rule);
    if failed.len() <= at {
        failed.resize(at + 1, 0);
    }
    failed[at] += u64::from(n);
}
