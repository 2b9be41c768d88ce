//! Names that are functions of content: cases, alerts, partitions.

use sha2::{Digest, Sha256};

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        digits.push(char::from(DIGITS[usize::from(byte >> 4)]));
        digits.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    digits
}

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The case of a household's episode: 32 hex digits.
#[must_use]
pub fn case_id(household: &str, episode: u32) -> String {
    hex(&crate::outcome::CaseId::of(household, episode).0)
}

/// The alert of a case's revision: 32 hex digits.
#[must_use]
pub fn alert_id(case: &str, revision: u32) -> String {
    hex(&sha256(&named(["levee.alert.v1|", case, "|"], revision))[..16])
}

/// Texts and a number, one behind the other.
pub(crate) fn named(texts: [&str; 3], number: u32) -> Vec<u8> {
    let [first, second, third] = texts.map(str::as_bytes);
    [first, second, third, itoa::Buffer::new().format(number).as_bytes()].concat()
}

/// The first 16 bytes of SHA-256 of a household's id: its key in routing headers and in memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct HouseholdKey(pub [u8; 16]);

impl HouseholdKey {
    /// The key of an id.
    #[must_use]
    pub fn of(household: &str) -> HouseholdKey {
        let digest = sha256(household.as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        HouseholdKey(key)
    }

    /// The partition of `partitions`: the first 4 bytes, big endian, modulo their number.
    #[must_use]
    pub fn partition(self, partitions: u32) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d]) % partitions.max(1)
    }

    /// Eight bytes for a hash table; the digest is already evenly spread.
    #[must_use]
    pub fn hash64(self) -> u64 {
        let mut tail = [0; 8];
        tail.copy_from_slice(&self.0[8..]);
        u64::from_le_bytes(tail)
    }
}

/// Whether a text can be a household's id: `[A-Za-z0-9._-]{1,64}`, not shaped like an ID number.
#[must_use]
pub fn household_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !crate::person::holds_id_number(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_contracts_formulas() {
        // First lines of the sample's expected alerts: household H00000013, episode 1, revisions 1 and 2.
        let case = case_id("H00000013", 1);
        assert_eq!(case, "6df4b3061ad9b89e090e52cb2957cb7f");
        assert_eq!(alert_id(&case, 1), "c98b3f6bf18423e24d64aec7d5b90291");
        assert_eq!(alert_id(&case, 2), "25d2d13f681a5dc276f179fc5af49ce9");
    }

    #[test]
    fn a_partition_is_the_first_four_bytes() {
        let key = HouseholdKey::of("H00000001");
        let first = u32::from_be_bytes(sha256(b"H00000001")[..4].try_into().unwrap());
        assert_eq!(key.partition(32), first % 32);
        assert!(
            household_id("H00000001")
                && !household_id("a b")
                && !household_id("990000199001010017")
        );
    }
}
