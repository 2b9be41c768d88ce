//! The notifier of `levee up`: its store, its channels, and what it asks of the other services.
//!
//! It only puts together; whom to tell and how is the notifier's business.

use std::{path::Path, sync::Arc};

use ::watcher::Watcher;
use axum::http::{HeaderMap, Method};
use chassis::{Failure, Service};
use console::{
    Desk,
    board::{Filter, Key, State},
};
use notifier::{Alerts, Cases, Channel, Notifier, Parts, Unreadable, signature::SigningKey};
use proto::region::{Area, Prefix};
use store::{Postgres, Sqlite, Store};
use tokio::sync::watch;

use super::{
    Args,
    ports::{AlertsPort, Callers},
};
use crate::{
    channels::Channels,
    folder::{Folder, STORE},
};

/// Cases that a subscription begins with at most.
const PRESENT: usize = 1_000_000;

/// A notifier on the folder, or on the server that the arguments name.
pub(super) async fn notifier(
    service: &Service<Args>,
    folder: &Folder,
    watcher: &Watcher,
    desk: &Arc<Desk>,
    callers: &Arc<Callers>,
) -> Result<Notifier, Failure> {
    let args = service.config();
    let key = folder.signing_key()?;
    let store = store(args.store.as_deref(), &folder.dir().join(STORE)).await?;
    let parts = Parts {
        store,
        alone: args.store.is_none(),
        alerts: Arc::new(AlertsPort(watcher.alerts())),
        cases: Arc::new(CasesPort(Arc::clone(desk))),
        accounts: Arc::clone(callers) as Arc<dyn notifier::Accounts>,
        seal: Some(key.sealing()),
        channels: channels(args, key).await?,
        clock: service.clock(),
        shutdown: service.shutdown(),
        health: service.health().clone(),
        registry: service.registry().clone(),
    };
    Ok(Notifier::new(parts)?)
}

async fn store(url: Option<&str>, file: &Path) -> Result<Arc<dyn Store>, Failure> {
    let opened: Result<Arc<dyn Store>, _> = match url {
        None => Sqlite::open(file).await.map(|store| Arc::new(store) as Arc<dyn Store>),
        Some(url) => Postgres::open(url).await.map(|store| Arc::new(store) as Arc<dyn Store>),
    };
    opened.map_err(|error| Failure::new(1, format!("{}: {error}", error.code().name())))
}

/// The channels of the arguments.
async fn channels(args: &Args, key: SigningKey) -> Result<Vec<Arc<dyn Channel>>, Failure> {
    let setup = Channels::read(args.channels.as_deref())?;
    setup.open(args.allow_webhook.clone(), Some(key)).await
}

impl Alerts for AlertsPort {
    fn partitions(&self) -> u32 {
        1
    }

    fn start(&self, _partition: u32) -> u64 {
        self.0.start()
    }

    fn end(&self, _partition: u32) -> u64 {
        self.0.end()
    }

    fn read(
        &self,
        _partition: u32,
        from: u64,
        most: usize,
        bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Unreadable> {
        self.0.page(from, most, bytes).map_err(|_| Unreadable)
    }

    fn wait(&self) -> watch::Receiver<u64> {
        self.0.follow()
    }
}

/// The open cases as the board has them.
struct CasesPort(Arc<Desk>);

impl Cases for CasesPort {
    fn present(&self, area: &Area, reached: &[(u32, u64)]) -> Option<Vec<(u32, u64)>> {
        let board = self.0.board();
        let known = reached.iter().all(|(_, end)| board.end() >= *end);
        if !known || !self.0.is_live() {
            return None;
        }
        let (area, site) = match area {
            Area::Prefix(prefix) => (*prefix, None),
            Area::Site(site) => (Prefix::ALL, Some(site.clone())),
        };
        let filter = Filter { area, site, level: None, state: Some(State::Open), rule: None };
        let cases = board.list(&filter, None, PRESENT).items;
        let latest = |case: &str| board.revisions(Key::parse(case)?, 1).last().copied();
        // The oldest first, as they came.
        let mut places: Vec<u64> = cases.iter().filter_map(|item| latest(&item.case)).collect();
        places.sort_unstable();
        Some(places.into_iter().map(|number| (0, number)).collect())
    }
}

impl notifier::Accounts for Callers {
    fn caller(&self, method: &Method, headers: &HeaderMap) -> Option<notifier::Caller> {
        let caller = intake::caller::authenticate(self, method, headers).ok()?;
        let (reads, operator) = (caller.reads(), caller.rules());
        Some(notifier::Caller { account: caller.account, region: caller.region, reads, operator })
    }
}
