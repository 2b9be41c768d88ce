//! A small field: a pack, families, a running `levee up`, a receiver, and an independent judge.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use system_tests::{
    receiver::{Call, Receiver},
    server::Server,
};
use tempfile::TempDir;

const PACK: &str = r#"
pack: delivery
title: {zh: 测试, en: Test}
scope: "99"
effective: {from: 2024-01-01}
facts:
  clues: {count: clue.reported, over: 365d}
rules:
  - id: clues
    risk: illness
    red: clues >= 3
    yellow: clues >= 2
    green: clues >= 1
    why: {zh: "{clues}", en: "{clues}"}
    material: {value: clues, step: 1}
"#;

pub(crate) struct Field {
    folder: TempDir,
    address: SocketAddr,
    allowed: Vec<String>,
    pub(crate) receiver: Receiver,
    sent: u64,
}

impl Field {
    pub(crate) fn new() -> Field {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pack.yaml"), PACK).unwrap();
        let receiver = Receiver::start();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let https = receiver.base().replace("http:", "https:");
        let allowed = vec![receiver.base(), https, "http://nowhere.invalid".to_owned()];
        Field { folder, address, allowed, receiver, sent: 0 }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file beside the data.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start(&self) -> Server {
        self.start_with(&[])
    }

    /// Starts it with further arguments.
    pub(crate) fn start_with(&self, further: &[&str]) -> Server {
        let mut more = vec!["--allow-webhook"];
        more.extend(self.allowed.iter().map(String::as_str));
        more.extend(further);
        Server::start_with(&self.data(), &self.beside("pack.yaml"), self.address, &more)
    }

    pub(crate) fn families(&self, server: &Server, count: u64) {
        let profile = |n| {
            json!({"household": household(n), "region": "990102003004", "class": "ordinary",
                "size": 2, "net_income_fen": 1})
            .to_string()
        };
        server.post_lines("/v1/households", &(0..count).map(profile).collect::<Vec<_>>());
    }

    /// One clue for each of these families: each is one alert.
    pub(crate) fn clues(&mut self, server: &Server, families: impl Iterator<Item = u64>) {
        let now = now();
        let lines: Vec<String> = families
            .map(|n| {
                self.sent += 1;
                json!({"specversion": "1.0", "id": format!("c{}", self.sent), "source": "99/test",
                    "type": "clue.reported", "time": now, "subject": format!("household/{}", household(n)),
                    "data": {"channel": "self", "risk": "illness"}})
                .to_string()
            })
            .collect();
        server.post_lines("/v1/events", &lines);
    }

    /// The body of a subscription to everything at a path of the receiver.
    pub(crate) fn wish(&self, path: &str) -> Value {
        let url = format!("{}/{path}", self.receiver.base());
        json!({"name": path, "region": "99", "start": "now",
            "channel": {"kind": "webhook", "url": url}})
    }

    pub(crate) fn subscribe(&self, server: &Server, path: &str) -> String {
        subscribe(server, &self.wish(path))
    }

    /// Every alert that there is, by id, from the stored topic and not from the notifier.
    pub(crate) fn alerts(&self, server: &Server) -> BTreeMap<String, Value> {
        let cases = server.all("/v1/cases");
        let mut alerts = BTreeMap::new();
        for case in cases {
            let path = format!("/v1/cases/{}", case["case"].as_str().unwrap());
            let (status, one) = server.call("GET", &path, None);
            assert_eq!(status, 200);
            for alert in one["alerts"].as_array().unwrap() {
                alerts.insert(alert["id"].as_str().unwrap().to_owned(), alert.clone());
            }
        }
        alerts
    }
}

pub(crate) fn household(n: u64) -> String {
    format!("H{n:06}")
}

fn now() -> String {
    let clock = chassis::SystemClock::new();
    let now = chassis::Clock::now_unix_micros(&clock);
    proto::date::Instant(now).to_string()
}

pub(crate) fn subscribe(server: &Server, wish: &Value) -> String {
    let (status, made) = server.call("POST", "/v1/subscriptions", Some(wish));
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

/// Rows of a subscription in one of these states, each row counted once.
pub(crate) fn count(server: &Server, id: &str, states: &[&str]) -> usize {
    let rows = server.all(&format!("/v1/subscriptions/{id}/deliveries"));
    rows.iter().filter(|row| states.contains(&row["state"].as_str().unwrap())).count()
}

/// What has not ended.
pub(crate) const WAITS: [&str; 2] = ["pending", "in_flight"];

/// Waits until it is so.
pub(crate) fn until(mut so: impl FnMut() -> bool) {
    while !so() {
        thread::sleep(Duration::from_millis(100));
    }
}

/// A receiver has each alert, each with the bytes of the topic, and knows by the id what came twice.
/// Gives how many came twice.
pub(crate) fn has_all(calls: &[Call], path: &str, alerts: &BTreeMap<String, Value>) -> usize {
    let mine: Vec<&Call> = calls.iter().filter(|call| call.taken && call.path == path).collect();
    let ids: BTreeSet<&str> = mine.iter().map(|call| &*call.id).collect();
    let wanted: BTreeSet<&str> = alerts.keys().map(|id| &**id).collect();
    assert_eq!(ids, wanted, "{path}");
    for call in &mine {
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(&body, alerts.get(&call.id).unwrap());
    }
    mine.len() - ids.len()
}
