//! The alerts topic as the notifier has it: how far each partition is read, and where the latest
//! alert of each open case stands.
//!
//! Everything is read once from the first record on, at each start: what people are told of a case
//! that is open must not depend on when this process began.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use ::log::{Batch, Log, LogError};
use chassis::{Failure, Service};
use notifier::Unreadable;
use planner::Notice;
use proto::{
    alert::Severity,
    date::Instant,
    region::{Area, Region},
};
use tokio::sync::watch;

use super::{
    config,
    rounds::{READ, keep},
};

/// The topic, shared by clones.
#[derive(Clone)]
pub(super) struct Followed {
    shared: Arc<Shared>,
}

struct Shared {
    follows: Arc<dyn Log>,
    reads: Arc<dyn Log>,
    state: RwLock<State>,
    /// Alerts that were followed.
    count: watch::Sender<u64>,
}

struct State {
    first: Vec<u64>,
    next: Vec<u64>,
    /// The latest alert of each household.
    latest: HashMap<Box<str>, Latest>,
}

/// Where a household's latest alert stands.
struct Latest {
    episode: u32,
    revision: u32,
    open: bool,
    region: Option<Region>,
    site: Option<Box<str>>,
    time: Instant,
    place: (u32, u64),
}

impl Followed {
    /// Of one handle that goes through the topic and one that reads single alerts again; blocks.
    pub(super) fn open(follows: Arc<dyn Log>, reads: Arc<dyn Log>) -> Result<Followed, LogError> {
        let starts = (0..follows.partitions()).map(|partition| follows.start(partition));
        let first: Vec<u64> = starts.collect::<Result<_, _>>()?;
        let state = State { next: first.clone(), first, latest: HashMap::new() };
        let (state, count) = (RwLock::new(state), watch::Sender::new(0));
        Ok(Followed { shared: Arc::new(Shared { follows, reads, state, count }) })
    }

    /// Begins to follow on a thread.
    pub(super) fn follow(&self, service: &Service<config::Notifier>) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        keep(service, move || shared.round())
    }
}

impl Shared {
    /// Takes what each partition has; gives the number of records.
    fn round(&self) -> Result<u64, LogError> {
        let mut taken = 0;
        let mut batch = Batch::new();
        for partition in 0..self.follows.partitions() {
            let at = partition as usize;
            let from = self.state().next[at];
            match self.follows.read(partition, from, READ, &mut batch) {
                Err(LogError::Offset { start, .. }) if start > from => {
                    // What the topic keeps no longer is nobody's to be told of any more.
                    let mut state = self.state_mut();
                    (state.first[at], state.next[at]) = (start, start);
                    continue;
                }
                read => read?,
            }
            let Some(next) = batch.next_offset() else { continue };
            let mut state = self.state_mut();
            for (number, line) in batch.iter() {
                state.take(partition, number, line);
            }
            state.next[at] = next;
            taken += batch.len() as u64;
        }
        if taken > 0 {
            self.count.send_modify(|count| *count += taken);
        }
        Ok(taken)
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, partition: u32, number: u64, line: &[u8]) {
        // A line that is no alert is the planning loop's to tell of.
        let Ok(Notice { kind, time, data, .. }) = Notice::parse(line) else { return };
        if &*kind != proto::alert::TYPE {
            return;
        }
        let (episode, revision) = (data.episode, data.revision);
        let known = self.latest.get(&data.household);
        // One that a former owner published again is older than what is known.
        if known.is_some_and(|known| (known.episode, known.revision) >= (episode, revision)) {
            return;
        }
        let latest = Latest {
            episode,
            revision,
            open: data.level > Severity::None,
            region: Region::parse(&data.region),
            site: data.site,
            time,
            place: (partition, number),
        };
        self.latest.insert(data.household, latest);
    }

    /// Places of the open cases of an area, the oldest alert first.
    fn present(&self, area: &Area) -> Vec<(u32, u64)> {
        let inside = |latest: &&Latest| match area {
            Area::Prefix(prefix) => latest.region.is_some_and(|region| prefix.contains(region)),
            Area::Site(site) => latest.site.as_deref() == Some(site.as_ref()),
        };
        let open = self.latest.values().filter(|latest| latest.open);
        let mut found: Vec<_> = open.filter(inside).map(|l| (l.time, l.place)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, place)| place).collect()
    }
}

impl notifier::Alerts for Followed {
    fn partitions(&self) -> u32 {
        self.shared.follows.partitions()
    }

    fn start(&self, partition: u32) -> u64 {
        self.shared.state().first.get(partition as usize).copied().unwrap_or(0)
    }

    fn end(&self, partition: u32) -> u64 {
        self.shared.state().next.get(partition as usize).copied().unwrap_or(0)
    }

    fn read(
        &self,
        partition: u32,
        from: u64,
        most: usize,
        bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Unreadable> {
        let mut batch = Batch::new();
        let read = self.shared.reads.read(partition, from, bytes, &mut batch);
        read.map_err(|error| {
            tracing::warn!(code = error.code(), partition, "alerts cannot be read again");
            Unreadable
        })?;
        let end = notifier::Alerts::end(self, partition);
        // What was not followed yet is not there for anybody.
        let there = batch.iter().take_while(|(number, _)| *number < end);
        Ok(there.take(most).map(|(number, line)| (number, line.to_vec())).collect())
    }

    fn wait(&self) -> watch::Receiver<u64> {
        self.shared.count.subscribe()
    }
}

impl notifier::Cases for Followed {
    fn present(&self, area: &Area, reached: &[(u32, u64)]) -> Option<Vec<(u32, u64)>> {
        let state = self.shared.state();
        let known = |(partition, end): &(u32, u64)| {
            state.next.get(*partition as usize).is_some_and(|next| next >= end)
        };
        reached.iter().all(known).then(|| state.present(area))
    }
}

#[cfg(test)]
mod tests {
    use ::log::{Faults, Settings, SimulatedDisk, SimulatedLog};
    use notifier::{Alerts, Cases};
    use serde_json::json;

    use super::*;

    fn alert(household: &str, revision: u32, level: &str, region: &str) -> Vec<u8> {
        let alert = json!({"specversion": "1.0", "id": format!("{household}{revision}"),
            "type": proto::alert::TYPE, "time": format!("2026-03-04T10:20:{revision:02}+08:00"),
            "data": {"household": household, "episode": 1, "revision": revision, "level": level,
                "region": region, "site": null}});
        serde_json::to_vec(&alert).unwrap()
    }

    #[test]
    fn the_latest_alert_of_each_open_case_is_found_in_every_partition() {
        let disk = SimulatedDisk::new(1);
        let settings = Settings::new("alerts", 2);
        let log = SimulatedLog::open(&disk, &settings, Faults::default()).unwrap();
        let log: Arc<dyn Log> = Arc::new(log);
        let put = |partition, line: &[u8]| log.append(partition, &[line]).unwrap();
        put(0, &alert("a", 1, "red", "990102003004"));
        put(0, &alert("a", 2, "yellow", "990102003004"));
        put(1, &alert("b", 1, "green", "990102003005"));
        put(1, &alert("c", 3, "red", "990202003005"));
        put(1, &alert("b", 2, "none", "990102003005"));
        // A former owner publishes once more what it published before, and something is no alert.
        put(0, &alert("a", 1, "red", "990102003004"));
        put(0, b"{}");
        let followed = Followed::open(Arc::clone(&log), Arc::clone(&log)).unwrap();
        let all = Area::parse("99").unwrap();
        assert_eq!(followed.present(&all, &[(0, 4)]), None, "not followed so far");
        let rings = followed.wait();
        assert_eq!(followed.shared.round().unwrap(), 7);
        assert_eq!(*rings.borrow(), 7);
        assert_eq!(followed.present(&all, &[(0, 4), (1, 3)]), Some(vec![(0, 1), (1, 1)]));
        assert_eq!(followed.present(&Area::parse("9901").unwrap(), &[]), Some(vec![(0, 1)]));
        assert_eq!((followed.partitions(), followed.start(0), followed.end(0)), (2, 0, 4));
        let read = followed.read(1, 1, 1, 1 << 20).unwrap();
        assert_eq!(read, [(1, alert("c", 3, "red", "990202003005"))]);
        put(1, &alert("d", 1, "red", "990102003004"));
        assert_eq!(followed.read(1, 3, 9, 1 << 20).unwrap(), [], "nobody has followed it yet");
        assert_eq!(followed.shared.round().unwrap(), 1);
        assert_eq!(followed.read(1, 3, 9, 1 << 20).unwrap().len(), 1);
    }
}
