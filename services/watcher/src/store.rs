//! Where snapshots of partitions are kept so that any member of the group finds them: a folder all
//! of them see, or an object store. And who may write them.
//!
//! Objects are only ever made, never replaced. The owner of a partition holds a *generation*: it
//! made the object `owners/PARTITION/GENERATION`, which names the newest snapshot. Taking a
//! partition over and keeping a snapshot both make the next generation, so of two who try only one
//! succeeds, and a former owner that does not know of its successor learns it here. This file knows
//! snapshots as bytes.

mod objects;

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

pub use objects::ObjectFolder;

/// Generations that stay beside the newest one.
const GENERATIONS: u64 = 4;
/// Snapshots that stay.
const KEPT: usize = 2;
/// How often taking a partition over is tried while others take it.
const TRIES: u32 = 16;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such object.
    #[error("there is no such object")]
    Missing,
    /// An object of this name is there already.
    #[error("an object of this name is there already")]
    Exists,
    /// The store cannot be used now; what was to be made may be there or not.
    #[error("{0}")]
    Failed(String),
}

/// Objects by name; names have folders, parted by `/`.
pub trait Store: Send + Sync {
    /// The names in a folder, without it, sorted. A folder that is not there is empty.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError>;

    /// The bytes of an object.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Failed`].
    fn get(&self, name: &str) -> Result<Vec<u8>, StoreError>;

    /// Makes an object that is not there yet, whole or not at all, durably.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Failed`].
    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// Removes an object; one that is not there is none to remove.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn remove(&self, name: &str) -> Result<(), StoreError>;
}

/// What a generation says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Pointer {
    /// Unlike that of any other owner, also of the same process before.
    owner: String,
    /// The newest snapshot; nothing while there is none.
    snapshot: Option<String>,
}

/// Why a partition cannot be taken over or its snapshot kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OwnerError {
    /// Another owner has taken the partition over.
    #[error("partition.superseded")]
    Superseded,
    /// The store cannot be used now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The right to keep snapshots of one partition, until another takes it over.
pub(crate) struct Ownership {
    store: Arc<dyn Store>,
    partition: String,
    owner: String,
    generation: u64,
    /// Newest first.
    snapshots: Vec<String>,
}

impl fmt::Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ownership")
            .field("partition", &self.partition)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl Ownership {
    /// Takes a partition over from whoever has it. `owner` must be unlike any other.
    pub(crate) fn take(
        store: Arc<dyn Store>,
        partition: &str,
        owner: &str,
    ) -> Result<Ownership, OwnerError> {
        let folder = format!("owners/{partition}");
        for _ in 0..TRIES {
            let known = store.list(&folder)?;
            let newest = newest(&known);
            let mut snapshots: Vec<String> = Vec::new();
            for name in known.iter().rev() {
                let pointer = match store.get(&format!("{folder}/{name}")) {
                    Ok(bytes) => serde_json::from_slice::<Pointer>(&bytes).ok(),
                    Err(StoreError::Missing) => None,
                    Err(error) => return Err(error.into()),
                };
                let snapshot = pointer.and_then(|pointer| pointer.snapshot);
                snapshots.extend(snapshot.filter(|name| !snapshots.contains(name)));
            }
            let taken = Ownership {
                store: Arc::clone(&store),
                partition: partition.to_owned(),
                owner: owner.to_owned(),
                generation: newest + 1,
                snapshots,
            };
            match taken.point(newest + 1, taken.snapshots.first().cloned()) {
                Ok(()) => return Ok(taken),
                Err(OwnerError::Superseded) => {}
                Err(error) => return Err(error),
            }
        }
        Err(OwnerError::Store(StoreError::Failed(
            "others keep taking the partition over".to_owned(),
        )))
    }

    /// The names of the snapshots that may be there, the newest first.
    pub(crate) fn snapshots(&self) -> &[String] {
        &self.snapshots
    }

    #[cfg(test)]
    pub(crate) fn offer_first(&mut self, name: &str) {
        self.snapshots.insert(0, name.to_owned());
    }

    /// The bytes of a snapshot.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        self.store.get(name)
    }

    /// Keeps a snapshot that holds everything before record `next`, and lets go of older ones.
    ///
    /// # Errors
    /// [`OwnerError::Superseded`] where another has taken over; trying again is safe otherwise.
    pub(crate) fn keep(&mut self, next: u64, bytes: &[u8]) -> Result<(), OwnerError> {
        let generation = self.generation + 1;
        // A successor's first generations may be gone already: the newest one tells.
        if self.newest()? > generation {
            return Err(OwnerError::Superseded);
        }
        let folder = format!("snapshots/{}", self.partition);
        let name = format!("{folder}/{generation:020}-{next:020}");
        match self.store.create(&name, bytes) {
            // An earlier try of the same place: the state is the same.
            Ok(()) | Err(StoreError::Exists) => {}
            Err(error) => return Err(error.into()),
        }
        self.point(generation, Some(name.clone()))?;
        self.generation = generation;
        self.snapshots.insert(0, name);
        self.tidy();
        Ok(())
    }

    fn newest(&self) -> Result<u64, StoreError> {
        Ok(newest(&self.store.list(&format!("owners/{}", self.partition))?))
    }

    fn point(&self, generation: u64, snapshot: Option<String>) -> Result<(), OwnerError> {
        let pointer = Pointer { owner: self.owner.clone(), snapshot };
        let bytes = serde_json::to_vec(&pointer).unwrap_or_default();
        let name = format!("owners/{}/{generation:020}", self.partition);
        match self.store.create(&name, &bytes) {
            Err(StoreError::Exists) => {
                // It may be our own: an answer can be lost.
                let same = self.store.get(&name)? == bytes;
                if same { Ok(()) } else { Err(OwnerError::Superseded) }
            }
            other => Ok(other?),
        }
    }

    /// Lets go of what nobody will ask for. What cannot be removed now is removed another time.
    fn tidy(&mut self) {
        self.snapshots.truncate(KEPT);
        let folder = format!("snapshots/{}", self.partition);
        for name in self.store.list(&folder).unwrap_or_default() {
            let name = format!("{folder}/{name}");
            let older = self.snapshots.last().is_some_and(|oldest| name < *oldest);
            if older && !self.snapshots.contains(&name) {
                let _ = self.store.remove(&name);
            }
        }
        let folder = format!("owners/{}", self.partition);
        for name in self.store.list(&folder).unwrap_or_default() {
            let old = name.parse::<u64>().is_ok_and(|n| n + GENERATIONS < self.generation);
            if old {
                let _ = self.store.remove(&format!("{folder}/{name}"));
            }
        }
    }
}

fn newest(generations: &[String]) -> u64 {
    generations.last().and_then(|name| name.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
