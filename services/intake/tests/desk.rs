//! A door to test: callers, a recording journal with simple rules, captured logs and metrics.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request},
};
use intake::{
    Accounts, BatchReport, BoxFuture, Caller, Intake, Journal, Limits, Outcome, Receipt, Role,
    Submission, SubmitError, closed,
};
use proto::{
    catalogue::Catalogue,
    codes::Code,
    date::Instant,
    event::{Event, Subject},
    frame::Entry,
    person::TokenKey,
    region::Prefix,
};
use tower::ServiceExt;

pub(crate) const NOW: &str = "2026-03-04T12:00:00+08:00";
/// Stands in bodies where an answer must not repeat it.
pub(crate) const CANARY: &str = "canary7f3a";
pub(crate) const EVENT: &str = r#"{"specversion":"1.0","id":"e1","source":"99/ybj","type":"medical.settlement","time":"2026-03-04T10:20:30+08:00","subject":"household/H1","data":{"occurred_on":"2026-03-03","setting":"inpatient","total_fen":1834500,"self_paid_fen":734500,"note":"canary7f3a"}}"#;
pub(crate) const PROFILE: &str = r#"{"household":"H1","region":"990102003004","class":"ordinary","size":3,"net_income_fen":5,"remark":"canary7f3a"}"#;

/// A batch of which nothing is known yet.
pub(crate) const UNDECIDED: u64 = 999;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) submissions: Vec<Submission>,
    pub(crate) households: BTreeMap<String, String>,
    events: BTreeMap<(String, String, String), Event>,
    packs: BTreeMap<String, Arc<rules::Pack>>,
    pub(crate) failing: Option<SubmitError>,
    /// Whether the households' state is with others.
    pub(crate) elsewhere: bool,
    /// Whether nobody carries the households now.
    pub(crate) uncarried: bool,
}

#[derive(Clone)]
pub(crate) struct Recorder(Arc<Mutex<State>>, Arc<Mutex<Catalogue>>);

impl Recorder {
    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn upgrade(&self, kind: proto::catalogue::EventType) {
        self.1.lock().unwrap().add(kind).unwrap();
    }
}

impl State {
    fn outcome(&mut self, entry: &Entry) -> Outcome {
        match entry {
            Entry::Event(event) => {
                let identity =
                    (event.source.to_string(), event.subject.to_string(), event.id.to_string());
                match self.events.get(&identity) {
                    Some(known) if *known == **event => return Outcome::Duplicate,
                    Some(_) => return Outcome::Refused(Code::IdConflict),
                    None => self.events.insert(identity, (**event).clone()),
                };
                let known = match &event.subject {
                    Subject::Household(id) => self.households.contains_key(&**id),
                    Subject::Person(_) => false,
                    Subject::Area(_) => true,
                };
                if known { Outcome::Accepted } else { Outcome::Parked }
            }
            Entry::Profile(profile) => {
                let region = profile.region.to_string();
                self.households.insert(profile.household.to_string(), region);
                Outcome::Accepted
            }
            Entry::Removal { household, .. } => {
                self.households.remove(&**household);
                Outcome::Accepted
            }
            Entry::Pack { name, yaml, .. } => {
                let pack = rules::Pack::load(name, yaml, &Catalogue::shipped()).unwrap();
                self.packs.insert(pack.id.clone(), Arc::new(pack));
                Outcome::Accepted
            }
            Entry::Tick
            | Entry::FoldVersion(_)
            | Entry::Outcome(_)
            | Entry::Claim(_)
            | Entry::Adopt(_)
            | Entry::Release(_)
            | Entry::Marks(_) => Outcome::Accepted,
        }
    }
}

impl Journal for Recorder {
    fn submit(&self, submission: Submission) -> BoxFuture<'_, Result<Receipt, SubmitError>> {
        let mut state = self.state();
        let answer = match state.failing {
            Some(error) => Err(error),
            None => {
                let outcomes = submission.entries.iter().map(|e| state.outcome(e)).collect();
                state.submissions.push(submission);
                let batch = u64::try_from(state.submissions.len()).unwrap();
                Ok(Receipt { batch, outcomes })
            }
        };
        Box::pin(async { answer })
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::new(self.1.lock().unwrap().clone())
    }

    fn packs(&self) -> Vec<Arc<rules::Pack>> {
        self.state().packs.values().cloned().collect()
    }

    fn holds_state(&self) -> bool {
        !self.state().elsewhere
    }

    fn batch(&self, id: u64) -> BoxFuture<'_, Result<Option<BatchReport>, SubmitError>> {
        let at = usize::try_from(id).unwrap().wrapping_sub(1);
        let report = self.state().submissions.get(at).map(|s| BatchReport {
            batch: id,
            accepted: u64::try_from(s.entries.len()).unwrap(),
            dead_lettered: s.refused.iter().map(|(c, n)| (c.name().to_owned(), *n)).collect(),
            ..BatchReport::default()
        });
        let told = if id == UNDECIDED { Err(SubmitError::Undecided) } else { Ok(report) };
        Box::pin(async { told })
    }

    fn household(
        &self,
        id: String,
    ) -> BoxFuture<'_, Result<Option<serde_json::Value>, SubmitError>> {
        let state = self.state();
        let found = state.households.get(&id).filter(|_| !state.elsewhere);
        let found = found.map(
            |region| serde_json::json!({"household": id.as_str(), "region": region, "episode": 1}),
        );
        let told = if state.uncarried { Err(SubmitError::Uncarried) } else { Ok(found) };
        Box::pin(async { told })
    }

    fn quality(
        &self,
        area: Prefix,
    ) -> BoxFuture<'_, Result<Option<serde_json::Value>, SubmitError>> {
        let line = |feed: &str, decided: u64| serde_json::json!({"feed": feed, "rule": "r", "decided": decided, "helped": 1});
        let lines = [line("99/ybj", 5), line("99/ybj", 4), line("99/minzheng", 50)];
        let report = serde_json::json!({"region": area.to_string(), "all": {"decided": 59},
            "rules": [{"rule": "r", "decided": 59}], "feeds": lines, "feed_rules": lines,
            "areas": [{"area": "9901", "decided": 59}]});
        // The fold of other provinces is elsewhere.
        let here = Prefix::parse("99").is_some_and(|province| province.covers(area));
        Box::pin(async move { Ok(here.then_some(report)) })
    }

    fn now(&self) -> Instant {
        Instant::parse(NOW).unwrap()
    }
}

struct Desks;

impl Accounts for Desks {
    fn bearer(&self, token: &str) -> Option<Caller> {
        let caller = |region, role| {
            let region = Prefix::parse(region)?;
            Some(Caller { account: token.into(), region, role, feeds: None })
        };
        match token {
            "operator" => Some(Caller::operator()),
            "city" => caller("9901", Role::Operator),
            "worker" => caller("9901", Role::Worker),
            "feed" => {
                let feeds = Some(Box::from(["99/ybj".into()]));
                Some(Caller { feeds, ..caller("99", Role::Feed)? })
            }
            _ => None,
        }
    }

    fn session(&self, cookie: &str) -> Option<Caller> {
        (cookie == "session1").then(Caller::operator)
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) struct Desk {
    pub(crate) router: Router,
    pub(crate) journal: Recorder,
    registry: prometheus::Registry,
    lines: Lines,
    runtime: tokio::runtime::Runtime,
    _logged: tracing::subscriber::DefaultGuard,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk::within(Limits::default())
    }

    pub(crate) fn within(limits: Limits) -> Desk {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        let logged = tracing::subscriber::set_default(subscriber);
        let journal = Recorder(Arc::default(), Arc::new(Mutex::new(Catalogue::shipped())));
        let registry = prometheus::Registry::new();
        let key = TokenKey::new(1, &[7; 32]);
        let behind: Arc<dyn Journal> = Arc::new(journal.clone());
        let intake = Intake::new(behind, Arc::new(Desks), key, &registry, limits).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let router = closed(intake.router());
        Desk { router, journal, registry, lines, runtime, _logged: logged }
    }

    pub(crate) fn ask(&self, request: Request<Body>) -> Answer {
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let bytes = to_bytes(body, 64 << 20).await.unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            Answer { status: parts.status.as_u16(), headers: parts.headers, text }
        })
    }

    pub(crate) fn send(&self, line: &str, kind: &str, body: impl Into<Body>) -> Answer {
        self.send_as("operator", line, kind, body)
    }

    pub(crate) fn send_as(
        &self,
        token: &str,
        line: &str,
        kind: &str,
        body: impl Into<Body>,
    ) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {token}"));
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        self.ask(request.body(body.into()).unwrap())
    }

    pub(crate) fn event(&self, body: impl Into<Body>) -> Answer {
        self.send("POST /v1/events", "application/cloudevents+json", body)
    }

    pub(crate) fn lines(&self, body: impl Into<Body>) -> Answer {
        self.send("POST /v1/events", "application/x-ndjson", body)
    }

    pub(crate) fn batch(&self, body: impl Into<Body>) -> Answer {
        self.send("POST /v1/events", "application/cloudevents-batch+json", body)
    }

    /// How many entries have gone to the journal.
    pub(crate) fn enqueued(&self) -> usize {
        self.journal.state().submissions.iter().map(|s| s.entries.len()).sum()
    }

    pub(crate) fn metrics(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap()
    }

    /// The last line of a metric, as `name{labels}`, as text.
    pub(crate) fn count(&self, metric: &str) -> Option<u64> {
        let text = self.metrics();
        let line = text.lines().find(|line| line.starts_with(metric))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Asserts that nothing was enqueued and that nowhere the canary stands.
    pub(crate) fn refused(&self, answer: &Answer, status: u16, code: Code) {
        assert_eq!((answer.status, answer.code().as_str()), (status, code.name()));
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(self.enqueued(), 0);
        self.silent(answer);
    }

    /// Asserts that the canary stands neither in the answer nor in logs nor in metrics.
    pub(crate) fn silent(&self, answer: &Answer) {
        let logs = String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap();
        assert!(!answer.text.contains(CANARY), "{}", answer.text);
        assert!(!format!("{:?}", answer.headers).contains(CANARY));
        assert!(!logs.contains(CANARY), "{logs}");
        assert!(!self.metrics().contains(CANARY));
    }
}
