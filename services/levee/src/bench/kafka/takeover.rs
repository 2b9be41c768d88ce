//! From a watcher killed to its partitions deciding elsewhere: two `levee watcher` processes as
//! users run them, one of them ended by SIGKILL while events keep coming.

use std::{
    collections::BTreeMap,
    env, fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use chassis::{Clock, Failure};
use intake::{key::load_key, pack::Packer};
use log::Log;
use log_kafka::{Dress, HEADERS, KafkaLog, Plan, Settings};
use proto::{date::Instant, frame::Entry, ids::HouseholdKey};
use watcher::{ALERTS, DEAD_LETTERS, JOURNAL, PERSONS};

use super::{Bench, delay::profile, load};
use crate::{
    bench::row::{Row, rss},
    packs,
};

/// Households that are resident.
const HOUSEHOLDS: u64 = 100_000;
/// Entries of a partition after which its watcher keeps a snapshot.
const SNAPSHOT: u64 = 10_000;
/// The session of the services' samples.
const SESSION_MS: u32 = 6_000;
/// How long between two events of one partition, and two looks.
const EVERY: Duration = Duration::from_millis(50);
/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A watcher's process, ended when dropped.
struct Watcher {
    child: Child,
    address: SocketAddr,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The topics of a province, and a household of each partition.
struct Province<'a> {
    bench: &'a Bench<'a>,
    folder: tempfile::TempDir,
    journal: Arc<dyn Log>,
    alerts: Arc<dyn Log>,
    /// How often each household was written of.
    homes: Vec<(u64, u64)>,
}

pub(super) fn run(bench: &Bench<'_>) -> Result<Row, Failure> {
    let mut province = Province::make(bench)?;
    let watchers = [province.watcher(0)?, province.watcher(1)?];
    let [one, other] = &watchers;
    let all = bench.args.partitions as usize;
    province.until("shared between the two watchers", |_| {
        let (mine, others) = (live(one)?, live(other)?);
        Ok(!mine.is_empty() && !others.is_empty() && mine.len() + others.len() == all)
    })?;
    let before = live(one)?;
    let [killed, left] = watchers;
    let begun = bench.clock.monotonic();
    drop(killed);
    let mut ends = BTreeMap::new();
    for partition in &before {
        ends.insert(*partition, province.alerts.end(*partition)?);
    }
    let mut each = BTreeMap::new();
    province.until("decided elsewhere", |province| {
        for partition in &before {
            province.event(*partition)?;
            let end = province.alerts.end(*partition)?;
            if end > ends[partition] {
                let at = bench.clock.monotonic();
                each.entry(*partition).or_insert(at.saturating_sub(begun));
            }
        }
        Ok(each.len() == before.len())
    })?;
    let elapsed = each.values().max().copied().unwrap_or_default();
    let mut row = Row { name: "kafka.takeover", elapsed, ..Row::default() };
    row.n = before.len() as u64;
    row.rss_bytes = rss(Some(left.child.id()));
    row.note_seconds("first_seconds", each.values().min().copied().unwrap_or_default());
    row.note("households", HOUSEHOLDS);
    row.note("session_ms", SESSION_MS);
    row.note("partitions", bench.args.partitions);
    Ok(row)
}

impl<'a> Province<'a> {
    fn make(bench: &'a Bench<'a>) -> Result<Province<'a>, Failure> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let partitions = bench.args.partitions;
        let topic = |name, partitions| {
            format!("  {name}: {{partitions: {partitions}, keep: forever, large_records: true}}\n")
        };
        let mut plan = format!(
            "replication: 1\nmin_insync: 1\ntopics:\n  {HEADERS}: {{partitions: 1, keep: forever}}\n"
        );
        for name in [JOURNAL, PERSONS, ALERTS, DEAD_LETTERS] {
            plan.push_str(&topic(name, partitions));
        }
        plan.push_str(&topic("packs", 1));
        fs::write(at("topics.yaml"), &plan)?;
        if bench.cluster.partitions_of(JOURNAL).is_ok() {
            return Err(Failure::new(64, "the takeover needs a broker without levee's topics"));
        }
        Plan::read(&plan).map_err(Failure::usage)?.create(bench.cluster)?;
        let made = Command::new(env::current_exe()?)
            .args(["keys", "create", "--out"])
            .arg(at("token.key"))
            .stdout(Stdio::null())
            .status()?;
        if !made.success() {
            return Err(Failure::new(1, "no key was made"));
        }
        let key = load_key(&at("token.key")).map_err(Failure::usage)?;
        let open = |topic: &str, dress| -> Result<Arc<dyn Log>, Failure> {
            let topic = topic.to_owned();
            let settings = Settings { topic, partitions: None, key: Some(key.mark()), dress };
            Ok(Arc::new(KafkaLog::open(bench.cluster, &settings)?))
        };
        let journal = open(JOURNAL, Dress::Bare)?;
        let alerts = open(ALERTS, Dress::CloudEvent)?;
        let mut packer = Packer::new(partitions, partitions);
        for pack in &bench.pack.packs {
            packer.add(&packs::entry(pack), &bench.pack.catalogue);
        }
        let mut homes = vec![(0, 0); partitions as usize];
        for n in 0..HOUSEHOLDS {
            let partition = HouseholdKey::of(&load::name(n)).partition(partitions);
            homes[partition as usize] = (n, 0);
            packer.add(&profile(n)?, &bench.pack.catalogue);
            if n % 10_000 == 9_999 {
                let (frames, _) = packer.pack(Instant(bench.clock.now_unix_micros()));
                frames.iter().try_for_each(|(p, frame)| journal.append(*p, &[frame]).map(drop))?;
            }
        }
        Ok(Province { bench, folder, journal, alerts, homes })
    }

    fn watcher(&self, n: u32) -> Result<Watcher, Failure> {
        let at = |name: &str| self.folder.path().join(name);
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = at(&format!("watcher-{n}.toml"));
        let text = format!(
            "[kafka]\nbrokers = {:?}\ntopics = {:?}\n[key]\nfile = {:?}\n[ops]\naddress = \"{address}\"\n[snapshots]\nfolder = {:?}\nentries = {SNAPSHOT}\n[group]\nname = \"bench\"\nmember = \"watcher-{n}\"\nsession_ms = {SESSION_MS}\n",
            self.bench.args.brokers,
            at("topics.yaml"),
            at("token.key"),
            at("snapshots"),
        );
        fs::write(&config, text)?;
        Ok(Watcher { child: process(&config)?, address })
    }

    /// An event about the household of a partition, which raises or takes back an alert.
    fn event(&mut self, partition: u32) -> Result<(), Failure> {
        let bench = self.bench;
        let (household, number) = &mut self.homes[partition as usize];
        *number += 1;
        let fen = if *number % 2 == 1 { 9_000_000 } else { -9_000_000 };
        let entry: Entry = load::amount(bench, *household, *number, fen)?;
        let mut packer = Packer::new(bench.args.partitions, bench.args.partitions);
        packer.add(&entry, &bench.pack.catalogue);
        let (frames, _) = packer.pack(Instant(bench.clock.now_unix_micros()));
        frames.iter().try_for_each(|(p, frame)| self.journal.append(*p, &[frame]).map(drop))?;
        Ok(())
    }

    fn until(
        &mut self,
        what: &str,
        mut is_so: impl FnMut(&mut Self) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let clock = self.bench.clock;
        let begun = clock.monotonic();
        while !is_so(self)? {
            if clock.monotonic().saturating_sub(begun) > PATIENCE {
                return Err(Failure::new(1, format!("the partitions are not {what} in time")));
            }
            thread::sleep(EVERY);
        }
        Ok(())
    }
}

fn process(config: &Path) -> Result<Child, Failure> {
    let child = Command::new(env::current_exe()?)
        .args(["watcher", "--config"])
        .arg(config)
        .env("LEVEE_LOG", "error")
        .stdout(Stdio::null())
        .spawn();
    Ok(child?)
}

/// Partitions of the journal that a watcher says it has restored.
fn live(watcher: &Watcher) -> Result<Vec<u32>, Failure> {
    const LINE: &str = "levee_partition_live{partition=\"journal-";
    let Ok(mut answer) = ureq::get(format!("http://{}/metrics", watcher.address)).call() else {
        // It does not listen yet.
        return Ok(Vec::new());
    };
    let text = answer.body_mut().read_to_string().map_err(|e| Failure::new(1, e.to_string()))?;
    let live = text.lines().filter_map(|line| {
        let (number, value) = line.strip_prefix(LINE)?.split_once("\"} ")?;
        (value == "1").then(|| number.parse().ok())?
    });
    Ok(live.collect())
}
