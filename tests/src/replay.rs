//! The real parser, clock and engine over plain text, in the smallest possible shell.

use std::{collections::BTreeMap, sync::Arc};

use engine::{Engine, OneHand, Outcome, Output, Past, Stamped, Verdict};
use proto::{
    alert::Alert,
    date::{Date, Instant},
    event::Event,
    frame::Entry,
    household::Profile,
    json::Json,
    outcome::{CaseId, CaseOutcome},
    person::Persons,
};
use serde_json::Value;

use crate::worlds::World;

/// What a replay gave.
#[derive(Debug, Default)]
pub struct Replayed {
    /// The alerts, in order.
    pub alerts: Vec<Alert>,
    /// Refused lines by code.
    pub refused: BTreeMap<String, u64>,
    /// Events that came twice.
    pub duplicates: u64,
    /// The published level of each household at the end.
    pub levels: BTreeMap<String, String>,
}

impl Replayed {
    /// The alerts as JSON values.
    #[must_use]
    pub fn values(&self) -> Vec<Value> {
        let parse = |alert: &Alert| serde_json::from_slice(alert.json()).unwrap_or_default();
        self.alerts.iter().map(parse).collect()
    }

    fn refuse(&mut self, code: proto::codes::Code) {
        *self.refused.entry(code.name().to_owned()).or_default() += 1;
    }
}

/// How a world is put through the engine.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Entries in one batch.
    pub batch: usize,
    /// Work midnights and fan-outs off at once.
    pub eager: bool,
    /// Households of pending work between batches, where not eager.
    pub budget: usize,
    /// Partitions.
    pub partitions: u32,
    /// After so many batches the engine is written and read again; never when 0.
    pub restart: usize,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner { batch: 1_000, eager: true, budget: 0, partitions: 4, restart: 0 }
    }
}

/// The engine made from its own snapshot, which it gives again with the same bytes.
fn restarted(engine: &Engine) -> Result<Engine, String> {
    let sections = engine.snapshot(&OneHand).ok_or("no snapshot is given")?;
    let again = Engine::restore(&OneHand, &sections).ok_or("a snapshot is not taken")?;
    let same = again.snapshot(&OneHand).is_some_and(|further| further == sections);
    if same { Ok(again) } else { Err("a snapshot of a restored engine differs".to_owned()) }
}

/// Puts outcomes among the entries, each after what enters up to its instant; what enters after the
/// end is left out.
fn with_outcomes(
    entries: Vec<Stamped>,
    lines: &[String],
    end: Option<Instant>,
) -> Result<Vec<Stamped>, String> {
    let mut outcomes = Vec::new();
    for line in lines {
        let line: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let at = line["entered"].as_str().and_then(Instant::parse).ok_or("entered")?;
        let case = line["case"].as_str().and_then(CaseId::parse).ok_or("case")?;
        let body = line["body"].to_string();
        let json = Json::parse(body.as_bytes()).map_err(|e| e.to_string())?;
        let (outcome, _) = CaseOutcome::parse(&json, case).map_err(|e| e.to_string())?;
        if end.is_some_and(|end| at <= end) {
            outcomes.push(Stamped::new(at, Entry::Outcome(Box::new(outcome))));
        }
    }
    let mut all = Vec::with_capacity(entries.len() + outcomes.len());
    let mut outcomes = outcomes.into_iter().peekable();
    for entry in entries {
        while let Some(outcome) = outcomes.next_if(|outcome| outcome.at < entry.at) {
            all.push(outcome);
        }
        all.push(entry);
    }
    all.extend(outcomes);
    Ok(all)
}

/// Replays a world as `backtest` does.
///
/// # Errors
/// A pack that does not load, in words.
pub fn replay(world: &World, manner: Manner) -> Result<Replayed, String> {
    let mut engine = Engine::new(manner.partitions);
    engine.set_eager(manner.eager);
    let mut packs = Vec::new();
    let mut catalogue = engine.catalogue().clone();
    for (n, yaml) in world.packs.iter().enumerate() {
        let pack = rules::Pack::load(&format!("pack-{n}"), yaml.as_bytes(), &catalogue);
        let pack = pack.map_err(|errors| format!("{errors:?}"))?;
        catalogue = pack.catalogue.clone();
        packs.push(Arc::new(pack));
    }
    rules::PackSet::new(packs.clone()).map_err(|errors| format!("{errors:?}"))?;
    let mut told = Replayed::default();
    let mut past = Past::new(Date::parse(&world.until));
    for line in &world.households {
        let json = Json::parse(line.as_bytes()).map_err(|e| e.to_string())?;
        match Profile::parse(&json, Instant::EPOCH_SHANGHAI, Persons::AsGiven) {
            Ok((profile, _)) => {
                past.profile(profile);
            }
            Err(refusal) => told.refuse(refusal.code),
        }
    }
    let mut entries = Vec::new();
    for line in &world.events {
        let json = Json::parse(line.as_bytes()).map_err(|e| e.to_string())?;
        match Event::parse(&json, &catalogue, Persons::AsGiven) {
            Ok((event, _)) => match past.event(event, &mut entries) {
                Verdict::Duplicate => told.duplicates += 1,
                Verdict::Refused(code) => told.refuse(code),
                Verdict::Taken | Verdict::LeftOut => {}
            },
            Err(refusal) => told.refuse(refusal.code),
        }
    }
    let end = past.finish(&mut entries);
    let entries = with_outcomes(entries, &world.outcomes, end)?;
    let mut out = Output::default();
    if let Some(first) = entries.first().map(|e| e.at) {
        let pack = |(n, yaml): (usize, &String)| {
            let name = format!("pack-{n}").into();
            let yaml = yaml.as_bytes().into();
            Stamped::new(first, Entry::Pack { name, yaml, withdrawn: false })
        };
        let packs: Vec<Stamped> = world.packs.iter().enumerate().map(pack).collect();
        engine.apply(&OneHand, &packs, &mut out);
    }
    for (n, some) in (1..).zip(entries.chunks(manner.batch)) {
        engine.apply(&OneHand, some, &mut out);
        if !manner.eager {
            engine.work(&OneHand, manner.budget, &mut out);
        }
        if manner.restart > 0 && n % manner.restart == 0 {
            engine = restarted(&engine)?;
            engine.set_eager(manner.eager);
        }
    }
    if let Some(end) = end {
        engine.advance(&OneHand, end, &mut out);
    }
    while engine.work(&OneHand, 64, &mut out) {}
    let refused = out.outcomes.iter().filter_map(|o| match o {
        Outcome::Refused(code) => Some(*code),
        _ => None,
    });
    refused.for_each(|code| told.refuse(code));
    let level = |a: &Alert| (a.household.to_string(), a.level.word().to_owned());
    told.levels.extend(out.alerts.iter().map(level));
    told.alerts = out.alerts;
    Ok(told)
}
