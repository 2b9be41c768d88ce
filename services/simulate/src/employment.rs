//! Work lost and found: separations all year, and the wave around the Spring Festival.
//!
//! It refuses to know what the household can live on meanwhile.

use proto::date::Date;

use crate::{
    calendar::spring_festival,
    draw::{Draw, Topic},
    event::{Body, Department, Job},
    population::{Person, Work},
    story::Story,
};

/// Separations to no job, a year and worker.
const LOSSES: f64 = 0.20;
/// Workers whose contract ends before the Spring Festival.
const SEASONAL: f64 = 0.33;
/// Mean time without work, in days.
const IDLE_DAYS: f64 = 106.0;
/// Factor on the rate of losses and share of workers: manufacturing, building, services.
const SECTORS: [(f64, f64); 3] = [(1.0, 0.28), (1.8, 0.15), (0.8, 0.57)];

/// Losses and starts of every wage worker.
pub(crate) fn tell(seed: u64, household: u32, people: &[Person], story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Employment, u64::from(household));
    for person in people.iter().filter(|p| p.wage_worker()) {
        let place = if person.work == Work::Away { away(&mut draw) } else { "" };
        let factor = draw.pick(&SECTORS);
        let mut free = losses(person, place, factor, story, &mut draw);
        for year in story.calendar.calendar_years() {
            free = festival(person, place, year, free, story, &mut draw);
        }
    }
}

/// Separations through the year; gives the day from which the worker is employed again.
fn losses(
    person: &Person,
    place: &'static str,
    factor: f64,
    story: &mut Story<'_>,
    draw: &mut Draw,
) -> Date {
    let mut day = story.calendar.from;
    loop {
        day = day.plus(draw.exponential(365.0 / (LOSSES * factor)).min(4000.0) as i32);
        if day > story.calendar.until {
            return story.calendar.from;
        }
        let reason =
            draw.pick(&[("layoff", 0.42), ("closure", 0.18), ("injury", 0.06), ("other", 0.34)]);
        lose(person, place, reason, day, story, draw);
        // A third come home and find work there within 60 days; the others take longer.
        let idle = if draw.chance(0.35) {
            draw.between(5.0, 60.0)
        } else {
            draw.exponential(IDLE_DAYS).max(4.0)
        };
        day = day.plus(1 + idle as i32);
        if day > story.calendar.until {
            return day;
        }
        find(person, place, day, story, draw);
    }
}

/// The season's end: home before the festival, back in work some weeks after it, a few never.
fn festival(
    person: &Person,
    place: &'static str,
    year: i32,
    free: Date,
    story: &mut Story<'_>,
    draw: &mut Draw,
) -> Date {
    let festival = spring_festival(year);
    let day = festival.plus(-draw.whole(4, 25));
    let back = festival.plus(draw.whole(8, 40));
    let returns = !draw.chance(0.04);
    if !draw.chance(SEASONAL) || day < free || !story.calendar.holds(day) {
        return free;
    }
    lose(person, place, "season_end", day, story, draw);
    if returns && back <= story.calendar.until {
        find(person, place, back, story, draw);
    }
    back
}

fn lose(
    person: &Person,
    place: &'static str,
    reason: &'static str,
    day: Date,
    story: &mut Story<'_>,
    draw: &mut Draw,
) {
    let body = Body::JobLost { reason, monthly_wage_fen: person.wage_fen, work_region: place };
    story.tell(Department::Rsj, person.subject(), day, draw, body);
}

fn find(person: &Person, place: &'static str, day: Date, story: &mut Story<'_>, draw: &mut Draw) {
    let factor = draw.between(0.85, 1.1);
    let monthly_wage_fen = (person.wage_fen as f64 * factor / 1000.0) as i64 * 1000;
    let body = Body::JobFound(Job { monthly_wage_fen, work_region: place });
    story.tell(Department::Rsj, person.subject(), day, draw, body);
}

/// Where people go to work: provinces by two digits.
fn away(draw: &mut Draw) -> &'static str {
    draw.pick(&[("99", 0.5), ("44", 0.16), ("33", 0.12), ("32", 0.1), ("31", 0.07), ("35", 0.05)])
}
