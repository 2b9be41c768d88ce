//! What a log says about itself: its topic, its fixed number of partitions and its key. It knows
//! the bytes and refuses to know where they are kept.

use crate::embedded::u32_at;
use crate::{LogError, MAX_PARTITIONS};

const MAGIC: &[u8; 8] = b"LEVEELOG";
const VERSION: u32 = 1;
/// Longest topic name in bytes; Kafka's own limit.
const MAX_TOPIC: usize = 249;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Number of partitions, 1 to [`MAX_PARTITIONS`].
    pub partitions: u32,
    /// Name of the topic, 1 to 249 bytes.
    pub topic: String,
    /// Fingerprint of the key that the records were made with.
    pub key: Option<[u8; 16]>,
}

impl Header {
    /// `magic 8, version u32, partitions u32, has key u8, key 16, name length u16, name,
    /// CRC32C u32` over everything before; little endian.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
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

    /// Reads what [`Header::encode`] wrote.
    ///
    /// # Errors
    /// `log.version` when newer, `log.corrupt` when damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, LogError> {
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

    /// Whether the header can be written: its name and number of partitions are in their ranges.
    ///
    /// # Errors
    /// `log.partitions`, `log.topic`.
    pub fn fits(&self) -> Result<(), LogError> {
        let allowed = self.partitions.clamp(1, MAX_PARTITIONS);
        if self.partitions != allowed {
            return Err(LogError::Partitions { asked: self.partitions, found: allowed });
        }
        if !(1..=MAX_TOPIC).contains(&self.topic.len()) {
            return Err(LogError::Topic);
        }
        Ok(())
    }

    /// Compares the header that was found with what the caller expects.
    ///
    /// # Errors
    /// `log.topic`, `log.key`, `log.partitions`.
    pub fn expect(
        &self,
        topic: &str,
        key: Option<[u8; 16]>,
        partitions: Option<u32>,
    ) -> Result<(), LogError> {
        if self.topic != topic {
            return Err(LogError::Topic);
        }
        if self.key != key {
            return Err(LogError::Key);
        }
        match partitions {
            Some(asked) if asked != self.partitions => {
                Err(LogError::Partitions { asked, found: self.partitions })
            }
            _ => Ok(()),
        }
    }
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
