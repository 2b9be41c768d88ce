//! A past that is folded into a journal gives the alerts of a backtest, and the folder can be asked.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

use std::{
    path::Path,
    process::{Command, Output},
};

use log::{Batch, Log};
use serde_json::Value;

fn levee(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_levee"))
        .args(arguments)
        .current_dir(folder)
        .env("LEVEE_LOG", "warn")
        .output()
        .unwrap()
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = levee(folder, arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

fn code(folder: &Path, arguments: &[&str]) -> Option<i32> {
    levee(folder, arguments).status.code()
}

fn topics(data: &Path) -> watcher::Topics {
    let key = intake::key::key(data).unwrap();
    watcher::Topics::look(data, *key.fingerprint.as_bytes().first_chunk().unwrap()).unwrap()
}

fn lines(log: &dyn Log) -> Vec<Value> {
    let mut found = Vec::new();
    let mut batch = Batch::new();
    loop {
        log.read(0, found.len() as u64, 1 << 20, &mut batch).unwrap();
        if batch.is_empty() {
            return found;
        }
        found.extend(batch.iter().map(|(_, r)| serde_json::from_slice::<Value>(r).unwrap()));
    }
}

fn by_id(alerts: impl Iterator<Item = Value>) -> Vec<(String, Value)> {
    let mut alerts: Vec<(String, Value)> =
        alerts.map(|alert| (alert["id"].as_str().unwrap().to_owned(), alert)).collect();
    alerts.sort_by(|a, b| a.0.cmp(&b.0));
    alerts
}

#[test]
fn a_past_gives_what_a_backtest_gives() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    done(here, &["simulate", "--households", "400", "--months", "6", "--seed", "5", "--out", "p"]);
    let (households, events) = ("p/households.ndjson", "p/events.ndjson");
    let import = ["import", "--data", "d", "--households", households, "--events", events];
    let history: Vec<&str> = import.iter().copied().chain(["--history"]).collect();
    done(here, &history);
    assert_eq!(code(here, &history), Some(64), "the folder is not empty any more");
    let topics = topics(&here.join("d"));
    let made = lines(&*topics.alerts);
    let today = made.iter().filter_map(|alert| alert["data"]["as_of"].as_str()).max().unwrap();
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/packs/default.yaml");
    let pack = pack.to_str().unwrap();
    // The day on which the past ended, should a midnight pass meanwhile.
    let last = topics.journal.end(0).unwrap() - 1;
    let mut batch = Batch::new();
    topics.journal.read(0, last, 1, &mut batch).unwrap();
    let frame = proto::frame::decode(batch.iter().next().unwrap().1).unwrap();
    let ends = frame.entries.last().unwrap().header.as_ref().unwrap().at_us.max(frame.at_us);
    let until = proto::date::Instant(ends).date().to_string();
    assert!(today <= until.as_str());
    let backtest = ["backtest", "--households", households, "--events", events, "--rules", pack];
    let rest = ["--until", &until, "--out", "alerts.ndjson"];
    done(here, &[&backtest[..], &rest[..]].concat());
    let text = std::fs::read_to_string(here.join("alerts.ndjson")).unwrap();
    let expected = by_id(text.lines().map(|line| serde_json::from_str(line).unwrap()));
    let made = by_id(made.into_iter().map(|mut alert| {
        let history = alert["data"].as_object_mut().unwrap().remove("history");
        assert_eq!(history, Some(Value::Bool(true)));
        alert
    }));
    assert!(made.len() > 100, "the province says too little: {}", made.len());
    assert_eq!(made.len(), expected.len());
    for (made, expected) in made.iter().zip(&expected) {
        assert_eq!(made, expected);
    }

    let explained = done(here, &["explain", &made[0].0, "--data", "d"]);
    assert!(explained.contains("made again: identical"), "{explained}");
    // Nobody answered in that past, so clocks ran out in it.
    let overdue = made.iter().find(|(_, alert)| alert["data"]["change"] == "overdue");
    let explained = done(here, &["explain", &overdue.unwrap().0, "--data", "d"]);
    assert!(explained.contains("made again: identical"), "{explained}");
    let told = "ran out: asked was the village, asked is the township";
    assert!(explained.contains(told), "{explained}");
    assert_eq!(code(here, &["explain", &"0".repeat(32), "--data", "d"]), Some(65));
    assert_eq!(code(here, &["explain", "x", "--data", "d"]), Some(64));
    assert_eq!(code(here, &["explain", &made[0].0, "--data", "none"]), Some(64));

    // The same lines as of today change nothing: identities are remembered.
    let again = done(here, &import);
    assert!(again.starts_with("accepted 0, "), "{again}");
    assert_eq!(lines(&*topics.alerts).len(), made.len());
    assert_eq!(code(here, &["link", "--data", "d"]), Some(1), "nobody is running");
}

#[test]
fn a_backtest_lets_clocks_run_out_at_their_instants() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let profile = r#"{"household":"H1","region":"990102003004","class":"ordinary","size":4,"net_income_fen":4000000}"#;
    let bill = r#"{"specversion":"1.0","id":"1","source":"99/ybj","type":"medical.settlement","time":"2026-03-02T09:00:00+08:00","subject":"household/H1","data":{"setting":"inpatient","total_fen":3000000,"self_paid_fen":3000000}}"#;
    std::fs::write(here.join("h"), profile).unwrap();
    std::fs::write(here.join("e"), bill).unwrap();
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios/pack.yaml");
    let backtest = ["backtest", "--households", "h", "--events", "e", "--out", "a", "--rules"];
    let until = [pack.to_str().unwrap(), "--until", "2026-03-04"];
    done(here, &[&backtest[..], &until[..]].concat());
    let text = std::fs::read_to_string(here.join("a")).unwrap();
    let alerts = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told: Vec<String> = alerts
        .map(|alert| {
            let (time, data) = (&alert["time"].as_str().unwrap()[..16], &alert["data"]);
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (change, overdue) = (word(&data["change"]), &data["overdue"]);
            let (clock, to) = (word(&overdue["clock"]), word(&overdue["to"]));
            format!("{time} {change} {clock} {to}").trim_end().to_owned()
        })
        .collect();
    assert_eq!(
        told,
        [
            "2026-03-02T09:00 opened",
            "2026-03-03T09:00 overdue acknowledge township",
            "2026-03-04T09:00 overdue acknowledge county",
            "2026-03-04T09:00 overdue visit township",
        ]
    );
}

#[test]
fn what_is_refused_is_listed_by_code() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("h"), "{\"household\":\"H1\"}\n{\"household\":7}\n").unwrap();
    let told = done(here, &["import", "--data", "d", "--households", "h"]);
    assert!(told.contains("rejected 2"), "{told}");
    let all = done(here, &["deadletter", "list", "--data", "d"]);
    assert_eq!(all.lines().count(), 2, "{all}");
    let some = done(here, &["deadletter", "list", "--data", "d", "--code", "schema.type"]);
    assert_eq!(some.lines().count(), 1, "{some}");
    assert_eq!(code(here, &["deadletter", "list", "--data", "d", "--code", "x"]), Some(64));
    std::fs::write(here.join("bad"), "not json\n").unwrap();
    let history = ["import", "--data", "e", "--households", "bad", "--history"];
    assert_eq!(code(here, &history), Some(65));
}

#[test]
fn a_reader_that_goes_ends_a_command_in_order() {
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/packs/default.yaml");
    let mut child = Command::new(env!("CARGO_BIN_EXE_levee"))
        .args(["rules", "show"])
        .arg(pack)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
