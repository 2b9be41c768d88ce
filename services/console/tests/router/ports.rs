//! Ports in memory and the router over them: a log, two accounts, one household's view.

#![expect(clippy::unwrap_used, reason = "a test port that fails fails its test")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use chassis::{ManualClock, Shutdown};
use console::board::{Budget, Key, Visit};
use console::{
    Accounts, Alerts, Answer, Caller, Console, Desk, Follower, Households, SignIn, Unreadable,
};
use futures_util::StreamExt;
use proto::catalogue::Catalogue;
use proto::codes::Code;
use proto::date::Date;
use proto::ids;
use proto::region::Prefix;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt;

/// The alerts log in memory.
pub(crate) struct Memory {
    lines: Mutex<(u64, Vec<String>)>,
    end: watch::Sender<u64>,
}

impl Memory {
    fn new(lines: Vec<String>) -> Memory {
        let end = watch::Sender::new(lines.len() as u64);
        Memory { lines: Mutex::new((0, lines)), end }
    }

    pub(crate) fn append(&self, line: String) {
        let mut lines = self.lines.lock().unwrap();
        lines.1.push(line);
        self.end.send_replace(lines.1.len() as u64);
    }

    /// Keeps nothing before `start`.
    pub(crate) fn forget(&self, start: u64) {
        self.lines.lock().unwrap().0 = start;
    }
}

impl Alerts for Memory {
    fn start(&self) -> u64 {
        self.lines.lock().unwrap().0
    }

    fn end(&self) -> u64 {
        *self.end.borrow()
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<(u64, Vec<u8>)>, Unreadable> {
        let lines = self.lines.lock().unwrap();
        if from < lines.0 {
            return Err(Unreadable);
        }
        let rest = (0..).zip(&lines.1).skip(usize::try_from(from).unwrap());
        Ok(rest.take(max).map(|(seq, line)| (seq, line.clone().into_bytes())).collect())
    }

    fn wait(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }
}

/// One family; another one whose partition nobody carries.
struct OneFamily;

impl OneFamily {
    fn carried(id: &str) -> Result<(), Code> {
        if id == "H70" { Err(Code::PartitionUncarried) } else { Ok(()) }
    }
}

impl Households for OneFamily {
    fn household(&self, id: String) -> Answer<'_, Result<Option<Value>, Code>> {
        let view = json!({"household": "H1", "region": "990101003004", "class": "low_income",
            "size": 4, "net_income_fen": 4_200_000, "level": "red", "episode": 1,
            "profile_at": "2026-01-05T08:00:00+08:00",
            "events": [{"source": "99/ybj", "id": "bill-1", "type": "medical.settlement",
                "occurred_on": "2026-03-03", "live": true,
                "data": {"setting": "inpatient", "self_paid_fen": 734_500}}],
            "facts": {"cn-medical-2026": {"oop": 2_712_000}},
            "headroom": [
                {"rule": "medical-burden", "level": "red", "name": "oop", "value": 2_712_000,
                    "threshold": 2_600_000, "missing": 0},
                {"rule": "job-lost", "level": "green", "name": "jobless", "value": 50,
                    "threshold": 60, "missing": 10, "crossing_on": "2026-03-14"}]});
        Box::pin(async move { Self::carried(&id).map(|()| (id == "H1").then_some(view)) })
    }

    fn dossier(&self, id: String) -> Answer<'_, Result<Option<Value>, Code>> {
        let case = proto::ids::case_id("H1", 1);
        let told = json!({"episode": 1,
            "clocks": [{"step": "decide", "by": "2026-03-19T10:20:30+08:00", "state": "runs",
                "asked": "village"}],
            "outcomes": [{"case": case, "id": "o1", "kind": "visited",
                "at": "2026-03-05T10:00:00+08:00", "by": "w-1", "revoked": false}]});
        Box::pin(async move { Self::carried(&id).map(|()| (id == "H1").then_some(told)) })
    }

    fn visits(&self, households: Vec<String>) -> Answer<'_, Result<Vec<Visit>, Code>> {
        let case = Key::parse(&case(1)).unwrap();
        let visit = Visit { case, on: Date::parse("2026-03-17") };
        let told = households.iter().any(|id| id == "H1").then_some(visit);
        let carried = households.iter().try_for_each(|id| Self::carried(id));
        Box::pin(async move { carried.map(|()| told.into_iter().collect()) })
    }

    fn quality(&self, area: Prefix) -> Answer<'_, Result<Value, Code>> {
        let line = |name: &str, of: &str| {
            json!({name: of, "decided": 10, "helped": 5, "no_risk": 3, "already_covered": 2,
                "wrong_data": 0, "precision": {"permille": 500, "low_permille": 236,
                    "high_permille": 764}})
        };
        let report = json!({"region": area.to_string(), "rules": [line("rule", "medical-burden")],
            "feeds": [line("feed", "99/ybj")], "feed_rules": [], "areas": [line("area", "9901")]});
        let part = Prefix::parse("9907").is_some_and(|away| away == area);
        Box::pin(async move { if part { Err(Code::PartitionUncarried) } else { Ok(report) } })
    }
}

struct Two;

impl Accounts for Two {
    fn bearer(&self, token: &str) -> Option<Caller> {
        match token {
            "operator" => Some(operator()),
            "county" => Some(Caller { region: Prefix::parse("990103").unwrap() }),
            _ => None,
        }
    }
}

pub(crate) fn operator() -> Caller {
    Caller { region: Prefix::ALL }
}

pub(crate) fn case(household: u32) -> String {
    ids::case_id(&format!("H{household}"), 1)
}

/// An alert's line; its instant grows with the revision.
pub(crate) fn alert(household: u32, revision: usize, level: &str) -> String {
    let case = case(household);
    let id = ids::alert_id(&case, u32::try_from(revision).unwrap());
    let time = Date(20_516).midnight().plus_us(revision as i64 * 60_000_000);
    let county = household % 3;
    let change = if revision == 1 { "opened" } else { "changed" };
    json!({
        "specversion": "1.0", "id": id, "source": "levee/99", "type": proto::alert::TYPE,
        "time": time.to_string(), "subject": format!("household/H{household}"),
        "data": {
            "case": case, "episode": 1, "revision": revision, "change": change,
            "level": level, "previous_level": "none", "household": format!("H{household}"),
            "region": format!("99010{county}003004"), "site": null, "as_of": "2026-03-04",
            "risks": ["illness"],
            "signals": [{
                "rule": "medical-burden", "pack": "cn-medical-2026", "digest": "sha256:00",
                "level": level, "risk": "illness", "values": {"oop": 2_712_000, "poor": true},
                "why": {"zh": "近12个月自付27120元", "en": "自付 27120"},
                "events": [{"source": "99/ybj", "id": "bill-1", "occurred_on": "2026-03-03"}],
                "events_total": 1, "measures": ["medical_aid"],
            }],
            "priority": 0, "route": ["village"],
            "clocks": {"visit_by": "2026-03-06T00:00:00+08:00"},
            "profile_at": "2026-01-05T08:00:00+08:00",
            "feeds": [{"source": "99/ybj", "seen_to": "2026-03-04"}],
            "notice": "signal_not_decision",
        },
    })
    .to_string()
}

pub(crate) fn id(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap();
    line["id"].as_str().unwrap().to_owned()
}

/// A console over ports in memory.
pub(crate) struct Desktop {
    pub(crate) log: Arc<Memory>,
    pub(crate) sign_in: Arc<SignIn>,
    pub(crate) stop: Shutdown,
    desk: Arc<Desk>,
    router: Router,
}

impl Desktop {
    /// With a board that nobody fills.
    pub(crate) fn starting(lines: Vec<String>) -> Desktop {
        let clock = Arc::new(ManualClock::at_unix_micros(Date(20_530).midnight().0));
        let sign_in = Arc::new(SignIn::new(clock.clone()));
        let (log, desk) = (Arc::new(Memory::new(lines)), Arc::new(Desk::default()));
        let router = console::router(Console {
            desk: Arc::clone(&desk),
            alerts: log.clone(),
            households: Arc::new(OneFamily),
            accounts: Arc::new(Two),
            sign_in: Arc::clone(&sign_in),
            catalogue: Arc::new(Catalogue::shipped()),
            clock,
            budget: Budget::default(),
        });
        Desktop { log, sign_in, stop: Shutdown::default(), desk, router }
    }

    /// With a board that has caught up and follows.
    pub(crate) async fn with(lines: Vec<String>) -> Desktop {
        let desktop = Desktop::starting(lines);
        let follower = Follower::new(Arc::clone(&desktop.desk), desktop.log.clone());
        let (live, mut told) = watch::channel(false);
        let run = follower.run(desktop.stop.clone(), move |progress| {
            live.send_replace(progress.live);
        });
        tokio::spawn(run);
        told.wait_for(|live| *live).await.unwrap();
        while !desktop.desk.is_live() {
            tokio::task::yield_now().await;
        }
        desktop
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(
        &self,
        path: &str,
        authorization: &str,
    ) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::get(path);
        if !authorization.is_empty() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let answer = self.send(request.body(Body::empty()).unwrap()).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, body(answer.into_body().into_data_stream()).await)
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let (status, _, text) = self.get(path, "Bearer operator").await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn stream(&self, query: &str, last: Option<&str>) -> BodyDataStream {
        let mut request = Request::get(format!("/v1/alerts/stream{query}"))
            .header(header::AUTHORIZATION, "Bearer operator");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = self.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
        answer.into_body().into_data_stream()
    }
}

pub(crate) async fn body(mut stream: BodyDataStream) -> String {
    let mut bytes = Vec::new();
    while let Some(part) = stream.next().await {
        bytes.extend(part.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

#[derive(Debug, Default)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: String,
}

/// All events up to the first heartbeat: under a paused clock it comes only once all is said.
pub(crate) async fn events(stream: &mut BodyDataStream) -> Vec<Event> {
    let mut text = String::new();
    let mut found = Vec::new();
    while let Some(part) = stream.next().await {
        text.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            if block.starts_with(':') && block.contains("heartbeat") {
                return found;
            }
            found.extend(event(block));
            text = rest.to_owned();
        }
    }
    found
}

fn event(block: &str) -> Option<Event> {
    let mut event = Event::default();
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("id", text)) => event.id = text.to_owned(),
            Some(("event", text)) => event.name = text.to_owned(),
            Some(("data", text)) => event.data = text.to_owned(),
            _ => {}
        }
    }
    (!event.data.is_empty()).then_some(event)
}
