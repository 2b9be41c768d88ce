//! Deciding less often: how much money may come to a household before any level can change.
//!
//! A decision leaves a margin behind: as long as events only add money and no more than this in all,
//! every level of every rule and every material quotient stays as it is on every date before the
//! margin's end, which is never later than the household's next date. Such events are taken without
//! deciding. Where levels are the same whatever events about areas come and go, the household is
//! *calm* and those are passed over too. Everything else is decided. Whatever makes a rule depend on
//! something new must be bounded in [`room`], or be a reason to doubt the household.
//!
//! It refuses to guess: where something is not known there is no margin.

use proto::{
    catalogue::TypeId,
    date::Date,
    event::Event,
    fields::{Packed, find},
};
use rules::{Fact, Horizon, Leeway, Open, Severity};

use crate::{
    case::{Case, Standing},
    decide::Cause,
    desk::Desk,
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
    /// The types of which an event must be decided whatever it adds, as [`kinds`] of them.
    pub(crate) heard: u64,
}

/// More than most households are billed between two decisions, in fen: looking further costs more
/// than it saves.
const ENOUGH: u32 = 100_000;

impl Margin {
    /// Nothing may come.
    pub(crate) const NONE: Margin = {
        let (left, end) = (0, Date(i32::MIN));
        Margin { left, end, calm: false, heard: u64::MAX }
    };

    /// Whether an event that comes, and nothing else, is within it.
    pub(crate) fn takes(self, book: &Rulebook, today: Date, event: &Event) -> bool {
        self.holds(today)
            && !self.hears(event.type_id)
            && amount(book, event.type_id, event.fields.bytes()).is_some_and(|a| a <= self.left)
    }

    fn hears(self, type_id: TypeId) -> bool {
        self.heard & kinds(type_id) != 0
    }

    /// Whether it is told for a date.
    pub(crate) fn holds(self, today: Date) -> bool {
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
    /// The rules that read the type by other facts still: to those any event may do more.
    pub(crate) asks: Vec<u16>,
}

/// One bit for a type; types 64 apart share theirs.
pub(crate) fn kinds(type_id: TypeId) -> u64 {
    1 << (type_id.0 % 64)
}

impl Addition {
    /// What events of the type add to.
    pub(crate) fn of(book: &Rulebook, type_id: TypeId) -> Addition {
        let mut addition = Addition { fields: Vec::new(), others: Vec::new(), asks: Vec::new() };
        for slot in book.all() {
            for (at, rule) in book.rules(*slot) {
                let pack = &book.packs[usize::from(at.pack)];
                for place in &rule.reads.facts {
                    let fact = &pack.facts[*place];
                    let reads = fact.types.contains(&type_id);
                    let takes = !reads || addition.takes(at.pack, *place, fact);
                    if (!takes || fact.until == Some(type_id)) && addition.asks.last() != Some(slot)
                    {
                        addition.asks.push(*slot);
                    }
                }
            }
        }
        addition
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

    /// The most that an event of the type with these fields adds to a fact; nothing if it does more
    /// than adding.
    fn amount(&self, book: &Rulebook, type_id: TypeId, bytes: &[u8]) -> Option<u32> {
        let mut most = 0;
        for field in &self.fields {
            if let Some(Packed::Int(value)) = find(bytes, *field) {
                most = most.max(u32::try_from(value).ok()?);
            }
        }
        let kind = book.catalogue.get(type_id);
        let passes = |(pack, at): &(u16, u16)| {
            let pack = &book.packs[usize::from(*pack)];
            pack.passes(&pack.facts[usize::from(*at)], &EventFields { kind, bytes })
        };
        self.others.iter().all(|other| passes(other) == Some(false)).then_some(most)
    }
}

fn amount(book: &Rulebook, type_id: TypeId, bytes: &[u8]) -> Option<u32> {
    book.addition(type_id)?.amount(book, type_id, bytes)
}

impl Fold {
    /// Why the household is to be decided after an event took the place of the one at `place`.
    pub(crate) fn restated<'e>(
        &self,
        world: &World,
        ix: u32,
        place: u32,
        event: &'e Event,
    ) -> Cause<'e> {
        let household = &self.households[ix as usize];
        let book = world.book(world.generation(household.seen));
        let (type_id, fields) = (event.type_id, event.fields.bytes());
        let came = (!event.void && !book.ends(type_id)).then_some(fields);
        let replaced = household.ledger.at(place);
        let moved = replaced
            .and_then(|was| amount(book, type_id, was.fields()))
            .and_then(|_| if event.void { Some(0) } else { amount(book, type_id, fields) });
        moved.map_or(Cause::Event(type_id, came), |fen| Cause::Restated(type_id, fen, fields))
    }

    /// Whether an event that came, and nothing else, is within the household's margin: then there is
    /// nothing to decide. Otherwise the cause for which the household is to be decided.
    pub(crate) fn passes_over<'e>(
        &mut self,
        world: &World,
        ix: u32,
        today: Date,
        event: &'e Event,
    ) -> Result<(), Cause<'e>> {
        let household = &mut self.households[ix as usize];
        let generation = world.generation(household.seen);
        let book = world.book(generation);
        let fields = event.fields.bytes();
        let Some(amount) = amount(book, event.type_id, fields) else {
            return Err(Cause::Event(event.type_id, Some(fields)));
        };
        let margin = household.margin;
        let passes = margin.holds(today) && !margin.hears(event.type_id);
        match margin.left.checked_sub(amount).filter(|_| passes && !hides(household)) {
            Some(left) => {
                household.margin.left = left;
                household.note_change(today, generation);
                Ok(())
            }
            None => Err(Cause::Money(event.type_id, amount, fields)),
        }
    }

    /// Whether events about areas that changed make no difference to the household: then there is
    /// nothing to decide.
    pub(crate) fn stays_calm(&mut self, world: &World, ix: u32, today: Date) -> bool {
        let household = &mut self.households[ix as usize];
        if !household.margin.calm || !household.margin.holds(today) || hides(household) {
            return false;
        }
        household.note_change(today, world.generation(household.seen));
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
    /// Whether what came may go again.
    pub(crate) eases: bool,
    /// Whether events about areas make no difference.
    pub(crate) calm: bool,
    /// The events that may do more to it than money does.
    pub(crate) hears: Hears,
}

/// The events that a rule must be asked about whatever money they bring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hears {
    /// None.
    Nothing,
    /// Those that can end its rest; see [`Rulebook::wakes`].
    Waking,
    /// All that it reads by more than sums and maxima of money.
    Asked,
}

impl Room {
    /// Nothing may come.
    pub(crate) const NONE: Room = Room { left: 0, eases: false, calm: false, hears: Hears::Asked };
    /// Anything may.
    const ALL: Room = Room { left: u32::MAX, eases: true, calm: true, hears: Hears::Nothing };
    /// Anything may that does not end the rule's rest.
    pub(crate) const ASLEEP: Room = Room { hears: Hears::Waking, ..Room::ALL };

    fn of(leeway: Leeway, calm: bool) -> Room {
        Room { left: leeway.fen, eases: leeway.eases, calm, hears: Hears::Asked }
    }

    /// Takes what comes to a rule's facts out of what may come; says whether it may.
    pub(crate) fn pay(&mut self, fen: u32) -> bool {
        let left = self.left.checked_sub(fen);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

/// How much may come before a rule's level or material quotient can change on a date before `end`.
pub(crate) fn room(desk: &mut Desk<'_>, case: &Case, slot: u16, end: Date) -> Option<Room> {
    let Some(at) = desk.holds(slot).0 else { return Some(Room::ALL) };
    let standing = standing(desk, case, slot);
    if standing.is_some_and(hidden) {
        return None;
    }
    let level = standing.map_or(Severity::None, |s| s.computed);
    let asked = desk.book.asked(slot) != 0;
    let found = desk.rule(at);
    let (pack, view, memo) = desk.pack(at.pack);
    let baseline = standing.filter(|s| s.shown > Severity::None).and_then(|s| s.baseline);
    let mut left = |open: Open| {
        let horizon = Horizon { end, open };
        let left = pack.margin(found, level, horizon, ENOUGH, view, memo)?;
        match found.material.zip(baseline) {
            Some((material, baseline)) => {
                Some(left.and(pack.material_margin(material, baseline, horizon, view, memo)?))
            }
            None => Some(left),
        }
    };
    let may_be_deaf = asked && level == Severity::None && found.settles;
    if may_be_deaf && left(Open::Everything).is_some() {
        return Some(Room::ALL);
    }
    if let Some(left) = left(Open::Areas) {
        return Some(Room::of(left, true));
    }
    let of_areas = found.reads.facts.iter().any(|at| pack.facts[*at].of_areas);
    let left = if of_areas { left(Open::Nothing) } else { None };
    left.map(|left| Room::of(left, false))
}

#[cfg(test)]
mod tests;
