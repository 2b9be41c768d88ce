//! The alerts that the tests of channels send: `golden/alerts.ndjson`.

use std::sync::Arc;

use planner::Notice;
use proto::date::Instant;

use crate::channel::Outgoing;

const ALERTS: &str = include_str!("../golden/alerts.ndjson");

pub(crate) fn notice(line: &str) -> Arc<Notice> {
    Arc::new(Notice::parse(line.as_bytes()).expect("an alert"))
}

/// One attempt to send these alerts.
pub(crate) fn message(id: &str, body: &str, alerts: Vec<Arc<Notice>>) -> Outgoing {
    let at = Instant::parse("2026-03-04T10:23:20+08:00").expect("an instant");
    Outgoing {
        subscription: "1351881460e4b791".into(),
        id: id.into(),
        at,
        attempt: 1,
        body: body.as_bytes().into(),
        alerts,
    }
}

/// The first alert alone.
pub(crate) fn one() -> Outgoing {
    let line = ALERTS.lines().next().expect("an alert");
    let alert = notice(line);
    message(&alert.id.clone(), line, vec![alert])
}

/// All of them as a group.
pub(crate) fn group() -> Outgoing {
    message("c28dafec0505f049dd0b33d159e3d42d", "{}", ALERTS.lines().map(notice).collect())
}
