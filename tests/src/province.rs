//! What the topics of a province must say, whatever befell the services that wrote them.
//!
//! It reads the topics themselves and folds them anew, without any part that a fault could have
//! touched; then it asks one engine, and the reference model, that saw the same entries in one
//! order.
//!
//! - SIM-1 What a client was told is durable stands in every topic it belongs to.
//! - SIM-2 The alerts of a partition are those of a clean fold of its journal: none is missing, none
//!   is more, equal ids have equal bytes. Without former owners and late appends none stands twice.
//! - SIM-3 The dead letters are those of clean folds.
//! - SIM-4 Every household's level, facts and live events are those of one engine.
//! - SIM-5 Every household's level is that of the reference model, where its files can say all.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use engine::{Engine, OneHand, Outcome, Output, Partition, PersonFold, Portrait, Stamped};
use log::{Batch, Log};
use proto::{
    belonging::person_key,
    catalogue::Catalogue,
    codes::Code,
    date::Instant,
    event::Subject,
    frame::{self, Entry, seal},
    ids::HouseholdKey,
};
use watcher::Letter;

use crate::reference;

/// A record's entries with their instants, a tick for none.
type Frame = Vec<(Instant, Entry)>;

/// The topics of a province.
#[derive(Clone, Copy)]
pub struct Topics<'t> {
    /// Partitioned by household.
    pub journal: &'t dyn Log,
    /// Partitioned by person.
    pub persons: &'t dyn Log,
    /// As many partitions as the journal.
    pub alerts: &'t dyn Log,
    /// Whatever number.
    pub dead: &'t dyn Log,
}

/// What happened on the way, as clean folds see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Adopts of which nothing was new.
    pub adopts_known: u64,
    /// Claims of which nothing was new.
    pub claims_known: u64,
    /// Persons whose owner was told that it is over.
    pub moves: u64,
    /// Dead letters.
    pub letters: u64,
    /// Alerts.
    pub alerts: u64,
}

/// Journal and person log, read to their ends, and their clean folds.
pub struct Province<'t> {
    topics: Topics<'t>,
    journals: Vec<Vec<Frame>>,
    persons: Vec<Vec<Frame>>,
    folds: Vec<Partition>,
    alerts: Vec<BTreeMap<String, Vec<u8>>>,
    letters: BTreeSet<Vec<u8>>,
    /// What happened on the way.
    pub seen: Seen,
}

fn records(log: &dyn Log, partition: u32) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    let mut batch = Batch::new();
    let mut next = log.start(partition).map_err(|e| e.to_string())?;
    loop {
        log.read(partition, next, 1 << 20, &mut batch).map_err(|e| e.to_string())?;
        found.extend(batch.iter().map(|(_, record)| record.to_vec()));
        match batch.next_offset() {
            Some(further) => next = further,
            None => return Ok(found),
        }
    }
}

fn frames(log: &dyn Log, partition: u32) -> Result<Vec<Frame>, String> {
    let mut catalogue = Catalogue::shipped();
    let mut frames = Vec::new();
    for record in records(log, partition)? {
        let sealed = frame::decode(&record).map_err(|e| e.to_string())?;
        let at = Instant(sealed.at_us);
        let mut entries = Vec::new();
        for entry in &sealed.entries {
            let opened = frame::open(entry, at, &catalogue).map_err(|e| e.to_string())?;
            if let Entry::Pack { name, yaml, .. } = &opened.1 {
                let pack = rules::Pack::load(name, yaml, &catalogue);
                catalogue = pack.map_err(|e| format!("{e:?}"))?.catalogue;
            }
            entries.push(opened);
        }
        if entries.is_empty() {
            entries.push((at, Entry::Tick));
        }
        frames.push(entries);
    }
    Ok(frames)
}

fn stamped(frame: &Frame, clock: &mut Instant) -> Vec<Stamped> {
    let stamp = |(at, entry): &(Instant, Entry)| {
        *clock = (*clock).max(*at);
        Stamped::new(*clock, entry.clone())
    };
    frame.iter().map(stamp).collect()
}

/// What a clean fold of one partition gives.
#[derive(Default)]
struct Clean {
    alerts: BTreeMap<String, Vec<u8>>,
    letters: BTreeSet<Vec<u8>>,
}

/// How a letter becomes a record.
type Write<'w> = &'w dyn Fn(&Letter) -> Vec<u8>;

impl Clean {
    fn take(&mut self, entries: &[Stamped], frame: &Frame, out: Output, letter: Write<'_>) {
        let known = Catalogue::shipped();
        let mut write = |code: Code, at, index, entry: &Entry| {
            self.letters.insert(letter(&Letter::of(code, at, index, entry, &known)));
        };
        let ticks = frame.len() == 1 && matches!(frame[0].1, Entry::Tick);
        for (index, (stamped, outcome)) in (0..).zip(entries.iter().zip(&out.outcomes)) {
            if let (Outcome::Refused(code), false) = (outcome, ticks) {
                write(*code, stamped.at, index, &stamped.entry);
            }
        }
        out.refused.iter().for_each(|(code, s)| write(*code, s.at, 0, &s.entry));
        out.expired.iter().for_each(|s| write(Code::ParkedExpired, s.at, 0, &s.entry));
        self.alerts.extend(out.alerts.into_iter().map(|alert| (alert.id(), alert.into_json())));
    }
}

fn known(entries: &[Stamped], out: &Output, is: fn(&Entry) -> bool) -> u64 {
    let pairs = entries.iter().zip(&out.outcomes);
    pairs.filter(|(s, outcome)| is(&s.entry) && **outcome == Outcome::Duplicate).count() as u64
}

impl<'t> Province<'t> {
    /// Reads and folds everything; `letter` is how the services write a dead letter.
    ///
    /// # Errors
    /// A topic or a record cannot be read.
    pub fn read(topics: Topics<'t>, letter: Write<'_>) -> Result<Province<'t>, String> {
        let all = |log: &dyn Log| -> Result<Vec<Vec<Frame>>, String> {
            (0..log.partitions()).map(|partition| frames(log, partition)).collect()
        };
        let mut province = Province {
            topics,
            journals: all(topics.journal)?,
            persons: all(topics.persons)?,
            folds: Vec::new(),
            alerts: Vec::new(),
            letters: BTreeSet::new(),
            seen: Seen::default(),
        };
        for at in 0..province.journals.len() {
            province.fold_journal(at, letter);
        }
        for at in 0..province.persons.len() {
            province.fold_persons(at, letter);
        }
        province.seen.letters = province.letters.len() as u64;
        Ok(province)
    }

    fn fold_journal(&mut self, at: usize, letter: Write<'_>) {
        let (mut fold, mut clean) = (Partition::default(), Clean::default());
        let mut clock = Instant(i64::MIN);
        for frame in &self.journals[at] {
            let entries = stamped(frame, &mut clock);
            let mut out = Output::default();
            fold.apply(&OneHand, &entries, &mut out);
            while fold.work(&OneHand, usize::MAX, &mut out) {}
            self.seen.adopts_known += known(&entries, &out, |e| matches!(e, Entry::Adopt(_)));
            clean.take(&entries, frame, out, letter);
        }
        self.seen.alerts += clean.alerts.len() as u64;
        self.folds.push(fold);
        self.alerts.push(clean.alerts);
        self.letters.extend(clean.letters);
    }

    fn fold_persons(&mut self, at: usize, letter: Write<'_>) {
        let (mut fold, mut clean) = (PersonFold::default(), Clean::default());
        let mut clock = Instant(i64::MIN);
        for frame in &self.persons[at] {
            let entries = stamped(frame, &mut clock);
            let mut out = Output::default();
            fold.apply(&OneHand, &entries, &mut out);
            let released = |told: &&Stamped| matches!(told.entry, Entry::Release(_));
            self.seen.moves += out.told.iter().filter(released).count() as u64;
            self.seen.claims_known += known(&entries, &out, |e| matches!(e, Entry::Claim(_)));
            clean.take(&entries, frame, out, letter);
        }
        self.letters.extend(clean.letters);
    }

    /// SIM-1.
    ///
    /// # Errors
    /// An entry of these is missing where it belongs.
    pub fn holds(&self, answered: &[Entry]) -> Result<(), String> {
        let prints = |frames: &Vec<Frame>| -> HashSet<Vec<u8>> {
            frames.iter().flatten().map(|(_, entry)| print(entry)).collect()
        };
        let journals: Vec<_> = self.journals.iter().map(prints).collect();
        let persons: Vec<_> = self.persons.iter().map(prints).collect();
        let count = |all: &Vec<HashSet<Vec<u8>>>| u32::try_from(all.len()).unwrap_or(u32::MAX);
        for entry in answered {
            let print = print(entry);
            let key = Stamped::new(Instant(0), entry.clone()).key;
            let home = || journals[key.partition(count(&journals)) as usize].contains(&print);
            let there = match entry {
                Entry::Event(event) => match &event.subject {
                    Subject::Person(token) => {
                        let at = person_key(token).partition(count(&persons));
                        persons[at as usize].contains(&print)
                    }
                    Subject::Area(_) => journals.iter().all(|j| j.contains(&print)),
                    Subject::Household(_) => home(),
                },
                Entry::Pack { .. } => {
                    journals.iter().chain(&persons).all(|log| log.contains(&print))
                }
                _ => home(),
            };
            if !there {
                return Err("SIM-1: an answered entry is not durable".to_owned());
            }
        }
        Ok(())
    }

    /// SIM-2. Without `doubles` no alert may stand twice.
    ///
    /// # Errors
    /// The first alert that breaks it.
    pub fn alerts(&self, doubles: bool) -> Result<(), String> {
        for (partition, clean) in (0..).zip(&self.alerts) {
            let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
            for record in records(self.topics.alerts, partition)? {
                let json: serde_json::Value =
                    serde_json::from_slice(&record).map_err(|e| format!("SIM-2: {e}"))?;
                let id = json["id"].as_str().unwrap_or_default().to_owned();
                match found.insert(id.clone(), record.clone()) {
                    Some(before) if before != record => {
                        return Err(format!("SIM-2: alert {id} has two contents"));
                    }
                    Some(_) if !doubles => return Err(format!("SIM-2: alert {id} stands twice")),
                    _ => {}
                }
            }
            if let Some(id) = clean.keys().find(|id| !found.contains_key(*id)) {
                return Err(format!("SIM-2: alert {id} is missing in partition {partition}"));
            }
            let strange = found.iter().find(|(id, record)| clean.get(*id) != Some(*record));
            if let Some((id, _)) = strange {
                return Err(format!("SIM-2: alert {id} is not what the journal gives"));
            }
        }
        Ok(())
    }

    /// SIM-3.
    ///
    /// # Errors
    /// The first letter that is missing or more.
    pub fn letters(&self) -> Result<(), String> {
        let mut found = BTreeSet::new();
        for partition in 0..self.topics.dead.partitions() {
            found.extend(records(self.topics.dead, partition)?);
        }
        if found == self.letters {
            return Ok(());
        }
        let text = |letters: Vec<&Vec<u8>>| {
            letters.first().map(|l| String::from_utf8_lossy(l).into_owned())
        };
        Err(format!(
            "SIM-3: a letter is missing {:?} or more {:?}",
            text(self.letters.difference(&found).collect()),
            text(found.difference(&self.letters).collect())
        ))
    }

    /// SIM-4 for these households.
    ///
    /// # Errors
    /// The first household that differs.
    pub fn one_engine(&self, households: &[String]) -> Result<(), String> {
        let mut engine = Engine::new(2);
        let mut out = Output::default();
        let mut clock = Instant(i64::MIN);
        let order = self.order();
        // Packs first: which types and rules there are holds for all.
        let packs = order.iter().filter(|(_, entry)| matches!(entry, Entry::Pack { .. }));
        let others = order.iter().filter(|(_, entry)| !matches!(entry, Entry::Pack { .. }));
        let all: Frame = packs.chain(others).cloned().collect();
        engine.apply(&OneHand, &stamped(&all, &mut clock), &mut out);
        engine.advance(&OneHand, self.end().max(clock), &mut out);
        while engine.work(&OneHand, usize::MAX, &mut out) {}
        for household in households {
            let got = essence(self.portrait(household));
            let want = essence(engine.portrait(household));
            if got != want {
                return Err(format!("SIM-4: {household} is\n{got}\nand should be\n{want}"));
            }
        }
        Ok(())
    }

    /// SIM-5 for these households; `lines` are the lines that entries were made of.
    ///
    /// # Errors
    /// The first household that differs.
    pub fn reference_model(
        &self,
        households: &[String],
        lines: &[(Entry, String)],
    ) -> Result<(), String> {
        let lines: HashMap<Vec<u8>, &String> =
            lines.iter().map(|(entry, line)| (print(entry), line)).collect();
        let (mut profiles, mut events) = (String::new(), String::new());
        let mut packs: Vec<String> = Vec::new();
        for (_, entry) in self.order() {
            let into = match &entry {
                Entry::Pack { yaml, .. } => {
                    let yaml = String::from_utf8_lossy(yaml).into_owned();
                    if !packs.contains(&yaml) {
                        packs.push(yaml);
                    }
                    continue;
                }
                Entry::Profile(_) => &mut profiles,
                _ => &mut events,
            };
            into.push_str(lines.get(&print(&entry)).ok_or("an entry that nobody sent")?);
            into.push('\n');
        }
        let until = self.end().date().to_string();
        let packs: Vec<&str> = packs.iter().map(String::as_str).collect();
        let report = reference::backtest(&profiles, &events, &packs, Some(&until));
        let report = report.map_err(|e| e.to_string())?;
        for household in households {
            let got = self.portrait(household).map_or("none", |portrait| portrait.level.word());
            let want = report.levels.get(household).map_or("none", String::as_str);
            if got != want {
                return Err(format!("SIM-5: {household} is {got} and should be {want}"));
            }
        }
        Ok(())
    }

    fn portrait(&self, household: &str) -> Option<Portrait> {
        let partitions = u32::try_from(self.folds.len()).unwrap_or(u32::MAX);
        let partition = HouseholdKey::of(household).partition(partitions);
        self.folds[partition as usize].engine().portrait(household)
    }

    fn end(&self) -> Instant {
        self.folds.iter().map(Partition::clock).max().unwrap_or(Instant(i64::MIN))
    }

    /// What clients sent, in an order in which every topic could have taken it.
    fn order(&self) -> Vec<(Instant, Entry)> {
        let sent = |(_, entry): &&(Instant, Entry)| {
            !matches!(entry, Entry::Claim(_) | Entry::Adopt(_) | Entry::Release(_) | Entry::Tick)
        };
        let all = self.journals.iter().chain(&self.persons);
        all.flatten().flatten().filter(sent).cloned().collect()
    }
}

/// The bytes of an entry without its instant: what makes it the same one.
fn print(entry: &Entry) -> Vec<u8> {
    seal(entry, Instant(1), Instant(1), &Catalogue::shipped()).payload
}

/// What must be the same everywhere: level, rules, facts and live events, in no order.
fn essence(portrait: Option<Portrait>) -> String {
    let Some(mut portrait) = portrait else { return String::new() };
    portrait.events.sort_by(|a, b| format!("{a:?}").cmp(&format!("{b:?}")));
    portrait.rules.sort_by(|a, b| a.rule.cmp(&b.rule));
    let Portrait { level, rules, facts, events, .. } = portrait;
    format!("{level:?} {rules:?} {facts:?} {events:?}")
}
