//! The binary `levee`: one command line for every part, one allocator.
//!
//! It refuses to know what any command does.

mod backtest;
mod bench;
mod cli;
mod rules;
mod simulate;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
