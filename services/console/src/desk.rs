//! The one board of a process: folded by the follower, read by everyone else.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use crate::board::Board;

/// The board behind a lock, and how far it is folded as something that can be waited for.
#[derive(Debug)]
pub struct Desk {
    board: RwLock<Board>,
    tide: watch::Sender<Tide>,
}

/// How far the board is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tide {
    /// The number after the last alert folded.
    pub(crate) end: u64,
    /// What the board is good for.
    pub(crate) phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has not yet reached the end that the log had at the start.
    Starting,
    /// It follows.
    Live,
    /// It follows no more.
    Stopped,
}

impl Default for Desk {
    fn default() -> Self {
        let tide = watch::Sender::new(Tide { end: 0, phase: Phase::Starting });
        Desk { board: RwLock::default(), tide }
    }
}

impl Desk {
    /// The board to read. Hold it shortly: the follower waits meanwhile.
    pub fn board(&self) -> RwLockReadGuard<'_, Board> {
        self.board.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the board has caught up with the log and lists can be trusted.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.tide.borrow().phase == Phase::Live
    }

    pub(crate) fn board_mut(&self) -> RwLockWriteGuard<'_, Board> {
        self.board.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tide(&self) -> watch::Receiver<Tide> {
        self.tide.subscribe()
    }

    pub(crate) fn tell(&self, end: u64, phase: Phase) {
        self.tide.send_replace(Tide { end, phase });
    }
}
