//! Real sockets: what a slow, big, idle or late peer gets.

use std::sync::Mutex;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;

const SHORT: Duration = Duration::from_millis(40);

struct Server {
    address: SocketAddr,
    shutdown: Shutdown,
    running: JoinHandle<Drained>,
}

async fn serving(router: Router, options: Options) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::default();
    let running = tokio::spawn(serve(listener, router, options, shutdown.clone()));
    Server { address, shutdown, running }
}

fn hello() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/", post(|body: axum::body::Bytes| async move { body.len().to_string() }))
}

/// Sends `bytes` and reads until the server closes.
async fn until_closed(address: SocketAddr, bytes: &[u8]) -> String {
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(bytes).await.unwrap();
    rest(&mut peer).await
}

async fn rest(peer: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is a close as well; what came before it counts.
    let _ = peer.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// Reads one answer whose end is `end`, and leaves the connection open.
async fn one(peer: &mut TcpStream, end: &str) -> String {
    let mut answer = String::new();
    while !answer.ends_with(end) {
        let mut chunk = [0; 512];
        let n = peer.read(&mut chunk).await.unwrap();
        assert_ne!(n, 0, "closed after {answer:?}");
        answer.push_str(std::str::from_utf8(&chunk[..n]).unwrap());
    }
    answer
}

#[tokio::test]
async fn a_head_that_does_not_end_closes_the_connection() {
    let server = serving(hello(), Options { head_timeout: SHORT, ..Options::default() }).await;
    assert_eq!(until_closed(server.address, b"GET / HTTP/1.1\r\nHo").await, "");
    assert_eq!(until_closed(server.address, b"").await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_second_slow_head_too() {
    let long = Duration::from_secs(600);
    let idle = Options { idle_timeout: SHORT, head_timeout: long, ..Options::default() };
    let server = serving(hello(), idle).await;
    let answer = until_closed(server.address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");

    let slow = Options { idle_timeout: long, head_timeout: SHORT, ..Options::default() };
    let server = serving(hello(), slow).await;
    let mut peer = TcpStream::connect(server.address).await.unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    one(&mut peer, "hello").await;
    peer.write_all(b"GET").await.unwrap();
    assert_eq!(rest(&mut peer).await, "");
}

#[tokio::test]
async fn a_big_head_is_431_and_one_below_the_limit_is_served() {
    let server = serving(hello(), Options::default()).await;
    let head = |bytes: usize| {
        let fill = "x".repeat(bytes);
        format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Fill: {fill}\r\n\r\n")
    };
    let answer = until_closed(server.address, head(15 * 1024).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = until_closed(server.address, head(17 * 1024).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_body_that_loses_its_pace_or_its_time_is_408_and_closed() {
    let begun = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123";
    let pace = Options { body_pace_every: SHORT, ..Options::default() };
    let time = Options { body_timeout: SHORT, ..Options::default() };
    for options in [pace.clone(), time] {
        let server = serving(hello(), options).await;
        let answer = until_closed(server.address, begun).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    let problem = Problem::new("body.slow", StatusCode::REQUEST_TIMEOUT, "Too slow");
    let server = serving(hello(), Options { slow_body: Some(problem), ..pace }).await;
    let answer = until_closed(server.address, begun).await;
    assert!(answer.contains("application/problem+json") && answer.contains("body.slow"));
}

#[tokio::test]
async fn a_whole_body_reaches_its_handler() {
    let server = serving(hello(), Options::default()).await;
    let body = "x".repeat(200_000);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = until_closed(server.address, request.as_bytes()).await;
    assert!(answer.ends_with("\r\n\r\n200000"), "{answer}");
}

#[tokio::test]
async fn at_the_limit_of_connections_the_next_one_waits_for_a_seat() {
    let server = serving(hello(), Options { connections: 1, ..Options::default() }).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    one(&mut first, "hello").await;
    let mut second = TcpStream::connect(server.address).await.unwrap();
    second.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let early = tokio::time::timeout(SHORT, one(&mut second, "hello")).await;
    assert!(early.is_err(), "served beyond the limit");
    drop(first);
    one(&mut second, "hello").await;
}

#[tokio::test]
async fn a_stop_lets_the_request_in_flight_end_and_refuses_new_peers() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&entered), Arc::clone(&release));
    let slow = get(move || async move {
        tell.notify_one();
        wait.notified().await;
        "late but whole"
    });
    let server = serving(Router::new().route("/", slow), Options::default()).await;
    let idle = TcpStream::connect(server.address).await.unwrap();
    let mut peer = TcpStream::connect(server.address).await.unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    entered.notified().await;
    server.shutdown.request();
    // Closed by the server: from here on it is known to be stopping.
    let mut idle = idle;
    assert_eq!(rest(&mut idle).await, "");
    assert!(TcpStream::connect(server.address).await.is_err());
    release.notify_one();
    assert!(rest(&mut peer).await.ends_with("late but whole"));
    assert_eq!(server.running.await.unwrap(), Drained::All);
}

#[tokio::test]
async fn a_request_that_outlives_the_drain_is_cut_and_counted() {
    let entered = Arc::new(Notify::new());
    let tell = Arc::clone(&entered);
    let stuck = get(move || async move {
        tell.notify_one();
        std::future::pending::<&str>().await
    });
    let options = Options { drain: SHORT, ..Options::default() };
    let server = serving(Router::new().route("/", stuck), options).await;
    let mut peer = TcpStream::connect(server.address).await.unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    entered.notified().await;
    server.shutdown.request();
    assert_eq!(server.running.await.unwrap(), Drained::Cut(1));
    assert_eq!(rest(&mut peer).await, "");
}

#[tokio::test]
async fn a_handler_learns_who_its_peer_is() {
    let seen = Arc::new(Mutex::new(None));
    let note = Arc::clone(&seen);
    let who = get(move |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
        *note.lock().unwrap() = Some(peer);
        "noted"
    });
    let server = serving(Router::new().route("/", who), Options::default()).await;
    let mut peer = TcpStream::connect(server.address).await.unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    one(&mut peer, "noted").await;
    assert_eq!(*seen.lock().unwrap(), Some(peer.local_addr().unwrap()));
}
