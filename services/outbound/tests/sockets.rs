//! The client against real sockets on this machine: what it follows, reads, waits for and trusts.

#![expect(clippy::expect_used, reason = "a test: a failed step must end it")]

#[path = "sockets/receiver.rs"]
mod receiver;

use std::{
    env,
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use outbound::{
    Addresses, AllowList, Answer, Bytes, Client, Fault, HeaderMap, Limits, Resolver, Roots, header,
};

use receiver::{Receiver, Then, Trap};

/// Gives these addresses in turn, the last one from then on.
#[derive(Clone, Default)]
struct Names {
    given: Vec<Ipv4Addr>,
    asked: Arc<AtomicUsize>,
}

impl Resolver for Names {
    fn resolve<'a>(&'a self, _: &'a str) -> Addresses<'a> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self.given.get(turn).or(self.given.last());
        let answer = found.map(|address| vec![IpAddr::from(*address)]);
        Box::pin(std::future::ready(answer.ok_or(ErrorKind::NotFound.into())))
    }
}

fn client(listed: &[String], names: &Names, roots: Roots, limits: Limits) -> Client {
    let list = AllowList::new(listed).expect("a good list");
    Client::new(list, names.clone(), roots, limits).expect("a client")
}

/// Long enough for a slow machine, short enough for a test that waits for it.
fn short() -> Limits {
    Limits { total: Duration::from_millis(300), ..Limits::default() }
}

async fn post(client: &Client, url: &str) -> Result<Answer, Fault> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain"));
    client.post(&client.check(url).expect("listed"), headers, Bytes::from_static(b"body")).await
}

/// Posts to a receiver that answers so, at an address that is listed.
async fn answered(answer: &str, then: Then, limits: Limits) -> Result<Answer, Fault> {
    let receiver = Receiver::start(answer.as_bytes().to_vec(), then).await;
    let base = format!("http://{}", receiver.address);
    let client = client(std::slice::from_ref(&base), &Names::default(), Roots::none(), limits);
    post(&client, &format!("{base}/hook")).await
}

fn told(outcome: Result<Answer, Fault>) -> &'static str {
    outcome.map_or_else(|fault| fault.code().name(), |_| "an answer")
}

#[tokio::test]
async fn a_call_arrives_as_it_was_meant() {
    let answer = b"HTTP/1.1 202 Accepted\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nok";
    let receiver = Receiver::start(answer.to_vec(), Then::KeepOpen).await;
    let base = format!("http://{}", receiver.address);
    let listed = [base.clone()];
    let client = client(&listed, &Names::default(), Roots::none(), Limits::default());
    for _ in 0..3 {
        let answer = post(&client, &format!("{base}/hook?key=1")).await.expect("an answer");
        assert_eq!((answer.status, &answer.body[..], answer.cut), (202, &b"ok"[..], false));
        assert_eq!(answer.headers[header::RETRY_AFTER], "7");
    }
    let expected = format!(
        "POST /hook?key=1 HTTP/1.1\r\ncontent-type: text/plain\r\nhost: {}\r\n\
         content-length: 4\r\n\r\nbody",
        receiver.address
    );
    assert_eq!(receiver.requests(), [expected.clone(), expected.clone(), expected]);
    assert_eq!(receiver.connections(), 1, "a sound connection is used again");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let trap = Trap::start(Ipv4Addr::LOCALHOST, 0).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} X\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n",
            trap.address
        );
        let answer = answered(&answer, Then::KeepOpen, Limits::default()).await;
        assert_eq!(answer.expect("an answer").status, status);
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn an_answer_is_read_up_to_the_limit() {
    let whole = "x".repeat(64 << 10);
    let sized =
        |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let answer = answered(&sized(&whole), Then::KeepOpen, Limits::default()).await;
    let answer = answer.expect("an answer");
    assert_eq!((answer.body.len(), answer.cut), (64 << 10, false));

    let longer = "x".repeat(65 << 10);
    let answer = answered(&sized(&longer), Then::KeepOpen, Limits::default()).await;
    let answer = answer.expect("an answer");
    assert_eq!((answer.body.len(), answer.cut), (64 << 10, true));

    // The limit holds for what is read, whatever the answer says of its length.
    let endless = "HTTP/1.1 200 OK\r\n\r\n";
    let answer = answered(endless, Then::Repeat("y".repeat(1_000)), Limits::default()).await;
    let answer = answer.expect("an answer");
    assert_eq!((answer.body.len(), answer.cut), (64 << 10, true));
}

#[tokio::test]
async fn an_answer_that_does_not_end_in_time_is_none() {
    for answer in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"] {
        assert_eq!(told(answered(answer, Then::Hang, short()).await), "outbound.timeout");
    }
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let dripped = answered(head, Then::Drip("1\r\nx\r\n"), short()).await;
    assert_eq!(told(dripped), "outbound.timeout");
    let dripped = answered("HTTP/1.1 200 OK\r\n", Then::Drip("a: b\r\n"), short()).await;
    assert_eq!(told(dripped), "outbound.timeout");
}

#[tokio::test]
async fn what_is_no_whole_answer_is_told_apart() {
    for answer in [
        "",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 99 X\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        &format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101)),
        &format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(1 << 20)),
    ] {
        let outcome = answered(answer, Then::Close, Limits::default()).await;
        let shown = &answer[..answer.len().min(60)];
        assert_eq!(told(outcome), "outbound.answer", "{shown:?}");
    }
}

#[tokio::test]
async fn a_closed_port_is_told_apart() {
    let closed = Trap::start(Ipv4Addr::LOCALHOST, 0).await.stop().await;
    let base = format!("http://{closed}");
    let listed = [base.clone()];
    let client = client(&listed, &Names::default(), Roots::none(), Limits::default());
    assert_eq!(told(post(&client, &base).await), "outbound.connect");
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_connected_to() {
    let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    let receiver = Receiver::start(answer.to_vec(), Then::Close).await;
    let port = receiver.address.port();
    let other = Ipv4Addr::new(127, 0, 0, 2);
    let trap = Trap::start(other, port).await;
    // The name stands for the listed address once, and for the trap from then on.
    let names = Names { given: vec![Ipv4Addr::LOCALHOST, other], ..Names::default() };
    let url = format!("http://rebinding.example:{port}");
    let listed = [url.clone(), format!("http://127.0.0.1:{port}")];
    let client = client(&listed, &names, Roots::none(), Limits::default());
    let first = post(&client, &url).await.expect("an answer");
    assert_eq!((first.status, names.asked.load(Ordering::SeqCst)), (204, 1));
    for _ in 0..20 {
        assert_eq!(told(post(&client, &url).await), "outbound.address");
    }
    assert_eq!(names.asked.load(Ordering::SeqCst), 21, "asked once for each connection");
    assert_eq!((receiver.connections(), trap.connections()), (1, 0));
}

#[tokio::test]
async fn a_peer_must_prove_that_it_is_the_host() {
    let folder = env::temp_dir().join(format!("levee-outbound-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let authority = receiver::Authority::new();
    let pem = folder.join("authority.pem");
    std::fs::write(&pem, authority.pem()).expect("a file");
    let trusted = || Roots::none().and_file(&pem).expect("a certificate");
    let stranger = receiver::Authority::new();
    for (signed_by, name, expired, roots, expected) in [
        (&authority, "hooks.example.gov", false, trusted(), "an answer"),
        (&authority, "hooks.example.gov", false, Roots::none(), "outbound.tls"),
        (&authority, "hooks.example.gov", false, Roots::system(), "outbound.tls"),
        (&authority, "other.example.gov", false, trusted(), "outbound.tls"),
        (&authority, "hooks.example.gov", true, trusted(), "outbound.tls"),
        (&stranger, "hooks.example.gov", false, trusted(), "outbound.tls"),
    ] {
        let answer = b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
        let server = signed_by.server(name, expired);
        let receiver = Receiver::start_tls(answer, Then::KeepOpen, server).await;
        let names = Names { given: vec![Ipv4Addr::LOCALHOST], ..Names::default() };
        let port = receiver.address.port();
        let url = format!("https://hooks.example.gov:{port}");
        let listed = [url.clone(), format!("https://127.0.0.1:{port}")];
        let client = client(&listed, &names, roots, Limits::default());
        assert_eq!(told(post(&client, &url).await), expected, "{name} {expired}");
        assert_eq!(receiver.requests().len(), usize::from(expected == "an answer"));
    }
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn a_file_of_certificates_must_hold_one() {
    let folder = env::temp_dir().join(format!("levee-roots-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let pem = folder.join("authority.pem");
    assert!(Roots::none().and_file(&pem).is_err(), "no file");
    for text in ["", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&pem, text).expect("a file");
        assert!(Roots::none().and_file(&pem).is_err(), "{text}");
    }
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn the_environment_names_no_proxy() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let trap = runtime.block_on(Trap::start(Ipv4Addr::LOCALHOST, 0));
    let proxy = format!("http://{}", trap.address);
    let mut child = Command::new(env::current_exe().expect("this test"));
    child.args(["--exact", "a_call_arrives_as_it_was_meant"]);
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        child.env(name, &proxy).env(name.to_uppercase(), &proxy);
    }
    let ended = child.env_remove("no_proxy").env_remove("NO_PROXY").output().expect("a child");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(trap.connections(), 0);
    assert_ne!(trap.address, SocketAddr::from(([127, 0, 0, 1], 0)));
}
