//! The replay of files, several times: the shortest, the median and the longest run.

use std::{path::PathBuf, time::Duration};

use chassis::{Clock, Failure, SystemClock};

use super::row::{Row, rss};

/// The replay of files, alerts written to a file that is removed
#[derive(clap::Args)]
pub(super) struct Args {
    /// Household profiles, one JSON object a line
    #[arg(long)]
    households: PathBuf,
    /// Events, one CloudEvent a line, in the order in which they arrived
    #[arg(long, required = true, num_args = 1..)]
    events: Vec<PathBuf>,
    /// Rule packs
    #[arg(long, required = true, num_args = 1.., value_name = "PACK")]
    rules: Vec<PathBuf>,
    /// How often
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

pub(super) fn run(args: &Args) -> Result<Vec<Row>, Failure> {
    let clock = SystemClock::new();
    let out = std::env::temp_dir().join(format!("levee-bench-{}.ndjson", std::process::id()));
    let options = ::backtest::Options {
        households: args.households.clone(),
        events: args.events.clone(),
        rules: args.rules.clone(),
        out: Some(out.clone()),
        progress: true,
        ..::backtest::Options::default()
    };
    let mut runs: Vec<(Duration, u64, u64)> = Vec::new();
    for _ in 0..args.runs.max(1) {
        let begun = clock.monotonic();
        let report = ::backtest::run(&options);
        let spent = clock.monotonic().saturating_sub(begun);
        let report = report.map_err(|error| Failure::new(64, error.to_string()))?;
        runs.push((spent, report.events(), report.alerts()));
    }
    std::fs::remove_file(&out)?;
    runs.sort_unstable();
    let picked = [
        ("backtest_min", runs[0]),
        ("backtest_median", runs[runs.len() / 2]),
        ("backtest_max", runs[runs.len() - 1]),
    ];
    let row = |(name, (elapsed, n, alerts)): (&'static str, (Duration, u64, u64))| {
        let mut row = Row { name, n, elapsed, rss_bytes: rss(None), ..Row::default() };
        row.note("alerts", alerts);
        row
    };
    Ok(picked.map(row).into())
}
