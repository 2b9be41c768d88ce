//! Bounds of a number over a span of dates, and how far money that comes can move it.

use super::{Leeway, MOST, Span};
use crate::expr::program::{Arith, Cmp};

/// What moves a number by its own amount.
const WHOLE: u64 = 1 << 16;
/// Most by which one fen may move a number, in parts of [`WHOLE`].
const STEEP: u64 = 1 << 40;
/// Bounds are told within this: two of them, and what moves them, add up within 64 bits.
const FAR: i64 = 1 << 60;

/// A number that lies from `low` to `high` on every date of the span, and at most so far above or
/// below when money comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    low: i64,
    high: i64,
    /// By how much each fen that comes may raise it, in parts of [`WHOLE`].
    up: u64,
    /// By how much it may lower it.
    down: u64,
    /// Up to how much may come for this to hold.
    cap: u32,
    /// Whether it holds as well, moved the other way round, when money goes.
    eases: bool,
}

impl Reach {
    pub(super) fn of(span: Span) -> Option<Reach> {
        let up = if span.grows { WHOLE } else { 0 };
        checked([span.low, span.high], [up, 0], Leeway::ANY)
    }

    pub(super) fn within(self, leeway: Leeway) -> Reach {
        let Leeway { fen, eases } = self.leeway().and(leeway);
        Reach { cap: fen, eases, ..self }
    }

    /// How much may come while it stays at `most` or below; nothing if it may be above anyway.
    pub(super) fn below(self, most: i128) -> Option<Leeway> {
        let room = (most - i128::from(self.high)).min(FAR.into());
        let room = i64::try_from(room).ok().filter(|room| *room >= 0)?;
        let stays = Leeway { fen: margin(room, self.up), eases: self.down == 0 };
        Some(stays.and(self.leeway()))
    }

    fn leeway(self) -> Leeway {
        Leeway { fen: self.cap, eases: self.eases }
    }

    fn still(self) -> bool {
        self.up == 0 && self.down == 0
    }

    fn ends(self) -> [i64; 2] {
        [self.low, self.high]
    }
}

/// How much may come until a number that each fen moves by `step` has moved further than `room`.
fn margin(room: i64, step: u64) -> u32 {
    let room = room.unsigned_abs();
    let fen = match step {
        0 => return MOST,
        WHOLE => room,
        // Rounded down where the product is too large to be told.
        _ => room.checked_mul(WHOLE).map_or_else(|| room / (step / WHOLE + 1), |r| r / step),
    };
    u32::try_from(fen).unwrap_or(MOST)
}

/// A reach that cannot leave 64 bits whatever comes.
fn checked([low, high]: [i64; 2], [up, down]: [u64; 2], leeway: Leeway) -> Option<Reach> {
    let near = low >= -FAR && high <= FAR && up <= STEEP && down <= STEEP;
    let Leeway { fen: cap, eases } = leeway;
    near.then_some(Reach { low, high, up, down, cap, eases })
}

pub(super) fn arith(op: Arith, a: Reach, b: Reach) -> Option<Reach> {
    let ([al, ah], [bl, bh]) = (a.ends(), b.ends());
    let cap = a.leeway().and(b.leeway());
    match op {
        Arith::Add => checked([al + bl, ah + bh], [a.up + b.up, a.down + b.down], cap),
        Arith::Sub => checked([al - bh, ah - bl], [a.up + b.down, a.down + b.up], cap),
        Arith::Mul if b.still() => product(a, b, cap),
        Arith::Mul if a.still() => product(b, a, cap),
        Arith::Div => quotient(a, b, cap),
        Arith::Rem => remainder(a, b, cap),
        Arith::Min => checked([al.min(bl), ah.min(bh)], [a.up.max(b.up), a.down.max(b.down)], cap),
        Arith::Max => checked([al.max(bl), ah.max(bh)], [a.up.max(b.up), a.down.max(b.down)], cap),
        Arith::Mul => None,
    }
}

/// The least and the greatest of an operation that is monotone in each operand; nothing where it
/// overflows.
fn corners(a: [i64; 2], b: [i64; 2], op: impl Fn(i64, i64) -> Option<i64>) -> Option<[i64; 2]> {
    let first = [op(a[0], b[0])?, op(a[1], b[0])?];
    let all = if b[0] == b[1] {
        [first[0], first[1], first[0], first[1]]
    } else {
        [first[0], first[1], op(a[0], b[1])?, op(a[1], b[1])?]
    };
    Some([all.into_iter().fold(i64::MAX, i64::min), all.into_iter().fold(i64::MIN, i64::max)])
}

/// By how much the first operand's movement can move the result when that is multiplied by
/// something of these signs and at most so steep.
fn carried(a: Reach, by: [i64; 2], steep: impl Fn(u64) -> Option<u64>) -> Option<[u64; 2]> {
    match by {
        [least, _] if least >= 0 => Some([steep(a.up)?, steep(a.down)?]),
        [_, most] if most <= 0 => Some([steep(a.down)?, steep(a.up)?]),
        _ => Some([steep(a.up.max(a.down))?; 2]),
    }
}

/// `a` times something that nothing moves.
fn product(a: Reach, by: Reach, cap: Leeway) -> Option<Reach> {
    let most = by.low.unsigned_abs().max(by.high.unsigned_abs());
    let moves = carried(a, by.ends(), |step| step.checked_mul(most))?;
    checked(corners(a.ends(), by.ends(), i64::checked_mul)?, moves, cap)
}

/// `a` divided by something of one sign that nothing moves.
fn quotient(a: Reach, by: Reach, cap: Leeway) -> Option<Reach> {
    if !by.still() || (by.low <= 0 && by.high >= 0) {
        return None;
    }
    let least = by.low.unsigned_abs().min(by.high.unsigned_abs());
    let moves = carried(a, by.ends(), |step| Some(step.div_ceil(least)))?;
    let [mut low, mut high] = corners(a.ends(), by.ends(), i64::checked_div)?;
    if !a.still() {
        // Truncation may add one to what the movement alone makes.
        (low, high) = (low - 1, high + 1);
    }
    checked([low, high], moves, cap)
}

fn remainder(a: Reach, by: Reach, cap: Leeway) -> Option<Reach> {
    if !by.still() || (by.low <= 0 && by.high >= 0) {
        return None;
    }
    if a.still() && a.low == a.high && by.low == by.high {
        let left = a.low.checked_rem(by.low)?;
        return checked([left, left], [0, 0], cap);
    }
    let most = by.low.saturating_abs().max(by.high.saturating_abs()) - 1;
    checked([-most, most], [0, 0], cap)
}

/// What a comparison is on every date, and how much may come while it stays that.
pub(super) fn compare(op: Cmp, a: Reach, b: Reach) -> Option<(bool, Leeway)> {
    let (low, high) = (a.low - b.high, a.high - b.low);
    let (up, down) = (a.up + b.down, a.down + b.up);
    // What goes moves the other way round.
    let above = |room: i64| Leeway { fen: margin(room, down), eases: up == 0 };
    let below = |room: i64| Leeway { fen: margin(room, up), eases: down == 0 };
    let at_least = |least: i64, yes: bool| {
        if low >= least {
            Some((yes, above(low - least)))
        } else if high < least {
            Some((!yes, below(least - 1 - high)))
        } else {
            None
        }
    };
    let (value, leeway) = match op {
        Cmp::Gt => at_least(1, true),
        Cmp::Ge => at_least(0, true),
        Cmp::Lt => at_least(0, false),
        Cmp::Le => at_least(1, false),
        Cmp::Eq | Cmp::Ne => {
            let apart = op == Cmp::Ne;
            if low > 0 {
                Some((apart, above(low - 1)))
            } else if high < 0 {
                Some((apart, below(-1 - high)))
            } else if low == 0 && high == 0 {
                let still = up == 0 && down == 0;
                Some((!apart, if still { Leeway::ANY } else { Leeway { fen: 0, eases: false } }))
            } else {
                None
            }
        }
    }?;
    Some((value, leeway.and(a.leeway()).and(b.leeway())))
}
