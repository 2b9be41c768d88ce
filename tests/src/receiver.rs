//! A receiver of webhooks on 127.0.0.1 that behaves as its paths say, and remembers what it was
//! sent. It knows HTTP/1.1 as far as a webhook needs it, and nothing of Levee.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The path.
    pub path: String,
    /// `webhook-id`.
    pub id: String,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it was answered with 200.
    pub taken: bool,
}

/// The receiver. Its threads end with the process.
pub struct Receiver {
    address: SocketAddr,
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Kept {
    calls: Mutex<Vec<Call>>,
    met: Mutex<BTreeSet<(String, String)>>,
    open: AtomicUsize,
}

impl Default for Receiver {
    fn default() -> Receiver {
        Receiver::start()
    }
}

impl Receiver {
    /// Listens on a free port. By the first part of the path it
    ///
    /// - `ok` takes everything;
    /// - `once-500`, `once-429`, `once-reset` fails so the first time that it meets a quarter of the
    ///   ids;
    /// - `500`, `429`, `hang`, `drip`, `reset`, `redirect`, `endless`, `gone` always does so.
    ///
    /// # Panics
    /// There is no free port.
    #[must_use]
    pub fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Kept::default());
        let shared = Arc::clone(&kept);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&shared);
                thread::spawn(move || serve(&stream, &kept));
            }
        });
        Receiver { address, kept }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that came, in its order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.kept.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The ids that were taken at a path, with repetitions.
    #[must_use]
    pub fn taken(&self, path: &str) -> Vec<String> {
        let calls = self.calls().into_iter();
        calls.filter(|call| call.taken && call.path == path).map(|call| call.id).collect()
    }

    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.kept.open.load(Ordering::Relaxed)
    }
}

fn serve(stream: &TcpStream, kept: &Kept) {
    kept.open.fetch_add(1, Ordering::Relaxed);
    let mut reader = BufReader::new(stream);
    while one(&mut reader, stream, kept).is_some() {}
    kept.open.fetch_sub(1, Ordering::Relaxed);
}

/// One request; nothing when the connection is over.
fn one(reader: &mut BufReader<&TcpStream>, mut stream: &TcpStream, kept: &Kept) -> Option<()> {
    let mut line = String::new();
    let mut head = Vec::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let path = head.first()?.split(' ').nth(1)?.to_owned();
    let field = |name: &str| {
        head.iter().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let length = field("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let id = field("webhook-id").unwrap_or_default();
    let way = path.split('/').nth(1).unwrap_or_default().to_owned();
    let first = kept.met.lock().unwrap().insert((path.clone(), id.clone()));
    let way = match way.strip_prefix("once-") {
        Some(fault) if first && id.ends_with(['0', '1', '2', '3']) => fault.to_owned(),
        Some(_) => "ok".to_owned(),
        None => way,
    };
    let taken = way == "ok";
    kept.calls.lock().unwrap().push(Call { path, id, body, taken });
    let answer = |status: &str, more: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n{more}\r\n").into_bytes()
    };
    let answered = match &*way {
        "ok" => answer("200 OK", ""),
        "429" => answer("429 Too Many Requests", "retry-after: 1\r\n"),
        "gone" => answer("410 Gone", ""),
        "redirect" => answer("302 Found", "location: /ok/redirected\r\n"),
        "reset" => return None,
        "hang" => {
            let _ = reader.read(&mut [0]);
            return None;
        }
        "drip" => {
            for byte in b"HTTP/1.1 200 OK\r\nx-slow: ".iter().chain([b'.'; 600].iter()) {
                stream.write_all(&[*byte]).ok()?;
                thread::sleep(Duration::from_millis(500));
            }
            return None;
        }
        "endless" => {
            stream.write_all(b"HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n").ok()?;
            while stream.write_all(b"400\r\n").is_ok() {
                stream.write_all(&[b'x'; 0x400]).ok()?;
                stream.write_all(b"\r\n").ok()?;
            }
            return None;
        }
        _ => answer("500 Internal Server Error", ""),
    };
    stream.write_all(&answered).ok()
}
