//! When a comparison can turn: the exact day a line crosses, or the day a line may end.

use std::cmp::Ordering;

use proto::date::Date;

use super::{Failed, Number, Text, Truth};
use crate::expr::program::Cmp;

/// Compares two numbers.
pub(crate) fn compare(
    op: Cmp,
    a: Result<Number, Failed>,
    b: Result<Number, Failed>,
    today: Date,
) -> Truth {
    match (a, b) {
        (Ok(a), Ok(b)) if a.fixed() && b.fixed() => Truth::steady(op.holds(a.value.cmp(&b.value))),
        (Ok(a), Ok(b)) => Truth::new(
            op.holds(a.value.cmp(&b.value)),
            Gap::of(a, b, today).turns(op),
            a.sure.min(b.sure),
        ),
        (Err(a), Err(b)) => Truth::failed(a.until.max(b.until)),
        (Err(failed), _) | (_, Err(failed)) => Truth::failed(failed.until),
    }
}

/// Compares two strings whose characters are ordered so today.
pub(crate) fn compare_text(
    op: Cmp,
    a: Result<Text, Failed>,
    b: Result<Text, Failed>,
    order: impl FnOnce(Text, Text) -> Ordering,
) -> Truth {
    match (a, b) {
        (Ok(a), Ok(b)) => {
            Truth::new(op.holds(order(a, b)), a.until.min(b.until), a.sure.min(b.sure))
        }
        (Err(a), Err(b)) => Truth::failed(a.until.max(b.until)),
        (Err(failed), _) | (_, Err(failed)) => Truth::failed(failed.until),
    }
}

/// The difference of two numbers: a line, and whether it may be left upwards or downwards.
struct Gap {
    value: i128,
    slope: i128,
    today: Date,
    until: Date,
    rise: bool,
    fall: bool,
}

impl Gap {
    fn of(a: Number, b: Number, today: Date) -> Gap {
        let (a_until, b_until) = (a.until < Date::MAX, b.until < Date::MAX);
        Gap {
            value: i128::from(a.value) - i128::from(b.value),
            slope: i128::from(a.slope) - i128::from(b.slope),
            today,
            until: a.until.min(b.until),
            rise: (a_until && a.rise) || (b_until && b.fall),
            fall: (a_until && a.fall) || (b_until && b.rise),
        }
    }

    /// The first date on which the comparison of the gap with 0 may differ from today's.
    fn turns(&self, op: Cmp) -> Date {
        match op {
            Cmp::Gt => self.crosses(1),
            Cmp::Ge => self.crosses(0),
            Cmp::Lt => self.crosses(0),
            Cmp::Le => self.crosses(1),
            Cmp::Eq | Cmp::Ne => self.touches(),
        }
    }

    /// The first date on which `gap >= least` may differ from today's.
    fn crosses(&self, least: i128) -> Date {
        let above = self.value >= least;
        let line = if above { self.reaches(least - 1, -1) } else { self.reaches(least, 1) };
        let strays = if above { self.fall } else { self.rise };
        if strays { line.min(self.until) } else { line }
    }

    /// The first date on which the line is at or beyond `level` in a direction (1 up, -1 down).
    fn reaches(&self, level: i128, direction: i128) -> Date {
        let (far, speed) = ((level - self.value) * direction, self.slope * direction);
        if far <= 0 {
            return self.today;
        }
        if speed <= 0 {
            return Date::MAX;
        }
        self.day((far + speed - 1) / speed)
    }

    fn day(&self, days: i128) -> Date {
        let date = i128::from(self.today.0) + days;
        i32::try_from(date).map_or(Date::MAX, Date)
    }

    /// The first date on which `gap == 0` may differ from today's.
    fn touches(&self) -> Date {
        if self.value == 0 {
            let line = if self.slope == 0 { Date::MAX } else { self.today.plus(1) };
            return if self.rise || self.fall { line.min(self.until) } else { line };
        }
        let down = self.value > 0;
        let meets = self.reaches(0, if down { -1 } else { 1 });
        let exact = self.slope != 0 && self.value % self.slope == 0;
        if meets < self.until && exact {
            return meets;
        }
        if if down { self.fall } else { self.rise } {
            return self.until;
        }
        meets.max(self.until)
    }
}
