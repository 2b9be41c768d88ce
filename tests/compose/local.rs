//! The plan's services as processes of this machine: the binary in place of its image, folders in
//! place of volumes, ports of the loopback in place of names.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use system_tests::server::binary;

use crate::plan::{Condition, Mount, Service};

/// How often a state that is waited for is looked at, and how many times at most.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: usize = 1_200;

/// The place where services run.
pub(crate) struct Machine {
    root: PathBuf,
    folder: PathBuf,
    /// Service and port of the compose file → address here.
    addresses: BTreeMap<(String, u16), String>,
    running: Vec<(Service, Child)>,
}

impl Machine {
    /// A machine with nothing running. `folder` gets volumes and logs, `root` is what the image's
    /// working folder holds.
    pub(crate) fn new(root: &Path, folder: &Path) -> Machine {
        let (root, folder) = (root.to_path_buf(), folder.to_path_buf());
        Machine { root, folder, addresses: BTreeMap::new(), running: Vec::new() }
    }

    /// Says where a service that runs elsewhere is.
    pub(crate) fn at(&mut self, service: &str, port: u16, address: String) {
        self.addresses.insert((service.to_owned(), port), address);
    }

    /// Where a service listens here.
    pub(crate) fn address(&mut self, service: &str, port: u16) -> String {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        self.addresses.entry((service.to_owned(), port)).or_insert_with(free).clone()
    }

    /// The folder in place of a volume.
    pub(crate) fn volume(&self, name: &str) -> PathBuf {
        self.folder.join("volumes").join(name)
    }

    /// A value as it must be here: addresses and paths below mounts are put in place.
    fn local(&mut self, service: &Service, names: &[String], value: &str) -> String {
        let mut value = value.to_owned();
        for Mount { source, target } in &service.mounts {
            let rest = value.strip_prefix(target.as_str());
            let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with('/'));
            if let Some(rest) = rest.map(str::to_owned) {
                let place = match source.strip_prefix("./") {
                    Some(below) => self.root.join(below),
                    None => self.volume(source),
                };
                value = format!("{}{rest}", place.display());
            }
        }
        let own = ["0.0.0.0", "127.0.0.1", "localhost"].map(|host| (host, service.name.as_str()));
        let others = names.iter().map(|name| (name.as_str(), name.as_str()));
        let hosts: Vec<_> = own.into_iter().chain(others).collect();
        let (scheme, rest) = match value.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), value.as_str()),
        };
        let parts = rest.split(',').map(|part| {
            let (host, path) = part.split_once('/').map_or((part, None), |(h, p)| (h, Some(p)));
            let (user, host) = host.split_at(host.find('@').map_or(0, |at| at + 1));
            let found = host.split_once(':').and_then(|(host, port)| {
                let (_, service) = hosts.iter().find(|(known, _)| *known == host)?;
                Some(self.address(service, port.parse().ok()?))
            });
            match (found, path) {
                (Some(address), Some(path)) => format!("{user}{address}/{path}"),
                (Some(address), None) => format!("{user}{address}"),
                (None, _) => part.to_owned(),
            }
        });
        let parts: Vec<String> = parts.collect();
        format!("{scheme}{}", parts.join(","))
    }

    fn command(&mut self, service: &Service, names: &[String], words: &[String]) -> Command {
        let mut command = Command::new(binary());
        command.current_dir(&self.root).stdin(Stdio::null());
        for word in words {
            command.arg(self.local(service, names, word));
        }
        for (name, value) in &service.environment {
            command.env(name, self.local(service, names, value));
        }
        command
    }

    /// Starts a service once what it waits for is so.
    pub(crate) fn start(&mut self, service: &Service, names: &[String]) {
        for (other, condition) in &service.after {
            self.wait(other, *condition, names);
        }
        for Mount { source, .. } in &service.mounts {
            if !source.starts_with("./") {
                fs::create_dir_all(self.volume(source)).unwrap();
            }
        }
        let log = File::create(self.log(&service.name)).unwrap();
        let mut command = self.command(service, names, &service.command.clone());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.running.push((service.clone(), child));
    }

    /// Waits until a service is as another one needs it; one that is not run here is.
    pub(crate) fn wait(&mut self, name: &str, condition: Condition, names: &[String]) {
        let Some(at) = self.running.iter().position(|(service, _)| service.name == *name) else {
            return;
        };
        for _ in 0..LOOKS {
            let (service, child) = &mut self.running[at];
            let ended = child.try_wait().unwrap();
            let reached = match (condition, ended) {
                (Condition::Completed, Some(status)) => {
                    assert!(status.success(), "{name}: {status}: {}", self.told(name));
                    true
                }
                (Condition::Started, None) => true,
                (Condition::Healthy, None) => {
                    let service = service.clone();
                    let words = service.health.clone().unwrap();
                    let [program, words @ ..] = words.as_slice() else { panic!("no words") };
                    assert_eq!(program, "levee", "{name} is asked by another program");
                    let mut asked = self.command(&service, names, words);
                    asked.output().unwrap().status.success()
                }
                (Condition::Started | Condition::Healthy, Some(status)) => {
                    panic!("{name} has ended: {status}: {}", self.told(name));
                }
                (Condition::Completed, None) => false,
            };
            if reached {
                return;
            }
            thread::sleep(LOOK);
        }
        panic!("{name} never is {condition:?}: {}", self.told(name));
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// What a service said.
    pub(crate) fn told(&self, name: &str) -> String {
        fs::read_to_string(self.log(name)).unwrap_or_default()
    }

    /// SIGTERM to all that still run, the last started first; each must end in order.
    pub(crate) fn stop(mut self) {
        while let Some((service, mut child)) = self.running.pop() {
            if child.try_wait().unwrap().is_some() {
                continue;
            }
            let pid = child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
            let status = child.wait().unwrap();
            assert!(status.success(), "{}: {status}: {}", service.name, self.told(&service.name));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Whatever a failed test leaves must not run on.
        for (_, child) in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_paths_are_put_in_place() {
        let mut machine = Machine::new(Path::new("/repo"), Path::new("/tmp/x"));
        machine.at("kafka", 9092, "127.0.0.1:20000".into());
        machine.at("door", 8080, "127.0.0.1:31".into());
        let mount =
            |source: &str, target: &str| Mount { source: source.into(), target: target.into() };
        let service = Service {
            name: "door".into(),
            image: "levee".into(),
            command: Vec::new(),
            environment: BTreeMap::new(),
            mounts: vec![mount("keys", "/etc/levee"), mount("./deploy", "/deploy")],
            after: Vec::new(),
            health: None,
        };
        let names = ["door".to_owned(), "kafka".to_owned()];
        for (value, local) in [
            ("kafka:9092", "127.0.0.1:20000"),
            ("kafka:9092,kafka:9092", "127.0.0.1:20000,127.0.0.1:20000"),
            ("0.0.0.0:8080", "127.0.0.1:31"),
            ("http://127.0.0.1:8080/readyz", "http://127.0.0.1:31/readyz"),
            ("x://levee@kafka:9092/base", "x://levee@127.0.0.1:20000/base"),
            ("/etc/levee/token.key", "/tmp/x/volumes/keys/token.key"),
            ("/etc/levees", "/etc/levees"),
            ("/deploy", "/repo/deploy"),
            ("deploy/config/intake.toml", "deploy/config/intake.toml"),
            ("2", "2"),
        ] {
            assert_eq!(machine.local(&service, &names, value), local);
        }
    }
}
