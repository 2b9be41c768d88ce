//! A call over a journal of several partitions: which of them each entry goes to, and when all of
//! it is durable.
//!
//! Which partitions an entry goes to is the [`Packer`]'s to say; here stands in which order. A pack
//! reaches the journal's partition 0 last: whoever sees it there may rely on its being everywhere.
//! This file refuses to know what an entry means and to wait.

use std::collections::VecDeque;

use log::{Log, LogError};
use proto::{
    catalogue::Catalogue,
    codes::Code,
    date::Instant,
    frame::{self, Entry},
};

use crate::pack::Packer;

/// A partition of one of the two topics that a call goes to. The order is that of appending.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Target {
    /// Of the person log.
    Persons(u32),
    /// Of the journal, counted from the last one down.
    Journal(std::cmp::Reverse<u32>),
}

/// How many partitions there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spread {
    /// Of the journal.
    pub journals: u32,
    /// Of the person log.
    pub persons: u32,
}

impl Spread {
    /// As [`Spread::frames`], each marked as a part of the call `batch`; `refused` is what the door
    /// refused of it. A call of which nothing is left has one frame all the same.
    #[must_use]
    pub fn call(
        &self,
        batch: u64,
        (entries, refused): (&[Entry], &[(Code, u64)]),
        at: Instant,
        catalogue: &Catalogue,
    ) -> Vec<(Target, Vec<u8>)> {
        let mut frames = self.frames(entries, at, catalogue);
        if frames.is_empty() {
            let any = batch % u64::from(self.journals.max(1));
            let any = std::cmp::Reverse(u32::try_from(any).unwrap_or(0));
            frames.push((Target::Journal(any), frame::empty(at)));
        }
        let rows = refused.iter().map(|(_, count)| count).sum::<u64>() + entries.len() as u64;
        let mut whole = Some((rows, refused));
        for (_, frame) in &mut frames {
            frame::mark_batch(frame, batch, whole.take());
        }
        frames
    }

    /// A frame for each partition that something of the call goes to.
    #[must_use]
    pub fn frames(
        &self,
        entries: &[Entry],
        at: Instant,
        catalogue: &Catalogue,
    ) -> Vec<(Target, Vec<u8>)> {
        let mut packer = Packer::new(self.journals, self.persons);
        entries.iter().for_each(|entry| packer.add(entry, catalogue));
        let (journal, persons) = packer.pack(at);
        let persons = persons.into_iter().map(|(n, frame)| (Target::Persons(n), frame));
        let journal = journal.into_iter().rev();
        let journal = journal.map(|(n, frame)| (Target::Journal(std::cmp::Reverse(n)), frame));
        persons.chain(journal).collect()
    }
}

/// A call on its way: durable when every frame is.
#[derive(Debug)]
pub struct Delivery {
    left: VecDeque<(Target, Vec<u8>)>,
    frames: usize,
}

impl Delivery {
    /// Of the frames of [`Spread::frames`].
    #[must_use]
    pub fn new(frames: Vec<(Target, Vec<u8>)>) -> Delivery {
        Delivery { frames: frames.len(), left: frames.into() }
    }

    /// Whether some frame is durable and some is not.
    #[must_use]
    pub fn begun(&self) -> bool {
        !self.left.is_empty() && self.left.len() < self.frames
    }

    /// Appends the next frame; says whether all are durable. After an error it is the same frame's
    /// turn again: an entry that comes twice counts once.
    ///
    /// # Errors
    /// What the topic says.
    pub fn step(&mut self, journal: &dyn Log, persons: &dyn Log) -> Result<bool, LogError> {
        if let Some((target, frame)) = self.left.front() {
            match target {
                Target::Persons(partition) => persons.append(*partition, &[frame])?,
                Target::Journal(partition) => journal.append(partition.0, &[frame])?,
            };
            self.left.pop_front();
        }
        Ok(self.left.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proto::{
        belonging::person_key, event::Event, household::Profile, ids::HouseholdKey, json::Json,
        person::Persons,
    };

    use super::*;

    fn event(subject: &str) -> Entry {
        let kind = if subject.starts_with("area") { "market.price_drop" } else { "clue.reported" };
        let data = match kind {
            "clue.reported" => r#"{"channel":"self"}"#,
            _ => r#"{"product":"onion","drop_permille":300}"#,
        };
        let text = format!(
            r#"{{"specversion":"1.0","id":"a","source":"99/zxb","type":"{kind}","time":"2026-03-04T10:00:00+08:00","subject":"{subject}","data":{data}}}"#
        );
        let json = Json::parse(text.as_bytes()).unwrap();
        let read = Event::parse(&json, &Catalogue::shipped(), Persons::AsGiven);
        Entry::Event(Box::new(read.unwrap().0))
    }

    fn profile() -> Entry {
        let text = br#"{"household":"H1","region":"990102003004","class":"ordinary","size":1,"net_income_fen":5}"#;
        let json = Json::parse(text).unwrap();
        Entry::Profile(Box::new(Profile::parse(&json, Instant(0), Persons::AsGiven).unwrap().0))
    }

    fn targets(entries: &[Entry]) -> Vec<Target> {
        let spread = Spread { journals: 3, persons: 2 };
        let frames = spread.frames(entries, Instant(5), &Catalogue::shipped());
        frames.into_iter().map(|(target, _)| target).collect()
    }

    #[test]
    fn each_entry_goes_where_it_is_decided() {
        let journal = |n| Target::Journal(std::cmp::Reverse(n));
        let home = journal(HouseholdKey::of("H1").partition(3));
        let person = Target::Persons(person_key("t1").partition(2));
        assert_eq!(targets(&[profile(), event("household/H1")]), [home]);
        assert_eq!(targets(&[event("person/t1")]), [person]);
        assert_eq!(targets(&[event("area/99")]), [journal(2), journal(1), journal(0)]);
        let pack = Entry::Pack { name: "p".into(), yaml: Box::default(), withdrawn: false };
        let everywhere =
            [Target::Persons(0), Target::Persons(1), journal(2), journal(1), journal(0)];
        assert_eq!(targets(&[pack]), everywhere);
    }

    #[test]
    fn one_frame_of_a_call_accounts_for_it() {
        let spread = Spread { journals: 3, persons: 2 };
        let entries = [profile(), event("person/t1"), event("area/99")];
        let refused = [(Code::JsonSyntax, 2), (Code::IdPersonal, 1)];
        let read = |entries: &[Entry]| -> Vec<(Option<u64>, usize, usize)> {
            let frames = spread.call(7, (entries, &refused), Instant(5), &Catalogue::shipped());
            let read = frames.iter().map(|(_, frame)| {
                let frame = frame::FrameReader::new(frame).unwrap();
                let part = frame.batch().unwrap();
                assert_eq!(part.id, 7);
                (part.rows, frame.refused().len(), frame.left())
            });
            read.collect()
        };
        let all = read(&entries);
        assert_eq!((all.len(), all[0]), (4, (Some(6), 2, 1)));
        assert!(
            all[1..]
                .iter()
                .all(|(rows, refused, left)| (*rows, *refused) == (None, 0) && *left > 0)
        );
        assert_eq!(read(&[]), [(Some(3), 2, 0)]);
    }

    #[test]
    fn a_call_is_durable_when_every_part_is() {
        let topic = |name: &str, partitions| {
            let disk = log::SimulatedDisk::new(1);
            let settings = log::Settings::new(name, partitions);
            log::SimulatedLog::open(&disk, &settings, log::Faults::default()).unwrap()
        };
        let (journal, persons) = (topic("journal", 3), topic("persons", 2));
        let spread = Spread { journals: 3, persons: 2 };
        let entries = [profile(), event("person/t1"), event("area/99")];
        let frames = spread.frames(&entries, Instant(5), &Catalogue::shipped());
        let mut delivery = Delivery::new(frames);
        let mut steps = 1;
        while !delivery.step(&journal, &persons).unwrap() {
            assert!(delivery.begun());
            steps += 1;
        }
        assert_eq!(steps, 4);
        let ends: u64 = (0..3).map(|p| journal.end(p).unwrap()).sum();
        assert_eq!(ends + persons.end(0).unwrap() + persons.end(1).unwrap(), 4);
    }
}
