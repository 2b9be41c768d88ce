//! As many pairs of hands as the machine has cores.

use std::{num::NonZero, thread};

use engine::Hands;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

/// Folds on several threads that stay; with one, on the caller's.
#[derive(Clone, Copy, Debug)]
pub struct Threads {
    count: usize,
}

impl Threads {
    /// As many threads as run side by side here.
    #[must_use]
    pub fn available() -> Threads {
        Threads { count: thread::available_parallelism().map_or(1, NonZero::get) }
    }

    /// How many threads.
    #[must_use]
    pub fn count(self) -> usize {
        self.count
    }
}

impl Hands for Threads {
    fn each<T: Send>(&self, items: &mut [T], work: impl Fn(&mut T) + Sync) {
        if self.count == 1 {
            items.iter_mut().for_each(work);
        } else {
            items.par_iter_mut().with_max_len(1).for_each(&work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once() {
        for count in [1, 2, 3, 8] {
            let mut items: Vec<u32> = (0..7).collect();
            Threads { count }.each(&mut items, |n| *n += 10);
            assert_eq!(items, (10..17).collect::<Vec<_>>());
            Threads { count }.each(&mut [] as &mut [u32], |_| ());
        }
    }
}
