//! Topics of a measure's own, and the services' parts on them in this process: feeds that carry
//! topics into the journal, watchers that fold it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use chassis::{Clock, Failure, Health, Threads};
use intake::{Caller, door::Noun, feed::Feeds, pack::Packer};
use log::{Log, LogError};
use log_kafka::{Dress, Feed, FeedSettings, HEADERS, KafkaLog, Plan, Settings};
use prometheus::Registry;
use proto::{date::Instant, person::TokenKey};
use tempfile::TempDir;
use watcher::{Carrier, CarrierParts, Limits, ObjectFolder, Ports, Topic};

use super::Bench;
use crate::{folder::written, packs};

/// How often a state that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(2);
/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long partitions that are given up may take for their last snapshots.
const LAST: Duration = Duration::from_secs(300);

/// The topics of a measure.
pub(super) struct Place<'a> {
    bench: &'a Bench<'a>,
    prefix: String,
    journal: Arc<dyn Log>,
    persons: Arc<dyn Log>,
    dead: Arc<dyn Log>,
}

/// Watchers of every partition, with the alerts that they publish and their snapshots.
pub(super) struct Watchers<'a> {
    place: &'a Place<'a>,
    pub(super) alerts: Arc<dyn Log>,
    folder: TempDir,
}

/// Watchers that run.
pub(super) struct Running<'a> {
    place: &'a Place<'a>,
    carrier: Carrier,
    threads: Threads,
    registry: Registry,
}

impl<'a> Place<'a> {
    /// Makes the topics; the pack is in force in every partition.
    pub(super) fn new(bench: &'a Bench<'a>, measure: &str) -> Result<Place<'a>, Failure> {
        // A name of its own costs nothing.
        let prefix = format!("bench-{measure}-{}", bench.clock.now_unix_micros());
        let partitions = bench.args.partitions;
        let mut plan = format!(
            "replication: 1\nmin_insync: 1\ntopics:\n  {HEADERS}: {{partitions: 1, keep: forever}}\n"
        );
        let names =
            ["events", "households", "journal", "persons", "dead", "alerts-live", "alerts-later"];
        for name in names {
            plan.push_str(&format!(
                "  {prefix}-{name}: {{partitions: {partitions}, keep: forever, large_records: true}}\n"
            ));
        }
        Plan::read(&plan).map_err(Failure::usage)?.create(bench.cluster)?;
        let open = |name, dress| open(bench, &format!("{prefix}-{name}"), dress);
        let place = Place {
            journal: open("journal", Dress::Bare)?,
            persons: open("persons", Dress::Bare)?,
            dead: open("dead", Dress::DeadLetter)?,
            bench,
            prefix,
        };
        let mut packer = Packer::new(partitions, partitions);
        for pack in &bench.pack.packs {
            packer.add(&packs::entry(pack), &bench.pack.catalogue);
        }
        place.enter(&mut packer)?;
        Ok(place)
    }

    pub(super) fn topic(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    pub(super) fn journal(&self) -> &dyn Log {
        &*self.journal
    }

    /// Appends what was packed.
    pub(super) fn enter(&self, packer: &mut Packer) -> Result<(), LogError> {
        let now = Instant(self.bench.clock.now_unix_micros());
        let (journal, persons) = packer.pack(now);
        for (log, frames) in [(&self.journal, journal), (&self.persons, persons)] {
            for (partition, frame) in frames {
                log.append(partition, &[&frame])?;
            }
        }
        Ok(())
    }

    /// Feeds of these topics, as the service has them.
    pub(super) fn feeds(&self, names: &[(&str, Noun)]) -> Result<Feeds, LogError> {
        let nouns: BTreeMap<String, Noun> =
            names.iter().map(|(name, noun)| (self.topic(name), *noun)).collect();
        let settings = FeedSettings {
            group: self.topic("intake"),
            topics: nouns.keys().cloned().collect(),
            instance: None,
            session: Duration::from_secs(6),
        };
        let catalogue = Arc::new(self.bench.pack.catalogue.clone());
        Ok(Feeds {
            source: Box::new(Feed::open(self.bench.cluster, &settings)?),
            nouns,
            journal: Arc::clone(&self.journal),
            persons: Arc::clone(&self.persons),
            dead: Arc::clone(&self.dead),
            key: TokenKey::new(1, &[0; 32]),
            caller: Caller::operator(),
            clock: Arc::new(self.bench.clock.clone()),
            known: Arc::new(move || Arc::clone(&catalogue)),
            hold_after: 0,
        })
    }

    /// Carries so many records of a topic into the journal.
    ///
    /// # Errors
    /// What a log says; some were refused: a workload of which something is refused measures
    /// something else.
    pub(super) fn carry(&self, name: &str, noun: Noun, records: u64) -> Result<(), Failure> {
        let (stop, mut seen, mut refused) = (AtomicBool::new(false), 0, 0);
        self.feeds(&[(name, noun)])?.run(&|| stop.load(Ordering::Acquire), &mut |told| {
            let no: u64 = told.refused.values().sum();
            (seen, refused) = (seen + told.taken + no, refused + no);
            stop.store(seen >= records, Ordering::Release);
        })?;
        match refused {
            0 => Ok(()),
            _ => Err(Failure::new(1, format!("{refused} records of {name} were refused"))),
        }
    }

    /// Watchers whose alerts go to the topic of this name.
    pub(super) fn watchers(&'a self, alerts: &str) -> Result<Watchers<'a>, Failure> {
        let alerts = open(self.bench, &self.topic(alerts), Dress::CloudEvent)?;
        Ok(Watchers { place: self, alerts, folder: tempfile::tempdir()? })
    }
}

fn open(bench: &Bench<'_>, topic: &str, dress: Dress) -> Result<Arc<dyn Log>, LogError> {
    let settings = Settings { dress, ..Settings::new(topic, bench.args.partitions) };
    Ok(Arc::new(KafkaLog::open(bench.cluster, &settings)?))
}

impl<'a> Watchers<'a> {
    /// Begins to carry every partition; snapshots are kept in the folder of these watchers.
    pub(super) fn start(&self) -> Result<Running<'a>, Failure> {
        let bench = self.place.bench;
        let store = ObjectFolder::open(self.folder.path())
            .map_err(|e| Failure::new(1, format!("snapshot.io: {e}")))?;
        let clock = Arc::new(bench.clock.clone());
        let (threads, registry) = (Threads::default(), Registry::new());
        let carrier = Carrier::new(CarrierParts {
            ports: Ports {
                journal: Arc::clone(&self.place.journal),
                persons: Arc::clone(&self.place.persons),
                alerts: Arc::clone(&self.alerts),
                dead: Arc::clone(&self.place.dead),
                store: Arc::new(store),
                letter: Arc::new(|letter| written(letter).to_json().into_bytes()),
            },
            // The measure says when a snapshot is taken.
            limits: Limits { snapshot_entries: u64::MAX, ..Limits::default() },
            threads: threads.clone(),
            health: Health::new(clock.clone()),
            registry: registry.clone(),
            process: format!("bench {}", clock.now_unix_micros()),
            clock,
        });
        let carrier = carrier.map_err(|e| Failure::new(1, e.to_string()))?;
        let running = Running { place: self.place, carrier, threads, registry };
        for part in running.parts() {
            running.carrier.carry(part.0, part.1).map_err(|e| Failure::new(1, e.to_string()))?;
        }
        Ok(running)
    }

    /// Bytes of the snapshots that are kept.
    pub(super) fn bytes(&self) -> Result<u64, Failure> {
        let (mut bytes, mut folders) = (0, vec![self.folder.path().to_path_buf()]);
        while let Some(folder) = folders.pop() {
            for found in std::fs::read_dir(folder)? {
                let found = found?;
                match found.metadata()? {
                    about if about.is_dir() => folders.push(found.path()),
                    about => bytes += about.len(),
                }
            }
        }
        Ok(bytes)
    }

    /// Alerts that are durable.
    pub(super) fn published(&self) -> Result<u64, LogError> {
        (0..self.alerts.partitions()).map(|partition| self.alerts.end(partition)).sum()
    }
}

impl Running<'_> {
    fn parts(&self) -> Vec<(Topic, u32)> {
        let partitions = self.place.bench.args.partitions;
        let of = |topic| (0..partitions).map(move |partition| (topic, partition));
        of(Topic::Journal).chain(of(Topic::Persons)).collect()
    }

    /// Waits until every partition is restored.
    pub(super) fn until_ready(&self) -> Result<(), Failure> {
        let all = self.parts().len() as u64;
        self.until("ready", || Ok(self.sum("levee_partition_live") == all))
    }

    /// Waits until every partition has folded what its journal holds now.
    pub(super) fn until_folded(&self) -> Result<(), Failure> {
        let journal = &self.place.journal;
        let mut ends = Vec::new();
        for partition in 0..journal.partitions() {
            ends.push(journal.end(partition)?);
        }
        self.until("folded", || {
            let places = self.carrier.places();
            let mine = places.iter().filter(|(topic, ..)| *topic == Topic::Journal);
            Ok(mine.filter(|(_, p, next)| *next >= ends[*p as usize]).count() == ends.len())
        })
    }

    /// Alerts that the partitions have made so far.
    pub(super) fn alerts(&self) -> u64 {
        self.sum("levee_partition_alerts")
    }

    /// The sum of a metric over the partitions.
    fn sum(&self, name: &str) -> u64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let values = family.into_iter().flat_map(|family| family.get_metric());
        // A count: a whole number that a float holds exactly.
        values.map(|metric| metric.get_gauge().get_value() as u64).sum()
    }

    /// Waits until it is so.
    pub(super) fn until(
        &self,
        what: &str,
        mut is_so: impl FnMut() -> Result<bool, LogError>,
    ) -> Result<(), Failure> {
        let clock = self.place.bench.clock;
        let begun = clock.monotonic();
        while !is_so()? {
            if let Some(code) = *self.carrier.ended().borrow() {
                return Err(Failure::new(1, format!("{code}: a partition has stopped")));
            }
            if clock.monotonic().saturating_sub(begun) > PATIENCE {
                return Err(Failure::new(1, format!("the partitions are not {what} in time")));
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Gives every partition up; each keeps a snapshot.
    pub(super) fn stop(self) -> Result<(), Failure> {
        self.carrier.let_go(&self.parts(), LAST);
        self.threads.join_all(LAST).map_err(|e| Failure::new(1, e.to_string()))
    }
}
