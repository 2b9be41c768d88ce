//! How much may be sent to one receiver at once, and when a receiver that fails is left alone.
//!
//! A pure state per lane (a subscription's first or second channel). One that takes nothing costs
//! the others nothing: it is tried with one message at a time, ever more seldom.

/// At once, to begin with.
const BEGIN: u32 = 4;
/// At once at most.
const MOST: u32 = 16;
/// Failures in a row after which a lane is left alone for a while.
const PATIENCE: u32 = 5;
/// The first such while, doubled by each further failure.
const REST_MS: i64 = 5_000;
/// The longest.
const LONGEST_MS: i64 = 300_000;

/// A receiver's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LaneMind {
    limit: u32,
    pub(crate) flying: u32,
    failures: u32,
    rests_until: i64,
    /// When its next message is due, as far as is known.
    pub(crate) next: Option<i64>,
    /// Since when it took nothing.
    pub(crate) failing_since: Option<i64>,
}

impl LaneMind {
    pub(crate) fn new(failing_since: Option<i64>, next: Option<i64>) -> LaneMind {
        let limit = if failing_since.is_some() { 1 } else { BEGIN };
        LaneMind { limit, flying: 0, failures: 0, rests_until: 0, next, failing_since }
    }

    /// How many messages may be claimed now.
    pub(crate) fn room(&self, now: i64) -> u32 {
        let due = self.next.is_some_and(|next| next <= now) && self.rests_until <= now;
        if due { self.limit.saturating_sub(self.flying) } else { 0 }
    }

    /// The next instant at which there may be something to claim.
    pub(crate) fn wakes(&self) -> Option<i64> {
        (self.flying < self.limit).then_some(self.next?.max(self.rests_until))
    }

    /// Whether it failed lately: such lanes share a small part of the room together.
    pub(crate) fn suspect(&self) -> bool {
        self.failures > 0
    }

    pub(crate) fn due(&mut self, at: i64) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    /// The receiver answered. `true`: it failed before.
    pub(crate) fn worked(&mut self) -> bool {
        self.limit = (self.limit + 1).min(MOST);
        self.failures = 0;
        self.rests_until = 0;
        self.failing_since.take().is_some()
    }

    /// Its failures count no longer.
    pub(crate) fn forgiven(&mut self) {
        if self.failing_since.is_some() {
            *self = LaneMind { flying: self.flying, ..LaneMind::new(None, self.next) };
        }
    }

    /// It did not take a message. `true`: it is the first failure.
    pub(crate) fn failed(&mut self, now: i64, after_ms: Option<i64>) -> bool {
        self.limit = 1;
        self.failures = self.failures.saturating_add(1);
        if self.failures >= PATIENCE {
            let doubled = REST_MS << (self.failures - PATIENCE).min(10);
            self.rests_until = now.saturating_add(doubled.min(LONGEST_MS));
        }
        // One asked for rest: it is left alone as a whole.
        self.rests_until = self.rests_until.max(now.saturating_add(after_ms.unwrap_or(0)));
        let first = self.failing_since.is_none();
        self.failing_since.get_or_insert(now);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_works_widens_and_one_that_fails_narrows_to_one() {
        let mut lane = LaneMind::new(None, Some(0));
        assert_eq!(lane.room(0), BEGIN);
        for _ in 0..100 {
            assert!(!lane.worked());
        }
        assert_eq!(lane.room(0), MOST);
        assert!(lane.failed(10, None) && !lane.failed(10, None));
        assert_eq!((lane.room(10), lane.failing_since), (1, Some(10)));
        lane.flying = 1;
        assert_eq!((lane.room(10), lane.wakes()), (0, None));
        assert!(lane.worked());
        assert_eq!(lane.failing_since, None);
    }

    #[test]
    fn a_lane_that_only_fails_is_tried_ever_more_seldom() {
        let mut lane = LaneMind::new(None, Some(0));
        let mut now = 0;
        let mut tries = 0;
        while now < 3_600_000 {
            assert_eq!(lane.room(now), if tries == 0 { BEGIN } else { 1 });
            lane.failed(now, None);
            tries += 1;
            now = lane.wakes().unwrap().max(now + 1);
        }
        assert!((15..30).contains(&tries), "{tries} tries in an hour");
    }

    #[test]
    fn a_lane_that_asks_for_rest_gets_it() {
        let mut lane = LaneMind::new(None, Some(0));
        lane.failed(1_000, Some(60_000));
        assert_eq!((lane.room(60_999), lane.room(61_000)), (0, 1));
        assert_eq!(lane.wakes(), Some(61_000));
    }
}
