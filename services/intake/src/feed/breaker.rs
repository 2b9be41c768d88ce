//! Partitions of feeds that bring nothing but what nobody can read.
//!
//! After so many refused records in a row a partition is held: what follows stays where it was written
//! instead of filling the dead letters, and every other partition goes on. Now and then some records
//! are tried; the first one that is taken lets the partition flow again. It knows no topic's content
//! and reads no clock.

use std::time::Duration;

/// How long a held partition rests before some records are tried.
const REST: Duration = Duration::from_secs(60);
/// Records that are tried.
const TRIED: u32 = 100;

/// One partition of one topic.
struct Lane {
    topic: Box<str>,
    partition: u32,
    /// Refused in a row, since it was last held.
    row: u32,
    held: bool,
    /// While it rests: until when.
    rests: Option<Duration>,
}

/// All partitions that brought something.
pub(super) struct Breaker {
    after: u32,
    lanes: Vec<Lane>,
    /// The lane of the record before.
    last: usize,
}

impl Breaker {
    /// Holds after so many records; never where it is 0.
    pub(super) fn new(after: u32) -> Breaker {
        Breaker { after, lanes: Vec::new(), last: 0 }
    }

    /// Notes what became of a record; says whether more may be read before [`Breaker::hold`].
    pub(super) fn judged(&mut self, topic: &str, partition: u32, taken: bool) -> bool {
        let after = self.after;
        let lane = self.lane(topic, partition);
        if taken {
            (lane.row, lane.held, lane.rests) = (0, false, None);
            return true;
        }
        lane.row = lane.row.saturating_add(1);
        !lane.is_full(after)
    }

    /// The partitions that are to be paused now.
    pub(super) fn hold(&mut self, now: Duration) -> Vec<(Box<str>, u32)> {
        let after = self.after;
        let full = self.lanes.iter_mut().filter(|lane| lane.is_full(after));
        full.map(|lane| {
            (lane.row, lane.held, lane.rests) = (0, true, Some(now.saturating_add(REST)));
            (lane.topic.clone(), lane.partition)
        })
        .collect()
    }

    /// The partitions of which some records are to be tried now.
    pub(super) fn tries(&mut self, now: Duration) -> Vec<(Box<str>, u32)> {
        let rested = |lane: &&mut Lane| lane.rests.is_some_and(|until| now >= until);
        let due = self.lanes.iter_mut().filter(rested);
        due.map(|lane| {
            lane.rests = None;
            (lane.topic.clone(), lane.partition)
        })
        .collect()
    }

    /// How many partitions are held.
    pub(super) fn held(&self) -> u64 {
        self.lanes.iter().filter(|lane| lane.held).count() as u64
    }

    fn lane(&mut self, topic: &str, partition: u32) -> &mut Lane {
        let is = |lane: &Lane| lane.partition == partition && *lane.topic == *topic;
        if !self.lanes.get(self.last).is_some_and(is) {
            self.last = self.lanes.iter().position(is).unwrap_or(self.lanes.len());
        }
        if self.last == self.lanes.len() {
            let topic = topic.into();
            self.lanes.push(Lane { topic, partition, row: 0, held: false, rests: None });
        }
        &mut self.lanes[self.last]
    }
}

impl Lane {
    fn is_full(&self, after: u32) -> bool {
        after > 0 && self.row >= if self.held { TRIED.min(after) } else { after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_poisoned_partition_is_held_and_tried_and_flows_again_alone() {
        let mut breaker = Breaker::new(3);
        let poison = |breaker: &mut Breaker| breaker.judged("a", 1, false);
        assert!(poison(&mut breaker) && poison(&mut breaker) && breaker.judged("a", 1, true));
        assert!(poison(&mut breaker) && poison(&mut breaker) && breaker.judged("a", 2, false));
        assert!(breaker.hold(second(0)).is_empty(), "only what comes in a row counts");
        assert!(!poison(&mut breaker));
        assert_eq!(breaker.hold(second(0)), [("a".into(), 1)]);
        assert!(breaker.hold(second(0)).is_empty() && breaker.tries(second(59)).is_empty());
        assert_eq!(breaker.held(), 1);
        assert_eq!(breaker.tries(second(60)), [("a".into(), 1)]);
        assert!(breaker.tries(second(60)).is_empty());
        assert!(poison(&mut breaker) && poison(&mut breaker) && !poison(&mut breaker));
        assert_eq!(breaker.hold(second(61)), [("a".into(), 1)]);
        assert_eq!(breaker.tries(second(121)), [("a".into(), 1)]);
        assert!(poison(&mut breaker) && breaker.judged("a", 1, true));
        assert_eq!(breaker.held(), 0);
        assert!(breaker.tries(second(999)).is_empty());
    }

    #[test]
    fn a_held_partition_is_tried_with_few_records_and_nothing_is_held_where_nobody_wants_it() {
        let mut breaker = Breaker::new(1_000);
        let run = |breaker: &mut Breaker| {
            (1..5_000).find(|_| !breaker.judged("a", 0, false)).inspect(|_| {
                breaker.hold(second(0));
            })
        };
        assert_eq!(run(&mut breaker), Some(1_000));
        assert_eq!(run(&mut breaker), Some(TRIED));
        assert_eq!(run(&mut Breaker::new(0)), None);
    }
}
