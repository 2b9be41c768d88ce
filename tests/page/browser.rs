//! A headless Chromium by way of its driver: the few calls of the WebDriver protocol that are
//! needed, as W3C writes them.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use system_tests::server::agent;

const DRIVERS: [&str; 2] = ["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver"];
/// How often a state that is waited for is looked at, and how many times at most.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 600;

/// A window of a browser; closed when dropped.
pub(crate) struct Browser {
    driver: Child,
    session: String,
}

impl Browser {
    /// Starts one; nothing where there is none and none is required.
    pub(crate) fn start() -> Option<Browser> {
        let Some(path) = DRIVERS.iter().find(|path| Path::new(path).exists()) else {
            let required = std::env::var("LEVEE_REQUIRE").unwrap_or_default();
            assert!(!required.contains("chromium"), "chromium and its driver are required");
            eprintln!("skipped: chromium's driver is not installed (package chromium-driver)");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new(path)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let base = format!("http://127.0.0.1:{port}");
        let mut browser = Browser { driver, session: base.clone() };
        let ready = || agent().get(format!("{base}/status")).call().is_ok();
        assert!(
            (0..LOOKS).any(|_| ready() || {
                thread::sleep(LOOK);
                false
            }),
            "no driver"
        );
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = browser.call("session", &wanted);
        browser.session = format!("{base}/session/{}", made["sessionId"].as_str().unwrap());
        Some(browser)
    }

    fn call(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/{path}", self.session);
        let mut answer = agent().post(url).send_json(body).unwrap();
        let status = answer.status();
        let mut told: Value = answer.body_mut().read_json().unwrap();
        assert_eq!(status, 200, "{path}: {}", told["value"]["message"]);
        told["value"].take()
    }

    pub(crate) fn open(&self, url: &str) {
        self.call("url", &json!({"url": url}));
    }

    pub(crate) fn resize(&self, width: u32, height: u32) {
        self.call("window/rect", &json!({"width": width, "height": height}));
    }

    /// What a script returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.call("execute/sync", &json!({"script": script, "args": []}))
    }

    /// The text of the first element that is found.
    pub(crate) fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({selector:?})?.innerText ?? ''");
        self.run(&script).as_str().unwrap().to_owned()
    }

    /// Waits until a script returns this number.
    pub(crate) fn wait_for(&self, what: &str, script: &str, number: i64) {
        for _ in 0..LOOKS {
            if self.run(script) == number {
                return;
            }
            thread::sleep(LOOK);
        }
        panic!("{what} did not come: {}", self.text("body"));
    }

    /// What the console complained of.
    pub(crate) fn errors(&self) -> Vec<String> {
        let entries = self.call("se/log", &json!({"type": "browser"}));
        let severe = entries.as_array().unwrap().iter().filter(|e| e["level"] == "SEVERE");
        severe.map(|entry| entry["message"].to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser with the session; both must go whatever failed before.
        let _ = agent().delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
