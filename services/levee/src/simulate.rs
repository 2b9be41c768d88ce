//! `levee simulate`: a synthetic province as files.

use std::process::ExitCode;

use ::simulate::{Args, Error};

use crate::cli;

/// Writes the province.
pub(crate) fn run(args: Args) -> ExitCode {
    match ::simulate::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ (Error::Io(_) | Error::Json(_))) => cli::fail(cli::FAILED, error),
        Err(error) => cli::fail(cli::USAGE, error),
    }
}
