//! The clock: the only file that may read the time. `clippy.toml` refuses it everywhere else.
//!
//! It knows instants and spans, and neither calendars nor time zones.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that many owners share.
pub type SharedClock = Arc<dyn Clock>;

/// Where a program takes its time from.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Wall clock: microseconds since 1970-01-01T00:00:00Z. It may jump, also backwards.
    fn now_unix_micros(&self) -> i64;

    /// Time since this clock was made. It never goes back; good for spans, not for dates.
    fn monotonic(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    made: Instant,
}

impl SystemClock {
    /// A clock whose monotonic hand starts at zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file is where time is read")]
    pub fn new() -> Self {
        Self { made: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this file is where time is read")]
    fn now_unix_micros(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => micros(after),
            Err(before) => micros(before.duration()).saturating_neg(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this file is where time is read")]
    fn monotonic(&self) -> Duration {
        self.made.elapsed()
    }
}

/// A clock that only moves when told. Clones share one pair of hands.
#[derive(Debug, Clone)]
pub struct ManualClock {
    hands: Arc<Mutex<Hands>>,
}

#[derive(Debug)]
struct Hands {
    unix_micros: i64,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock whose wall hand stands at `unix_micros` and whose monotonic hand stands at zero.
    #[must_use]
    pub fn at_unix_micros(unix_micros: i64) -> Self {
        Self { hands: Arc::new(Mutex::new(Hands { unix_micros, monotonic: Duration::ZERO })) }
    }

    /// Moves both hands forward.
    pub fn advance(&self, by: Duration) {
        let mut hands = self.hands();
        hands.unix_micros = hands.unix_micros.saturating_add(micros(by));
        hands.monotonic = hands.monotonic.saturating_add(by);
    }

    /// Sets the wall hand alone, as an operator or a time server would; it may go back.
    pub fn set_unix_micros(&self, unix_micros: i64) {
        self.hands().unix_micros = unix_micros;
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now_unix_micros(&self) -> i64 {
        self.hands().unix_micros
    }

    fn monotonic(&self) -> Duration {
        self.hands().monotonic
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_share_their_hands() {
        let clock = ManualClock::at_unix_micros(1_000);
        let other = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!(other.now_unix_micros(), 2_001_000);
        assert_eq!(other.monotonic(), Duration::from_secs(2));
    }

    #[test]
    fn a_wall_clock_set_back_leaves_the_monotonic_hand() {
        let clock = ManualClock::at_unix_micros(5_000_000);
        clock.advance(Duration::from_secs(1));
        clock.set_unix_micros(-7);
        assert_eq!(clock.now_unix_micros(), -7);
        assert_eq!(clock.monotonic(), Duration::from_secs(1));
    }

    #[test]
    fn the_machine_clock_is_after_2020_and_never_goes_back() {
        let clock = SystemClock::new();
        assert!(clock.now_unix_micros() > 1_577_836_800_000_000);
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first);
    }
}
