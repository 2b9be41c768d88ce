//! Ids of calls, unlike each other over all doors of an installation without asking anybody.
//!
//! Milliseconds since 1970, then 20 bits that a process draws at its start, so that a later call of a
//! door has a larger id. A door that takes more than a call a millisecond runs ahead of the clock.
//! Readers of JSON that keep 53 bits of a number must take the id from the header `Levee-Batch`.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use proto::date::Instant;

/// Bits that a process draws.
const DRAWN: u32 = 20;
/// So long after a call, and so far ahead of it, partitions may not have folded it.
const RECENT_MS: u64 = 10 * 60 * 1_000;

/// The ids of one process.
pub(super) struct Calls {
    drawn: u64,
    last: AtomicU64,
}

impl Default for Calls {
    fn default() -> Calls {
        // The keys of a new hasher are drawn by the system.
        let drawn = RandomState::new().build_hasher().finish() & ((1 << DRAWN) - 1);
        Calls { drawn, last: AtomicU64::new(0) }
    }
}

impl Calls {
    /// The id of a call that comes now.
    pub(super) fn next(&self, now: Instant) -> u64 {
        let now = millis(now) << DRAWN | self.drawn;
        let after = |last: u64| now.max(last.saturating_add(1 << DRAWN));
        let last =
            self.last.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(after(last)));
        // The update never declines.
        after(last.unwrap_or_else(|last| last))
    }
}

/// A number that grows from call to call.
pub(super) fn number(call: u64) -> u64 {
    call >> DRAWN
}

/// Whether a call of this id may have been answered so lately that nobody has folded it.
pub(super) fn is_recent(call: u64, now: Instant) -> bool {
    number(call).abs_diff(millis(now)) <= RECENT_MS
}

fn millis(now: Instant) -> u64 {
    u64::try_from(now.0 / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_tell_their_age() {
        let now = Instant::parse("2199-01-01T00:00:00+08:00").unwrap();
        let calls = Calls::default();
        let ids: Vec<u64> = (0..1_000).map(|_| calls.next(now)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| is_recent(*id, now)));
        assert!(!is_recent(ids[0], now.plus_us(11 * 60 * 1_000_000)));
        assert!(!is_recent(7, now), "a number that somebody made up");
        assert_eq!(ids[0] & 0xf_ffff, ids[999] & 0xf_ffff);
    }
}
