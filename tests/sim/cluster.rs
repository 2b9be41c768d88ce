//! A province in one thread: intakes, watchers, broker and store, and what befalls them, by a seed.

use std::{collections::BTreeMap, sync::Arc};

use intake::{Delivery, Spread};
use log::{Faults, Log};
use proto::{catalogue::Catalogue, date::Instant, event::Subject, frame::Entry};
use watcher::{Letter, Limits, PartitionMachine, Ports, Step, Store, Topic};

use crate::{
    broker::Broker,
    dice::{Coverage, Dice},
    happenings::{self, Happening},
    planted::{self, Bug},
    store::{SimulatedStore, StoreFaults},
};

const HOUR_US: i64 = 3_600_000_000;
/// Two days: how far a clock jumps at most.
const JUMP_HOURS: usize = 48;
/// Steps within which everything must be done once nothing goes wrong any more.
const PATIENCE: usize = 50_000;

pub(crate) type Part = (Topic, u32);

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// Rounds of happenings and faults.
    pub(crate) rounds: usize,
    /// Whether anything goes wrong.
    pub(crate) faults: bool,
    /// Whether former owners go on, and appends land late: then an alert may be appended twice.
    pub(crate) zombies: bool,
    pub(crate) bug: Option<Bug>,
}

impl Options {
    pub(crate) fn of(seed: u64) -> Options {
        Options { seed, rounds: 320, faults: true, zombies: true, bug: None }
    }
}

struct Call {
    entries: Vec<Entry>,
    delivery: Delivery,
}

struct IntakeNode {
    ahead_us: i64,
    calls: Vec<Call>,
    journal: Arc<dyn Log>,
    persons: Arc<dyn Log>,
}

struct WatcherNode {
    ahead_us: i64,
    ports: Ports,
    machines: BTreeMap<Part, PartitionMachine>,
}

pub(crate) struct Cluster {
    pub(crate) options: Options,
    pub(crate) broker: Broker,
    pub(crate) store: Arc<SimulatedStore>,
    pub(crate) coverage: Coverage,
    pub(crate) journals: u32,
    pub(crate) persons: u32,
    pub(crate) removals: bool,
    /// Entries that a client was told are durable.
    pub(crate) answered: Vec<Entry>,
    /// Everything that was ever sent, with its line.
    pub(crate) sent: Vec<Happening>,
    pub(crate) now: Instant,
    dice: Dice,
    spread: Spread,
    catalogue: Catalogue,
    intakes: Vec<IntakeNode>,
    nodes: Vec<WatcherNode>,
    owners: BTreeMap<Part, usize>,
    /// Who opened each partition last.
    openers: BTreeMap<Part, usize>,
    taken: u64,
}

pub(crate) fn letter(letter: &Letter) -> Vec<u8> {
    let body = letter.body.as_deref().unwrap_or_default();
    let mut record = format!("{} {} ", letter.code.name(), letter.index).into_bytes();
    record.extend_from_slice(body);
    record
}

impl Cluster {
    pub(crate) fn new(options: Options) -> Cluster {
        let mut dice = Dice::new(options.seed);
        let journals = 1 + dice.below(3) as u32;
        let persons = 1 + dice.below(2) as u32;
        let late = if options.zombies { 8 } else { 0 };
        let faults = match options.faults {
            true => Faults { refused: 15, ack_lost: 15, late },
            false => Faults::default(),
        };
        let seed = options.seed;
        let broker = Broker::new(seed, [journals, persons, journals, 2], faults);
        let faults = match options.faults {
            true => StoreFaults { refused: 20, ack_lost: 40, damaged: 40 },
            false => StoreFaults::default(),
        };
        let store = Arc::new(SimulatedStore::new(seed, faults));
        let mut cluster = Cluster {
            options,
            broker,
            store,
            coverage: Coverage::default(),
            journals,
            persons,
            removals: dice.once_in(2),
            answered: Vec::new(),
            sent: Vec::new(),
            now: happenings::start(),
            dice,
            spread: Spread { journals, persons },
            catalogue: Catalogue::shipped(),
            intakes: Vec::new(),
            nodes: Vec::new(),
            owners: BTreeMap::new(),
            openers: BTreeMap::new(),
            taken: 0,
        };
        cluster.intakes = (0..2).map(|_| cluster.intake()).collect();
        cluster.nodes = (0..2).map(|n| cluster.node(n)).collect();
        for part in cluster.parts() {
            let node = cluster.dice.below(2);
            cluster.owners.insert(part, node);
        }
        cluster
    }

    fn parts(&self) -> Vec<Part> {
        let journals = (0..self.journals).map(|p| (Topic::Journal, p));
        journals.chain((0..self.persons).map(|p| (Topic::Persons, p))).collect()
    }

    fn intake(&self) -> IntakeNode {
        let bug = self.options.bug;
        let log = |topic| planted::intake_log(bug, topic, self.broker.topic(topic));
        IntakeNode { ahead_us: 0, calls: Vec::new(), journal: log(0), persons: log(1) }
    }

    fn node(&self, number: u64) -> WatcherNode {
        let bug = self.options.bug;
        let log = |topic| planted::watcher_log(bug, topic, self.broker.topic(topic), number);
        let store: Arc<dyn Store> = Arc::clone(&self.store) as Arc<dyn Store>;
        let ports = Ports {
            journal: log(0),
            persons: log(1),
            alerts: log(2),
            dead: log(3),
            store: planted::store(bug, store),
            letter: Arc::new(letter),
        };
        WatcherNode { ahead_us: 0, ports, machines: BTreeMap::new() }
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// A law that does not hold, in words.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        self.first_pack()?;
        let second = self.options.rounds / 2;
        for round in 0..self.options.rounds {
            match self.dice.below(24) {
                _ if round == second => {
                    let entry = happenings::pack("second", happenings::SECOND);
                    self.send(vec![Happening { entry, line: None }]);
                }
                0..=4 => {
                    let now = self.now;
                    let count = 1 + self.dice.below(4);
                    let all = (0..count)
                        .map(|_| happenings::draw(&mut self.dice, now, self.removals))
                        .collect();
                    self.send(all);
                }
                5..=10 => self.intake_step(),
                11..=20 => {
                    for _ in 0..1 + self.dice.below(4) {
                        self.machine_step()?;
                    }
                }
                21 => self.now = self.now.plus_us(self.dice.below(20) as i64 * HOUR_US),
                _ if self.options.faults => self.befall()?,
                _ => {}
            }
        }
        self.converge()
    }

    /// A pack is in force before anything else: what is decided depends on it.
    fn first_pack(&mut self) -> Result<(), String> {
        let entry = happenings::pack("test", happenings::PACK);
        self.send(vec![Happening { entry, line: None }]);
        for _ in 0..200 {
            if self.intakes.iter().all(|intake| intake.calls.is_empty()) {
                return Ok(());
            }
            self.intake_step();
        }
        Err("the first pack is never durable".to_owned())
    }

    fn send(&mut self, happenings: Vec<Happening>) {
        let entries: Vec<Entry> = happenings.iter().map(|h| h.entry.clone()).collect();
        self.sent.extend(happenings);
        let at = self.dice.below(self.intakes.len());
        self.begin(at, entries);
    }

    fn begin(&mut self, intake: usize, entries: Vec<Entry>) {
        let at = self.now.plus_us(self.intakes[intake].ahead_us);
        let frames = self.spread.frames(&entries, at, &self.catalogue);
        let delivery = Delivery::new(frames);
        self.intakes[intake].calls.push(Call { entries, delivery });
    }

    fn intake_step(&mut self) {
        let at = self.dice.below(self.intakes.len());
        let intake = &mut self.intakes[at];
        if intake.calls.is_empty() {
            return;
        }
        let n = self.dice.below(intake.calls.len());
        let call = &mut intake.calls[n];
        if let Ok(true) = call.delivery.step(&*intake.journal, &*intake.persons) {
            let call = intake.calls.remove(n);
            self.answered.extend(call.entries);
            self.coverage.note("call answered");
        }
    }

    fn machine_step(&mut self) -> Result<(), String> {
        let at = self.dice.below(self.nodes.len());
        let missing: Vec<Part> = self
            .owners
            .iter()
            .filter(|(part, owner)| **owner == at && !self.nodes[at].machines.contains_key(part))
            .map(|(part, _)| *part)
            .collect();
        if !missing.is_empty() {
            let part = missing[self.dice.below(missing.len())];
            return self.open(at, part);
        }
        let parts: Vec<Part> = self.nodes[at].machines.keys().copied().collect();
        if parts.is_empty() {
            return Ok(());
        }
        let part = parts[self.dice.below(parts.len())];
        self.step(at, part).map(|_| ())
    }

    fn open(&mut self, at: usize, part: Part) -> Result<(), String> {
        self.taken += 1;
        let owner = format!("node {at}, {}", self.taken);
        let limits = Limits { read_bytes: 700, households: 2, snapshot_entries: 25 };
        let ports = self.nodes[at].ports.clone();
        let coverage = &mut self.coverage;
        let mut refused = |_: &str, _: &'static str| coverage.note("damaged snapshot refused");
        match PartitionMachine::open(part.0, part.1, ports, limits, &owner, &mut refused) {
            Ok(machine) => {
                if machine.next() > 0 {
                    self.coverage.note("started from a snapshot");
                }
                self.nodes[at].machines.insert(part, machine);
                self.openers.insert(part, at);
                Ok(())
            }
            Err(fault) if fault.retryable() => Ok(()),
            Err(fault) => Err(format!("{part:?} does not open: {fault}")),
        }
    }

    fn step(&mut self, at: usize, part: Part) -> Result<Step, String> {
        let node = &mut self.nodes[at];
        let now = self.now.plus_us(node.ahead_us);
        let zombie = self.owners.get(&part) != Some(&at);
        let Some(machine) = node.machines.get_mut(&part) else { return Ok(Step::Idle) };
        if zombie {
            self.coverage.note("zombie stepped");
        }
        let before = machine.found();
        match machine.step(now) {
            Ok(step) => {
                self.coverage.add("alert read back", machine.found() - before);
                match step {
                    Step::Kept if self.openers.get(&part) != Some(&at) => {
                        return Err("a former owner kept a snapshot".to_owned());
                    }
                    Step::Kept => self.coverage.note("snapshot kept"),
                    Step::Ticked => self.coverage.note("midnight ticked"),
                    _ => {}
                }
                Ok(step)
            }
            Err(fault) if fault.code() == "partition.superseded" => {
                if !zombie {
                    return Err("an owner was refused as if it had a successor".to_owned());
                }
                self.coverage.note("zombie refused a snapshot");
                node.machines.remove(&part);
                Ok(Step::Idle)
            }
            Err(fault) if fault.retryable() => Ok(Step::Published),
            Err(fault) => Err(format!("{part:?} stops: {fault}")),
        }
    }

    fn befall(&mut self) -> Result<(), String> {
        let at = self.dice.below(self.nodes.len());
        match self.dice.below(12) {
            0 => {
                self.broker.restart();
                self.coverage.note("broker crashed");
            }
            1 | 2 => self.crash_within()?,
            3 | 4 => {
                // What it held is gone; its partitions stay its own or go to another.
                let stays = self.dice.once_in(2);
                self.taken += 1;
                self.nodes[at] = self.node(self.taken + 100);
                if !stays {
                    let parts = self.parts();
                    let its = parts.into_iter().filter(|part| self.owners[part] == at);
                    its.collect::<Vec<_>>().into_iter().for_each(|part| self.give(part, 1 - at));
                }
                self.coverage.note("watcher crashed between two steps");
            }
            5 => self.crash_intake(),
            6 => self.hand_over()?,
            7 | 8 if self.options.zombies => self.leave_zombie(),
            9 => {
                let hours = self.dice.below(2 * JUMP_HOURS) as i64 - JUMP_HOURS as i64;
                self.jump(hours);
            }
            10 => {
                // A client sends again what it sent before.
                if !self.answered.is_empty() {
                    let n = self.dice.below(self.answered.len());
                    let entry = self.answered[n].clone();
                    let intake = self.dice.below(self.intakes.len());
                    self.begin(intake, vec![entry]);
                }
            }
            _ => {
                // A zombie gives up.
                let owners = &self.owners;
                let node = &mut self.nodes[at];
                node.machines.retain(|part, _| owners.get(part) == Some(&at));
            }
        }
        Ok(())
    }

    fn crash_within(&mut self) -> Result<(), String> {
        let topic = self.dice.below(4);
        let changes = self.dice.below(12) as u64;
        self.broker.crash_within(topic, changes);
        for _ in 0..12 {
            self.intake_step();
            self.machine_step()?;
        }
        self.broker.restart();
        self.coverage.note("broker crashed within a write");
        Ok(())
    }

    fn crash_intake(&mut self) {
        let at = self.dice.below(self.intakes.len());
        let ahead_us = self.intakes[at].ahead_us;
        let fresh = IntakeNode { ahead_us, ..self.intake() };
        let lost = std::mem::replace(&mut self.intakes[at], fresh);
        for call in lost.calls {
            if call.delivery.begun() {
                self.coverage.note("intake crashed between two appends");
            }
            // Without an answer a client sends again, or never comes back; what belongs everywhere
            // is sent until it is there.
            let spreads = call.entries.iter().any(spreads);
            if self.dice.once_in(2) || spreads {
                self.coverage.note("call sent again after a crash");
                let intake = self.dice.below(self.intakes.len());
                self.begin(intake, call.entries);
            }
        }
    }

    fn hand_over(&mut self) -> Result<(), String> {
        let parts = self.parts();
        let part = parts[self.dice.below(parts.len())];
        let from = self.owners[&part];
        let kept = |cluster: &Cluster| {
            cluster.nodes[from].machines.get(&part).is_none_or(|machine| !machine.wishes())
        };
        if let Some(machine) = self.nodes[from].machines.get_mut(&part) {
            machine.wish_snapshot();
        }
        for _ in 0..40 {
            if kept(self) {
                self.coverage.note("partition handed over with a snapshot");
                break;
            }
            self.step(from, part)?;
        }
        self.nodes[from].machines.remove(&part);
        self.give(part, 1 - from);
        Ok(())
    }

    /// Assigns a partition; what the new owner still had of it is of no use any more.
    fn give(&mut self, part: Part, to: usize) {
        self.nodes[to].machines.remove(&part);
        self.owners.insert(part, to);
    }

    fn leave_zombie(&mut self) {
        let parts = self.parts();
        let part = parts[self.dice.below(parts.len())];
        let from = self.owners[&part];
        self.give(part, 1 - from);
        self.coverage.note("partition taken over from a zombie");
    }

    fn jump(&mut self, hours: i64) {
        let what = if hours > 0 { "clock jumped ahead" } else { "clock jumped back" };
        self.coverage.note(what);
        let (which, n) = (self.dice.below(2), self.dice.below(2));
        match which {
            0 => self.intakes[n].ahead_us = hours * HOUR_US,
            _ => self.nodes[n].ahead_us = hours * HOUR_US,
        }
    }

    /// Nothing goes wrong any more: everything that is durable is decided and published.
    fn converge(&mut self) -> Result<(), String> {
        self.store.heal();
        self.broker.heal();
        for at in 0..self.nodes.len() {
            self.nodes[at].ahead_us = 0;
            let owners = &self.owners;
            self.nodes[at].machines.retain(|part, _| owners.get(part) == Some(&at));
        }
        while self.intakes.iter().any(|intake| !intake.calls.is_empty()) {
            self.intake_step();
        }
        self.drain()?;
        // Every fall has lasted.
        self.now = self.now.plus_us(10 * 24 * HOUR_US);
        self.drain()
    }

    fn drain(&mut self) -> Result<(), String> {
        for _ in 0..PATIENCE {
            let mut idle = true;
            for (part, at) in self.owners.clone() {
                if !self.nodes[at].machines.contains_key(&part) {
                    self.open(at, part)?;
                    idle = false;
                }
                idle &= self.step(at, part)? == Step::Idle;
            }
            if idle {
                return Ok(());
            }
        }
        Err("it does not come to rest".to_owned())
    }
}

fn spreads(entry: &Entry) -> bool {
    match entry {
        Entry::Event(event) => matches!(event.subject, Subject::Area(_)),
        other => matches!(other, Entry::Pack { .. }),
    }
}
