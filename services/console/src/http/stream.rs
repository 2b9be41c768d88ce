//! `GET /v1/alerts/stream`: alerts as server-sent events, resumable by the id of the last one.
//!
//! A stream reads the log at its own pace and holds one chunk of it, however slow its reader is.
//! It gives an alert only after the board has it, so that every id it gave can be resumed from.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use proto::alert::Severity;
use proto::codes::Code;
use proto::region::{Area, Prefix};
use serde::Deserialize;
use tokio::sync::watch;

use super::access::Access;
use super::cases::{area, level, ready};
use super::{Console, Refusal};
use crate::board::{About, Key, Line};
use crate::desk::{Desk, Phase, Tide};
use crate::ports::{Alerts, Unreadable};

/// Alerts that a stream holds at most.
const CHUNK: u64 = 64;
/// After so much silence a comment is sent.
const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
pub(super) struct Asked {
    region: Option<String>,
    level: Option<String>,
    risk: Option<String>,
    #[serde(default)]
    history: bool,
    from: Option<String>,
    last_event_id: Option<String>,
}

pub(super) async fn stream(
    State(console): State<Arc<Console>>,
    Access(caller): Access,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(asked) = asked.map_err(|_| Refusal(Code::QueryInvalid))?;
    let (area, site) = area(asked.region.as_deref(), caller)?;
    let level = level(asked.level.as_deref())?.unwrap_or(Severity::None);
    let risk = asked.risk.filter(|risk| !risk.is_empty());
    let wanted = Wanted { area, site, level, risk, history: asked.history };
    ready(&console)?;
    // A browser that comes back sends the header beside the address it began with.
    let header = headers.get("last-event-id").map(|v| v.to_str().unwrap_or("?").to_owned());
    let last = header.filter(|id| !id.is_empty()).or(asked.last_event_id);
    let tide = console.desk.tide();
    let at = match (last.filter(|id| !id.is_empty()), asked.from.as_deref()) {
        (Some(id), _) => {
            let seq = Key::parse(&id).and_then(|key| console.desk.board().seq_of(key));
            seq.ok_or(Refusal(Code::StreamUnknownId))?.saturating_add(1)
        }
        (None, Some("start")) => console.alerts.start(),
        (None, None | Some("")) => tide.borrow().end,
        (None, Some(_)) => return Err(Refusal(Code::QueryInvalid)),
    };
    let feed = Feed {
        desk: Arc::clone(&console.desk),
        alerts: Arc::clone(&console.alerts),
        wanted: Arc::new(wanted),
        tide,
        at,
        held: VecDeque::from([Event::default().comment("levee")]),
    };
    let events = stream::unfold(feed, Feed::next);
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let mut response = Sse::new(events).keep_alive(heartbeat).into_response();
    // Proxies that hold answers back would turn seconds into minutes.
    response.headers_mut().insert("x-accel-buffering", "no".parse().map_err(|_| FAULT)?);
    Ok(response)
}

const FAULT: Refusal = Refusal(Code::ServiceFault);

/// What a stream gives.
struct Wanted {
    area: Prefix,
    site: Option<String>,
    level: Severity,
    risk: Option<String>,
    history: bool,
}

impl Wanted {
    fn takes(&self, about: &About<'_>) -> bool {
        match about {
            About::Case(case) => {
                self.area.contains(case.region)
                    && self.site.as_deref().is_none_or(|site| case.site.as_deref() == Some(site))
                    && case.level >= self.level
                    && self.risk.as_deref().is_none_or(|r| case.risks.iter().any(|own| own == r))
                    && (self.history || !case.history)
            }
            // Levels and risks are a household's; what is about an area passes only without them.
            About::Other { area } => {
                let plain = self.level == Severity::None && self.risk.is_none();
                plain
                    && match (area, &self.site) {
                        (Some(Area::Prefix(prefix)), None) => self.area.covers(*prefix),
                        (Some(Area::Site(id)), Some(site)) => id == site,
                        (_, None) => self.area == Prefix::ALL,
                        _ => false,
                    }
            }
        }
    }
}

struct Feed {
    desk: Arc<Desk>,
    alerts: Arc<dyn Alerts>,
    wanted: Arc<Wanted>,
    tide: watch::Receiver<Tide>,
    at: u64,
    held: VecDeque<Event>,
}

impl Feed {
    /// The next event; nothing when the board follows no more or the log fails: the reader comes
    /// back with the last id it has.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.held.pop_front() {
                return Some((Ok(event), self));
            }
            let Tide { end, phase } = *self.tide.borrow_and_update();
            if phase == Phase::Stopped {
                return None;
            }
            if self.at < end {
                self.fill(end).await.ok()?;
            } else {
                self.tide.changed().await.ok()?;
            }
        }
    }

    /// Reads the next chunk below `end`.
    async fn fill(&mut self, end: u64) -> Result<(), Unreadable> {
        let start = self.alerts.start();
        if self.at < start {
            self.at = start;
            self.held.push_back(Event::default().event("gap").data("{\"code\":\"stream.gap\"}"));
            return Ok(());
        }
        let (desk, alerts) = (Arc::clone(&self.desk), Arc::clone(&self.alerts));
        let (wanted, from) = (Arc::clone(&self.wanted), self.at);
        let most = usize::try_from((end - from).min(CHUNK)).unwrap_or(1);
        let chunk = tokio::task::spawn_blocking(move || {
            let lines = alerts.read(from, most)?;
            let next = lines.last().map_or(end, |(seq, _)| seq.saturating_add(1));
            let mut events = VecDeque::with_capacity(lines.len());
            for (seq, line) in lines.iter().take_while(|(seq, _)| *seq < end) {
                events.extend(event(&desk, &wanted, *seq, line));
            }
            Ok((events, next.min(end)))
        });
        (self.held, self.at) = chunk.await.map_err(|_| Unreadable)??;
        Ok(())
    }
}

/// The event of a line, if it is wanted and the first with its id.
fn event(desk: &Desk, wanted: &Wanted, seq: u64, line: &[u8]) -> Option<Event> {
    let parsed = Line::parse(line).ok().filter(|parsed| wanted.takes(&parsed.about))?;
    let text = std::str::from_utf8(line).ok()?.trim_end_matches(['\r', '\n']);
    let first = desk.board().seq_of(parsed.id) == Some(seq);
    // JSON in one line has no line ends; another form would break the framing.
    (first && !text.contains(['\r', '\n']))
        .then(|| Event::default().id(parsed.id.to_string()).event("alert").data(text))
}
