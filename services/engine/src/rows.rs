//! The live events that a household sees: its own, and those about the areas that it lives in.
//!
//! Few decisions look at events about areas, so those are looked for when a fact first asks. It
//! refuses to know what a fact is.

use std::{
    cell::{Cell, OnceCell},
    cmp::Ordering,
};

use proto::{
    catalogue::TypeId,
    date::{Date, Instant},
};

use crate::{
    area::Areas,
    household::Known,
    ledger::{Ledger, Record, Slot},
};

/// One live event as facts see it.
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) type_id: TypeId,
    pub(crate) slot: Slot,
    pub(crate) occurred_on: Date,
    pub(crate) record: Record<'a>,
    /// The number field that was looked at last: its place and value.
    pub(crate) int: Cell<(usize, i64)>,
}

impl<'a> Row<'a> {
    fn new(record: Record<'a>, slot: Slot) -> Row<'a> {
        Row {
            type_id: record.type_id(),
            slot,
            occurred_on: record.occurred_on(),
            record,
            int: Cell::new((usize::MAX, 0)),
        }
    }

    /// The order of `last` and of evidence: the later `occurred_on`, `time`, id. UTF-8 is ordered as
    /// its bytes are.
    pub(crate) fn recency(&self) -> (Date, Instant, &[u8]) {
        (self.occurred_on, self.record.time(), self.record.id_bytes())
    }

    /// The same between two rows; ids are looked at only where nothing before them differs.
    pub(crate) fn cmp_recency(&self, other: &Row<'_>) -> Ordering {
        let days = self.occurred_on.cmp(&other.occurred_on);
        days.then_with(|| self.record.time().cmp(&other.record.time()))
            .then_with(|| self.record.id_bytes().cmp(other.record.id_bytes()))
    }
}

/// All that a household sees as of an area change; places count its own events first.
#[derive(Default)]
pub(crate) struct Rows<'a> {
    own: Vec<Row<'a>>,
    areas: OnceCell<Vec<Row<'a>>>,
    /// Where events about areas are looked for: the areas, the household, the area change.
    behind: Option<(&'a Areas, &'a Known, u32)>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(
        ledger: &'a Ledger,
        known: &'a Known,
        areas: &'a Areas,
        as_of: u32,
    ) -> Rows<'a> {
        let mut own = Vec::with_capacity(ledger.len());
        own.extend(ledger.records().filter(|r| r.live()).map(|r| Row::new(r, r.slot())));
        Rows { own, areas: OnceCell::new(), behind: Some((areas, known, as_of)) }
    }

    /// Its own events.
    pub(crate) fn own(&self) -> &[Row<'a>] {
        &self.own
    }

    /// The events about its areas.
    pub(crate) fn areas(&self) -> &[Row<'a>] {
        self.areas.get_or_init(|| {
            let mut rows = Vec::new();
            if let Some((areas, known, as_of)) = self.behind {
                areas.each_live(known.region, known.site.as_deref(), as_of, |_, _, record| {
                    rows.push(Row::new(record, 0));
                });
            }
            rows
        })
    }

    /// Its own events with their places, and with `areas` those about its areas.
    pub(crate) fn placed(&self, areas: bool) -> impl Iterator<Item = (usize, &Row<'a>)> {
        let about = if areas { self.areas() } else { &[] };
        self.own.iter().chain(about).enumerate()
    }

    /// The event at a place.
    pub(crate) fn at(&self, place: usize) -> &Row<'a> {
        match place.checked_sub(self.own.len()) {
            None => &self.own[place],
            Some(behind) => &self.areas()[behind],
        }
    }
}
