//! A folder as it is now, for readers beside the process that writes it. It changes no byte.

use crate::{Disk, DiskFile};
use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder that is only read. It takes no lock; what was not durable when a file was opened is
/// cut off in this view alone.
#[derive(Debug)]
pub struct ReadOnlyDisk {
    root: PathBuf,
}

impl ReadOnlyDisk {
    /// A view of the folder `root`.
    #[must_use]
    pub fn open(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }
}

impl Disk for ReadOnlyDisk {
    fn lock(&self, _name: &str) -> Result<Box<dyn Send + Sync>> {
        Ok(Box::new(()))
    }

    fn create_dir(&self, _name: &str) -> Result<()> {
        Err(refused())
    }

    fn list(&self, name: &str) -> Result<Vec<String>> {
        let names = fs::read_dir(self.root.join(name))?;
        names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create(&self, _name: &str) -> Result<Arc<dyn DiskFile>> {
        Err(refused())
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        let file = File::open(self.root.join(name))?;
        let len = AtomicU64::new(file.metadata()?.len());
        Ok(Arc::new(ReadOnlyFile { file, len }))
    }

    fn rename(&self, _from: &str, _to: &str) -> Result<()> {
        Err(refused())
    }

    fn remove(&self, _name: &str) -> Result<()> {
        Err(refused())
    }

    fn sync_dir(&self, _name: &str) -> Result<()> {
        Ok(())
    }
}

fn refused() -> Error {
    ErrorKind::ReadOnlyFilesystem.into()
}

#[derive(Debug)]
struct ReadOnlyFile {
    file: File,
    /// As long as the file was when it was opened, or shorter where the view was cut.
    len: AtomicU64,
}

impl DiskFile for ReadOnlyFile {
    fn len(&self) -> Result<u64> {
        Ok(self.len.load(Ordering::Relaxed))
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<()> {
        if at.saturating_add(into.len() as u64) > self.len.load(Ordering::Relaxed) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(into, at)
    }

    fn write_at(&self, _at: u64, _bytes: &[u8]) -> Result<()> {
        Err(refused())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.len.fetch_min(len, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, EmbeddedLog, Log, Settings};

    fn records(log: &EmbeddedLog) -> Vec<Vec<u8>> {
        let mut batch = Batch::new();
        log.read(0, 0, usize::MAX, &mut batch).unwrap();
        batch.iter().map(|(_, record)| record.to_vec()).collect()
    }

    #[test]
    fn a_log_is_read_beside_its_writer_and_no_byte_changes() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::new("journal", 1);
        let writer = EmbeddedLog::open(folder.path(), &settings).unwrap();
        writer.append(0, &[b"one", b"two"]).unwrap();
        let segment = folder.path().join("0000/00000000000000000000.seg");
        // A write under way: its first bytes are in the file, the rest is not.
        let mut bytes = fs::read(&segment).unwrap();
        bytes.extend_from_slice(&[9, 0, 0, 0, 1]);
        fs::write(&segment, &bytes).unwrap();
        let look = || {
            let disk = Arc::new(ReadOnlyDisk::open(folder.path()));
            EmbeddedLog::open_on(disk, &settings)
        };
        let reader = look().unwrap();
        assert_eq!(records(&reader), [b"one".to_vec(), b"two".to_vec()]);
        assert_eq!(reader.torn().len(), 1);
        assert!(reader.append(0, &[b"three"]).is_err());
        drop(reader);
        assert_eq!(fs::read(&segment).unwrap(), bytes);
        assert!(
            EmbeddedLog::open_on(
                Arc::new(ReadOnlyDisk::open(&folder.path().join("none"))),
                &settings
            )
            .is_err()
        );
    }

    #[test]
    fn the_extents_make_an_equal_log_whatever_is_written_after() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { segment_bytes: 64, ..Settings::new("journal", 2) };
        let writer = EmbeddedLog::open(folder.path(), &settings).unwrap();
        for n in 0..9_u8 {
            writer.append(0, &[&[n + 1; 30]]).unwrap();
        }
        writer.truncate_before(0, 4).unwrap();
        let look = |root: &Path| {
            EmbeddedLog::open_on(Arc::new(ReadOnlyDisk::open(root)), &settings).unwrap()
        };
        let (reader, before) = (look(folder.path()), writer.extents().unwrap());
        assert_eq!(reader.extents().unwrap(), before);
        assert!(before.iter().any(|extent| extent.bytes == 0), "the second partition is empty");
        assert!(before.len() > 4, "{before:?}");
        writer.append(0, &[b"later"]).unwrap();
        let copy = tempfile::tempdir().unwrap();
        for crate::Extent { name, bytes } in before {
            let target = copy.path().join(&name);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            let mut content = fs::read(folder.path().join(&name)).unwrap_or_default();
            content.truncate(usize::try_from(bytes).unwrap());
            fs::write(target, content).unwrap();
        }
        let copied = EmbeddedLog::open(copy.path(), &settings).unwrap();
        assert_eq!((copied.start(0).unwrap(), copied.end(0).unwrap()), (4, 9));
        let mut batch = Batch::new();
        copied.read(0, 4, usize::MAX, &mut batch).unwrap();
        assert!(!batch.is_empty() && copied.torn().is_empty());
        assert_eq!(copied.end(1).unwrap(), 0);
    }
}
