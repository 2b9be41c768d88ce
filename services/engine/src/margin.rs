//! Deciding less often: how much money may come to a household before any level can change.
//!
//! A decision leaves a margin behind: as long as events only add money and no
//! more than this in all, every level of every rule and every material quotient stays as it is on
//! every date before the margin's end, which is never later than the household's next date.
//! Such events are taken without deciding. Where levels are the same whatever events about areas
//! come and go, the household is *calm* and those are passed over too. Everything else is decided. Whatever makes a decision
//! depend on something new must be bounded in [`room`], or take the margin away where it
//! changes.
//!
//! It refuses to guess: where something is not known there is no margin.

use proto::{
    catalogue::TypeId,
    date::Date,
    event::Event,
    fields::{Packed, find},
};
use rules::{Fact, Horizon, Severity};

use crate::{
    case::{Case, Standing},
    decide::{Cause, Desk},
    fold::Fold,
    household::Household,
    rulebook::Rulebook,
    view::EventFields,
    world::World,
};

/// What may come to a household before it must be decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Margin {
    /// In fen.
    pub(crate) left: u32,
    /// It holds before this date.
    pub(crate) end: Date,
    /// Whether events about areas make no difference.
    pub(crate) calm: bool,
}

/// More than most households are billed between two decisions, in fen: looking further costs more
/// than it saves.
const ENOUGH: u32 = 100_000;

impl Margin {
    /// Nothing may come.
    pub(crate) const NONE: Margin = Margin { left: 0, end: Date(i32::MIN), calm: false };

    fn holds(self, today: Date) -> bool {
        today < self.end
    }
}

impl Default for Margin {
    fn default() -> Margin {
        Margin::NONE
    }
}

/// What an event of a type adds to, if adding is all it can do.
#[derive(Clone, Debug)]
pub(crate) struct Addition {
    /// The money fields that facts take sums and maxima of.
    fields: Vec<usize>,
    /// The other facts of the type, by pack and place: an event that passes their `where` does more.
    others: Vec<(u16, u16)>,
}

impl Addition {
    /// What events of the type add to; nothing if they always do more.
    pub(crate) fn of(book: &Rulebook, type_id: TypeId) -> Option<Addition> {
        let mut addition = Addition { fields: Vec::new(), others: Vec::new() };
        if !book.on_event().is_empty() {
            return None;
        }
        for (p, pack) in (0u16..).zip(&book.packs) {
            let read = pack.rules.iter().flat_map(|rule| rule.reads.facts.iter().copied());
            for at in read {
                let fact = &pack.facts[at];
                if fact.until == Some(type_id) {
                    return None;
                }
                if fact.types.contains(&type_id) && !addition.takes(p, at, fact) {
                    return None;
                }
            }
        }
        Some(addition)
    }

    fn takes(&mut self, pack: u16, at: usize, fact: &Fact) -> bool {
        if let (true, Some(field)) = (fact.grows, fact.field) {
            if !self.fields.contains(&field) {
                self.fields.push(field);
            }
            return true;
        }
        let other = (pack, u16::try_from(at).unwrap_or(u16::MAX));
        if fact.filter.is_some() && !self.others.contains(&other) {
            self.others.push(other);
        }
        fact.filter.is_some()
    }

    /// The most that an event adds to a fact; nothing if it does more than adding.
    fn amount(&self, book: &Rulebook, event: &Event) -> Option<u32> {
        let bytes = event.fields.bytes();
        let mut most = 0;
        for field in &self.fields {
            if let Some(Packed::Int(value)) = find(bytes, *field) {
                most = most.max(u32::try_from(value).ok()?);
            }
        }
        let kind = book.catalogue.get(event.type_id);
        let passes = |(pack, at): &(u16, u16)| {
            let pack = &book.packs[usize::from(*pack)];
            pack.passes(&pack.facts[usize::from(*at)], &EventFields { kind, bytes })
        };
        self.others.iter().all(|other| passes(other) == Some(false)).then_some(most)
    }
}

impl Fold {
    /// Whether an event that came, and nothing else, is within the household's margin: then there is
    /// nothing to decide. Otherwise the cause for which the household is to be decided.
    pub(crate) fn passes_over(
        &mut self,
        world: &World,
        ix: u32,
        today: Date,
        event: &Event,
    ) -> Result<(), Cause> {
        let household = &mut self.households[ix as usize];
        let generation = world.generation(household.seen);
        let book = world.book(generation);
        let addition = book.addition(event.type_id);
        let Some(amount) = addition.and_then(|addition| addition.amount(book, event)) else {
            return Err(Cause::Event(event.type_id));
        };
        let left = household.margin.left.checked_sub(amount);
        match left.filter(|_| household.margin.holds(today) && !hides(household)) {
            Some(left) => {
                household.margin.left = left;
                household.changed_on = today;
                household.changed_under = generation;
                Ok(())
            }
            None => Err(Cause::Money(event.type_id, amount)),
        }
    }

    /// Whether events about areas that changed make no difference to the household: then there is
    /// nothing to decide.
    pub(crate) fn stays_calm(&mut self, world: &World, ix: u32, today: Date) -> bool {
        let household = &mut self.households[ix as usize];
        if !household.margin.calm || !household.margin.holds(today) || hides(household) {
            return false;
        }
        household.changed_on = today;
        household.changed_under = world.generation(household.seen);
        true
    }
}

/// Whether a level is found and not shown.
fn hides(household: &Household) -> bool {
    household.case.as_deref().is_some_and(|case| case.standings.iter().any(hidden))
}

/// A level that is found and not shown waits for something that no margin bounds.
fn hidden(standing: &Standing) -> bool {
    standing.computed > standing.shown
}

fn standing<'c>(desk: &Desk<'_>, case: &'c Case, slot: u16) -> Option<&'c Standing> {
    let id = desk.book.id(slot);
    case.standings.iter().find(|standing| standing.rule == id)
}

/// How much may come to a rule, and whether that is so whatever events about areas come and go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Room {
    /// In fen.
    pub(crate) left: u32,
    /// Whether events about areas make no difference.
    pub(crate) calm: bool,
}

impl Room {
    /// Nothing may come.
    pub(crate) const NONE: Room = Room { left: 0, calm: false };
}

/// How much may come before a rule's level or material quotient can change on a date before `end`.
pub(crate) fn room(desk: &mut Desk<'_>, case: &Case, slot: u16, end: Date) -> Option<Room> {
    let Some(at) = desk.holds(slot).0 else { return Some(Room { left: u32::MAX, calm: true }) };
    let standing = standing(desk, case, slot);
    if standing.is_some_and(hidden) {
        return None;
    }
    let level = standing.map_or(Severity::None, |s| s.computed);
    let found = desk.rule(at);
    let (pack, view, memo) = desk.pack(at.pack);
    let baseline = standing.filter(|s| s.shown > Severity::None).and_then(|s| s.baseline);
    let mut left = |any_area: bool| {
        let horizon = Horizon { end, any_area };
        let left = pack.margin(found, level, horizon, ENOUGH, view, memo)?;
        match found.material.zip(baseline) {
            Some((material, baseline)) => {
                Some(left.min(pack.material_margin(material, baseline, horizon, view, memo)?))
            }
            None => Some(left),
        }
    };
    if let Some(left) = left(true) {
        return Some(Room { left, calm: true });
    }
    let of_areas = found.reads.facts.iter().any(|at| pack.facts[*at].of_areas);
    if of_areas { left(false).map(|left| Room { left, calm: false }) } else { None }
}

#[cfg(test)]
mod tests;
