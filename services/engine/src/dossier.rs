//! What people did about a household's cases and what is due: as it is shown, ranked and counted.

use std::collections::BTreeMap;

use proto::{
    alert::Severity,
    chain::Step,
    date::{Date, Instant},
    ids::HouseholdKey,
    outcome::{CaseId, Kind},
    region::{Prefix, Region},
};

use crate::{
    clocks::State,
    engine::Engine,
    fold::Fold,
    household::Household,
    record::{Noted, Record},
    words::Word,
};

/// An outcome as it was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Did {
    /// Its case.
    pub case: CaseId,
    /// Its id.
    pub id: String,
    /// What was done.
    pub kind: Kind,
    /// When, by who says so.
    pub at: Instant,
    /// When it entered.
    pub entered: Instant,
    /// Who says so.
    pub by: String,
    /// The category of an identified family.
    pub category: Option<String>,
    /// Codes of measures.
    pub measures: Vec<String>,
    /// The id of the outcome that it undoes.
    pub revokes: Option<String>,
    /// Whether it was undone.
    pub revoked: bool,
}

/// A clock of the open case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// What is waited for.
    pub step: Step,
    /// Until when, or until when it was.
    pub by: Instant,
    /// Who is asked.
    pub asked: Option<String>,
    /// Whether it has its answer.
    pub answered: bool,
    /// Whether it ran out where the route ends.
    pub spent: bool,
}

/// A household's cases on one desk.
#[derive(Clone, Debug, PartialEq)]
pub struct Dossier {
    /// Whose.
    pub household: String,
    /// Where, while a profile is known.
    pub region: Option<Region>,
    /// The number of the last episode.
    pub episode: u32,
    /// The level of the open case; none without one.
    pub level: Severity,
    /// The priority in the last alert of the open case.
    pub priority: i64,
    /// Whether help comes first and forms later.
    pub help_first: bool,
    /// The clocks of the open case, by step.
    pub clocks: Vec<Runs>,
    /// What was done, in the order of entry.
    pub outcomes: Vec<Did>,
    /// The rules that are quiet, up to which level, and the date on which they are heard again.
    pub quiet: Vec<(String, Severity, Date)>,
    /// The first date without the watch for relapse, where it is on.
    pub watched_until: Option<Date>,
}

/// What became of cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// The family needed help: identified, measures applied or risk removed.
    pub helped: u64,
    /// There was no risk.
    pub no_risk: u64,
    /// The family had the help it needs.
    pub already_covered: u64,
    /// The data were wrong.
    pub wrong_data: u64,
}

impl Verdicts {
    fn note(&mut self, verdict: Kind) {
        match verdict {
            Kind::NoRisk => self.no_risk += 1,
            Kind::AlreadyCovered => self.already_covered += 1,
            Kind::WrongData => self.wrong_data += 1,
            _ => self.helped += 1,
        }
    }
}

/// Verdicts over the cases of an area.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// By rule.
    pub rules: BTreeMap<String, Verdicts>,
    /// By feed and rule: cases in which the feed's events stood behind the rule's case.
    pub feeds: BTreeMap<(String, String), Verdicts>,
    /// By feed.
    pub sources: BTreeMap<String, Verdicts>,
    /// By registered region.
    pub regions: BTreeMap<String, Verdicts>,
}

impl Engine {
    /// What people did about a household's cases; nothing when it is not known.
    #[must_use]
    pub fn dossier(&self, id: &str) -> Option<Dossier> {
        let key = HouseholdKey::of(id);
        let partition = key.partition(u32::try_from(self.folds.len()).ok()?);
        let fold = &self.folds[partition as usize];
        let household = &fold.households[fold.find(key, id)? as usize];
        let open = household.case.as_deref().filter(|case| case.level > Severity::None);
        let asked = |stage: u8| {
            let word = open?.route.get(usize::from(stage))?;
            Some(fold.words_of_route.text(*word).to_owned())
        };
        let clocks = open.into_iter().flat_map(|case| &case.clocks).map(|clock| Runs {
            step: clock.step,
            by: clock.by,
            asked: asked(clock.stage),
            answered: clock.state == State::Answered,
            spent: clock.state == State::Spent,
        });
        let standings = household.case.iter().flat_map(|case| &case.standings);
        let quiet = standings.filter_map(|standing| {
            let silence = standing.silence?;
            let rule = self.world.rule_ids.text(standing.rule).to_owned();
            Some((rule, silence.level, silence.until))
        });
        let noted = household.record.iter().flat_map(|record| &record.noted);
        let watched = household.record.as_deref().map(Record::watched_until);
        Some(Dossier {
            household: id.to_owned(),
            region: household.known.as_deref().map(|known| known.region),
            episode: household.episode,
            level: open.map_or(Severity::None, |case| case.level),
            priority: open.map_or(0, |case| case.priority),
            help_first: open.is_some_and(|case| case.help_first),
            clocks: clocks.collect(),
            outcomes: noted.map(|noted| did(&household.id, noted)).collect(),
            quiet: quiet.collect(),
            watched_until: watched.filter(|until| *until > self.world.today()),
        })
    }

    /// What became of the cases of an area, as far as people said: one verdict for each case.
    #[must_use]
    pub fn quality(&self, area: Prefix) -> Quality {
        let mut quality = Quality::default();
        for household in self.folds.iter().flat_map(Fold::with_records) {
            let region = household.known.as_deref().map(|known| known.region);
            if !region.is_some_and(|region| area.contains(region)) {
                continue;
            }
            let region = region.map(|region| region.to_string()).unwrap_or_default();
            for noted in household.record.iter().flat_map(|record| verdicts(record)) {
                quality.regions.entry(region.clone()).or_default().note(noted.kind);
                let rules: Vec<&str> =
                    noted.rules.iter().map(|rule| self.world.rule_ids.text(*rule)).collect();
                for rule in &rules {
                    quality.rules.entry((*rule).to_owned()).or_default().note(noted.kind);
                }
                for source in &noted.sources {
                    let feed = self.world.feeds.text(Word(source.0));
                    quality.sources.entry(feed.to_owned()).or_default().note(noted.kind);
                    for rule in &rules {
                        let key = (feed.to_owned(), (*rule).to_owned());
                        quality.feeds.entry(key).or_default().note(noted.kind);
                    }
                }
            }
        }
        quality
    }
}

impl Fold {
    fn with_records(&self) -> impl Iterator<Item = &Household> {
        self.households.iter().filter(|household| household.record.is_some())
    }
}

/// The outcome that decides each case: that help was needed before anything else, then the last
/// word. One without rules was said of a case that had ended by itself.
fn verdicts(record: &Record) -> Vec<&Noted> {
    let mut decided: BTreeMap<u32, &Noted> = BTreeMap::new();
    for noted in &record.noted {
        let says =
            noted.kind.closes() || matches!(noted.kind, Kind::Identified | Kind::MeasuresApplied);
        if noted.revoked || !says || noted.rules.is_empty() {
            continue;
        }
        let helped = |noted: &Noted| {
            matches!(noted.kind, Kind::Identified | Kind::MeasuresApplied | Kind::RiskRemoved)
        };
        let kept = decided.entry(noted.episode).or_insert(noted);
        if !helped(kept) {
            *kept = noted;
        }
    }
    decided.into_values().collect()
}

fn did(household: &str, noted: &Noted) -> Did {
    Did {
        case: CaseId::of(household, noted.episode),
        id: noted.id.to_string(),
        kind: noted.kind,
        at: noted.at,
        entered: noted.entered,
        by: noted.by.to_string(),
        category: noted.category.as_deref().map(str::to_owned),
        measures: noted.measures.iter().map(ToString::to_string).collect(),
        revokes: noted.revokes.as_deref().map(str::to_owned),
        revoked: noted.revoked,
    }
}
