//! Deciding less often: how much money may come to a household before any level can change.
//!
//! A decision leaves a margin behind: as long as events only add money and no
//! more than this in all, every level of every rule and every material quotient stays as it is on
//! every date before the margin's end, which is never later than the household's next date.
//! Such events are taken without deciding; everything else is decided. Whatever makes a decision
//! depend on something new must be bounded in [`margin_after`], or take the margin away where it
//! changes.
//!
//! It refuses to guess: where something is not known there is no margin.

use proto::{
    catalogue::TypeId,
    date::Date,
    event::Event,
    fields::{Packed, find},
};
use rules::{Fact, Severity};

use crate::{
    case::{Case, Standing},
    decide::{Cause, Desk},
    fold::Fold,
    rulebook::Rulebook,
    view::EventFields,
    world::World,
};

/// What may come to a household before it must be decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Margin {
    /// In fen.
    left: u32,
    /// It holds before this date.
    end: Date,
}

/// A margin shorter than this is not worth finding, in days.
const SHORT: i32 = 3;
/// More than most households are billed between two decisions, in fen: looking further costs more
/// than it saves.
const ENOUGH: u32 = 300_000;

impl Margin {
    /// Nothing may come.
    pub(crate) const NONE: Margin = Margin { left: 0, end: Date(i32::MIN) };

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
    /// nothing to decide.
    pub(crate) fn passes_over(
        &mut self,
        world: &World,
        ix: u32,
        today: Date,
        event: &Event,
    ) -> bool {
        let household = &mut self.households[ix as usize];
        let hidden = household.case.as_deref().is_some_and(|c| c.standings.iter().any(hidden));
        if hidden || !household.margin.holds(today) {
            return false;
        }
        let generation = world.generation(household.seen);
        let book = world.book(generation);
        let addition = book.addition(event.type_id);
        let amount = addition.and_then(|addition| addition.amount(book, event));
        let left = amount.and_then(|amount| household.margin.left.checked_sub(amount));
        let Some(left) = left else { return false };
        household.margin.left = left;
        household.changed_on = today;
        household.changed_under = generation;
        true
    }
}

/// The margin that a decision leaves, when all has been said; `due` is when the household is to be
/// decided next.
pub(crate) fn margin_after(
    desk: &mut Desk<'_>,
    case: &Case,
    cause: Cause,
    before: Margin,
    due: Date,
) -> Margin {
    let (book, today) = (desk.book, desk.today);
    let (slots, from) = match cause {
        // A province's warning would make margins for households that may never be billed again.
        Cause::Event(id) if book.catalogue.get(id).area && !before.holds(today) => {
            return Margin::NONE;
        }
        // The other rules do not read what changed: for them the margin stays as it was.
        Cause::Event(type_id) if before.holds(today) && book.addition(type_id).is_none() => {
            (book.reading(type_id), Margin { end: before.end.min(due), ..before })
        }
        _ => (book.all(), Margin { left: u32::MAX, end: due }),
    };
    // A quiet rule may be heard again at another quotient than the one last said.
    let quiet = case.standings.iter().any(|standing| standing.silence.is_some());
    if from.end <= today.plus(SHORT) || !book.on_event().is_empty() || quiet {
        return Margin::NONE;
    }
    let left = slots.iter().try_fold(from.left, |left, slot| {
        (left > 0).then(|| rule(desk, case, *slot, from.end)).flatten().map(|more| left.min(more))
    });
    left.map_or(Margin::NONE, |left| Margin { left, ..from })
}

/// A level that is found and not shown waits for something that no margin bounds.
fn hidden(standing: &Standing) -> bool {
    standing.computed > standing.shown
}

/// How much may come before a rule's level or material quotient can change.
fn rule(desk: &mut Desk<'_>, case: &Case, slot: u16, end: Date) -> Option<u32> {
    let (holds, boundary) = desk.book.holds(slot, desk.known.region, desk.today);
    if boundary < end {
        return None;
    }
    let Some(at) = holds else { return Some(u32::MAX) };
    let id = desk.book.id(slot);
    let standing = case.standings.iter().find(|s| s.rule == id);
    if standing.is_some_and(hidden) {
        return None;
    }
    let level = standing.map_or(Severity::None, |s| s.computed);
    let found = desk.rule(at);
    let (pack, view, memo) = desk.pack(at.pack);
    let margin = pack.margin(found, level, end, ENOUGH, view, memo)?;
    let baseline = standing.filter(|s| s.shown > Severity::None).and_then(|s| s.baseline);
    match found.material.zip(baseline) {
        Some((material, baseline)) => {
            let more = pack.material_margin(material, baseline, end, view, memo)?;
            Some(margin.min(more))
        }
        None => Some(margin),
    }
}

#[cfg(test)]
mod tests;
