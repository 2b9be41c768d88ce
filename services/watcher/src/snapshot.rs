//! Snapshots: the whole state at one place of the journal, as files that are sound or refused.
//!
//! `NNN.snap`, NNN being the first journal record that is not in it. Written aside, synced,
//! renamed; the two newest stay. It knows sections as bytes and no household.

use std::{io, sync::Arc};

use log::Disk;

const MAGIC: &[u8; 8] = b"LEVEESNP";
const FORMAT: u32 = 1;
/// Snapshots that stay.
const KEPT: usize = 2;
/// Bytes before the sections.
const HEAD: usize = 48;
const ASIDE: &str = "new";

/// What a snapshot holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Snapshot {
    /// Whose state it is.
    pub(crate) fold_version: u32,
    /// The first journal record that is not in it.
    pub(crate) next: u64,
    /// The end of the alerts topic.
    pub(crate) alerts: u64,
    /// The end of the dead letters.
    pub(crate) dead: u64,
    /// The state.
    pub(crate) sections: Vec<Vec<u8>>,
}

/// Why a snapshot is not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// A checksum does not hold, or bytes are missing.
    #[error("snapshot.corrupt")]
    Corrupt,
    /// A newer program wrote the file.
    #[error("snapshot.format")]
    Format,
    /// Another fold version made the state.
    #[error("fold.version")]
    FoldVersion,
    /// It reaches beyond the end of the journal or of a topic.
    #[error("snapshot.ahead")]
    Ahead,
    /// The fold does not take its sections.
    #[error("snapshot.content")]
    Content,
}

impl Refused {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Refused::Corrupt => "snapshot.corrupt",
            Refused::Format => "snapshot.format",
            Refused::FoldVersion => "fold.version",
            Refused::Ahead => "snapshot.ahead",
            Refused::Content => "snapshot.content",
        }
    }
}

impl Snapshot {
    /// Magic 8, format u32, fold version u32, next u64, alerts u64, dead u64, sections u32, CRC32C
    /// u32 of all before; then each section: length u64, CRC32C u32, bytes. Little endian.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(FORMAT.to_le_bytes());
        out.extend(self.fold_version.to_le_bytes());
        out.extend(self.next.to_le_bytes());
        out.extend(self.alerts.to_le_bytes());
        out.extend(self.dead.to_le_bytes());
        out.extend(u32::try_from(self.sections.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend(crc32c::crc32c(&out).to_le_bytes());
        for section in &self.sections {
            out.extend((section.len() as u64).to_le_bytes());
            out.extend(crc32c::crc32c(section).to_le_bytes());
            out.extend(section);
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8], fold_version: u32) -> Result<Snapshot, Refused> {
        let head = bytes.get(..HEAD).filter(|head| head.starts_with(MAGIC));
        let head = head.ok_or(Refused::Corrupt)?;
        if u32_at(head, 44) != Some(crc32c::crc32c(&head[..44])) {
            return Err(Refused::Corrupt);
        }
        let word = |at| u32_at(head, at).ok_or(Refused::Corrupt);
        let long = |at| u64_at(head, at).ok_or(Refused::Corrupt);
        if word(8)? > FORMAT {
            return Err(Refused::Format);
        }
        if word(12)? != fold_version {
            return Err(Refused::FoldVersion);
        }
        let mut rest = &bytes[HEAD..];
        let mut sections = Vec::new();
        for _ in 0..word(40)? {
            let length = u64_at(rest, 0).and_then(|n| usize::try_from(n).ok());
            let length = length.ok_or(Refused::Corrupt)?;
            let sum = u32_at(rest, 8).ok_or(Refused::Corrupt)?;
            let (section, further) = rest
                .get(12..)
                .and_then(|rest| rest.split_at_checked(length))
                .ok_or(Refused::Corrupt)?;
            if crc32c::crc32c(section) != sum {
                return Err(Refused::Corrupt);
            }
            sections.push(section.to_vec());
            rest = further;
        }
        if !rest.is_empty() {
            return Err(Refused::Corrupt);
        }
        let (next, alerts, dead) = (long(16)?, long(24)?, long(32)?);
        Ok(Snapshot { fold_version, next, alerts, dead, sections })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The folder with snapshots.
#[derive(Clone)]
pub(crate) struct Shelf(Arc<dyn Disk>);

impl Shelf {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Shelf {
        Shelf(disk)
    }

    /// The names that are there, the newest first.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = self.0.list("")?;
        names.retain(|name| {
            name.strip_suffix(".snap").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
        });
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names)
    }

    /// The bytes of one.
    pub(crate) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.0.open(name)?;
        let mut bytes = vec![0; usize::try_from(file.len()?).map_err(io::Error::other)?];
        file.read_at(0, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes one durably and lets go of the oldest.
    pub(crate) fn write(&self, snapshot: &Snapshot) -> io::Result<usize> {
        let bytes = snapshot.encode();
        let file = self.0.create(ASIDE)?;
        file.write_at(0, &bytes)?;
        file.sync()?;
        self.0.rename(ASIDE, &format!("{:020}.snap", snapshot.next))?;
        self.0.sync_dir("")?;
        for old in self.names()?.iter().skip(KEPT) {
            self.0.remove(old)?;
        }
        self.0.sync_dir("")?;
        Ok(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use log::{DiskFaults, SimulatedDisk};

    use super::*;

    fn snapshot(next: u64) -> Snapshot {
        let sections = vec![b"one".to_vec(), Vec::new(), vec![7; 300]];
        Snapshot { fold_version: 3, next, alerts: 5, dead: 6, sections }
    }

    #[test]
    fn a_snapshot_comes_back_and_no_damaged_one_does() {
        let bytes = snapshot(9).encode();
        assert_eq!(Snapshot::decode(&bytes, 3), Ok(snapshot(9)));
        assert_eq!(Snapshot::decode(&bytes, 4), Err(Refused::FoldVersion));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert_eq!(Snapshot::decode(&bad, 3), Err(Refused::Corrupt), "byte {at}");
            assert_eq!(Snapshot::decode(&bytes[..at], 3), Err(Refused::Corrupt), "cut {at}");
        }
        let mut newer = bytes.clone();
        newer[8] = 2;
        let sum = crc32c::crc32c(&newer[..44]).to_le_bytes();
        newer[44..48].copy_from_slice(&sum);
        assert_eq!(Snapshot::decode(&newer, 3), Err(Refused::Format));
    }

    #[test]
    fn the_two_newest_stay() {
        let disk = SimulatedDisk::new(1);
        let shelf = Shelf::new(disk.mount());
        for next in [8, 90, 700] {
            shelf.write(&snapshot(next)).unwrap();
        }
        let names = shelf.names().unwrap();
        assert_eq!(names, ["00000000000000000700.snap", "00000000000000000090.snap"]);
        let newest = shelf.read(&names[0]).unwrap();
        assert_eq!(Snapshot::decode(&newest, 3), Ok(snapshot(700)));
    }

    #[test]
    fn a_crash_anywhere_leaves_an_older_sound_one() {
        for after in 0..12 {
            let disk = SimulatedDisk::new(after);
            Shelf::new(disk.mount()).write(&snapshot(1)).unwrap();
            disk.crash_after(after);
            let _ = Shelf::new(disk.mount()).write(&snapshot(2));
            disk.crash();
            disk.set_faults(DiskFaults::default());
            let shelf = Shelf::new(disk.mount());
            let sound = shelf
                .names()
                .unwrap()
                .into_iter()
                .find_map(|name| Snapshot::decode(&shelf.read(&name).ok()?, 3).ok());
            assert!(sound.is_some_and(|s| s == snapshot(1) || s == snapshot(2)), "after {after}");
        }
    }
}
