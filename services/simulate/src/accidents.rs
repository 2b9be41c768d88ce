//! Accidents: 4 per 1,000 persons a year that cost more than 5,000 yuan.
//!
//! It refuses to know who pays.

use crate::{
    draw::{Draw, Topic, fen},
    event::{Body, Department},
    population::Person,
    story::Story,
};

const A_YEAR: f64 = 0.004;

pub(crate) fn tell(seed: u64, household: u32, people: &[Person], story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Accidents, u64::from(household));
    for person in people {
        for _ in 0..draw.poisson(A_YEAR * story.calendar.years()) {
            let day = story.calendar.any_day(&mut draw);
            let body = injury(person, &mut draw);
            story.tell(Department::Gaj, person.subject(), day, &mut draw, body);
        }
    }
}

/// An injury, now and then a lasting or a fatal one.
pub(crate) fn injury(person: &Person, draw: &mut Draw) -> Body {
    let severity = draw.pick(&[("injury", 0.85), ("disability", 0.10), ("death", 0.05)]);
    let at_work = person.wage_worker() && draw.chance(0.4);
    Body::Injury { severity, at_work, cost_fen: fen(5_000.0 + draw.lognormal(6_000.0, 1.0)) }
}
