//! Events about areas: live for every household whose region or site the area holds.
//!
//! Changes are numbered. A household that has met the changes up to a number sees the area events
//! as they stood at that number, so that putting work off stays invisible.

use std::collections::BTreeMap;

use proto::{
    date::Instant,
    event::Event,
    region::{Area, Level, Prefix, Region},
};
use serde::{Deserialize, Serialize};

use crate::ledger::{Ledger, Offered, Record, Source};

/// Since which change a record is live or not, oldest first.
type Spans = Vec<(u32, bool)>;

/// The events of one area.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AreaLedger {
    pub(crate) ledger: Ledger,
    pub(crate) spans: Vec<Spans>,
}

/// The bit of a prefix's length.
fn length(area: &Area) -> u16 {
    match area {
        Area::Prefix(prefix) => 1 << prefix.digits(),
        Area::Site(_) => 0,
    }
}

/// All area events that are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Areas {
    by_area: BTreeMap<Area, AreaLedger>,
    /// The lengths of the prefixes among the areas, one bit each.
    #[serde(skip)]
    lengths: u16,
}

impl Areas {
    /// Offers an area event; if live events change, they do so with change number `next`. Says
    /// besides whether one of those that changed is `heeded`.
    pub(crate) fn offer(
        &mut self,
        area: &Area,
        event: &Event,
        source: Source,
        next: u32,
        heeded: impl Fn(Record<'_>) -> bool,
    ) -> (Offered, bool) {
        self.lengths |= length(area);
        let kept = self.by_area.entry(area.clone()).or_default();
        let offered = kept.ledger.offer(event, source, 0);
        let mut matters = false;
        if matches!(offered, Offered::Taken { .. }) {
            kept.spans.resize(kept.ledger.len(), Vec::new());
            for (record, spans) in kept.ledger.records().zip(&mut kept.spans) {
                let before = spans.last().is_some_and(|(_, live)| *live);
                if before != record.live() {
                    spans.push((next, record.live()));
                    matters |= heeded(record);
                }
            }
        }
        (offered, matters)
    }

    /// Forgets what was observed before `oldest`.
    pub(crate) fn forget(&mut self, oldest: Instant) {
        for kept in self.by_area.values_mut() {
            let before = kept.ledger.len();
            kept.ledger.forget(oldest);
            if kept.ledger.len() != before {
                // Nothing is pending this long: what is left stands as it does now.
                kept.spans = kept
                    .ledger
                    .records()
                    .map(|r| if r.live() { vec![(0, true)] } else { Vec::new() })
                    .collect();
            }
        }
        self.by_area.retain(|_, kept| !kept.ledger.is_empty());
        self.index();
    }

    /// Makes again what is not written.
    pub(crate) fn index(&mut self) {
        self.lengths = self.by_area.keys().fold(0, |all, area| all | length(area));
    }

    /// Whether there is any.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_area.is_empty()
    }

    /// Calls `seen` with the records that are live for a household as of a change.
    pub(crate) fn each_live<'a>(
        &'a self,
        region: Region,
        site: Option<&str>,
        as_of: u32,
        mut seen: impl FnMut(&'a Area, u32, Record<'a>),
    ) {
        if self.is_empty() {
            return;
        }
        let levels = [Level::Province, Level::City, Level::County, Level::Township, Level::Village];
        let prefixes = levels.into_iter().map(|level| Area::Prefix(region.prefix(level)));
        let whole = Area::Prefix(Prefix::ALL);
        let areas = std::iter::once(whole).chain(prefixes);
        let areas = areas.filter(|area| self.lengths & length(area) != 0);
        for area in areas.chain(site.map(|id| Area::Site(id.to_owned()))) {
            let Some((area, kept)) = self.by_area.get_key_value(&area) else { continue };
            let mut records = kept.ledger.records();
            let mut spans = kept.spans.iter();
            while let (Some((place, record)), Some(spans)) = (records.next_placed(), spans.next()) {
                let live = spans.iter().rev().find(|(since, _)| *since <= as_of);
                if live.is_some_and(|(_, live)| *live) {
                    seen(area, place, record);
                }
            }
        }
    }
}
