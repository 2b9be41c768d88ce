//! The commands and the codes they end with.
//!
//! Each command has a file of its own; here they are only named.

use std::{
    fmt::{Arguments, Display},
    io::{self, Write},
    path::Path,
    process::{self, ExitCode},
};

use clap::{Parser, Subcommand};

use crate::{
    backtest, backup, bench, deadletter, explain, import, keys, link,
    member::{self, Member},
    ready, restore, rules, simulate, topics, up,
};

/// A test or a budget failed.
pub(crate) const FAILED: u8 = 1;
/// Bad usage or configuration.
pub(crate) const USAGE: u8 = 64;
/// Bad data.
pub(crate) const DATA: u8 = 65;

const EXAMPLES: &str = "\
Examples:
  levee simulate --households 2000 --months 12 --seed 1 --out province
  levee backtest --households province/households.ndjson --events province/events.ndjson \\
      --rules deploy/packs/default.yaml --out alerts.ndjson
  levee rules check deploy/packs/*.yaml

Exit codes: 0 done, 1 a test or budget failed, 64 bad usage or configuration, 65 bad data";

/// Levee watches what departments report and asks for a visit before a household falls into need
#[derive(Parser)]
#[command(name = "levee", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(up::Args),
    /// Take events over HTTP into the partitioned journal on Kafka
    Intake(member::Args),
    /// Fold partitions of the journal on Kafka and publish alerts
    Watcher(member::Args),
    /// Deliver alerts to subscribers
    Notifier(member::Args),
    /// Show the alerts of all partitions
    Console(member::Args),
    Import(import::Args),
    Keys(keys::Args),
    Link(link::Args),
    Explain(explain::Args),
    Deadletter(deadletter::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Ready(ready::Args),
    Backtest(backtest::Args),
    Bench(bench::Args),
    Rules(rules::Args),
    Simulate(::simulate::Args),
    Topics(topics::Args),
}

/// Reads the arguments and runs the command.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Where even the message cannot be written, the code still tells.
            let _unwritten = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    match cli.command {
        Command::Up(args) => up::run(args),
        Command::Intake(args) => member::run(Member::Intake, &args),
        Command::Watcher(args) => member::run(Member::Watcher, &args),
        Command::Notifier(args) => member::run(Member::Notifier, &args),
        Command::Console(args) => member::run(Member::Console, &args),
        Command::Import(args) => import::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Link(args) => link::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Deadletter(args) => deadletter::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Ready(args) => ready::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Backtest(args) => backtest::run(args),
        Command::Bench(args) => bench::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Simulate(args) => simulate::run(args),
        Command::Topics(args) => topics::run(&args),
    }
}

/// Prints a line to standard output as `println!` does; see [`print`].
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::print(format_args!($($text)*)) };
}
pub(crate) use say;

/// Prints a line. Where nobody reads any more (`levee … | head`) there is nothing left to do.
pub(crate) fn print(text: Arguments<'_>) {
    if writeln!(io::stdout().lock(), "{text}").is_err() {
        process::exit(0);
    }
}

/// Says on standard error what went wrong and gives the code to end with.
pub(crate) fn fail(code: u8, error: impl Display) -> ExitCode {
    eprintln!("levee: {error}");
    ExitCode::from(code)
}

/// The name of a file as packs and messages show it.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
