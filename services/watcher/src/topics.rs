//! The three topics of a folder. It knows their names and no record.

use std::{path::Path, sync::Arc};

use log::{EmbeddedLog, Extent, Log, LogError, ReadOnlyDisk, Settings, Verify};

/// Everything that enters, one frame a record.
pub const JOURNAL: &str = "journal";
/// What profiles say about persons, and the events of persons; only where the journal has several
/// partitions.
pub const PERSONS: &str = "persons";
/// Every published alert, one JSON line a record.
pub const ALERTS: &str = "alerts";
/// What was refused, one JSON line a record.
pub const DEAD_LETTERS: &str = "dead_letters";

/// The open topics.
#[derive(Clone)]
pub struct Topics {
    /// See [`JOURNAL`].
    pub journal: Arc<dyn Log>,
    /// See [`ALERTS`].
    pub alerts: Arc<dyn Log>,
    /// See [`DEAD_LETTERS`].
    pub dead: Arc<dyn Log>,
}

impl std::fmt::Debug for Topics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Topics").finish_non_exhaustive()
    }
}

impl Topics {
    /// Opens the topics of a folder, or makes them; `key` is the fingerprint of the token key.
    ///
    /// # Errors
    /// As [`EmbeddedLog::open`]; `log.locked` while another process has the folder.
    pub fn open(folder: &Path, key: [u8; 16]) -> Result<Topics, LogError> {
        let topic = |name: &str| -> Result<Arc<dyn Log>, LogError> {
            let log = EmbeddedLog::open(&folder.join(name), &settings(name, key))?;
            for torn in log.torn() {
                tracing::warn!(topic = name, offset = torn.offset, bytes = torn.bytes, "log.torn");
            }
            Ok(Arc::new(log))
        };
        Ok(Topics { journal: topic(JOURNAL)?, alerts: topic(ALERTS)?, dead: topic(DEAD_LETTERS)? })
    }

    /// Opens the topics as they are now, without a lock and without changing a byte: also beside
    /// a running process.
    ///
    /// # Errors
    /// As [`EmbeddedLog::open`], and `log.io` where there is no such folder.
    pub fn look(folder: &Path, key: [u8; 16]) -> Result<Topics, LogError> {
        let topic = |name: &str| -> Result<Arc<dyn Log>, LogError> {
            let disk = Arc::new(ReadOnlyDisk::open(&folder.join(name)));
            Ok(Arc::new(EmbeddedLog::open_on(disk, &settings(name, key))?))
        };
        // The alerts first: whatever they hold, the journal that is opened after them explains.
        let alerts = topic(ALERTS)?;
        Ok(Topics { alerts, dead: topic(DEAD_LETTERS)?, journal: topic(JOURNAL)? })
    }

    /// The files of the topics as they are now, every byte of them checked, also beside a running
    /// process. A folder with these files alone is one on which a watcher goes on: its journal is
    /// the last that was looked at, so it explains whatever the other topics hold.
    ///
    /// # Errors
    /// As [`Topics::look`]; `log.corrupt` wherever a byte is damaged.
    pub fn extents(folder: &Path, key: [u8; 16]) -> Result<Vec<Extent>, LogError> {
        let mut all = Vec::new();
        for name in [ALERTS, DEAD_LETTERS, JOURNAL] {
            let disk = Arc::new(ReadOnlyDisk::open(&folder.join(name)));
            let checked = Settings { verify: Verify::All, ..settings(name, key) };
            for extent in EmbeddedLog::open_on(disk, &checked)?.extents()? {
                all.push(Extent { name: format!("{name}/{}", extent.name), ..extent });
            }
        }
        Ok(all)
    }
}

fn settings(name: &str, key: [u8; 16]) -> Settings {
    Settings { key: Some(key), ..Settings::new(name, 1) }
}
