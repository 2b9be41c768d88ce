//! `levee topics`: the topics of a Kafka cluster as the plan wants them.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Subcommand;
use log_kafka::{Cluster, Connection, Difference, Plan};

use crate::{cli, member};

/// The plan that is shipped.
const SHIPPED: &str = include_str!("../../../deploy/topics.yaml");

const EXAMPLES: &str = "\
Examples:
  levee topics create --brokers 127.0.0.1:9092
  levee topics check --brokers 127.0.0.1:9092 --topics deploy/topics.yaml
  levee topics check --brokers kafka:9093 --config /etc/levee/intake.toml

`create` makes what is missing and keeps for longer what is kept too short; it changes nothing at all
where a number of partitions differs or anything would be kept for a shorter time. `check` only
compares.

Exit codes: 0 the topics are as planned, 1 they differ or a broker cannot be asked, 64 bad plan";

/// Make or compare the topics of a Kafka cluster
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make what is missing
    Create(Place),
    /// Say how the topics differ from the plan
    Check(Place),
}

#[derive(clap::Args)]
struct Place {
    /// Where the brokers are, several separated by commas
    #[arg(long, value_name = "HOST:PORT")]
    brokers: String,
    /// The plan; without it the shipped one
    #[arg(long, value_name = "FILE")]
    topics: Option<PathBuf>,
    /// A service's configuration, whose `security` of `[kafka]` lets this command in
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    let (Action::Create(place) | Action::Check(place)) = &args.action;
    let text = match &place.topics {
        None => SHIPPED.to_owned(),
        Some(path) => match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return cli::fail(cli::USAGE, format!("{}: {error}", cli::shown(path))),
        },
    };
    let plan = match Plan::read(&text) {
        Ok(plan) => plan,
        Err(error) => return cli::fail(cli::USAGE, format!("the plan of topics: {error}")),
    };
    let mut connection = Connection::new(&place.brokers, "levee-topics");
    if let Some(file) = &place.config {
        connection.security = match member::security(file) {
            Ok(security) => security,
            Err(error) => return cli::fail(cli::USAGE, error),
        };
    }
    let cluster = match Cluster::connect(&connection) {
        Ok(cluster) => cluster,
        Err(error) => return cli::fail(cli::FAILED, format!("{}: {error}", error.code())),
    };
    let create = matches!(args.action, Action::Create(_));
    let found = if create { plan.create(&cluster) } else { plan.differences(&cluster) };
    match found {
        Ok(differences) => told(&plan, &differences, create),
        Err(error) => cli::fail(cli::FAILED, format!("{}: {error}", error.code())),
    }
}

fn told(plan: &Plan, differences: &[Difference], create: bool) -> ExitCode {
    for difference in differences {
        match (create, difference) {
            (true, Difference::Missing(topic)) => cli::say!("made {topic}"),
            (true, other) => cli::say!("changed {other}"),
            (false, other) => cli::say!("{other}"),
        }
    }
    if create || differences.is_empty() {
        cli::say!("{} topics are as planned", plan.topics.len());
        ExitCode::SUCCESS
    } else {
        ExitCode::from(cli::FAILED)
    }
}
