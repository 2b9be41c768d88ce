//! The fold of one partition: its households, what they wait for, and the alerts they gave.

use std::{
    collections::{BTreeSet, VecDeque},
    hint::black_box,
};

use hashbrown::HashTable;
use proto::{
    alert::Alert,
    codes::Code,
    date::{DAY_US, Date, Instant},
    event::{Event, REMEMBERED_DAYS},
    household::Profile,
    ids::HouseholdKey,
};
use serde::{Deserialize, Serialize};

use crate::{
    ahead::{AHEAD, TOGETHER, bring_events},
    calendar::Calendar,
    case::Case,
    decide::Cause,
    desk::Kit,
    household::{Household, Known, Parked, Person, Place},
    ledger::{Ledger, Offered, Source, Turn},
    publish::Sheet,
    words::Words,
    world::{Change, Marks, World},
};

/// What came of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It counts from now on.
    Accepted,
    /// It counts, and names an event of another type or subject (`correction.unmatched`).
    Unmatched,
    /// The same is already known, or a newer one is: nothing changes.
    Duplicate,
    /// It waits for a profile.
    Parked,
    /// It has no effect, for this reason.
    Refused(Code),
}

impl Outcome {
    /// Whether the entry was taken.
    pub(crate) fn counts(self) -> bool {
        matches!(self, Outcome::Accepted | Outcome::Unmatched | Outcome::Parked)
    }
}

/// An entry on its way to its household.
#[derive(Debug)]
pub(crate) struct Routed<'e> {
    /// Its place among the entries of the batch.
    pub(crate) entry: u32,
    pub(crate) household: u32,
    pub(crate) at: Instant,
    pub(crate) what: What<'e>,
}

/// What comes to a household.
#[derive(Debug)]
pub(crate) enum What<'e> {
    /// An event of its own or of one of its persons.
    Event { event: &'e Event, person: Option<Person>, source: Source },
    /// A newer profile.
    Profile(Box<Learning<'e>>),
}

/// A newer profile and the persons who leave and come with it.
#[derive(Debug)]
pub(crate) struct Learning<'e> {
    pub(crate) profile: &'e Profile,
    pub(crate) named: Box<[Person]>,
    /// They belong to no household any more.
    pub(crate) leave: Vec<Person>,
    /// They belonged to none, with the events that waited for that.
    pub(crate) come: Vec<(Person, Ledger)>,
}

/// The households that a change still has to be carried to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FanOut {
    pub(crate) number: u32,
    /// In reverse order of vulnerability: the next is the last.
    pub(crate) left: Vec<u32>,
}

/// One partition.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    pub(crate) households: Vec<Household>,
    /// Where each household is.
    pub(crate) places: Vec<Place>,
    pub(crate) hashes: Vec<u64>,
    pub(crate) by_hash: HashTable<u32>,
    pub(crate) words: Words,
    pub(crate) words_of_route: Words,
    pub(crate) calendar: Calendar,
    /// The households about whose cases people said something, each once.
    pub(crate) recorded: Vec<u32>,
    /// When the next clock of each household's case runs out.
    pub(crate) alarms: BTreeSet<(Instant, u32)>,
    pub(crate) fan_outs: VecDeque<FanOut>,
    /// Alerts since they were last taken.
    pub(crate) alerts: Vec<Alert>,
    /// What came of the entries of the batch that were not just accepted.
    pub(crate) outcomes: Vec<(u32, Outcome)>,
    /// The events of persons who left for no household, and when.
    pub(crate) released: Vec<(Person, Ledger, Instant)>,
    /// How far feeds were seen by this partition.
    pub(crate) marks: Marks,
    /// What waited too long since it was last taken: when, whose, what.
    pub(crate) gone: Vec<(Instant, Box<str>, Ledger)>,
    /// Level expressions that failed, by rule.
    pub(crate) failed: Vec<u64>,
    pub(crate) kit: Kit,
    pub(crate) sheet: Sheet,
    /// An empty case for the next household without one.
    pub(crate) spare: Option<Box<Case>>,
}

impl Fold {
    /// The place of a household, if it is known by name.
    #[must_use]
    pub(crate) fn find(&self, key: HouseholdKey, id: &str) -> Option<u32> {
        self.by_hash.find(key.hash64(), |ix| &*self.households[*ix as usize].id == id).copied()
    }

    /// The place of a household, made if it is new.
    pub(crate) fn place(&mut self, key: HouseholdKey, id: &str, seen: u32) -> u32 {
        if let Some(ix) = self.find(key, id) {
            return ix;
        }
        let ix = u32::try_from(self.households.len()).unwrap_or(u32::MAX);
        self.households.push(Household::new(id, seen));
        self.places.push(Place::default());
        self.hashes.push(key.hash64());
        let hashes = &self.hashes;
        self.by_hash.insert_unique(key.hash64(), ix, |ix| hashes[*ix as usize]);
        ix
    }

    /// Notes in the calendar when the household is due.
    pub(crate) fn arm(&mut self, ix: u32) {
        let household = &mut self.households[ix as usize];
        if household.due < household.armed {
            household.armed = household.due;
            self.calendar.note(household.due, ix);
        }
    }

    /// Brings a household up to an instant: the midnights, area events and pack changes that it
    /// still waits for, one after the other.
    pub(crate) fn catch_up(&mut self, world: &World, ix: u32, at: Instant) {
        let today = at.date();
        loop {
            let household = &self.households[ix as usize];
            let (due, alarm) = (household.due, household.alarm);
            let change = world.next_change(household.seen).filter(|change| change.at <= at);
            let first = |instant: Instant| change.is_none_or(|c| instant <= c.at);
            if due <= today && due.midnight() <= alarm && first(due.midnight()) {
                self.meet_midnight(world, ix, due);
                continue;
            }
            if alarm <= at && first(alarm) {
                self.run_out(world, ix, alarm);
                continue;
            }
            let Some(change) = change else {
                if world.next_change(household.seen).is_none() {
                    self.households[ix as usize].seen = world.number;
                }
                break;
            };
            self.households[ix as usize].seen = change.number;
            if !self.touched(ix, change) {
                continue;
            }
            // A correction is of its original's type, so live events of one type changed.
            let cause = change.area.as_ref().map_or(Cause::Packs, |(_, t)| Cause::Event(*t, None));
            if cause == Cause::Packs || !self.stays_calm(world, ix, change.at.date()) {
                self.decide(world, ix, change.at, cause);
            }
        }
    }

    /// Whether a change is about where a known household lives.
    fn touched(&self, ix: u32, change: &Change) -> bool {
        let place = self.places[ix as usize];
        let known = || self.households[ix as usize].known.as_deref();
        let site = if place.sited { known().and_then(|known| known.site.as_deref()) } else { None };
        place.region.is_some_and(|region| change.touches(region, site))
    }

    fn meet_midnight(&mut self, world: &World, ix: u32, date: Date) {
        self.households[ix as usize].due = Date::MAX;
        self.expire(world, ix, date);
        self.decide(world, ix, date.midnight(), Cause::Midnight);
    }

    /// Drops own events that waited for a profile for longer than is kept.
    fn expire(&mut self, world: &World, ix: u32, today: Date) {
        let household = &mut self.households[ix as usize];
        let Some(Parked { since: parked }) = household.parked.as_deref_mut() else { return };
        let days = world.present().retain_days;
        let stays = |since: Date| since.plus(days) >= today;
        let gone = household.ledger.part(|n| parked.get(n).is_some_and(|since| !stays(*since)));
        parked.retain(|since| stays(*since));
        if !gone.is_empty() {
            self.gone.push((today.midnight(), household.id.clone(), gone));
        }
        let next = parked.iter().min().map(|since| since.plus(days + 1));
        household.due = household.due.min(next.unwrap_or(Date::MAX));
        self.arm(ix);
    }

    /// Applies entries in order; none is left.
    pub(crate) fn apply(&mut self, world: &World, entries: &mut Vec<Routed<'_>>) {
        for some in entries.chunks(TOGETHER) {
            bring_events(some);
            self.bring_near(some.iter().map(|routed| routed.household));
            let decided = some.iter().filter(|routed| self.may_decide(world, routed));
            self.bring_all(decided.map(|routed| routed.household));
            for routed in some {
                let outcome = self.entry(world, routed);
                if outcome != Outcome::Accepted {
                    self.outcomes.push((routed.entry, outcome));
                }
            }
        }
        entries.clear();
    }

    fn entry(&mut self, world: &World, routed: &Routed<'_>) -> Outcome {
        let (ix, at) = (routed.household, routed.at);
        self.catch_up(world, ix, at);
        match &routed.what {
            What::Event { event, person, source } => {
                let outcome = self.event(world, ix, at, event, *person, *source);
                if outcome.counts() {
                    self.marks.note(*source, event.time, event.type_id);
                }
                outcome
            }
            What::Profile(learning) => self.learn_waiting(world, ix, at, learning),
        }
    }

    fn event(
        &mut self,
        world: &World,
        ix: u32,
        at: Instant,
        event: &Event,
        person: Option<Person>,
        source: Source,
    ) -> Outcome {
        let today = at.date();
        let household = &mut self.households[ix as usize];
        let slot = match person {
            None => 0,
            Some(person) => household.seat(person),
        };
        let offered = household.ledger.offer(event, source, slot);
        let (changed, unmatched, turn) = match offered {
            Offered::Duplicate => return Outcome::Duplicate,
            Offered::Conflict => return Outcome::Refused(Code::IdConflict),
            Offered::Full => return Outcome::Refused(Code::LimitHousehold),
            Offered::Taken { changed, unmatched, turn } => (changed, unmatched, turn),
        };
        // Only who is known has a margin.
        if !household.margin.holds(today) && household.known.is_none() {
            household.parked.get_or_insert_default().since.push(today);
            household.due = household.due.min(today.plus(world.present().retain_days + 1));
            self.arm(ix);
            return Outcome::Parked;
        }
        if changed {
            let cause = match turn {
                Turn::Alone => self.passes_over(world, ix, today, event).err(),
                Turn::Replaces(place) => Some(self.restated(world, ix, place, event)),
                Turn::Other => Some(Cause::Event(event.type_id, None)),
            };
            self.households[ix as usize].ledger.forget(oldest_kept(world, at));
            if let Some(cause) = cause {
                self.decide(world, ix, at, cause);
            }
        }
        if unmatched { Outcome::Unmatched } else { Outcome::Accepted }
    }

    /// Whether a profile is newer than what is known; the household is brought up to the instant.
    pub(crate) fn expects(
        &mut self,
        world: &World,
        ix: u32,
        profile: &Profile,
        at: Instant,
    ) -> bool {
        self.catch_up(world, ix, at);
        self.households[ix as usize].expects(profile)
    }

    /// Learns a profile that waited, with the persons who come and go.
    fn learn_waiting(
        &mut self,
        world: &World,
        ix: u32,
        at: Instant,
        learning: &Learning<'_>,
    ) -> Outcome {
        self.learn(ix, learning.profile, learning.named.clone());
        for person in &learning.leave {
            let (piece, _) = self.release(ix, *person);
            if !piece.is_empty() {
                self.released.push((*person, piece, at));
            }
        }
        for (person, piece) in &learning.come {
            self.adopt(ix, *person, piece);
        }
        self.decide(world, ix, at, Cause::Data);
        Outcome::Accepted
    }

    /// Takes the place of the household's profile; the decision is the caller's to ask for.
    pub(crate) fn learn(&mut self, ix: u32, profile: &Profile, named: Box<[Person]>) {
        let known = Known::pack(profile, named, &mut self.words);
        let household = &mut self.households[ix as usize];
        self.places[ix as usize] = known.place(&self.words);
        household.known = Some(Box::new(known));
        household.parked = None;
        self.watch(ix);
    }

    /// Forgets the household's profile and closes its case; its own events wait for a new one.
    pub(crate) fn forget_profile(&mut self, world: &World, ix: u32, at: Instant, removed: Instant) {
        let alert = self.close_removed(world, ix, at);
        self.alerts.extend(alert);
        let household = &mut self.households[ix as usize];
        self.places[ix as usize] = Place::default();
        household.known = None;
        household.doubt();
        household.removed_at = Some(Box::new(removed));
        let today = at.date();
        household.due = Date::MAX;
        if !household.ledger.is_empty() {
            let since = vec![today; household.ledger.len()];
            household.parked = Some(Box::new(Parked { since }));
            household.due = today.plus(world.present().retain_days + 1);
            self.arm(ix);
        }
    }

    /// Takes a person's events out. Says whether a live one was among them.
    pub(crate) fn release(&mut self, ix: u32, person: Person) -> (Ledger, bool) {
        let household = &mut self.households[ix as usize];
        let Some(slot) = household.slot(person) else { return (Ledger::default(), false) };
        household.persons[usize::from(slot) - 1] = Person::NOBODY;
        household.ledger.release(slot)
    }

    /// Takes a person's events in. Says whether a live one came.
    pub(crate) fn adopt(&mut self, ix: u32, person: Person, events: &Ledger) -> bool {
        let household = &mut self.households[ix as usize];
        let slot = household.seat(person);
        household.ledger.adopt(events, slot)
    }

    /// Begins to carry a change to the households that it touches, the most vulnerable first.
    pub(crate) fn begin_fan_out(&mut self, world: &World, number: u32) {
        let Some(change) = world.changes.iter().find(|c| c.number == number) else { return };
        let mut ranks: [Vec<u32>; 5] = Default::default();
        for (ix, place) in (0u32..).zip(&self.places) {
            if self.touched(ix, change) {
                ranks[usize::from(place.rank.min(4))].push(ix);
            }
        }
        let left: Vec<u32> = ranks.into_iter().flatten().rev().collect();
        self.fan_outs.push_back(FanOut { number, left });
    }

    /// Does at most `budget` households' worth of pending work; gives what is left of the budget.
    pub(crate) fn work(&mut self, world: &World, mut budget: usize) -> usize {
        let at = world.clock;
        while budget > 0 {
            if let Some(first) = self.fan_outs.front_mut() {
                if first.left.len().is_multiple_of(AHEAD) {
                    let next = first.left.iter().rev().take(AHEAD);
                    let near = |ix: &u32| self.households[*ix as usize].near();
                    black_box(next.fold(0, |all, ix| all ^ near(ix)));
                }
                match first.left.pop() {
                    Some(ix) => self.catch_up(world, ix, at),
                    None => {
                        self.fan_outs.pop_front();
                        continue;
                    }
                }
            } else if let Some((date, ix)) = self.calendar.next() {
                let left = self.calendar.coming();
                if left.len().is_multiple_of(AHEAD) {
                    let next = left.iter().rev().take(AHEAD).copied();
                    self.bring_near(next.clone());
                    self.bring_all(next);
                }
                let household = &mut self.households[ix as usize];
                if household.armed == date {
                    household.armed = Date::MAX;
                }
                if household.due > world.today() {
                    self.arm(ix);
                    continue;
                }
                self.catch_up(world, ix, at);
                self.arm(ix);
            } else if let Some(ix) = self.rung(at) {
                self.catch_up(world, ix, at);
            } else {
                break;
            }
            budget -= 1;
        }
        budget
    }

    /// Whether nothing is pending at an instant.
    #[must_use]
    pub(crate) fn idle(&self, at: Instant) -> bool {
        self.fan_outs.is_empty() && self.calendar.backlog() == 0 && self.rung(at).is_none()
    }

    /// The number of the oldest change that is still being carried.
    pub(crate) fn oldest_change(&self) -> Option<u32> {
        self.fan_outs.front().map(|f| f.number)
    }
}

/// Events observed before this are forgotten when the household's data change.
pub(crate) fn oldest_kept(world: &World, at: Instant) -> Instant {
    let days = REMEMBERED_DAYS.max(world.present().reach_days);
    at.plus_us(-i64::from(days) * DAY_US)
}

#[cfg(test)]
mod tests {
    use proto::{catalogue::Catalogue, frame::Entry, json::Json, person::Persons};

    use super::*;
    use crate::{Engine, OneHand, Output, Stamped};

    #[test]
    fn a_household_takes_so_many_events_and_refuses_the_next_by_name() {
        let catalogue = Catalogue::shipped();
        let text = r#"{"specversion":"1.0","type":"civil.birth","id":"e","source":"99/zxb",
            "time":"2026-03-04T10:20:30+08:00","subject":"household/H1"}"#;
        let json = Json::parse(text.as_bytes()).unwrap();
        let first = Event::parse(&json, &catalogue, Persons::AsGiven).unwrap().0;
        let entries: Vec<Stamped> = (0..=Ledger::EVENTS)
            .map(|n| {
                let event = Event { id: format!("e{n}").into(), ..first.clone() };
                Stamped::new(first.time, Entry::Event(Box::new(event)))
            })
            .collect();
        let mut out = Output::default();
        Engine::new(1).apply(&OneHand, &entries, &mut out);
        let (last, taken) = out.outcomes.split_last().unwrap();
        assert_eq!(*last, Outcome::Refused(Code::LimitHousehold));
        assert!(taken.iter().all(|outcome| *outcome == Outcome::Parked));
    }
}
