//! A queue between threads with a limit on number and weight. It knows nothing of what it carries.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The queue.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    state: Mutex<State<T>>,
    moved: Condvar,
    most: usize,
    heaviest: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    weight: usize,
    closed: bool,
}

/// Why something was not taken in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no room now.
    Full,
    /// Nothing is taken in any more.
    Closed,
}

impl<T> Inbox<T> {
    /// At most `most` items that weigh `heaviest` together; one item is always let in.
    pub(crate) fn new(most: usize, heaviest: usize) -> Inbox<T> {
        let state = State { items: VecDeque::new(), weight: 0, closed: false };
        Inbox { state: Mutex::new(state), moved: Condvar::new(), most, heaviest }
    }

    /// Puts an item in if there is room.
    pub(crate) fn offer(&self, item: T, weight: usize) -> Result<(), Refused> {
        let mut state = self.state();
        if state.closed {
            return Err(Refused::Closed);
        }
        if !self.fits(&state, weight) {
            return Err(Refused::Full);
        }
        self.put(&mut state, item, weight);
        Ok(())
    }

    /// Puts an item in, and waits for room. Says whether it was taken.
    pub(crate) fn push(&self, item: T, weight: usize) -> bool {
        let blocked = |state: &mut State<T>| !state.closed && !self.fits(state, weight);
        let waited = self.moved.wait_while(self.state(), blocked);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return false;
        }
        self.put(&mut state, item, weight);
        true
    }

    /// Takes items in order, at least one if there is one within `timeout`, until their weight
    /// passes `enough`.
    pub(crate) fn take(&self, timeout: Duration, enough: usize) -> Vec<T> {
        let empty = |state: &mut State<T>| state.items.is_empty() && !state.closed;
        let waited = self.moved.wait_timeout_while(self.state(), timeout, empty);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let mut taken = Vec::new();
        let mut sum = 0;
        while sum < enough
            && let Some((item, weight)) = state.items.pop_front()
        {
            state.weight -= weight;
            sum += weight.max(1);
            taken.push(item);
        }
        self.moved.notify_all();
        taken
    }

    /// Lets nothing in any more; what is inside can still be taken.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.moved.notify_all();
    }

    /// Whether nothing will ever be taken out again.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state();
        state.closed && state.items.is_empty()
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.state().items.len()
    }

    fn fits(&self, state: &State<T>, weight: usize) -> bool {
        state.items.is_empty()
            || (state.items.len() < self.most && state.weight + weight <= self.heaviest)
    }

    fn put(&self, state: &mut State<T>, item: T, weight: usize) {
        state.weight += weight;
        state.items.push_back((item, weight));
        self.moved.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_weight_are_bounded_and_one_item_always_fits() {
        let inbox = Inbox::new(2, 10);
        assert_eq!(inbox.offer('a', 99), Ok(()));
        assert_eq!(inbox.offer('b', 1), Err(Refused::Full));
        assert_eq!(inbox.take(Duration::ZERO, 1), ['a']);
        assert_eq!(inbox.offer('b', 1), Ok(()));
        assert_eq!(inbox.offer('c', 9), Ok(()));
        assert_eq!(inbox.offer('d', 0), Err(Refused::Full));
        assert_eq!(inbox.take(Duration::ZERO, 1), ['b']);
        assert_eq!(inbox.len(), 1);
    }

    #[test]
    fn what_is_inside_at_the_end_is_still_taken() {
        let inbox = Inbox::new(2, 10);
        assert!(inbox.push(1, 1));
        inbox.close();
        assert!(!inbox.push(2, 1));
        assert_eq!(inbox.offer(2, 1), Err(Refused::Closed));
        assert!(!inbox.is_over());
        assert_eq!(inbox.take(Duration::from_secs(60), 100), [1]);
        assert!(inbox.is_over());
        assert!(inbox.take(Duration::from_secs(60), 100).is_empty(), "a closed queue never waits");
    }
}
