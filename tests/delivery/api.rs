//! The calls of the API as a subscriber makes them.

use serde_json::{Value, json};

use crate::field::{Field, count, has_all, subscribe, until};

#[test]
fn a_subscription_is_made_changed_paused_and_ended() {
    let mut field = Field::new();
    let mut server = field.start();
    server.wait_until_ready();
    field.families(&server, 6);
    field.clues(&server, 0..3);
    // It begins with the present cases, by the ids of their latest alerts.
    let mut wish = field.wish("ok/a");
    wish.as_object_mut().unwrap().remove("start");
    let (status, made) = server.call("POST", "/v1/subscriptions", Some(&wish));
    assert_eq!(status, 201, "{made}");
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/subscriptions/{id}");
    until(|| field.receiver.taken("/ok/a").len() == 3);
    assert_eq!(has_all(&field.receiver.calls(), "/ok/a", &field.alerts(&server)), 0);
    let (_, shown) = server.call("GET", &path, None);
    assert_eq!((&shown["state"], &shown["secret"]), (&json!("active"), &Value::Null));
    // What comes while it is paused waits.
    let (status, paused) = server.call("POST", &format!("{path}/pause"), None);
    assert_eq!((status, &paused["state"]), (200, &json!("paused")));
    field.clues(&server, 3..6);
    until(|| count(&server, id, &["pending"]) == 3);
    let (_, resumed) = server.call("POST", &format!("{path}/resume"), None);
    assert_eq!(resumed["state"], "active");
    until(|| field.receiver.taken("/ok/a").len() == 6);
    // A new secret, and everything of the past once more under the same ids.
    let (_, rotated) = server.call("POST", &format!("{path}/rotate"), None);
    assert_ne!(rotated["secret"], made["secret"]);
    assert!(rotated["former_secret_until"].is_string());
    let since = json!({"from": "2024-01-01T00:00:00+08:00"});
    let (status, told) = server.call("POST", &format!("{path}/replay"), Some(&since));
    assert_eq!((status, &told["alerts"]), (202, &json!(6)));
    until(|| field.receiver.taken("/ok/a").len() == 12);
    assert_eq!(has_all(&field.receiver.calls(), "/ok/a", &field.alerts(&server)), 6);
    // Only what is asked for comes.
    let (status, raised) = server.call("PATCH", &path, Some(&json!({"min_level": "red"})));
    assert_eq!((status, &raised["min_level"]), (200, &json!("red")));
    field.clues(&server, 0..1);
    field.clues(&server, 0..1);
    until(|| field.receiver.taken("/ok/a").len() == 13);
    assert_eq!(server.all("/v1/subscriptions").len(), 1);
    assert_eq!(server.call("DELETE", &path, None).0, 204);
    assert_eq!(server.call("GET", &path, None).1["code"], "subscription.unknown");
    assert!(server.all("/v1/subscriptions").is_empty());
    server.kill();
}

#[test]
fn groups_come_as_one_message_and_second_channels_get_what_the_first_refuses() {
    let mut field = Field::new();
    let mut server = field.start();
    server.wait_until_ready();
    field.families(&server, 4);
    let mut grouped = field.wish("ok/group");
    // A group of present cases is sent at once.
    field.clues(&server, 0..4);
    grouped["group_minutes"] = json!(1);
    grouped["start"] = json!("open");
    subscribe(&server, &grouped);
    until(|| !field.receiver.taken("/ok/group").is_empty());
    let calls = field.receiver.calls();
    let body: Value = serde_json::from_slice(&calls[0].body).unwrap();
    assert_eq!((&body["type"], &body["data"]["count"]), (&json!("levee.group.v1"), &json!(4)));
    assert_eq!(body["id"], calls[0].id);
    let mut second = field.wish("gone/first");
    second["escalate_to"] =
        json!({"kind": "webhook", "url": format!("{}/ok/second", field.receiver.base())});
    second["start"] = json!("open");
    subscribe(&server, &second);
    until(|| field.receiver.taken("/ok/second").len() == 4);
    assert_eq!(has_all(&field.receiver.calls(), "/ok/second", &field.alerts(&server)), 0);
    let tasks = server.all("/v1/operators/queue");
    assert_eq!(tasks.iter().filter(|t| t["kind"] == "delivery").count(), 4);
    let ids: Vec<&Value> = tasks.iter().map(|t| &t["id"]).collect();
    let (_, done) = server.call("POST", "/v1/operators/queue/done", Some(&json!({"ids": ids})));
    assert_eq!(done["done"], 5);
    assert!(server.all("/v1/operators/queue").is_empty());
    server.kill();
}

#[test]
fn what_cannot_be_subscribed_is_refused_with_a_code() {
    let field = Field::new();
    let mut server = field.start();
    server.wait_until_ready();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut wish = field.wish("ok/a");
        change(&mut wish);
        let (status, told) = server.call("POST", "/v1/subscriptions", Some(&wish));
        (status, told["code"].as_str().unwrap().to_owned())
    };
    let other = "https://other.example/x";
    for (change, status, code) in [
        (
            &(|w: &mut Value| w["region"] = json!("123")) as &dyn Fn(&mut Value),
            422,
            "subscription.invalid",
        ),
        (&|w: &mut Value| w["colour"] = json!(1), 422, "subscription.invalid"),
        (&|w: &mut Value| w["channel"] = json!({"kind": "fax"}), 422, "subscription.invalid"),
        (
            &|w: &mut Value| w["channel"] = json!({"kind": "kafka", "topic": "a"}),
            422,
            "subscription.channel",
        ),
        (&|w: &mut Value| w["channel"]["url"] = json!(other), 422, "outbound.host"),
        (&|w: &mut Value| w["name"] = json!("990000199001010017"), 422, "id.personal"),
    ] {
        assert_eq!(refused(change), (status, code.to_owned()));
    }
    let call =
        system_tests::server::agent().get(format!("{}/v1/subscriptions", server.base())).call();
    assert_eq!(call.unwrap().status().as_u16(), 401);
    let (status, told) = server.call("POST", "/v1/subscriptions/none/pause", None);
    assert_eq!((status, told["code"].as_str()), (404, Some("subscription.unknown")));
    server.kill();
}

#[test]
fn of_two_changes_at_once_one_is_told() {
    let field = Field::new();
    let mut server = field.start();
    server.wait_until_ready();
    let path = format!("/v1/subscriptions/{}", field.subscribe(&server, "ok/a"));
    let told = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (server, path, told) = (&server, &path, &told);
            scope.spawn(move || {
                while !told.load(std::sync::atomic::Ordering::Relaxed) {
                    let name = json!({"name": format!("n{n}")});
                    let (status, answer) = server.call("PATCH", path, Some(&name));
                    if status != 200 {
                        assert_eq!(answer["code"], "subscription.conflict");
                        told.store(true, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    server.kill();
}
