//! The topic's header file: its fixed number of partitions, name and key. It knows no record.

use super::record::u32_at;
use super::{Extent, Settings};
use crate::{Disk, LogError, MAX_PARTITIONS};
use std::io::ErrorKind;

const NAME: &str = "header";
const NEW_NAME: &str = "header.new";
const MAGIC: &[u8; 8] = b"LEVEELOG";
const VERSION: u32 = 1;
/// Longest topic name in bytes; Kafka's own limit.
const MAX_TOPIC: usize = 249;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) partitions: u32,
    pub(crate) topic: String,
    pub(crate) key: Option<[u8; 16]>,
}

impl Header {
    /// `magic 8, version u32, partitions u32, has key u8, key 16, name length u16, name,
    /// CRC32C u32` over everything before; little endian.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.partitions.to_le_bytes());
        out.push(u8::from(self.key.is_some()));
        out.extend_from_slice(&self.key.unwrap_or_default());
        out.extend_from_slice(&(self.topic.len() as u16).to_le_bytes());
        out.extend_from_slice(self.topic.as_bytes());
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// # Errors
    /// `log.version` when newer, `log.corrupt` when damaged.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, LogError> {
        let magic = bytes.starts_with(MAGIC);
        match u32_at(bytes, 8) {
            Some(found) if magic && found > VERSION => {
                return Err(LogError::Version { found, known: VERSION });
            }
            _ => {}
        }
        Self::fields(bytes).filter(|_| magic).ok_or(LogError::CorruptHeader)
    }

    fn fields(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
        if u32_at(sum, 0)? != crc32c::crc32c(body) || u32_at(body, 8)? != VERSION {
            return None;
        }
        let partitions = u32_at(body, 12).filter(|n| (1..=MAX_PARTITIONS).contains(n))?;
        let key: [u8; 16] = *body.get(17..)?.first_chunk()?;
        let length = u16::from_le_bytes(*body.get(33..)?.first_chunk()?);
        let name = body.get(35..).filter(|name| name.len() == usize::from(length))?;
        Some(Self {
            partitions,
            topic: String::from_utf8(name.to_vec()).ok()?,
            key: (*body.get(16)? != 0).then_some(key),
        })
    }

    /// Reads the header, or makes one (and the partitions' folders before it) in a new folder.
    ///
    /// # Errors
    /// What of the settings is not the header's; `log.corrupt` for segments without a header.
    pub(crate) fn open(disk: &dyn Disk, settings: &Settings) -> Result<Self, LogError> {
        let system = |error| LogError::system("opening the log's header", &error);
        let file = match disk.open(NAME) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Self::make(disk, settings);
            }
            other => other.map_err(system)?,
        };
        let mut bytes = vec![0; file.len().map_err(system)?.min(1 << 16) as usize];
        file.read_at(0, &mut bytes).map_err(system)?;
        let found = Self::decode(&bytes)?;
        if found.topic != settings.topic {
            return Err(LogError::Topic);
        }
        if found.key != settings.key {
            return Err(LogError::Key);
        }
        match settings.partitions {
            Some(asked) if asked != found.partitions => {
                Err(LogError::Partitions { asked, found: found.partitions })
            }
            _ => Ok(found),
        }
    }

    fn make(disk: &dyn Disk, settings: &Settings) -> Result<Self, LogError> {
        let system = |error| LogError::system("making the log's folder", &error);
        let partitions = settings.partitions.unwrap_or(super::DEFAULT_PARTITIONS);
        let allowed = partitions.clamp(1, MAX_PARTITIONS);
        if partitions != allowed {
            return Err(LogError::Partitions { asked: partitions, found: allowed });
        }
        if !(1..=MAX_TOPIC).contains(&settings.topic.len()) {
            return Err(LogError::Topic);
        }
        for partition in 0..partitions {
            let folder = super::folder(partition);
            disk.create_dir(&folder).map_err(system)?;
            if !disk.list(&folder).map_err(system)?.is_empty() {
                return Err(LogError::CorruptHeader);
            }
        }
        let header = Self { partitions, topic: settings.topic.clone(), key: settings.key };
        let file = disk.create(NEW_NAME).map_err(system)?;
        file.write_at(0, &header.encode()).map_err(system)?;
        file.sync().map_err(system)?;
        disk.sync_dir("").map_err(system)?;
        disk.rename(NEW_NAME, NAME).map_err(system)?;
        disk.sync_dir("").map_err(system)?;
        Ok(header)
    }
}

/// The header's file.
pub(super) fn extent(disk: &dyn Disk) -> Result<Extent, LogError> {
    let system = |error| LogError::system("opening the log's header", &error);
    let bytes = disk.open(NAME).and_then(|file| file.len()).map_err(system)?;
    Ok(Extent { name: NAME.to_owned(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &[u8] =
        b"LEVEELOG\x01\0\0\0\x20\0\0\0\x01ABCDEFGHIJKLMNOP\x07\0journal\xf3\x3d\x03\x85";

    fn header() -> Header {
        Header { partitions: 32, topic: "journal".into(), key: Some(*b"ABCDEFGHIJKLMNOP") }
    }

    #[test]
    fn golden_header() {
        assert_eq!(header().encode(), GOLDEN);
        assert_eq!(Header::decode(GOLDEN), Ok(header()));
        let keyless = Header { key: None, ..header() };
        assert_eq!(Header::decode(&keyless.encode()), Ok(keyless));
    }

    #[test]
    fn a_damaged_header_is_never_believed() {
        for at in 0..GOLDEN.len() {
            let mut bad = GOLDEN.to_vec();
            bad[at] ^= 0x10;
            let code = Header::decode(&bad).unwrap_err().code();
            let expected = if (8..12).contains(&at) { "log.version" } else { "log.corrupt" };
            assert_eq!(code, expected, "byte {at}");
            assert_eq!(Header::decode(&GOLDEN[..at]).unwrap_err().code(), "log.corrupt");
        }
    }
}
