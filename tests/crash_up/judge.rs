//! What must hold at the end, from the folder alone and from what was sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use engine::{Engine, OneHand, Outcome, Output, Stamped};
use log::{Batch, Log};
use proto::{
    alert::Alert,
    catalogue::Catalogue,
    date::Instant,
    event::Event,
    frame::{self, Entry},
    household::Profile,
    json::Json,
    person::Persons,
};
use watcher::{PARTITIONS, Topics};

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

/// Checks journal, alerts and levels against folds in this process.
pub(crate) fn nothing_is_lost_or_doubled(
    data: &Path,
    pack: &str,
    profiles: &[String],
    sent: &[String],
    levels: &BTreeMap<String, String>,
) {
    let key = intake::key::key(data).unwrap();
    let fingerprint = *key.fingerprint.as_bytes().first_chunk().unwrap();
    let topics = Topics::look(data, fingerprint).unwrap();
    let stamped = journal(&*topics.journal);
    let last = stamped.last().unwrap().at;

    // Of what was sent, each event counts exactly once.
    let (alerts, outcomes) = fold(&stamped);
    let counted: Vec<&str> = stamped
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| **outcome == Outcome::Accepted)
        .filter_map(|(stamped, _)| match &stamped.entry {
            Entry::Event(event) => Some(&*event.id),
            _ => None,
        })
        .collect();
    let once: BTreeSet<&str> = counted.iter().copied().collect();
    assert_eq!(once.len(), counted.len(), "an event counts twice");
    let ids: Vec<String> = sent.iter().map(|line| text(line, "id")).collect();
    let wanted: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(once, wanted, "what was sent and what counts differ");

    // The alerts are those of a fold that was never killed.
    let published = records(&*topics.alerts);
    let mut expected: Vec<Vec<u8>> = alerts.into_iter().map(Alert::into_json).collect();
    let mut found = published.clone();
    expected.sort();
    found.sort();
    assert!(found == expected, "{} alerts, {} expected", found.len(), expected.len());
    assert!(found.windows(2).all(|two| two[0] != two[1]), "an alert stands twice");

    // And every level is that of the set of lines, whatever their order and repetition.
    let wanted = levels_of_set(pack, profiles, sent, last);
    let mut stream = BTreeMap::new();
    for record in &published {
        let alert: serde_json::Value = serde_json::from_slice(record).unwrap();
        let text = |key: &str| alert["data"][key].as_str().unwrap().to_owned();
        stream.insert(text("household"), text("level"));
    }
    assert!(stream == wanted, "the alerts in their order end with other levels");
    assert!(*levels == wanted, "the lists show other levels");
    println!("{} alerts, {} levels: nothing lost, nothing doubled", found.len(), levels.len());
}

fn text(line: &str, key: &str) -> String {
    Json::parse(line.as_bytes()).unwrap().get(key).unwrap().text().unwrap().to_owned()
}

fn journal(log: &dyn Log) -> Vec<Stamped> {
    let catalogue = Catalogue::shipped();
    let mut stamped = Vec::new();
    for record in records(log) {
        let sealed = frame::decode(&record).unwrap();
        let at = Instant(sealed.at_us);
        if sealed.entries.is_empty() {
            stamped.push(Stamped::new(at, Entry::Tick));
        }
        for entry in &sealed.entries {
            let (at, entry) = frame::open(entry, at, &catalogue).unwrap();
            stamped.push(Stamped::new(at, entry));
        }
    }
    assert!(stamped.windows(2).all(|two| two[0].at <= two[1].at), "an instant goes back");
    stamped
}

fn fold(stamped: &[Stamped]) -> (Vec<Alert>, Vec<Outcome>) {
    let mut engine = Engine::new(PARTITIONS);
    engine.set_minute_marks(true);
    let mut out = Output::default();
    engine.apply(&OneHand, stamped, &mut out);
    while engine.work(&OneHand, usize::MAX, &mut out) {}
    (out.alerts, out.outcomes)
}

fn levels_of_set(
    pack: &str,
    profiles: &[String],
    sent: &[String],
    at: Instant,
) -> BTreeMap<String, String> {
    let yaml = pack.as_bytes().into();
    let mut entries = vec![Entry::Pack { name: "crash.yaml".into(), yaml, withdrawn: false }];
    for line in profiles {
        let json = Json::parse(line.as_bytes()).unwrap();
        let profile = Profile::parse(&json, at, Persons::AsGiven).unwrap().0;
        entries.push(Entry::Profile(Box::new(profile)));
    }
    for line in sent {
        let json = Json::parse(line.as_bytes()).unwrap();
        let event = Event::parse(&json, &Catalogue::shipped(), Persons::AsGiven).unwrap().0;
        entries.push(Entry::Event(Box::new(event)));
    }
    let stamped: Vec<Stamped> = entries.into_iter().map(|e| Stamped::new(at, e)).collect();
    let mut levels = BTreeMap::new();
    for alert in fold(&stamped).0 {
        levels.insert(alert.household.to_string(), alert.level.word().to_owned());
    }
    levels
}
