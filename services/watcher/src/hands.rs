//! Threads that fold partitions side by side. It knows no partition.

use std::{
    num::NonZero,
    sync::{Mutex, PoisonError},
    thread,
};

use engine::Hands;

/// So many threads, the caller's included.
#[derive(Clone, Copy, Debug)]
pub struct Crew(usize);

impl Crew {
    /// One thread for each processor.
    #[must_use]
    pub fn of_machine() -> Crew {
        Crew(thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// So many threads, at least one.
    #[must_use]
    pub fn new(threads: usize) -> Crew {
        Crew(threads.max(1))
    }
}

impl Hands for Crew {
    fn each<T: Send>(&self, items: &mut [T], work: impl Fn(&mut T) + Sync) {
        let others = self.0.min(items.len()).saturating_sub(1);
        let left = Mutex::new(items.iter_mut());
        let take = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let share = || {
            while let Some(item) = take() {
                work(item);
            }
        };
        thread::scope(|scope| {
            for _ in 0..others {
                scope.spawn(share);
            }
            share();
        });
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
