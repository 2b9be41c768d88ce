//! `--demo`: a synthetic province with its past year, then new events through the door.

use std::{net::SocketAddr, path::PathBuf, sync::mpsc, thread, time::Duration};

use chassis::{Failure, Service};
use proto::date::{DAY_US, Instant};
use simulate::{Error, Province, Scale};
use ureq::Agent;
use watcher::Watcher;

use super::Args;
use crate::{folder::Folder, packs, past::Filler};

/// The size of the province.
const HOUSEHOLDS: u32 = 20_000;
/// The length of its past.
const MONTHS: u32 = 12;
/// The same province each time.
const SEED: u64 = 1;
/// From one event to the next.
const PAUSE: Duration = Duration::from_millis(500);
/// Months of lines that may wait to be taken.
const AHEAD: usize = 2;

fn province(now: Instant) -> Result<Province, Failure> {
    let until = now.plus_us(-DAY_US).date();
    let scale = Scale { households: HOUSEHOLDS, months: MONTHS, seed: SEED, until, credits: false };
    Ok(Province::new(scale)?)
}

/// Fills the empty folder with the province's past.
pub(super) fn fill(
    service: &Service<Args>,
    folder: &Folder,
    watcher: &Watcher,
    rules: &[PathBuf],
) -> Result<(), Failure> {
    let component = service.health().component("demo");
    let begun = service.clock().monotonic();
    if !watcher.begin_past() {
        return Err(Failure::new(1, "the demonstration needs an empty folder"));
    }
    let province = province(watcher.now())?;
    let packs = packs::named_or_shipped(rules)?;
    let mut filler = Filler::new(watcher, folder.key(), packs, watcher.now());
    let steps = u64::from(MONTHS) + 1;
    thread::scope(|scope| {
        let (send, lines) = mpsc::sync_channel(AHEAD);
        scope.spawn(|| make(&province, send));
        let mut index = 0;
        for (step, made) in (0..).zip(lines) {
            component.starting(step, steps);
            for line in made? {
                index += 1;
                if step == 0 {
                    filler.profile(index, line.as_bytes());
                } else {
                    filler.event(index, line.as_bytes())?;
                }
            }
            if service.shutdown().is_requested() {
                return Err(Failure::new(1, "stopped while the demonstration was being filled"));
            }
        }
        Ok::<(), Failure>(())
    })?;
    let counts = filler.finish()?;
    watcher.end_past();
    component.ready();
    let spent = service.clock().monotonic().saturating_sub(begun).as_secs();
    tracing::info!(seconds = spent, "the demonstration is filled: {counts}");
    Ok(())
}

/// The profile lines, then the lines of each month.
fn make(province: &Province, send: mpsc::SyncSender<Result<Vec<String>, Error>>) {
    let profiles = province.profiles().collect();
    if send.send(profiles).is_err() {
        return;
    }
    for month in 0..MONTHS {
        // Who takes the lines may have stopped.
        if send.send(province.events(month)).is_err() {
            return;
        }
    }
}

/// Sends events stamped now until a stop is wished.
pub(super) fn live(
    service: &Service<Args>,
    folder: &Folder,
    address: SocketAddr,
) -> Result<(), Failure> {
    let now = Instant(service.clock().now_unix_micros());
    let token = folder.token()?;
    let (stop, clock) = (service.shutdown(), service.clock());
    let lines = move || -> Result<(), Failure> {
        let province = province(now)?;
        let mut stream = province.live(u32::try_from(now.0 / 1_000_000).unwrap_or(0));
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        while !stop.is_requested() {
            let line = stream.next_at(Instant(clock.now_unix_micros()))?;
            let sent = agent
                .post(format!("http://{address}/v1/events"))
                .header("authorization", format!("Bearer {token}"))
                .content_type("application/cloudevents+json")
                .send(line);
            if let Err(error) = sent {
                tracing::debug!(%error, "a demonstration event was not sent");
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    };
    service.threads().spawn("demo", move || {
        if let Err(failure) = lines() {
            tracing::error!("the demonstration has ended: {failure}");
        }
    })?;
    Ok(())
}
