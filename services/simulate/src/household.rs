//! One household as it stands when the span begins: people, means, place, dirt.
//!
//! It refuses to know what will happen to it.

use proto::date::{Date, Instant};

use crate::{
    calendar::office_hour,
    dirt,
    draw::{Draw, Topic},
    health, income,
    income::Means,
    industry::LIVELIHOODS,
    layout::Layout,
    population::{self, Person, Work},
};

/// A household before its events.
#[derive(Clone, Debug)]
pub(crate) struct Household {
    pub(crate) index: u32,
    pub(crate) village: u32,
    /// 12 digits; a merged village's code where the entry is stale.
    pub(crate) region: u64,
    /// County of the resettlement site it lives in.
    pub(crate) site: Option<u32>,
    pub(crate) people: Vec<Person>,
    pub(crate) means: Means,
    pub(crate) livelihoods: Vec<&'static str>,
    pub(crate) unsafe_house: bool,
    pub(crate) dry: bool,
    pub(crate) updated_at: Instant,
    pub(crate) consent_on: Option<Date>,
}

impl Household {
    /// Household `index` of the province with this seed, as of the day the span begins.
    pub(crate) fn new(seed: u64, index: u32, from: Date, layout: &Layout) -> Household {
        let village = layout.village_of(index);
        let county = layout.county_of(village);
        let mut people = people(seed, index, from);
        let means = income::assign(seed, index, income::poor_share(seed, county), &mut people);
        let dirt = dirt::assign(seed, index, &mut people);
        let mut draw = Draw::new(seed, Topic::Insurance, u64::from(index));
        for person in &mut people {
            person.insured = draw.chance(if means.registered_poor { 0.995 } else { 0.975 });
        }
        let code = layout.village_code(village);
        let stale = layout.merged_code(village).filter(|_| dirt.stale_region);
        let updated = from.plus(-draw.whole(1, 120));
        let low = is_low(means.class);
        Household {
            index,
            village,
            region: stale.unwrap_or(code),
            site: draw.chance(if means.registered_poor { 0.06 } else { 0.001 }).then_some(county),
            livelihoods: livelihoods(&people, &mut draw),
            unsafe_house: draw.chance(if low { 0.004 } else { 0.001 }),
            dry: draw.chance(0.001),
            updated_at: office_hour(updated, &mut draw),
            consent_on: draw.chance(if low { 0.97 } else { 0.55 }).then(|| updated.plus(-30)),
            people,
            means,
        }
    }

    /// Whether it is in one of the low-income classes.
    pub(crate) fn is_low(&self) -> bool {
        is_low(self.means.class)
    }
}

/// The members with ages, labour and health; the same with or without the rest of the household.
pub(crate) fn people(seed: u64, index: u32, from: Date) -> Vec<Person> {
    let mut people = population::members(seed, index, from.year());
    health::assign(seed, index, &mut people);
    people
}

fn is_low(class: &str) -> bool {
    !matches!(class, "ordinary" | "registered_poor")
}

fn livelihoods(people: &[Person], draw: &mut Draw) -> Vec<&'static str> {
    let farms = people.iter().any(|p| p.work == Work::Home);
    if !draw.chance(if farms { 0.72 } else { 0.25 }) {
        return Vec::new();
    }
    let first = draw.pick(&LIVELIHOODS);
    let second = draw.chance(0.15).then(|| draw.pick(&LIVELIHOODS)).filter(|s| *s != first);
    [Some(first), second].into_iter().flatten().collect()
}
