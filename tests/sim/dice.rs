//! Seeded choices (splitmix64) and the counters of what was chosen.

use std::collections::BTreeMap;

/// A stream of choices; the same seed gives the same ones on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `limit` - 1; 0 for a limit of 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// How often each thing happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage(pub(crate) BTreeMap<&'static str, u64>);

impl Coverage {
    pub(crate) fn note(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&mut self, what: &'static str, count: u64) {
        *self.0.entry(what).or_default() += count;
    }

    pub(crate) fn merge(&mut self, other: &Coverage) {
        other.0.iter().for_each(|(what, count)| self.add(what, *count));
    }
}

/// Everything that must have happened in a run of many seeds.
pub(crate) const COUNTERS: &[&str] = &[
    "intake crashed between two appends",
    "call answered",
    "call sent again after a crash",
    "append refused",
    "answer of an append lost",
    "append landed late",
    "broker crashed",
    "broker crashed within a write",
    "torn end of a topic cut",
    "watcher crashed between two steps",
    "partition handed over with a snapshot",
    "partition taken over from a zombie",
    "zombie stepped",
    "zombie refused a snapshot",
    "clock jumped ahead",
    "clock jumped back",
    "snapshot kept",
    "started from a snapshot",
    "alert read back",
    "damaged snapshot refused",
    "store refused",
    "answer of the store lost",
    "midnight ticked",
    "person changed hands",
    "adopt known already",
    "claim known already",
    "letter written",
];
