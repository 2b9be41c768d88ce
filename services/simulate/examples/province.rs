//! Writes a province without the rest of Levee.

use clap::Parser;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: simulate::Args,
}

fn main() -> Result<(), simulate::Error> {
    simulate::run(Command::parse().args)
}
