//! The whole table in a network of its own, in which every address of the world is this machine
//! and a trap listens on it: no hostile URL and no hostile DNS answer touches one.
//!
//! It needs `unshare`, `ip` and user namespaces; without them the test says so and passes, unless
//! `LEVEE_REQUIRE` names `namespaces`.

#![expect(clippy::expect_used, reason = "a test: a failed step must end it")]

#[path = "hostile/forms.rs"]
mod forms;

use std::{
    env,
    io::ErrorKind,
    net::{IpAddr, Ipv6Addr, TcpListener},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use outbound::{Addresses, AllowList, Bytes, Client, Fault, HeaderMap, Limits, Resolver, Roots};

const ADDRESSES: &str = include_str!("hostile/addresses.txt");
const DRESS: &str = include_str!("hostile/dress.txt");
const URLS: &str = include_str!("hostile/urls.txt");

/// Every address is this machine's.
const NETWORK: &str = "ip link set lo up && ip route add local default dev lo && \
                       ip -6 route add local default dev lo && exec \"$0\" \"$@\"";

/// Answers every name with what it was last told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<IpAddr>>>);

impl Resolver for Told {
    fn resolve<'a>(&'a self, _: &'a str) -> Addresses<'a> {
        let answer = self.0.lock().expect("no panic held it").clone();
        Box::pin(std::future::ready(Ok(answer)))
    }
}

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn addresses() -> Vec<IpAddr> {
    lines(ADDRESSES).map(|line| line.parse().expect("an address")).collect()
}

/// How many connections wait to be accepted; both families arrive at the same trap.
fn touched(traps: &[TcpListener]) -> usize {
    let mut count = 0;
    for trap in traps {
        trap.set_nonblocking(true).expect("a listener");
        while trap.accept().is_ok() {
            count += 1;
        }
    }
    count
}

async fn post(client: &Client, url: &str) -> Result<u16, Fault> {
    let endpoint = client.check(url)?;
    Ok(client.post(&endpoint, HeaderMap::new(), Bytes::new()).await?.status)
}

#[test]
fn no_trap_is_touched() {
    let probe = Command::new("unshare").args(["-r", "-n", "sh", "-c", NETWORK, "true"]).output();
    if !probe.is_ok_and(|ended| ended.status.success()) {
        let required = env::var("LEVEE_REQUIRE").unwrap_or_default();
        assert!(!required.contains("namespaces"), "network namespaces are required");
        eprintln!("skipped: no network namespaces here (packages util-linux and iproute2)");
        return;
    }
    let ended = Command::new("unshare")
        .args(["-r", "-n", "sh", "-c", NETWORK])
        .arg(env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "inside_the_namespace"])
        .output()
        .expect("a child");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "run by the other test in a network of its own"]
async fn inside_the_namespace() {
    let trap = |port: u16| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).expect("a port");
    let traps = [80, 443, 8443, 9000].map(trap);
    let told = Told::default();
    let listed =
        ["hooks.example.gov", "https://hooks.example.gov:8443", "http://plain.example.gov"];
    let limits = Limits { total: Duration::from_millis(200), ..Limits::default() };
    let list = AllowList::new(listed).expect("a list");
    let client = Client::new(list, told.clone(), Roots::none(), limits).expect("a client");

    let mut calls = 0;
    for address in addresses() {
        for host in forms::hosts(address) {
            for dress in lines(DRESS) {
                let url = dress.replace("{host}", &host);
                assert!(post(&client, &url).await.is_err(), "{url}");
                calls += 1;
            }
        }
        for bad in forms::addresses(address) {
            for answer in [vec![bad], vec![IpAddr::from([1, 1, 1, 1]), bad]] {
                *told.0.lock().expect("no panic held it") = answer;
                for url in [
                    "https://hooks.example.gov/",
                    "https://hooks.example.gov:8443/",
                    "http://plain.example.gov/",
                ] {
                    assert_eq!(post(&client, url).await, Err(Fault::Address), "{bad}");
                    calls += 1;
                }
            }
        }
    }
    *told.0.lock().expect("no panic held it") = vec![[127, 0, 0, 1].into()];
    for line in lines(URLS) {
        let (_, url) = line.split_once(' ').unwrap_or((line, ""));
        let url = forms::unescaped(url);
        assert!(post(&client, &url).await.is_err(), "{url:?}");
        calls += 1;
    }
    assert!(calls > 15_000, "{calls}");
    assert_eq!(touched(&traps), 0);

    // The traps work: a public address leads into one.
    for public in ["1.1.1.1", "2606:4700::1111"] {
        *told.0.lock().expect("no panic held it") = vec![public.parse().expect("an address")];
        assert_eq!(post(&client, "http://plain.example.gov/").await, Err(Fault::Timeout));
        assert_eq!(touched(&traps), 1, "{public}");
    }
    assert!(traps[0].accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
}
