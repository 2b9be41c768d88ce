//! As many pairs of hands as the machine has cores.

use std::{num::NonZero, thread};

use engine::Hands;

/// Folds on several threads; the caller's is one of them.
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
        let count = self.count.min(items.len()).max(1);
        let mut groups: Vec<Vec<&mut T>> = (0..count).map(|_| Vec::new()).collect();
        for (n, item) in items.iter_mut().enumerate() {
            groups[n % count].push(item);
        }
        let work = &work;
        thread::scope(|scope| {
            let mut groups = groups.into_iter();
            let own = groups.next();
            for group in groups {
                scope.spawn(move || group.into_iter().for_each(work));
            }
            own.into_iter().flatten().for_each(work);
        });
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
