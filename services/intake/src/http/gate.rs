//! Room: how many requests and bytes are in work, together and for one account.
//!
//! It never queues: what finds no room is told to come again. Room comes back when a guard drops.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use proto::codes::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;

/// Bytes are counted in units of this size.
const UNIT: usize = 1024;

/// Counts what is in work.
#[derive(Debug)]
pub(super) struct Gate {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    open: Mutex<HashMap<Box<str>, u32>>,
    per_account: u32,
}

/// A request in work; its room comes back with it.
#[derive(Debug)]
pub(super) struct Seat {
    gate: Arc<Gate>,
    account: Box<str>,
    _request: OwnedSemaphorePermit,
    held: Option<OwnedSemaphorePermit>,
}

impl Gate {
    pub(super) fn new(limits: &Limits) -> Gate {
        let units = (limits.bytes / UNIT).min(Semaphore::MAX_PERMITS);
        Gate {
            requests: Arc::new(Semaphore::new(limits.requests.min(Semaphore::MAX_PERMITS))),
            bytes: Arc::new(Semaphore::new(units)),
            open: Mutex::default(),
            per_account: limits.per_account,
        }
    }

    /// Room for one more request of an account: `overload.rate` or `overload.busy` without.
    pub(super) fn enter(self: &Arc<Gate>, account: &str) -> Result<Seat, Code> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = open.get(account).copied().unwrap_or(0);
        if held >= self.per_account {
            return Err(Code::OverloadRate);
        }
        let request = Arc::clone(&self.requests).try_acquire_owned();
        let request = request.map_err(|_| Code::OverloadBusy)?;
        open.insert(account.into(), held + 1);
        drop(open);
        let gate = Arc::clone(self);
        Ok(Seat { gate, account: account.into(), _request: request, held: None })
    }
}

impl Seat {
    /// Room for so many bytes in all, those held before included: `overload.busy` without.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), Code> {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(UNIT).saturating_sub(held);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).map_err(|_| Code::OverloadBusy)?;
        let permit = Arc::clone(&self.gate.bytes).try_acquire_many_owned(more);
        let permit = permit.map_err(|_| Code::OverloadBusy)?;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.gate.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = open.get_mut(&self.account) {
            *held -= 1;
            if *held == 0 {
                open.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Arc<Gate> {
        let limits = Limits { body: 1, bytes: 4 * UNIT, requests: 3, per_account: 2 };
        Arc::new(Gate::new(&limits))
    }

    #[test]
    fn one_account_meets_its_limit_before_all_meet_theirs() {
        let gate = gate();
        let _a = gate.enter("a").unwrap();
        let second = gate.enter("a").unwrap();
        assert_eq!(gate.enter("a").unwrap_err(), Code::OverloadRate);
        let _b = gate.enter("b").unwrap();
        assert_eq!(gate.enter("b").unwrap_err(), Code::OverloadBusy);
        drop(second);
        assert!(gate.enter("a").is_ok());
    }

    #[test]
    fn bytes_are_held_until_the_seat_is_left() {
        let gate = gate();
        let mut a = gate.enter("a").unwrap();
        a.hold(1).unwrap();
        a.hold(3 * UNIT).unwrap();
        a.hold(2 * UNIT).unwrap();
        let mut b = gate.enter("b").unwrap();
        assert_eq!(b.hold(UNIT + 1), Err(Code::OverloadBusy));
        drop(a);
        b.hold(4 * UNIT).unwrap();
        drop(b);
        assert!(gate.open.lock().unwrap().is_empty());
    }
}
