//! The process under test: the real binary on a folder of its own.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

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
pub struct Server {
    child: Child,
    data: PathBuf,
    address: SocketAddr,
}

impl Server {
    /// Starts it on a free port, with this pack in force.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(data: &Path, rules: &Path) -> Server {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Server::start_on(data, rules, address)
    }

    /// Starts it on this address.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start_on(data: &Path, rules: &Path, address: SocketAddr) -> Server {
        Server::start_with(data, rules, address, &[])
    }

    /// Starts it on this address with further arguments.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start_with(data: &Path, rules: &Path, address: SocketAddr, more: &[&str]) -> Server {
        let child = Command::new(binary())
            .arg("up")
            .arg("--data")
            .arg(data)
            .arg("--rules")
            .arg(rules)
            .arg("--listen")
            .arg(address.to_string())
            .args(more)
            .env("LEVEE_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Server { child, data: data.to_path_buf(), address }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The beginning of its addresses.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The operator's token.
    ///
    /// # Panics
    /// It is not there yet.
    #[must_use]
    pub fn token(&self) -> String {
        fs::read_to_string(self.data.join("operator.token")).unwrap().trim().to_owned()
    }

    /// Waits for `/readyz`.
    ///
    /// # Panics
    /// The process ends before.
    pub fn wait_until_ready(&mut self) {
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

    /// Posts a body and gives the status and the answer.
    ///
    /// # Panics
    /// There is no answer, or it is not JSON.
    #[must_use]
    pub fn post(&self, path: &str, content_type: &str, body: &str) -> (u16, Value) {
        let call = agent()
            .post(format!("{}{path}", self.base()))
            .header("authorization", format!("Bearer {}", self.token()))
            .content_type(content_type);
        let mut answer = call.send(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    /// Any call with the operator's token; the answer is `null` where it is not JSON.
    ///
    /// # Panics
    /// There is no answer.
    #[must_use]
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let call = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base()))
            .header("authorization", format!("Bearer {}", self.token()))
            .header("content-type", "application/json");
        let text = body.map(Value::to_string).unwrap_or_default();
        let mut answer = agent().run(call.body(text).unwrap()).unwrap();
        let status = answer.status().as_u16();
        (status, answer.body_mut().read_json().unwrap_or(Value::Null))
    }

    /// Every item of a list.
    ///
    /// # Panics
    /// A page is not what it should be.
    #[must_use]
    pub fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let (status, page) = self.call("GET", &format!("{path}?limit=500{cursor}"), None);
            assert_eq!(status, 200, "{page}");
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Posts lines in calls of at most 5,000; none of them may be answered as a whole with an error.
    ///
    /// # Panics
    /// A call is.
    pub fn post_lines(&self, path: &str, lines: &[String]) {
        for some in lines.chunks(5_000) {
            let (status, told) = self.post(path, "application/x-ndjson", &some.join("\n"));
            assert_eq!(status, 200, "{told}");
        }
    }

    /// `kill -9`.
    ///
    /// # Panics
    /// It cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// An orderly stop.
    ///
    /// # Panics
    /// It does not end with 0.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "an orderly stop ends with 0");
    }

    /// The published level of every household with an open case.
    ///
    /// # Panics
    /// A page of the list is not what it should be.
    #[must_use]
    pub fn levels(&self) -> BTreeMap<String, String> {
        levels(&self.base(), &self.token())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whatever a failed test leaves must not run on.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The level of every household with an open case, as the lists at this address show it.
///
/// # Panics
/// A page of the list is not what it should be.
#[must_use]
pub fn levels(base: &str, token: &str) -> BTreeMap<String, String> {
    let agent = agent();
    let mut levels = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let url = format!("{base}/v1/cases?limit=100{cursor}");
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

/// A client that gives answers of any status.
#[must_use]
pub fn agent() -> Agent {
    let limit = Some(Duration::from_secs(30));
    Agent::config_builder().http_status_as_error(false).timeout_global(limit).build().into()
}

/// The binary, built once with the cargo and the target folder that run the test.
///
/// # Panics
/// It does not build.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // What the cargo that runs the test says of the test's package would build libraries anew.
        let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let of_package =
            |name: &String| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|p| name.starts_with(p));
        names.filter(of_package).for_each(|name| {
            cargo.env_remove(name);
        });
        let built = cargo
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
