//! The binary `levee`: one command line for every part, one allocator.
//!
//! It refuses to know what any command does.

mod archive;
mod backtest;
mod backup;
mod bench;
mod channels;
mod cli;
mod deadletter;
mod explain;
mod folder;
mod import;
mod keys;
mod link;
mod member;
mod packs;
mod past;
mod ready;
mod restore;
mod rules;
mod simulate;
mod topics;
mod up;
mod volume;

use std::process::ExitCode;

// It takes the place of C's as well (feature `override`): librdkafka makes each record in one thread and
// lets go of it in another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
