//! Births, deaths, marriages and divorces. Moves have no event type and are left out.
//!
//! It refuses to know what a death costs.

use crate::{
    draw::{Draw, Topic},
    event::{Body, Department, Subject},
    population::Person,
    story::Story,
};

/// Persons marrying and divorcing a year, of those of working age.
const MARRIAGES: f64 = 0.014;
const DIVORCES: f64 = 0.006;

pub(crate) fn tell(seed: u64, household: u32, people: &[Person], story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Civil, u64::from(household));
    let years = story.calendar.years();
    for person in people {
        let mortality = match person.age {
            ..18 => 0.0004,
            18..60 => 0.002,
            60..75 => 0.012,
            _ => 0.055,
        };
        let mut rare = |rate: f64, body: Body, subject: Subject, draw: &mut Draw| {
            if draw.chance(rate * years) {
                let day = story.calendar.any_day(draw);
                story.tell(Department::Gaj, subject, day, draw, body);
            }
        };
        let death = Body::Death { earner: person.wage_worker() };
        rare(mortality, death, person.subject(), &mut draw);
        if person.working_age() {
            rare(MARRIAGES, Body::Marriage {}, person.subject(), &mut draw);
            rare(DIVORCES, Body::Divorce {}, person.subject(), &mut draw);
        }
        // A newborn has no number yet: the birth is the household's.
        if (20..40).contains(&person.age) {
            rare(0.028, Body::Birth {}, Subject::Household, &mut draw);
        }
    }
}
