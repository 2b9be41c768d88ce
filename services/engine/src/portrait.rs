//! A household as it is shown: its state, its live events, its facts, and how far it is from each
//! threshold.

use proto::{
    alert::{Severity, Value},
    catalogue::TypeId,
    date::{Date, Instant},
    ids::HouseholdKey,
    region::Region,
};
use rules::{LevelExpr, Memo, Name, Number, Outcome, Pack, Threshold};

use crate::{
    desk::{Desk, Kit},
    engine::Engine,
    household::{Household, Known},
    ledger::Record,
    publish,
    rows::Rows,
    view::Sight,
    words::Word,
};

/// Whom an event is about, as its household sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The household itself.
    Household,
    /// One of its persons, by the token.
    Person(String),
    /// The area it is in.
    Area,
}

/// A live event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The feed.
    pub source: String,
    /// The feed's id.
    pub id: String,
    /// The type, in [`Engine::catalogue`].
    pub type_id: TypeId,
    /// Whom it is about.
    pub about: About,
    /// When it happened.
    pub occurred_on: Date,
    /// When it was observed.
    pub time: Instant,
    /// The packed fields ([`proto::fields::each`]).
    pub fields: Vec<u8>,
}

/// A rule that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Its id.
    pub rule: String,
    /// The pack it is taken from today, where one holds.
    pub pack: Option<String>,
    /// The level it shows.
    pub level: Severity,
}

/// How far a value is from a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headroom {
    /// The pack.
    pub pack: String,
    /// The rule.
    pub rule: String,
    /// The level that the limit belongs to.
    pub level: Severity,
    /// The fact or `let`.
    pub name: String,
    /// Its value today.
    pub value: i64,
    /// The limit today.
    pub threshold: i64,
    /// Whether the value must lie above the limit for the level; below it otherwise.
    pub above: bool,
    /// What is missing until the comparison holds; 0 where it does.
    pub missing: i64,
    /// The first date on which it holds if no data change and both go on as they do now.
    pub crossing: Option<Date>,
}

/// A household as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Portrait {
    /// Its id.
    pub household: String,
    /// What its profile says; nothing while no profile is known.
    pub profile: Option<Outline>,
    /// The level in its last alert.
    pub level: Severity,
    /// The id of its open case.
    pub case: Option<String>,
    /// The number of its last episode.
    pub episode: u32,
    /// The date of the facts.
    pub as_of: Date,
    /// Live events, newest first by `occurred_on`, `time`, id.
    pub events: Vec<Held>,
    /// By pack in force: facts and lets by name; what fails is left out.
    pub facts: Vec<(String, Vec<(String, Value<'static>)>)>,
    /// The rules that stand.
    pub rules: Vec<Stands>,
    /// The distance to each threshold of the packs in force.
    pub headroom: Vec<Headroom>,
}

/// What a profile says of a household.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The registered region.
    pub region: Region,
    /// The resettlement site.
    pub site: Option<String>,
    /// The class.
    pub class: String,
    /// Persons.
    pub size: u8,
    /// Net income a year.
    pub net_income_fen: i64,
    /// When it was made.
    pub updated_at: Instant,
}

impl Engine {
    /// What is known of a household; nothing when neither a profile nor an event ever named it.
    #[must_use]
    pub fn portrait(&self, id: &str) -> Option<Portrait> {
        let key = HouseholdKey::of(id);
        let partition = key.partition(u32::try_from(self.folds.len()).ok()?);
        let fold = &self.folds[partition as usize];
        let household = &fold.households[fold.find(key, id)? as usize];
        let case = household.case.as_deref();
        let level = case.map_or(Severity::None, |case| case.level);
        let open = level > Severity::None;
        let case_id = || proto::ids::case_id(&household.id, household.episode);
        let mut portrait = Portrait {
            household: household.id.to_string(),
            profile: None,
            level,
            case: open.then(case_id),
            episode: household.episode,
            as_of: self.world.today(),
            events: Vec::new(),
            facts: Vec::new(),
            rules: Vec::new(),
            headroom: Vec::new(),
        };
        match household.known.as_deref() {
            Some(known) => {
                portrait.profile = Some(outline(known, |word| fold.words.text(word).to_owned()));
                self.fill(&mut portrait, household, known, &fold.words);
            }
            None => {
                let live = household.ledger.records().filter(|r| r.live());
                portrait.events = live.map(|r| self.held(household, r, false)).collect();
            }
        }
        let recency = |e: &Held| (e.occurred_on, e.time, e.id.clone());
        portrait.events.sort_by_key(|event| std::cmp::Reverse(recency(event)));
        Some(portrait)
    }

    fn fill(
        &self,
        portrait: &mut Portrait,
        household: &Household,
        known: &Known,
        words: &crate::words::Words,
    ) {
        let world = &self.world;
        let today = world.today();
        let book = world.book(world.generation(household.seen));
        let rows = Rows::new(&household.ledger, known, &world.areas, household.seen);
        let own = rows.own().len();
        let seen = rows.placed(book.reads_areas);
        let held = seen.map(|(n, row)| self.held(household, row.record, n >= own));
        portrait.events = held.collect();
        let watched_until = household.watched_until;
        let sight = Sight { known, words, rows: &rows, today, watched_until };
        let mut desk = Desk::new(book, sight, Kit::default());
        for slot in book.all() {
            let (Some(at), _) = book.holds(*slot, known.region, today) else { continue };
            let rule = desk.rule(at);
            let (pack, view, memo) = desk.pack(at.pack);
            for level in &rule.levels {
                let thresholds = pack.thresholds(level).into_iter();
                let room =
                    thresholds.filter_map(|t| headroom(pack, &rule.id, level, t, view, memo));
                portrait.headroom.extend(room);
            }
        }
        for (at, pack) in (0u16..).zip(&book.packs) {
            if !pack.covers(known.region) || !pack.in_force(today) {
                continue;
            }
            let (pack, view, memo) = desk.pack(at);
            let facts = (0..pack.facts.len()).map(Name::Fact);
            let names = facts.chain((0..pack.lets.len()).map(Name::Let));
            let value = |name| {
                let value = publish::value(pack, view, memo, name)?;
                Some((pack.name(name).to_owned(), value.into_owned()))
            };
            portrait.facts.push((pack.id.clone(), names.filter_map(value).collect()));
        }
        let standings = household.case.iter().flat_map(|case| &case.standings);
        let standings = standings.filter(|standing| standing.shown > Severity::None);
        portrait.rules = standings
            .map(|standing| {
                let at = book.slot(standing.rule);
                let at = at.and_then(|slot| book.holds(slot, known.region, today).0);
                Stands {
                    rule: world.rule_ids.text(standing.rule).to_owned(),
                    pack: at.map(|at| book.pack(at).id.clone()),
                    level: standing.shown,
                }
            })
            .collect();
    }

    fn held(&self, household: &Household, record: Record<'_>, area: bool) -> Held {
        let person = usize::from(record.slot()).checked_sub(1);
        let person = person.and_then(|at| household.persons.get(at));
        let about = match person {
            _ if area => About::Area,
            Some(person) => About::Person(self.resolver.get(*person).token.to_string()),
            None => About::Household,
        };
        Held {
            source: self.world.feeds.text(Word(record.source().0)).to_owned(),
            id: record.id().to_owned(),
            type_id: record.type_id(),
            about,
            occurred_on: record.occurred_on(),
            time: record.time(),
            fields: record.fields().to_vec(),
        }
    }
}

fn outline(known: &Known, text: impl Fn(Word) -> String) -> Outline {
    Outline {
        region: known.region,
        site: known.site.as_deref().map(str::to_owned),
        class: text(known.class),
        size: known.size,
        net_income_fen: known.net_income_fen,
        updated_at: known.updated_at,
    }
}

fn headroom(
    pack: &Pack,
    rule: &str,
    level: &LevelExpr,
    threshold: Threshold,
    view: &mut crate::view::View<'_>,
    memo: &mut Memo,
) -> Option<Headroom> {
    let mut number = |expr| match pack.evaluate(expr, view, memo) {
        Outcome::Number(number) => Some(number),
        _ => None,
    };
    let (value, limit) = (number(threshold.value)?, number(threshold.limit)?);
    let missing = threshold.missing(value.value, limit.value)?;
    Some(Headroom {
        pack: pack.id.clone(),
        rule: rule.to_owned(),
        level: level.severity,
        name: pack.name(threshold.name).to_owned(),
        value: value.value,
        threshold: limit.value,
        above: threshold.above,
        missing,
        crossing: crossing(view.sight.today, threshold.above, missing, value, limit),
    })
}

/// The first date on which nothing is missing, if both go straight on until then.
fn crossing(today: Date, above: bool, missing: i64, value: Number, limit: Number) -> Option<Date> {
    if missing == 0 {
        return Some(today);
    }
    let closing = value.slope.checked_sub(limit.slope)?;
    let closing = if above { closing } else { closing.checked_neg()? };
    if closing <= 0 {
        return None;
    }
    let days = missing.checked_add(closing - 1)? / closing;
    let date = today.0.checked_add(i32::try_from(days).ok()?).map(Date)?;
    (date < value.until.min(limit.until)).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crossing_is_told_only_while_the_line_holds() {
        let days = |value, until| Number::sloping(value, 1, Date(until), true, true);
        let limit = Number::steady(180);
        let told = |value, missing| crossing(Date(100), true, missing, value, limit);
        assert_eq!(told(days(170, 1_000), 10), Some(Date(110)));
        assert_eq!(told(days(170, 105), 10), None);
        assert_eq!(told(days(190, 1_000), 0), Some(Date(100)));
        assert_eq!(told(Number::steady(5), 175), None);
        let falls =
            crossing(Date(100), false, 9, Number::sloping(20, -2, Date::MAX, false, false), limit);
        assert_eq!(falls, Some(Date(105)));
        assert_eq!(crossing(Date(100), false, 9, days(20, 1_000), limit), None);
    }
}
