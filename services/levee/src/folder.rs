//! A data folder: its secrets, its topics, and where the process that has it can be asked.
//!
//! It refuses to know what the topics hold.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use ::log::LogError;
use chassis::{Failure, Health, SharedClock, Threads};
use intake::{DeadLetter, key};
use watcher::{Letter, Parts, Topics, Watcher};

/// The folder is in use: `EX_TEMPFAIL` of sysexits.h; the same call may succeed later.
pub(crate) const IN_USE: u8 = 75;
/// Where a running process writes the address that it listens on.
const LISTENING: &str = "listening";
/// The snapshots' folder.
const SNAPSHOTS: &str = "snapshots";

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
        if dir.join(watcher::JOURNAL).exists() {
            return Folder::with(dir, key::load_key(&dir.join(key::KEY_FILE)));
        }
        Folder::with(dir, key::key(dir))
    }

    /// Opens a folder that is there.
    pub(crate) fn existing(dir: &Path) -> Result<Folder, Failure> {
        if !dir.join(key::KEY_FILE).exists() {
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

/// What a watcher stands on beside the folder.
pub(crate) struct Stand {
    pub(crate) topics: Topics,
    pub(crate) threads: Threads,
    pub(crate) health: Health,
    pub(crate) registry: prometheus::Registry,
    pub(crate) clock: SharedClock,
}

/// A letter of the fold in the form of the door's.
fn written(letter: &Letter) -> DeadLetter {
    let length = letter.body.as_ref().map_or(0, Vec::len);
    DeadLetter {
        code: letter.code,
        pointer: None,
        received_at: letter.at,
        index: letter.index,
        length: u64::try_from(length).unwrap_or(u64::MAX),
        body: letter.body.clone(),
        altered: false,
    }
}
