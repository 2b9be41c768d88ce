//! `levee bench`: measures, one JSON object each.

use std::process::ExitCode;

use clap::Subcommand;

/// Measure a part on this machine
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    measure: Measure,
}

#[derive(Subcommand)]
enum Measure {}

/// Runs the measure.
pub(crate) fn run(args: &Args) -> ExitCode {
    match args.measure {}
}
