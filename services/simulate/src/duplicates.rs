//! Events sent twice: the same bytes again, right after the first time.
//!
//! It refuses to change a thing.

use crate::{
    draw::{Draw, Topic},
    event::Event,
};

/// Share of events sent twice.
const TWICE: f64 = 0.02;

pub(crate) fn add(seed: u64, household: u32, events: &mut Vec<Event>) {
    let mut draw = Draw::new(seed, Topic::Duplicates, u64::from(household));
    for place in 0..events.len() {
        if draw.chance(TWICE) {
            let again = Event { copy: 1, ..events[place].clone() };
            events.push(again);
        }
    }
}
