//! The broker's life: it listens, survives `kill -9` on its folder, and leaves nothing behind.

use super::*;

fn runs(pid: u32) -> bool {
    // A process that has ended and waits for its parent has no memory any more.
    fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| status.contains("VmRSS:"))
}

fn becomes(mut state: impl FnMut() -> bool) -> bool {
    (0..LOOKS).any(|_| {
        state() || {
            thread::sleep(LOOK);
            false
        }
    })
}

#[test]
fn a_broker_is_killed_restarted_and_gone_with_its_owner() {
    let Some(mut broker) = Broker::start() else { return };
    let first = broker.pid().unwrap();
    broker.kill();
    assert!(!runs(first) && broker.folder.exists());
    assert!(TcpStream::connect(broker.address()).is_err());
    broker.restart();
    let second = broker.pid().unwrap();
    assert!(runs(second));
    broker.stop();
    assert!(!runs(second) && broker.folder.exists());
    broker.restart();
    let (third, folder) = (broker.pid().unwrap(), broker.folder.clone());
    drop(broker);
    assert!(becomes(|| !runs(third)), "the server outlives its owner");
    assert!(becomes(|| !folder.exists()), "the folder is left behind");
}

const CHILD: &str = "LEVEE_TEST_BROKER_CHILD";

/// Starts a broker, says so and waits to be killed; does nothing when run by itself.
#[test]
fn an_owner() {
    if env::var_os(CHILD).is_some() {
        let broker = Broker::start().unwrap();
        println!("\nbroker {} {}", broker.pid().unwrap(), broker.folder.display());
        thread::sleep(LOOK * u32::try_from(LOOKS).unwrap());
    }
}

#[test]
fn a_broker_does_not_outlive_an_owner_that_is_killed() {
    if !installed() {
        return;
    }
    let mut owner = Command::new(env::current_exe().unwrap())
        .args(["--exact", "tests::an_owner", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let said = lines.map(Result::unwrap).find(|line| line.starts_with("broker ")).unwrap();
    let [_, pid, folder] = said.split(' ').collect::<Vec<_>>()[..] else { panic!("{said}") };
    let pid = pid.parse().unwrap();
    assert!(runs(pid));
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(becomes(|| !runs(pid)), "the server outlives its owner");
    assert!(becomes(|| !Path::new(folder).exists()), "the folder is left behind");
}
