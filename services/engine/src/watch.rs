//! How long each rule of a household stays as it was found, so that a decision asks only the rules
//! that can have changed.
//!
//! A rule *rests* while something without which it cannot stand is not there: an event, a second
//! kind of misfortune, enough days without work. It needs no watch, or one that says until when, and
//! is asked when an event comes that can end its rest. Every other rule has a watch: until the watch's date, and
//! while no more money comes than it tells, the rule stays at its level and its material quotient
//! does not grow. It refuses to guess: what is not known is watched from day to day.

use proto::date::Date;

use crate::{
    case::Case,
    decide::Found,
    desk::Desk,
    margin::{Hears, Margin, Room, room},
    rulebook::Rulebook,
};

/// A watch shorter than this is not worth knowing how much may come, in days.
const SHORT: i32 = 3;

/// How long one rule stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Watch {
    /// The rule.
    pub(crate) slot: u16,
    /// The date from which it may stand otherwise.
    pub(crate) until: Date,
    /// The date from which an event may find it otherwise, whatever the event is.
    pub(crate) stays: Date,
    /// What may come, and whether events about areas make no difference.
    pub(crate) room: Room,
}

impl Watch {
    /// What a decision found of a rule, which stays until a date unless something comes.
    pub(crate) fn new(desk: &mut Desk<'_>, case: &Case, found: Found) -> Watch {
        let Found { slot, until, stays } = found;
        let watch = Watch { slot, until, stays, room: Room::NONE };
        let room = watch.known(desk).and_then(|end| room(desk, case, slot, end));
        Watch { room: room.unwrap_or(Room::NONE), ..watch }
    }

    /// The end of the dates of which it is worth knowing how much may come.
    fn known(&self, desk: &Desk<'_>) -> Option<Date> {
        let end = self.until.min(self.stays);
        Some(end).filter(|end| *end > desk.sight.today.plus(SHORT))
    }
}

/// The watches of a household, by rule.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Watches(Box<[Watch]>);

impl Watches {
    /// Reads something of each of their cache lines.
    pub(crate) fn touch(&self) -> usize {
        self.0.iter().step_by(3).map(|watch| usize::from(watch.slot)).sum()
    }

    /// The watch of a rule, where it needs one.
    pub(crate) fn get(&self, slot: u16) -> Option<&Watch> {
        let at = self.0.binary_search_by_key(&slot, |watch| watch.slot).ok()?;
        self.0.get(at)
    }

    /// Rules in their order, each with its watch, where it needs one.
    pub(crate) fn of<'w>(
        &'w mut self,
        slots: &'w [u16],
    ) -> impl Iterator<Item = (u16, Option<&'w mut Watch>)> {
        let mut watches = self.0.iter_mut().peekable();
        slots.iter().map(move |slot| {
            while watches.next_if(|watch| watch.slot < *slot).is_some() {}
            (*slot, watches.next_if(|watch| watch.slot == *slot))
        })
    }

    fn get_mut(&mut self, slot: u16) -> Option<&mut Watch> {
        let at = self.0.binary_search_by_key(&slot, |watch| watch.slot).ok()?;
        self.0.get_mut(at)
    }

    /// Takes what a decision found of a rule.
    pub(crate) fn set(&mut self, desk: &mut Desk<'_>, case: &Case, found: Found) {
        if !self.rest(desk, case, found.slot) {
            self.put(Watch::new(desk, case, found));
        }
    }

    /// Lets a rule rest if it does, and says so: it need not be asked.
    pub(crate) fn rest(&mut self, desk: &mut Desk<'_>, case: &Case, slot: u16) -> bool {
        let Some(until) = rests(desk, case, slot) else { return false };
        if until < Date::MAX {
            self.put(Watch { slot, until, stays: Date::MAX, room: Room::ASLEEP });
        } else if let Ok(at) = self.0.binary_search_by_key(&slot, |watch| watch.slot) {
            let mut watches = std::mem::take(&mut self.0).into_vec();
            watches.remove(at);
            self.0 = watches.into();
        }
        true
    }

    fn put(&mut self, watch: Watch) {
        match self.0.binary_search_by_key(&watch.slot, |watch| watch.slot) {
            Ok(at) => self.0[at] = watch,
            Err(at) => {
                let mut watches = std::mem::take(&mut self.0).into_vec();
                watches.reserve_exact(1);
                watches.insert(at, watch);
                self.0 = watches.into();
            }
        }
    }

    /// Whether a rule stays as it was found although more money came than its watch told; then the
    /// watch tells anew how much may come.
    pub(crate) fn renew(&mut self, desk: &mut Desk<'_>, case: &Case, slot: u16) -> bool {
        let Some(watch) = self.get_mut(slot) else { return false };
        let room = watch.known(desk).and_then(|end| room(desk, case, slot, end));
        watch.room = room.unwrap_or(Room::NONE);
        room.is_some()
    }

    /// The rules whose date has come.
    pub(crate) fn due(&self, today: Date) -> impl Iterator<Item = u16> {
        self.0.iter().filter(move |watch| watch.until <= today).map(|watch| watch.slot)
    }

    /// The rules of which nothing is sure any more when an event comes.
    pub(crate) fn lapsed(&self, today: Date) -> impl Iterator<Item = u16> {
        self.0.iter().filter(move |watch| watch.stays <= today).map(|watch| watch.slot)
    }

    /// Takes what came without a decision out of what may come.
    pub(crate) fn spend(&mut self, left: u32) {
        let spent = self.left().saturating_sub(left);
        for watch in &mut self.0 {
            watch.room.left = watch.room.left.saturating_sub(spent);
        }
    }

    fn left(&self) -> u32 {
        self.0.iter().map(|watch| watch.room.left).min().unwrap_or(u32::MAX)
    }

    /// The first date on which a rule may stand otherwise.
    pub(crate) fn until(&self) -> Date {
        self.0.iter().map(|watch| watch.until).min().unwrap_or(Date::MAX)
    }

    /// What may come to the household until it is decided next.
    pub(crate) fn margin(&self, book: &Rulebook, due: Date) -> Margin {
        let (left, end, calm, heard) = (u32::MAX, due, true, 0);
        let mut margin = Margin { left, end, calm, heard };
        for Watch { slot, stays, room, .. } in &self.0 {
            margin.left = margin.left.min(room.left);
            margin.end = margin.end.min(*stays);
            margin.calm &= room.calm;
            margin.heard |= match room.hears {
                Hears::Nothing => 0,
                Hears::Waking => book.waking(*slot),
                Hears::Asked => book.asked(*slot),
            };
        }
        for (slot, waking) in book.resting() {
            if waking & !margin.heard != 0 && self.get(*slot).is_none() {
                margin.heard |= waking;
            }
        }
        margin
    }
}

/// Until when nothing but an event that [`Rulebook::wakes`] it can make the rule stand.
fn rests(desk: &mut Desk<'_>, case: &Case, slot: u16) -> Option<Date> {
    let id = desk.book.id(slot);
    if case.standings.iter().any(|standing| standing.rule == id) {
        return None;
    }
    let (holds, until) = desk.holds(slot);
    let Some(at) = holds else { return Some(until) };
    let rule = desk.rule(at);
    let (pack, view, _) = desk.pack(at.pack);
    pack.rests(rule, view).map(|rests| rests.min(until))
}
