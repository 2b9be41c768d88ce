//! Schooling: what each half of the school year costs, and who leaves and returns.
//!
//! It refuses to know grants.

use proto::date::Date;

use crate::{
    draw::{Draw, Topic, fen},
    event::{Body, Department, Stage},
    population::{Person, School},
    story::Story,
};

/// Students who leave school before its end, a year.
const DROPOUTS: f64 = 0.0012;

pub(crate) fn tell(seed: u64, household: u32, people: &[Person], story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Education, u64::from(household));
    for person in people.iter().filter(|p| p.school != School::None) {
        for year in story.calendar.calendar_years() {
            for month in [2, 9] {
                let first = Date::ymd(year, month, 20).unwrap_or_default();
                let (day, body) = (first.plus(draw.whole(-18, 18)), cost(person.school, &mut draw));
                if story.calendar.holds(day) {
                    story.tell(Department::Jyj, person.subject(), day, &mut draw, body);
                }
            }
        }
        leave(person, story, &mut draw);
    }
}

/// Half a school year, self-paid.
pub(crate) fn cost(school: School, draw: &mut Draw) -> Body {
    let yuan = match school {
        School::None | School::Compulsory => draw.lognormal(380.0, 0.6),
        School::Senior | School::Vocational => draw.between(2_000.0, 6_000.0),
        School::University => draw.between(6_000.0, 10_000.0),
    };
    Body::Schooling { stage: school.word(), self_paid_fen: fen(yuan) }
}

fn leave(person: &Person, story: &mut Story<'_>, draw: &mut Draw) {
    if !draw.chance(DROPOUTS * story.calendar.years()) {
        return;
    }
    let day = story.calendar.any_day(draw);
    let stage = person.school.word();
    story.tell(Department::Jyj, person.subject(), day, draw, Body::Dropout(Stage { stage }));
    let back = day.plus(draw.exponential(40.0) as i32 + 3);
    if draw.chance(0.8) && back <= story.calendar.until {
        story.tell(Department::Jyj, person.subject(), back, draw, Body::Return(Stage { stage }));
    }
}
