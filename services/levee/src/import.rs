//! `levee import`: files into a stopped folder, a running door, or an empty journal's past.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use chassis::{Failure, Health, SharedClock, SystemClock, Threads};
use intake::{
    caller::Caller,
    client::{Client, Totals},
    door::{Door, Noun, Shape},
};
use proto::codes::Code;
use watcher::{Phase, Watcher};

use crate::{
    cli,
    folder::{Folder, Stand},
    packs,
    past::Filler,
    up::{outcome, submission},
};

/// Most records and bytes of one call, as over HTTP.
const RECORDS: usize = 5_000;
const BYTES: usize = 8 << 20;
/// How long the last snapshot may take.
const GRACE: Duration = Duration::from_secs(300);

const EXAMPLES: &str = "\
Examples:
  levee import --data ./levee-data --households h.ndjson --events e.ndjson --history
  levee import --url http://127.0.0.1:8080 --token-file ./levee-data/operator.token \\
      --households h.ndjson --events 2025.ndjson 2026.ndjson

--history takes the events' own times as its clock, up to now, and needs a folder into which
nothing has entered. Without --rules it uses the shipped packs.

Exit codes: 0 done, 1 failed, 64 bad usage, pack or folder, 65 a line is not JSON (--history),
75 the folder is in use";

/// Bring files of households and events into Levee
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("to").required(true).args(["data", "url"]))]
pub(crate) struct Args {
    /// The folder of a process that is stopped
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The door of a running process
    #[arg(long, requires = "token_file")]
    url: Option<String>,
    /// A file with the bearer token for --url
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Household profiles, one JSON object a line
    #[arg(long)]
    households: Option<PathBuf>,
    /// Events, one CloudEvent a line, in the order in which they arrived
    #[arg(long, num_args = 1..)]
    events: Vec<PathBuf>,
    /// Fill an empty folder with the past: alerts made on the way are kept and delivered to nobody
    #[arg(long, requires = "data")]
    history: bool,
    /// Rule packs in force during that past
    #[arg(long, num_args = 1.., value_name = "PACK", requires = "history")]
    rules: Vec<PathBuf>,
}

/// Imports the files.
pub(crate) fn run(args: &Args) -> ExitCode {
    let ended = match (&args.url, &args.data) {
        (Some(url), _) => send(args, url),
        (None, Some(data)) => enter(args, data),
        (None, None) => Err(Failure::new(64, "either --data or --url is needed")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => cli::fail(failure.exit(), failure),
    }
}

fn send(args: &Args, url: &str) -> Result<(), Failure> {
    let file = args.token_file.as_deref().unwrap_or(Path::new("operator.token"));
    let token = fs::read_to_string(file)
        .map_err(|e| Failure::new(64, format!("{}: {e}", file.display())))?;
    let mut client = Client::new(url, &token);
    let mut totals = Totals::default();
    if let Some(households) = &args.households {
        totals.add(&client.send(Noun::Household, households)?);
    }
    for events in &args.events {
        totals.add(&client.send(Noun::Event, events)?);
    }
    cli::say!("{totals}");
    Ok(())
}

fn enter(args: &Args, data: &Path) -> Result<(), Failure> {
    let folder = Folder::make(data)?;
    let clock: SharedClock = Arc::new(SystemClock::new());
    let threads = Threads::default();
    let watcher = folder.watcher(Stand {
        topics: folder.topics()?,
        threads: threads.clone(),
        health: Health::new(Arc::clone(&clock)),
        registry: prometheus::Registry::new(),
        clock,
    })?;
    let ended = live(&watcher).and_then(|()| match args.history {
        true => history(args, &folder, &watcher),
        false => present(args, &folder, &watcher),
    });
    watcher.stop();
    threads.join_all(GRACE)?;
    ended
}

/// Waits for the end of the restore.
fn live(watcher: &Watcher) -> Result<(), Failure> {
    let mut phases = watcher.phases();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let restored = runtime.block_on(phases.wait_for(|phase| *phase != Phase::Restoring));
    match restored.map(|phase| *phase) {
        Ok(Phase::Ended(Some(code))) => Err(Failure::new(1, format!("{code}: the fold stops"))),
        _ => Ok(()),
    }
}

fn history(args: &Args, folder: &Folder, watcher: &Watcher) -> Result<(), Failure> {
    let packs = packs::named_or_shipped(&args.rules)?;
    if !watcher.begin_past() {
        return Err(Failure::new(64, "--history needs a folder into which nothing has entered"));
    }
    let mut filler = Filler::new(watcher, folder.key(), packs, watcher.now());
    if let Some(households) = &args.households {
        lines(households, |index, line| Ok(filler.profile(index, line)))?;
    }
    for events in &args.events {
        lines(events, |index, line| filler.event(index, line))?;
    }
    let counts = filler.finish()?;
    watcher.end_past();
    cli::say!("{counts}");
    Ok(())
}

/// Calls `take` with every line; a line that it does not take ends with 65.
fn lines(
    path: &Path,
    mut take: impl FnMut(u64, &[u8]) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let shown = path.display();
    let unreadable = |e| Failure::new(64, format!("{shown}: {e}"));
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path).map_err(unreadable)?);
    let mut line = Vec::new();
    for index in 0.. {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
            break;
        }
        let text = line.trim_ascii();
        if !text.is_empty() && !take(index, text)? {
            let code = Code::JsonSyntax.name();
            return Err(Failure::new(65, format!("{shown}: line {}: {code}", index + 1)));
        }
    }
    Ok(())
}

fn present(args: &Args, folder: &Folder, watcher: &Watcher) -> Result<(), Failure> {
    if watcher.is_empty() {
        let entries = packs::shipped()?.packs.iter().map(|pack| packs::entry(pack)).collect();
        let submission = watcher::Submission { entries, ..Default::default() };
        watcher.submit_and_wait(submission)?;
    }
    let mut totals = Totals::default();
    let households = args.households.iter().map(|path| (Noun::Household, path));
    let files = households.chain(args.events.iter().map(|path| (Noun::Event, path)));
    for (noun, path) in files {
        let mut body = Vec::new();
        let mut records = 0;
        lines(path, |_, line| {
            body.extend_from_slice(line);
            body.push(b'\n');
            records += 1;
            if records >= RECORDS || body.len() >= BYTES {
                call(folder, watcher, noun, &body, &mut totals)?;
                body.clear();
                records = 0;
            }
            Ok(true)
        })?;
        call(folder, watcher, noun, &body, &mut totals)?;
    }
    cli::say!("{totals}");
    Ok(())
}

/// One call, judged as the door judges it.
fn call(
    folder: &Folder,
    watcher: &Watcher,
    noun: Noun,
    body: &[u8],
    totals: &mut Totals,
) -> Result<(), Failure> {
    let (catalogue, caller) = (watcher.catalogue(), Caller::operator());
    let now = watcher.now();
    let door = Door { catalogue: &catalogue, key: folder.key(), now, caller: &caller };
    let (brought, _) = door.check(body, Shape::Lines, noun)?.into_submission();
    for (code, count) in &brought.refused {
        totals.rejected += count;
        *totals.by_code.entry(code.name().to_owned()).or_default() += count;
    }
    let receipt = watcher.submit_and_wait(submission(brought))?;
    for entry in receipt.outcomes {
        match outcome(entry) {
            intake::Outcome::Accepted => totals.accepted += 1,
            intake::Outcome::Duplicate => totals.duplicate += 1,
            intake::Outcome::Parked => totals.parked += 1,
            intake::Outcome::Refused(code) => {
                totals.rejected += 1;
                *totals.by_code.entry(code.name().to_owned()).or_default() += 1;
            }
        }
    }
    Ok(())
}
