//! A receiver that keeps what it got and answers with given bytes, and a trap that nobody may
//! touch. It knows nothing of the client.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// What follows the given bytes.
#[derive(Clone)]
pub(crate) enum Then {
    /// The next request of the same connection.
    KeepOpen,
    /// The end of the connection.
    Close,
    /// Silence.
    Hang,
    /// The same text without end, as fast as it is read.
    Repeat(String),
    /// The same text without end, a few times a second.
    Drip(&'static str),
}

/// A listening receiver.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Receiver {
    pub(crate) async fn start(answer: Vec<u8>, then: Then) -> Receiver {
        Receiver::listen(answer, then, None).await
    }

    pub(crate) async fn start_tls(answer: Vec<u8>, then: Then, server: ServerConfig) -> Receiver {
        Receiver::listen(answer, then, Some(TlsAcceptor::from(Arc::new(server)))).await
    }

    async fn listen(answer: Vec<u8>, then: Then, tls: Option<TlsAcceptor>) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let kept = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                kept.connections.fetch_add(1, Ordering::SeqCst);
                let (kept, answer, then) = (Arc::clone(&kept), answer.clone(), then.clone());
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &kept, &answer, &then).await,
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            serve(stream, &kept, &answer, &then).await;
                        }
                    }
                });
            }
        });
        Receiver { address, seen, task }
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// The requests as they came, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().expect("no panic held it").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one connection until the peer or `then` ends it.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    seen: &Seen,
    answer: &[u8],
    then: &Then,
) {
    while let Some(request) = request(&mut stream).await {
        seen.requests.lock().expect("no panic held it").push(request);
        if stream.write_all(answer).await.is_err() {
            return;
        }
        match then {
            Then::KeepOpen => {}
            Then::Close => return,
            Then::Hang => std::future::pending().await,
            Then::Repeat(text) => while stream.write_all(text.as_bytes()).await.is_ok() {},
            Then::Drip(text) => {
                while stream.write_all(text.as_bytes()).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}

/// One request whole, or none when the connection ends before.
async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().expect("a number")) {
                return Some(text);
            }
        }
        let mut some = [0; 4_096];
        match stream.read(&mut some).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&some[..count]),
        }
    }
}

/// A listener that counts who comes.
pub(crate) struct Trap {
    pub(crate) address: SocketAddr,
    touched: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Trap {
    pub(crate) async fn start(address: Ipv4Addr, port: u16) -> Trap {
        let listener = TcpListener::bind((address, port)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let touched = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&touched);
        let task = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Trap { address, touched, task }
    }

    pub(crate) fn connections(&self) -> usize {
        self.touched.load(Ordering::SeqCst)
    }

    /// Stops listening; nobody listens at the address that is given back.
    pub(crate) async fn stop(self) -> SocketAddr {
        self.task.abort();
        let _ = self.task.await;
        self.address
    }
}

/// Who signs the certificates of a test.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server with a certificate for this name.
    pub(crate) fn server(&self, name: &str, expired: bool) -> ServerConfig {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        if expired {
            (params.not_before, params.not_after) =
                (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        }
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.0).expect("a certificate");
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let key = key.serialize_der().try_into().expect("a key");
        let chain = vec![signed.der().clone()];
        builder.with_no_client_auth().with_single_cert(chain, key).expect("a pair")
    }
}
