//! What people did about a household's cases and what is due, as it is shown.

use proto::{
    alert::Severity,
    chain::Step,
    date::{Date, Instant},
    ids::HouseholdKey,
    outcome::{CaseId, Kind},
    region::Region,
};

use crate::{
    clocks::State,
    engine::Engine,
    fold::Fold,
    household::Household,
    record::{Noted, Record},
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

/// An outcome that answers the wish for a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Its case.
    pub case: CaseId,
    /// When somebody was there; nothing where another outcome answers the wish.
    pub at: Option<Instant>,
}

impl Engine {
    fn household(&self, id: &str) -> Option<(&Fold, &Household)> {
        let key = HouseholdKey::of(id);
        let partition = key.partition(u32::try_from(self.folds.len()).ok()?);
        let fold = &self.folds[partition as usize];
        Some((fold, &fold.households[fold.find(key, id)? as usize]))
    }

    /// What answers the wish for a visit in the cases of a household, in the order of entry.
    #[must_use]
    pub fn visits(&self, id: &str) -> Vec<Visit> {
        let found = self.household(id);
        let record = found.and_then(|(_, household)| household.record.as_deref());
        let live = record.into_iter().flat_map(|record| &record.noted);
        let answers = live.filter(|n| !n.revoked && Step::Visit.answered_by(n.kind, false));
        let visit = |noted: &Noted| Visit {
            case: CaseId::of(id, noted.episode),
            at: (noted.kind == Kind::Visited).then_some(noted.at),
        };
        answers.map(visit).collect()
    }

    /// What people did about a household's cases; nothing when it is not known.
    #[must_use]
    pub fn dossier(&self, id: &str) -> Option<Dossier> {
        let (fold, household) = self.household(id)?;
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
