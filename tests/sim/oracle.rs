//! What must hold in the end. It reads the topics themselves and folds them anew, without any part
//! that a fault could have touched; then it asks one engine, and the reference model, that saw the
//! same entries in one order.
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
    catalogue::Catalogue,
    codes::Code,
    date::Instant,
    frame::{self, Entry, seal},
    ids::HouseholdKey,
};
use system_tests::reference;
use watcher::Letter;

use crate::{
    cluster::{Cluster, letter},
    dice::Coverage,
    happenings::{self, HOUSEHOLDS},
};

/// A record's entries with their instants, a tick for none.
type Frame = Vec<(Instant, Entry)>;

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

impl Clean {
    fn take(&mut self, entries: &[Stamped], frame: &Frame, out: Output) {
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
        self.alerts.extend(out.alerts.iter().map(|alert| (alert.id(), alert.to_json())));
    }
}

fn journal(frames: &[Frame], coverage: &mut Coverage) -> (Partition, Clean) {
    let (mut fold, mut clean) = (Partition::default(), Clean::default());
    let mut clock = Instant(i64::MIN);
    for frame in frames {
        let entries = stamped(frame, &mut clock);
        let mut out = Output::default();
        fold.apply(&OneHand, &entries, &mut out);
        while fold.work(&OneHand, usize::MAX, &mut out) {}
        let known = entries.iter().zip(&out.outcomes).filter(|(stamped, outcome)| {
            matches!(stamped.entry, Entry::Adopt(_)) && **outcome == Outcome::Duplicate
        });
        coverage.add("adopt known already", known.count() as u64);
        clean.take(&entries, frame, out);
    }
    (fold, clean)
}

fn persons(frames: &[Frame], coverage: &mut Coverage) -> Clean {
    let (mut fold, mut clean) = (PersonFold::default(), Clean::default());
    let mut clock = Instant(i64::MIN);
    for frame in frames {
        let entries = stamped(frame, &mut clock);
        let mut out = Output::default();
        fold.apply(&OneHand, &entries, &mut out);
        let released = out.told.iter().filter(|told| matches!(told.entry, Entry::Release(_)));
        coverage.add("person changed hands", released.count() as u64);
        let known = entries.iter().zip(&out.outcomes).filter(|(stamped, outcome)| {
            matches!(stamped.entry, Entry::Claim(_)) && **outcome == Outcome::Duplicate
        });
        coverage.add("claim known already", known.count() as u64);
        clean.take(&entries, frame, out);
    }
    clean
}

/// Judges a cluster that has come to rest.
///
/// # Errors
/// The first law that does not hold, in words.
pub(crate) fn judge(cluster: &mut Cluster) -> Result<(), String> {
    let journal_log = cluster.broker.topic(0);
    let persons_log = cluster.broker.topic(1);
    let mut journals = Vec::new();
    for partition in 0..cluster.journals {
        journals.push(frames(&*journal_log, partition)?);
    }
    let mut logs = Vec::new();
    for partition in 0..cluster.persons {
        logs.push(frames(&*persons_log, partition)?);
    }
    durable(cluster, &journals, &logs)?;
    let mut folds = Vec::new();
    let mut letters = BTreeSet::new();
    let mut coverage = Coverage::default();
    for (partition, frames) in (0..).zip(&journals) {
        let (fold, clean) = journal(frames, &mut coverage);
        alerts(cluster, partition, &clean)?;
        letters.extend(clean.letters);
        folds.push(fold);
    }
    for frames in &logs {
        letters.extend(persons(frames, &mut coverage).letters);
    }
    coverage.add("letter written", letters.len() as u64);
    cluster.coverage.merge(&coverage);
    let dead = cluster.broker.topic(3);
    let mut found = BTreeSet::new();
    for partition in 0..dead.partitions() {
        found.extend(records(&*dead, partition)?);
    }
    if found != letters {
        let text = |letters: Vec<&Vec<u8>>| {
            letters.first().map(|l| String::from_utf8_lossy(l).into_owned())
        };
        return Err(format!(
            "SIM-3: a letter is missing {:?} or more {:?}",
            text(letters.difference(&found).collect()),
            text(found.difference(&letters).collect())
        ));
    }
    let order = order(&journals, &logs);
    one_engine(cluster, &order, &folds)?;
    if cluster.removals { Ok(()) } else { reference_model(cluster, &order, &folds) }
}

/// The bytes of an entry without its instant: what makes it the same one.
fn print(entry: &Entry) -> Vec<u8> {
    seal(entry, Instant(1), Instant(1), &Catalogue::shipped()).payload
}

fn durable(cluster: &Cluster, journals: &[Vec<Frame>], logs: &[Vec<Frame>]) -> Result<(), String> {
    let prints = |frames: &Vec<Frame>| -> HashSet<Vec<u8>> {
        frames.iter().flatten().map(|(_, entry)| print(entry)).collect()
    };
    let journals: Vec<_> = journals.iter().map(prints).collect();
    let logs: Vec<_> = logs.iter().map(prints).collect();
    for entry in &cluster.answered {
        let print = print(entry);
        let key = Stamped::new(Instant(0), entry.clone()).key;
        let there = match entry {
            Entry::Event(event) => match &event.subject {
                proto::event::Subject::Person(token) => {
                    let key = proto::belonging::person_key(token);
                    logs[key.partition(cluster.persons) as usize].contains(&print)
                }
                proto::event::Subject::Area(_) => journals.iter().all(|j| j.contains(&print)),
                proto::event::Subject::Household(_) => {
                    journals[key.partition(cluster.journals) as usize].contains(&print)
                }
            },
            Entry::Pack { .. } => journals.iter().chain(&logs).all(|log| log.contains(&print)),
            _ => journals[key.partition(cluster.journals) as usize].contains(&print),
        };
        if !there {
            return Err("SIM-1: an answered entry is not durable".to_owned());
        }
    }
    Ok(())
}

fn alerts(cluster: &Cluster, partition: u32, clean: &Clean) -> Result<(), String> {
    let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for record in records(&*cluster.broker.topic(2), partition)? {
        let json: serde_json::Value =
            serde_json::from_slice(&record).map_err(|e| format!("SIM-2: {e}"))?;
        let id = json["id"].as_str().unwrap_or_default().to_owned();
        match found.insert(id.clone(), record.clone()) {
            Some(before) if before != record => {
                return Err(format!("SIM-2: alert {id} has two contents"));
            }
            Some(_) if !cluster.options.zombies => {
                return Err(format!("SIM-2: alert {id} stands twice"));
            }
            _ => {}
        }
    }
    if let Some(id) = clean.alerts.keys().find(|id| !found.contains_key(*id)) {
        return Err(format!("SIM-2: alert {id} is missing in partition {partition}"));
    }
    match found.iter().find(|(id, record)| clean.alerts.get(*id) != Some(*record)) {
        Some((id, _)) => Err(format!("SIM-2: alert {id} is not what the journal gives")),
        None => Ok(()),
    }
}

/// What clients sent, in an order in which every topic could have taken it.
fn order(journals: &[Vec<Frame>], logs: &[Vec<Frame>]) -> Vec<(Instant, Entry)> {
    let sent = |(_, entry): &&(Instant, Entry)| {
        !matches!(entry, Entry::Claim(_) | Entry::Adopt(_) | Entry::Release(_) | Entry::Tick)
    };
    journals.iter().chain(logs).flatten().flatten().filter(sent).cloned().collect()
}

/// What must be the same everywhere: level, rules, facts and live events, in no order.
fn essence(portrait: Option<Portrait>) -> String {
    let Some(mut portrait) = portrait else { return String::new() };
    portrait.events.sort_by(|a, b| format!("{a:?}").cmp(&format!("{b:?}")));
    portrait.rules.sort_by(|a, b| a.rule.cmp(&b.rule));
    let Portrait { level, rules, facts, events, .. } = portrait;
    format!("{level:?} {rules:?} {facts:?} {events:?}")
}

fn one_engine(
    cluster: &Cluster,
    order: &[(Instant, Entry)],
    folds: &[Partition],
) -> Result<(), String> {
    let mut engine = Engine::new(2);
    let mut out = Output::default();
    let mut clock = Instant(i64::MIN);
    // Packs first: which types and rules there are holds for all.
    let packs = order.iter().filter(|(_, entry)| matches!(entry, Entry::Pack { .. }));
    let others = order.iter().filter(|(_, entry)| !matches!(entry, Entry::Pack { .. }));
    let all: Frame = packs.chain(others).cloned().collect();
    engine.apply(&OneHand, &stamped(&all, &mut clock), &mut out);
    let end = folds.iter().map(Partition::clock).max().unwrap_or(clock);
    engine.advance(&OneHand, end, &mut out);
    while engine.work(&OneHand, usize::MAX, &mut out) {}
    for n in 0..HOUSEHOLDS {
        let household = format!("H{n}");
        let partition = HouseholdKey::of(&household).partition(cluster.journals);
        let got = essence(folds[partition as usize].portrait(&household));
        let want = essence(engine.portrait(&household));
        if got != want {
            return Err(format!("SIM-4: {household} is\n{got}\nand should be\n{want}"));
        }
    }
    Ok(())
}

fn reference_model(
    cluster: &Cluster,
    order: &[(Instant, Entry)],
    folds: &[Partition],
) -> Result<(), String> {
    let lines: HashMap<Vec<u8>, &String> = cluster
        .sent
        .iter()
        .filter_map(|sent| Some((print(&sent.entry), sent.line.as_ref()?)))
        .collect();
    let (mut households, mut events, mut packs) = (String::new(), String::new(), Vec::new());
    for (_, entry) in order {
        match entry {
            Entry::Pack { yaml, .. } => {
                let yaml = std::str::from_utf8(yaml).unwrap_or_default();
                if !packs.contains(&yaml) {
                    packs.push(yaml);
                }
                continue;
            }
            Entry::Profile(_) => &mut households,
            _ => &mut events,
        }
        .push_str(&format!("{}\n", lines.get(&print(entry)).ok_or("an entry nobody sent")?));
    }
    let end = folds.iter().map(Partition::clock).max().unwrap_or(happenings::start());
    let until = end.date().to_string();
    let report = reference::backtest(&households, &events, &packs, Some(&until));
    let report = report.map_err(|e| e.to_string())?;
    for n in 0..HOUSEHOLDS {
        let household = format!("H{n}");
        let partition = HouseholdKey::of(&household).partition(cluster.journals);
        let got = folds[partition as usize].portrait(&household);
        let got = got.map_or("none", |portrait| portrait.level.word());
        let want = report.levels.get(&household).map_or("none", String::as_str);
        if got != want {
            return Err(format!("SIM-5: {household} is {got} and should be {want}"));
        }
    }
    Ok(())
}
