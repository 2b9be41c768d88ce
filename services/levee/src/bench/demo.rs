//! How long `levee up --demo` takes to show a page and to have its province loaded.

use chassis::{Clock, Failure, SystemClock};

use super::{
    child::Running,
    row::{Row, rss},
};

/// The first page of `levee up --demo`, and the province loaded
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Row, Failure> {
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    let mut running = Running::start(&["--demo"])?;
    // Without a session the first page asks to sign in, and says how.
    running.wait_for("/", 401)?;
    let page = clock.monotonic().saturating_sub(begun);
    running.wait_for("/readyz", 200)?;
    let loaded = clock.monotonic().saturating_sub(begun);
    let mut row = Row { name: "demo", elapsed: loaded, ..Row::default() };
    row.rss_bytes = rss(Some(running.pid()));
    row.note_ms("first_page_ms", page);
    row.note_seconds("loaded_seconds", loaded);
    Ok(row)
}
