//! From an accepted event to its alert on the stream, over HTTP and with fsync, at a steady rate.
//!
//! Open loop: each sender keeps its timetable whatever the answers take, so that a slow answer
//! shows as waiting and not as a lower rate.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{BufRead, BufReader},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use chassis::{Clock, Failure, SystemClock};
use proto::date::Instant;
use serde_json::Value;

use super::{
    child::Running,
    row::{Row, percentile, rss},
};

/// Connections that send side by side.
const SENDERS: u64 = 32;
/// Of so many events one leads to an alert.
const ONE_OF: u64 = 4;
/// Profiles in one call.
const PROFILES: u64 = 5_000;
/// How long the last alerts are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// From accepted to the alert on the stream, events posted one by one with fsync
#[derive(clap::Args)]
pub(super) struct Args {
    /// Events a second
    #[arg(long, default_value_t = 2_000)]
    rate: u64,
    /// For so long, after two seconds that are not counted
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

type Sent = Mutex<HashMap<u64, (Duration, Duration)>>;

pub(super) fn run(args: &Args) -> Result<Row, Failure> {
    let clock = Arc::new(SystemClock::new());
    let mut running = Running::start(&[])?;
    running.wait_for("/readyz", 200)?;
    let (warm, counted) = (2 * args.rate, args.seconds * args.rate);
    let events = warm + counted;
    households(&running, events)?;
    let (tell, told) = mpsc::channel();
    let reader = follow(&running, Arc::clone(&clock), tell)?;
    let sent: Arc<Sent> = Arc::default();
    let begun = clock.monotonic();
    let senders: Vec<_> = (0..SENDERS)
        .map(|first| send(&running, args.rate, (first, events), begun, &clock, &sent))
        .collect::<Result<_, _>>()?;
    let mut late = 0;
    for sender in senders {
        late += sender.join().map_err(|_| Failure::new(1, "a sender ended early"))??;
    }
    let elapsed = clock.monotonic().saturating_sub(begun);
    let mut seen = HashMap::new();
    while (seen.len() as u64) < events / ONE_OF
        && let Ok((household, at)) = told.recv_timeout(PATIENCE)
    {
        seen.insert(household, at);
    }
    drop(reader);
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut accepted, mut posted): (Vec<Duration>, Vec<Duration>) = seen
        .iter()
        .filter(|(household, _)| **household >= warm)
        .filter_map(|(household, at)| {
            let (before, after) = sent.get(household)?;
            Some((at.saturating_sub(*after), at.saturating_sub(*before)))
        })
        .unzip();
    accepted.sort_unstable();
    posted.sort_unstable();
    let mut row = Row { name: "latency", n: events, elapsed, ..Row::default() };
    (row.p50, row.p99) = (percentile(&accepted, 50), percentile(&accepted, 99));
    row.rss_bytes = rss(Some(running.pid()));
    row.note("alerts", accepted.len() as u64);
    row.note("alerts_missing", events / ONE_OF - seen.len() as u64);
    row.note("late_sends", late);
    row.note_ms("posted_p50_ms", percentile(&posted, 50).unwrap_or_default());
    row.note_ms("posted_p99_ms", percentile(&posted, 99).unwrap_or_default());
    Ok(row)
}

/// One household for each event.
fn households(running: &Running, count: u64) -> Result<(), Failure> {
    let bearer = running.bearer()?;
    let mut from = 0;
    while from < count {
        let mut lines = String::new();
        for n in from..count.min(from + PROFILES) {
            let village = 1 + n % 250;
            let _infallible = writeln!(
                lines,
                r#"{{"household":"B{n:07}","region":"990101001{village:03}","class":"ordinary","size":3,"net_income_fen":6000000,"updated_at":"2026-01-05T08:00:00+08:00"}}"#
            );
        }
        let answer = running
            .agent()
            .post(running.url("/v1/households"))
            .header("authorization", &bearer)
            .header("content-type", "application/x-ndjson")
            .send(lines);
        if !answer.as_ref().is_ok_and(|answer| answer.status() == 200) {
            return Err(Failure::new(1, "the profiles were not taken"));
        }
        from += PROFILES;
    }
    Ok(())
}

/// Reads the stream and tells the number of each household with an alert, and when it was seen.
fn follow(
    running: &Running,
    clock: Arc<SystemClock>,
    tell: mpsc::Sender<(u64, Duration)>,
) -> Result<thread::JoinHandle<()>, Failure> {
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let answer = agent
        .get(running.url("/v1/alerts/stream"))
        .header("authorization", running.bearer()?)
        .call()
        .map_err(|_| Failure::new(1, "the stream does not answer"))?;
    let mut lines = BufReader::new(answer.into_body().into_reader()).lines();
    Ok(thread::spawn(move || {
        while let Some(Ok(line)) = lines.next() {
            let Some(data) = line.strip_prefix("data:") else { continue };
            let at = clock.monotonic();
            let Ok(alert) = serde_json::from_str::<Value>(data) else { continue };
            let household = alert["data"]["household"].as_str();
            let number = household.and_then(|id| id.strip_prefix('B')?.parse().ok());
            if number.is_some_and(|n| tell.send((n, at)).is_err()) {
                return;
            }
        }
    }))
}

/// Sends every [`SENDERS`]th event at its instant; gives how many were sent over 50 ms late.
fn send(
    running: &Running,
    rate: u64,
    (first, events): (u64, u64),
    begun: Duration,
    clock: &Arc<SystemClock>,
    sent: &Arc<Sent>,
) -> Result<thread::JoinHandle<Result<u64, Failure>>, Failure> {
    let (clock, sent) = (Arc::clone(clock), Arc::clone(sent));
    let (agent, bearer) = (running.agent().clone(), running.bearer()?);
    let url = running.url("/v1/events");
    Ok(thread::spawn(move || {
        let mut late = 0;
        for n in (first..events).step_by(usize::try_from(SENDERS).unwrap_or(1)) {
            let due = begun + Duration::from_micros(n * 1_000_000 / rate.max(1));
            let early = due.saturating_sub(clock.monotonic());
            thread::sleep(early);
            let lag = clock.monotonic().saturating_sub(due);
            late += u64::from(lag > Duration::from_millis(50));
            let now = Instant(clock.now_unix_micros());
            let fen = if n % ONE_OF == 0 { 4_000_000 } else { 10_000 };
            let body = format!(
                r#"{{"specversion":"1.0","type":"medical.settlement","id":"b{n}","source":"99/ybj","time":"{now}","subject":"household/B{n:07}","data":{{"total_fen":{fen},"self_paid_fen":{fen},"setting":"inpatient"}}}}"#
            );
            let call = agent
                .post(&url)
                .header("authorization", &bearer)
                .header("content-type", "application/cloudevents+json");
            let answer = call.send(body);
            let after = clock.monotonic();
            if !answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
                return Err(Failure::new(1, "an event was not taken"));
            }
            if let Ok(mut answer) = answer {
                // Read to the end, so that the connection is used again.
                let _ = answer.body_mut().read_to_vec();
            }
            if n % ONE_OF == 0 {
                sent.lock().unwrap_or_else(PoisonError::into_inner).insert(n, (due, after));
            }
        }
        Ok(late)
    }))
}
