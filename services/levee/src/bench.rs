//! `levee bench`: measures of this machine, one JSON object each.
//!
//! Figures are measured, never judged: what they should be stands in the README.

mod backtest;
mod child;
mod demo;
mod fold;
mod kafka;
mod latency;
mod notify;
mod row;

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli;

const EXAMPLES: &str = "\
Examples:
  levee bench fold --json
  levee bench fold --quick
  levee bench latency --rate 2000 --seconds 20
  levee bench notify --pending 100000
  levee bench demo
  levee bench kafka --brokers 127.0.0.1:9092 --json
  levee bench backtest --households profiles.ndjson --events events.ndjson --rules pack.yaml --runs 5

With --json each measure is one object: name, n (= events), seconds, events_per_s, p50_ms, p99_ms, rss_bytes,
cores, seed, commit, and what else the measure knows. Nothing else should run on the machine.";

/// Measure a part on this machine
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    measure: Measure,
    /// Print each measure as one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Measure {
    Fold(fold::Args),
    Latency(latency::Args),
    Notify(notify::Args),
    Demo(demo::Args),
    Kafka(kafka::Args),
    Backtest(backtest::Args),
}

/// Runs the measure.
pub(crate) fn run(args: &Args) -> ExitCode {
    let rows = match &args.measure {
        Measure::Fold(given) => fold::run(given).map(|row| vec![row]),
        Measure::Latency(given) => latency::run(given).map(|row| vec![row]),
        Measure::Notify(given) => notify::run(given),
        Measure::Demo(given) => demo::run(given).map(|row| vec![row]),
        Measure::Kafka(given) => kafka::run(given),
        Measure::Backtest(given) => backtest::run(given),
    };
    match rows {
        Ok(rows) => {
            for row in rows {
                if args.json {
                    cli::say!("{}", row.to_json());
                } else {
                    cli::say!("{row}");
                }
            }
            ExitCode::SUCCESS
        }
        Err(failure) => cli::fail(failure.exit(), failure),
    }
}
