//! One service of several, on Kafka: `levee intake|watcher|notifier|console --config FILE`.
//!
//! Each subcommand has a file of its own. What they share is how they begin: a configuration, a
//! token key that is there already, topics that are as they were planned. It refuses to make a key
//! or a topic: a service that finds none would begin a second world beside the first.

mod call;
mod config;
mod console;
mod feeds;
mod followed;
mod intake;
mod journal;
mod merged;
mod notifier;
mod packs;
mod rounds;
mod topics;
mod view;
mod watcher;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use chassis::Program;
use serde::de::DeserializeOwned;

/// Run one service on Kafka
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Its configuration: deploy/config has a commented sample for each service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Which service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Intake,
    Watcher,
    Notifier,
    Console,
}

/// Runs until a signal.
pub(crate) fn run(member: Member, args: &Args) -> ExitCode {
    let program = |name| Program { name, version: env!("CARGO_PKG_VERSION") };
    match member {
        Member::Intake => chassis::run(program("intake"), || load(args), intake::body),
        Member::Watcher => chassis::run(program("watcher"), || load(args), watcher::body),
        Member::Console => chassis::run(program("console"), || load(args), console::body),
        Member::Notifier => chassis::run(program("notifier"), || load(args), notifier::body),
    }
}

/// What a service's configuration says of how it is let in by the brokers.
pub(crate) fn security(file: &Path) -> Result<BTreeMap<String, String>, chassis::ConfigError> {
    let config::Connected { kafka } = chassis::config::load(Some(file))?;
    Ok(kafka.security())
}

fn load<C: DeserializeOwned>(args: &Args) -> Result<C, chassis::ConfigError> {
    chassis::config::load(Some(&args.config))
}
