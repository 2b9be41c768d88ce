//! The case of a household: what stands, what was published, and what a fall must wait for.

use proto::{
    alert::{Change, Severity},
    date::Date,
};

use serde::{Deserialize, Serialize};

use crate::{clocks::Clock, ledger::Source, rulebook::Rulebook, silence::Silence, words::Word};

/// Red, yellow and green, in the order in which `below` counts them.
const LEVELS: [Severity; 3] = [Severity::Red, Severity::Yellow, Severity::Green];

/// One rule of a household that stands or is held.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// The rule's id in the engine's table.
    pub rule: Word,
    /// The id of the pack whose rule was looked at last.
    pub pack: Word,
    /// The level its expressions give.
    pub computed: Severity,
    /// The level that is shown: the computed one, or a higher one until a fall has lasted.
    pub shown: Severity,
    /// The level in the last alert.
    pub published: Severity,
    /// The date of the decision that first found it below red, yellow, green since it was at it.
    pub below: [Option<Date>; 3],
    /// The quotient of `material` in the last alert.
    pub baseline: Option<i64>,
    /// How long a fall must last before it is shown, in days.
    pub close_after: i32,
    /// Whether it counts as none, because people closed a case that it stood in.
    pub silence: Option<Silence>,
}

impl Standing {
    /// A rule of which nothing is known yet.
    #[must_use]
    pub(crate) fn new(rule: Word) -> Standing {
        Standing {
            rule,
            pack: Word::default(),
            computed: Severity::None,
            shown: Severity::None,
            published: Severity::None,
            below: [None; 3],
            baseline: None,
            close_after: 0,
            silence: None,
        }
    }

    /// Takes the level that a decision on `today` found, and shows what may be shown.
    pub(crate) fn find(&mut self, computed: Severity, today: Date, close_after: i32) {
        self.computed = computed;
        self.close_after = close_after;
        if self.silence.is_some() {
            self.hush(self.silence);
            return;
        }
        for (level, below) in LEVELS.into_iter().zip(&mut self.below) {
            if computed >= level {
                *below = None;
            } else if self.shown >= level {
                below.get_or_insert(today);
            }
        }
        self.show(today);
    }

    /// Shows the highest level that is found, or was and whose fall has not lasted.
    pub(crate) fn show(&mut self, today: Date) {
        let held = LEVELS.into_iter().zip(self.below).find(|(level, below)| {
            let held = below.is_some_and(|since| today < since.plus(self.close_after));
            *level <= self.shown && *level > self.computed && held
        });
        self.shown = held.map_or(self.computed, |(level, _)| level);
        for (level, below) in LEVELS.into_iter().zip(&mut self.below) {
            if self.shown < level {
                *below = None;
            }
        }
    }

    /// Shows nothing from now on, as long as it is silent.
    pub(crate) fn hush(&mut self, silence: Option<Silence>) {
        self.silence = silence;
        self.shown = Severity::None;
        self.published = Severity::None;
        self.below = [None; 3];
        self.baseline = None;
    }

    /// The next date on which a held level falls or its silence ends.
    #[must_use]
    pub(crate) fn due(&self) -> Date {
        if let Some(silence) = self.silence {
            return silence.until;
        }
        if self.shown == self.computed {
            return Date::MAX;
        }
        let dates = self.below.iter().flatten().map(|since| since.plus(self.close_after));
        dates.min().unwrap_or(Date::MAX)
    }
}

/// What is held of a household while any rule stands or its case is open.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Case {
    /// The revision of the last alert; 0 before the first.
    pub revision: u32,
    /// The level in the last alert.
    pub level: Severity,
    /// The rules.
    pub standings: Vec<Standing>,
    /// What is due until when, by step.
    pub clocks: Vec<Clock>,
    /// The longest route so far; a fall keeps it.
    pub route: Vec<Word>,
    /// The feeds behind the last alert's signals.
    pub sources: Vec<Source>,
    /// The priority in the last alert.
    pub priority: i64,
    /// Whether help comes first and forms later.
    pub help_first: bool,
}

impl Case {
    /// Whether nothing is held: no rule stands or is quiet, and no level was said.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.standings.is_empty() && self.level == Severity::None
    }

    /// The level that is shown: the highest of its rules.
    #[must_use]
    pub(crate) fn shown(&self) -> Severity {
        self.standings.iter().map(|s| s.shown).max().unwrap_or_default()
    }

    /// The standing of a rule, added if it is new.
    pub(crate) fn standing(&mut self, rule: Word) -> &mut Standing {
        let at = match self.standings.iter().position(|s| s.rule == rule) {
            Some(at) => at,
            None => {
                self.standings.reserve_exact(1);
                self.standings.push(Standing::new(rule));
                self.standings.len() - 1
            }
        };
        &mut self.standings[at]
    }

    /// Lets quiet end whose time has come, and rules go that no pack has any more.
    pub(crate) fn expire(&mut self, today: Date, book: &Rulebook) {
        for standing in &mut self.standings {
            standing.silence = standing.silence.filter(|silence| today < silence.until);
            if book.slot(standing.rule).is_none() {
                standing.find(Severity::None, today, 0);
            }
        }
    }

    /// What there is to say, if the material values have not grown.
    #[must_use]
    pub(crate) fn change(&self) -> Option<Change> {
        let (before, now) = (self.level, self.shown());
        let same = self.standings.iter().all(|s| s.shown == s.published);
        match (before, now) {
            (Severity::None, Severity::None) => None,
            (Severity::None, _) => Some(Change::Opened),
            (_, Severity::None) => Some(Change::Closed),
            _ if now > before => Some(Change::Raised),
            _ if now < before => Some(Change::Lowered),
            _ => (!same).then_some(Change::Changed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Severity::{Green, None, Red, Yellow};

    /// Finds each computed level on its day, with `close_after` days; gives what is shown.
    fn shown(close_after: i32, found: &[(i32, Severity)]) -> Vec<Severity> {
        let mut standing = Standing::new(Word(0));
        found
            .iter()
            .map(|(day, level)| {
                standing.find(*level, Date(*day), close_after);
                standing.shown
            })
            .collect()
    }

    #[test]
    fn rising_is_shown_at_once_and_falling_without_delay_by_default() {
        assert_eq!(
            shown(0, &[(1, Green), (1, Red), (2, Yellow), (3, None)]),
            [Green, Red, Yellow, None]
        );
    }

    #[test]
    fn a_fall_is_shown_when_it_has_lasted() {
        assert_eq!(shown(5, &[(1, Red), (2, None), (6, None), (7, None)]), [Red, Red, Red, None]);
        // Back at red in between: the five days begin anew.
        assert_eq!(
            shown(5, &[(1, Red), (2, None), (6, Red), (8, None), (12, None), (13, None)]),
            [Red, Red, Red, Red, Red, None]
        );
    }

    #[test]
    fn each_level_waits_from_the_day_it_was_left() {
        // Below red since day 2, below yellow since day 4.
        assert_eq!(
            shown(
                5,
                &[
                    (1, Red),
                    (2, Yellow),
                    (4, Green),
                    (6, Green),
                    (7, Green),
                    (8, Green),
                    (9, Green)
                ]
            ),
            [Red, Red, Red, Red, Yellow, Yellow, Green]
        );
    }

    #[test]
    fn a_held_level_says_when_it_falls() {
        let mut standing = Standing::new(Word(0));
        standing.find(Red, Date(1), 5);
        assert_eq!(standing.due(), Date::MAX);
        standing.find(None, Date(2), 5);
        assert_eq!(standing.due(), Date(7));
    }
}
