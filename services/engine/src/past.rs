//! One clock over a past that comes from files: which instant each line counts from.
//!
//! The clock is the largest `time` of an event that was taken; it starts at the first. A household's
//! first line counts from the beginning, each further one from its `updated_at`. What is refused
//! moves no clock. The same for a backtest and for a past that is folded into a journal.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
};

use hashbrown::HashTable;
use proto::{
    codes::Code,
    date::{Date, Instant},
    event::{Event, Subject},
    frame::Entry,
    household::Profile,
    ids::HouseholdKey,
};

use crate::engine::Stamped;

/// An event with all that follows from it alone, so that many hands can work it out beforehand.
#[derive(Clone, Debug)]
pub struct Prepared {
    event: Box<Event>,
    key: HouseholdKey,
    print: Print,
}

impl From<Event> for Prepared {
    fn from(event: Event) -> Prepared {
        let key = match &event.subject {
            Subject::Household(id) => HouseholdKey::of(id),
            Subject::Person(_) | Subject::Area(_) => HouseholdKey::default(),
        };
        let print = Print::of(&event);
        Prepared { event: Box::new(event), key, print }
    }
}

/// A profile with its household's key.
#[derive(Clone, Debug)]
pub struct PreparedProfile {
    profile: Box<Profile>,
    key: HouseholdKey,
}

impl From<Profile> for PreparedProfile {
    fn from(profile: Profile) -> PreparedProfile {
        let key = HouseholdKey::of(&profile.household);
        PreparedProfile { profile: Box::new(profile), key }
    }
}

/// What became of an event line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is among the entries.
    Taken,
    /// The same event came before.
    Duplicate,
    /// It lies after the last day.
    LeftOut,
    /// It has no effect.
    Refused(Code),
}

/// The clock and what still waits for it.
#[derive(Debug, Default)]
pub struct Past {
    clock: Option<Instant>,
    until: Option<Date>,
    present: Vec<PreparedProfile>,
    places: HashTable<u32>,
    further: VecDeque<PreparedProfile>,
    sorted: bool,
    seen: HashTable<Print>,
}

impl Past {
    /// A past up to the end of a day, or of the last event's day.
    #[must_use]
    pub fn new(until: Option<Date>) -> Past {
        Past { until, ..Past::default() }
    }

    /// The clock, once the first event was taken.
    #[must_use]
    pub fn clock(&self) -> Option<Instant> {
        self.clock
    }

    /// Takes a line of the households' file; all of them before the first event. Says whether it is
    /// the household's first.
    pub fn profile(&mut self, profile: impl Into<PreparedProfile>) -> bool {
        let profile = profile.into();
        if self.place(&profile).is_none() {
            let place = u32::try_from(self.present.len()).unwrap_or(u32::MAX);
            self.present.push(profile);
            let hash = |ix: &u32| self.present[*ix as usize].key.hash64();
            self.places.insert_unique(hash(&place), place, hash);
            return true;
        }
        if self.until.is_none_or(|until| profile.profile.updated_at.date() <= until) {
            self.further.push_back(profile);
        }
        false
    }

    fn place(&self, profile: &PreparedProfile) -> Option<usize> {
        let same =
            |ix: &u32| self.present[*ix as usize].profile.household == profile.profile.household;
        self.places.find(profile.key.hash64(), same).map(|ix| *ix as usize)
    }

    /// Takes an event in the order of the files. Appends what counts from now on, the event last.
    pub fn event(&mut self, event: impl Into<Prepared>, out: &mut Vec<Stamped>) -> Verdict {
        let Prepared { event, key, print } = event.into();
        if self.until.is_some_and(|until| event.time.date() > until) {
            return Verdict::LeftOut;
        }
        let clock = self.clock;
        if let Some(known) = self.seen.find(print.hash(), |known| known.same_identity(print)) {
            let same = *known == print;
            return if same { Verdict::Duplicate } else { Verdict::Refused(Code::IdConflict) };
        }
        if clock.is_some_and(|clock| event.check_age(clock).is_err()) {
            return Verdict::Refused(Code::TimeAncient);
        }
        self.seen.insert_unique(print.hash(), print, |known| known.hash());
        self.run_to(event.time, out);
        let at = self.clock.unwrap_or(event.time);
        out.push(Stamped { at, key, entry: Entry::Event(event) });
        Verdict::Taken
    }

    /// Runs the clock to the end of the last day; gives that instant.
    pub fn finish(&mut self, out: &mut Vec<Stamped>) -> Option<Instant> {
        let last = self.until.or(self.clock.map(Instant::date))?;
        let end = last.plus(1).midnight().plus_us(-1);
        self.clock?;
        self.run_to(end, out);
        Some(end)
    }

    fn run_to(&mut self, to: Instant, out: &mut Vec<Stamped>) {
        if !self.sorted {
            // A stable sort keeps the file's order among equal instants.
            self.further.make_contiguous().sort_by_key(|line| line.profile.updated_at);
            self.sorted = true;
        }
        let starting = self.clock.is_none();
        let clock = self.clock.unwrap_or(to).max(to);
        while self.further.front().is_some_and(|line| line.profile.updated_at <= clock) {
            let Some(line) = self.further.pop_front() else { break };
            if starting {
                self.replace(line);
            } else {
                let at = line.profile.updated_at.max(self.clock.unwrap_or(to));
                self.clock = Some(at);
                out.push(line.stamped(at));
            }
        }
        if starting {
            // Only the line that wins at the start is entered, so that each is decided once.
            out.extend(std::mem::take(&mut self.present).into_iter().map(|p| p.stamped(clock)));
            self.places = HashTable::new();
        }
        self.clock = Some(clock);
    }

    fn replace(&mut self, line: PreparedProfile) {
        if let Some(place) = self.place(&line) {
            let present = &mut self.present[place];
            if line.profile.replaces(present.profile.updated_at, &present.profile.digest) {
                *present = line;
            }
        }
    }
}

impl PreparedProfile {
    /// The profile.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    fn stamped(self, at: Instant) -> Stamped {
        Stamped { at, key: self.key, entry: Entry::Profile(self.profile) }
    }
}

/// 96 bits that stand for an identity above 32 that stand for a content. Among a billion identities
/// two share theirs with a chance of one in 10^11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Print(u128);

impl Print {
    const CONTENT: u128 = 0xffff_ffff;

    fn of(event: &Event) -> Print {
        let mut first = DefaultHasher::new();
        (&event.source, &event.subject, &event.id).hash(&mut first);
        let mut second = first.clone();
        second.write_u8(1);
        let identity = u128::from(first.finish()) << 64 | u128::from(second.finish());
        let mut content = DefaultHasher::new();
        (event.type_id, event.time, &event.supersedes, event.occurred_on, event.void)
            .hash(&mut content);
        event.fields.hash(&mut content);
        Print(identity & !Print::CONTENT | u128::from(content.finish()) & Print::CONTENT)
    }

    fn same_identity(self, other: Print) -> bool {
        (self.0 ^ other.0) & !Print::CONTENT == 0
    }

    fn hash(self) -> u64 {
        (self.0 >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use proto::{catalogue::Catalogue, json::Json, person::Persons};

    use super::*;

    fn profile(updated: &str, size: u8) -> Profile {
        let text = format!(
            r#"{{"household":"H1","updated_at":"{updated}T08:00:00+08:00","region":"990102003004","class":"ordinary","size":{size},"net_income_fen":5}}"#
        );
        Profile::parse(&Json::parse(text.as_bytes()).unwrap(), Instant(0), Persons::AsGiven)
            .unwrap()
            .0
    }

    fn event(id: &str, day: &str) -> Event {
        let text = format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"99/zxb","type":"clue.reported","time":"{day}T10:00:00+08:00","subject":"household/H1","data":{{"channel":"self"}}}}"#
        );
        Event::parse(
            &Json::parse(text.as_bytes()).unwrap(),
            &Catalogue::shipped(),
            Persons::AsGiven,
        )
        .unwrap()
        .0
    }

    fn told(out: &[Stamped]) -> Vec<String> {
        let what = |entry: &Entry| match entry {
            Entry::Profile(p) => format!("size {}", p.size),
            Entry::Event(e) => format!("event {}", e.id),
            _ => String::new(),
        };
        out.iter().map(|s| format!("{} {}", s.at.date(), what(&s.entry))).collect()
    }

    #[test]
    fn a_further_line_counts_when_the_clock_reaches_it() {
        let mut past = Past::new(None);
        past.profile(profile("2030-01-01", 1));
        past.profile(profile("2026-03-04", 2));
        let mut out = Vec::new();
        assert_eq!(past.event(event("a", "2026-03-03"), &mut out), Verdict::Taken);
        assert_eq!(past.event(event("b", "2026-03-06"), &mut out), Verdict::Taken);
        assert_eq!(past.event(event("a", "2026-03-03"), &mut out), Verdict::Duplicate);
        assert_eq!(
            past.event(event("a", "2026-03-09"), &mut out),
            Verdict::Refused(Code::IdConflict)
        );
        assert_eq!(
            past.event(event("c", "2023-03-03"), &mut out),
            Verdict::Refused(Code::TimeAncient)
        );
        assert_eq!(past.event(event("d", "2026-03-05"), &mut out), Verdict::Taken);
        assert_eq!(
            told(&out),
            [
                "2026-03-03 size 1",
                "2026-03-03 event a",
                "2026-03-04 size 2",
                "2026-03-06 event b",
                "2026-03-06 event d"
            ]
        );
        assert_eq!(past.finish(&mut out).unwrap().to_string(), "2026-03-06T23:59:59.999999+08:00");
    }

    #[test]
    fn at_the_start_only_the_winning_line_is_entered() {
        let mut past = Past::new(Date::parse("2026-03-04"));
        past.profile(profile("2026-01-01", 1));
        past.profile(profile("2026-02-01", 2));
        past.profile(profile("2026-01-15", 3));
        past.profile(profile("2026-03-05", 4));
        let mut out = Vec::new();
        assert_eq!(past.event(event("b", "2026-03-05"), &mut out), Verdict::LeftOut);
        assert_eq!(past.event(event("a", "2026-03-03"), &mut out), Verdict::Taken);
        past.finish(&mut out);
        assert_eq!(told(&out), ["2026-03-03 size 2", "2026-03-03 event a"]);
    }
}
