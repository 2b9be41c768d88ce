//! Synthetic ID numbers: 18 digits under region prefix 99, which no real number has.
//!
//! It refuses to know anything of a person but a household, a place in it and a year of birth.

use proto::date::Date;

/// Members that one household can ever have.
pub(crate) const SLOTS: u32 = 16;
/// Day of birth (365) × sequence (1000): the numbers of one registration area and year.
const CELL: u64 = 365_000;
/// Coprime to `CELL`: spreads neighbours over the year.
const STEP: u64 = 7919;
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

/// The number of member `slot` of household `household`, born in `year`. Injective: the area of
/// first registration, day and sequence number are a bijection of (household, slot). With `bad`
/// the check character is a wrong one.
pub(crate) fn number(household: u32, slot: u8, year: i32, bad: bool) -> [u8; 18] {
    let unique = u64::from(household) * u64::from(SLOTS) + u64::from(slot);
    let area = unique / CELL;
    let cell = unique % CELL * STEP % CELL;
    let day = i32::try_from(cell / 1000).unwrap_or(0);
    let born = Date::ymd(year, 1, 1).unwrap_or_default().plus(day);
    let birth = u64::from(born.year().unsigned_abs()) * 10_000
        + u64::from(born.month()) * 100
        + u64::from(born.day());
    let mut text = [b'9'; 18];
    // Areas are numbered 990101, 990102 … 990199, 990201 …
    digits(&mut text[2..6], (area / 99 % 99 + 1) * 100 + area % 99 + 1);
    digits(&mut text[6..14], birth);
    digits(&mut text[14..17], cell % 1000);
    let sum: u32 = text.iter().zip(WEIGHTS).map(|(c, w)| u32::from(c - b'0') * w).sum();
    text[17] = CHECKS[((sum + u32::from(bad)) % 11) as usize];
    text
}

fn digits(into: &mut [u8], mut number: u64) {
    for place in into.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Whether the check character of an 18-character number is right (ISO 7064 MOD 11-2).
#[cfg(test)]
fn checks(number: &[u8; 18]) -> bool {
    let sum: u32 = number.iter().zip(WEIGHTS).map(|(c, w)| u32::from(c - b'0') * w).sum();
    number[17] == CHECKS[(sum % 11) as usize]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_check_character_is_that_of_the_standard() {
        assert!(checks(b"990000199001010017"));
        assert!(!checks(b"110105194912310021"));
    }

    #[test]
    fn numbers_are_unique_well_formed_and_only_bad_ones_fail_the_check() {
        let mut seen = HashSet::new();
        for household in (1..60_000).chain(80_000_000..80_001_000) {
            for slot in [0, 1, 5, 15] {
                let n = number(household, slot, 1980, false);
                assert!(checks(&n) && n.starts_with(b"99"));
                assert!(seen.insert(n));
                assert!(!checks(&number(household, slot, 1980, true)));
            }
        }
    }
}
