//! Failed crops, herds and shops of single households, and falling prices of whole counties.
//!
//! It refuses to know insurance claims.

use proto::date::Date;

use crate::{
    draw::{Draw, Topic, fen},
    event::{Body, Department, Subject},
    layout::Layout,
    story::Story,
};

/// Failures a year and household with a livelihood of its own.
const FAILURES: f64 = 0.020;
/// Price falls a year and county.
const FALLS: f64 = 2.0;

pub(crate) const LIVELIHOODS: [(&str, f64); 8] = [
    ("crop:onion", 0.20),
    ("crop:maize", 0.26),
    ("crop:apple", 0.14),
    ("crop:pepper", 0.12),
    ("livestock:pig", 0.09),
    ("livestock:cattle", 0.08),
    ("livestock:sheep", 0.06),
    ("business:shop", 0.05),
];

pub(crate) fn tell(seed: u64, household: u32, livelihoods: &[&str], story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Industry, u64::from(household));
    for livelihood in livelihoods {
        for _ in 0..draw.poisson(FAILURES * story.calendar.years()) {
            let day = story.calendar.any_day(&mut draw);
            let body = failure(livelihood, &mut draw);
            story.tell(Department::Nyj, Subject::Household, day, &mut draw, body);
        }
    }
}

/// The loss of one livelihood.
pub(crate) fn failure(livelihood: &str, draw: &mut Draw) -> Body {
    let (kind, median) = match livelihood.split_once(':') {
        Some(("livestock", _)) => ("livestock", 7_000.0),
        Some(("business", _)) => ("business", 12_000.0),
        _ => ("crop", 3_500.0),
    };
    Body::Failure { kind, loss_fen: fen(draw.lognormal(median, 1.0)) }
}

/// Price falls, each for a county.
pub(crate) fn prices(seed: u64, layout: &Layout, story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Industry, 0);
    for year in story.calendar.calendar_years() {
        let start = Date::ymd(year, 1, 1).unwrap_or_default();
        for county in 0..layout.counties() {
            for _ in 0..draw.poisson(FALLS) {
                let (product, day) = (draw.pick(&LIVELIHOODS[..7]), start.plus(draw.whole(0, 364)));
                let drop_permille = draw.whole(120, 450).unsigned_abs();
                let body = Body::PriceDrop { product, drop_permille };
                let area = Subject::Area(layout.county_code(county));
                if story.calendar.holds(day) {
                    story.tell(Department::Nyj, area, day, &mut draw, body);
                }
            }
        }
    }
}
