//! Bytes of a segment: records and group marks. It knows no file and no offset's meaning.
//!
//! A record is `length u32, CRC32C u32, payload`, little endian, the checksum over length and
//! payload. Each commit group begins with a mark: `0 u32, CRC32C u32, next offset u64, position
//! u64`. A group is written only after the one before is durable; so a mark that stands behind a
//! bad record proves that the record was durable once, and is damaged rather than torn.

use crc32c::{crc32c, crc32c_append};

/// Bytes before a payload.
pub(crate) const HEAD: usize = 8;
/// Bytes of a group mark.
pub(crate) const MARK: usize = 24;

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// A sound record with a payload of this many bytes.
    Record(usize),
    /// A sound mark.
    Mark { next_offset: u64, position: u64 },
    /// This many bytes are needed to tell.
    Short(usize),
    /// Neither.
    Bad,
}

/// Adds a record to a group. The caller has checked that the length fits.
pub(crate) fn encode(record: &[u8], out: &mut Vec<u8>) {
    let length = (record.len() as u32).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&crc32c_append(crc32c(&length), record).to_le_bytes());
    out.extend_from_slice(record);
}

/// The mark of a group that stands at byte `position` and begins with record `next_offset`.
pub(crate) fn mark(next_offset: u64, position: u64) -> [u8; MARK] {
    let mut bytes = [0; MARK];
    bytes[8..16].copy_from_slice(&next_offset.to_le_bytes());
    bytes[16..24].copy_from_slice(&position.to_le_bytes());
    let sum = crc32c_append(crc32c(&bytes[..4]), &bytes[8..]);
    bytes[4..8].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Looks at the beginning of `bytes`.
pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    let (Some(length), Some(sum)) = (u32_at(bytes, 0), u32_at(bytes, 4)) else {
        return Decoded::Short(HEAD);
    };
    let payload = if length == 0 { MARK - HEAD } else { length as usize };
    if payload > crate::MAX_RECORD {
        return Decoded::Bad;
    }
    let Some(body) = bytes.get(HEAD..HEAD + payload) else {
        return Decoded::Short(HEAD + payload);
    };
    if crc32c_append(crc32c(&bytes[..4]), body) != sum {
        return Decoded::Bad;
    }
    match (length, u64_at(body, 0), u64_at(body, 8)) {
        (0, Some(next_offset), Some(position)) => Decoded::Mark { next_offset, position },
        _ => Decoded::Record(payload),
    }
}

/// Whether a mark stands anywhere in `bytes`, which begin at byte `position` of the segment.
pub(crate) fn holds_mark(bytes: &[u8], position: u64) -> bool {
    (0..bytes.len().saturating_sub(MARK - 1)).any(|at| {
        let here = position + at as u64;
        u64_at(bytes, at + 16) == Some(here)
            && matches!(decode(&bytes[at..]), Decoded::Mark { position, .. } if position == here)
    })
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_record_and_mark() {
        let mut bytes = Vec::new();
        encode(b"levee", &mut bytes);
        assert_eq!(bytes, GOLDEN_RECORD);
        assert_eq!(decode(&bytes), Decoded::Record(5));
        assert_eq!(mark(3, 300), GOLDEN_MARK);
        assert_eq!(decode(&GOLDEN_MARK), Decoded::Mark { next_offset: 3, position: 300 });
    }

    const GOLDEN_RECORD: [u8; 13] = [5, 0, 0, 0, 164, 109, 154, 76, b'l', b'e', b'v', b'e', b'e'];
    const GOLDEN_MARK: [u8; 24] =
        [0, 0, 0, 0, 43, 249, 24, 169, 3, 0, 0, 0, 0, 0, 0, 0, 44, 1, 0, 0, 0, 0, 0, 0];

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let mut record = Vec::new();
        encode(b"a household's journal", &mut record);
        for bytes in [record, mark(9, 77).to_vec()] {
            for bit in 0..bytes.len() * 8 {
                let mut bad = bytes.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(matches!(decode(&bad), Decoded::Bad | Decoded::Short(_)), "bit {bit}");
            }
            for cut in 0..bytes.len() {
                assert!(matches!(decode(&bytes[..cut]), Decoded::Short(_)), "cut {cut}");
            }
        }
    }

    #[test]
    fn zeros_are_no_mark() {
        assert_eq!(decode(&[0; 64]), Decoded::Bad);
        assert!(!holds_mark(&[0; 64], 0));
    }

    #[test]
    fn a_mark_is_found_only_where_it_says_it_stands() {
        let mut bytes = vec![7; 50];
        bytes.extend_from_slice(&mark(4, 1050));
        assert!(holds_mark(&bytes, 1000));
        assert!(!holds_mark(&bytes, 1001));
        assert!(!holds_mark(&bytes[..73], 1000));
    }
}
