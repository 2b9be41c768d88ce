//! The process under test: the real binary on a folder of its own.

use std::{
    collections::BTreeMap,
    env, fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

use serde_json::Value;
use ureq::Agent;

/// A running `levee up`.
pub(crate) struct Server {
    child: Child,
    data: PathBuf,
    address: SocketAddr,
}

impl Server {
    /// Starts it on a free port.
    pub(crate) fn start(data: &Path, rules: &Path) -> Server {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Server::start_on(data, rules, address)
    }

    pub(crate) fn start_on(data: &Path, rules: &Path, address: SocketAddr) -> Server {
        let child = Command::new(binary())
            .arg("up")
            .arg("--data")
            .arg(data)
            .arg("--rules")
            .arg(rules)
            .arg("--listen")
            .arg(address.to_string())
            .env("LEVEE_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Server { child, data: data.to_path_buf(), address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn token(&self) -> String {
        fs::read_to_string(self.data.join("operator.token")).unwrap().trim().to_owned()
    }

    /// Waits for `/readyz`; the process may not end before.
    pub(crate) fn wait_until_ready(&mut self) {
        let agent = agent();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("levee up ended before it was ready: {status}");
            }
            let answer = agent.get(format!("{}/readyz", self.base())).call();
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// An orderly stop.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "an orderly stop ends with 0");
    }

    /// The published level of every household with an open case.
    pub(crate) fn levels(&self) -> BTreeMap<String, String> {
        let (agent, token) = (agent(), self.token());
        let mut levels = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let url = format!("{}/v1/cases?limit=100{cursor}", self.base());
            let call = agent.get(url).header("authorization", format!("Bearer {token}")).call();
            let page: Value = call.unwrap().body_mut().read_json().unwrap();
            for item in page["items"].as_array().unwrap() {
                let text = |key: &str| item[key].as_str().unwrap().to_owned();
                levels.insert(text("household"), text("level"));
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return levels,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whatever a failed test leaves must not run on.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn agent() -> Agent {
    let limit = Some(Duration::from_secs(30));
    Agent::config_builder().http_status_as_error(false).timeout_global(limit).build().into()
}

/// Builds the binary once, with the cargo and the target folder that run the test.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "-p", "levee", "--message-format=json-render-diagnostics"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(built.status.success(), "levee does not build");
        let lines = String::from_utf8(built.stdout).unwrap();
        let messages = lines.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok());
        let mut found = messages.filter_map(|m| m["executable"].as_str().map(PathBuf::from));
        found.find(|path| path.file_stem().is_some_and(|name| name == "levee")).unwrap()
    })
}
