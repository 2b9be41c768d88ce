//! Civil dates and instants, both in Asia/Shanghai (fixed +08:00).
//!
//! It refuses to know what time it is: every instant comes from a caller.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Microseconds in one day.
pub const DAY_US: i64 = 86_400_000_000;
/// The fixed offset of Asia/Shanghai in microseconds.
const OFFSET_US: i64 = 8 * 3_600_000_000;

/// A civil date: whole days since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Date(pub i32);

impl Date {
    /// Later than every date that can be written; stands for "never".
    pub const MAX: Date = Date(i32::MAX);

    /// 9999-12-31, the last date that can be written.
    pub const LAST: Date = Date(2_932_896);

    /// The date of a year, month (1..=12) and day (1..=31), or nothing where the calendar has none.
    #[must_use]
    pub fn ymd(year: i32, month: u8, day: u8) -> Option<Date> {
        let fits = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        fits.then(|| Date::from_parts(year, month, day))
    }

    /// Reads `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Date> {
        let b = text.as_bytes();
        if b.len() != 10 || b[4] != b'-' || b[7] != b'-' {
            return None;
        }
        let year = i32::from(digits(&b[0..4])?);
        let month = u8::try_from(digits(&b[5..7])?).ok()?;
        let day = u8::try_from(digits(&b[8..10])?).ok()?;
        Date::ymd(year, month, day)
    }

    fn from_parts(year: i32, month: u8, day: u8) -> Date {
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let yoe = y.rem_euclid(400);
        let m = i32::from(month);
        let doy = (153 * (m + if m > 2 { -3 } else { 9 }) + 2) / 5 + i32::from(day) - 1;
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        Date(era * 146_097 + doe - 719_468)
    }

    fn parts(self) -> (i32, u8, u8) {
        let z = i64::from(self.0) + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = u8::try_from(doy - (153 * mp + 2) / 5 + 1).unwrap_or(1);
        let month = u8::try_from(if mp < 10 { mp + 3 } else { mp - 9 }).unwrap_or(1);
        let year = yoe + era * 400 + i64::from(month <= 2);
        (i32::try_from(year).unwrap_or(i32::MAX), month, day)
    }

    /// The year.
    #[must_use]
    pub fn year(self) -> i32 {
        self.parts().0
    }

    /// The month, 1 to 12.
    #[must_use]
    pub fn month(self) -> u8 {
        self.parts().1
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub fn day(self) -> u8 {
        self.parts().2
    }

    /// This date and `days` more; stays within the range of dates.
    #[must_use]
    pub fn plus(self, days: i32) -> Date {
        Date(self.0.saturating_add(days))
    }

    /// `YYYY-MM-DD`; nothing before the year 0 or after 9999.
    pub(crate) fn digits(self) -> Option<[u8; 10]> {
        let (year, month, day) = self.parts();
        let year = u16::try_from(year).ok().filter(|year| *year <= 9_999)?;
        // Each is below a hundred.
        let two = |n: u16| {
            let n = u8::try_from(n).unwrap_or(0);
            [b'0' + n / 10, b'0' + n % 10]
        };
        let ([a, b], [c, d]) = (two(year / 100), two(year % 100));
        let ([e, f], [g, h]) = (two(month.into()), two(day.into()));
        Some([a, b, c, d, b'-', e, f, b'-', g, h])
    }

    /// The first day of this date's month.
    #[must_use]
    pub fn month_start(self) -> Date {
        let (y, m, _) = self.parts();
        Date::from_parts(y, m, 1)
    }

    /// The first day of this date's year.
    #[must_use]
    pub fn year_start(self) -> Date {
        Date::from_parts(self.year(), 1, 1)
    }

    /// The first day of the month that lies `months` after this date's month (before, if negative).
    #[must_use]
    pub fn month_start_plus(self, months: i32) -> Date {
        let (y, m, _) = self.parts();
        let total = i64::from(y) * 12 + i64::from(m) - 1 + i64::from(months);
        let year = i32::try_from(total.div_euclid(12)).unwrap_or(i32::MAX);
        let month = u8::try_from(total.rem_euclid(12) + 1).unwrap_or(1);
        Date::from_parts(year, month, 1)
    }

    /// The same calendar day `years` years earlier; 29 February becomes 28 February.
    #[must_use]
    pub fn years_before(self, years: i32) -> Date {
        let (y, m, d) = self.parts();
        let year = y.saturating_sub(years);
        Date::from_parts(year, m, d.min(days_in_month(year, m)))
    }

    /// The first instant of this date.
    #[must_use]
    pub fn midnight(self) -> Instant {
        Instant(i64::from(self.0) * DAY_US - OFFSET_US)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.parts();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn digits(b: &[u8]) -> Option<u16> {
    b.iter().try_fold(0u16, |n, c| c.is_ascii_digit().then(|| n * 10 + u16::from(c - b'0')))
}

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Instant(pub i64);

impl Instant {
    /// What a profile without `updated_at` carries in a file.
    pub const EPOCH_SHANGHAI: Instant = Instant(-OFFSET_US);

    /// Reads RFC 3339: `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm)`. Digits past the microsecond are cut.
    #[must_use]
    pub fn parse(text: &str) -> Option<Instant> {
        let b = text.as_bytes();
        if b.len() < 20 || !matches!(b[10], b'T' | b't' | b' ') {
            return None;
        }
        let date = Date::parse(text.get(0..10)?)?;
        if b[13] != b':' || b[16] != b':' {
            return None;
        }
        let (h, m, s) = (digits(&b[11..13])?, digits(&b[14..16])?, digits(&b[17..19])?);
        if h > 23 || m > 59 || s > 60 {
            return None;
        }
        let mut at = 19;
        let mut fraction = 0i64;
        if b[at] == b'.' {
            at += 1;
            let start = at;
            let mut scale = 100_000;
            while at < b.len() && b[at].is_ascii_digit() {
                fraction += i64::from(b[at] - b'0') * scale;
                scale /= 10;
                at += 1;
            }
            if at == start {
                return None;
            }
        }
        let offset = offset_minutes(b.get(at..)?)?;
        let seconds = i64::from(h) * 3600 + i64::from(m) * 60 + i64::from(s);
        let local = i64::from(date.0) * DAY_US + seconds * 1_000_000 + fraction;
        Some(Instant(local - offset * 60_000_000))
    }

    /// The civil date in Asia/Shanghai.
    #[must_use]
    pub fn date(self) -> Date {
        let day = (self.0.saturating_add(OFFSET_US)).div_euclid(DAY_US);
        Date(i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX }))
    }

    /// This instant and `us` microseconds more.
    #[must_use]
    pub fn plus_us(self, us: i64) -> Instant {
        Instant(self.0.saturating_add(us))
    }
}

fn offset_minutes(b: &[u8]) -> Option<i64> {
    match b {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let h = i64::from(digits(&[*h1, *h2])?);
            let m = i64::from(digits(&[*m1, *m2])?);
            let total = (h <= 23 && m <= 59).then_some(h * 60 + m)?;
            Some(if *sign == b'-' { -total } else { total })
        }
        _ => None,
    }
}

impl Instant {
    /// Hours, minutes, seconds and microseconds of the day.
    fn time_of_day(self) -> [i64; 4] {
        let us = self.0.saturating_add(OFFSET_US).rem_euclid(DAY_US);
        let s = us / 1_000_000;
        [s / 3_600, s / 60 % 60, s % 60, us % 1_000_000]
    }

    /// `YYYY-MM-DDThh:mm:ss`; nothing before the year 0, after 9999 or between two seconds.
    pub(crate) fn digits(self) -> Option<[u8; 19]> {
        let mut digits = *b"0000-00-00T00:00:00";
        digits[..10].copy_from_slice(&self.date().digits()?);
        let [h, m, s, us] = self.time_of_day();
        for (at, part) in [(11, h), (14, m), (17, s)] {
            let part = u8::try_from(part).ok()?;
            digits[at..at + 2].copy_from_slice(&[b'0' + part / 10, b'0' + part % 10]);
        }
        (us == 0).then_some(digits)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [h, m, s, us] = self.time_of_day();
        write!(f, "{}T{h:02}:{m:02}:{s:02}", self.date())?;
        match us {
            0 => {}
            us if us % 1000 == 0 => write!(f, ".{:03}", us / 1000)?,
            us => write!(f, ".{us:06}")?,
        }
        f.write_str("+08:00")
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_calendar_has_its_leap_days() {
        assert_eq!(Date::parse("1970-01-01"), Some(Date(0)));
        assert_eq!(
            Date::parse("2000-02-29").map(|d| d.plus(1).to_string()),
            Some("2000-03-01".into())
        );
        for none in
            ["1900-02-29", "2025-02-29", "2026-13-01", "2026-04-31", "26-01-01", "2026-1-01x"]
        {
            assert_eq!(Date::parse(none), None, "{none}");
        }
        let leap = Date::ymd(2024, 2, 29).unwrap();
        assert_eq!(leap.years_before(2).to_string(), "2022-02-28");
        assert_eq!(leap.month_start_plus(-2).to_string(), "2023-12-01");
        assert_eq!(leap.month_start_plus(11).to_string(), "2025-01-01");
    }

    #[test]
    fn an_instant_is_read_in_any_offset_and_written_in_shanghai() {
        let a = Instant::parse("2026-03-04T10:20:30+08:00").unwrap();
        assert_eq!(Instant::parse("2026-03-04T02:20:30Z"), Some(a));
        assert_eq!(a.to_string(), "2026-03-04T10:20:30+08:00");
        assert_eq!(
            Instant::parse("2026-03-04T23:59:59.5-01:00").unwrap().to_string(),
            "2026-03-05T08:59:59.500+08:00"
        );
        assert_eq!(Instant::EPOCH_SHANGHAI.to_string(), "1970-01-01T00:00:00+08:00");
        assert_eq!(a.date().midnight().to_string(), "2026-03-04T00:00:00+08:00");
        for none in [
            "2026-03-04",
            "2026-03-04T10:20:30",
            "2026-03-04T24:00:00Z",
            "2026-03-04T10:20:30+8:00",
            "2026-03-04T10:20:30.Z",
        ] {
            assert_eq!(Instant::parse(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn dates_and_instants_survive_being_written(day in 0i32..2_900_000 - 719_162, us in -62_000_000_000_000_000i64..200_000_000_000_000_000) {
            let d = Date(day);
            prop_assert_eq!(Date::parse(&d.to_string()), Some(d));
            prop_assert_eq!(Date::ymd(d.year(), d.month(), d.day()), Some(d));
            prop_assert_eq!(d.midnight().date(), d);
            let i = Instant(us);
            prop_assert_eq!(Instant::parse(&i.to_string()), Some(i));
        }
    }
}
