//! `levee deadletter`: what was refused, and sending it again.

use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode};

use ::log::Batch;
use chassis::Failure;
use clap::Subcommand;
use intake::{DeadLetter, client::Client, client::Totals, door::Noun};
use proto::{codes::Code, json::Json};

use crate::{cli, folder::Folder};

/// Bytes of one read.
const READ: usize = 4 << 20;

/// Look at refused records, or send them again
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Print refused records, one JSON object a line
    List(Choice),
    /// Send refused records to a running levee again, after an upgrade or a new pack
    Replay {
        #[command(flatten)]
        choice: Choice,
        /// Where to send; the process that runs on the folder if not given
        #[arg(long, requires = "token_file")]
        url: Option<String>,
        /// A file with the bearer token for --url
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct Choice {
    /// The data folder; the process may be running
    #[arg(long, default_value = "./levee-data", value_name = "DIR")]
    data: PathBuf,
    /// Only records refused with this code
    #[arg(long, value_parser = code)]
    code: Option<Code>,
}

fn code(name: &str) -> Result<Code, &'static str> {
    Code::parse(name).ok_or("no such code")
}

/// Runs the action.
pub(crate) fn run(args: &Args) -> ExitCode {
    let ended = match &args.action {
        Action::List(choice) => list(choice),
        Action::Replay { choice, url, token_file } => {
            replay(choice, url.as_deref(), token_file.as_ref())
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => cli::fail(failure.exit(), failure),
    }
}

fn list(choice: &Choice) -> Result<(), Failure> {
    let folder = Folder::existing(&choice.data)?;
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    each(&folder, choice.code, |line, letter| {
        cli::say!("{line}");
        *counts.entry(letter.code.name()).or_default() += 1;
        Ok(())
    })?;
    for (code, count) in counts {
        eprintln!("{code} {count}");
    }
    Ok(())
}

fn replay(choice: &Choice, url: Option<&str>, token_file: Option<&PathBuf>) -> Result<(), Failure> {
    let folder = Folder::existing(&choice.data)?;
    let base = url.map_or_else(|| folder.base(), |url| Ok(url.to_owned()))?;
    let token = match token_file {
        Some(file) => fs::read_to_string(file)
            .map_err(|e| Failure::new(64, format!("{}: {e}", file.display())))?,
        None => folder.token()?,
    };
    let mut lines: [Vec<u8>; 2] = Default::default();
    let mut kept = 0u64;
    each(&folder, choice.code, |_, letter| {
        match letter.body.as_deref().filter(|_| letter.replayable()) {
            None => kept += 1,
            Some(body) => {
                let event = Json::parse(body).is_ok_and(|json| json.get("specversion").is_some());
                let lines = &mut lines[usize::from(event)];
                lines.extend_from_slice(body);
                lines.push(b'\n');
            }
        }
        Ok(())
    })?;
    let mut totals = Totals::default();
    let mut client = Client::new(&base, &token);
    // Profiles first: what waited for them is then matched at once.
    for (noun, lines) in [Noun::Household, Noun::Event].into_iter().zip(lines) {
        if lines.is_empty() {
            continue;
        }
        let file = folder.dir().join(format!("replay-{}.ndjson", std::process::id()));
        fs::write(&file, lines)?;
        let sent = client.send(noun, &file);
        fs::remove_file(&file)?;
        totals.add(&sent?);
    }
    cli::say!("{totals}");
    if kept > 0 {
        cli::say!("not sent, since what was refused is no longer whole: {kept}");
    }
    Ok(())
}

fn each(
    folder: &Folder,
    code: Option<Code>,
    mut seen: impl FnMut(&str, &DeadLetter) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let dead = folder.look()?.dead;
    let mut batch = Batch::new();
    let mut next = dead.start(0)?;
    loop {
        dead.read(0, next, READ, &mut batch)?;
        for (_, record) in batch.iter() {
            let line = std::str::from_utf8(record)?;
            let letter = DeadLetter::from_json(line)?;
            if code.is_none_or(|code| code == letter.code) {
                seen(line, &letter)?;
            }
        }
        match batch.next_offset() {
            Some(further) => next = further,
            None => return Ok(()),
        }
    }
}
