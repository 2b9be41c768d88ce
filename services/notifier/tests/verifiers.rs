//! What is signed here is accepted by the verifier libraries of others, and nothing that was
//! changed on its way is.
//!
//! `v1`: the reference libraries in Rust, Python and JavaScript. `v1a`: ring, libsodium and OpenSSL.

#![expect(clippy::expect_used, reason = "a test: a failed step must end it")]

#[path = "outside/programs.rs"]
mod programs;
#[path = "outside/receiver.rs"]
mod receiver;

use std::{path::Path, process::Command};

use axum::http::HeaderMap;
use base64::{Engine, prelude::BASE64_STANDARD};
use chassis::{Clock, SystemClock};
use notifier::{
    Channel, Outgoing, Secrets, Target, Verdict,
    channel::webhook::Webhook,
    signature::{SigningKey, shown},
};
use outbound::{AllowList, Client, Limits, Roots, SystemResolver};
use proto::date::Instant;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use receiver::Receiver;
use serde::Serialize;

/// Changed calls.
const CHANGED: usize = 10_000;

/// A call as a verifier sees it, and whether `v1` and `v1a` must hold.
#[derive(Clone, Serialize)]
struct Call {
    secret: String,
    public: String,
    id: String,
    timestamp: String,
    signature: String,
    body: String,
    #[serde(skip)]
    expected: (bool, bool),
}

fn random(rng: &mut ChaCha8Rng, below: usize) -> usize {
    let below = u64::try_from(below).expect("64 bits");
    usize::try_from(rng.next_u64() % below).expect("below a size")
}

fn key(rng: &mut ChaCha8Rng) -> [u8; 32] {
    let mut key = [0; 32];
    rng.fill_bytes(&mut key);
    key
}

/// Calls that really went over a socket, one for each pair of a secret and a key that is in force.
async fn calls(rng: &mut ChaCha8Rng) -> Vec<Call> {
    let (receiver, address) = Receiver::start().await;
    let base = format!("http://{address}");
    let target = Target::Webhook { url: base.clone() };
    let mut calls = Vec::new();
    for number in 0..40 {
        let list = AllowList::new([&base]).expect("a list");
        let client = Client::new(list, SystemResolver, Roots::none(), Limits::default());
        let (secrets, keys) = ([key(rng), key(rng)], [key(rng), key(rng)]);
        let signing = keys.iter().map(SigningKey::new).collect();
        let webhook = Webhook::new(client.expect("a client"), signing);
        let at = Instant(SystemClock::new().now_unix_micros());
        let body =
            format!(r#"{{"n":{number},"why":"近12个月合规自付","pad":"{}"}}"#, "x".repeat(number));
        let id = format!("{number:032x}").into();
        let message = Outgoing {
            subscription: "1351881460e4b791".into(),
            id,
            at,
            attempt: 1,
            body: body.as_bytes().into(),
            alerts: vec![],
        };
        let sent = webhook.send(&target, &Secrets::new(secrets), &message).await;
        assert_eq!(sent, Verdict::Delivered(None));
        let got = receiver.calls().pop().expect("a call");
        assert_eq!(got.path, "/");
        let publics = keys.map(|key| SigningKey::new(&key).public());
        // Before, while and after a rotation: each of the two is accepted, a third is not.
        for (secret, public, expected) in [
            (secrets[0], publics[1].clone(), (true, true)),
            (secrets[1], publics[0].clone(), (true, true)),
            (key(rng), publics[0].clone(), (false, true)),
            (secrets[0], SigningKey::new(&key(rng)).public(), (true, false)),
        ] {
            calls.push(seen(&got.headers, &got.body, &shown(&secret), &public, expected));
        }
    }
    calls
}

fn seen(
    headers: &HeaderMap,
    body: &[u8],
    secret: &str,
    public: &str,
    expected: (bool, bool),
) -> Call {
    let header = |name: &str| headers[name].to_str().expect("visible").to_owned();
    Call {
        secret: secret.to_owned(),
        public: public.to_owned(),
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body: String::from_utf8(body.to_vec()).expect("text"),
        expected,
    }
}

/// The call with one character of its id, its timestamp, its body or all signatures changed.
fn changed(call: &Call, rng: &mut ChaCha8Rng) -> Call {
    let mut call = Call { expected: (false, false), ..call.clone() };
    match random(rng, 4) {
        0 => replace(&mut call.id, "0123456789abcdef", rng),
        1 => replace(&mut call.timestamp, "0123456789", rng),
        2 => replace(&mut call.body, "abcxyz {}\":,0189", rng),
        _ => {
            let parts: Vec<_> = call
                .signature
                .split(' ')
                .map(|part| {
                    let (version, text) = part.split_once(',').expect("a version");
                    let mut bytes = BASE64_STANDARD.decode(text).expect("base64");
                    let at = random(rng, bytes.len());
                    bytes[at] ^= 1 << random(rng, 8);
                    format!("{version},{}", BASE64_STANDARD.encode(bytes))
                })
                .collect();
            call.signature = parts.join(" ");
        }
    }
    call
}

fn replace(text: &mut String, by: &str, rng: &mut ChaCha8Rng) {
    let places: Vec<usize> =
        text.char_indices().filter(|(_, c)| c.is_ascii()).map(|(at, _)| at).collect();
    let at = places[random(rng, places.len())];
    let other: Vec<&str> = by.split("").filter(|c| !c.is_empty() && *c != &text[at..=at]).collect();
    text.replace_range(at..=at, other[random(rng, other.len())]);
}

/// As the Rust reference library and ring judge.
fn in_rust(call: &Call) -> (bool, bool) {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("webhook-id", &call.id),
        ("webhook-timestamp", &call.timestamp),
        ("webhook-signature", &call.signature),
    ] {
        headers.insert(name, value.parse().expect("visible"));
    }
    let library = standardwebhooks::Webhook::new(&call.secret).expect("a secret");
    let v1 = library.verify(call.body.as_bytes(), &headers).is_ok();
    let public = call.public.strip_prefix("whpk_").expect("a public key");
    let public = BASE64_STANDARD.decode(public).expect("base64");
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public);
    let signed = format!("{}.{}.{}", call.id, call.timestamp, call.body);
    let holds = |part: &str| {
        let text = part.strip_prefix("v1a,")?;
        key.verify(signed.as_bytes(), &BASE64_STANDARD.decode(text).ok()?).ok()
    };
    (v1, call.signature.split(' ').any(|part| holds(part).is_some()))
}

/// As another program judges: two digits a line.
fn by(program: &mut Command, calls: &Path) -> Vec<(bool, bool)> {
    let ended = program.arg(calls).output().expect("the program starts");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let said = String::from_utf8(ended.stdout).expect("text");
    said.lines().map(|line| (line.starts_with('1'), line.ends_with('1'))).collect()
}

fn all_as_expected(who: &str, calls: &[Call], judged: &[(bool, bool)]) {
    assert_eq!(judged.len(), calls.len(), "{who}");
    for (call, found) in calls.iter().zip(judged) {
        let Call { id, timestamp, signature, body, .. } = call;
        assert_eq!(*found, call.expected, "{who}: {id} {timestamp} {signature} {body}");
    }
}

#[tokio::test]
async fn three_libraries_of_others_accept_what_is_signed_and_nothing_else() {
    let seed = std::env::var("LEVEE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    eprintln!("LEVEE_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut calls = calls(&mut rng).await;
    let sound: Vec<_> =
        calls.iter().filter(|call| call.expected == (true, true)).cloned().collect();
    for _ in 0..CHANGED {
        let call = &sound[random(&mut rng, sound.len())];
        calls.push(changed(call, &mut rng));
    }
    all_as_expected("rust", &calls, &calls.iter().map(in_rust).collect::<Vec<_>>());

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("calls.ndjson");
    let lines: Vec<_> =
        calls.iter().map(|call| serde_json::to_string(call).expect("JSON") + "\n").collect();
    std::fs::write(&file, lines.concat()).expect("a file");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools");
    if let Some(python) = programs::tool("verifiers", "python/bin/python") {
        let mut program = Command::new(python);
        all_as_expected("python", &calls, &by(program.arg(scripts.join("verify.py")), &file));
    }
    if let Some(modules) = programs::tool("verifiers", "node_modules") {
        let mut program = Command::new("node");
        program.env("NODE_PATH", modules).arg(scripts.join("verify.js"));
        all_as_expected("node", &calls, &by(&mut program, &file));
    }
}
