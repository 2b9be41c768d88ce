//! A partition's machine between its thread and those who ask: one of them has it at a time.
//!
//! Nobody is answered from a machine that is not restored or was given up. It refuses to know what is
//! asked.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::PartitionMachine;

/// How often at most, and how long each time, a step waits for those who ask: a lock alone would
/// give the machine back to the thread that has just let go of it.
const GIVE_WAY: u32 = 20;
const MOMENT: Duration = Duration::from_micros(50);

/// Why a partition gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHeld {
    /// It is not carried here.
    Elsewhere,
    /// Its state is being restored.
    Restoring,
}

/// An answer, and up to which record of the partition it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<T> {
    /// The first record that was not folded then.
    pub next: u64,
    /// The answer.
    pub answer: T,
}

impl<T> Told<Option<T>> {
    pub(super) fn whole(self) -> Result<Told<T>, NotHeld> {
        let Told { next, answer } = self;
        answer.map(|answer| Told { next, answer }).ok_or(NotHeld::Restoring)
    }
}

/// The place of a machine.
#[derive(Default)]
pub(super) struct Held {
    machine: Mutex<Option<PartitionMachine>>,
    asking: AtomicUsize,
}

impl Held {
    fn machine(&self) -> MutexGuard<'_, Option<PartitionMachine>> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hold(&self, machine: PartitionMachine) {
        *self.machine() = Some(machine);
    }

    pub(super) fn let_go(&self) -> Option<PartitionMachine> {
        self.machine().take()
    }

    /// Does one step of the machine's thread; nothing where there is no machine.
    pub(super) fn each_step<T>(&self, step: impl FnOnce(&mut PartitionMachine) -> T) -> Option<T> {
        for _ in 0..GIVE_WAY {
            if self.asking.load(Ordering::Acquire) == 0 {
                break;
            }
            std::thread::sleep(MOMENT);
        }
        self.machine().as_mut().map(step)
    }

    pub(super) fn ask<T>(
        &self,
        question: impl FnOnce(&PartitionMachine) -> T,
    ) -> Result<Told<T>, NotHeld> {
        self.asking.fetch_add(1, Ordering::AcqRel);
        let machine = self.machine();
        self.asking.fetch_sub(1, Ordering::AcqRel);
        let machine = machine.as_ref().filter(|machine| machine.progress().live);
        let machine = machine.ok_or(NotHeld::Restoring)?;
        Ok(Told { next: machine.next(), answer: question(machine) })
    }
}
