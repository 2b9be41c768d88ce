//! Aid granted and ended, and medical insurance lapsed and taken up again.
//!
//! It refuses to decide who deserves it.

use crate::{
    draw::{Draw, Topic, fen},
    event::{Aid, Body, Department, Subject},
    population::Person,
    story::Story,
};

/// New dibao grants a year among the low-income classes and among all others.
const GRANTS: (f64, f64) = (0.05, 0.002);
/// Temporary aid a year.
const TEMPORARY: f64 = 0.006;
/// Lapses of insurance a year and person.
const LAPSES: f64 = 0.0015;

pub(crate) fn tell(seed: u64, household: u32, low: bool, people: &[Person], story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Aid, u64::from(household));
    let years = story.calendar.years();
    let own = Subject::Household;
    if draw.chance(if low { GRANTS.0 } else { GRANTS.1 } * years) {
        let day = story.calendar.any_day(&mut draw);
        let aid = Aid { programme: "dibao", monthly_fen: fen(draw.between(250.0, 900.0).round()) };
        story.tell(Department::Mzj, own, day, &mut draw, Body::AidGranted(aid));
    }
    if draw.chance(TEMPORARY * years) {
        let day = story.calendar.any_day(&mut draw);
        let aid = Aid { programme: "temporary_aid", monthly_fen: 0 };
        story.tell(Department::Mzj, own, day, &mut draw, Body::AidGranted(aid.clone()));
        let end = day.plus(draw.whole(20, 90));
        if end <= story.calendar.until {
            story.tell(Department::Mzj, own, end, &mut draw, Body::AidEnded(aid));
        }
    }
    for person in people {
        if draw.chance(LAPSES * years) {
            insurance(person, story, &mut draw);
        }
    }
}

fn insurance(person: &Person, story: &mut Story<'_>, draw: &mut Draw) {
    let (day, scheme) = (story.calendar.any_day(draw), "resident");
    let lapsed = Body::InsuranceLapsed { scheme };
    story.tell(Department::Ybj, person.subject(), day, draw, lapsed);
    let back = day.plus(5 + draw.exponential(45.0) as i32);
    if draw.chance(0.85) && back <= story.calendar.until {
        let enrolled = Body::InsuranceEnrolled { scheme };
        story.tell(Department::Ybj, person.subject(), back, draw, enrolled);
    }
}
