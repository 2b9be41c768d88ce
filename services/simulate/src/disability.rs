//! New and upgraded disability certificates, and newly found illness as a grade.
//!
//! It refuses to know a disease's name or code.

use crate::{
    draw::{Draw, Topic},
    event::{Body, Department},
    population::{Health, Person},
    story::Story,
};

pub(crate) fn tell(seed: u64, household: u32, people: &[Person], story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Disability, u64::from(household));
    let years = story.calendar.years();
    for person in people {
        let (certified, diagnosed) = match person.health {
            Health::Good => (0.0006, 0.002),
            Health::Chronic => (0.003, 0.006),
            Health::Severe => (0.010, 0.015),
            Health::Catastrophic => (0.030, 0.060),
        };
        if draw.chance(certified * years) {
            let day = story.calendar.any_day(&mut draw);
            let body = certificate(&mut draw);
            story.tell(Department::Cl, person.subject(), day, &mut draw, body);
        }
        if draw.chance(diagnosed * years) {
            let day = story.calendar.any_day(&mut draw);
            let body = diagnosis(person.health, &mut draw);
            story.tell(Department::Ybj, person.subject(), day, &mut draw, body);
        }
    }
}

/// A certificate of any kind and grade.
pub(crate) fn certificate(draw: &mut Draw) -> Body {
    let grade = [1, 2, 3, 4][draw.weighted(&[0.12, 0.24, 0.28, 0.36])];
    Body::Certified { kind: draw.whole(1, 7).unsigned_abs() as u8, grade }
}

fn diagnosis(health: Health, draw: &mut Draw) -> Body {
    let severity = match health {
        Health::Catastrophic => draw.pick(&[("catastrophic", 0.7), ("severe", 0.3)]),
        Health::Severe => draw.pick(&[("severe", 0.7), ("chronic", 0.3)]),
        _ => "chronic",
    };
    Body::Diagnosis { severity }
}
