//! What people did about a household's cases, and the quiet that follows a closing. Knows rules by
//! id and levels by number; no expression.

use super::civil::{Day, Instant, date_of, parse_instant};
use super::clocks::answers;
use super::decide::{Level, short_id};
use serde_json::Value;
use std::collections::BTreeMap;

/// Days for which a household is watched after its risk was removed.
pub(crate) const WATCHED: i64 = 180;
const CLOSING: [&str; 4] = ["no_risk", "already_covered", "wrong_data", "risk_removed"];

/// An outcome on its way in.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) entered: Instant,
    pub(crate) household: String,
    pub(crate) case: String,
    pub(crate) kind: String,
    body: Value,
}

impl Outcome {
    /// Reads `{"entered", "case", "body"}`.
    pub(crate) fn read(line: &Value) -> Option<Outcome> {
        let body = line["body"].clone();
        Some(Outcome {
            entered: parse_instant(line["entered"].as_str()?)?,
            household: body["household"].as_str()?.to_owned(),
            case: line["case"].as_str()?.to_owned(),
            kind: body["kind"].as_str()?.to_owned(),
            body,
        })
    }

    /// The episode of the household whose case it names.
    pub(crate) fn episode(&self, last: u64) -> Option<u64> {
        let household = &self.household;
        let id = |episode: &u64| short_id(&format!("levee.case.v1|{household}|{episode}"));
        (1..=last).find(|episode| id(episode) == self.case)
    }
}

/// Whether an outcome of a kind closes the case.
pub(crate) fn closes(kind: &str) -> bool {
    CLOSING.contains(&kind)
}

#[derive(Debug)]
struct Deed {
    outcome: Outcome,
    episode: u64,
    undone: bool,
    /// For how long clocks stood still for it.
    still: i64,
}

/// A rule that counts as none: up to a level, before a day, below a quotient.
#[derive(Clone, Copy, Debug)]
struct Quiet {
    level: Level,
    until: Day,
    quotient: Option<i64>,
    episode: u64,
}

/// Everything that people did about one household.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    all: Vec<Deed>,
    quiet: BTreeMap<String, Quiet>,
}

impl Deeds {
    /// Notes an outcome; of a revocation gives the kind that is undone and for how long clocks
    /// stood still for it.
    ///
    /// # Errors
    /// The code of the refusal; empty for one that is known.
    pub(crate) fn note(
        &mut self,
        outcome: &Outcome,
        episode: u64,
    ) -> Result<Option<(String, i64)>, &'static str> {
        if let Some(known) = self.all.iter().find(|d| d.outcome.body["id"] == outcome.body["id"]) {
            let same = known.outcome.body == outcome.body && known.episode == episode;
            return Err(if same { "" } else { "id.conflict" });
        }
        let mut kind = None;
        if outcome.kind == "revoked" {
            let target = self.all.iter_mut().find(|d| {
                d.outcome.body["id"] == outcome.body["revokes"]
                    && d.episode == episode
                    && !d.undone
                    && d.outcome.kind != "revoked"
            });
            let target = target.ok_or("outcome.unknown")?;
            target.undone = true;
            kind = Some((target.outcome.kind.clone(), target.still));
        }
        self.all.push(Deed { outcome: outcome.clone(), episode, undone: false, still: 0 });
        Ok(kind)
    }

    /// Says for how long clocks stand still for the last outcome.
    pub(crate) fn stands_still(&mut self, still: i64) {
        if let Some(last) = self.all.last_mut() {
            last.still = still;
        }
    }

    /// Until when the postings of an episode hang.
    pub(crate) fn posted_to(&self, episode: u64) -> Option<Instant> {
        let here = |d: &&Deed| d.episode == episode && !d.undone && d.outcome.kind == "posted";
        self.all.iter().filter(here).map(|d| d.outcome.entered + d.still).max()
    }

    fn live(&self, episode: u64) -> impl Iterator<Item = &Outcome> {
        let counts = move |d: &&Deed| d.episode == episode && !d.undone;
        self.all.iter().filter(counts).map(|d| &d.outcome)
    }

    /// Whether a step of the chain has its answer in an episode.
    pub(crate) fn answers(&self, episode: u64, step: &str, help_first: bool) -> bool {
        self.live(episode).any(|o| answers(&o.kind, step, help_first))
    }

    pub(crate) fn is_closed(&self, episode: u64) -> bool {
        self.live(episode).any(|o| closes(&o.kind))
    }

    /// The first day on which the household is not watched for relapse.
    pub(crate) fn watched_until(&self) -> Day {
        let removed = self.all.iter().filter(|d| d.outcome.kind == "risk_removed" && !d.undone);
        removed.map(|d| date_of(d.outcome.entered) + WATCHED).max().unwrap_or(Day::MIN)
    }

    /// Quiets a rule of a closed case.
    pub(crate) fn hush(
        &mut self,
        rule: &str,
        level: Level,
        until: Day,
        quotient: Option<i64>,
        episode: u64,
    ) {
        self.quiet.insert(rule.to_owned(), Quiet { level, until, quotient, episode });
    }

    /// Ends the quiet of an episode.
    pub(crate) fn lift(&mut self, episode: u64) {
        self.quiet.retain(|_, quiet| quiet.episode != episode);
    }

    /// Whether a rule's quiet ends because its time has come.
    pub(crate) fn is_over(&self, rule: &str, today: Day) -> bool {
        self.quiet.get(rule).is_some_and(|quiet| today >= quiet.until)
    }

    /// Whether a rule that a decision found at a level is quiet; breaks and ends what is over.
    pub(crate) fn silences(
        &mut self,
        rule: &str,
        level: Level,
        quotient: Option<i64>,
        today: Day,
    ) -> bool {
        let Some(quiet) = self.quiet.get(rule) else { return false };
        let grown = level > 0 && quotient.is_some_and(|q| quiet.quotient.is_some_and(|b| q > b));
        let over = today >= quiet.until || level > quiet.level || grown;
        if over {
            self.quiet.remove(rule);
        }
        !over
    }
}
