//! Values that know how long they stay: what an evaluation gives besides its result.
//!
//! All statements hold under one condition: the household's data do not change. Then
//! - [`Number`]: on every date `d` before `until` the value is the *line*
//!   `value + slope * (d - today)`; from `until` on it is at most the line unless `rise`, and at
//!   least the line unless `fall`. From `sure` on the evaluation may fail instead.
//! - [`Truth`]: the first dates on which it may be true, false and failed.
//! - [`Text`]: the same text on every date before `until`.
//!
//! Dates are never later than the truth; they may be earlier. This module refuses to know where
//! values come from.

use proto::date::Date;

mod compare;
mod number;
mod truth;

pub(crate) use compare::{compare, compare_text};
pub(crate) use number::{arith, neg};
pub use truth::Truth;

/// Bits that hold the size of any 64-bit number, the least one included.
pub(crate) const ALL_BITS: u8 = 64;

/// An evaluation that failed, and the first date on which it may not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failed {
    /// The first date with possibly another outcome.
    pub until: Date,
}

/// A number and its outlook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Number {
    /// The value today.
    pub value: i64,
    /// What each day adds before `until`.
    pub slope: i64,
    /// The first date on which the value may leave the line; [`Date::MAX`] for never.
    pub until: Date,
    /// The first date on which the evaluation may fail; [`Date::MAX`] for never.
    pub sure: Date,
    /// The size stays below 2 to this power on every date from today on (64: nothing is known).
    pub bits: u8,
    /// Whether it may lie above the line from `until` on.
    pub rise: bool,
    /// Whether it may lie below the line from `until` on.
    pub fall: bool,
}

impl Number {
    /// A value that never changes.
    #[must_use]
    pub fn steady(value: i64) -> Number {
        let bits = bits_of(value);
        let (until, sure) = (Date::MAX, Date::MAX);
        Number { value, slope: 0, until, sure, bits, rise: false, fall: false }
    }

    /// A value that stays until a date and then may rise or fall by any amount.
    #[must_use]
    pub fn stepping(value: i64, until: Date, rise: bool, fall: bool) -> Number {
        if until == Date::MAX || !(rise || fall) {
            return Number::steady(value);
        }
        Number { until, bits: ALL_BITS, rise, fall, ..Number::steady(value) }
    }

    /// A value that grows by `slope` a day until a date and then may leave the line.
    #[must_use]
    pub fn sloping(value: i64, slope: i64, until: Date, rise: bool, fall: bool) -> Number {
        let known = if until == Date::MAX { 63 } else { ALL_BITS };
        Number { slope, until, rise, fall, bits: known, ..Number::steady(value) }
    }

    /// States that the size stays below 2 to the power `bits` whatever happens later.
    #[must_use]
    pub fn within(mut self, bits: u8) -> Number {
        self.bits = self.bits.min(bits);
        self
    }

    /// Whether it is the same for ever and cannot fail.
    pub(crate) fn fixed(self) -> bool {
        self.slope == 0 && self.until == Date::MAX && self.sure == Date::MAX
    }

    /// The first date on which it may differ from today's value.
    pub(crate) fn moves(self, today: Date) -> Date {
        if self.slope == 0 { self.until } else { today.plus(1).min(self.until) }
    }

    /// Whether it may ever be above today's value.
    pub(crate) fn may_grow(self) -> bool {
        self.slope > 0 || (self.until < Date::MAX && self.rise)
    }

    /// Whether it may ever be below today's value.
    pub(crate) fn may_shrink(self) -> bool {
        self.slope < 0 || (self.until < Date::MAX && self.fall)
    }
}

/// How many bits the size of a value takes.
pub(crate) fn bits_of(value: i64) -> u8 {
    u8::try_from(u64::BITS - value.unsigned_abs().leading_zeros()).unwrap_or(ALL_BITS)
}

/// Where the characters of a [`Text`] are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Symbol {
    /// A literal of the pack.
    Literal(u32),
    /// A number that the scope gave and can spell out while the decision lasts.
    Scope(u32),
}

/// A string and its outlook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text {
    /// Which string.
    pub symbol: Symbol,
    /// The first date on which it may be another one.
    pub until: Date,
    /// The first date on which the evaluation may fail.
    pub sure: Date,
}

impl Text {
    /// A string of the scope that stays until a date ([`Date::MAX`]: for ever).
    #[must_use]
    pub fn scope(symbol: u32, until: Date) -> Text {
        Text { symbol: Symbol::Scope(symbol), until, sure: Date::MAX }
    }
}

/// What asking a fact, an attribute, a table or a `let` gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// A number.
    Number(Number),
    /// True, false, or a condition that failed.
    Truth(Truth),
    /// A string.
    Text(Text),
    /// No value.
    Failed(Failed),
}

impl Outcome {
    /// A number that never changes.
    #[must_use]
    pub fn int(value: i64) -> Outcome {
        Outcome::Number(Number::steady(value))
    }

    /// A failure until a date.
    #[must_use]
    pub fn failed(until: Date) -> Outcome {
        Outcome::Failed(Failed { until })
    }

    /// Today's number, if it is one.
    #[must_use]
    pub fn as_int(self) -> Option<i64> {
        match self {
            Outcome::Number(number) => Some(number.value),
            _ => None,
        }
    }
}

/// The outlook of `?:` over numbers: the branch taken and its condition.
pub(crate) fn chosen_number(
    test: Truth,
    branch: Option<Result<Number, Failed>>,
) -> Result<Number, Failed> {
    let turn = test.turns();
    match branch {
        None => Err(Failed { until: test.recovers() }),
        Some(Err(failed)) => Err(Failed { until: failed.until.min(turn) }),
        Some(Ok(number)) => {
            let sure = number.sure.min(test.fails()).min(turn);
            if turn == Date::MAX {
                return Ok(Number { sure, ..number });
            }
            let until = number.until.min(turn);
            Ok(Number { until, sure, rise: true, fall: true, bits: ALL_BITS, ..number })
        }
    }
}

/// The same over strings.
pub(crate) fn chosen_text(
    test: Truth,
    branch: Option<Result<Text, Failed>>,
) -> Result<Text, Failed> {
    let turn = test.turns();
    match branch {
        None => Err(Failed { until: test.recovers() }),
        Some(Err(failed)) => Err(Failed { until: failed.until.min(turn) }),
        Some(Ok(text)) => {
            let sure = text.sure.min(test.fails()).min(turn);
            Ok(Text { until: text.until.min(turn), sure, ..text })
        }
    }
}
