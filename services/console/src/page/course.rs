//! A family's course over time as a drawing: its level as a line of steps, its bills as dots.
//!
//! All coordinates are whole numbers, so the same course gives the same bytes.

use askama::Template;
use proto::alert::Severity;
use proto::date::{DAY_US, Date, Instant};

use super::words::Lang;

/// A revision: from this instant on the level is this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Instant,
    pub(crate) level: Severity,
}

/// A bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dot {
    pub(crate) on: Date,
    pub(crate) fen: Option<i64>,
    pub(crate) title: String,
}

const LEFT: i64 = 56;
const RIGHT: i64 = 704;
const RED: i64 = 24;
const STEP: i64 = 36;

#[derive(Template)]
#[template(path = "course.svg")]
pub(crate) struct Course {
    l: Lang,
    line: String,
    rungs: Vec<Rung>,
    turns: Vec<Turn>,
    dots: Vec<Spot>,
    from: String,
    to: String,
}

struct Rung {
    y: i64,
    word: &'static str,
}

struct Turn {
    x: i64,
    y: i64,
    level: Severity,
    title: String,
}

struct Spot {
    x: i64,
    r: i64,
    title: String,
}

impl Turn {
    /// The shape of the level, as beside its word.
    fn points(&self) -> String {
        let (x, y) = (self.x, self.y);
        match self.level {
            Severity::Red => format!("{x},{} {},{} {},{}", y - 7, x + 7, y + 5, x - 7, y + 5),
            _ => format!("{x},{} {},{y} {x},{} {},{y}", y - 7, x + 7, y + 7, x - 7),
        }
    }
}

impl Course {
    /// Draws `steps` (oldest first) and `dots` up to `until`; nothing to draw without steps.
    pub(crate) fn draw(lang: Lang, steps: &[Step], dots: &[Dot], until: Instant) -> Option<Course> {
        let first = steps.first()?.at;
        let bills = || dots.iter().map(|d| d.on.midnight());
        let begin = bills().min().map_or(first, |bill| bill.min(first));
        let last = steps.last()?.at.max(until);
        let end = bills().max().map_or(last, |bill| bill.max(last));
        let span = Span { begin, width: (end.0.saturating_sub(begin.0)).max(DAY_US) };
        let turns: Vec<Turn> = steps
            .iter()
            .map(|s| Turn {
                x: span.x(s.at),
                y: height(s.level),
                level: s.level,
                title: format!("{} {}", s.at.date(), lang.level(s.level)),
            })
            .collect();
        let largest = dots.iter().filter_map(|d| d.fen).map(i64::unsigned_abs).max();
        let levels = [Severity::Red, Severity::Yellow, Severity::Green, Severity::None];
        Some(Course {
            l: lang,
            line: line(&turns, span.x(last)),
            rungs: levels.map(|l| Rung { y: height(l), word: lang.level(l) }).into(),
            turns,
            dots: dots.iter().map(|dot| spot(dot, span, largest.unwrap_or(1))).collect(),
            from: begin.date().to_string(),
            to: end.date().to_string(),
        })
    }
}

#[derive(Clone, Copy)]
struct Span {
    begin: Instant,
    width: i64,
}

impl Span {
    fn x(self, at: Instant) -> i64 {
        let passed = i128::from(at.0) - i128::from(self.begin.0);
        let x = passed * i128::from(RIGHT - LEFT) / i128::from(self.width);
        LEFT + i64::try_from(x.clamp(0, i128::from(RIGHT - LEFT))).unwrap_or(0)
    }
}

fn height(level: Severity) -> i64 {
    match level {
        Severity::Red => RED,
        Severity::Yellow => RED + STEP,
        Severity::Green => RED + 2 * STEP,
        Severity::None => RED + 3 * STEP,
    }
}

fn line(turns: &[Turn], end: i64) -> String {
    let mut path = format!("M{LEFT} {}", height(Severity::None));
    for turn in turns {
        path.push_str(&format!("H{}V{}", turn.x, turn.y));
    }
    path.push_str(&format!("H{end}"));
    path
}

/// The area of a dot grows with its amount, from radius 3 to 12.
fn spot(dot: &Dot, span: Span, largest: u64) -> Spot {
    let fen = dot.fen.map_or(0, i64::unsigned_abs);
    let share = u128::from(fen) * 81 / u128::from(largest.max(1));
    let r = 3 + i64::try_from(share.isqrt()).unwrap_or(0);
    let amount = dot.fen.map(|fen| format!(" {}", super::words::yuan(fen))).unwrap_or_default();
    Spot { x: span.x(dot.on.midnight()), r, title: format!("{} {}{amount}", dot.on, dot.title) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_course_is_drawn_as_it_always_was() {
        let day = |d| Date(20_516).plus(d);
        let steps = [
            Step { at: day(0).midnight(), level: Severity::Yellow },
            Step { at: day(10).midnight(), level: Severity::Red },
            Step { at: day(30).midnight(), level: Severity::None },
        ];
        let dots = [
            Dot { on: day(-10), fen: Some(100_000), title: "<住院>".into() },
            Dot { on: day(9), fen: Some(900_000), title: "住院".into() },
            Dot { on: day(12), fen: None, title: "失业".into() },
        ];
        let drawn = Course::draw(Lang::Zh, &steps, &dots, day(30).midnight()).unwrap();
        let svg = drawn.render().unwrap();
        assert_eq!(svg.trim_end(), include_str!("../../tests/golden/course.svg").trim_end());
    }

    #[test]
    fn nothing_is_drawn_of_nothing_and_one_instant_fits() {
        assert!(Course::draw(Lang::Zh, &[], &[], Instant(0)).is_none());
        let step = Step { at: Instant(i64::MAX), level: Severity::Red };
        let old = Step { at: Instant(i64::MIN), level: Severity::Green };
        for steps in [&[step][..], &[old, step]] {
            let drawn = Course::draw(Lang::En, steps, &[], Instant(0)).unwrap();
            assert!(drawn.turns.iter().all(|t| (LEFT..=RIGHT).contains(&t.x)));
        }
    }
}
