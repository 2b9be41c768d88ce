//! Disasters: which villages each one hits, the warnings before it, the losses after it.
//!
//! The storms, droughts and hail of 365 days are drawn for the whole province, then scaled so
//! that a year has the national rate of losses. It refuses to know who lives in a village.

use proto::date::Date;

use crate::{
    calendar::{Calendar, office_hour},
    draw::{Draw, Topic, fen},
    event::{Body, Department, Subject, Warning},
    layout::Layout,
    story::Story,
};

/// Loss rows a year and household: .046 a person and 3.19 persons.
const LOSSES_A_YEAR: f64 = 0.147;
/// Median loss in yuan and its sigma.
const LOSS: (f64, f64) = (2_500.0, 1.3);
/// One house in so many hit households is damaged, a quarter of those collapses.
const HOUSE: f64 = 1.0 / 150.0;

/// What a disaster is called, when it comes and how far it reaches.
struct Sort {
    hazard: &'static str,
    a_year: f64,
    /// First day of the year it may come, and how many days that lasts.
    season: (i32, i32),
    /// Share of the province's townships under it.
    reach: (f64, f64),
    /// Share of the villages there that are hit.
    villages: (f64, f64),
    /// Share of the households there with a loss, before scaling.
    households: (f64, f64),
}

const SORTS: [Sort; 6] = [
    sort("flood", 3.6, (135, 125), (0.10, 0.55), (0.10, 0.60), (0.02, 0.30)),
    sort("meteorological", 1.2, (195, 70), (0.15, 0.60), (0.20, 0.60), (0.02, 0.25)),
    sort("drought", 1.0, (160, 100), (0.30, 0.70), (0.40, 0.70), (0.05, 0.22)),
    sort("meteorological", 9.0, (95, 150), (0.004, 0.03), (0.30, 0.90), (0.10, 0.40)),
    sort("geological", 1.5, (150, 110), (0.002, 0.01), (0.20, 0.60), (0.02, 0.10)),
    sort("meteorological", 0.5, (5, 45), (0.20, 0.60), (0.10, 0.40), (0.02, 0.10)),
];

const fn sort(
    hazard: &'static str,
    a_year: f64,
    season: (i32, i32),
    reach: (f64, f64),
    villages: (f64, f64),
    households: (f64, f64),
) -> Sort {
    Sort { hazard, a_year, season, reach, villages, households }
}

/// One disaster.
pub(crate) struct Storm {
    pub(crate) hazard: &'static str,
    pub(crate) day: Date,
    townships: std::ops::Range<u32>,
    villages: Vec<u32>,
    rate: f64,
}

/// All disasters of the span's years, and which of them each village meets.
pub(crate) struct Storms {
    pub(crate) all: Vec<Storm>,
    by_village: Vec<Vec<u16>>,
}

impl Storms {
    pub(crate) fn new(seed: u64, layout: &Layout, calendar: &Calendar) -> Storms {
        let mut all = Vec::new();
        for year in 0..calendar.days().div_ceil(365) {
            all.extend(of_year(seed, year, calendar.from, layout));
        }
        let mut by_village = vec![Vec::new(); layout.villages() as usize];
        for (n, storm) in (0u16..).zip(&all) {
            for village in &storm.villages {
                by_village[*village as usize].push(n);
            }
        }
        Storms { all, by_village }
    }

    /// The losses of a household in this village.
    pub(crate) fn tell(&self, seed: u64, household: u32, village: u32, story: &mut Story<'_>) {
        let met = &self.by_village[village as usize];
        if met.is_empty() {
            return;
        }
        let mut draw = Draw::new(seed, Topic::Impacts, u64::from(household));
        for storm in met.iter().map(|n| &self.all[*n as usize]) {
            let hit = draw.chance(storm.rate);
            let (body, day) = (impact(storm.hazard, &mut draw), storm.day.plus(draw.whole(0, 2)));
            if hit && story.calendar.holds(day) {
                story.tell(Department::Yjj, Subject::Household, day, &mut draw, body);
            }
        }
    }

    /// Warnings before each disaster, and some before none.
    pub(crate) fn warn(&self, seed: u64, layout: &Layout, story: &mut Story<'_>) {
        let mut draw = Draw::new(seed, Topic::Storms, 0);
        for storm in self.all.iter().filter(|s| s.hazard != "drought") {
            for area in areas(layout, storm.townships.clone()) {
                warn_area(area, storm.hazard, storm.day, true, story, &mut draw);
            }
        }
        for year in story.calendar.calendar_years() {
            for _ in 0..draw.poisson(9.0) {
                let day = Date::ymd(year, 1, 1).unwrap_or_default().plus(draw.whole(100, 260));
                let county = draw.below(layout.counties());
                let area = Subject::Area(layout.county_code(county));
                warn_area(area, "meteorological", day, false, story, &mut draw);
                if draw.chance(0.2) {
                    let warning = warning("flood", "yellow", day, "exercise");
                    let at = office_hour(day, &mut draw);
                    story.tell_at(Department::Yjj, Subject::Site(county), day, at, warning);
                }
            }
        }
    }
}

/// The disasters of the 365 days that begin `year` times 365 days after `from`, each in its
/// season.
fn of_year(seed: u64, year: u32, from: Date, layout: &Layout) -> Vec<Storm> {
    let mut draw = Draw::new(seed, Topic::Storms, 1 + u64::from(year));
    let start = from.plus(365 * year.cast_signed());
    let first_day = start.0 - start.year_start().0;
    let townships = layout.townships();
    let (mut storms, mut expected) = (Vec::new(), 0.0);
    for sort in &SORTS {
        let count = draw.poisson(sort.a_year).max(u32::from(sort.hazard == "flood"));
        for _ in 0..count {
            let day_of_year = sort.season.0 + draw.whole(0, sort.season.1);
            let day = start.plus((day_of_year - first_day).rem_euclid(365));
            let reach = draw.between(sort.reach.0, sort.reach.1) * f64::from(townships);
            let length = (reach as u32).clamp(1, townships);
            let first = draw.below(townships - length + 1);
            let share = draw.between(sort.villages.0, sort.villages.1);
            let under = first..first + length;
            let villages: Vec<u32> = under
                .clone()
                .flat_map(|t| layout.villages_of(t))
                .filter(|_| draw.chance(share))
                .collect();
            let rate = draw.between(sort.households.0, sort.households.1);
            expected += villages.len() as f64 * rate;
            storms.push(Storm { hazard: sort.hazard, day, townships: under, villages, rate });
        }
    }
    if expected > 0.0 {
        let scale = LOSSES_A_YEAR * f64::from(layout.villages()) / expected;
        for storm in &mut storms {
            storm.rate = (storm.rate * scale).min(0.8);
        }
    }
    storms
}

/// A loss; houses suffer from water, wind and earth, not from drought.
pub(crate) fn impact(hazard: &'static str, draw: &mut Draw) -> Body {
    let loss = draw.lognormal(LOSS.0, LOSS.1);
    let (struck, collapsed) = (draw.chance(HOUSE), draw.chance(0.25));
    let (house, damage) = match (struck && hazard != "drought", collapsed) {
        (true, true) => ("collapsed", draw.between(30_000.0, 90_000.0)),
        (true, false) => ("damaged", draw.between(3_000.0, 20_000.0)),
        _ => ("none", 0.0),
    };
    Body::Impact { hazard, loss_fen: fen(loss + damage), house }
}

/// Whole counties where all their townships are under it, single townships elsewhere.
fn areas(layout: &Layout, under: std::ops::Range<u32>) -> Vec<Subject> {
    let mut areas = Vec::new();
    for county in 0..layout.counties() {
        let own = layout.townships_of(county);
        if own.start >= under.start && own.end <= under.end {
            areas.push(Subject::Area(layout.county_code(county)));
        } else {
            let part = own.filter(|t| under.contains(t));
            areas.extend(part.map(|t| Subject::Area(layout.township_code(t))));
        }
    }
    areas
}

fn warn_area(
    area: Subject,
    hazard: &'static str,
    day: Date,
    comes: bool,
    story: &mut Story<'_>,
    draw: &mut Draw,
) {
    let colours: &[&str] = match (comes, draw.chance(0.4)) {
        (true, true) => &["yellow", "orange", "red"],
        (true, false) => &["blue", "yellow", "orange"],
        (false, _) => &["blue", "yellow"],
    };
    let issued = day.plus(-1);
    let mut last = None;
    for (step, colour) in (0i32..).zip(colours.iter().take(1 + draw.below(3) as usize)) {
        let hour = i64::from(step * 7 + draw.whole(0, 6));
        let at = issued.midnight().plus_us(hour * 3_600_000_000);
        let body = warning(hazard, colour, day, "actual");
        last = Some(match last {
            None => story.tell_at(Department::Yjj, area, issued, at, body),
            Some(old) => story.correct(old, Department::Yjj, area, at, body),
        });
    }
    if let Some(old) = last.filter(|_| !comes) {
        let at = office_hour(day, draw);
        story.correct(old, Department::Yjj, area, at, warning(hazard, "blue", day, "cancel"));
    }
}

fn warning(hazard: &'static str, colour: &'static str, onset: Date, status: &'static str) -> Body {
    Body::Warning(Warning { hazard, colour, onset, expires: onset.plus(2), status })
}
