//! A data folder: its secrets, its topics, and where the process that has it can be asked.
//!
//! It refuses to know what the topics hold.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use ::log::LogError;
use chassis::{Failure, Health, SharedClock, Threads};
use intake::{DeadLetter, key};
use notifier::signature::SigningKey;
use store::Sqlite;
use watcher::{Letter, Parts, Topics, Watcher};

use crate::channels;

/// The folder is in use: `EX_TEMPFAIL` of sysexits.h; the same call may succeed later.
pub(crate) const IN_USE: u8 = 75;
/// Where a running process writes the address that it listens on.
const LISTENING: &str = "listening";
/// The snapshots' folder.
const SNAPSHOTS: &str = "snapshots";
/// Subscriptions, accounts and the ledger of deliveries.
pub(crate) const STORE: &str = "store.sqlite";
/// Stands in a folder whose restore has not come to its end.
pub(crate) const RESTORING: &str = "RESTORING";

/// A data folder with its secrets.
pub(crate) struct Folder {
    dir: PathBuf,
    key: key::StoredKey,
}

impl Folder {
    /// Opens the folder, or makes it with a new key. A folder that begins gets a key; one with a
    /// journal needs the key that its tokens were made with.
    pub(crate) fn make(dir: &Path) -> Result<Folder, Failure> {
        fs::create_dir_all(dir)
            .map_err(|e| Failure::new(64, format!("{} cannot be made: {e}", dir.display())))?;
        whole(dir)?;
        if dir.join(watcher::JOURNAL).exists() {
            return Folder::with(dir, key::load_key(&dir.join(key::KEY_FILE)));
        }
        Folder::with(dir, key::key(dir))
    }

    /// Opens a folder that is there.
    pub(crate) fn existing(dir: &Path) -> Result<Folder, Failure> {
        whole(dir)?;
        if !dir.join(watcher::JOURNAL).exists() {
            return Err(Failure::new(64, format!("{} is no data folder", dir.display())));
        }
        Folder::with(dir, key::load_key(&dir.join(key::KEY_FILE)))
    }

    fn with(dir: &Path, key: Result<key::StoredKey, key::SecretError>) -> Result<Folder, Failure> {
        Ok(Folder { dir: dir.to_path_buf(), key: key.map_err(Failure::usage)? })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn key(&self) -> &proto::person::TokenKey {
        &self.key.key
    }

    /// The operator's token; made if there is none.
    pub(crate) fn token(&self) -> Result<String, Failure> {
        key::operator_token(&self.dir).map_err(Failure::usage)
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.dir.join(key::OPERATOR_FILE)
    }

    /// The key that signs webhooks; made if there is none.
    pub(crate) fn signing_key(&self) -> Result<SigningKey, Failure> {
        channels::signing_key(&self.dir.join(key::SIGNING_FILE))
    }

    /// The topics, for this process alone.
    pub(crate) fn topics(&self) -> Result<Topics, Failure> {
        Topics::open(&self.dir, self.key.mark()).map_err(|error| match error {
            LogError::Locked => Failure::new(
                IN_USE,
                format!("log.locked: {} is in use by another process", self.dir.display()),
            ),
            error => Failure::new(1, format!("{}: {error}", error.code())),
        })
    }

    /// The topics as they are now, to be read beside a running process.
    pub(crate) fn look(&self) -> Result<Topics, Failure> {
        let look = Topics::look(&self.dir, self.key.mark());
        look.map_err(|error| Failure::new(1, format!("{}: {error}", error.code())))
    }

    /// The fingerprint of the token key.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.key.fingerprint
    }

    /// The files of a backup as they are now. The store and snapshots come first, the journal last:
    /// what comes earlier reaches no further than what comes later. `beside` is a folder in which
    /// a copy of the store may stand for a moment.
    pub(crate) fn parts(&self, with_keys: bool, beside: &Path) -> Result<Vec<Part>, Failure> {
        let mut parts = Vec::from_iter(self.store(beside)?);
        parts.extend(self.snapshots()?);
        let extents = Topics::extents(&self.dir, self.key.mark()).map_err(|error| {
            let code = if error.code() == "log.corrupt" { 65 } else { 1 };
            Failure::new(code, format!("{}: {error}", error.code()))
        })?;
        parts.extend(extents.into_iter().map(|e| Part {
            name: e.name,
            bytes: e.bytes,
            file: None,
        }));
        let secrets = [key::KEY_FILE, key::OPERATOR_FILE, key::SIGNING_FILE];
        for name in secrets.into_iter().filter(|_| with_keys) {
            parts.extend(opened(&self.dir, name.to_owned())?);
        }
        Ok(parts)
    }

    fn store(&self, beside: &Path) -> Result<Option<Part>, Failure> {
        let file = self.dir.join(STORE);
        if !file.exists() {
            return Ok(None);
        }
        let private = tempfile::tempdir_in(beside)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(Sqlite::copy(&file, &private.path().join(STORE)))?;
        // The copy has no name any more once its folder is gone, and is read to its end.
        Ok(opened(private.path(), STORE.to_owned())?)
    }

    fn snapshots(&self) -> Result<Vec<Part>, Failure> {
        let Ok(names) = fs::read_dir(self.dir.join(SNAPSHOTS)) else { return Ok(Vec::new()) };
        let mut parts = Vec::new();
        for name in names {
            let name = name?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".snap") {
                parts.extend(opened(&self.dir, format!("{SNAPSHOTS}/{name}"))?);
            }
        }
        Ok(parts)
    }

    /// Starts a watcher on the folder.
    pub(crate) fn watcher(&self, stand: Stand) -> Result<Watcher, Failure> {
        let Stand { topics, threads, health, registry, clock } = stand;
        let letter = Arc::new(|letter: &Letter| written(letter).to_json().into_bytes());
        let parts = Parts { topics, threads, health, registry, clock, letter };
        let started = Watcher::start(parts, &self.dir.join(SNAPSHOTS));
        started.map_err(|fault| Failure::new(1, fault.to_string()))
    }

    /// Says where this process can be asked.
    pub(crate) fn listens(&self, address: &str) -> io::Result<()> {
        fs::write(self.dir.join(LISTENING), address)
    }

    /// Nobody listens any more.
    pub(crate) fn silent(&self) {
        // A file that stays names an address where nobody answers, which is said then.
        let _ = fs::remove_file(self.dir.join(LISTENING));
    }

    /// The base address of the process that has the folder.
    pub(crate) fn base(&self) -> Result<String, Failure> {
        let address = fs::read_to_string(self.dir.join(LISTENING)).map_err(|_| {
            Failure::new(1, format!("no levee up is running on {}", self.dir.display()))
        })?;
        Ok(format!("http://{}", address.trim()))
    }
}

/// A file of a folder that goes into a backup.
pub(crate) struct Part {
    /// Its path below the folder, with `/`.
    pub(crate) name: String,
    /// How much of it.
    pub(crate) bytes: u64,
    /// Opened at once where it may be gone by the time it is copied.
    pub(crate) file: Option<File>,
}

/// A file that is whole as it stands; nothing where it is gone.
fn opened(dir: &Path, name: String) -> io::Result<Option<Part>> {
    match File::open(dir.join(&name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => {
            let file = file?;
            Ok(Some(Part { name, bytes: file.metadata()?.len(), file: Some(file) }))
        }
    }
}

/// Whether a backup may bring something of this name into a folder.
pub(crate) fn is_part(name: &str) -> bool {
    let topics = [watcher::ALERTS, watcher::DEAD_LETTERS, watcher::JOURNAL];
    let beside = [STORE, SNAPSHOTS, key::KEY_FILE, key::OPERATOR_FILE, key::SIGNING_FILE];
    topics.contains(&name) || beside.contains(&name)
}

/// Opens the topics of a folder that was made from a backup, under the key with this fingerprint.
pub(crate) fn sound(dir: &Path, fingerprint: &str) -> Result<(), Failure> {
    let mark = fingerprint.as_bytes().try_into().unwrap_or_default();
    match Topics::look(dir, mark) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(65, format!("{}: {error}", error.code()))),
    }
}

/// # Errors
/// The folder's restore did not come to its end.
fn whole(dir: &Path) -> Result<(), Failure> {
    if dir.join(RESTORING).exists() {
        let dir = dir.display();
        let text = format!("the restore of {dir} was cut short: empty it and restore it again");
        return Err(Failure::new(64, text));
    }
    Ok(())
}

/// What a watcher stands on beside the folder.
pub(crate) struct Stand {
    pub(crate) topics: Topics,
    pub(crate) threads: Threads,
    pub(crate) health: Health,
    pub(crate) registry: prometheus::Registry,
    pub(crate) clock: SharedClock,
}

/// A letter of the fold in the form of the door's.
pub(crate) fn written(letter: &Letter) -> DeadLetter {
    let length = letter.body.as_ref().map_or(0, Vec::len);
    DeadLetter {
        code: letter.code,
        pointer: None,
        received_at: letter.at,
        index: letter.index,
        length: u64::try_from(length).unwrap_or(u64::MAX),
        body: letter.body.clone(),
        altered: false,
        origin: None,
    }
}
