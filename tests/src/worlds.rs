//! Random small worlds: a few households, their events and rule packs over some months, that reach
//! every clause of `contract.md`; their shrinking; and the changes of order and number that must
//! change no level. A world is plain text, as files would hold it. Refuses to know what should come
//! out.

mod deeds;
mod draw;
mod happenings;
mod people;
mod render;
mod rules;
#[cfg(test)]
mod sentences;
mod shrink;

pub use shrink::shrink;

#[cfg(test)]
pub(crate) use sentences::sentence;

use crate::reference::{day_of, show_date};
use draw::Draw;

/// The input of one backtest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// Profile lines, in the order of the file.
    pub households: Vec<String>,
    /// Event lines, in the order of the file.
    pub events: Vec<String>,
    /// Outcomes, as `reference::backtest_with` takes them.
    pub outcomes: Vec<String>,
    /// Rule packs, as YAML.
    pub packs: Vec<String>,
    /// The last day, `YYYY-MM-DD`.
    pub until: String,
}

/// When a world plays, in days, and what it may hold.
#[derive(Debug)]
pub(crate) struct Frame {
    start: i64,
    length: i64,
    /// Conflicting contents under one identity.
    conflicts: bool,
    /// Only daily packs without `close_after`.
    lawful: bool,
    /// Packs have a chain of steps.
    chained: bool,
}

impl World {
    /// A world of 3 to 8 households; `size` 1 to 4 sets how many events (10 to about 60).
    pub fn generate(seed: u64, size: usize) -> World {
        World::draw(seed, size, false, false)
    }

    /// The same with packs that know the whole chain, postings and the green channel.
    pub fn chained(seed: u64, size: usize) -> World {
        World::draw(seed, size, false, true)
    }

    /// A world of which every permutation and duplication of the events has the same final levels:
    /// daily packs, `close_after` 0, no conflicts, no event whose refusal depends on the clock.
    pub fn lawful(seed: u64) -> World {
        World::draw(seed, 3, true, false)
    }

    fn draw(seed: u64, size: usize, lawful: bool, chained: bool) -> World {
        let mut d = Draw::new(seed);
        let (year, month) = d.pick(&[
            (2025, 8),
            (2025, 10),
            (2025, 11),
            (2025, 12),
            (2026, 1),
            (2027, 12),
            (2028, 1),
            (2028, 7),
        ]);
        let start = day_of(year, month, 1) + d.between(0, 27);
        let length = d.between(50, 200);
        let frame = Frame { start, length, conflicts: !lawful, lawful, chained };
        let people = people::draw(&mut d, &frame, size);
        let events = happenings::draw(&mut d, &frame, &people, size);
        let packs = rules::draw(&mut d, &frame);
        let extra = if d.chance(25) { -d.between(1, 20) } else { d.between(0, 40) };
        let outcomes = if lawful {
            Vec::new()
        } else {
            deeds::draw(&mut Draw::new(!seed), &frame, &people.households)
        };
        World {
            households: people.lines,
            events,
            outcomes,
            packs: packs.iter().map(render::yaml_text).collect(),
            until: show_date(start + frame.length - 1 + extra),
        }
    }

    /// The same events in another order.
    #[must_use]
    pub fn permute(&self, seed: u64) -> World {
        let mut d = Draw::new(seed);
        let mut out = self.clone();
        people::shuffle(&mut d, &mut out.events);
        out
    }

    /// Some events a second or third time, somewhere, partly in another dress (zone, dropped field,
    /// a default written out).
    #[must_use]
    pub fn duplicate(&self, seed: u64) -> World {
        let mut d = Draw::new(seed);
        let mut out = self.clone();
        for _ in 0..1 + self.events.len() / 2 {
            let event = serde_json::from_str(&d.pick(&self.events)).unwrap_or_default();
            let at = d.below(out.events.len() + 1);
            out.events.insert(at, happenings::copy(&mut d, &event).to_string());
        }
        out
    }
}

#[cfg(test)]
mod tests;
