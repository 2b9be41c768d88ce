//! The notifier as one thing: its loops, started together and stopped together.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use chassis::{Health, SharedClock, Shutdown};
use prometheus::Registry;
use store::Store;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use crate::{
    attempt::Attempt,
    audit::Audit,
    channel::{Channel, sse::Sse},
    http::{self, Api},
    message::Lines,
    meters::Meters,
    planning::Planning,
    ports::{Accounts, Alerts, Cases},
    replaying::Replaying,
    seal::SealKey,
    sending::{Calls, Sending},
    served::Roll,
};

/// What a notifier stands on.
pub struct Parts {
    /// The ledger.
    pub store: Arc<dyn Store>,
    /// Whether nobody else works on it: then dead claims come back at once.
    pub alone: bool,
    /// The alerts log.
    pub alerts: Arc<dyn Alerts>,
    /// The open cases.
    pub cases: Arc<dyn Cases>,
    /// The accounts.
    pub accounts: Arc<dyn Accounts>,
    /// The ways to receivers.
    pub channels: Vec<Arc<dyn Channel>>,
    /// Seals the secrets of subscriptions in the store, the same in all instances; without it they
    /// stand there as they are.
    pub seal: Option<SealKey>,
    /// The time.
    pub clock: SharedClock,
    /// Where it is told that the process is to stop: streams end then.
    pub shutdown: Shutdown,
    /// Where its components tell their state.
    pub health: Health,
    /// Where its metrics go.
    pub registry: Registry,
}

/// A notifier that is set up and not yet running.
pub struct Notifier {
    planning: Planning,
    sending: Sending,
    replaying: Replaying,
    audit: Audit,
    router: Router,
}

impl Notifier {
    /// Sets one up.
    ///
    /// # Errors
    /// The registry already holds metrics of these names, or the machine gives no random bytes.
    pub fn new(parts: Parts) -> io::Result<Notifier> {
        let Parts { store, alone, alerts, cases, accounts, .. } = parts;
        let Parts { channels, seal, clock, shutdown, health, registry, .. } = parts;
        let seal = Arc::new(seal);
        let meters = Meters::new(&registry).map_err(io::Error::other)?;
        let (roll, followed) = watch::channel(Arc::new(Roll::default()));
        let (changed, wake) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (calls, lines) =
            (Arc::new(Calls::default()), Arc::new(Lines::new(Arc::clone(&alerts))));
        let sse = Arc::new(Sse::default());
        let listeners: Arc<dyn Channel> = Arc::clone(&sse) as _;
        let channels: Arc<[Arc<dyn Channel>]> = channels.into_iter().chain([listeners]).collect();
        let attempt = Attempt {
            store: Arc::clone(&store),
            lines: Arc::clone(&lines),
            channels: Arc::clone(&channels),
            clock: Arc::clone(&clock),
            meters: meters.clone(),
        };
        let api = Api {
            store: Arc::clone(&store),
            alerts: Arc::clone(&alerts),
            cases,
            accounts,
            channels,
            sse,
            shutdown,
            seal: Arc::clone(&seal),
            clock: Arc::clone(&clock),
            changed: Arc::clone(&changed),
            replays: Arc::clone(&wake),
        };
        let refresh = if alone { Duration::from_secs(10) } else { Duration::from_millis(500) };
        let sending = Sending {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            roll: followed.clone(),
            calls: Arc::clone(&calls),
            attempt,
            meters: meters.clone(),
            owner: owner()?,
            alone,
            refresh,
            changed: Arc::clone(&changed),
        };
        let replaying = Replaying {
            store: Arc::clone(&store),
            alerts: Arc::clone(&alerts),
            clock: Arc::clone(&clock),
            roll: followed,
            calls: Arc::clone(&calls),
            wake,
        };
        let audit = Audit {
            store: Arc::clone(&store),
            alerts: Arc::clone(&alerts),
            clock: Arc::clone(&clock),
            meters: meters.clone(),
        };
        let health = health.component("notifier");
        let planning =
            Planning { store, alerts, lines, seal, clock, roll, changed, calls, meters, health };
        Ok(Notifier { planning, sending, replaying, audit, router: http::router(api) })
    }

    /// The routes under `/v1/subscriptions` and `/v1/operators`.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Works until a stop is wished, then lets what is being sent end. Dropped before, it ends at
    /// once, as by `kill -9`.
    pub async fn run(self, stop: Shutdown) {
        let mut loops = JoinSet::new();
        loops.spawn(self.planning.run(stop.clone()));
        loops.spawn(self.sending.run(stop.clone()));
        loops.spawn(self.replaying.run(stop.clone()));
        loops.spawn(self.audit.run(stop));
        while loops.join_next().await.is_some() {}
    }
}

/// A number that no other process has.
fn owner() -> io::Result<i64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| io::Error::other("no random bytes are to be had"))?;
    Ok(i64::from_le_bytes(bytes) & i64::MAX)
}
