//! A notifier in this process, for what the real binary cannot show: another clock, and several
//! instances on one log. The channel, the store and the receiver are the real ones.

use std::sync::{Arc, Mutex};

use chassis::{Health, SharedClock, Shutdown};
use notifier::{
    Accounts, Alerts, Caller, Cases, Notifier, Parts, Unreadable, channel::webhook::Webhook,
};
use outbound::{AllowList, Client, Limits, Roots, SystemResolver};
use proto::{date::Instant, ids, region::Area};
use serde_json::json;
use store::{Store, Subscription};
use tokio::{sync::watch, task::JoinHandle};

/// An alerts topic of one partition in memory.
pub(crate) struct Topic {
    lines: Mutex<Vec<Vec<u8>>>,
    end: watch::Sender<u64>,
}

impl Topic {
    pub(crate) fn new() -> Arc<Topic> {
        Arc::new(Topic { lines: Mutex::default(), end: watch::Sender::new(0) })
    }

    pub(crate) fn append(&self, lines: impl Iterator<Item = Vec<u8>>) {
        let mut kept = self.lines.lock().unwrap();
        kept.extend(lines);
        self.end.send_replace(kept.len() as u64);
    }
}

impl Alerts for Topic {
    fn partitions(&self) -> u32 {
        1
    }

    fn start(&self, _partition: u32) -> u64 {
        0
    }

    fn end(&self, _partition: u32) -> u64 {
        *self.end.borrow()
    }

    fn read(
        &self,
        _partition: u32,
        from: u64,
        most: usize,
        _bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Unreadable> {
        let lines = self.lines.lock().unwrap();
        let numbered = (0..).zip(lines.iter().cloned());
        Ok(numbered.skip(from as usize).take(most).collect())
    }

    fn wait(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }
}

struct Nobody;

impl Cases for Nobody {
    fn present(&self, _area: &Area, _reached: &[(u32, u64)]) -> Option<Vec<(u32, u64)>> {
        Some(Vec::new())
    }
}

impl Accounts for Nobody {
    fn caller(
        &self,
        _method: &ureq::http::Method,
        _headers: &ureq::http::HeaderMap,
    ) -> Option<Caller> {
        None
    }
}

pub(crate) fn alert(n: u64, time: Instant) -> Vec<u8> {
    let household = format!("H{n:06}");
    let case = ids::case_id(&household, 1);
    json!({"specversion": "1.0", "id": ids::alert_id(&case, 1), "source": "levee/99",
        "type": "levee.alert.v1", "time": time.to_string(),
        "subject": format!("household/{household}"),
        "data": {"case": case, "episode": 1, "revision": 1, "change": "opened", "level": "red",
            "previous_level": "none", "household": household, "region": "990102003004"}})
    .to_string()
    .into_bytes()
}

pub(crate) fn subscription(id: &str, url: &str, second: Option<&str>) -> Subscription {
    let target = |url: &str| json!({"kind": "webhook", "url": url});
    let body = json!({"name": id, "region": "99", "start": "now", "channel": target(url),
        "escalate_to": second.map(target)});
    Subscription {
        key: 0,
        id: id.into(),
        owner: "operator".into(),
        within: String::new(),
        state: store::ACTIVE,
        code: None,
        body: body.to_string(),
        secret: Some(vec![7; 32]),
        former_secret: None,
        former_until: None,
        since_seq: 0,
        created_at: 1,
        changed_at: 1,
    }
}

/// Starts a notifier.
pub(crate) fn start(
    store: Arc<dyn Store>,
    alone: bool,
    topic: &Arc<Topic>,
    clock: SharedClock,
    allowed: &[String],
) -> (Shutdown, JoinHandle<()>) {
    let list = AllowList::new(allowed).unwrap();
    let client = Client::new(list, SystemResolver, Roots::none(), Limits::default()).unwrap();
    let parts = Parts {
        store,
        alone,
        alerts: Arc::clone(topic) as Arc<dyn Alerts>,
        cases: Arc::new(Nobody),
        accounts: Arc::new(Nobody),
        channels: vec![Arc::new(Webhook::new(client, Vec::new()))],
        seal: None,
        clock: Arc::clone(&clock),
        shutdown: Shutdown::default(),
        health: Health::new(clock),
        registry: prometheus::Registry::new(),
    };
    let stop = Shutdown::default();
    (stop.clone(), tokio::spawn(Notifier::new(parts).unwrap().run(stop)))
}
