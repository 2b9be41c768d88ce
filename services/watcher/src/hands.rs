//! Threads that fold partitions side by side. It knows no partition.

use std::{num::NonZero, thread};

use engine::Hands;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

/// One thread, the caller's, or the machine's, which stay.
#[derive(Clone, Copy, Debug)]
pub struct Crew(usize);

impl Crew {
    /// One thread for each processor.
    #[must_use]
    pub fn of_machine() -> Crew {
        Crew(thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// The caller's thread alone for 1, else those of the machine.
    #[must_use]
    pub fn new(threads: usize) -> Crew {
        Crew(threads.max(1))
    }
}

impl Hands for Crew {
    fn each<T: Send>(&self, items: &mut [T], work: impl Fn(&mut T) + Sync) {
        if self.0 == 1 {
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
    fn every_item_is_worked_on_once() {
        for threads in [0, 1, 2, 7] {
            for count in [0, 1, 3, 100] {
                let mut items = vec![0; count];
                Crew::new(threads).each(&mut items, |item| *item += 1);
                assert!(items.iter().all(|item| *item == 1), "{threads} threads, {count} items");
            }
        }
    }
}
