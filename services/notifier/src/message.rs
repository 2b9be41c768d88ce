//! From a claimed row to what a channel is given: the alert's own bytes, or a group of them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use planner::Notice;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::ports::Alerts;

/// The CloudEvents type of a group.
pub const GROUP_TYPE: &str = "levee.group.v1";
/// Lines kept since they came, so that what is fresh is not read from the log again.
const RECENT: usize = 4_096;

/// An alert as it stands on the topic, and as it reads.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) notice: Arc<Notice>,
}

/// The alerts log with its last lines in memory.
pub(crate) struct Lines {
    log: Arc<dyn Alerts>,
    recent: Mutex<VecDeque<((u32, u64), Line)>>,
}

impl Lines {
    pub(crate) fn new(log: Arc<dyn Alerts>) -> Lines {
        Lines { log, recent: Mutex::default() }
    }

    /// Keeps a line that just came.
    pub(crate) fn keep(&self, place: (u32, u64), line: Line) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= RECENT {
            recent.pop_front();
        }
        recent.push_back((place, line));
    }

    /// The line at a place. Nothing where it cannot be read any more. Blocks shortly.
    pub(crate) fn get(&self, place: (u32, u64)) -> Option<Line> {
        self.kept(place).or_else(|| {
            let (partition, number) = place;
            let read = self.log.read(partition, number, 1, 1).ok()?;
            let bytes = read.into_iter().find(|(found, _)| *found == number)?.1;
            let notice = Arc::new(Notice::parse(&bytes).ok()?);
            Some(Line { bytes: bytes.into(), notice })
        })
    }

    /// The line at a place if it came lately.
    pub(crate) fn kept(&self, place: (u32, u64)) -> Option<Line> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let found = recent.iter().rev().find(|(kept, _)| *kept == place);
        found.map(|(_, line)| line.clone())
    }
}

/// The body of a group: a CloudEvent whose data are the alerts' CloudEvents as they stand on the
/// topic, in the order of the log. Its time is that of the last.
pub(crate) fn group(id: &str, subscription: &str, lines: &[Line]) -> Option<Vec<u8>> {
    #[derive(Serialize)]
    struct Envelope<'a> {
        specversion: &'static str,
        id: &'a str,
        source: String,
        #[serde(rename = "type")]
        kind: &'static str,
        time: String,
        subject: String,
        data: Data<'a>,
    }
    #[derive(Serialize)]
    struct Data<'a> {
        count: usize,
        alerts: Vec<&'a RawValue>,
    }
    let last = lines.iter().map(|line| line.notice.time).max()?;
    let province = lines.first()?.notice.data.region.get(..2).unwrap_or_default().to_owned();
    let raw = |line: &Line| std::str::from_utf8(&line.bytes).ok().map(str::to_owned);
    let texts = lines.iter().map(raw).collect::<Option<Vec<String>>>()?;
    let alerts: Result<_, _> = texts.iter().map(|text| serde_json::from_str(text)).collect();
    let envelope = Envelope {
        specversion: "1.0",
        id,
        source: format!("levee/{province}"),
        kind: GROUP_TYPE,
        time: last.to_string(),
        subject: format!("subscription/{subscription}"),
        data: Data { count: lines.len(), alerts: alerts.ok()? },
    };
    serde_json::to_vec(&envelope).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &[u8] = include_bytes!("../../../proto/golden/alert.v1.json");

    #[test]
    fn the_written_form_of_a_group_is_frozen() {
        let bytes = GOLDEN.trim_ascii_end();
        let notice = Arc::new(Notice::parse(bytes).unwrap());
        let line = Line { bytes: bytes.into(), notice };
        let written = group("g1", "s1", &[line.clone(), line]).unwrap();
        let alert = std::str::from_utf8(bytes).unwrap();
        let golden = format!(
            r#"{{"specversion":"1.0","id":"g1","source":"levee/99","type":"levee.group.v1","time":"2026-03-04T00:00:00+08:00","subject":"subscription/s1","data":{{"count":2,"alerts":[{alert},{alert}]}}}}"#
        );
        assert_eq!(String::from_utf8(written).unwrap(), golden);
    }
}
