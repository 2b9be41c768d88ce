//! Visits by helpers, self-reports, hotline calls and petitions: most of them report nothing.
//!
//! It refuses to know whether a report is right.

use crate::{
    draw::{Draw, Topic},
    event::{Body, Clue, Department, Subject},
    story::Story,
};

/// Reports a year and person.
const A_YEAR: f64 = 0.15;
const RISKS: [(&str, f64); 9] = [
    ("illness", 0.40),
    ("employment", 0.14),
    ("education", 0.08),
    ("disability", 0.06),
    ("disaster", 0.08),
    ("industry", 0.08),
    ("accident", 0.05),
    ("labour", 0.05),
    ("guarantee", 0.06),
];

pub(crate) fn tell(seed: u64, household: u32, size: usize, story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Clues, u64::from(household));
    for _ in 0..draw.poisson(A_YEAR * size as f64 * story.calendar.years()) {
        let day = story.calendar.any_day(&mut draw);
        let body = clue(&mut draw);
        story.tell(Department::Xfj, Subject::Household, day, &mut draw, body);
    }
}

/// A report: nearly all visits are routine, nearly all calls name a risk.
pub(crate) fn clue(draw: &mut Draw) -> Body {
    let channel = draw.pick(&[
        ("visit", 0.90),
        ("self", 0.05),
        ("hotline", 0.035),
        ("petition", 0.01),
        ("media", 0.005),
    ]);
    let named = if channel == "visit" { 0.03 } else { 0.8 };
    let risk = if draw.chance(named) { draw.pick(&RISKS) } else { "" };
    Body::Clue(Clue { channel, risk })
}
