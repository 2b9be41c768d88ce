//! The span of a province and how busy each of its days is.
//!
//! It refuses to know what happens on them.

use proto::date::{Date, Instant};

use crate::draw::Draw;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// First days of the lunar year, 2023 to 2031.
const SPRING_FESTIVALS: [(i32, u8, u8); 9] = [
    (2023, 1, 22),
    (2024, 2, 10),
    (2025, 1, 29),
    (2026, 2, 17),
    (2027, 2, 6),
    (2028, 1, 26),
    (2029, 2, 13),
    (2030, 2, 3),
    (2031, 1, 23),
];

/// The days from `from` to `until`, both inside.
pub(crate) struct Calendar {
    pub(crate) from: Date,
    pub(crate) until: Date,
    /// Running sum of the days' clinic weights.
    clinic: Vec<f64>,
}

impl Calendar {
    pub(crate) fn new(from: Date, until: Date) -> Calendar {
        let mut sum = 0.0;
        let clinic = (from.0..=until.0)
            .map(|day| {
                sum += clinic_weight(Date(day));
                sum
            })
            .collect();
        Calendar { from, until, clinic }
    }

    /// Length in days.
    pub(crate) fn days(&self) -> u32 {
        (self.until.0 - self.from.0 + 1).cast_unsigned()
    }

    /// Length in years of 365 days.
    pub(crate) fn years(&self) -> f64 {
        f64::from(self.days()) / 365.0
    }

    pub(crate) fn holds(&self, date: Date) -> bool {
        self.from <= date && date <= self.until
    }

    /// Any day, all alike.
    pub(crate) fn any_day(&self, draw: &mut Draw) -> Date {
        self.from.plus(draw.below(self.days()).cast_signed())
    }

    /// A day on which someone sees a doctor: weekly and yearly rhythm.
    pub(crate) fn clinic_day(&self, draw: &mut Draw) -> Date {
        let at = draw.unit() * self.clinic.last().copied().unwrap_or(0.0);
        let place = self.clinic.partition_point(|sum| *sum <= at);
        self.from.plus(i32::try_from(place).unwrap_or(0)).min(self.until)
    }

    /// The years that the span touches.
    pub(crate) fn calendar_years(&self) -> std::ops::RangeInclusive<i32> {
        self.from.year()..=self.until.year()
    }
}

/// How busy a clinic is on a day, 1 on an ordinary one: Mondays full, Sundays thin, almost empty
/// in the week of the Spring Festival, full for two weeks after it, respiratory illness in
/// winter.
fn clinic_weight(day: Date) -> f64 {
    // 1970-01-01 was a Thursday.
    let weekday = match (day.0 + 3).rem_euclid(7) {
        0 => 1.3,
        6 => 0.6,
        _ => 1.0,
    };
    let winter = if matches!(day.month(), 11 | 12 | 1) { 1.15 } else { 1.0 };
    let festival = match day.0 - spring_festival(day.year()).0 {
        -1..=5 => 0.35,
        6..=19 => 1.25,
        _ => 1.0,
    };
    weekday * winter * festival
}

/// The first day of the lunar year within `year`; where the table ends, its middle date.
pub(crate) fn spring_festival(year: i32) -> Date {
    let (_, month, day) =
        SPRING_FESTIVALS.iter().find(|(y, ..)| *y == year).copied().unwrap_or((year, 2, 4));
    Date::ymd(year, month, day).unwrap_or_default()
}

/// An instant within the day, at an hour when offices send: most before noon, some at night.
pub(crate) fn office_hour(day: Date, draw: &mut Draw) -> Instant {
    let hour = if draw.chance(0.12) {
        draw.between(0.0, 24.0)
    } else {
        (11.5 + 3.2 * draw.normal()).clamp(7.0, 20.0)
    };
    let second = ((hour * 3600.0) as i64).clamp(0, DAY_S - 1);
    day.midnight().plus_us(second * 1_000_000)
}
