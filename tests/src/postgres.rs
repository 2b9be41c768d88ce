//! A PostgreSQL server for a test: the installed binaries on a folder of their own, on 127.0.0.1.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

use std::{
    env, fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// Where distributions put the server's programs.
const INSTALLED: &str = "/usr/lib/postgresql";
/// Without a server's own account, the account of nobody.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// A running server; it ends with its owner.
pub struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts one in `folder`. Nothing, and one line that says so, where PostgreSQL is not
    /// installed.
    ///
    /// # Panics
    /// It is installed and cannot be started, or `LEVEE_REQUIRE` names it and it is not installed.
    #[must_use]
    pub fn start(folder: &Path) -> Option<Server> {
        let required = env::var("LEVEE_REQUIRE").is_ok_and(|all| all.contains("postgres"));
        let Some(programs) = programs() else {
            assert!(!required, "LEVEE_REQUIRE names postgres, and initdb is not installed");
            println!("skipped: postgresql is not installed");
            return None;
        };
        let data = folder.join("postgres");
        fs::create_dir_all(&data).unwrap();
        let account = account(&data);
        if let Some((user, group)) = account {
            chown(&data, Some(user), Some(group)).unwrap();
        }
        let mut made = as_account(&programs.join("initdb"), account, &data);
        let made = made.args(["-A", "trust", "-U", "levee", "-E", "UTF8", "--no-sync", "-D"]);
        let made = made.arg(&data).stdout(Stdio::null()).status().unwrap();
        assert!(made.success(), "initdb failed");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = as_account(&programs.join("postgres"), account, &data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "max_connections=64", "-k"])
            .arg(&data)
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Server { child, port };
        let ready = || {
            Command::new(programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
                .status()
                .unwrap()
                .success()
        };
        while !ready() {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "postgres ended before it listened");
            thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    /// Where it listens, `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The address of a database; `postgres` is there from the beginning.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://levee@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT: it ends its sessions and itself at once, and leaves no process behind.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let _ = self.child.wait();
    }
}

/// The folder of `initdb` and `postgres`.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = fs::read_dir(INSTALLED).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    let mut folders = versions.into_iter().rev().chain(env::split_paths(&path));
    folders.find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// The server refuses the rights of root: the account that it takes instead of ours, if we are root.
fn account(ours: &Path) -> Option<(u32, u32)> {
    if fs::metadata(ours).unwrap().uid() != 0 {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let numbers = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(|field| field.parse().unwrap());
        Some((fields.next()?, fields.next()?))
    };
    Some(ACCOUNTS.into_iter().find_map(numbers).unwrap())
}

fn as_account(program: &Path, account: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if let Some((user, group)) = account {
        command.uid(user).gid(group);
    }
    command
}
