//! `levee rules`: checks packs and shows what they read.

use std::{fs, path::PathBuf, process::ExitCode, sync::Arc};

use ::rules::{Pack, PackSet, describe};
use clap::Subcommand;
use proto::catalogue::Catalogue;

use crate::cli;

const EXAMPLES: &str = "\
Examples:
  levee rules check deploy/packs/*.yaml
  levee rules show deploy/packs/default.yaml

Several packs are read in the order given; a later one may use the event types of an earlier one.
Exit codes: 0 all packs are good, 64 a file cannot be read, 65 a pack has errors";

/// Check rule packs, or show what they read
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Say what is wrong in packs, with line, column and a hint
    Check {
        /// Rule packs (YAML)
        #[arg(required = true)]
        packs: Vec<PathBuf>,
    },
    /// Say in words what packs hold: facts with their windows, rules and what they read
    Show {
        /// Rule packs (YAML)
        #[arg(required = true)]
        packs: Vec<PathBuf>,
    },
}

/// Runs the action.
pub(crate) fn run(args: &Args) -> ExitCode {
    let (Action::Check { packs } | Action::Show { packs }) = &args.action;
    let mut catalogue = Catalogue::shipped();
    let mut good: Vec<Arc<Pack>> = Vec::new();
    let mut errors = Vec::new();
    for path in packs {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return cli::fail(cli::USAGE, format!("{}: {error}", cli::shown(path))),
        };
        match Pack::load(&cli::shown(path), &bytes, &catalogue) {
            Ok(pack) => {
                catalogue = pack.catalogue.clone();
                good.push(Arc::new(pack));
            }
            Err(wrong) => errors.extend(wrong),
        }
    }
    if let Err(wrong) = PackSet::new(good.clone()) {
        errors.extend(wrong);
    }
    for pack in &good {
        match &args.action {
            Action::Check { .. } => {
                if !errors.iter().any(|error| error.file == pack.file) {
                    cli::say!("ok {} ({}, {} rules)", pack.file, pack.id, pack.rules.len());
                }
            }
            Action::Show { .. } => cli::say!("{}", describe(pack).trim_end()),
        }
    }
    for error in &errors {
        eprintln!("{error}");
    }
    ExitCode::from(if errors.is_empty() { 0 } else { cli::DATA })
}
