//! Endpoints that answer with errors, hang, drip, break off, redirect, never end, do not exist or
//! speak no TLS: nothing is lost, and nobody else waits.

use serde_json::json;

use crate::field::{Field, WAITS, count, has_all, subscribe, until};

const BAD: [&str; 7] = ["500/a", "429/a", "hang/a", "drip/a", "reset/a", "redirect/a", "endless/a"];

fn volume() -> u64 {
    match std::env::var("LEVEE_VOLUME").as_deref() {
        Ok("full") => 4_000,
        _ => 300,
    }
}

#[test]
fn a_bad_receiver_harms_only_itself() {
    let mut field = Field::new();
    let mut server = field.start();
    server.wait_until_ready();
    let families = volume();
    field.families(&server, families);
    let good: Vec<String> = (0..4).map(|n| format!("ok/{n}")).collect();
    for path in &good {
        field.subscribe(&server, path);
    }
    let bad: Vec<String> = BAD.iter().map(|path| field.subscribe(&server, path)).collect();
    let gone = field.subscribe(&server, "gone/a");
    let mut nowhere = field.wish("x");
    nowhere["channel"]["url"] = json!("http://nowhere.invalid/x");
    let nowhere = subscribe(&server, &nowhere);
    let mut tls = field.wish("x");
    tls["channel"]["url"] = json!(field.receiver.base().replace("http:", "https:"));
    let tls = subscribe(&server, &tls);
    field.clues(&server, 0..families);
    let wanted = usize::try_from(families).unwrap();
    until(|| good.iter().all(|path| field.receiver.taken(&format!("/{path}")).len() >= wanted));
    let alerts = field.alerts(&server);
    assert_eq!(alerts.len(), wanted);
    let calls = field.receiver.calls();
    for path in &good {
        assert_eq!(has_all(&calls, &format!("/{path}"), &alerts), 0, "sent once each");
    }
    for id in bad.iter().chain([&nowhere, &tls]) {
        let waits = count(&server, id, &WAITS);
        assert_eq!(waits, wanted, "what was not taken waits");
    }
    assert!(!calls.iter().any(|call| call.path.contains("redirected")), "no redirect is followed");
    // Whoever is gone is told to its owner, and its alerts go to people.
    until(|| count(&server, &gone, &["escalated"]) == wanted);
    let (_, shown) = server.call("GET", &format!("/v1/subscriptions/{gone}"), None);
    assert_eq!((&shown["state"], &shown["code"]), (&json!("disabled"), &json!("receiver.gone")));
    let tasks = server.all("/v1/operators/queue");
    let mine = |kind: &str| tasks.iter().filter(|t| t["kind"] == kind).count();
    assert_eq!((mine("subscription"), mine("delivery")), (1, wanted));
    let (_, books) = server.call("GET", "/v1/operators/books", None);
    for book in books["items"].as_array().unwrap() {
        assert_eq!(book["missing"], 0, "{book}");
    }
    server.kill();
}
