//! Arithmetic over numbers with an outlook.
//!
//! Sums, differences and products with a constant keep the line; everything else that is not
//! constant promises only until tomorrow or until an operand may step.

use proto::date::Date;

use super::{ALL_BITS, Failed, Number, compare};
use crate::expr::program::{Arith, Cmp};

type Result1 = Result<Number, Failed>;

/// One arithmetic step.
pub(crate) fn arith(op: Arith, a: Result1, b: Result1, today: Date) -> Result1 {
    let (a, b) = match (a, b) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(a), Err(b)) => return Err(Failed { until: a.until.max(b.until) }),
        (Err(failed), _) | (_, Err(failed)) => return Err(failed),
    };
    let value = match op {
        Arith::Add => a.value.checked_add(b.value),
        Arith::Sub => a.value.checked_sub(b.value),
        Arith::Mul => a.value.checked_mul(b.value),
        Arith::Div => a.value.checked_div(b.value),
        Arith::Rem => a.value.checked_rem(b.value),
        Arith::Min => Some(a.value.min(b.value)),
        Arith::Max => Some(a.value.max(b.value)),
    };
    let value = value.ok_or(Failed { until: a.moves(today).min(b.moves(today)) })?;
    if a.fixed() && b.fixed() {
        return Ok(Number::steady(value));
    }
    let sure = a.sure.min(b.sure);
    Ok(match op {
        Arith::Add => sum(value, a, b, today),
        Arith::Sub => sum(value, a, mirrored(b), today),
        Arith::Mul if constant(b) => scaled(value, a, b, today),
        Arith::Mul if constant(a) => scaled(value, b, a, today),
        Arith::Mul => product(value, a, b, today),
        Arith::Div => quotient(value, a, b, today),
        Arith::Rem => remainder(value, a, b, today),
        Arith::Min => extreme(Cmp::Le, a, b, sure, today),
        Arith::Max => extreme(Cmp::Ge, a, b, sure, today),
    })
}

/// `-a`.
pub(crate) fn neg(a: Result1, today: Date) -> Result1 {
    arith(Arith::Sub, Ok(Number::steady(0)), a, today)
}

/// Never changes, though it may fail.
fn constant(a: Number) -> bool {
    a.slope == 0 && a.until == Date::MAX
}

/// The promises of `-b`; its value and slope are not looked at where they would not fit.
fn mirrored(b: Number) -> Number {
    let (slope, rise, fall) = (b.slope.wrapping_neg(), b.fall, b.rise);
    let until = if b.slope == i64::MIN { Date(i32::MIN) } else { b.until };
    Number { slope, rise, fall, until, ..b }
}

/// A result that may leave `line` at `until`; cuts the promise where it might overflow.
fn finish(line: Number, slope: i128, today: Date) -> Number {
    let tomorrow = today.plus(1);
    let last = i128::from(line.until.0) - 1 - i128::from(today.0);
    let end = i128::from(line.value) + slope * last.max(0);
    let fits = i64::try_from(end).is_ok();
    let (slope, until) = match i64::try_from(slope) {
        Ok(slope) if fits && line.until > today => (slope, line.until),
        _ => {
            let sure = line.sure.min(tomorrow);
            let (rise, fall, bits) = (true, true, ALL_BITS);
            return Number { slope: 0, until: tomorrow, sure, rise, fall, bits, ..line };
        }
    };
    if until == Date::MAX {
        return Number { slope, rise: false, fall: false, ..line };
    }
    let sure = if line.bits >= ALL_BITS { line.sure.min(until) } else { line.sure };
    Number { slope, sure, ..line }
}

fn sum(value: i64, a: Number, b: Number, today: Date) -> Number {
    let (a_steps, b_steps) = (a.until < Date::MAX, b.until < Date::MAX);
    let line = Number {
        value,
        slope: 0,
        until: a.until.min(b.until),
        sure: a.sure.min(b.sure),
        bits: a.bits.max(b.bits).saturating_add(1).min(ALL_BITS),
        rise: (a_steps && a.rise) || (b_steps && b.rise),
        fall: (a_steps && a.fall) || (b_steps && b.fall),
    };
    finish(line, i128::from(a.slope) + i128::from(b.slope), today)
}

/// `a` times a constant.
fn scaled(value: i64, a: Number, by: Number, today: Date) -> Number {
    let (rise, fall) = match by.value.signum() {
        1 => (a.rise, a.fall),
        0 => (false, false),
        _ => (a.fall, a.rise),
    };
    let until = if by.value == 0 { Date::MAX } else { a.until };
    let bits = match by.value {
        -1..=1 => a.bits,
        _ => a.bits.saturating_add(by.bits).min(ALL_BITS),
    };
    let line = Number { value, slope: 0, until, sure: a.sure.min(by.sure), bits, rise, fall };
    finish(line, i128::from(a.slope) * i128::from(by.value), today)
}

fn product(value: i64, a: Number, b: Number, today: Date) -> Number {
    let until = a.moves(today).min(b.moves(today));
    let bits = a.bits.saturating_add(b.bits).min(ALL_BITS);
    let sure = a.sure.min(b.sure);
    finish(Number { value, slope: 0, until, sure, bits, rise: true, fall: true }, 0, today)
}

/// Where `a / b` or `a % b` may begin to fail.
fn divides(a: Number, b: Number, today: Date) -> Date {
    let nonzero = if b.value > 0 { !b.may_shrink() } else { !b.may_grow() };
    let zero = if nonzero { Date::MAX } else { b.moves(today) };
    let minus_one = constant(b) && b.value != -1;
    let least = if a.bits < ALL_BITS || minus_one || (constant(a) && a.value != i64::MIN) {
        Date::MAX
    } else {
        a.moves(today).min(b.moves(today))
    };
    a.sure.min(b.sure).min(zero).min(least)
}

fn quotient(value: i64, a: Number, b: Number, today: Date) -> Number {
    let until = a.moves(today).min(b.moves(today));
    let (rise, fall) = match (constant(b), b.value > 0) {
        (true, true) => (a.may_grow(), a.may_shrink()),
        (true, false) => (a.may_shrink(), a.may_grow()),
        (false, _) => (true, true),
    };
    let sure = divides(a, b, today);
    let bits = a.bits;
    let line = Number { value, slope: 0, until, sure, bits: bits.min(63), rise, fall };
    Number { bits, ..finish(line, 0, today) }
}

fn remainder(value: i64, a: Number, b: Number, today: Date) -> Number {
    let until = a.moves(today).min(b.moves(today));
    let sure = divides(a, b, today);
    let bits = a.bits.min(b.bits).min(63);
    finish(Number { value, slope: 0, until, sure, bits, rise: true, fall: true }, 0, today)
}

/// `min` (with `<=`) or `max` (with `>=`).
fn extreme(first: Cmp, a: Number, b: Number, sure: Date, today: Date) -> Number {
    let test = compare(first, Ok(a), Ok(b), today);
    let chosen = if test.now() == Some(true) { a } else { b };
    let bits = a.bits.max(b.bits);
    let turn = test.turns();
    if turn == Date::MAX {
        return Number { sure, bits, ..chosen };
    }
    // The other operand can only push the result towards its own side.
    let steps = chosen.until < Date::MAX;
    let (rise, fall) = match first {
        Cmp::Le => (steps && chosen.rise, true),
        _ => (true, steps && chosen.fall),
    };
    Number { until: chosen.until.min(turn), sure, bits, rise, fall, ..chosen }
}
