//! What became of each call: the reports that a department asks for later.
//!
//! A bounded number of the latest calls. It follows parked entries to the profile that matches
//! them and knows no level and no alert.

use std::collections::BTreeMap;

use engine::Outcome;
use proto::{
    codes::Code,
    event::{Event, Subject},
    frame::Entry,
    ids::sha256,
};
use serde::{Deserialize, Serialize};

/// Calls that are remembered by one process.
pub(crate) const CALLS: usize = 100_000;
/// Calls after which nothing waits for calls that are forgotten.
const SWEEP: u32 = 1_024;

/// What became of one call up to now.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Entries that were taken, parked ones not included.
    pub accepted: u64,
    /// Entries that were known before.
    pub duplicate: u64,
    /// Entries that wait for a household's profile now.
    pub parked: u64,
    /// Entries that waited and have been matched since.
    pub matched: u64,
    /// Entries that a decision has looked at.
    pub decided: u64,
    /// Records in the dead letters by the name of their code.
    pub dead_lettered: BTreeMap<String, u64>,
}

/// What a parked entry waits for: the first 8 bytes of SHA-256 of its subject.
type Waited = u64;

/// The reports of the latest calls.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Batches {
    reports: BTreeMap<u64, Report>,
    waiting: BTreeMap<Waited, Vec<u64>>,
    /// Calls that were forgotten since what waits for them was.
    #[serde(default)]
    forgotten: u32,
}

impl Report {
    /// Adds what became of other entries of the same call.
    pub fn add(&mut self, other: &Report) {
        self.accepted += other.accepted;
        self.duplicate += other.duplicate;
        self.parked += other.parked;
        self.matched += other.matched;
        self.decided += other.decided;
        for (code, count) in &other.dead_lettered {
            *self.dead_lettered.entry(code.clone()).or_default() += count;
        }
    }

    /// The records that it speaks of.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let dead: u64 = self.dead_lettered.values().sum();
        self.accepted + self.duplicate + self.parked + self.matched + dead
    }
}

impl Batches {
    /// The call that became journal record `offset`.
    pub(crate) fn report(&self, offset: u64) -> Option<&Report> {
        self.reports.get(&offset)
    }

    /// The oldest call that is remembered.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.reports.first_key_value().map(|(oldest, _)| *oldest)
    }

    /// A call begins, with what the door refused of it; at most so many are remembered.
    pub(crate) fn begin(
        &mut self,
        offset: u64,
        refused: impl Iterator<Item = (String, u64)>,
        most: usize,
    ) {
        let dead_lettered = refused.collect();
        self.reports.insert(offset, Report { dead_lettered, ..Report::default() });
        while self.reports.len() > most {
            self.reports.pop_first();
            self.forgotten += 1;
            if self.forgotten >= SWEEP {
                self.forgotten = 0;
                let oldest = self.oldest().unwrap_or(0);
                self.waiting.retain(|_, calls| {
                    calls.retain(|call| *call >= oldest);
                    !calls.is_empty()
                });
            }
        }
    }

    /// What came of an entry of the call.
    pub(crate) fn note(&mut self, offset: u64, entry: &Entry, outcome: Outcome) {
        if !self.waiting.is_empty() {
            self.matched(entry, outcome);
        }
        let Some(report) = self.reports.get_mut(&offset) else { return };
        match outcome {
            Outcome::Accepted | Outcome::Unmatched => {
                report.accepted += 1;
                report.decided += 1;
            }
            Outcome::Duplicate => report.duplicate += 1,
            Outcome::Parked => {
                report.parked += 1;
                if let Entry::Event(event) = entry {
                    self.waiting.entry(waited(event)).or_default().push(offset);
                }
            }
            Outcome::Refused(code) => refused(report, code),
        }
    }

    /// What was waited for has come: a profile, or its claim of a person in the person log.
    fn matched(&mut self, entry: &Entry, outcome: Outcome) {
        match (entry, outcome) {
            (Entry::Profile(profile), Outcome::Accepted | Outcome::Unmatched) => {
                self.arrived(&format!("household/{}", profile.household));
                for person in profile.persons() {
                    self.arrived(&format!("person/{person}"));
                }
            }
            (Entry::Claim(claim), Outcome::Accepted) if !claim.removed => {
                self.arrived(&format!("person/{}", claim.person));
            }
            _ => {}
        }
    }

    fn arrived(&mut self, subject: &str) {
        let Some(calls) = self.waiting.remove(&hash(subject)) else { return };
        for call in calls {
            if let Some(report) = self.reports.get_mut(&call) {
                report.parked = report.parked.saturating_sub(1);
                report.matched += 1;
                report.decided += 1;
            }
        }
    }

    /// Bytes for a snapshot.
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Batches> {
        serde_json::from_slice(bytes).ok()
    }
}

fn refused(report: &mut Report, code: Code) {
    *report.dead_lettered.entry(code.name().to_owned()).or_default() += 1;
}

fn waited(event: &Event) -> Waited {
    match &event.subject {
        Subject::Household(id) => hash(&format!("household/{id}")),
        Subject::Person(person) => hash(&format!("person/{person}")),
        Subject::Area(_) => 0,
    }
}

fn hash(subject: &str) -> Waited {
    let digest = sha256(subject.as_bytes());
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proto::{catalogue::Catalogue, date::Instant, json::Json, person::Persons};

    use super::*;

    fn event(subject: &str) -> Entry {
        let text = format!(
            r#"{{"specversion":"1.0","id":"a","source":"99/zxb","type":"clue.reported","time":"2026-03-04T10:00:00+08:00","subject":"{subject}","data":{{"channel":"self"}}}}"#
        );
        let json = Json::parse(text.as_bytes()).unwrap();
        let read = Event::parse(&json, &Catalogue::shipped(), Persons::AsGiven);
        Entry::Event(Box::new(read.unwrap().0))
    }

    fn profile() -> Entry {
        let text = r#"{"household":"H1","region":"990102003004","class":"ordinary","size":1,"net_income_fen":5,"members":[{"person":"t1"}]}"#;
        let json = Json::parse(text.as_bytes()).unwrap();
        let read = proto::household::Profile::parse(&json, Instant(0), Persons::AsGiven);
        Entry::Profile(Box::new(read.unwrap().0))
    }

    #[test]
    fn a_parked_entry_is_matched_by_its_household_or_its_person() {
        let mut batches = Batches::default();
        batches.begin(4, [("json.syntax".to_owned(), 2)].into_iter(), CALLS);
        batches.note(4, &event("household/H1"), Outcome::Parked);
        batches.note(4, &event("person/t1"), Outcome::Parked);
        batches.note(4, &event("person/t2"), Outcome::Parked);
        batches.note(4, &event("person/t2"), Outcome::Duplicate);
        batches.note(4, &event("person/t2"), Outcome::Refused(Code::IdConflict));
        batches.begin(5, std::iter::empty(), CALLS);
        batches.note(5, &profile(), Outcome::Accepted);
        let batches = Batches::decode(&batches.encode()).unwrap();
        let report = batches.report(4).unwrap();
        assert_eq!((report.parked, report.matched, report.decided), (1, 2, 2));
        assert_eq!((report.accepted, report.duplicate), (0, 1));
        let dead = [("id.conflict".to_owned(), 1), ("json.syntax".to_owned(), 2)];
        assert_eq!(report.dead_lettered, BTreeMap::from(dead));
        assert_eq!(batches.report(5).unwrap().accepted, 1);
        assert_eq!(batches.report(6), None);
    }

    #[test]
    fn only_the_latest_calls_are_remembered() {
        let mut batches = Batches::default();
        for offset in 0..=CALLS as u64 {
            batches.begin(offset, std::iter::empty(), CALLS);
        }
        assert_eq!(batches.report(0), None);
        assert!(batches.report(1).is_some() && batches.report(CALLS as u64).is_some());
    }
}
