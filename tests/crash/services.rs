//! A province of real processes on a real Apache Kafka: one intake and two watchers, and a console
//! for whoever starts it.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use intake::key::{StoredKey, load_key};
use log_kafka::{Cluster, Connection, Dress, KafkaLog, Plan, Settings};
use system_tests::server::{agent, binary};
use test_broker::Broker;

const PLAN: &str = "\
replication: 1
min_insync: 1
topics:
  journal: {partitions: 4, keep: forever, large_records: true}
  persons: {partitions: 2, keep: forever, large_records: true}
  alerts: {partitions: 4, keep: forever, large_records: true}
  dead_letters: {partitions: 2, keep: forever, large_records: true}
  packs: {partitions: 1, keep: forever, large_records: true}
  levee_headers: {partitions: 1, keep: forever}
  feed_events: {partitions: 3, keep: 14d}
";

/// A topic that a platform writes.
pub(crate) const FEED: &str = "feed_events";

/// A configured service and its process.
pub(crate) struct Service {
    name: &'static str,
    config: PathBuf,
    pub(crate) address: SocketAddr,
    /// Where a watcher is asked about households.
    pub(crate) view: Option<SocketAddr>,
    child: Option<Child>,
}

/// Everything that runs.
pub(crate) struct Province {
    pub(crate) broker: Broker,
    folder: tempfile::TempDir,
    pub(crate) intake: Service,
    pub(crate) watchers: Vec<Service>,
    pub(crate) console: Service,
}

/// The topics, read by this process.
pub(crate) struct Topics {
    pub(crate) journal: KafkaLog,
    pub(crate) persons: KafkaLog,
    pub(crate) alerts: KafkaLog,
    pub(crate) dead: KafkaLog,
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Province {
    /// Starts all of it; nothing where there is no Kafka.
    pub(crate) fn start(pack: &str) -> Option<Province> {
        let broker = Broker::start()?;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let cluster = Cluster::connect(&Connection::new(&broker.address(), "crash")).unwrap();
        Plan::read(PLAN).unwrap().create(&cluster).unwrap();
        fs::write(at("topics.yaml"), PLAN).unwrap();
        fs::write(at("pack.yaml"), pack).unwrap();
        fs::write(at("operator.token"), "secret").unwrap();
        make_key(&at("token.key"));
        let shared = format!(
            "[kafka]\nbrokers = {:?}\ntopics = {:?}\n[key]\nfile = {:?}\n",
            broker.address(),
            at("topics.yaml"),
            at("token.key")
        );
        let service = |name: &'static str, file: &str, own: &str, view: Option<SocketAddr>| {
            let address = free();
            let config = at(file);
            let own = own.replace("ADDRESS", &address.to_string());
            fs::write(&config, format!("{shared}{own}")).unwrap();
            Service { name, config, address, view, child: None }
        };
        let views = [free(), free()];
        let asked = format!("[view]\nwatchers = {:?}\n", views.map(|view| view.to_string()));
        let token = at("operator.token");
        let http = format!("[http]\naddress = \"ADDRESS\"\ntoken = {token:?}\n{asked}");
        let intake = format!(
            "{http}[rules]\npacks = [{:?}]\n[feeds]\nevents = [{FEED:?}]\n",
            at("pack.yaml")
        );
        let watcher = |(n, view): (u32, &SocketAddr)| {
            let own = format!(
                "[ops]\naddress = \"ADDRESS\"\n[view]\naddress = \"{view}\"\ntoken = {token:?}\n[snapshots]\nfolder = {:?}\nentries = 300\n{}",
                at("snapshots"),
                group(n)
            );
            service("watcher", &format!("watcher-{n}.toml"), &own, Some(*view))
        };
        let watchers = (0..).zip(&views).map(watcher).collect();
        let intake = service("intake", "intake.toml", &intake, None);
        let console = format!("{http}[model]\nfolder = {:?}\n", at("console"));
        let console = service("console", "console.toml", &console, None);
        let mut province = Province { broker, folder, intake, watchers, console };
        province.watchers.iter_mut().for_each(Service::start);
        province.intake.start();
        province.intake.wait_until_ready();
        Some(province)
    }

    /// A file of the province's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn key(&self) -> StoredKey {
        load_key(&self.folder.path().join("token.key")).unwrap()
    }

    /// Opens the topics as the services do.
    pub(crate) fn topics(&self) -> Topics {
        let connection = Connection::new(&self.broker.address(), "judge");
        let cluster = Cluster::connect(&connection).unwrap();
        let key = Some(self.key().mark());
        let open = |topic: &str, dress| {
            let settings = Settings { topic: topic.to_owned(), partitions: None, key, dress };
            KafkaLog::open(&cluster, &settings).unwrap()
        };
        Topics {
            journal: open("journal", Dress::Bare),
            persons: open("persons", Dress::Bare),
            alerts: open("alerts", Dress::CloudEvent),
            dead: open("dead_letters", Dress::DeadLetter),
        }
    }
}

/// What `levee keys create` makes.
pub(crate) fn make_key(file: &Path) {
    let made = Command::new(binary()).args(["keys", "create", "--out"]).arg(file).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Runs a service to its end with a changed configuration; gives its exit code and what it said.
pub(crate) fn refused(service: &Service, changed: impl Fn(&str) -> String) -> (i32, String) {
    let config = service.config.with_extension("changed.toml");
    fs::write(&config, changed(&fs::read_to_string(&service.config).unwrap())).unwrap();
    let ended = Command::new(binary()).arg(service.name).arg("--config").arg(&config).output();
    let ended = ended.unwrap();
    (ended.status.code().unwrap(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

fn group(n: u32) -> String {
    format!("[group]\nname = \"crash\"\nmember = \"watcher-{n}\"\nsession_ms = 6000\n")
}

impl Service {
    pub(crate) fn start(&mut self) {
        let child = Command::new(binary())
            .arg(self.name)
            .arg("--config")
            .arg(&self.config)
            .env("LEVEE_LOG", "warn")
            .stdout(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// The same service once more, under the same name and at other addresses.
    pub(crate) fn again(&self) -> Service {
        let address = free();
        let config = self.config.with_extension("again.toml");
        let text = fs::read_to_string(&self.config).unwrap();
        let mut text = text.replace(&self.address.to_string(), &address.to_string());
        // One that is paused keeps its addresses.
        let view = self.view.map(|view| (view, free()));
        if let Some((old, new)) = view {
            text = text.replace(&old.to_string(), &new.to_string());
        }
        fs::write(&config, text).unwrap();
        let view = view.map(|(_, new)| new);
        Service { name: self.name, config, address, view, child: None }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// An orderly stop.
    pub(crate) fn stop(&mut self) {
        self.signal("-TERM");
        assert!(self.child.take().unwrap().wait().unwrap().success());
    }

    /// Goes on with a changed configuration after the next start.
    pub(crate) fn configure(&self, changed: impl Fn(&str) -> String) {
        let text = fs::read_to_string(&self.config).unwrap();
        fs::write(&self.config, changed(&text)).unwrap();
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for `/readyz`; starts it again where it has ended, as the compose file does: one that
    /// begins while no broker answers gives up after 30 s.
    pub(crate) fn keep_until_ready(&mut self) {
        while !self.is_ready() {
            let child = self.child.as_mut();
            if child.is_none_or(|child| child.try_wait().unwrap().is_some()) {
                self.start();
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn is_ready(&self) -> bool {
        let answer = agent().get(format!("http://{}/readyz", self.address)).call();
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// Waits for `/readyz`.
    pub(crate) fn wait_until_ready(&mut self) {
        while !self.is_ready() {
            let child = self.child.as_mut().unwrap();
            if let Some(status) = child.try_wait().unwrap() {
                panic!("levee {} ended before it was ready: {status}", self.name);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Whatever a failed test leaves must not run on.
        self.kill();
    }
}
