//! Finds how an alert came about: the journal is folded anew until the alert is made again.

use std::sync::Arc;

use engine::{Engine, Output, Stamped};
use log::{Batch, Log};
use proto::{
    alert::Alert,
    date::Instant,
    frame::{self, Entry},
};

use crate::{Crew, Fault, JOURNAL, PARTITIONS};

/// Bytes of one read.
const READ: usize = 4 << 20;

/// An alert made again.
#[derive(Debug)]
pub struct Derived {
    /// Its bytes.
    pub json: Vec<u8>,
    /// The journal record after which it was made.
    pub offset: u64,
    /// The instant of its entry.
    pub at: Instant,
}

/// Folds the journal from its beginning until the alert `id` is made; nothing when it never is.
///
/// # Errors
/// [`Fault::Gap`] when the journal no longer has its beginning; what the journal or a record says.
pub fn derive(journal: &Arc<dyn Log>, id: &str, crew: Crew) -> Result<Option<Derived>, Fault> {
    let fault = Fault::log(JOURNAL);
    let start = journal.start(0).map_err(&fault)?;
    if start > 0 {
        return Err(Fault::Gap { start });
    }
    let mut again = Again { engine: Engine::new(PARTITIONS), crew, clock: Instant(i64::MIN) };
    again.engine.set_minute_marks(true);
    let mut batch = Batch::new();
    let mut next = 0;
    loop {
        journal.read(0, next, READ, &mut batch).map_err(&fault)?;
        for (offset, record) in batch.iter() {
            if let Some(alert) = again.record(offset, record, id)? {
                let json = alert.into_json();
                return Ok(Some(Derived { json, offset, at: again.clock }));
            }
        }
        match batch.next_offset() {
            Some(further) => next = further,
            None => return Ok(None),
        }
    }
}

struct Again {
    engine: Engine,
    crew: Crew,
    clock: Instant,
}

impl Again {
    fn record(&mut self, offset: u64, record: &[u8], id: &str) -> Result<Option<Alert>, Fault> {
        let fault = |error| Fault::Frame { offset, error };
        let sealed = frame::decode(record).map_err(fault)?;
        self.engine.set_history(sealed.history);
        self.engine.set_eager(sealed.history);
        let frame_at = Instant(sealed.at_us);
        self.clock = self.clock.max(frame_at);
        let mut out = Output::default();
        if sealed.entries.is_empty() {
            self.apply(Entry::Tick, &mut out);
        }
        for entry in &sealed.entries {
            let opened = frame::open(entry, frame_at, self.engine.catalogue());
            let (at, entry) = opened.map_err(fault)?;
            self.clock = self.clock.max(at);
            self.apply(entry, &mut out);
            if let Some(found) = out.alerts.drain(..).find(|alert| alert.id() == id) {
                return Ok(Some(found));
            }
        }
        Ok(out.alerts.into_iter().find(|alert| alert.id() == id))
    }

    /// One by one, so that the entry that made the alert is the last one applied.
    fn apply(&mut self, entry: Entry, out: &mut Output) {
        let stamped = [Stamped::new(self.clock, entry)];
        self.engine.apply(&self.crew, &stamped, out);
        while self.engine.work(&self.crew, usize::MAX, out) {}
    }
}
