//! `levee intake`: the HTTP door over the partitioned journal.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chassis::{Failure, Service, serve};
use intake::{Intake, Limits, caller::OperatorToken};
use tokio::net::TcpListener;

use super::{config, feeds, journal::SpreadJournal, packs::Packs, topics, view::Watchers};
use crate::packs as files;

/// How long the follower of packs, and who tells feed marks, sleeps where nothing comes.
const ROUND: Duration = Duration::from_millis(500);
/// How long it waits before what failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn body(service: Service<config::Intake>) -> Result<(), Failure> {
    let config = service.config().clone();
    let listener = listen(config.http.address).await?;
    let brokers = service.health().component("brokers");
    let opening = config.clone();
    let open = move || topics::Province::open("intake", &opening.kafka, &opening.key);
    let province = tokio::task::spawn_blocking(open).await.map_err(Failure::from)??;
    let log = Arc::clone(&province.packs);
    let packs = tokio::task::spawn_blocking(move || Packs::open(log)).await;
    let packs = Arc::new(packs.map_err(Failure::from)?.map_err(topics::failure)?);
    brokers.ready();
    let journal = Arc::new(SpreadJournal::new(
        Arc::clone(&province.journal),
        Arc::clone(&province.persons),
        Arc::clone(&province.dead),
        Arc::clone(&packs),
        service.clock(),
        watchers(&config, &province)?,
    ));
    let token = token(&config.http.token)?;
    let accounts = Arc::new(OperatorToken::new(&token));
    let door = Intake::new(
        Arc::clone(&journal) as Arc<dyn intake::Journal>,
        accounts,
        province.key.key.clone(),
        service.registry(),
        Limits::default(),
    )?;
    follow(&service, Arc::clone(&province.packs), packs)?;
    let (entering, paths) = (Arc::clone(&journal), config.rules.packs.clone());
    let entered = tokio::task::spawn_blocking(move || put_in_force(&entering, &paths)).await;
    entered.map_err(Failure::from)??;
    journal.open.store(true, Ordering::Release);
    tell_marks(&service, Arc::clone(&journal))?;
    let fed = feeds::start(&service, &province, &journal)?;
    service.ready();
    let options =
        serve::Options { slow_body: Some(intake::http::slow_body()), ..Default::default() };
    let router = intake::closed(door.router().merge(service.ops()));
    let ended =
        feeds::beside(fed, serve::serve(listener, router, options, service.shutdown())).await;
    // What came last is told by nobody else.
    let last = tokio::task::spawn_blocking(move || journal.tell_marks(true)).await;
    if let Err(error) = last.map_err(Failure::from)? {
        tracing::warn!(code = error.code(), "the last feed marks were not told");
    }
    ended
}

fn watchers(
    config: &config::Intake,
    province: &topics::Province,
) -> Result<Option<Watchers>, Failure> {
    let partitions = (province.journal.partitions(), province.persons.partitions());
    Watchers::of(&config.view, &config.http.token, partitions)
}

pub(super) async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|e| Failure::new(64, format!("cannot listen on {address}: {e}")))?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(listener)
}

pub(super) fn token(file: &Path) -> Result<String, Failure> {
    let token = std::fs::read_to_string(file).map_err(|e| {
        Failure::new(64, format!("{} cannot be read: {}", file.display(), e.kind()))
    })?;
    Ok(token.trim().to_owned())
}

/// Packs that other members put in force are seen here too.
fn follow(
    service: &Service<config::Intake>,
    log: Arc<dyn ::log::Log>,
    packs: Arc<Packs>,
) -> Result<(), Failure> {
    let (shutdown, component) = (service.shutdown(), service.health().component("packs"));
    component.ready();
    let body = move || {
        while !shutdown.is_requested() {
            let came = log.wait(0, packs.next(), ROUND).and_then(|_| packs.follow());
            match came {
                Ok(()) => component.ready(),
                Err(error) => {
                    component.failing(error.code());
                    std::thread::sleep(AGAIN);
                }
            }
        }
    };
    service.threads().spawn("packs", body).map_err(|e| Failure::new(1, e.to_string()))
}

/// Every partition is told how far the feeds are, at a bounded pace.
fn tell_marks(
    service: &Service<config::Intake>,
    journal: Arc<SpreadJournal>,
) -> Result<(), Failure> {
    let (shutdown, component) = (service.shutdown(), service.health().component("marks"));
    component.ready();
    let body = move || {
        while !shutdown.is_requested() {
            match journal.tell_marks(false) {
                Ok(()) => {
                    component.ready();
                    std::thread::sleep(ROUND);
                }
                Err(error) => {
                    component.failing(error.code());
                    std::thread::sleep(AGAIN);
                }
            }
        }
    };
    service.threads().spawn("marks", body).map_err(|e| Failure::new(1, e.to_string()))
}

/// Enters packs that are not in force yet.
fn put_in_force(journal: &SpreadJournal, paths: &[PathBuf]) -> Result<(), Failure> {
    let present = intake::Journal::packs(journal);
    let wanted = files::read(paths, intake::Journal::catalogue(journal).as_ref().clone())?;
    for pack in &wanted.packs {
        if present.iter().any(|known| known.id == pack.id && known.digest == pack.digest) {
            continue;
        }
        let entries = vec![files::entry(pack)];
        let submission = intake::Submission { entries, ..Default::default() };
        journal.enter(submission).map_err(|e| Failure::new(1, e.to_string()))?;
        tracing::info!(pack = pack.id, "pack put in force");
    }
    Ok(())
}
