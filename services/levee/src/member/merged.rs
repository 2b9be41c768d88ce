//! The alerts of all partitions in one order for ever: that in which they came here.
//!
//! The order is kept in a topic of the service's own folder; beside it stands from which place of
//! each partition it goes on. An alert that a partition holds twice is taken once.

use std::{collections::HashSet, path::Path, sync::Arc};

use ::log::{Batch, EmbeddedLog, Log, LogError, Settings};
use chassis::{Failure, Service};
use console::Unreadable;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    config,
    rounds::{READ, keep},
};

/// The next record of each partition.
#[derive(Debug, Serialize, Deserialize)]
struct Places(Vec<u64>);

#[derive(Deserialize)]
struct IdOnly {
    id: String,
}

/// The merging of one topic.
pub(super) struct Merged {
    from: Arc<dyn Log>,
    order: Arc<dyn Log>,
    places: Arc<dyn Log>,
    next: Vec<u64>,
    known: HashSet<String>,
    end: Arc<watch::Sender<u64>>,
}

impl Merged {
    /// Goes on where the folder ends.
    pub(super) fn open(
        folder: &Path,
        key: [u8; 16],
        from: Arc<dyn Log>,
    ) -> Result<Merged, LogError> {
        let topic = |name: &str| -> Result<Arc<dyn Log>, LogError> {
            let settings = Settings { key: Some(key), ..Settings::new(name, 1) };
            Ok(Arc::new(EmbeddedLog::open(&folder.join(name), &settings)?))
        };
        let (order, places) = (topic("alerts")?, topic("places")?);
        let mut known = HashSet::new();
        each(&*order, |record| {
            known.extend(serde_json::from_slice(record).ok().map(|IdOnly { id }| id));
        })?;
        let mut next = vec![0; from.partitions() as usize];
        each(&*places, |record| {
            if let Ok(Places(read)) = serde_json::from_slice(record)
                && read.len() == next.len()
            {
                next = read;
            }
        })?;
        for (partition, next) in (0..).zip(&mut next) {
            *next = from.start(partition)?.max(*next);
        }
        let end = Arc::new(watch::Sender::new(order.end(0)?));
        Ok(Merged { from, order, places, next, known, end })
    }

    /// What the pages read.
    pub(super) fn alerts(&self) -> MergedAlerts {
        MergedAlerts { order: Arc::clone(&self.order), end: self.end.subscribe() }
    }

    /// Begins to follow the partitions on a thread.
    pub(super) fn start(mut self, service: &Service<config::Console>) -> Result<(), Failure> {
        keep(service, move || self.round())
    }

    /// Takes what each partition has; gives the number of records.
    fn round(&mut self) -> Result<u64, LogError> {
        let mut taken = 0;
        let mut batch = Batch::new();
        for partition in 0..self.from.partitions() {
            let at = partition as usize;
            self.from.read(partition, self.next[at], READ, &mut batch)?;
            let id = |record: &[u8]| serde_json::from_slice(record).ok().map(|IdOnly { id }| id);
            let fresh: Vec<&[u8]> = batch
                .iter()
                .filter(|(_, record)| id(record).is_some_and(|id| self.known.insert(id)))
                .map(|(_, record)| record)
                .collect();
            if !fresh.is_empty() {
                let appended = self.order.append(0, &fresh);
                if let Err(error) = appended {
                    fresh.iter().filter_map(|record| id(record)).for_each(|id| {
                        self.known.remove(&id);
                    });
                    return Err(error);
                }
            }
            self.next[at] = batch.next_offset().unwrap_or(self.next[at]);
            taken += batch.len() as u64;
        }
        if taken > 0 {
            let places = serde_json::to_vec(&Places(self.next.clone())).unwrap_or_default();
            let end = self.places.append(0, &[&places])?.end;
            self.places.truncate_before(0, end.saturating_sub(1))?;
            self.end.send_replace(self.order.end(0)?);
        }
        Ok(taken)
    }
}

fn each(log: &dyn Log, mut seen: impl FnMut(&[u8])) -> Result<(), LogError> {
    let mut next = log.start(0)?;
    let mut batch = Batch::new();
    loop {
        log.read(0, next, READ, &mut batch)?;
        batch.iter().for_each(|(_, record)| seen(record));
        match batch.next_offset() {
            Some(further) => next = further,
            None => return Ok(()),
        }
    }
}

/// The merged alerts as the pages see them.
#[derive(Clone)]
pub(super) struct MergedAlerts {
    order: Arc<dyn Log>,
    end: watch::Receiver<u64>,
}

impl console::Alerts for MergedAlerts {
    fn start(&self) -> u64 {
        self.order.start(0).unwrap_or(0)
    }

    fn end(&self) -> u64 {
        *self.end.borrow()
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<(u64, Vec<u8>)>, Unreadable> {
        let mut batch = Batch::new();
        self.order.read(0, from, 4 << 20, &mut batch).map_err(|_| Unreadable)?;
        Ok(batch.iter().take(max).map(|(number, line)| (number, line.to_vec())).collect())
    }

    fn wait(&self) -> watch::Receiver<u64> {
        self.end.clone()
    }
}

#[cfg(test)]
mod tests {
    use ::log::{Faults, SimulatedDisk, SimulatedLog};

    use super::*;

    fn lines(merged: &Merged) -> Vec<String> {
        let mut lines = Vec::new();
        each(&*merged.order, |line| lines.push(String::from_utf8_lossy(line).into_owned()))
            .unwrap();
        lines
    }

    #[test]
    fn every_alert_of_every_partition_stands_once_and_keeps_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let disk = SimulatedDisk::new(1);
        let settings = Settings::new("alerts", 3);
        let topic = SimulatedLog::open(&disk, &settings, Faults::default()).unwrap();
        let from: Arc<dyn Log> = Arc::new(topic);
        let put = |partition, id: &str| {
            from.append(partition, &[format!(r#"{{"id":"{id}"}}"#).as_bytes()]).unwrap();
        };
        let open = || Merged::open(folder.path(), [7; 16], Arc::clone(&from)).unwrap();
        let mut merged = open();
        put(2, "a");
        put(0, "b");
        assert_eq!(merged.round().unwrap(), 2);
        put(0, "b");
        put(1, "c");
        assert_eq!(merged.round().unwrap(), 2);
        assert_eq!(merged.round().unwrap(), 0);
        let before = lines(&merged);
        assert_eq!(before.len(), 3);
        // The places are lost with the last round: what it brought is known all the same.
        std::fs::remove_dir_all(folder.path().join("places")).unwrap();
        drop(merged);
        let mut merged = open();
        put(1, "d");
        while merged.round().unwrap() > 0 {}
        assert_eq!(lines(&merged)[..3], before);
        assert_eq!(lines(&merged).len(), 4);
        assert_eq!(console::Alerts::read(&merged.alerts(), 3, 9).unwrap().len(), 1);
    }
}
