//! Another program on the same topics, between this one's runs: what it says of itself is its row.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use chassis::Failure;
use serde_json::Value;

use super::{Bench, place::Place};
use crate::bench::row::Row;

/// Runs the command by the shell and waits for its end; its last line in JSON counts.
///
/// # Errors
/// It fails, or does not say `events` and `seconds`.
pub(super) fn run(
    bench: &Bench<'_>,
    place: &Place<'_>,
    command: &str,
    events: u64,
) -> Result<Row, Failure> {
    let strange = |what: &str| Failure::new(1, format!("the peer {what}"));
    let told = Command::new("sh")
        .args(["-c", command])
        .env("BROKERS", &bench.args.brokers)
        .env("RAW", place.topic("events"))
        .env("PROFILES", place.topic("households"))
        .env("ALERTS", place.topic("alerts-later"))
        .env("EVENTS", events.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !told.status.success() {
        return Err(strange(&format!("ended with {}", told.status)));
    }
    let text = String::from_utf8_lossy(&told.stdout);
    let lines = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let said = lines.into_iter().find(Value::is_object);
    let said = said.ok_or_else(|| strange("printed no line of json"))?;
    let (n, seconds) = (said["events"].as_u64(), said["seconds"].as_f64());
    let (Some(n), Some(seconds)) = (n, seconds.filter(|s| s.is_finite() && *s > 0.0)) else {
        return Err(strange("does not say its events and seconds"));
    };
    let elapsed = Duration::from_secs_f64(seconds);
    let mut row = Row { name: "kafka.peer", n, elapsed, ..Row::default() };
    row.note("said", said);
    Ok(row)
}
