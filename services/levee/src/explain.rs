//! `levee explain`: how an alert came about, made again from the journal.
//!
//! It reads the folder as it is now, of a running process too, and changes nothing in it.

use std::{path::PathBuf, process::ExitCode};

use ::log::{Batch, Log};
use chassis::Failure;
use proto::codes::Code;
use serde_json::Value;
use watcher::{Crew, Derived, Fault, derive};

use crate::{cli, folder::Folder};

/// Bytes of one read.
const READ: usize = 4 << 20;

/// Say how an alert came about, and make it again from the journal
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The alert's id, 32 hex digits
    alert: String,
    /// The data folder; the process may be running
    #[arg(long, default_value = "./levee-data", value_name = "DIR")]
    data: PathBuf,
}

/// Prints the explanation; 1 when the alert is not made again with the same bytes.
pub(crate) fn run(args: &Args) -> ExitCode {
    match explain(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(cli::FAILED),
        Err(failure) => cli::fail(failure.exit(), failure),
    }
}

fn explain(args: &Args) -> Result<bool, Failure> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if args.alert.len() != 32 || !args.alert.bytes().all(hex) {
        return Err(Failure::new(64, "an alert's id has 32 lower-case hex digits"));
    }
    let folder = Folder::existing(&args.data)?;
    let topics = folder.look()?;
    let stored = stored(&*topics.alerts, &args.alert)?;
    let stored = stored.ok_or_else(|| Failure::new(65, "no alert of this id is in the folder"))?;
    let alert: Value = serde_json::from_slice(&stored)?;
    show(&alert);
    let (told, same) = verdict(derive(&topics.journal, &args.alert, Crew::of_machine()), &stored)?;
    cli::say!("{told}");
    Ok(same)
}

/// What is said of an alert that was made again, and whether it came out the same.
fn verdict(made: Result<Option<Derived>, Fault>, stored: &[u8]) -> Result<(String, bool), Failure> {
    match made {
        Ok(Some(derived)) => {
            let same = derived.json == stored;
            let word = if same { "identical" } else { "DIFFERENT" };
            let (offset, at) = (derived.offset, derived.at);
            Ok((format!("made again: {word}, after journal record {offset} at {at}"), same))
        }
        Ok(None) => {
            Ok(("made again: no, the journal does not lead to this alert".to_owned(), false))
        }
        Err(Fault::Gap { start }) => {
            let code = Code::ExplainExpired.name();
            Ok((format!("{code}: the journal begins at record {start}, behind this alert"), false))
        }
        Err(fault) => Err(Failure::new(1, fault.to_string())),
    }
}

/// The stored bytes of an alert.
fn stored(alerts: &dyn Log, id: &str) -> Result<Option<Vec<u8>>, Failure> {
    let needle = format!("\"id\":\"{id}\"");
    let mut batch = Batch::new();
    let mut next = alerts.start(0)?;
    loop {
        alerts.read(0, next, READ, &mut batch)?;
        for (_, record) in batch.iter() {
            let holds = record.windows(needle.len()).any(|part| part == needle.as_bytes());
            if holds && serde_json::from_slice::<Value>(record)?["id"] == id {
                return Ok(Some(record.to_vec()));
            }
        }
        match batch.next_offset() {
            Some(further) => next = further,
            None => return Ok(None),
        }
    }
}

fn show(alert: &Value) {
    let data = &alert["data"];
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    cli::say!(
        "{} {}: {} from {} to {}, as of {}, case {} episode {} revision {}",
        text(&alert["time"]),
        text(&data["household"]),
        text(&data["change"]),
        text(&data["previous_level"]),
        text(&data["level"]),
        text(&data["as_of"]),
        text(&data["case"]),
        data["episode"],
        data["revision"],
    );
    if let Some(overdue) = data.get("overdue") {
        let (from, to) = (text(&overdue["from"]), text(&overdue["to"]));
        cli::say!("{} ran out: asked was the {from}, asked is the {to}", text(&overdue["clock"]));
    }
    cli::say!("profile of {}", text(&data["profile_at"]));
    for signal in data["signals"].as_array().into_iter().flatten() {
        cli::say!(
            "\n{} {} ({})",
            text(&signal["level"]),
            text(&signal["rule"]),
            text(&signal["risk"])
        );
        cli::say!("  {}\n  {}", text(&signal["why"]["zh"]), text(&signal["why"]["en"]));
        cli::say!("  pack {} {}", text(&signal["pack"]), text(&signal["digest"]));
        for (name, value) in signal["values"].as_object().into_iter().flatten() {
            cli::say!("  {name} = {value}");
        }
        let events = signal["events"].as_array();
        for event in events.into_iter().flatten() {
            let (source, id) = (text(&event["source"]), text(&event["id"]));
            cli::say!("  event {} {source} {id}", text(&event["occurred_on"]));
        }
        let shown = events.map_or(0, Vec::len) as u64;
        if signal["events_total"].as_u64().is_some_and(|total| total > shown) {
            cli::say!("  and {} more", signal["events_total"].as_u64().unwrap_or(0) - shown);
        }
    }
    cli::say!("");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_older_than_the_journal_is_said_to_be_so() {
        let (told, same) = verdict(Err(Fault::Gap { start: 7 }), b"").unwrap();
        assert!(told.starts_with("explain.expired: ") && told.contains("record 7"), "{told}");
        assert!(!same);
        assert!(!verdict(Ok(None), b"").unwrap().1);
    }
}
