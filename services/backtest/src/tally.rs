//! What alerts add up to.

use std::collections::BTreeMap;

use proto::{
    alert::{Alert, Severity},
    date::Date,
};

use crate::visits::Counted;

/// Counts over the alerts of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) alerts: u64,
    /// Alerts in which the rule stands.
    pub(crate) by_rule: BTreeMap<String, u64>,
    /// Alerts by the level of the household.
    pub(crate) by_level: BTreeMap<&'static str, u64>,
    /// Alerts by county: the first six digits of the region.
    pub(crate) by_area: BTreeMap<String, u64>,
    pub(crate) visits: Counted,
    /// The last day on which a household was red; the largest date while it is.
    red: BTreeMap<String, Date>,
}

impl Tally {
    pub(crate) fn note(&mut self, alert: &Alert) {
        self.alerts += 1;
        for (rule, _) in &alert.rules {
            more(&mut self.by_rule, rule);
        }
        *self.by_level.entry(alert.level.word()).or_default() += 1;
        let region = alert.region.to_string();
        more(&mut self.by_area, region.get(..6).unwrap_or(&region));
        self.visits.note(alert);
        if alert.level == Severity::Red {
            self.red.insert(alert.household.to_string(), Date::MAX);
        } else if alert.previous_level == Severity::Red {
            self.red.insert(alert.household.to_string(), alert.as_of);
        }
    }

    /// How many of ten thousand households, rounded up, were red at some time in the 365 days up to `last`.
    pub(crate) fn red_per_10_000(&self, last: Date) -> u64 {
        let red = self.red.values().filter(|date| **date > last.plus(-365)).count() as u64;
        (red * 10_000).div_ceil(self.visits.households().max(1))
    }
}

/// Adds one under a name.
pub(crate) fn more(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(n) => *n += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}
