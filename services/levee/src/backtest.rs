//! `levee backtest`: what packs would have said about a past that comes from files.

use std::{path::PathBuf, process::ExitCode};

use proto::date::Date;

use crate::cli;

const EXAMPLES: &str = "\
Examples:
  levee backtest --households households.ndjson --events events.ndjson --rules pack.yaml
  levee backtest --households h.ndjson --events 2025.ndjson 2026.ndjson --rules old.yaml \\
      --against new.yaml --until 2026-06-05 --out alerts.ndjson
  levee backtest --households h.ndjson --events e.ndjson --rules pack.yaml --json --max-visits-p95 3

Alerts go to --out, the summary to standard output. Without --out alerts go to standard output and
the summary to standard error; with --json and without --out only the summary is written.

Exit codes: 0 done, 1 a budget failed, 64 bad usage, file or pack, 65 a line is not JSON";

/// Replay files through the same fold that runs live, with any packs
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Household profiles, one JSON object a line
    #[arg(long)]
    households: PathBuf,
    /// Events, one CloudEvent a line, in the order in which they arrived
    #[arg(long, required = true, num_args = 1..)]
    events: Vec<PathBuf>,
    /// Rule packs; only these are used
    #[arg(long, required = true, num_args = 1.., value_name = "PACK")]
    rules: Vec<PathBuf>,
    /// Other packs to run over the same input and to compare with
    #[arg(long, num_args = 1.., value_name = "PACK")]
    against: Vec<PathBuf>,
    /// Last day, YYYY-MM-DD; the day of the last event if not given
    #[arg(long, value_parser = date)]
    until: Option<Date>,
    /// Where alerts are written, one a line; - is standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
    /// Fail with 1 if the 95th percentile of visits per 400-household village and week is above
    #[arg(long, value_name = "N")]
    max_visits_p95: Option<f64>,
}

fn date(text: &str) -> Result<Date, &'static str> {
    Date::parse(text).ok_or("not a date YYYY-MM-DD")
}

/// Runs the replay.
pub(crate) fn run(args: Args) -> ExitCode {
    let shared = args.out.is_none() && !args.json;
    let options = ::backtest::Options {
        households: args.households,
        events: args.events,
        rules: args.rules,
        against: args.against,
        until: args.until,
        out: if shared { Some(PathBuf::from("-")) } else { args.out },
        progress: true,
        max_visits_p95: args.max_visits_p95,
    };
    let report = match ::backtest::run(&options) {
        Ok(report) => report,
        Err(error) => {
            return cli::fail(if error.is_data() { cli::DATA } else { cli::USAGE }, error);
        }
    };
    if args.json {
        cli::say!("{}", report.to_json());
    } else if shared {
        eprint!("{report}");
    } else {
        cli::say!("{}", report.to_string().trim_end());
    }
    if report.within_budget {
        return ExitCode::SUCCESS;
    }
    cli::fail(cli::FAILED, "more visits per village and week than --max-visits-p95")
}
