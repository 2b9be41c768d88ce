//! What a stopped folder holds, record by record.

use std::{collections::BTreeMap, path::Path};

use log::{Batch, Log};
use proto::{
    catalogue::Catalogue,
    date::Instant,
    event::Subject,
    frame::{self, Entry},
};
use serde_json::Value;
use watcher::Topics;

/// The records of a folder's topics.
pub(crate) struct Content {
    journal: Vec<Vec<u8>>,
    dead: Vec<Vec<u8>>,
    /// Every alert's line.
    pub(crate) alerts: Vec<Vec<u8>>,
    /// Every event's household by its id.
    pub(crate) events: BTreeMap<String, String>,
}

fn records(log: &dyn Log) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut batch = Batch::new();
    loop {
        log.read(0, all.len() as u64, 1 << 20, &mut batch).unwrap();
        if batch.is_empty() {
            return all;
        }
        all.extend(batch.iter().map(|(_, record)| record.to_vec()));
    }
}

impl Content {
    pub(crate) fn of(data: &Path, key: &Path) -> Content {
        let topics = Topics::look(data, intake::key::load_key(key).unwrap().mark()).unwrap();
        let journal = records(&*topics.journal);
        let events = journal.iter().flat_map(|record| events(record)).collect();
        Content { journal, dead: records(&*topics.dead), alerts: records(&*topics.alerts), events }
    }

    /// Whether each topic goes on from what the other one holds.
    pub(crate) fn begins_with(&self, earlier: &Content) {
        assert!(self.journal.starts_with(&earlier.journal), "the journal differs");
        assert!(self.dead.starts_with(&earlier.dead), "the dead letters differ");
        assert!(self.alerts.starts_with(&earlier.alerts), "the alerts differ");
    }

    /// The changes of each household's case, in order.
    pub(crate) fn by_household(&self) -> BTreeMap<String, Vec<(String, String)>> {
        let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for line in &self.alerts {
            let alert: Value = serde_json::from_slice(line).unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let household = text(&alert["data"]["household"]);
            let change = (text(&alert["id"]), text(&alert["data"]["level"]));
            all.entry(household).or_default().push(change);
        }
        all
    }
}

/// The events of one frame by id, with the household of each.
fn events(record: &[u8]) -> Vec<(String, String)> {
    let frame = frame::decode(record).unwrap();
    let (at, catalogue) = (Instant(frame.at_us), Catalogue::shipped());
    let entries = frame.entries.iter().map(|entry| frame::open(entry, at, &catalogue).unwrap().1);
    let event = |entry| match entry {
        Entry::Event(event) => match event.subject {
            Subject::Household(household) => Some((event.id.to_string(), household.to_string())),
            other => panic!("an event of {other}"),
        },
        _ => None,
    };
    entries.filter_map(event).collect()
}
