//! `levee bench kafka`: what Levee makes of topics, beside the bare client on the same topic in the
//! same run.
//!
//! Each measure has a file of its own and topics of its own: those of other runs stay as they are.
//! Only the takeover runs the services as processes on the topics that services use, and wants a
//! broker on which nothing of Levee is yet.

mod delay;
mod load;
mod peer;
mod place;
mod restore;
mod stream;
mod takeover;

use std::{path::PathBuf, sync::Arc};

use chassis::{Clock, Failure, SystemClock};
use clap::ValueEnum;
use log_kafka::{Cluster, Connection};

use super::row::Row;
use crate::packs;

/// Measure Kafka: the bare client, raw topic to alerts, delay, takeover, restore
#[derive(clap::Args)]
pub(super) struct Args {
    /// Where a broker is; `cargo run --release -p test-broker` starts one
    #[arg(long, value_name = "HOST:PORT")]
    brokers: String,
    /// Only these; without it all of them
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Events of the stream
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Households that they are about
    #[arg(long, default_value_t = 200_000)]
    households: u64,
    /// A folder with `profiles.ndjson` and `events.ndjson` that are streamed instead
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The pack that decides; without it twelve months of self-paid bills against a limit
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Partitions of the topics
    #[arg(long, default_value_t = 4)]
    partitions: u32,
    /// A command of another program that does the same on the topics RAW and PROFILES of BROKERS,
    /// EVENTS many, and prints one JSON line with `events` and `seconds`
    #[arg(long, value_name = "COMMAND")]
    peer: Option<String>,
    /// Events a second of the delay
    #[arg(long, default_value_t = 5_000)]
    rate: u64,
    /// Seconds of the delay, after two that are not counted
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Households that are restored from snapshots
    #[arg(long, default_value_t = 1_000_000)]
    restored: u64,
    /// Runs of the stream
    #[arg(long, default_value_t = 1)]
    runs: u32,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Events per second: the bare client, intake, raw topic to alerts, journal to alerts
    Stream,
    /// From an event produced to its alert readable, at a steady rate
    Delay,
    /// From a watcher killed to its partitions deciding elsewhere
    Takeover,
    /// From snapshots to households ready
    Restore,
}

/// What every measure stands on.
struct Bench<'a> {
    args: &'a Args,
    cluster: &'a Arc<Cluster>,
    clock: &'a SystemClock,
    pack: packs::Packs,
}

/// Runs the measures.
///
/// # Errors
/// The broker cannot be used, or what came out is not what had to.
pub(super) fn run(args: &Args) -> Result<Vec<Row>, Failure> {
    let cluster = &Cluster::connect(&Connection::new(&args.brokers, "levee-bench"))?;
    let clock = &SystemClock::new();
    let pack = match &args.rules {
        Some(file) => {
            packs::read(std::slice::from_ref(file), proto::catalogue::Catalogue::shipped())?
        }
        None => packs::bench()?,
    };
    let bench = Bench { args, cluster, clock, pack };
    let wanted = |part| args.only.is_empty() || args.only.contains(&part);
    let mut rows = Vec::new();
    if wanted(Part::Stream) {
        let work = load::Work::new(args, clock.now_unix_micros())?;
        for run in 0..args.runs {
            rows.extend(stream::run(&bench, &work, run)?);
        }
    }
    if wanted(Part::Delay) {
        rows.push(delay::run(&bench)?);
    }
    if wanted(Part::Takeover) {
        rows.push(takeover::run(&bench)?);
    }
    if wanted(Part::Restore) {
        rows.push(restore::run(&bench)?);
    }
    Ok(rows)
}
