//! Which of a household's live events each fact of a pack looks at, found once for all who ask.
//!
//! It refuses to know windows: an event is looked at whenever it happened.

/// What was found for one view; room that the next view uses again.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    /// What an earlier view found is void.
    stamp: u32,
    /// By fact, one bit for each row.
    found: Vec<(u32, u64)>,
    /// The number field of each row that was looked at last: its place and value.
    ints: Vec<(usize, i64)>,
}

/// Rows as the bits of a number: more are looked at one by one.
pub(crate) const ROWS: usize = 64;

impl Sieve {
    /// Forgets everything, for so many facts and rows.
    pub(crate) fn begin(&mut self, facts: usize, rows: usize) {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.found.clear();
            self.stamp = 1;
        }
        self.found.resize(facts.max(self.found.len()), (0, 0));
        self.ints.clear();
        self.ints.resize(rows, (usize::MAX, 0));
    }

    /// The rows that a fact looks at; `looks` says it of one of them.
    pub(crate) fn rows(&mut self, fact: usize, looks: impl Fn(usize) -> bool) -> u64 {
        let (stamp, found) = self.found[fact];
        if stamp == self.stamp {
            return found;
        }
        let rows = self.ints.len().min(ROWS);
        let found = (0..rows).fold(0, |found, row| found | u64::from(looks(row)) << row);
        self.found[fact] = (self.stamp, found);
        found
    }

    /// A number field of a row, read where it is not the one that was looked at last.
    pub(crate) fn int(&mut self, row: usize, field: usize, read: impl Fn() -> i64) -> i64 {
        let (known, value) = self.ints[row];
        if known == field {
            return value;
        }
        let value = read();
        self.ints[row] = (field, value);
        value
    }
}

/// The places of the bits that are set, ascending.
pub(crate) fn places(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (place < ROWS).then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn each_view_asks_once_and_anew() {
        let (mut sieve, asked) = (Sieve::default(), Cell::new(0));
        for (rows, found) in [(70, 0xaaaa_aaaa_aaaa_aaaa), (4, 0b1010), (0, 0)] {
            sieve.begin(2, rows);
            asked.set(0);
            let odd = |row| {
                asked.set(asked.get() + 1);
                row % 2 == 1
            };
            assert_eq!((sieve.rows(1, odd), sieve.rows(1, odd)), (found, found));
            assert_eq!(asked.get(), rows.min(ROWS));
        }
        assert_eq!(places(1 << 63 | 0b101).collect::<Vec<_>>(), [0, 2, 63]);
        assert_eq!(places(0).count(), 0);
    }
}
