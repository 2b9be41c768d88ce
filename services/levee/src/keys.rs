//! `levee keys`: the key that turns ID numbers into tokens, for services that share one.
//!
//! It refuses to print a key and to replace one: tokens of another key match nobody.

use std::{path::PathBuf, process::ExitCode};

use chassis::Failure;
use clap::Subcommand;
use intake::key::{self, SecretError, StoredKey};

use crate::cli;

const EXAMPLES: &str = "\
Examples:
  levee keys create --out /etc/levee/token.key
  levee keys create --out token.key --operator-token operator.token
  levee keys show /etc/levee/token.key

All services of one province use the same key, and its journal belongs to that key alone: keep a
copy where the machine's loss does not reach it. Without the key nobody is found again.

Exit codes: 0 done, 64 there is a key already, or none, or others could read it";

/// Make the key that turns ID numbers into tokens, or show which one a file holds
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a new key that only its owner can read, and print its fingerprint
    Create {
        /// The file to make
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Also make a bearer token there: the first account of services that share the key
        #[arg(long, value_name = "FILE")]
        operator_token: Option<PathBuf>,
        /// Leave what is there already, and print the key's fingerprint
        #[arg(long)]
        if_missing: bool,
    },
    /// Print a key's fingerprint, which tells nothing of the key
    Show {
        /// The key's file
        file: PathBuf,
    },
}

/// Runs the action.
pub(crate) fn run(args: &Args) -> ExitCode {
    match act(&args.action) {
        Ok(stored) => {
            cli::say!("fingerprint: {}", stored.fingerprint);
            ExitCode::SUCCESS
        }
        Err(error) => {
            let failure = Failure::usage(error);
            cli::fail(failure.exit(), failure)
        }
    }
}

fn act(action: &Action) -> Result<StoredKey, SecretError> {
    match action {
        Action::Show { file } => key::load_key(file),
        Action::Create { out, operator_token, if_missing } => {
            let stored = match key::create_key(out) {
                Err(SecretError::Exists { .. }) if *if_missing => key::load_key(out),
                made => made,
            }?;
            if let Some(token) = operator_token {
                match key::create_token(token) {
                    Err(SecretError::Exists { .. }) if *if_missing => drop(key::load_token(token)?),
                    made => made?,
                }
            }
            Ok(stored)
        }
    }
}
