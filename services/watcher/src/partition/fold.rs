//! The fold of a partition, whichever topic it is of, and the newest sound snapshot of it.

use engine::{OneHand, Output, Partition, PersonFold, Stamped};
use proto::{catalogue::Catalogue, date::Instant};
use serde::{Deserialize, Serialize};

use super::{PartitionMachine, Topic, calls::Calls};
use crate::{
    Fault, Tally,
    snapshot::{Refused, Snapshot},
    store::StoreError,
};

/// The version of the fold whose state a snapshot holds.
pub(super) const VERSION: u32 = 2;

/// What a snapshot holds beside the fold's sections.
#[derive(Serialize)]
pub(super) struct Beside<'m> {
    pub(super) tally: Tally,
    pub(super) clock_us: i64,
    pub(super) history: bool,
    pub(super) calls: &'m Calls,
}

/// As it is read; a snapshot that was made before calls were followed has none.
#[derive(Deserialize)]
struct Found {
    tally: Tally,
    clock_us: i64,
    history: bool,
    #[serde(default)]
    calls: Calls,
}

/// The fold of one partition.
#[derive(Debug)]
pub(super) enum PartFold {
    Journal(Box<Partition>, bool),
    Persons(Box<PersonFold>, bool),
}

impl PartFold {
    pub(super) fn new(topic: Topic) -> PartFold {
        match topic {
            Topic::Journal => PartFold::Journal(Box::default(), false),
            Topic::Persons => PartFold::Persons(Box::default(), false),
        }
    }

    fn restore(topic: Topic, sections: &[Vec<u8>], history: bool) -> Option<PartFold> {
        let mut fold = match topic {
            Topic::Journal => {
                PartFold::Journal(Box::new(Partition::restore(&OneHand, sections)?), false)
            }
            Topic::Persons => {
                PartFold::Persons(Box::new(PersonFold::restore(&OneHand, sections)?), false)
            }
        };
        fold.set_history(history);
        Some(fold)
    }

    pub(super) fn journal(&self) -> Option<&Partition> {
        match self {
            PartFold::Journal(fold, _) => Some(fold),
            PartFold::Persons(..) => None,
        }
    }

    pub(super) fn history(&self) -> bool {
        let (PartFold::Journal(_, history) | PartFold::Persons(_, history)) = self;
        *history
    }

    pub(super) fn set_history(&mut self, present: bool) {
        match self {
            PartFold::Journal(fold, history) => {
                fold.set_history(present);
                *history = present;
            }
            PartFold::Persons(_, history) => *history = present,
        }
    }

    pub(super) fn catalogue(&self) -> &Catalogue {
        match self {
            PartFold::Journal(fold, _) => fold.catalogue(),
            PartFold::Persons(fold, _) => fold.catalogue(),
        }
    }

    pub(super) fn apply(&mut self, batch: &[Stamped], out: &mut Output) {
        match self {
            PartFold::Journal(fold, _) => fold.apply(&OneHand, batch, out),
            PartFold::Persons(fold, _) => fold.apply(&OneHand, batch, out),
        }
    }

    pub(super) fn work(&mut self, households: usize, out: &mut Output) -> bool {
        match self {
            PartFold::Journal(fold, _) => fold.work(&OneHand, households, out),
            PartFold::Persons(fold, _) => fold.work(&OneHand, households, out),
        }
    }

    pub(super) fn snapshot(&self, beside: &Beside<'_>) -> Option<Vec<Vec<u8>>> {
        let mut sections = vec![serde_json::to_vec(beside).ok()?];
        sections.extend(match self {
            PartFold::Journal(fold, _) => fold.snapshot(&OneHand)?,
            PartFold::Persons(fold, _) => fold.snapshot(&OneHand)?,
        });
        Some(sections)
    }
}

impl PartitionMachine {
    /// Takes in the newest sound snapshot and gives it; nothing where there is none.
    pub(super) fn newest(
        &mut self,
        refused: &mut dyn FnMut(&str, &'static str),
    ) -> Result<Option<Snapshot>, Fault> {
        for name in self.owner.snapshots().to_vec() {
            let bytes = match self.owner.read(&name) {
                Ok(bytes) => bytes,
                // Its owner let go of it.
                Err(StoreError::Missing) => continue,
                Err(error) => return Err(Fault::Store(error)),
            };
            match self.take_in(&bytes)? {
                Ok(snapshot) => return Ok(Some(snapshot)),
                Err(why) => refused(&name, why.code()),
            }
        }
        Ok(None)
    }

    fn take_in(&mut self, bytes: &[u8]) -> Result<Result<Snapshot, Refused>, Fault> {
        let snapshot = match Snapshot::decode(bytes, VERSION) {
            Ok(snapshot) => snapshot,
            Err(why) => return Ok(Err(why)),
        };
        let ahead = self.ports.end(self.topic, self.partition)? < snapshot.next
            || (self.topic == Topic::Journal
                && self.ports.alerts_end(self.partition)? < snapshot.alerts)
            || self.ports.dead_end(self.partition)? < snapshot.dead;
        if ahead {
            return Ok(Err(Refused::Ahead));
        }
        let [beside, sections @ ..] = snapshot.sections.as_slice() else {
            return Ok(Err(Refused::Content));
        };
        let Ok(beside) = serde_json::from_slice::<Found>(beside) else {
            return Ok(Err(Refused::Content));
        };
        let Some(fold) = PartFold::restore(self.topic, sections, beside.history) else {
            return Ok(Err(Refused::Content));
        };
        self.fold = fold;
        self.tally = beside.tally;
        self.calls = beside.calls;
        self.clock = Instant(beside.clock_us);
        self.next = snapshot.next;
        self.working = true;
        Ok(Ok(snapshot))
    }
}
