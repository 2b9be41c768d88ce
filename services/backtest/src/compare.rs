//! What two runs over the same input do differently.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proto::{
    alert::{Alert, Severity},
    date::Date,
};

use crate::{tally::more, visits::Visits};

/// What is kept of a run's alerts to compare it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    alerts: BTreeSet<Seen>,
    last: BTreeMap<String, Severity>,
}

/// An alert as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    household: Box<str>,
    as_of: Date,
    level: Severity,
    rules: Box<[(Arc<str>, Severity)]>,
}

impl Trace {
    pub(crate) fn note(&mut self, alert: &Alert) {
        self.last.insert(alert.household.to_string(), alert.level);
        self.alerts.insert(Seen {
            household: alert.household.clone(),
            as_of: alert.as_of,
            level: alert.level,
            rules: alert.rules.clone(),
        });
    }

    fn level(&self, household: &str) -> Severity {
        self.last.get(household).copied().unwrap_or_default()
    }
}

/// Alerts that only one of two runs gave: another household, day, level or set of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// How many.
    pub alerts: u64,
    /// By rule that stands in them.
    pub by_rule: BTreeMap<String, u64>,
    /// By level of the household.
    pub by_level: BTreeMap<String, u64>,
}

impl Only {
    fn of(trace: &Trace, other: &Trace) -> Only {
        let mut only = Only::default();
        for seen in trace.alerts.difference(&other.alerts) {
            only.alerts += 1;
            more(&mut only.by_level, seen.level.word());
            seen.rules.iter().for_each(|(rule, _)| more(&mut only.by_rule, rule));
        }
        only
    }
}

/// The two runs beside each other; A is `--rules`, B is `--against`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Alerts only in A.
    pub only_a: Only,
    /// Alerts only in B.
    pub only_b: Only,
    /// Households whose last level differs, by `level in A > level in B`.
    pub final_levels: BTreeMap<String, u64>,
    /// Visits of A.
    pub visits_a: Visits,
    /// Visits of B.
    pub visits_b: Visits,
}

impl Comparison {
    pub(crate) fn new(a: &Trace, b: &Trace, visits_a: Visits, visits_b: Visits) -> Comparison {
        let mut final_levels = BTreeMap::new();
        let households: BTreeSet<&String> = a.last.keys().chain(b.last.keys()).collect();
        for household in households {
            let (in_a, in_b) = (a.level(household), b.level(household));
            if in_a != in_b {
                more(&mut final_levels, &format!("{} > {}", in_a.word(), in_b.word()));
            }
        }
        let (only_a, only_b) = (Only::of(a, b), Only::of(b, a));
        Comparison { only_a, only_b, final_levels, visits_a, visits_b }
    }
}
