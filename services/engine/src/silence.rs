//! Quiet after people closed a case: a rule that was looked into counts as none for a while.
//!
//! A higher level or a material step above the value at closing breaks it. It refuses to know who
//! closed the case, and why.

use proto::{alert::Severity, date::Date};
use rules::{Evaluate, Outcome};
use serde::{Deserialize, Serialize};

use crate::{
    case::Standing,
    decide::{grows, kept_rule},
    desk::{Desk, Kit},
    household::Household,
    rulebook::RuleAt,
    world::World,
};

/// A rule that counts as none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Silence {
    /// At this level and below.
    pub level: Severity,
    /// Before this date.
    pub until: Date,
    /// The quotient of `material` at closing.
    pub baseline: Option<i64>,
    /// The episode that was closed.
    pub episode: u32,
}

/// What a decision makes of a rule under silence: whether it stays, and until when that is sure.
pub(crate) fn stays(
    silence: Option<Silence>,
    level: Severity,
    at: RuleAt,
    fresh: bool,
    desk: &mut Desk<'_>,
) -> (Option<Silence>, Date) {
    let Some(silence) = silence.filter(|s| desk.sight.today < s.until && level <= s.level) else {
        return (None, Date::MAX);
    };
    let mut until = Date::MAX;
    if level > Severity::None && fresh {
        let today = desk.sight.today;
        let material = desk.rule(at).material;
        let (pack, view, memo) = desk.pack(at.pack);
        if let (Some(material), Some(baseline)) = (material, silence.baseline)
            && let Outcome::Number(number) = pack.evaluate(material.value, view, memo)
        {
            if number.value / material.step > baseline {
                return (None, Date::MAX);
            }
            if pack.evaluate == Evaluate::Daily {
                until = grows(number, material.step, baseline, today);
            }
        }
    }
    (Some(silence), until)
}

/// What is known of a household while its case is closed.
pub(crate) struct Closing<'w, 'h> {
    pub(crate) world: &'w World,
    pub(crate) household: &'h Household,
}

impl<'w> Closing<'w, '_> {
    /// Silences a rule that stands, from today on.
    pub(crate) fn silence(&self, standing: &Standing, desk: &mut Desk<'w>) -> Silence {
        let slot = desk.book.slot(standing.rule);
        let holds = slot.and_then(|s| desk.holds(s).0);
        let days = holds.map_or(rules::limits::QUIET_DAYS, |at| desk.book.pack(at).quiet_days);
        let baseline = holds.and_then(|at| self.quotient(standing, at, desk));
        let until = desk.sight.today.plus(days);
        let episode = self.household.episode;
        Silence { level: standing.shown, until, baseline, episode }
    }

    /// The quotient of a rule's material value; for a rule decided on events, that of the last
    /// change of data.
    fn quotient(&self, standing: &Standing, at: RuleAt, desk: &mut Desk<'w>) -> Option<i64> {
        let pack = desk.book.pack(at);
        let changed_on = self.household.changed_on;
        let present = desk.sight.watched_until == self.household.changed_watch;
        if pack.evaluate == Evaluate::Daily || changed_on == desk.sight.today && present {
            return quotient(at, desk);
        }
        let kept = kept_rule(self.world, self.household, desk.sight.known, standing.rule, pack);
        let (book, then) = kept.unwrap_or((desk.book, at));
        let sight = self.household.last_change(&desk.sight);
        quotient(then, &mut Desk::new(book, sight, Kit::default()))
    }
}

fn quotient(at: RuleAt, desk: &mut Desk<'_>) -> Option<i64> {
    let material = desk.rule(at).material?;
    let (pack, view, memo) = desk.pack(at.pack);
    match pack.evaluate(material.value, view, memo) {
        Outcome::Number(number) => Some(number.value / material.step),
        _ => None,
    }
}
