//! From a durable alert to its webhook's 2xx at a steady rate: where every endpoint answers; where
//! some hang, with how much later the others get theirs; and with very many deliveries waiting for
//! endpoints that are dead.
//!
//! The log, the ledger, the planner, the channel and the receiver are the real ones, in this
//! process; only the fold is left out.

use std::{
    collections::HashMap,
    env, fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use axum::{Router, extract::State, http::HeaderMap, routing::post};
use chassis::{Failure, Health, SharedClock, Shutdown, SystemClock};
use log::{Batch, EmbeddedLog, Log, Settings};
use notifier::{Alerts, Notifier, Parts, Unreadable, channel::webhook::Webhook};
use outbound::{AllowList, Client, Limits, Roots, SystemResolver};
use proto::{date::Instant, ids};
use serde_json::json;
use store::{Accounts, IN_FLIGHT, PENDING, Sqlite, Store, Subscription, Subscriptions};
use tokio::{net::TcpListener, sync::watch};

use super::row::{Row, percentile, rss};

/// Subscriptions that wait for a dead endpoint; each alert for them is so many deliveries.
const DEAD: u64 = 50;
/// Alerts of one append while deliveries pile up.
const PILE: u64 = 500;
/// Not counted at the beginning.
const WARM: Duration = Duration::from_secs(2);
/// How long the last answers are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// From a durable alert to its webhook's 2xx, at a steady rate
#[derive(clap::Args)]
pub(super) struct Args {
    /// Alerts a second
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// For so long, after two seconds that are not counted
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Endpoints, each for a village of its own
    #[arg(long, default_value_t = 50)]
    endpoints: u64,
    /// Of them, those that never answer
    #[arg(long, default_value_t = 5)]
    hang: u64,
    /// Deliveries that wait for dead endpoints in the second measure
    #[arg(long, default_value_t = 1_000_000)]
    pending: u64,
}

pub(super) fn run(args: &Args) -> Result<Vec<Row>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = env::temp_dir().join(format!("levee-bench-notify-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let rows = runtime.block_on(measure(args, folder.clone()));
    runtime.shutdown_background();
    // A folder that stays is in the system's folder for such.
    let _ = fs::remove_dir_all(&folder);
    rows
}

async fn measure(args: &Args, folder: PathBuf) -> Result<Vec<Row>, Failure> {
    let clock: SharedClock = Arc::new(SystemClock::new());
    let topic = Arc::new(Topic::open(&folder)?);
    let receiver = Receiver::start(Arc::clone(&clock)).await?;
    let store = Arc::new(Sqlite::open(&folder.join("store.sqlite")).await?);
    for n in 0..args.endpoints {
        let way = if n < args.hang { "hang" } else { "ok" };
        let url = format!("{}/{way}", receiver.base);
        store.create(&subscription(n, &region(n), &url), &[], 0, &[]).await?;
    }
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let dead = format!("http://{closed}");
    for n in 0..DEAD {
        let url = format!("{dead}/{n}");
        store.create(&subscription(1_000_000 + n, "9902", &url), &[], 0, &[]).await?;
    }
    let allowed = [receiver.base.clone(), dead];
    let stop = Shutdown::default();
    let running = tokio::spawn(notifier(&store, &topic, &clock, &allowed)?.run(stop.clone()));
    // The same load for each endpoint that answers, before anything is sent to those that hang.
    let healthy = Load { hang: 0, from: args.hang, ..Load::of(args) };
    let before = steady("notify_healthy", &healthy, &topic, &receiver, &clock, 2).await?;
    let mut row = steady("notify", &Load::of(args), &topic, &receiver, &clock, 0).await?;
    let micros = |time: Option<Duration>| time.map_or(0, |time| time.as_micros());
    let (was, is) = (micros(before.p99).max(1), micros(row.p99));
    let rise = is.saturating_sub(was).saturating_mul(1_000) / was;
    row.note("p99_rise_permille", u64::try_from(rise).unwrap_or(u64::MAX));
    let mut rows = vec![before, row];
    if args.pending > 0 {
        let begun = clock.monotonic();
        pile(args.pending / DEAD, &topic, &store, &clock).await?;
        let spent = clock.monotonic().saturating_sub(begun);
        let load = Load::of(args);
        let mut row = steady("notify_pending", &load, &topic, &receiver, &clock, 1).await?;
        row.note("pending", waiting(&store).await?);
        row.note_seconds("pile_seconds", spent);
        rows.push(row);
    }
    stop.request();
    // What hangs is cut.
    let _ = tokio::time::timeout(Duration::from_secs(1), running).await;
    Ok(rows)
}

fn notifier(
    store: &Arc<Sqlite>,
    topic: &Arc<Topic>,
    clock: &SharedClock,
    allowed: &[String],
) -> Result<Notifier, Failure> {
    let list = AllowList::new(allowed).map_err(|_| Failure::new(1, "no allow-list"))?;
    let client = Client::new(list, SystemResolver, Roots::none(), Limits::default())
        .map_err(|error| Failure::new(1, error.to_string()))?;
    let parts = Parts {
        store: Arc::clone(store) as Arc<dyn Store>,
        alone: true,
        alerts: Arc::clone(topic) as Arc<dyn Alerts>,
        cases: Arc::new(Nobody),
        accounts: Arc::new(Nobody),
        channels: vec![Arc::new(Webhook::new(client, Vec::new()))],
        seal: None,
        clock: Arc::clone(clock),
        shutdown: Shutdown::default(),
        health: Health::new(Arc::clone(clock)),
        registry: prometheus::Registry::new(),
    };
    Ok(Notifier::new(parts)?)
}

/// What is appended in a measure.
#[derive(Clone, Copy)]
struct Load {
    /// Alerts a second.
    rate: u64,
    seconds: u64,
    /// Endpoints that get them.
    endpoints: u64,
    /// Of them, those that never answer; they come first.
    hang: u64,
    /// The number of the first endpoint.
    from: u64,
}

impl Load {
    fn of(args: &Args) -> Load {
        let Args { rate, seconds, endpoints, hang, .. } = *args;
        Load { rate, seconds, endpoints: endpoints.max(1), hang, from: 0 }
    }

    /// The load without the endpoints before `from`: the same for each of the others.
    fn each(self) -> Load {
        let endpoints = self.endpoints.saturating_sub(self.from).max(1);
        Load { rate: (self.rate * endpoints / self.endpoints).max(1), endpoints, ..self }
    }
}

/// Appends alerts at their instants, one by one, and takes the time from durable to 2xx.
async fn steady(
    name: &'static str,
    load: &Load,
    topic: &Arc<Topic>,
    receiver: &Receiver,
    clock: &SharedClock,
    round: u64,
) -> Result<Row, Failure> {
    let Load { rate, seconds, endpoints, hang, from } = load.each();
    let warm = WARM.as_secs() * rate;
    let alerts = warm + seconds * rate;
    let (topic, ticks) = (Arc::clone(topic), Arc::clone(clock));
    let begun = clock.monotonic();
    let sent = tokio::task::spawn_blocking(move || {
        let mut durable = Vec::new();
        for n in 0..alerts {
            let due = begun + Duration::from_micros(n * 1_000_000 / rate);
            thread::sleep(due.saturating_sub(ticks.monotonic()));
            let family = round * 100_000_000 + n;
            let now = Instant(ticks.now_unix_micros());
            let (id, line) = alert(family, &region(from + n % endpoints), now);
            topic.append(&[&line])?;
            durable.push((n, id, ticks.monotonic()));
        }
        Ok::<_, Failure>(durable)
    });
    let durable = sent.await.map_err(Failure::from)??;
    let wanted: Vec<_> = durable.into_iter().filter(|(n, ..)| n % endpoints >= hang).collect();
    let deadline = clock.monotonic() + PATIENCE;
    while clock.monotonic() < deadline && !wanted.iter().all(|(_, id, _)| receiver.at(id).is_some())
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let elapsed = clock.monotonic().saturating_sub(begun);
    let counted = wanted.iter().filter(|(n, ..)| *n >= warm);
    let mut times: Vec<Duration> = counted
        .filter_map(|(_, id, durable)| Some(receiver.at(id)?.saturating_sub(*durable)))
        .collect();
    times.sort_unstable();
    let missing = wanted.iter().filter(|(_, id, _)| receiver.at(id).is_none()).count();
    let mut row = Row { name, n: alerts, elapsed, ..Row::default() };
    (row.p50, row.p99) = (percentile(&times, 50), percentile(&times, 99));
    row.rss_bytes = rss(None);
    row.note("rate", rate);
    row.note("endpoints", endpoints);
    row.note("hanging", hang);
    row.note("delivered", times.len());
    row.note("missing", missing);
    row.note_ms("max_ms", times.last().copied().unwrap_or_default());
    Ok(row)
}

/// Lets deliveries to dead endpoints pile up until all of them wait.
async fn pile(
    alerts: u64,
    topic: &Arc<Topic>,
    store: &Sqlite,
    clock: &SharedClock,
) -> Result<(), Failure> {
    let mut from = 0;
    while from < alerts {
        let to = alerts.min(from + PILE);
        let now = Instant(clock.now_unix_micros());
        let lines: Vec<Vec<u8>> =
            (from..to).map(|n| alert(900_000_000 + n, "990201001001", now).1).collect();
        let topic = Arc::clone(topic);
        let append = move || topic.append(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>());
        tokio::task::spawn_blocking(append).await.map_err(Failure::from)??;
        from = to;
    }
    let wanted = i64::try_from(alerts * DEAD).unwrap_or(i64::MAX);
    while waiting(store).await? < wanted {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

async fn waiting(store: &Sqlite) -> Result<i64, Failure> {
    let (_, accounts) = store.accounts().await?;
    let of = |state: i64| usize::try_from(state).unwrap_or(0);
    let waits = |rows: &[i64; 6]| rows[of(PENDING)] + rows[of(IN_FLIGHT)];
    Ok(accounts.iter().map(|account| waits(&account.rows[0])).sum())
}

fn region(n: u64) -> String {
    format!("990101001{:03}", 1 + n)
}

fn alert(family: u64, region: &str, now: Instant) -> (String, Vec<u8>) {
    let household = format!("B{family:09}");
    let case = ids::case_id(&household, 1);
    let id = ids::alert_id(&case, 1);
    let line = json!({"specversion": "1.0", "id": id, "source": "levee/99",
        "type": "levee.alert.v1", "time": now.to_string(),
        "subject": format!("household/{household}"),
        "data": {"case": case, "episode": 1, "revision": 1, "change": "opened", "level": "red",
            "previous_level": "none", "household": household, "region": region, "site": null,
            "risks": ["illness"], "route": ["village"], "notice": "signal_not_decision"}});
    (id, line.to_string().into_bytes())
}

fn subscription(n: u64, region: &str, url: &str) -> Subscription {
    let body = json!({"name": format!("s{n}"), "region": region, "start": "now",
        "channel": {"kind": "webhook", "url": url}});
    Subscription {
        key: 0,
        id: format!("s{n}"),
        owner: "bench".into(),
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

/// The alerts topic, on disk.
struct Topic {
    log: EmbeddedLog,
    end: watch::Sender<u64>,
}

impl Topic {
    fn open(folder: &std::path::Path) -> Result<Topic, Failure> {
        let log = EmbeddedLog::open(&folder.join("alerts"), &Settings::new("alerts", 1))
            .map_err(|error| Failure::new(1, error.to_string()))?;
        Ok(Topic { log, end: watch::Sender::new(0) })
    }

    fn append(&self, lines: &[&[u8]]) -> Result<(), Failure> {
        let range = self.log.append(0, lines);
        let range = range.map_err(|error| Failure::new(1, error.to_string()))?;
        self.end.send_replace(range.end);
        Ok(())
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
        bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Unreadable> {
        let mut batch = Batch::new();
        self.log.read(0, from, bytes, &mut batch).map_err(|_| Unreadable)?;
        Ok(batch.iter().take(most).map(|(number, line)| (number, line.to_vec())).collect())
    }

    fn wait(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }
}

/// Nobody calls, and no case is open.
struct Nobody;

impl notifier::Cases for Nobody {
    fn present(
        &self,
        _area: &proto::region::Area,
        _reached: &[(u32, u64)],
    ) -> Option<Vec<(u32, u64)>> {
        Some(Vec::new())
    }
}

impl notifier::Accounts for Nobody {
    fn caller(
        &self,
        _method: &axum::http::Method,
        _headers: &HeaderMap,
    ) -> Option<notifier::Caller> {
        None
    }
}

type Seen = Arc<Mutex<HashMap<String, Duration>>>;

/// A receiver of webhooks that notes when each id was answered with 200.
struct Receiver {
    base: String,
    seen: Seen,
}

impl Receiver {
    async fn start(clock: SharedClock) -> Result<Receiver, Failure> {
        let seen = Seen::default();
        let router = Router::new()
            .route("/ok", post(take))
            .route("/hang", post(std::future::pending::<()>))
            .with_state((Arc::clone(&seen), clock));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let options = chassis::serve::Options { connections: 4_096, ..Default::default() };
        tokio::spawn(chassis::serve::serve(listener, router, options, Shutdown::default()));
        Ok(Receiver { base, seen })
    }

    fn at(&self, id: &str) -> Option<Duration> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }
}

async fn take(State((seen, clock)): State<(Seen, SharedClock)>, headers: HeaderMap) {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let now = clock.monotonic();
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.entry(id.to_owned()).or_insert(now);
}
