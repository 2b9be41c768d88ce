//! What people did about a household's cases, in the order in which it entered.
//!
//! It refuses to know what follows from it.

use proto::{
    date::{Date, Instant},
    outcome::{CaseOutcome, Kind},
};
use serde::{Deserialize, Serialize};

use crate::{ledger::Source, words::Word};

/// How long a household is watched for relapse, in days.
pub(crate) const WATCHED_DAYS: i32 = 180;

/// One outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Noted {
    pub id: Box<str>,
    pub kind: Kind,
    /// When it was done, by who says so.
    pub at: Instant,
    pub by: Box<str>,
    pub category: Option<Box<str>>,
    pub measures: Box<[Box<str>]>,
    pub revokes: Option<Box<str>>,
    /// When it entered.
    pub entered: Instant,
    pub episode: u32,
    pub revoked: bool,
    /// The rules that stood in the case.
    pub rules: Box<[Word]>,
    /// The feeds behind them.
    pub sources: Box<[Source]>,
    /// For how long clocks stood still for it.
    pub paused_us: i64,
}

impl Noted {
    pub(crate) fn of(outcome: &CaseOutcome, entered: Instant, episode: u32) -> Noted {
        Noted {
            id: outcome.id.clone(),
            kind: outcome.kind,
            at: outcome.at,
            by: outcome.by.clone(),
            category: outcome.category.clone(),
            measures: outcome.measures.clone(),
            revokes: outcome.revokes.clone(),
            entered,
            episode,
            revoked: false,
            rules: Box::default(),
            sources: Box::default(),
            paused_us: 0,
        }
    }

    fn same_content(&self, outcome: &CaseOutcome, episode: u32) -> bool {
        self.kind == outcome.kind
            && self.at == outcome.at
            && self.by == outcome.by
            && self.category == outcome.category
            && self.measures == outcome.measures
            && self.revokes == outcome.revokes
            && self.episode == episode
    }
}

/// The outcomes of one household.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    pub noted: Vec<Noted>,
}

impl Record {
    /// Most outcomes that are remembered of a household: ten a month for eight years.
    pub(crate) const MOST: usize = 1_000;

    /// The outcomes of an episode that count.
    pub(crate) fn live(&self, episode: u32) -> impl Iterator<Item = &Noted> {
        let counts = move |noted: &&Noted| {
            noted.episode == episode && !noted.revoked && noted.kind != Kind::Revoked
        };
        self.noted.iter().filter(counts)
    }

    /// Whether an outcome of this id is known, and whether with the same content.
    pub(crate) fn known(&self, outcome: &CaseOutcome, episode: u32) -> Option<bool> {
        let known = self.noted.iter().find(|noted| noted.id == outcome.id)?;
        Some(known.same_content(outcome, episode))
    }

    /// The outcome that a revocation names, if it can be revoked.
    pub(crate) fn revocable(&mut self, episode: u32, id: &str) -> Option<&mut Noted> {
        let fits = |noted: &&mut Noted| {
            *noted.id == *id
                && noted.episode == episode
                && !noted.revoked
                && noted.kind != Kind::Revoked
        };
        self.noted.iter_mut().find(fits)
    }

    /// The first date on which the household is no longer watched for relapse.
    pub(crate) fn watched_until(&self) -> Date {
        let removed = self.noted.iter().filter(|n| n.kind == Kind::RiskRemoved && !n.revoked);
        removed.map(|n| n.entered.date().plus(WATCHED_DAYS)).max().unwrap_or(Date(i32::MIN))
    }

    /// Drops what entered before an instant and is not of the episode.
    pub(crate) fn forget(&mut self, oldest: Instant, episode: u32) {
        self.noted.retain(|noted| noted.episode == episode || noted.entered >= oldest);
    }
}
