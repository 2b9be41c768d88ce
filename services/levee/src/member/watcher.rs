//! `levee watcher`: folds its share of the partitions and publishes alerts.

use std::{sync::Arc, time::Duration};

use chassis::{Failure, Service};
use watcher::{Carrier, CarrierParts, Limits, ObjectFolder, Ports, Topic};

use super::{config, topics};
use crate::folder::written;

/// How long a partition that is given up may take for its last snapshot.
const LAST: Duration = Duration::from_secs(20);

pub(super) async fn body(service: Service<config::Watcher>) -> Result<(), Failure> {
    let opening = service.clone();
    let open = move || open(&opening);
    let (carrier, parts) = tokio::task::spawn_blocking(open).await.map_err(Failure::from)??;
    for (topic, partition) in &parts {
        carrier.carry(*topic, *partition).map_err(|e| Failure::new(1, e.to_string()))?;
    }
    service.ready();
    let mut ended = carrier.ended();
    let fault = tokio::select! {
        () = async { service.shutdown().requested().await } => None,
        code = ended.wait_for(Option::is_some) => code.ok().and_then(|code| *code),
    };
    let going = tokio::task::spawn_blocking(move || carrier.let_go(&parts, LAST));
    going.await.map_err(Failure::from)?;
    match fault {
        Some(code) => Err(Failure::new(1, format!("{code}: a partition has stopped"))),
        None => Ok(()),
    }
}

type Parts = Vec<(Topic, u32)>;

fn open(service: &Service<config::Watcher>) -> Result<(Carrier, Parts), Failure> {
    let config = service.config();
    let province = topics::Province::open("watcher", &config.kafka, &config.key)?;
    let store = ObjectFolder::open(&config.snapshots.folder)
        .map_err(|e| Failure::new(64, format!("snapshot.io: {e}")))?;
    let config::Share { index, of } = config.share;
    if index >= of {
        return Err(Failure::new(64, "share.index must be below share.of"));
    }
    let mine = |topic, partitions: u32| {
        (0..partitions).filter(move |p| p % of == index).map(move |p| (topic, p))
    };
    let journal = mine(Topic::Journal, province.journal.partitions());
    let parts = journal.chain(mine(Topic::Persons, province.persons.partitions())).collect();
    let clock = service.clock();
    let carrier = Carrier::new(CarrierParts {
        ports: Ports {
            journal: province.journal,
            persons: province.persons,
            alerts: province.alerts,
            dead: province.dead,
            store: Arc::new(store),
            letter: Arc::new(|letter| written(letter).to_json().into_bytes()),
        },
        limits: Limits { snapshot_entries: config.snapshots.entries, ..Limits::default() },
        threads: service.threads().clone(),
        health: service.health().clone(),
        registry: service.registry().clone(),
        // No two processes begin at one instant under one number.
        process: format!("{index}/{of} {} {}", std::process::id(), clock.now_unix_micros()),
        clock,
    });
    Ok((carrier.map_err(|e| Failure::new(1, e.to_string()))?, parts))
}
