//! A store of snapshots in memory that refuses, loses answers and damages what it gives.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use watcher::{Store, StoreError};

use crate::dice::{Coverage, Dice};

/// Of 1000 calls, how many go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StoreFaults {
    pub(crate) refused: usize,
    pub(crate) ack_lost: usize,
    pub(crate) damaged: usize,
}

struct State {
    objects: BTreeMap<String, Vec<u8>>,
    dice: Dice,
    faults: StoreFaults,
    coverage: Coverage,
}

pub(crate) struct SimulatedStore(Mutex<State>);

impl SimulatedStore {
    pub(crate) fn new(seed: u64, faults: StoreFaults) -> SimulatedStore {
        let state = State {
            objects: BTreeMap::new(),
            dice: Dice::new(seed),
            faults,
            coverage: Coverage::default(),
        };
        SimulatedStore(Mutex::new(state))
    }

    pub(crate) fn heal(&self) {
        self.state().faults = StoreFaults::default();
    }

    pub(crate) fn coverage(&self) -> Coverage {
        self.state().coverage.clone()
    }

    /// All objects with their lengths: part of a run's trace.
    pub(crate) fn names(&self) -> Vec<(String, usize)> {
        let state = self.state();
        state.objects.iter().map(|(name, bytes)| (name.clone(), bytes.len())).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refuse(&mut self) -> Result<(), StoreError> {
        if self.dice.below(1000) < self.faults.refused {
            self.coverage.note("store refused");
            return Err(StoreError::Failed("refused".to_owned()));
        }
        Ok(())
    }
}

impl Store for SimulatedStore {
    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let mut state = self.state();
        state.refuse()?;
        let inside = |name: &String| {
            name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned)
        };
        Ok(state.objects.keys().filter_map(inside).collect())
    }

    fn get(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let mut state = self.state();
        state.refuse()?;
        let mut bytes = state.objects.get(name).cloned().ok_or(StoreError::Missing)?;
        let damaged = state.dice.below(1000) < state.faults.damaged;
        if damaged && name.starts_with("snapshots/") {
            let at = state.dice.below(bytes.len());
            bytes[at] ^= 0x20;
        }
        Ok(bytes)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let mut state = self.state();
        state.refuse()?;
        if state.objects.contains_key(name) {
            return Err(StoreError::Exists);
        }
        state.objects.insert(name.to_owned(), bytes.to_vec());
        if state.dice.below(1000) < state.faults.ack_lost {
            state.coverage.note("answer of the store lost");
            return Err(StoreError::Failed("no answer".to_owned()));
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        state.refuse()?;
        state.objects.remove(name);
        Ok(())
    }
}
