//! What was published after the snapshot, read back before anything is published again.

use std::collections::HashMap;

use log::Batch;
use serde::Deserialize;

use super::Ports;
use crate::{ALERTS, DEAD_LETTERS, Fault, letters::Known};

/// Bytes of one read.
const READ: usize = 4 << 20;

/// What must be known of an alert that is there.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) data: About,
}

#[derive(Deserialize)]
pub(super) struct About {
    pub(super) household: String,
    pub(super) episode: u32,
    pub(super) revision: u32,
}

/// A place in one partition of a topic, and where it ended when the reading began.
#[derive(Debug)]
struct Span {
    partition: u32,
    next: u64,
    end: u64,
}

/// A reading of the alerts and the dead letters of one partition.
#[derive(Debug)]
pub(super) struct Reading {
    alerts: Option<Span>,
    dead: Span,
}

impl Reading {
    /// From these places on; without alerts for the person log.
    pub(super) fn new(
        ports: &Ports,
        partition: u32,
        alerts: Option<u64>,
        dead: u64,
    ) -> Result<Reading, Fault> {
        let alerts = match alerts {
            Some(from) => {
                let fault = Fault::log(ALERTS);
                let start = ports.alerts.start(partition).map_err(&fault)?;
                let end = ports.alerts.end(partition).map_err(&fault)?;
                Some(Span { partition, next: from.max(start), end })
            }
            None => None,
        };
        let fault = Fault::log(DEAD_LETTERS);
        let partition = ports.dead_partition(partition);
        let start = ports.dead.start(partition).map_err(&fault)?;
        let end = ports.dead.end(partition).map_err(&fault)?;
        Ok(Reading { alerts, dead: Span { partition, next: dead.max(start), end } })
    }

    /// Reads one piece; says whether everything is read.
    ///
    /// # Errors
    /// What the topic says; [`Fault::Diverged`] where one id has two contents.
    pub(super) fn step(
        &mut self,
        ports: &Ports,
        published: &mut HashMap<String, Vec<u8>>,
        lettered: &mut Known,
    ) -> Result<bool, Fault> {
        let mut batch = Batch::new();
        if let Some(span) = self.alerts.as_mut().filter(|span| span.next < span.end) {
            let read = ports.alerts.read(span.partition, span.next, READ, &mut batch);
            read.map_err(Fault::log(ALERTS))?;
            for (_, record) in batch.iter() {
                let Ok(Named { id, .. }) = serde_json::from_slice(record) else { continue };
                match published.get(&id) {
                    Some(known) if known != record => {
                        return Err(Fault::Diverged { id, count: 1 });
                    }
                    _ => published.insert(id, record.to_vec()),
                };
            }
            span.next = batch.next_offset().unwrap_or(span.end);
            return Ok(false);
        }
        if self.dead.next < self.dead.end {
            let read = ports.dead.read(self.dead.partition, self.dead.next, READ, &mut batch);
            read.map_err(Fault::log(DEAD_LETTERS))?;
            batch.iter().for_each(|(_, record)| lettered.note(record));
            self.dead.next = batch.next_offset().unwrap_or(self.dead.end);
            return Ok(false);
        }
        Ok(true)
    }
}
