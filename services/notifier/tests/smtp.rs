//! Mails through a real server: aiosmtpd, with and without TLS and login.

#![expect(clippy::expect_used, reason = "a test: a failed step must end it")]

#[path = "outside/programs.rs"]
mod programs;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use notifier::{
    Channel, Kind, Outgoing, Secrets, Target, Verdict,
    channel::smtp::{Protection, Relay, Smtp},
};
use planner::Notice;
use proto::{codes::Code, date::Instant};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;

const ALERTS: &str = include_str!("../golden/alerts.ndjson");

/// A running server; it ends with the test.
struct Server {
    child: Child,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start(python: &Path, protection: &str, pair: Option<&Pair>, login: &str) -> Server {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/smtp.py");
        let nothing = PathBuf::from("-");
        let (certificate, key) = pair.map_or((&nothing, &nothing), |p| (&p.certificate, &p.key));
        let mut child = Command::new(python)
            .arg(script)
            .arg(protection)
            .args([certificate, key])
            .args([login, if login == "-" { "-" } else { "pass word" }])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It tells of every connection that a test breaks off on purpose.
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let said = BufReader::new(child.stdout.take().expect("its output"));
        let mut server = Server { child, said, port: 0 };
        server.port = server.line().trim().parse().expect("a port");
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("a line");
        line
    }

    /// What it took; waits for it.
    fn taken(&mut self) -> Value {
        serde_json::from_str(&self.line()).expect("a mail")
    }

    fn relay(&self, protection: Protection) -> Relay {
        Relay {
            host: "localhost".into(),
            port: self.port,
            protection,
            login: None,
            from: "Levee <levee@example.gov>".into(),
            roots: None,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate for `localhost`, its key, and who signed it.
struct Pair {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

fn pair(folder: &Path) -> Pair {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &authority).expect("signed");
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    Pair {
        authority: write("authority.pem", authority.pem()),
        certificate: write("server.pem", certificate.pem()),
        key: write("server.key", key.serialize_pem()),
    }
}

fn message(count: usize) -> Outgoing {
    let alerts: Vec<_> = ALERTS.lines().take(count).collect();
    let body = alerts.concat().as_bytes().into();
    let notice = |line: &&str| Arc::new(Notice::parse(line.as_bytes()).expect("an alert"));
    let alerts: Vec<_> = alerts.iter().map(notice).collect();
    let at = Instant::parse("2026-03-04T10:23:20+08:00").expect("an instant");
    let (subscription, id) = ("1351881460e4b791".into(), "828dafec0505f049dd0b33d159e3d42a".into());
    Outgoing { subscription, id, at, attempt: 1, body, alerts }
}

async fn send(smtp: &Smtp, to: &str, message: &Outgoing) -> Verdict {
    let target = Target::Smtp { to: to.to_owned() };
    smtp.send(&target, &Secrets::default(), message).await
}

/// A mail without its head, which names another id.
fn body(mail: &str) -> String {
    mail.replace("\r\n", "\n").split_once("\n\n").expect("a head").1.to_owned()
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let Some(python) = programs::tool("smtp", "python/bin/python") else { return };
    let mut server = Server::start(&python, "plain", None, "-");
    let console = Some("https://levee.example.gov/");
    let smtp = Smtp::new(server.relay(Protection::Plain), console).expect("a relay");
    assert_eq!(smtp.kind(), Kind::Smtp);
    assert_eq!(smtp.check(&Target::Smtp { to: "desk@county.example.gov".into() }), Ok(()));
    let nobody = Target::Smtp { to: "nobody".into() };
    assert_eq!(smtp.check(&nobody), Err(Code::ChannelMailbox));
    assert_eq!(send(&smtp, "desk@county.example.gov", &message(1)).await, Verdict::Delivered(None));
    let taken = server.taken();
    assert_eq!((&taken["from"], &taken["tls"]), (&"levee@example.gov".into(), &false.into()));
    assert_eq!(taken["to"][0], "desk@county.example.gov");
    assert_eq!(taken["hello"], "example.gov");
    let mail = BASE64_STANDARD.decode(taken["mail"].as_str().expect("base64")).expect("base64");
    let mail = String::from_utf8(mail).expect("ASCII");
    let golden = include_str!("../golden/smtp.one.eml");
    assert_eq!(mail.replace("\r\n", "\n").trim_end(), golden.trim_end());

    // A text of a pack that holds a dot between line ends does not end the mail.
    let smtp = Smtp::new(server.relay(Protection::Plain), None).expect("a relay");
    assert_eq!(send(&smtp, "desk@county.example.gov", &message(3)).await, Verdict::Delivered(None));
    let mail = server.taken()["mail"].as_str().map(|text| BASE64_STANDARD.decode(text));
    let mail = String::from_utf8(mail.expect("a mail").expect("base64")).expect("ASCII");
    assert_eq!(body(&mail).trim_end(), body(include_str!("../golden/smtp.digest.eml")).trim_end());
}

#[tokio::test]
async fn a_refusal_is_told_apart() {
    let Some(python) = programs::tool("smtp", "python/bin/python") else { return };
    let server = Server::start(&python, "plain", None, "-");
    let smtp = Smtp::new(server.relay(Protection::Plain), None).expect("a relay");
    let busy = Verdict::Retry { code: Code::ReceiverBusy, after: None };
    let refused = Verdict::Refused { code: Code::ReceiverRefused };
    for (to, verdict) in [
        ("busy@a.example", busy),
        ("full@a.example", busy),
        ("shut@a.example", busy),
        ("unknown@a.example", refused),
        ("refused@a.example", refused),
        ("nobody", Verdict::Refused { code: Code::ChannelMailbox }),
    ] {
        assert_eq!(send(&smtp, to, &message(1)).await, verdict, "{to}");
    }
    let gone = server.relay(Protection::Plain);
    drop(server);
    let smtp = Smtp::new(gone, None).expect("a relay");
    let verdict = send(&smtp, "desk@a.example", &message(1)).await;
    assert_eq!(verdict, Verdict::Retry { code: Code::OutboundConnect, after: None });
}

#[tokio::test(start_paused = true)]
async fn a_silent_relay_is_left_in_time() {
    let Some(python) = programs::tool("smtp", "python/bin/python") else { return };
    let server = Server::start(&python, "plain", None, "-");
    let smtp = Smtp::new(server.relay(Protection::Plain), None).expect("a relay");
    let verdict = send(&smtp, "silent@a.example", &message(1)).await;
    assert_eq!(verdict, Verdict::Retry { code: Code::OutboundTimeout, after: None });
}

#[tokio::test]
async fn tls_and_login_are_asked_for_and_checked() {
    let Some(python) = programs::tool("smtp", "python/bin/python") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let pair = pair(folder.path());
    for (name, protection) in [("starttls", Protection::Starttls), ("tls", Protection::Tls)] {
        let mut server = Server::start(&python, name, Some(&pair), "levee");
        let relay = |password: &str, roots: Option<PathBuf>| Relay {
            login: Some(("levee".into(), password.to_owned().into())),
            roots,
            ..server.relay(protection)
        };
        let trusted = Some(pair.authority.clone());
        let untrusted = Smtp::new(relay("pass word", None), None).expect("a relay");
        let wrong = Smtp::new(relay("password", trusted.clone()), None).expect("a relay");
        let right = Smtp::new(relay("pass word", trusted), None).expect("a relay");
        let retry = |code| Verdict::Retry { code, after: None };
        let told = send(&untrusted, "desk@a.example", &message(1)).await;
        assert_eq!(told, retry(Code::OutboundTls), "{name}");
        let told = send(&wrong, "desk@a.example", &message(1)).await;
        assert_eq!(told, retry(Code::ReceiverLogin), "{name}");
        assert_eq!(send(&right, "desk@a.example", &message(1)).await, Verdict::Delivered(None));
        let taken = server.taken();
        assert_eq!((&taken["tls"], &taken["user"]), (&true.into(), &"levee".into()), "{name}");
    }
}

#[tokio::test]
async fn a_relay_without_tls_gets_no_mail_where_tls_is_asked_for() {
    let Some(python) = programs::tool("smtp", "python/bin/python") else { return };
    let server = Server::start(&python, "plain", None, "-");
    let smtp = Smtp::new(server.relay(Protection::Starttls), None).expect("a relay");
    let verdict = send(&smtp, "desk@a.example", &message(1)).await;
    assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
}
