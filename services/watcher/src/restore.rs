//! From files to a running fold: the newest sound snapshot, then the journal behind it.

use std::sync::Arc;

use log::{Batch, Log};

use crate::{
    Crew, Fault, JOURNAL, Topics,
    machine::{Machine, Writer},
    snapshot::{Refused, Shelf, Snapshot},
    state,
};

/// Bytes of one read.
const READ: usize = 4 << 20;

/// What a restore tells while it runs.
pub(crate) trait Witness {
    /// A snapshot is not used.
    fn refused(&mut self, name: &str, why: Refused);
    /// `done` of `total` journal records behind the snapshot are folded.
    fn progress(&mut self, done: u64, total: u64);
    /// Whether the restore is still wanted.
    fn wanted(&self) -> bool {
        true
    }
}

/// Restores the fold of these topics. Nothing when it was not wanted any more.
pub(crate) fn restore(
    topics: &Topics,
    shelf: &Shelf,
    crew: Crew,
    letter: &Writer,
    witness: &mut impl Witness,
) -> Result<Option<Machine>, Fault> {
    let mut machine = base(topics, shelf, crew, letter, witness)?;
    let fault = Fault::log(JOURNAL);
    let (from, end) = (machine.next(), topics.journal.end(0).map_err(&fault)?);
    let start = topics.journal.start(0).map_err(&fault)?;
    if from < start {
        return Err(Fault::Gap { start });
    }
    witness.progress(0, end - from);
    while machine.next() < end {
        if !witness.wanted() {
            return Ok(None);
        }
        catch_up(&mut machine, &topics.journal, end)?;
        machine.settle()?;
        machine.flush()?;
        witness.progress(machine.next() - from, end - from);
    }
    machine.restored()?;
    machine.flush()?;
    Ok(Some(machine))
}

/// Takes one read's worth of records before `end`.
pub(crate) fn catch_up(
    machine: &mut Machine,
    journal: &Arc<dyn Log>,
    end: u64,
) -> Result<(), Fault> {
    let mut batch = Batch::new();
    journal.read(0, machine.next(), READ, &mut batch).map_err(Fault::log(JOURNAL))?;
    for (offset, record) in batch.iter().take_while(|(offset, _)| *offset < end) {
        machine.read(offset, record)?;
    }
    Ok(())
}

fn base(
    topics: &Topics,
    shelf: &Shelf,
    crew: Crew,
    letter: &Writer,
    witness: &mut impl Witness,
) -> Result<Machine, Fault> {
    for name in shelf.names()? {
        let taken = match sound(topics, shelf, &name)? {
            Ok(snapshot) => Machine::new(topics, Some(&snapshot), crew, Arc::clone(letter))?
                .ok_or(Refused::Content),
            Err(why) => Err(why),
        };
        match taken {
            Ok(machine) => return Ok(machine),
            Err(why) => witness.refused(&name, why),
        }
    }
    let fresh = Machine::new(topics, None, crew, Arc::clone(letter))?;
    fresh.ok_or_else(|| Fault::Start("an empty fold cannot be made".to_owned()))
}

fn sound(topics: &Topics, shelf: &Shelf, name: &str) -> Result<Result<Snapshot, Refused>, Fault> {
    let snapshot = match Snapshot::decode(&shelf.read(name)?, state::FOLD_VERSION) {
        Ok(snapshot) => snapshot,
        Err(why) => return Ok(Err(why)),
    };
    let ends = [
        (&topics.journal, snapshot.next, JOURNAL),
        (&topics.alerts, snapshot.alerts, crate::ALERTS),
        (&topics.dead, snapshot.dead, crate::DEAD_LETTERS),
    ];
    for (log, reached, topic) in ends {
        if log.end(0).map_err(Fault::log(topic))? < reached {
            return Ok(Err(Refused::Ahead));
        }
    }
    Ok(Ok(snapshot))
}
