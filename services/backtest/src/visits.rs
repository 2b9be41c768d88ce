//! How many visits alerts ask of a village in a week.
//!
//! A visit is an alert that opens or raises a case at yellow or red. Villages differ in size, so a
//! village's count is scaled to 400 households; every village counts in every week of the replay,
//! also without a visit. Weeks begin on Monday.

use std::collections::BTreeMap;

use proto::{
    alert::{Alert, Change, Severity},
    date::Date,
};

/// The size of village that counts are scaled to.
const VILLAGE: u64 = 400;

/// Visits by village and week.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    households: BTreeMap<String, u64>,
    cells: BTreeMap<(String, i32), u64>,
}

/// Visits a week in a village of 400 households, in hundredths; percentiles by nearest rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visits {
    /// Half of all villages and weeks have at most this.
    pub p50: u64,
    /// 95 of 100 villages and weeks have at most this.
    pub p95: u64,
    /// The busiest week of a village.
    pub max: u64,
    /// 95 of 100 villages have at most this in the week in which that is most: a storm's week.
    pub busiest_week_p95: u64,
}

impl Counted {
    /// Counts a household of a village.
    pub(crate) fn household(&mut self, region: String) {
        *self.households.entry(region).or_default() += 1;
    }

    /// How many households there are.
    pub(crate) fn households(&self) -> u64 {
        self.households.values().sum()
    }

    pub(crate) fn note(&mut self, alert: &Alert) {
        let asks = matches!(alert.change, Change::Opened | Change::Raised);
        if asks && alert.level >= Severity::Yellow {
            *self.cells.entry((alert.region.to_string(), week(alert.as_of))).or_default() += 1;
        }
    }

    /// The figures over all weeks from the first day to the last.
    pub(crate) fn figures(&self, first: Date, last: Date) -> Visits {
        let weeks = u64::try_from(week(last) - week(first) + 1).unwrap_or(1);
        let scaled = |n: u64, households: u64| n * VILLAGE * 100 / households.max(1);
        let of = |village: &str| self.households.get(village).copied().unwrap_or(1);
        let mut busy: Vec<u64> =
            self.cells.iter().map(|((village, _), n)| scaled(*n, of(village))).collect();
        busy.sort_unstable();
        let cells = (self.households.len() as u64 * weeks).max(busy.len() as u64);
        let quiet = cells - busy.len() as u64;
        let rank = |percent: u64| {
            let nth = (cells * percent).div_ceil(100).max(1);
            nth.checked_sub(quiet + 1)
                .and_then(|n| busy.get(usize::try_from(n).ok()?))
                .copied()
                .unwrap_or(0)
        };
        let mut by_week: BTreeMap<i32, Vec<u64>> = BTreeMap::new();
        for ((village, week), n) in &self.cells {
            by_week.entry(*week).or_default().push(scaled(*n, of(village)));
        }
        let villages = self.households.len();
        let p95 = |counts: &mut Vec<u64>| {
            counts.sort_unstable();
            let quiet = villages.saturating_sub(counts.len());
            let nth = (villages * 95).div_ceil(100).max(1).checked_sub(quiet + 1)?;
            counts.get(nth).copied()
        };
        let busiest = by_week.values_mut().filter_map(p95).max().unwrap_or(0);
        Visits {
            p50: rank(50),
            p95: rank(95),
            max: busy.last().copied().unwrap_or(0),
            busiest_week_p95: busiest,
        }
    }
}

/// Whole weeks since the Monday before 1970-01-01, a Thursday.
fn week(date: Date) -> i32 {
    (date.0 + 3).div_euclid(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_weeks_count_and_villages_are_scaled() {
        let mut counted = Counted::default();
        for n in 0..300 {
            counted.household(if n < 200 { "A" } else { "B" }.to_owned());
        }
        let monday = Date::parse("2026-03-02").unwrap();
        assert_eq!(week(monday), week(monday.plus(6)));
        assert_ne!(week(monday), week(monday.plus(-1)));
        counted.cells.insert(("A".into(), week(monday)), 3);
        counted.cells.insert(("B".into(), week(monday)), 1);
        counted.cells.insert(("A".into(), week(monday.plus(7))), 1);
        let two_weeks = counted.figures(monday, monday.plus(13));
        assert_eq!(two_weeks, Visits { p50: 200, p95: 600, max: 600, busiest_week_p95: 600 });
        let ten_weeks = counted.figures(monday, monday.plus(69));
        assert_eq!((ten_weeks.p50, ten_weeks.p95, ten_weeks.max), (0, 400, 600));
        assert_eq!(Counted::default().figures(monday, monday), Visits::default());
    }
}
