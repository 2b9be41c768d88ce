//! A `levee up` of this very binary on a folder of its own, as users run it.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use chassis::Failure;
use ureq::Agent;

/// How often a state that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// A running process; ended and its folder removed when dropped.
pub(super) struct Running {
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
    agent: Agent,
}

impl Running {
    /// Starts it on a free port and an empty folder in the system's folder for such.
    pub(super) fn start(further: &[&str]) -> Result<Running, Failure> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = env::temp_dir().join(format!("levee-bench-{}", address.port()));
        let child = Command::new(env::current_exe()?)
            .args(["up", "--listen", &address.to_string(), "--data"])
            .arg(&folder)
            .args(further)
            .env("LEVEE_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()?;
        let limit = Some(Duration::from_secs(30));
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(limit);
        Ok(Running { child, folder, address, agent: agent.build().into() })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The value of the header that lets calls in.
    pub(super) fn bearer(&self) -> Result<String, Failure> {
        let token = fs::read_to_string(self.folder.join("operator.token"))?;
        Ok(format!("Bearer {}", token.trim()))
    }

    /// Waits until a path answers with this status.
    pub(super) fn wait_for(&mut self, path: &str, status: u16) -> Result<(), Failure> {
        loop {
            let answer = self.agent.get(self.url(path)).call();
            if answer.is_ok_and(|answer| answer.status() == status) {
                return Ok(());
            }
            if let Some(ended) = self.child.try_wait()? {
                return Err(Failure::new(1, format!("levee up ended early: {ended}")));
            }
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; a folder that stays is in the system's folder for such.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
