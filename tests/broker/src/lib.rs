//! A real Apache Kafka for tests and measures: one KRaft node on a folder and a pair of ports of
//! its own. It knows Kafka's server and refuses to know any client.
//!
//! The jars are resolved by Maven once, into the target folder. The server runs below a shell that
//! watches its owner: when the owner drops it, panics or is killed, the server is killed and its
//! folder removed.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

/// The version that is started.
pub const VERSION: &str = "4.4.0";
/// Pairs of ports begin here, below the range that systems give to outgoing connections: a port
/// from that range could be taken by a client while the server restarts.
const FIRST_PORT: u16 = 20_000;
const PAIRS: u16 = 5_000;
/// How often a state that is waited for is looked at, and how many times at most.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 1_200;

/// Settings beyond Kafka's defaults: one node of everything, few internal partitions, no topic that
/// nobody made.
const PROPERTIES: &[(&str, &str)] = &[
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("listener.security.protocol.map", "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT"),
    ("inter.broker.listener.name", "BROKER"),
    ("controller.listener.names", "CONTROLLER"),
    ("auto.create.topics.enable", "false"),
    ("default.replication.factor", "1"),
    ("min.insync.replicas", "1"),
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "4"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
];

/// Runs the server given as its further arguments; kills it and removes the folder when standard
/// input ends, which it does with whoever holds the other end.
const SUPERVISOR: &str = r#"
folder=$1; shift
exec 3<&0
"$@" </dev/null >>"$folder/broker.log" 2>&1 &
pid=$!
echo $pid
( read -r _ <&3; : >"$folder/over"; kill -9 $pid ) >/dev/null 2>&1 &
guard=$!
exec 3<&- 1>&-
wait $pid
kill $guard
[ ! -e "$folder/over" ] || rm -rf "$folder"
"#;

/// A broker; killed and its folder removed when dropped.
#[derive(Debug)]
pub struct Broker {
    folder: PathBuf,
    port: u16,
    _pair: File,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    supervisor: Child,
    pid: u32,
}

impl Broker {
    /// Starts one; nothing, and one line that says so, where Java or Maven is missing and
    /// `LEVEE_REQUIRE` does not name `kafka`.
    ///
    /// # Panics
    /// It does not start, or it is required and cannot be had.
    #[must_use]
    pub fn start() -> Option<Broker> {
        Broker::start_with(&[])
    }

    /// As [`Broker::start`], with further or other server properties.
    ///
    /// # Panics
    /// As [`Broker::start`].
    #[must_use]
    pub fn start_with(further: &[(&str, &str)]) -> Option<Broker> {
        Broker::start_for(further, None)
    }

    /// As [`Broker::start_with`], knowing a user by name and password (SCRAM-SHA-512).
    ///
    /// # Panics
    /// As [`Broker::start`].
    #[must_use]
    pub fn start_for(further: &[(&str, &str)], user: Option<(&str, &str)>) -> Option<Broker> {
        if !installed() {
            return None;
        }
        let libs = libs();
        let (port, pair) = free_pair();
        let folder = env::temp_dir().join(format!("levee-kafka-{}-{port}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("server.properties"), properties(&folder, port, further)).unwrap();
        let cluster = format!("levee-test-{:011}", port);
        let formatted = java(libs, "256m")
            .args(["kafka.tools.StorageTool", "format", "-t", &cluster, "-c"])
            .arg(folder.join("server.properties"))
            .args(user.iter().flat_map(|(name, password)| {
                ["-S".into(), format!("SCRAM-SHA-512=[name={name},password={password}]")]
            }))
            .output()
            .unwrap();
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        let mut broker = Broker { folder, port, _pair: pair, running: None };
        broker.restart();
        Some(broker)
    }

    /// Where it listens, `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The server's process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.pid)
    }

    /// Starts it again on the same folder and ports, and waits until it listens.
    ///
    /// # Panics
    /// It runs already, or ends before it listens.
    pub fn restart(&mut self) {
        assert!(self.running.is_none(), "the broker runs already");
        let server = java(libs(), "1g");
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "sh"])
            .arg(&self.folder)
            .arg(server.get_program())
            .args(server.get_args())
            .arg("kafka.Kafka")
            .arg(self.folder.join("server.properties"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It would only say that the server was killed.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(supervisor.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        let pid = pid.trim().parse().unwrap();
        self.running = Some(Running { supervisor, pid });
        for _ in 0..LOOKS {
            // The listener opens only once the broker may serve.
            if TcpStream::connect(self.address()).is_ok() {
                return;
            }
            let running = self.running.as_mut().unwrap();
            assert!(running.supervisor.try_wait().unwrap().is_none(), "{}", self.log());
            thread::sleep(LOOK);
        }
        panic!("the broker does not listen: {}", self.log());
    }

    /// `kill -9`; waits until the process has gone.
    ///
    /// # Panics
    /// It does not run.
    pub fn kill(&mut self) {
        self.end("-KILL");
    }

    /// An orderly stop; waits until the process has gone.
    ///
    /// # Panics
    /// It does not run.
    pub fn stop(&mut self) {
        self.end("-TERM");
    }

    fn end(&mut self, signal: &str) {
        let mut running = self.running.take().unwrap();
        let pid = running.pid.to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        // `Child::wait` would close standard input first, which removes the folder.
        let stdin = running.supervisor.stdin.take();
        running.supervisor.wait().unwrap();
        drop(stdin);
    }

    /// A tool of Kafka's own, given by its class; it gets `arguments` and this broker's jars.
    #[must_use]
    pub fn tool(&self, class: &str, arguments: &[&str]) -> Command {
        let mut tool = java(libs(), "256m");
        tool.arg(class).args(arguments);
        tool
    }

    /// The end of what the server wrote.
    fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.join("broker.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        match self.running.take() {
            // Standard input is closed here: the supervisor kills and removes.
            Some(mut running) => drop(running.supervisor.wait()),
            None => drop(fs::remove_dir_all(&self.folder)),
        }
    }
}

/// One broker for all tests of a process; nothing where there is none and none is required.
pub fn shared() -> Option<&'static Broker> {
    static SHARED: OnceLock<Option<Broker>> = OnceLock::new();
    SHARED.get_or_init(Broker::start).as_ref()
}

/// Whether Java and Maven are there; says that Kafka's tests are skipped where they are not.
fn installed() -> bool {
    let runs = |program: &str, argument: &str| {
        let silent = || Stdio::null();
        let run = Command::new(program).arg(argument).stdout(silent()).stderr(silent()).status();
        run.is_ok_and(|status| status.success())
    };
    if runs("java", "-version") && (cached(&folder_of_jars()) || runs("mvn", "-v")) {
        return true;
    }
    let required = env::var("LEVEE_REQUIRE").unwrap_or_default();
    assert!(!required.contains("kafka"), "java and mvn are required for kafka and not installed");
    eprintln!("skipped: tests on kafka need java and mvn (packages default-jre-headless, maven)");
    false
}

fn java(libs: &Path, heap: &str) -> Command {
    let mut java = Command::new("java");
    java.arg(format!("-Xmx{heap}"))
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .arg("-cp")
        .arg(libs.join("*"));
    java
}

fn folder_of_jars() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    target.join(format!("kafka-{VERSION}"))
}

/// Only a complete folder gets its name.
fn cached(folder: &Path) -> bool {
    folder.join("libs").is_dir()
}

/// The folder of the jars, resolved by Maven the first time.
fn libs() -> &'static Path {
    static LIBS: OnceLock<PathBuf> = OnceLock::new();
    LIBS.get_or_init(|| {
        fs::create_dir_all(folder_of_jars()).unwrap();
        // Maven takes a relative path from the pom's folder.
        let folder = folder_of_jars().canonicalize().unwrap();
        let lock = File::create(folder.join("LOCK")).unwrap();
        lock.lock().unwrap();
        let libs = folder.join("libs");
        if !cached(&folder) {
            let (pom, fresh) = (folder.join("pom.xml"), folder.join("fresh"));
            fs::write(&pom, include_str!("../pom.xml").replace("@VERSION@", VERSION)).unwrap();
            let resolved = Command::new("mvn")
                .args(["-B", "-q", "-f"])
                .arg(&pom)
                .arg("dependency:copy-dependencies")
                .arg(format!("-DoutputDirectory={}", fresh.display()))
                .output()
                .unwrap();
            assert!(resolved.status.success(), "{}", String::from_utf8_lossy(&resolved.stdout));
            fs::rename(&fresh, &libs).unwrap();
        }
        libs
    })
}

/// The first of two free neighbouring ports, and the lock that keeps them for this broker.
fn free_pair() -> (u16, File) {
    let begin = u16::try_from(process::id() % u32::from(PAIRS)).unwrap();
    for n in 0..PAIRS {
        let port = FIRST_PORT + 2 * ((begin + n) % PAIRS);
        let lock = File::create(env::temp_dir().join(format!("levee-kafka-{port}.lock"))).unwrap();
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if lock.try_lock().is_ok() && free(port) && free(port + 1) {
            return (port, lock);
        }
    }
    panic!("no two free ports");
}

fn properties(folder: &Path, port: u16, further: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let controller = port + 1;
    let own = [
        ("controller.quorum.voters", format!("1@127.0.0.1:{controller}")),
        ("listeners", format!("BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}")),
        ("advertised.listeners", format!("BROKER://127.0.0.1:{port}")),
        ("log.dirs", folder.join("log").display().to_string()),
    ];
    let own = own.iter().map(|(name, value)| (*name, value.as_str()));
    // The last of two lines for one name counts.
    for (name, value) in own.chain(PROPERTIES.iter().copied()).chain(further.iter().copied()) {
        writeln!(text, "{name}={value}").unwrap();
    }
    text
}

#[cfg(test)]
mod tests;
