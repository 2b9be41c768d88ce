//! The packs in force everywhere, as their topic tells: what the door checks events by.
//!
//! A pack enters every partition first and this topic last, so whoever sees it here may take events
//! of its types.

use std::sync::{Arc, PoisonError, RwLock};

use ::log::{Batch, Log, LogError};
use engine::{Engine, OneHand, Output, Stamped};
use proto::{
    catalogue::Catalogue,
    date::Instant,
    frame::{self, Entry},
};
use rules::Pack;

/// Bytes of one read.
const READ: usize = 4 << 20;

/// A follower of the topic.
pub(super) struct Packs {
    log: Arc<dyn Log>,
    state: RwLock<State>,
}

struct State {
    /// It holds packs and no household.
    engine: Engine,
    next: u64,
    catalogue: Arc<Catalogue>,
}

impl Packs {
    /// Reads what is there.
    pub(super) fn open(log: Arc<dyn Log>) -> Result<Packs, LogError> {
        let state = State {
            engine: Engine::new(1),
            next: log.start(0)?,
            catalogue: Arc::new(Catalogue::shipped()),
        };
        let packs = Packs { log, state: RwLock::new(state) };
        packs.follow()?;
        Ok(packs)
    }

    /// Takes what came since.
    pub(super) fn follow(&self) -> Result<(), LogError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Batch::new();
        loop {
            self.log.read(0, state.next, READ, &mut batch)?;
            for (offset, record) in batch.iter() {
                state.take(record);
                state.next = offset + 1;
            }
            if batch.is_empty() {
                return Ok(());
            }
        }
    }

    /// The place after what was taken.
    pub(super) fn next(&self) -> u64 {
        self.state.read().unwrap_or_else(PoisonError::into_inner).next
    }

    pub(super) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner).catalogue)
    }

    pub(super) fn in_force(&self) -> Vec<Arc<Pack>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).engine.packs().to_vec()
    }

    /// Tells the others that these packs are everywhere.
    pub(super) fn publish(&self, entries: &[Entry], at: Instant) -> Result<(), LogError> {
        let packs = || entries.iter().filter(|entry| matches!(entry, Entry::Pack { .. }));
        if packs().next().is_some() {
            let record = frame::encode(at, packs().map(|entry| (at, entry)), &self.catalogue());
            self.log.append(0, &[&record])?;
            self.follow()?;
        }
        Ok(())
    }
}

impl State {
    fn take(&mut self, record: &[u8]) {
        // What this program cannot read it cannot check events by either: it goes on with the rest.
        let Ok(frame) = frame::decode(record) else { return };
        for sealed in &frame.entries {
            let at = Instant(frame.at_us);
            if let Ok((at, entry)) = frame::open(sealed, at, self.engine.catalogue()) {
                let stamped = [Stamped::new(at, entry)];
                self.engine.apply(&OneHand, &stamped, &mut Output::default());
            }
        }
        self.catalogue = Arc::new(self.engine.catalogue().clone());
    }
}
