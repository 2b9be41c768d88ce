//! The import client: NDJSON files to a door elsewhere, in calls that may be repeated.
//!
//! It reads lines and counts answers. It refuses to look into a record: the door judges it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use ureq::Agent;

use crate::door::Noun;

/// Most records in one call: half of what a door takes.
const RECORDS: usize = 5_000;
/// Most bytes in one call: half of what a door takes. A longer line goes alone.
const BYTES: usize = 8 << 20;
/// How often one call is tried.
const TRIES: u32 = 30;
/// The longest wait before the next try, in seconds.
const WAIT_S: u64 = 60;
/// How long one call may take in all.
const PATIENCE: Duration = Duration::from_secs(300);

/// Why an import ends early.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("the file cannot be read")]
    File(#[from] io::Error),
    /// Nobody answers, or the connection breaks each time.
    #[error("the door cannot be reached")]
    Unreachable(#[source] Box<ureq::Error>),
    /// The call was refused as a whole and would be again.
    #[error("the door refuses the call: {code} (status {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable code, or `unknown`.
        code: String,
    },
    /// The door was busy at every try.
    #[error("the door was busy {TRIES} times: {code}")]
    Busy {
        /// The stable code of the last answer.
        code: String,
    },
}

/// What became of the records of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Accepted.
    pub accepted: u64,
    /// Known before.
    pub duplicate: u64,
    /// Waiting for a profile.
    pub parked: u64,
    /// Refused.
    pub rejected: u64,
    /// The refused ones by code.
    pub by_code: BTreeMap<String, u64>,
}

impl Totals {
    /// Adds the totals of another file.
    pub fn add(&mut self, other: &Totals) {
        self.accepted += other.accepted;
        self.duplicate += other.duplicate;
        self.parked += other.parked;
        self.rejected += other.rejected;
        for (code, n) in &other.by_code {
            *self.by_code.entry(code.clone()).or_default() += n;
        }
    }

    fn take(&mut self, answer: &Value) {
        let count = |key: &str| answer[key].as_u64().unwrap_or(0);
        self.accepted += count("accepted");
        self.duplicate += count("duplicate");
        self.parked += count("parked");
        self.rejected += count("rejected");
        let results = answer["results"].as_array().map(Vec::as_slice).unwrap_or_default();
        for line in results.iter().filter(|line| line["status"] == "rejected") {
            let code = line["code"].as_str().unwrap_or("unknown").to_owned();
            *self.by_code.entry(code).or_default() += 1;
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals { accepted, duplicate, parked, rejected, by_code } = self;
        write!(f, "accepted {accepted}, duplicate {duplicate}, parked {parked}, ")?;
        write!(f, "rejected {rejected}")?;
        by_code.iter().try_for_each(|(code, n)| write!(f, "\n  {code} {n}"))
    }
}

/// Sends files to one door.
pub struct Client {
    agent: Agent,
    base: String,
    authorization: String,
    pause: Box<dyn FnMut(Duration) + Send>,
    shown: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the door at `base` (`http://host:port`) with a bearer token.
    #[must_use]
    pub fn new(base: &str, token: &str) -> Client {
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        Client {
            agent: config.build().into(),
            base: base.trim_end_matches('/').to_owned(),
            authorization: format!("Bearer {}", token.trim()),
            pause: Box::new(std::thread::sleep),
            shown: true,
        }
    }

    /// Waits in another way than by sleeping, and shows no bar.
    #[must_use]
    pub fn quiet(mut self, pause: impl FnMut(Duration) + Send + 'static) -> Client {
        self.pause = Box::new(pause);
        self.shown = false;
        self
    }

    /// Sends every line of a file; what was taken before an error stays taken, and sending the
    /// file again is safe.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn send(&mut self, noun: Noun, file: &Path) -> Result<Totals, ImportError> {
        let file = File::open(file)?;
        let bar = self.bar(file.metadata()?.len());
        let mut lines = BufReader::with_capacity(1 << 20, file);
        let mut totals = Totals::default();
        let (mut call, mut line, mut records) = (Vec::new(), Vec::new(), 0);
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line)?;
            let full = records == RECORDS || call.len() + line.len() > BYTES;
            if !call.is_empty() && (read == 0 || full) {
                totals.take(&self.call(noun, &call)?);
                bar.inc(u64::try_from(call.len()).unwrap_or(0));
                call.clear();
                records = 0;
            }
            if read == 0 {
                break;
            }
            call.extend_from_slice(&line);
            records += 1;
        }
        bar.finish_and_clear();
        Ok(totals)
    }

    fn bar(&self, bytes: u64) -> ProgressBar {
        if !self.shown {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(bytes).with_style(style)
    }

    fn call(&mut self, noun: Noun, body: &[u8]) -> Result<Value, ImportError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let wait = match self.once(noun, body) {
                Ok(Called::Taken(answer)) => return Ok(answer),
                Ok(Called::Later { code, .. }) if tries == TRIES => {
                    return Err(ImportError::Busy { code });
                }
                Ok(Called::Later { after_s, .. }) => after_s,
                Ok(Called::Never { status, code }) => {
                    return Err(ImportError::Refused { status, code });
                }
                Err(e) if tries == TRIES => return Err(ImportError::Unreachable(Box::new(e))),
                Err(_) => 1 << tries.min(6),
            };
            (self.pause)(Duration::from_secs(wait.min(WAIT_S)));
        }
    }

    fn once(&self, noun: Noun, body: &[u8]) -> Result<Called, ureq::Error> {
        let path = match noun {
            Noun::Event => "events".to_owned(),
            Noun::Household => "households".to_owned(),
            Noun::Outcome(case) => format!("cases/{case}/outcomes"),
        };
        let request = self.agent.post(format!("{}/v1/{path}", self.base));
        let request = request.header("authorization", &self.authorization);
        let request = request.header("content-type", "application/x-ndjson");
        let mut response = request.send(body)?;
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after");
        let after = after.and_then(|v| v.to_str().ok()?.parse().ok());
        let answer: Value = response.body_mut().read_json().unwrap_or_default();
        if status == 200 {
            return Ok(Called::Taken(answer));
        }
        let code = answer["code"].as_str().unwrap_or("unknown").to_owned();
        Ok(match (status, after) {
            (429 | 503, after) => Called::Later { after_s: after.unwrap_or(1), code },
            (_, Some(after_s)) => Called::Later { after_s, code },
            (status, None) => Called::Never { status, code },
        })
    }
}

/// How one call ended.
enum Called {
    Taken(Value),
    Later { after_s: u64, code: String },
    Never { status: u16, code: String },
}
