//! The fold with what surrounds it, without threads: records in, outcomes, alerts and letters out.
//!
//! It applies the journal in its order whatever way records reach it, and publishes what is not
//! published yet. It refuses to read a clock and to wait.

use std::{collections::HashMap, sync::Arc};

use engine::{Engine, Outcome, Output, Stamped};
use proto::{
    alert::Alert,
    codes::Code,
    date::Instant,
    frame::{self, Entry, wire},
    region::Prefix,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    ALERTS, Crew, DEAD_LETTERS, Fault, Letter, PARTITIONS, Report, Topics,
    batches::{Batches, CALLS},
    dossier,
    frames::Framed,
    letters::Known,
    outlet::{Outlet, each_record},
    portrait,
    snapshot::Snapshot,
    state,
};

/// Entries that are applied at once.
const TOGETHER: usize = 8_192;

/// How a letter becomes a record of the dead letters.
pub type Writer = Arc<dyn Fn(&Letter) -> Vec<u8> + Send + Sync>;

/// What happened to entries since the beginning of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
pub struct Tally {
    /// All entries that were read: the sum of those below.
    pub accepted: u64,
    /// Those that a decision has looked at.
    pub decided: u64,
    /// Those that were known before.
    pub duplicate: u64,
    /// Those that waited for a profile when they came.
    pub parked: u64,
    /// Those that went to the dead letters.
    pub dead: u64,
    /// Alerts that were made.
    pub alerts: u64,
}

/// An entry that waits to be applied, and where it stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    /// Nothing for a tick.
    index: Option<u32>,
}

/// The fold of one journal.
pub(crate) struct Machine {
    engine: Engine,
    crew: Crew,
    letter: Writer,
    alerts: Outlet,
    dead: Outlet,
    published: HashMap<String, Vec<u8>>,
    lettered: Known,
    batches: Batches,
    tally: Tally,
    next: u64,
    clock: Instant,
    history: bool,
    waiting: Vec<Stamped>,
    places: Vec<Place>,
    outcomes: Vec<Outcome>,
}

/// What a snapshot holds beside the engine's sections.
#[derive(serde::Serialize, Deserialize)]
struct Beside {
    tally: Tally,
    clock_us: i64,
    history: bool,
}

#[derive(Deserialize)]
struct IdOnly {
    id: String,
}

impl Machine {
    /// A fold at the beginning of the journal, or at a snapshot that was taken by this version.
    /// Nothing for a snapshot whose content is not taken.
    ///
    /// # Errors
    /// A topic cannot be read.
    pub(crate) fn new(
        topics: &Topics,
        snapshot: Option<&Snapshot>,
        crew: Crew,
        letter: Writer,
    ) -> Result<Option<Machine>, Fault> {
        let fault = Fault::log(ALERTS);
        let mut machine = Machine {
            engine: Engine::new(PARTITIONS),
            crew,
            letter,
            alerts: Outlet::new(Arc::clone(&topics.alerts)).map_err(&fault)?,
            dead: Outlet::new(Arc::clone(&topics.dead)).map_err(Fault::log(DEAD_LETTERS))?,
            published: HashMap::new(),
            lettered: Known::default(),
            batches: Batches::default(),
            tally: Tally::default(),
            next: 0,
            clock: Instant(i64::MIN),
            history: false,
            waiting: Vec::new(),
            places: Vec::new(),
            outcomes: Vec::new(),
        };
        let (mut alerts, mut dead) = (0, 0);
        if let Some(snapshot) = snapshot {
            if machine.take_in(snapshot).is_none() {
                return Ok(None);
            }
            (alerts, dead) = (snapshot.alerts, snapshot.dead);
        }
        machine.engine.set_minute_marks(true);
        let alerts = alerts.max(topics.alerts.start(0).map_err(&fault)?);
        let published = &mut machine.published;
        each_record(&*topics.alerts, alerts, |_, record| {
            if let Ok(IdOnly { id }) = serde_json::from_slice(record) {
                published.insert(id, record.to_vec());
            }
        })
        .map_err(fault)?;
        let fault = Fault::log(DEAD_LETTERS);
        let dead = dead.max(topics.dead.start(0).map_err(&fault)?);
        let lettered = &mut machine.lettered;
        each_record(&*topics.dead, dead, |_, record| lettered.note(record)).map_err(fault)?;
        Ok(Some(machine))
    }

    fn take_in(&mut self, snapshot: &Snapshot) -> Option<()> {
        let [beside, batches, engine @ ..] = snapshot.sections.as_slice() else { return None };
        let beside: Beside = serde_json::from_slice(beside).ok()?;
        self.batches = Batches::decode(batches)?;
        self.engine = state::decode(engine, &self.crew)?;
        self.tally = beside.tally;
        self.clock = Instant(beside.clock_us);
        self.set_history(beside.history);
        self.next = snapshot.next;
        Some(())
    }

    /// The state now; nothing while something waits to be published.
    pub(crate) fn snapshot(&self, topics: &Topics) -> Option<Snapshot> {
        if self.alerts.waiting() + self.dead.waiting() + self.waiting.len() > 0 {
            return None;
        }
        let beside = Beside { tally: self.tally, clock_us: self.clock.0, history: self.history };
        let mut sections = vec![serde_json::to_vec(&beside).ok()?, self.batches.encode()];
        sections.extend(state::encode(&self.engine, &self.crew)?);
        Some(Snapshot {
            fold_version: state::FOLD_VERSION,
            next: self.next,
            alerts: topics.alerts.end(0).ok()?,
            dead: topics.dead.end(0).ok()?,
            sections,
        })
    }

    /// The first journal record that was not taken.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The largest instant of the journal so far.
    pub(crate) fn clock(&self) -> Instant {
        self.clock
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn report(&self, offset: u64) -> Option<Report> {
        self.batches.report(offset).cloned()
    }

    pub(crate) fn dossiers(&self, households: &[String]) -> Vec<Value> {
        dossier::dossiers(&self.engine, households)
    }

    pub(crate) fn visits(&self, households: &[String]) -> Vec<engine::Visit> {
        households.iter().flat_map(|household| self.engine.visits(household)).collect()
    }

    pub(crate) fn quality(&self, area: Prefix) -> Value {
        dossier::quality(area, self.engine.quality(area))
    }

    pub(crate) fn portrait(&self, household: &str) -> Option<Value> {
        portrait::portrait(&self.engine, household)
    }

    /// Takes a frame that was just appended as record `offset`.
    pub(crate) fn take(&mut self, offset: u64, framed: Framed) -> Result<(), Fault> {
        let refused = framed.refused.iter().map(|(code, n)| (code.name().to_owned(), *n));
        self.begin(offset, framed.at, framed.history, framed.entries.is_empty(), refused)?;
        for (index, (at, entry)) in (0..).zip(framed.entries) {
            self.push(offset, index, at, entry)?;
        }
        Ok(())
    }

    /// Takes a record as it stands in the journal.
    pub(crate) fn read(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        let fault = |error| Fault::Frame { offset, error };
        let wire::Frame { at_us, history, entries, refused, .. } =
            frame::decode(bytes).map_err(fault)?;
        let at = Instant(at_us);
        let refused = refused.into_iter().map(|refused| (refused.code, refused.count));
        self.begin(offset, at, history, entries.is_empty(), refused)?;
        for (index, sealed) in (0..).zip(&entries) {
            let (at, entry) = frame::open(sealed, at, self.engine.catalogue()).map_err(fault)?;
            self.push(offset, index, at, entry)?;
        }
        Ok(())
    }

    fn begin(
        &mut self,
        offset: u64,
        at: Instant,
        history: bool,
        empty: bool,
        refused: impl Iterator<Item = (String, u64)>,
    ) -> Result<(), Fault> {
        if history != self.history {
            self.settle()?;
            // What a past left undone belongs to it.
            self.finish_work()?;
            self.set_history(history);
        }
        self.next = offset + 1;
        self.batches.begin(offset, refused, CALLS);
        self.clock = self.clock.max(at);
        if empty {
            self.waiting.push(Stamped::new(self.clock, Entry::Tick));
            self.places.push(Place { offset, index: None });
        }
        Ok(())
    }

    fn push(&mut self, offset: u64, index: u32, at: Instant, entry: Entry) -> Result<(), Fault> {
        // An append that landed late may carry an older instant; the clock never goes back.
        self.clock = self.clock.max(at);
        let pack = matches!(entry, Entry::Pack { .. });
        self.waiting.push(Stamped::new(self.clock, entry));
        self.places.push(Place { offset, index: Some(index) });
        // What comes after a pack may be of a type that only the pack defines.
        if pack || self.waiting.len() >= TOGETHER { self.settle() } else { Ok(()) }
    }

    /// A past is worked off at once and marked at its midnights; the present is not.
    fn set_history(&mut self, history: bool) {
        self.history = history;
        self.engine.set_history(history);
        self.engine.set_eager(history);
    }

    /// Applies what was taken.
    pub(crate) fn settle(&mut self) -> Result<(), Fault> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut out = Output::default();
        self.engine.apply(&self.crew, &self.waiting, &mut out);
        let mut letters = Vec::new();
        let applied = self.waiting.iter().zip(&self.places).zip(&out.outcomes);
        for ((stamped, place), outcome) in applied {
            let Some(index) = place.index else { continue };
            self.batches.note(place.offset, &stamped.entry, *outcome);
            self.tally.note(*outcome);
            self.outcomes.push(*outcome);
            if let Outcome::Refused(code) = outcome {
                let known = self.engine.catalogue();
                let letter = Letter::of(*code, stamped.at, index, &stamped.entry, known);
                letters.push(letter);
            }
        }
        letters.iter().for_each(|letter| self.put_letter(letter));
        self.waiting.clear();
        self.places.clear();
        self.let_go(&out.expired);
        self.publish(out.alerts)
    }

    /// The outcomes since they were last asked for, one for each entry.
    pub(crate) fn outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.outcomes)
    }

    /// Does pending work for some households of each partition; says whether some is left.
    pub(crate) fn work(&mut self, households: usize) -> Result<bool, Fault> {
        let mut out = Output::default();
        let left = self.engine.work(&self.crew, households, &mut out);
        self.let_go(&out.expired);
        self.publish(out.alerts)?;
        Ok(left)
    }

    /// What stayed unmatched for too long goes to the dead letters.
    fn let_go(&mut self, expired: &[Stamped]) {
        for stamped in expired {
            let known = self.engine.catalogue();
            let letter = Letter::of(Code::ParkedExpired, stamped.at, 0, &stamped.entry, known);
            self.put_letter(&letter);
        }
    }

    fn put_letter(&mut self, letter: &Letter) {
        let record = (self.letter)(letter);
        if !self.lettered.take(&record) {
            self.dead.put(record);
        }
    }

    fn finish_work(&mut self) -> Result<(), Fault> {
        while self.work(usize::MAX)? {}
        Ok(())
    }

    fn publish(&mut self, alerts: Vec<Alert>) -> Result<(), Fault> {
        for alert in alerts {
            self.tally.alerts += 1;
            if self.published.is_empty() {
                self.alerts.put(alert.into_json());
                continue;
            }
            let id = alert.id();
            match self.published.remove(&id) {
                Some(known) if known == alert.json() => {}
                Some(_) => return Err(Fault::Diverged { id, count: 1 }),
                None => self.alerts.put(alert.into_json()),
            }
        }
        Ok(())
    }

    /// Appends alerts and letters that wait.
    ///
    /// # Errors
    /// Some still wait; trying again is safe.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        self.dead.flush().map_err(Fault::log(DEAD_LETTERS))?;
        self.alerts.flush().map_err(Fault::log(ALERTS))
    }

    /// Ends a restore: all that was published must have been made again.
    pub(crate) fn restored(&mut self) -> Result<(), Fault> {
        self.settle()?;
        self.finish_work()?;
        self.outcomes.clear();
        self.lettered = Known::default();
        let count = self.published.len();
        match self.published.keys().min() {
            Some(id) => Err(Fault::Diverged { id: id.clone(), count }),
            None => Ok(()),
        }
    }
}

impl Tally {
    pub(crate) fn note(&mut self, outcome: Outcome) {
        self.accepted += 1;
        match outcome {
            Outcome::Accepted | Outcome::Unmatched => self.decided += 1,
            Outcome::Duplicate => self.duplicate += 1,
            Outcome::Parked => self.parked += 1,
            Outcome::Refused(_) => self.dead += 1,
        }
    }
}

#[cfg(test)]
mod tests;
