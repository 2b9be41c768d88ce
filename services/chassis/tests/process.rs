//! Whole processes: signals, exit codes and panics, which no test inside a process can try.
//!
//! The file runs itself: with `CHASSIS_CHILD` set it is the service under test.

#![expect(clippy::expect_used, reason = "a test without a harness; a failed step must end it")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use chassis::{ConfigError, Failure, Program, SecretString, Service, Settings};

#[derive(Debug)]
struct Config {
    grace: Duration,
    _password: SecretString,
}

impl Settings for Config {
    fn ops(&self) -> Option<SocketAddr> {
        Some(([127, 0, 0, 1], 0).into())
    }

    fn grace(&self) -> Duration {
        self.grace
    }
}

fn main() -> ExitCode {
    if let Ok(part) = std::env::var("CHASSIS_CHILD") {
        return child(part);
    }
    // `cargo test -- --list` and filters have nothing to choose from here.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    a_signal_drains_and_ends_with_0();
    a_body_that_ignores_the_wish_is_cut_with_1();
    a_second_signal_cuts_the_drain();
    a_thread_that_hangs_is_named_with_1();
    a_body_that_fails_ends_with_its_code();
    work_that_is_done_ends_with_0();
    a_bad_configuration_ends_with_64();
    a_panic_in_a_task_or_a_thread_ends_with_70_and_shows_no_message();
    ExitCode::SUCCESS
}

fn child(part: String) -> ExitCode {
    let program = Program { name: "sample", version: "1.2.3" };
    let load = {
        let part = part.clone();
        move || match part.as_str() {
            "config" => Err(ConfigError::MissingKey("http.listen".to_owned())),
            "late" | "thread-late" => Ok(config(Duration::from_millis(50))),
            _ => Ok(config(Duration::from_secs(600))),
        }
    };
    chassis::run(program, load, |service| body(part, service))
}

fn config(grace: Duration) -> Config {
    Config { grace, _password: SecretString::from("hunter2") }
}

async fn body(part: String, service: Service<Config>) -> Result<(), Failure> {
    service.at_stop("journal", || {
        tracing::info!("flushed");
        Ok(())
    });
    let shutdown = service.shutdown();
    service.ready();
    match part.as_str() {
        "drain" => {
            let told = shutdown.clone();
            service.threads().spawn("poll", move || {
                while !told.is_requested() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            })?;
            tracing::info!("up");
            shutdown.requested().await;
            Ok(())
        }
        "late" | "twice" => {
            tracing::info!("up");
            shutdown.requested().await;
            tracing::info!("told");
            std::future::pending().await
        }
        "thread-late" => {
            service.threads().spawn("stuck", || {
                loop {
                    std::thread::park();
                }
            })?;
            tracing::info!("up");
            shutdown.requested().await;
            Ok(())
        }
        "fails" => Err(Failure::data(std::fmt::Error)),
        "panic-task" => {
            tokio::spawn(async { panic!("hunter2") });
            std::future::pending().await
        }
        "panic-thread" => {
            service.threads().spawn("poll", || panic!("hunter2"))?;
            std::future::pending().await
        }
        _ => Ok(()),
    }
}

struct Run {
    process: Child,
    log: BufReader<std::process::ChildStderr>,
    seen: String,
}

impl Run {
    fn start(part: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("the path of this test"))
            .env("CHASSIS_CHILD", part)
            .env_remove("LEVEE_LOG")
            .env_remove("LEVEE_FORMAT")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the test can start itself");
        let log = BufReader::new(process.stderr.take().expect("piped above"));
        Self { process, log, seen: String::new() }
    }

    fn wait_for(&mut self, word: &str) {
        loop {
            let mut line = String::new();
            let n = self.log.read_line(&mut line).expect("the log is text");
            self.seen.push_str(&line);
            assert_ne!(n, 0, "ended without {word}: {}", self.seen);
            if line.contains(word) {
                return;
            }
        }
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.process.id());
        let sent = Command::new("sh").arg("-c").arg(kill).status().expect("sh is there");
        assert!(sent.success());
    }

    fn end(mut self) -> (Option<i32>, String) {
        self.log.read_to_string(&mut self.seen).expect("the log is text");
        let status = self.process.wait().expect("the child is ours");
        (status.code(), self.seen)
    }
}

fn a_signal_drains_and_ends_with_0() {
    for name in ["TERM", "INT"] {
        let mut run = Run::start("drain");
        run.wait_for("up");
        run.signal(name);
        let (code, log) = run.end();
        assert_eq!(code, Some(0), "{log}");
        let place = |word| log.find(word).unwrap_or_else(|| panic!("no {word} in {log}"));
        assert!(place("starting") < place("stopping"));
        assert!(place("stopping") < place("flushed"));
        assert!(place("flushed") < place("drained"));
        assert!(log.contains("1.2.3") && log.contains("REDACTED") && !log.contains("hunter2"));
    }
}

fn a_body_that_ignores_the_wish_is_cut_with_1() {
    let mut run = Run::start("late");
    run.wait_for("up");
    run.signal("TERM");
    let (code, log) = run.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("drain timed out") && log.contains("flushed"), "{log}");
}

fn a_second_signal_cuts_the_drain() {
    let mut run = Run::start("twice");
    run.wait_for("up");
    run.signal("TERM");
    run.wait_for("told");
    run.signal("TERM");
    let (code, log) = run.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("cut short"), "{log}");
}

fn a_thread_that_hangs_is_named_with_1() {
    let mut run = Run::start("thread-late");
    run.wait_for("up");
    run.signal("TERM");
    let (code, log) = run.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("threads still running: stuck"), "{log}");
}

fn a_body_that_fails_ends_with_its_code() {
    assert_eq!(Run::start("fails").end().0, Some(65));
}

fn work_that_is_done_ends_with_0() {
    let (code, log) = Run::start("done").end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("flushed"), "{log}");
}

fn a_bad_configuration_ends_with_64() {
    let (code, log) = Run::start("config").end();
    assert_eq!(code, Some(64), "{log}");
    assert!(log.contains("missing key http.listen"), "{log}");
}

fn a_panic_in_a_task_or_a_thread_ends_with_70_and_shows_no_message() {
    for part in ["panic-task", "panic-thread"] {
        let (code, log) = Run::start(part).end();
        assert_eq!(code, Some(70), "{log}");
        assert!(log.contains("process.rs:") && !log.contains("hunter2"), "{log}");
        assert!(!log.contains("flushed"), "nothing is committed after a panic: {log}");
    }
}
