//! What a body is given: its configuration, the process's parts, and the wish to stop.
//!
//! It carries things and decides nothing.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use prometheus::{IntGaugeVec, Opts, Registry};
use tokio_util::sync::CancellationToken;

use super::{Failure, Program};
use crate::clock::{SharedClock, SystemClock};
use crate::health::{Component, Health};
use crate::ops;
use crate::threads::Threads;
use crate::vitals::Vitals;

/// The wish that the process stops. Clones share it; it is never taken back.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Ends when a stop is wished.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Whether a stop is wished; for loops that block.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Wishes the stop.
    pub fn request(&self) {
        self.0.cancel();
    }
}

/// One running service. Clones share everything.
pub struct Service<C> {
    parts: Arc<Parts<C>>,
}

struct Parts<C> {
    config: C,
    clock: SharedClock,
    registry: Registry,
    health: Health,
    own: Component,
    shutdown: Shutdown,
    threads: Threads,
    hooks: Mutex<Vec<Hook>>,
}

struct Hook {
    name: String,
    run: Box<dyn FnOnce() -> Result<(), Failure> + Send>,
}

impl<C> Clone for Service<C> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

impl<C: fmt::Debug> fmt::Debug for Service<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("config", &self.parts.config).finish_non_exhaustive()
    }
}

impl<C> Service<C> {
    /// The parts of a new process: machine clock, empty registry, `program.name` starting.
    pub(super) fn new(program: Program, config: C) -> Result<Self, Failure> {
        let clock: SharedClock = Arc::new(SystemClock::new());
        let registry = Registry::new();
        let build = Opts::new("build_info", "Always 1; the labels say what is running.");
        let build = IntGaugeVec::new(build, &["name", "version"])?;
        build.with_label_values(&[program.name, program.version]).set(1);
        registry.register(Box::new(build))?;
        let process = prometheus::process_collector::ProcessCollector::for_self();
        registry.register(Box::new(process))?;
        let health = Health::new(Arc::clone(&clock));
        registry.register(Box::new(Vitals::new(health.clone())?))?;
        let own = health.component(program.name);
        let (shutdown, threads) = (Shutdown::default(), Threads::default());
        let hooks = Mutex::default();
        let parts = Parts { config, clock, registry, health, own, shutdown, threads, hooks };
        Ok(Self { parts: Arc::new(parts) })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &C {
        &self.parts.config
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> SharedClock {
        Arc::clone(&self.parts.clock)
    }

    /// Where metrics are registered.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.parts.registry
    }

    /// Where components tell their state.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.parts.health
    }

    /// The service itself is ready. Components named before still count on their own.
    pub fn ready(&self) {
        self.parts.own.ready();
    }

    /// The wish to stop.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.parts.shutdown.clone()
    }

    /// Threads that are joined at stop; each must end soon after [`Shutdown::is_requested`].
    #[must_use]
    pub fn threads(&self) -> &Threads {
        &self.parts.threads
    }

    /// `/livez`, `/readyz` and `/metrics`, to be merged into the service's router.
    pub fn ops(&self) -> Router {
        ops::router(self.parts.health.clone(), self.parts.registry.clone())
    }

    /// Runs `hook` at stop, after the body and the threads have ended: the last flush.
    /// The newest hook runs first, since it may need what the older ones close.
    pub fn at_stop(
        &self,
        name: impl Into<String>,
        hook: impl FnOnce() -> Result<(), Failure> + Send + 'static,
    ) {
        let hook = Hook { name: name.into(), run: Box::new(hook) };
        self.parts.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(hook);
    }

    /// Joins the threads and runs the hooks, off the async threads, for at most `within`.
    pub(super) async fn flush(&self, within: Duration) -> Result<(), Failure> {
        let threads = self.parts.threads.clone();
        let mut hooks = {
            let mut hooks = self.parts.hooks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *hooks)
        };
        let work = tokio::task::spawn_blocking(move || {
            let mut first = threads.join_all(within).map_err(Failure::from);
            while let Some(hook) = hooks.pop() {
                let ended = (hook.run)().map_err(|failure| {
                    Failure::new(failure.exit(), format!("{}: {failure}", hook.name))
                });
                first = first.and(ended);
            }
            first
        });
        // The threads may use all of the time; the hooks then still get a second of their own.
        let limit = within.saturating_add(Duration::from_secs(1));
        match tokio::time::timeout(limit, work).await {
            Ok(ended) => ended?,
            Err(_) => Err(Failure::new(1, "drain timed out")),
        }
    }
}
