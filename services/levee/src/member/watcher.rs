//! `levee watcher`: folds the partitions that its group hands to it and publishes alerts.
//!
//! Two memberships, of the journal's group and of the person log's. A partition that is asked back
//! keeps a last snapshot first; one that was lost is let go of at once. What the group is told of
//! offsets is for those who watch it: the places are in the snapshots.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use chassis::{Failure, Service, Shutdown, serve};
use log_kafka::{Change, Cluster, Group, Member};
use tokio::{net::TcpListener, task::JoinHandle};
use watcher::{Carrier, CarrierParts, Limits, ObjectFolder, Ports, Topic};

use super::{config, intake::token, topics, view};
use crate::folder::written;

/// How long a partition that is given up may take for its last snapshot.
const LAST: Duration = Duration::from_secs(20);
/// How long the group waits for partitions to be handed over.
const HAND_OVER: Duration = Duration::from_secs(25);
/// How long questions that are being answered may take at a stop.
const DRAIN: Duration = Duration::from_secs(2);
/// How often the group is told how far partitions are.
const SHOW: Duration = Duration::from_secs(2);

pub(super) async fn body(service: Service<config::Watcher>) -> Result<(), Failure> {
    let opening = service.clone();
    let open = move || open(&opening);
    let opened = tokio::task::spawn_blocking(open).await.map_err(Failure::from)??;
    let Opened { carrier, cluster, partitions } = opened;
    let stop = Shutdown::default();
    let answers = answer(&service, &carrier, partitions, &stop).await?;
    for topic in [Topic::Journal, Topic::Persons] {
        take_part(&service, &carrier, &cluster, topic)?;
    }
    service.ready();
    let mut ended = carrier.ended();
    let fault = tokio::select! {
        () = async { service.shutdown().requested().await } => None,
        code = ended.wait_for(Option::is_some) => code.ok().and_then(|code| *code),
    };
    stop.request();
    // What is still asked then is cut by the listener's own limit.
    let _ = answers.await;
    match fault {
        Some(code) => Err(Failure::new(1, format!("{code}: a partition has stopped"))),
        None => Ok(()),
    }
}

struct Opened {
    carrier: Carrier,
    cluster: Arc<Cluster>,
    /// Of the journal and of the person log.
    partitions: (u32, u32),
}

/// Begins to answer questions about the households that are carried, where an address is configured.
async fn answer(
    service: &Service<config::Watcher>,
    carrier: &Carrier,
    partitions: (u32, u32),
    stop: &Shutdown,
) -> Result<JoinHandle<()>, Failure> {
    let Some(view) = service.config().view.clone() else {
        return Ok(tokio::spawn(async {}));
    };
    let listener = TcpListener::bind(view.address)
        .await
        .map_err(|e| Failure::new(64, format!("cannot listen on {}: {e}", view.address)))?;
    let router = view::router(carrier.clone(), partitions, &token(&view.token)?);
    let options = serve::Options { drain: DRAIN, ..serve::Options::default() };
    let served = serve::serve(listener, router, options, stop.clone());
    Ok(tokio::spawn(async move {
        served.await;
    }))
}

fn open(service: &Service<config::Watcher>) -> Result<Opened, Failure> {
    let config = service.config();
    let province = topics::Province::open("watcher", &config.kafka, &config.key)?;
    let store = ObjectFolder::open(&config.snapshots.folder)
        .map_err(|e| Failure::new(64, format!("snapshot.io: {e}")))?;
    let clock = service.clock();
    let partitions = (province.journal.partitions(), province.persons.partitions());
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
        // No two processes begin at one instant under one name and number.
        process: format!(
            "{} {} {}",
            config.group.member,
            std::process::id(),
            clock.now_unix_micros()
        ),
        clock,
    });
    let carrier = carrier.map_err(|e| Failure::new(1, e.to_string()))?;
    Ok(Opened { carrier, cluster: province.cluster, partitions })
}

/// Joins the group of a topic; a thread follows what it hands out and asks back.
fn take_part(
    service: &Service<config::Watcher>,
    carrier: &Carrier,
    cluster: &Arc<Cluster>,
    topic: Topic,
) -> Result<(), Failure> {
    let config::Group { name, member, session_ms } = service.config().group.clone();
    let member = Member {
        group: format!("{name}-{}", topic.name()),
        topic: topic.name().to_owned(),
        instance: Some(member),
        session: Duration::from_millis(session_ms.into()),
        hand_over: HAND_OVER,
    };
    let (group, changes) = Group::join(cluster, &member).map_err(topics::failure)?;
    let component = service.health().component(format!("group {}", member.group));
    let (carrier, shutdown) = (carrier.clone(), service.shutdown());
    let body = move || {
        component.ready();
        let followed = follow(&group, &changes, &carrier, topic, &shutdown);
        // Everything is handed over before the member leaves: its name keeps its place.
        let mine: Vec<(Topic, u32)> = carried(&carrier, topic).map(|(p, _)| (topic, p)).collect();
        carrier.let_go(&mine, LAST);
        drop(changes);
        drop(group);
        if let Err(code) = followed {
            component.failing(code);
            carrier.end(code);
        }
    };
    let name = format!("group-{}", topic.name());
    service.threads().spawn(name, body).map_err(|e| Failure::new(1, e.to_string()))
}

fn carried(carrier: &Carrier, topic: Topic) -> impl Iterator<Item = (u32, u64)> {
    let places = carrier.places().into_iter();
    places.filter(move |place| place.0 == topic).map(|(_, partition, next)| (partition, next))
}

/// Until a stop is wished, or the membership ends with this code.
fn follow(
    group: &Group,
    changes: &Receiver<Change>,
    carrier: &Carrier,
    topic: Topic,
    shutdown: &Shutdown,
) -> Result<(), &'static str> {
    let parts = |partitions: Vec<u32>| -> Vec<(Topic, u32)> {
        partitions.into_iter().map(|partition| (topic, partition)).collect()
    };
    while !shutdown.is_requested() {
        match changes.recv_timeout(SHOW.min(Duration::from_millis(200))) {
            Ok(Change::Assigned(partitions)) => {
                tracing::info!(topic = topic.name(), ?partitions, "partitions assigned");
                for partition in partitions {
                    carrier.carry(topic, partition).map_err(|fault| fault.code())?;
                }
            }
            Ok(Change::Revoked(partitions, hand_over)) => {
                tracing::info!(topic = topic.name(), ?partitions, "partitions asked back");
                carrier.let_go(&parts(partitions), LAST);
                drop(hand_over);
            }
            // They may be another member's already: no snapshot would be taken from here.
            Ok(Change::Lost(partitions)) => {
                tracing::warn!(topic = topic.name(), ?partitions, "partitions lost");
                carrier.let_go(&parts(partitions), Duration::ZERO);
            }
            Ok(Change::Ended(error)) => return Err(error.code()),
            Err(RecvTimeoutError::Timeout) => {
                let places: Vec<(u32, u64)> = carried(carrier, topic).collect();
                // For display alone: the next one tells the same.
                let _ = group.show(&places);
            }
            Err(RecvTimeoutError::Disconnected) => return Err("service.fault"),
        }
    }
    Ok(())
}
