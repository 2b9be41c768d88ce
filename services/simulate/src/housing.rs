//! Unsafe houses and interrupted water, and when both are well again.
//!
//! It refuses to know who repairs.

use crate::{
    draw::{Draw, Topic},
    event::{Body, Department, Grade, Subject},
    story::Story,
};

/// Findings of unsafe housing a year and household.
const UNSAFE: f64 = 0.010;
/// Water interruptions a year and household.
const DRY: f64 = 0.066;

pub(crate) fn tell(seed: u64, household: u32, story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Housing, u64::from(household));
    let years = story.calendar.years();
    for _ in 0..draw.poisson(UNSAFE * years) {
        let grade = draw.pick(&[("c", 0.8), ("d", 0.2)]);
        let days = draw.lognormal(70.0, 0.8);
        let (from, to) = (Body::Unsafe(Grade { grade }), Body::Repaired(Grade { grade }));
        pair(Department::Zjj, from, to, days, story, &mut draw);
    }
    for _ in 0..draw.poisson(DRY * years) {
        let days = if draw.chance(0.03) { 30.0 } else { 0.0 } + draw.exponential(3.0);
        pair(
            Department::Slj,
            Body::WaterStopped {},
            Body::WaterRestored {},
            days,
            story,
            &mut draw,
        );
    }
}

fn pair(
    department: Department,
    from: Body,
    to: Body,
    days: f64,
    story: &mut Story<'_>,
    draw: &mut Draw,
) {
    let day = story.calendar.any_day(draw);
    story.tell(department, Subject::Household, day, draw, from);
    let end = day.plus(days as i32);
    if end <= story.calendar.until {
        story.tell(department, Subject::Household, end, draw, to);
    }
}
