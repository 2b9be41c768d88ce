//! `levee ready`: whether a process is ready, as an exit code, for whoever starts what needs it.

use std::{process::ExitCode, time::Duration};

use chassis::Failure;
use ureq::Agent;

use crate::cli;

const EXAMPLES: &str = "\
Examples:
  levee ready --url http://127.0.0.1:8080

Exit codes: 0 ready, 1 not ready or no answer; the report of /readyz is printed";

/// Ask a process whether it is ready
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where it listens
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
}

/// Asks once.
pub(crate) fn run(args: &Args) -> ExitCode {
    match ask(&args.url) {
        Ok((ready, report)) => {
            cli::say!("{report}");
            ExitCode::from(if ready { 0 } else { cli::FAILED })
        }
        Err(failure) => cli::fail(failure.exit(), failure),
    }
}

fn ask(url: &str) -> Result<(bool, String), Failure> {
    let limit = Some(Duration::from_secs(5));
    let agent: Agent =
        Agent::config_builder().http_status_as_error(false).timeout_global(limit).build().into();
    let asked = agent.get(format!("{}/readyz", url.trim_end_matches('/'))).call();
    let mut answer =
        asked.map_err(|error| Failure::new(1, format!("{url} does not answer: {error}")))?;
    Ok((answer.status() == 200, answer.body_mut().read_to_string()?))
}
