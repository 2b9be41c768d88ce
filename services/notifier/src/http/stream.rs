//! `GET /v1/subscriptions/{id}/stream`: the messages of a subscription as server-sent events.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use chassis::{SharedClock, Shutdown};
use futures_util::stream;
use proto::{codes::Code, date::Instant};
use store::{ACTIVE, IN_FLIGHT, Lane};
use tokio::sync::{mpsc, oneshot};

use super::{Api, answer::Refusal, subscriptions::find};
use crate::{
    channel::{Kind, sse::Heard},
    ports::Caller,
    spec::Spec,
};

/// After so much silence a comment is sent: a connection that is no more is noticed by it.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Bytes of a `Last-Event-ID` at most; ids are shorter.
const ID: usize = 64;
/// How often it is looked for what is on its way to a former connection, and how long between: 2 s.
const LOOKS: u32 = 80;
const LOOK: Duration = Duration::from_millis(25);
/// Messages of a subscription that are on their way at once, with room to spare.
const FLYING: i64 = 64;

/// Listens. With `Last-Event-ID` what came after that message is sent once more: a connection may have
/// taken it and not carried it.
pub(super) async fn stream(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let row = find(&api, &caller, &id).await?;
    let spec =
        Spec::parse(row.body.as_bytes()).map_err(|_| Refusal::from(Code::SubscriptionInvalid))?;
    let second = spec.escalate_to.as_ref().map(|target| target.kind());
    let channel = match (spec.channel.kind(), second) {
        (Kind::Sse, _) => 0,
        (_, Some(Kind::Sse)) => 1,
        _ => return Err(Refusal::from(Code::SubscriptionChannel)),
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last = last.filter(|id| !id.is_empty() && id.len() <= ID);
    if let (Some(last), ACTIVE) = (last, row.state) {
        let lane = Lane { subscription: row.key, channel };
        resume(&api, lane, &row.id, last).await?;
    }
    let begun = Event::default().comment("levee");
    let (heard, stop) = (api.sse.listen(&row.id), api.shutdown.clone());
    let clock = api.clock.clone();
    let connection = Connection { heard, stop, clock, begun: Some(begun), taken: None };
    let events = stream::unfold(connection, Connection::next);
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let mut response = Sse::new(events).keep_alive(heartbeat).into_response();
    // Proxies that hold answers back would turn seconds into minutes.
    let held = "no".parse().map_err(|_| Refusal::from(Code::ServiceFault))?;
    response.headers_mut().insert("x-accel-buffering", held);
    Ok(response)
}

/// Lets what was given after a message wait once more. What the former connection took is written down
/// before: it would count as delivered afterwards.
async fn resume(api: &Api, lane: Lane, id: &str, last: &str) -> Result<(), Refusal> {
    api.sse.let_go(id);
    for _ in 0..LOOKS {
        let flying =
            api.store.deliveries(lane.subscription, Some(IN_FLIGHT), i64::MAX, FLYING).await?;
        if !flying.iter().any(|row| row.channel == lane.channel) {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    if api.store.again_after(lane, last, api.now()).await? > 0 {
        api.changed.notify_one();
    }
    Ok(())
}

struct Connection {
    heard: mpsc::Receiver<Heard>,
    stop: Shutdown,
    clock: SharedClock,
    begun: Option<Event>,
    /// The message that was given to the connection last.
    taken: Option<oneshot::Sender<Instant>>,
}

impl Connection {
    /// The next event. That it is asked for says that the connection took the one before.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if let Some(begun) = self.begun.take() {
            return Some((Ok(begun), self));
        }
        if let Some(taken) = self.taken.take() {
            // Where the attempt is over the message comes again.
            let _ = taken.send(Instant(self.clock.now_unix_micros()));
        }
        let heard = tokio::select! {
            heard = self.heard.recv() => heard?,
            () = self.stop.requested() => return None,
        };
        let Heard { id, text, taken } = heard;
        self.taken = Some(taken);
        Some((Ok(Event::default().id(&*id).event("alert").data(text)), self))
    }
}
