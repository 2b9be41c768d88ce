//! Somebody who listens to the stream of a subscription: nothing is sent while nobody does, and neither
//! a connection that breaks nor a server that is killed loses anything.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
};

use serde_json::{Value, json};
use system_tests::server::Server;

use crate::field::{Field, count, subscribe, until};

/// A connection to a stream.
struct Listener {
    lines: BufReader<Box<dyn Read + Send + Sync>>,
}

impl Listener {
    fn open(server: &Server, id: &str, last: &str) -> Listener {
        let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
        let call = agent
            .get(format!("{}/v1/subscriptions/{id}/stream", server.base()))
            .header("authorization", format!("Bearer {}", server.token()))
            .header("last-event-id", last);
        let body = call.call().unwrap().into_body();
        Listener { lines: BufReader::new(Box::new(body.into_reader())) }
    }

    /// The next message: its id and the CloudEvent; nothing where the connection ended.
    fn next(&mut self) -> Option<(String, Value)> {
        let mut id = String::new();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(told) = line.trim_end().strip_prefix("id: ") {
                id = told.to_owned();
            }
            if let Some(data) = line.trim_end().strip_prefix("data: ") {
                return Some((id, serde_json::from_str(data).unwrap()));
            }
        }
    }

    fn take(&mut self, most: usize) -> Vec<(String, Value)> {
        std::iter::from_fn(|| self.next()).take(most).collect()
    }
}

#[test]
fn whoever_listens_hears_everything_once_it_is_back() {
    let mut field = Field::new();
    let mut server = field.start();
    server.wait_until_ready();
    field.families(&server, 5);
    let wish = json!({"name": "desk", "region": "99", "start": "now", "channel": {"kind": "sse"}});
    let id = subscribe(&server, &wish);
    let hook = field.subscribe(&server, "ok/a");
    let (status, told) = server.call("GET", &format!("/v1/subscriptions/{hook}/stream"), None);
    assert_eq!((status, &told["code"]), (422, &json!("subscription.channel")));
    let (status, _) = server.call("GET", "/v1/subscriptions/nobodys/stream", None);
    assert_eq!(status, 404);

    field.clues(&server, 0..5);
    until(|| count(&server, &id, &["pending"]) == 5);
    until(|| count(&server, &hook, &["delivered"]) == 5);
    let mut listener = Listener::open(&server, &id, "");
    let first = listener.take(5);
    until(|| count(&server, &id, &["delivered"]) == 5);
    drop(listener);

    // The connection took five, and only two of them were read before it broke.
    let mut listener = Listener::open(&server, &id, &first[1].0);
    let mut heard: BTreeMap<String, Value> = first[..2].iter().cloned().collect();
    while heard.len() < 5 {
        let (message, body) = listener.next().unwrap();
        assert_ne!(message, first[1].0, "what is known by its id is not sent again");
        heard.insert(message, body);
    }

    // Killed under load, with somebody who listens.
    let mut last = first[4].0.clone();
    for n in 0..4 {
        field.clues(&server, 0..5);
        let some = listener.take(n);
        server.kill();
        let rest = listener.take(usize::MAX);
        last = some.iter().chain(&rest).last().map_or(last, |(message, _)| message.clone());
        heard.extend(some.into_iter().chain(rest));
        server = field.start();
        server.wait_until_ready();
        listener = Listener::open(&server, &id, &last);
    }

    // Connections that break under load, each back at once.
    for _ in 0..10 {
        field.clues(&server, 0..5);
        let some = listener.take(2);
        drop(listener);
        last = some.last().map_or(last, |(message, _)| message.clone());
        heard.extend(some);
        listener = Listener::open(&server, &id, &last);
    }
    let alerts = field.alerts(&server);
    assert_eq!(alerts.len(), 75);
    while heard.len() < alerts.len() {
        heard.extend(listener.next());
    }
    assert!(heard.iter().all(|(message, body)| alerts.get(message) == Some(body)));
    until(|| count(&server, &id, &["delivered"]) == 75);
    let (_, books) = server.call("GET", "/v1/operators/books", None);
    assert!(books["items"].as_array().unwrap().iter().all(|book| book["missing"] == 0));
    server.stop();
    // An orderly stop ends the stream; what else it held was heard before.
    assert!(listener.take(usize::MAX).iter().all(|(message, _)| heard.contains_key(message)));
}
