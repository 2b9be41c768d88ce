//! The windows a fact looks through, as dates.

use std::fmt;

use proto::date::Date;

use crate::limits;

/// Which `occurred_on` a fact looks at; both ends are inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// `Nd`: the last so many days, today included.
    Days(u32),
    /// `Nm`: so many whole months, ending with the last complete one.
    Months(u32),
    /// From 1 January to today.
    CalendarYear,
    /// From the first of the month to today.
    CalendarMonth,
    /// From 1 September to today.
    SchoolYear,
    /// The whole year before this one.
    LastCalendarYear,
    /// No `over`: the pack's `retain` days, today included.
    Retain(u32),
}

/// The windows that have a name.
pub(crate) const NAMED: [(&str, Window); 4] = [
    ("calendar_year", Window::CalendarYear),
    ("calendar_month", Window::CalendarMonth),
    ("school_year", Window::SchoolYear),
    ("last_calendar_year", Window::LastCalendarYear),
];

impl Window {
    /// Reads the text of `over`.
    pub(crate) fn parse(text: &str) -> Result<Window, String> {
        if let Some((_, window)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*window);
        }
        let number = |digits: &str, most: u32| {
            let plain =
                (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            let value = plain.then(|| digits.parse::<u32>().ok()).flatten();
            value.filter(|n| (1..=most).contains(n))
        };
        match (text.strip_suffix('d'), text.strip_suffix('m')) {
            (Some(days), _) => number(days, limits::DAYS_MOST)
                .map(Window::Days)
                .ok_or_else(|| format!("days are 1d to {}d", limits::DAYS_MOST)),
            (_, Some(months)) => number(months, limits::MONTHS_MOST)
                .map(Window::Months)
                .ok_or_else(|| format!("months are 1m to {}m", limits::MONTHS_MOST)),
            _ => Err("a window is `Nd`, `Nm` or a named period".to_owned()),
        }
    }

    /// The first and the last date inside, as seen on `today`.
    #[must_use]
    pub fn start(self, today: Date) -> (Date, Date) {
        match self {
            Window::Days(n) | Window::Retain(n) => {
                (today.plus(1_i32.saturating_sub_unsigned(n)), today)
            }
            Window::Months(n) => {
                let back = i32::try_from(n).unwrap_or(i32::MAX);
                (today.month_start_plus(-back), today.month_start().plus(-1))
            }
            Window::CalendarYear => (today.year_start(), today),
            Window::CalendarMonth => (today.month_start(), today),
            Window::SchoolYear => {
                let months = if today.month() >= 9 { 8 } else { -4 };
                (today.year_start().month_start_plus(months), today)
            }
            Window::LastCalendarYear => {
                let first = today.year_start();
                (first.month_start_plus(-12), first.plus(-1))
            }
        }
    }

    /// At most so many days lie between today and a date inside.
    #[must_use]
    pub fn reach_days(self) -> u32 {
        match self {
            Window::Days(n) | Window::Retain(n) => n,
            Window::Months(n) => n * 31 + 31,
            Window::CalendarYear | Window::SchoolYear => 366,
            Window::CalendarMonth => 31,
            Window::LastCalendarYear => 732,
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Days(n) => write!(f, "the last {n} days"),
            Window::Months(1) => f.write_str("the last complete month"),
            Window::Months(n) => write!(f, "the last {n} complete months"),
            Window::CalendarYear => f.write_str("this calendar year"),
            Window::CalendarMonth => f.write_str("this calendar month"),
            Window::SchoolYear => f.write_str("this school year, from 1 September"),
            Window::LastCalendarYear => f.write_str("last calendar year"),
            Window::Retain(n) => write!(f, "all that is kept: {n} days"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spell(window: &str, today: &str) -> String {
        let (first, last) = Window::parse(window).unwrap().start(Date::parse(today).unwrap());
        format!("{first}..{last}")
    }

    #[test]
    fn windows_have_the_dates_of_the_contract() {
        for (window, today, dates) in [
            ("1d", "2026-03-01", "2026-03-01..2026-03-01"),
            ("365d", "2026-03-01", "2025-03-02..2026-03-01"),
            ("1m", "2026-03-01", "2026-02-01..2026-02-28"),
            ("6m", "2026-01-31", "2025-07-01..2025-12-31"),
            ("14m", "2024-03-15", "2023-01-01..2024-02-29"),
            ("calendar_year", "2026-12-31", "2026-01-01..2026-12-31"),
            ("calendar_month", "2026-02-01", "2026-02-01..2026-02-01"),
            ("school_year", "2026-08-31", "2025-09-01..2026-08-31"),
            ("school_year", "2026-09-01", "2026-09-01..2026-09-01"),
            ("last_calendar_year", "2026-05-05", "2025-01-01..2025-12-31"),
        ] {
            assert_eq!(spell(window, today), dates, "{window} on {today}");
        }
        for none in ["0d", "3661d", "d", "+1d", "1.5d", "0m", "121m", "7w", "year", "00001d0"] {
            assert!(Window::parse(none).is_err(), "{none}");
        }
    }

    #[test]
    fn nothing_inside_lies_farther_back_than_said() {
        for window in ["30d", "1m", "24m", "120m"].into_iter().chain(NAMED.map(|(n, _)| n)) {
            let window = Window::parse(window).unwrap();
            for day in 19_000..20_500 {
                let (first, last) = window.start(Date(day));
                let reach = i32::try_from(window.reach_days()).unwrap();
                assert!(first > Date(day).plus(-reach) && last <= Date(day), "{window:?} {day}");
            }
        }
    }
}
