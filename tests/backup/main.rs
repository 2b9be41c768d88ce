//! A folder is copied while `levee up` takes events on it, made again elsewhere, and goes on: every
//! answered event is there, every level and alert is the one that those events give.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

mod content;
mod load;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use content::Content;
use load::Sent;
use system_tests::server::{Server, binary};

/// Households that events speak of.
const HOUSEHOLDS: usize = 300;
/// Who send at the same time.
const SENDERS: usize = 3;
/// Copies that are made meanwhile.
const COPIES: usize = 6;
/// Calls that are answered between two copies.
const CALLS: usize = 20;

fn levee(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).env("LEVEE_LOG", "warn").output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn done(arguments: &[&str]) -> String {
    let output = levee(arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(code: i32, saying: &str, arguments: &[&str]) {
    let output = levee(arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
    assert!(told.contains(saying), "{arguments:?}: {told}");
}

/// The files below a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below)).unwrap() {
            let entry = entry.unwrap();
            let path = below.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(path),
                false => drop(all.insert(text(&path).to_owned())),
            }
        }
    }
    all
}

/// What belongs to a process and not to the data.
fn of_a_process(name: &str) -> bool {
    name == "listening" || ["LOCK", "-wal", "-shm"].iter().any(|end| name.ends_with(end))
}

struct Place {
    _folder: tempfile::TempDir,
    rules: PathBuf,
    data: PathBuf,
    backups: PathBuf,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let place = Place {
            rules: path("pack.yaml"),
            data: path("data"),
            backups: path("backups"),
            _folder: folder,
        };
        fs::write(&place.rules, load::PACK).unwrap();
        fs::create_dir(&place.backups).unwrap();
        place
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.backups.with_file_name(name)
    }

    /// A folder with profiles, a dead letter and a snapshot.
    fn begin(&self) {
        let mut server = Server::start(&self.data, &self.rules);
        server.wait_until_ready();
        server.post_lines("/v1/households", &load::profiles(HOUSEHOLDS));
        let (_, told) = server.post("/v1/events", "application/x-ndjson", load::REFUSED);
        assert_eq!(told["rejected"], 1, "{told}");
        server.stop();
    }
}

/// Neither a file with a secret nor a trace of one.
fn without_keys(backup: &Path, data: &Path) {
    let bytes = fs::read(backup).unwrap();
    for name in ["token.key", "operator.token"] {
        let secret = fs::read_to_string(data.join(name)).unwrap();
        let secret = secret.split_whitespace().last().unwrap();
        for trace in [name, secret] {
            let mut windows = bytes.windows(trace.len());
            assert!(!windows.any(|window| window == trace.as_bytes()), "{name} is in it");
        }
    }
}

/// The lists follow what was answered as soon as it is folded, so they are waited for.
fn settles(server: &Server, want: &BTreeMap<String, String>, otherwise: &str) {
    let same = |_| {
        let same = server.levels() == *want;
        if !same {
            thread::sleep(Duration::from_millis(20));
        }
        same
    };
    assert!((0..3_000).any(same), "{otherwise}");
}

#[test]
fn a_copy_made_under_load_goes_on_where_it_was_made() {
    let place = Place::new();
    place.begin();
    let mut server = Server::start(&place.data, &place.rules);
    server.wait_until_ready();
    let (sent, over) = (Sent::default(), AtomicBool::new(false));
    let with_keys = place.backups.join("with-keys.tar");
    let copies: Vec<(PathBuf, Vec<String>)> = thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| load::run(&server, HOUSEHOLDS, &sent, &over));
        }
        let data = text(&place.data);
        let copy = |n: usize| {
            sent.wait_for((n + 1) * CALLS);
            let answered = sent.ids();
            let path = place.backups.join(format!("{n}.tar"));
            done(&["backup", "--data", data, "--out", text(&path)]);
            (path, answered)
        };
        let copies = (0..COPIES).map(copy).collect();
        done(&["backup", "--data", data, "--out", text(&with_keys), "--with-keys"]);
        sent.wait_for((COPIES + 1) * CALLS);
        over.store(true, Ordering::Release);
        copies
    });
    let key = place.data.join("token.key");

    // What the folder of the running process holds is in the copy, but for its own marks.
    let whole = place.beside("whole");
    done(&["restore", "--from", text(&with_keys), "--data", text(&whole)]);
    let held: BTreeSet<String> =
        files(&place.data).into_iter().filter(|name| !of_a_process(name)).collect();
    assert_eq!(files(&whole), held);
    server.stop();
    let original = Content::of(&place.data, &key);
    let levels = load::levels(&original.events);

    let again = place.beside("again");
    for (path, answered) in &copies {
        without_keys(path, &place.data);
        if again.exists() {
            fs::remove_dir_all(&again).unwrap();
        }
        done(&["restore", "--from", text(path), "--data", text(&again), "--key", text(&key)]);
        let copied = Content::of(&again, &key);
        original.begins_with(&copied);
        let all = answered.iter().all(|id| copied.events.contains_key(id));
        assert!(all, "an answered event is not in the copy");
        let explained = load::alerts(&copied.events);
        for (household, changes) in copied.by_household() {
            let most = explained.get(&household).copied().unwrap_or(0);
            assert!(changes.len() <= most, "{household} has an alert without its events");
        }
    }

    let copied = Content::of(&again, &key);
    assert!(copied.events.len() < original.events.len(), "events were taken after the copy");
    let mut server = Server::start(&again, &place.rules);
    server.wait_until_ready();
    settles(&server, &load::levels(&copied.events), "other levels");
    // What the departments send again is known or taken, and all ends where the first folder was.
    sent.lines().chunks(load::CALL).for_each(|call| load::send(&server, call));
    settles(&server, &levels, "other levels in the end");
    server.stop();
    let ended = Content::of(&again, &key);
    assert_eq!(ended.alerts.len(), load::alerts(&ended.events).into_values().sum::<usize>());
    assert!(ended.by_household() == original.by_household(), "other alerts");
}

#[test]
fn a_restore_is_whole_or_nothing() {
    let place = Place::new();
    place.begin();
    let (data, backup) = (text(&place.data), place.backups.join("b.tar"));
    let backup = text(&backup);
    done(&["backup", "--data", data, "--out", backup]);
    refused(64, "is there already", &["backup", "--data", data, "--out", backup]);
    refused(64, "is no data folder", &["backup", "--data", text(&place.backups), "--out", "x"]);
    refused(64, "is not empty", &["restore", "--from", backup, "--data", data]);
    let (target, other) = (place.beside("target"), place.beside("other.key"));
    let (at, key) = (text(&target), place.data.join("token.key"));
    done(&["keys", "create", "--out", text(&other)]);
    let saying = "belongs to the token key";
    refused(64, saying, &["restore", "--from", backup, "--data", at, "--key", text(&other)]);
    assert!(!target.exists(), "nothing stays");

    // A changed byte, and an end that is missing; the folder that was there stays empty.
    fs::create_dir(&target).unwrap();
    let sound = fs::read(backup).unwrap();
    let damaged = place.backups.join("damaged.tar");
    let mut changed = sound.clone();
    let journal = sound.windows(8).position(|eight| eight == b"LEVEELOG").unwrap();
    changed[journal + 40] ^= 1;
    for bad in [&changed, &sound[..sound.len() / 2], &sound[..journal + 3]] {
        fs::write(&damaged, bad).unwrap();
        refused(65, "damaged.tar", &["restore", "--from", text(&damaged), "--data", at]);
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0, "nothing stays");
    }

    // Without the key nothing starts on it; with it, it goes on.
    let told = done(&["restore", "--from", backup, "--data", at]);
    assert!(told.contains("put the token key"), "{told}");
    let up = ["up", "--data", at, "--listen", "127.0.0.1:0"];
    refused(64, "there is no token key", &up);
    fs::copy(&other, target.join("token.key")).unwrap();
    refused(1, "log.key", &up);
    fs::copy(&key, target.join("token.key")).unwrap();
    let mut server = Server::start(&target, &place.rules);
    server.wait_until_ready();
    server.stop();

    // A restore that was killed leaves its mark, with which nothing starts.
    fs::write(target.join("RESTORING"), "").unwrap();
    for command in [&up[..], &["backup", "--data", at, "--out", "x"]] {
        refused(64, "was cut short", command);
    }
}

#[test]
fn a_damaged_folder_is_not_copied() {
    let place = Place::new();
    place.begin();
    let segment = place.data.join("journal/0000/00000000000000000000.seg");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[60] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let out = place.backups.join("b.tar");
    refused(65, "log.corrupt", &["backup", "--data", text(&place.data), "--out", text(&out)]);
    assert_eq!(fs::read_dir(&place.backups).unwrap().count(), 0, "nothing stays");
}
