//! Health: which parts are ready, how far a restore has come, and whether the loops still turn.
//!
//! It keeps what it is told and asks nobody. A part outside the process (a broker, a database)
//! belongs into readiness and never into liveness: its outage must not restart the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::clock::SharedClock;

/// The health of one process. Clones share it.
#[derive(Debug, Clone)]
pub struct Health {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: SharedClock,
    board: Mutex<Board>,
}

#[derive(Debug, Default)]
struct Board {
    stopping: bool,
    components: BTreeMap<String, State>,
    loops: BTreeMap<String, Beat>,
}

#[derive(Debug)]
struct Beat {
    last: Duration,
    patience: Duration,
}

/// How a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Not usable yet; `done` of `total` steps are made (`total` 0: unknown).
    Starting {
        /// Steps made.
        done: u64,
        /// Steps in all, 0 when that is not known.
        total: u64,
    },
    /// Usable.
    Ready,
    /// Was usable, or should be, and is not.
    Failing {
        /// A stable reason, such as `log.unreachable`.
        code: &'static str,
    },
}

/// The one word for the whole process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every component is ready.
    Ready,
    /// A component is starting, or none is known yet.
    Starting,
    /// A component is failing.
    Failing,
    /// The process was asked to stop.
    Stopping,
}

/// What `/readyz` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst of the components; `stopping` stands above all.
    pub status: Status,
    /// Each component by name.
    pub components: BTreeMap<String, State>,
}

impl Health {
    /// Health without components: `starting`.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self { shared: Arc::new(Shared { clock, board: Mutex::default() }) }
    }

    /// Adds a component, starting. The process is not ready before it is.
    #[must_use]
    pub fn component(&self, name: impl Into<String>) -> Component {
        let component = Component { health: self.clone(), name: name.into() };
        component.starting(0, 0);
        component
    }

    /// Adds a loop that must beat at least every `patience`, else `/livez` fails.
    #[must_use]
    pub fn pulse(&self, name: impl Into<String>, patience: Duration) -> Pulse {
        let pulse = Pulse { health: self.clone(), name: name.into() };
        let last = self.shared.clock.monotonic();
        self.board().loops.insert(pulse.name.clone(), Beat { last, patience });
        pulse
    }

    /// From now on the process is not ready, whatever its components say.
    pub fn stopping(&self) {
        self.board().stopping = true;
    }

    /// The state of every component and of the whole.
    #[must_use]
    pub fn report(&self) -> Report {
        let board = self.board();
        let any = |wanted: fn(&State) -> bool| board.components.values().any(wanted);
        let status = if board.stopping {
            Status::Stopping
        } else if any(|s| matches!(s, State::Failing { .. })) {
            Status::Failing
        } else if board.components.is_empty() || any(|s| matches!(s, State::Starting { .. })) {
            Status::Starting
        } else {
            Status::Ready
        };
        Report { status, components: board.components.clone() }
    }

    /// The loops that have not beaten within their patience.
    #[must_use]
    pub fn silent_loops(&self) -> Vec<String> {
        let now = self.shared.clock.monotonic();
        let board = self.board();
        let silent = board.loops.iter().filter(|(_, b)| now.saturating_sub(b.last) > b.patience);
        silent.map(|(name, _)| name.clone()).collect()
    }

    /// Each loop that turns, and the time since it has beaten.
    #[must_use]
    pub fn silences(&self) -> Vec<(String, Duration)> {
        let now = self.shared.clock.monotonic();
        let board = self.board();
        board.loops.iter().map(|(name, b)| (name.clone(), now.saturating_sub(b.last))).collect()
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.shared.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handle by which a component tells its state.
#[derive(Debug, Clone)]
pub struct Component {
    health: Health,
    name: String,
}

impl Component {
    /// Not usable yet; `done` of `total` steps are made (`total` 0: unknown).
    pub fn starting(&self, done: u64, total: u64) {
        self.set(State::Starting { done, total });
    }

    /// Usable from now on.
    pub fn ready(&self) {
        self.set(State::Ready);
    }

    /// Not usable, for the reason `code`.
    pub fn failing(&self, code: &'static str) {
        self.set(State::Failing { code });
    }

    fn set(&self, state: State) {
        self.health.board().components.insert(self.name.clone(), state);
    }
}

/// The handle by which a loop shows that it turns. Dropped: the loop ended, nobody waits for it.
#[derive(Debug)]
pub struct Pulse {
    health: Health,
    name: String,
}

impl Pulse {
    /// The loop has made another round.
    pub fn beat(&self) {
        let now = self.health.shared.clock.monotonic();
        if let Some(beat) = self.health.board().loops.get_mut(&self.name) {
            beat.last = now;
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.health.board().loops.remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn health() -> (ManualClock, Health) {
        let clock = ManualClock::at_unix_micros(0);
        (clock.clone(), Health::new(Arc::new(clock)))
    }

    #[test]
    fn ready_only_when_every_component_is() {
        let (_, health) = health();
        assert_eq!(health.report().status, Status::Starting, "no component yet");
        let (log, fold) = (health.component("log"), health.component("fold"));
        log.ready();
        fold.starting(3, 10);
        assert_eq!(health.report().status, Status::Starting);
        fold.ready();
        assert_eq!(health.report().status, Status::Ready);
        log.failing("log.unreachable");
        assert_eq!(health.report().status, Status::Failing);
        log.ready();
        health.stopping();
        assert_eq!(health.report().status, Status::Stopping);
    }

    #[test]
    fn a_report_carries_the_progress_of_a_restore() {
        let (_, health) = health();
        health.component("fold").starting(3, 10);
        health.component("log").failing("log.unreachable");
        assert_eq!(
            serde_json::to_value(health.report()).unwrap(),
            serde_json::json!({"status": "failing", "components": {
                "fold": {"state": "starting", "done": 3, "total": 10},
                "log": {"state": "failing", "code": "log.unreachable"}}}),
        );
    }

    #[test]
    fn a_loop_is_silent_only_beyond_its_patience_and_not_after_its_end() {
        let (clock, health) = health();
        let pulse = health.pulse("poll", Duration::from_secs(5));
        clock.advance(Duration::from_secs(5));
        assert!(health.silent_loops().is_empty());
        clock.advance(Duration::from_secs(1));
        assert_eq!(health.silent_loops(), ["poll"]);
        pulse.beat();
        assert!(health.silent_loops().is_empty());
        clock.advance(Duration::from_secs(9));
        drop(pulse);
        assert!(health.silent_loops().is_empty());
    }
}
