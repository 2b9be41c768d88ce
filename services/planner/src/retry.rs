//! When a message that failed is sent again, and when no more.
//!
//! The waits are those of the example in Standard Webhooks, grown beyond 75 hours. The jitter
//! follows from the message's id and the attempt, so that it can be told beforehand and that a
//! crowd of messages that failed together does not come back together.

use std::time::Duration;

use proto::{date::Instant, ids::sha256};

const S: i64 = 1_000_000;
const MIN: i64 = 60 * S;
const H: i64 = 60 * MIN;

/// The least wait after the first failed attempt, the second, …; after the last of them none.
const WAITS_US: [i64; 13] = [
    5 * S,
    30 * S,
    2 * MIN,
    10 * MIN,
    30 * MIN,
    H,
    2 * H,
    4 * H,
    8 * H,
    12 * H,
    14 * H,
    16 * H,
    18 * H,
];
/// A wait grows by up to so many thousandths.
const JITTER: i64 = 200;
/// What a receiver may ask for at most.
const MOST_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// Attempts in all.
pub const ATTEMPTS: u32 = 14;
/// From the first attempt to the last at least.
pub const LEAST_US: i64 = 75 * H;
/// An endpoint that took nothing for so long gets no further attempts for what has waited so long.
pub const GIVE_UP_US: i64 = 96 * H;

/// When attempt `attempt` + 1 is due, `attempt` having failed now; nothing after the last.
/// `after`: what the receiver asked for (`Retry-After`), at most 24 hours.
#[must_use]
pub fn next(id: &str, attempt: u32, now: Instant, after: Option<Duration>) -> Option<Instant> {
    let place = usize::try_from(attempt.max(1)).ok()?.checked_sub(1)?;
    let least = *WAITS_US.get(place)?;
    let wait = least + least / 1_000 * jitter(id, attempt);
    let asked =
        after.map_or(0, |after| i64::try_from(after.min(MOST_AFTER).as_micros()).unwrap_or(24 * H));
    Some(now.plus_us(wait.max(asked)))
}

/// 0..=`JITTER` thousandths.
fn jitter(id: &str, attempt: u32) -> i64 {
    let [a, b, c, d, ..] = sha256(format!("levee.retry.v1|{id}|{attempt}").as_bytes());
    i64::from(u32::from_be_bytes([a, b, c, d])) % (JITTER + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_attempt_is_the_fourteenth() {
        assert_eq!(ATTEMPTS as usize, WAITS_US.len() + 1);
        assert!(next("a", ATTEMPTS - 1, Instant(0), None).is_some());
        assert_eq!(next("a", ATTEMPTS, Instant(0), None), None);
    }

    #[test]
    fn what_a_receiver_asks_for_is_granted_up_to_a_day() {
        let after = |s| next("a", 1, Instant(0), Some(Duration::from_secs(s)));
        assert_eq!(after(3_600), Some(Instant(H)));
        assert_eq!(after(1_000_000), Some(Instant(24 * H)));
        assert_eq!(after(1), next("a", 1, Instant(0), None), "less than the wait changes nothing");
    }

    #[test]
    fn the_waits_of_an_id_are_frozen() {
        let id = "828dafec0505f049dd0b33d159e3d42a";
        let waits: Vec<i64> =
            (1..=4).map(|n| next(id, n, Instant(0), None).unwrap().0 / 1_000).collect();
        assert_eq!(waits, FROZEN);
    }

    const FROZEN: [i64; 4] = [5_120, 33_630, 137_520, 711_000];

    proptest! {
        #[test]
        fn a_message_is_tried_for_at_least_75_hours(id in "[0-9a-f]{32}") {
            let mut now = Instant(0);
            let mut attempt = 1;
            while let Some(at) = next(&id, attempt, now, None) {
                prop_assert!(at > now);
                (now, attempt) = (at, attempt + 1);
            }
            prop_assert_eq!(attempt, ATTEMPTS);
            prop_assert!(now.0 >= LEAST_US && now.0 <= GIVE_UP_US, "{}", now.0);
        }
    }
}
