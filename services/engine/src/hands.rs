//! Who folds: one after the other, or side by side. It knows no partition.

/// Who folds partitions, one after the other or side by side.
pub trait Hands {
    /// Does the work once with each item.
    fn each<T: Send>(&self, items: &mut [T], work: impl Fn(&mut T) + Sync);
}

/// One pair of hands: everything in order on the caller's thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneHand;

impl Hands for OneHand {
    fn each<T: Send>(&self, items: &mut [T], work: impl Fn(&mut T) + Sync) {
        items.iter_mut().for_each(work);
    }
}
