//! What became of a call's records, over partitions that decide a part of it each: the same counts as
//! one process gives, also after a watcher has fallen and what was waited for has come.

use std::{fs, net::SocketAddr, thread};

use serde_json::{Value, json};
use system_tests::server::{Server, agent};

use crate::{LOOK, LOOKS, PACK, services::Province};

/// A door and its token.
struct Door {
    address: SocketAddr,
    token: String,
}

impl Door {
    /// Posts lines and gives the call's id.
    fn post(&self, path: &str, lines: &[String]) -> String {
        let call = agent()
            .post(format!("http://{}/v1/{path}", self.address))
            .header("authorization", format!("Bearer {}", self.token))
            .content_type("application/x-ndjson");
        let answer = call.send(lines.join("\n")).unwrap();
        assert_eq!(answer.status(), 200);
        answer.headers()["levee-batch"].to_str().unwrap().to_owned()
    }

    fn report(&self, id: &str) -> (u16, Value) {
        let call = agent()
            .get(format!("http://{}/v1/batches/{id}", self.address))
            .header("authorization", format!("Bearer {}", self.token));
        let mut answer = call.call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }
}

fn person(n: u32) -> String {
    format!("9900001990010{n:05}")
}

fn profiles(households: impl Iterator<Item = u32>) -> Vec<String> {
    let profile = |n: u32| {
        let person = person(n);
        format!(
            r#"{{"household":"H{n}","updated_at":"2026-01-05T08:00:00+08:00","region":"990102003004","class":"ordinary","size":2,"net_income_fen":5,"members":[{{"person":"{person}"}}]}}"#
        )
    };
    households.map(profile).collect()
}

fn clue(id: &str, subject: &str, channel: &str) -> String {
    json!({"specversion": "1.0", "id": id, "source": "99/zxb", "type": "clue.reported",
        "time": "2026-03-04T10:20:30+08:00", "subject": subject, "data": {"channel": channel}})
    .to_string()
}

/// Records of every fate: of households and persons that are known, of some that come later, of an
/// area, known before, contradicting what is known, and not understood.
fn call() -> Vec<String> {
    let mut lines = Vec::new();
    for n in 0..20 {
        lines.push(clue(&format!("h{n}"), &format!("household/H{n}"), "self"));
        lines.push(clue(&format!("p{n}"), &format!("person/{}", person(n)), "self"));
    }
    lines.push(clue("h1", "household/H1", "self"));
    lines.push(clue("h2", "household/H2", "visit"));
    lines.push(clue("p2", &format!("person/{}", person(2)), "visit"));
    lines.push(
        json!({"specversion": "1.0", "id": "w1", "source": "99/yjt", "type": "disaster.warning",
            "time": "2026-03-04T10:20:30+08:00", "subject": "area/9901",
            "data": {"hazard": "flood", "colour": "red"}})
        .to_string(),
    );
    lines.push("{".to_owned());
    lines.push(clue("x", "household/H1", "nobody"));
    lines
}

/// Waits until the services' report is that of one process; gives it.
fn agree(province: &Door, id: &str, server: &Door, other: &str) -> Value {
    let (status, mut wanted) = server.report(other);
    assert_eq!(status, 200, "{wanted}");
    wanted["batch"] = id.parse::<u64>().unwrap().into();
    let mut told = Value::Null;
    for _ in 0..LOOKS {
        let (status, report) = province.report(id);
        let code = report["code"].as_str().unwrap_or_default();
        let later = ["batch.undecided", "partition.uncarried"].contains(&code);
        assert!(status == 200 || later && status == 503, "{status} {report}");
        if status == 200 && report == wanted {
            return report;
        }
        // What is not decided yet is said, never left out.
        let sum = |names: &[&str]| names.iter().filter_map(|n| report[n].as_u64()).sum::<u64>();
        let dead = report["dead_lettered"].as_object().into_iter().flatten();
        let dead: u64 = dead.filter_map(|(_, count)| count.as_u64()).sum();
        let rows = sum(&["accepted", "duplicate", "parked", "matched", "undecided"]) + dead;
        assert!(status == 503 || rows == call().len() as u64, "{report}");
        told = report;
        thread::sleep(LOOK);
    }
    panic!("{told} for {wanted}");
}

#[test]
fn a_department_is_told_what_became_of_its_rows_as_in_one_process() {
    let Some(mut province) = Province::start(PACK) else { return };
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack.yaml");
    fs::write(&pack, PACK).unwrap();
    let mut server = Server::start(&folder.path().join("up"), &pack);
    server.wait_until_ready();
    let one = Door { address: server.address(), token: server.token() };
    let many = Door { address: province.intake.address, token: "secret".to_owned() };
    let known = profiles(0..10);
    let profiled = [&one, &many].map(|door| door.post("households", &known));
    // Whom a claim names is known in the person log a moment later.
    let told = agree_all(&many, &profiled[1], known.len());
    assert_eq!((&told["accepted"], told.get("undecided")), (&10.into(), None));
    let [other, id] = [&one, &many].map(|door| door.post("events", &call()));
    let report = agree(&many, &id, &one, &other);
    let counts = ["accepted", "duplicate", "parked"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(counts, [21, 1, 20], "{report}");
    let dead = json!({"id.conflict": 2, "json.syntax": 1, "schema.unknown_enum": 1});
    assert_eq!(report["dead_lettered"], dead);
    province.watchers[0].kill();
    let rest = profiles(10..20);
    for door in [&one, &many] {
        door.post("households", &rest);
    }
    let report = agree(&many, &id, &one, &other);
    assert_eq!((&report["parked"], &report["matched"]), (&0.into(), &20.into()), "{report}");
    let [other, id] = [&one, &many].map(|door| door.post("events", &["{".to_owned()]));
    let (_, wanted) = one.report(&other);
    let refused = agree_all(&many, &id, 1);
    assert_eq!(refused["dead_lettered"], wanted["dead_lettered"]);
    let (status, told) = many.report("7");
    assert_eq!((status, &told["code"]), (404, &"batch.unknown".into()), "{told}");
    server.stop();
}

/// Waits until so many rows of a call are decided.
fn agree_all(door: &Door, id: &str, rows: usize) -> Value {
    for _ in 0..LOOKS {
        let (status, report) = door.report(id);
        let dead = report["dead_lettered"].as_object().into_iter().flatten();
        let dead: u64 = dead.filter_map(|(_, count)| count.as_u64()).sum();
        let known = report["accepted"].as_u64().unwrap_or(0) + dead;
        if status == 200 && known == rows as u64 {
            return report;
        }
        thread::sleep(LOOK);
    }
    panic!("{:?}", door.report(id));
}
