//! The ways to subscribers of `levee up`, each with the real thing at its end: a mail server, a
//! Kafka; and the keys of webhooks.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use log::{Log, contract::read_all};
use log_kafka::{Cluster, Connection, Dress, KafkaLog, Plan};
use serde_json::{Value, json};
use sqlx::{Connection as _, Row, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::field::{Field, count, has_all, subscribe, until};

/// A real mail server; `.ci/run` installs it.
struct Mail {
    child: Child,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl Mail {
    fn start() -> Option<Mail> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let python = root.join("target/tools/python/bin/python");
        if !python.exists() {
            let required = std::env::var("LEVEE_REQUIRE").unwrap_or_default();
            assert!(!required.split(',').any(|word| word == "smtp"), "smtp is required");
            eprintln!("skipped: .ci/run installs a mail server; LEVEE_REQUIRE=smtp asks for it");
            return None;
        }
        let mut child = Command::new(python)
            .arg(root.join("services/notifier/tests/tools/smtp.py"))
            .args(["plain", "-", "-", "-", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut mail = Mail { child, said, port: 0 };
        mail.port = mail.line().trim().parse().unwrap();
        Some(mail)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(field: &Field, text: &str) -> PathBuf {
    let file = field.beside("channels.toml");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn an_alert_reaches_a_mailbox_through_a_real_server() {
    let Some(mut mail) = Mail::start() else { return };
    let mut field = Field::new();
    let text = format!(
        "[mail]\nhost = \"localhost\"\nport = {}\nprotection = \"plain\"\n\
        from = \"Levee <levee@example.gov>\"\n[pages]\nurl = \"https://levee.example.gov\"\n",
        mail.port
    );
    let file = settings(&field, &text);
    let mut server = field.start_with(&["--channels", file.to_str().unwrap()]);
    server.wait_until_ready();
    field.families(&server, 2);
    let desk = json!({"name": "desk", "region": "99", "start": "now",
        "channel": {"kind": "smtp", "to": "desk@county.example.gov"}});
    let id = subscribe(&server, &desk);
    field.clues(&server, 0..2);
    for _ in 0..2 {
        let taken: Value = serde_json::from_str(&mail.line()).unwrap();
        assert_eq!(
            (&taken["to"][0], &taken["from"]),
            (&"desk@county.example.gov".into(), &"levee@example.gov".into())
        );
    }
    until(|| count(&server, &id, &["delivered"]) == 2);
    let mut nobody = desk.clone();
    nobody["channel"]["to"] = json!("nobody");
    let (status, told) = server.call("POST", "/v1/subscriptions", Some(&nobody));
    assert_eq!((status, &told["code"]), (422, &json!("channel.mailbox")));
    server.kill();
}

#[test]
fn an_alert_reaches_a_topic_of_a_real_kafka() {
    let Some(broker) = test_broker::Broker::start() else { return };
    let cluster = Cluster::connect(&Connection::new(&broker.address(), "levee-test")).unwrap();
    let plan = "replication: 1\nmin_insync: 1\ntopics:\n  county: {partitions: 3, keep: 14d}\n";
    Plan::read(plan).unwrap().create(&cluster).unwrap();
    let mut field = Field::new();
    let text = format!("[kafka]\nbrokers = \"{}\"\ntopics = [\"county\"]\n", broker.address());
    let file = settings(&field, &text);
    let mut server = field.start_with(&["--channels", file.to_str().unwrap()]);
    server.wait_until_ready();
    field.families(&server, 5);
    let mut desk = json!({"name": "county", "region": "99", "start": "now",
        "channel": {"kind": "kafka", "topic": "county"}});
    let id = subscribe(&server, &desk);
    field.clues(&server, 0..5);
    until(|| count(&server, &id, &["delivered"]) == 5);
    let topic: Arc<dyn Log> =
        Arc::new(KafkaLog::foreign(&cluster, "county", Dress::CloudEvent).unwrap());
    let records = (0..3).flat_map(|p| read_all(&*topic, p, 1 << 20).unwrap());
    let found: Vec<Value> =
        records.map(|(_, record)| serde_json::from_slice(&record).unwrap()).collect();
    let alerts = field.alerts(&server);
    assert_eq!(found.len(), alerts.len());
    for alert in &found {
        assert_eq!(Some(alert), alerts.get(alert["id"].as_str().unwrap()));
    }
    desk["channel"]["topic"] = json!("alerts");
    let (status, told) = server.call("POST", "/v1/subscriptions", Some(&desk));
    assert_eq!((status, &told["code"]), (422, &json!("channel.topic")));
    server.kill();
}

#[test]
fn a_public_key_is_shown_and_secrets_are_sealed_in_the_store() {
    let mut field = Field::new();
    let mut server = field.start();
    server.wait_until_ready();
    field.families(&server, 3);
    let (_, made) = server.call("POST", "/v1/subscriptions", Some(&field.wish("ok/a")));
    let path = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap());
    let (_, shown) = server.call("GET", &path, None);
    let key = shown["public_keys"][0].as_str().unwrap().to_owned();
    assert!(key.starts_with("whpk_") && shown["public_keys"] == made["public_keys"], "{shown}");
    let file = field.data().join("webhook.key");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = made["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stored: Vec<u8> = runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(field.data().join("store.sqlite"));
        let mut reader = SqliteConnection::connect_with(&options).await.unwrap();
        let row = sqlx::query("SELECT secret FROM subscriptions").fetch_one(&mut reader).await;
        row.unwrap().get(0)
    });
    assert_eq!((stored.len(), secret.len()), (61, 44), "sealed, and 32 bytes in base64");
    // After a restart the same key signs, and the secret is still read.
    server.kill();
    let mut server = field.start();
    server.wait_until_ready();
    assert_eq!(server.call("GET", &path, None).1["public_keys"][0], key);
    field.clues(&server, 0..3);
    until(|| field.receiver.taken("/ok/a").len() == 3);
    assert_eq!(has_all(&field.receiver.calls(), "/ok/a", &field.alerts(&server)), 0);
    // With another key nothing is sent unsigned: it waits until the right one is back.
    server.kill();
    let right = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let mut server = field.start();
    server.wait_until_ready();
    assert_ne!(server.call("GET", &path, None).1["public_keys"][0], key);
    field.clues(&server, 0..1);
    let id = made["id"].as_str().unwrap();
    let waits = || {
        let rows = server.all(&format!("/v1/subscriptions/{id}/deliveries"));
        rows.iter().any(|row| row["code"] == "secret.sealed")
    };
    until(waits);
    assert_eq!(field.receiver.taken("/ok/a").len(), 3);
    server.kill();
    fs::write(&file, right).unwrap();
    let mut server = field.start();
    server.wait_until_ready();
    until(|| field.receiver.taken("/ok/a").len() == 4);
    server.kill();
}
