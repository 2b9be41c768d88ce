//! Working days, and the instants at which spans of time end.
//!
//! Monday to Friday are worked but for the holidays a pack names; make-up days are worked. It
//! refuses to know what waits for a span's end.

use proto::date::{Date, Instant};
use serde::{Deserialize, Serialize};

/// How long something may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Term {
    /// So many seconds.
    Seconds(i64),
    /// To the end of the so-manieth working day after the day it begins.
    WorkingDays(u16),
}

/// Which days are worked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Calendar {
    /// Days off, in order.
    pub holidays: Vec<Date>,
    /// Days at a weekend that are worked, in order.
    pub make_up: Vec<Date>,
}

impl Calendar {
    /// Whether a day is worked.
    #[must_use]
    pub fn works(&self, date: Date) -> bool {
        // 1970-01-01 was a Thursday.
        let weekend = (date.0.saturating_add(3)).rem_euclid(7) >= 5;
        let named = |days: &[Date]| days.binary_search(&date).is_ok();
        if weekend { named(&self.make_up) } else { !named(&self.holidays) }
    }

    /// The instant at which a span that begins at `from` ends.
    #[must_use]
    pub fn end(&self, from: Instant, span: Term) -> Instant {
        match span {
            Term::Seconds(seconds) => from.plus_us(seconds.saturating_mul(1_000_000)),
            Term::WorkingDays(days) => {
                let (mut date, mut left) = (from.date(), days.max(1));
                while left > 0 {
                    date = date.plus(1);
                    left -= u16::from(self.works(date));
                }
                date.plus(1).midnight()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn working_days_step_over_weekends_and_holidays_and_count_make_up_days() {
        // Spring Festival 2026: 15 to 23 February off, 14 and 28 February worked.
        let calendar = Calendar {
            holidays: (15..=23).map(|d| Date::ymd(2026, 2, d).unwrap()).collect(),
            make_up: vec![day("2026-02-14"), day("2026-02-28")],
        };
        let noon = |text: &str| day(text).midnight().plus_us(43_200_000_000);
        for (from, days, last) in [
            ("2026-02-12", 1, "2026-02-13"),
            ("2026-02-12", 2, "2026-02-14"),
            ("2026-02-12", 3, "2026-02-24"),
            ("2026-02-18", 1, "2026-02-24"),
            ("2026-02-26", 2, "2026-02-28"),
            ("2026-02-26", 3, "2026-03-02"),
        ] {
            let end = calendar.end(noon(from), Term::WorkingDays(days));
            assert_eq!(end, day(last).plus(1).midnight(), "{from} {days}");
        }
        let plain = Calendar::default();
        assert_eq!(
            plain.end(noon("2026-02-13"), Term::WorkingDays(1)),
            day("2026-02-17").midnight()
        );
        assert_eq!(plain.end(Instant(7), Term::Seconds(2)), Instant(2_000_007));
    }
}
