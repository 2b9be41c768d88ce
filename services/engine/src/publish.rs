//! What is said about a household: one alert for one published change of its case.

use std::borrow::Cow;

use proto::{
    alert::{Alert, Change, Data, EVENTS, Evidence, Overdue, Severity, Signal, Value, Values, Why},
    catalogue::TypeId,
    chain::Step,
    date::{Date, Instant},
    ids,
};
use rules::{Evaluate, LevelExpr, Literal, Memo, Name, Outcome, Pack, Rule, Scope, Symbol};

use crate::{
    case::{Case, Standing},
    clocks::Course,
    decide::{Grows, Moment, grows, kept_rule},
    desk::{Desk, Kit},
    facts::looked_at,
    fold::Fold,
    household::{Household, Known},
    ledger::Source,
    outcome::quiet,
    rows::Row,
    rulebook::RuleAt,
    toolbox,
    view::{View, evidence},
    words::{Word, Words},
    world::World,
};

/// What alerts of a household are made with.
pub(crate) struct Press<'p> {
    pub(crate) household: &'p mut Household,
    /// The levels that routes name.
    pub(crate) routes: &'p mut Words,
    pub(crate) sheet: &'p mut Sheet,
}

/// Memory that the next alert is made with again.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    /// For what is evaluated as of an earlier date.
    past: Kit,
    /// For its bytes.
    page: Vec<u8>,
}

impl Press<'_> {
    /// Makes the alert of a decision, if there is something to say, and notes what was said. Gives
    /// with it the first dates on which a material value can have grown past what was said.
    pub(crate) fn publish<'d>(
        &mut self,
        moment: &Moment<'d>,
        desk: &mut Desk<'d>,
        case: &mut Case,
        grown: bool,
    ) -> Option<(Alert, Grows)> {
        let change = case.change().or(grown.then_some(Change::Changed))?;
        if change == Change::Opened {
            self.household.episode += 1;
            case.revision = 0;
            case.clocks.clear();
            case.route.clear();
            case.help_first = false;
        }
        case.revision += 1;
        let previous = case.level;
        case.level = case.shown();
        Some(self.say(moment, desk, case, Said::new(change, previous)))
    }

    /// The alert of a case's present revision, with the first dates on which a material value can
    /// have grown past what it says.
    pub(crate) fn say<'d>(
        &mut self,
        moment: &Moment<'d>,
        desk: &mut Desk<'d>,
        case: &mut Case,
        said: Said,
    ) -> (Alert, Grows) {
        let Moment { world, at } = *moment;
        let mut writer = Writer {
            world,
            household: self.household,
            today: at.date(),
            grows: Grows { daily: Date::MAX, on_event: Date::MAX },
            types: Vec::new(),
            sources: Vec::new(),
            // An overdue step says nothing new of the family.
            notes: said.change != Change::Overdue,
            past: &mut self.sheet.past,
        };
        let signals = writer.signals(case, desk);
        let priority = writer.priority(case, desk);
        let measures = toolbox::offers(&signals, desk);
        let contradictions = toolbox::contradictions(&signals, desk);
        let (grows, types) = (writer.grows, writer.types);
        (case.sources, case.priority) = (writer.sources, priority);
        let record = self.household.record.as_deref();
        if said.change == Change::Closed {
            case.clocks.clear();
        } else if said.change != Change::Overdue {
            let mut course = Course::new(case, desk, record, self.household.episode, at);
            course.published(said.change, self.routes);
        }
        let feeds = world.marks(at).map_or_else(Vec::new, |m| m.of(&types, &world.feeds));
        let id = ids::case_id(&self.household.id, self.household.episode);
        let data = data(&id, self.household, self.routes, desk.sight.known, case, &said);
        let data = Data { as_of: at.date(), history: world.history, ..data };
        let risks = risks(&signals);
        let data = Data { signals, risks, measures, contradictions, priority, feeds, ..data };
        (Alert::write(at, &data, &mut self.sheet.page), grows)
    }
}

/// What every alert of a case says, without signals and the date.
fn data<'a>(
    id: &'a str,
    household: &'a Household,
    routes: &'a Words,
    known: &'a Known,
    case: &Case,
    said: &Said,
) -> Data<'a> {
    let overdue = said.overdue.map(|(clock, from, to)| {
        let (from, to) = (routes.text(from), routes.text(to));
        Overdue { clock, from, to }
    });
    Data {
        case: id,
        episode: household.episode,
        revision: case.revision,
        change: said.change,
        level: case.level,
        previous_level: said.previous,
        household: &household.id,
        region: known.region,
        site: known.site.as_deref(),
        as_of: Date::MAX,
        risks: Vec::new(),
        signals: Vec::new(),
        measures: Vec::new(),
        contradictions: Vec::new(),
        priority: 0,
        route: case.route.iter().map(|word| routes.text(*word)).collect(),
        clocks: case.shown_clocks(),
        overdue,
        profile_at: known.updated_at,
        feeds: Vec::new(),
        reason: said.reason,
        history: false,
        notice: "signal_not_decision",
    }
}

impl Fold {
    /// Closes the case because the profile is removed; what people quieted stays quiet.
    pub(crate) fn close_removed(&mut self, world: &World, ix: u32, at: Instant) -> Option<Alert> {
        let household = &mut self.households[ix as usize];
        let mut case = household.case.take()?;
        let known = household.known.take()?;
        let previous = std::mem::take(&mut case.level);
        let mut alert = None;
        if previous > Severity::None {
            case.revision += 1;
            case.clocks.clear();
            let said = Said::new(Change::Closed, previous).reason("household_removed");
            let id = ids::case_id(&household.id, household.episode);
            let data = data(&id, household, &self.words_of_route, &known, &case, &said);
            let data = Data { as_of: at.date(), history: world.history, ..data };
            alert = Some(Alert::write(at, &data, &mut self.sheet.page));
        }
        for standing in &mut case.standings {
            standing.computed = Severity::None;
        }
        let household = &mut self.households[ix as usize];
        (household.known, household.case) = (Some(known), quiet(case));
        self.set_alarm(ix);
        alert
    }
}

/// What an alert says beside the state of its case.
pub(crate) struct Said {
    change: Change,
    previous: Severity,
    reason: Option<&'static str>,
    /// The clock that ran out, and the levels that were and are asked.
    overdue: Option<(Step, Word, Word)>,
}

impl Said {
    pub(crate) fn new(change: Change, previous: Severity) -> Said {
        Said { change, previous, reason: None, overdue: None }
    }

    pub(crate) fn reason(self, reason: &'static str) -> Said {
        Said { reason: Some(reason), ..self }
    }

    pub(crate) fn overdue(self, clock: Step, from: Word, to: Word) -> Said {
        Said { overdue: Some((clock, from, to)), ..self }
    }
}

/// The risks of signals, each once, in their order.
fn risks<'d>(signals: &[Signal<'d>]) -> Vec<&'d str> {
    let mut risks: Vec<&str> = Vec::new();
    for signal in signals {
        if !risks.contains(&signal.risk) {
            risks.push(signal.risk);
        }
    }
    risks
}

struct Writer<'d, 'w> {
    world: &'d World,
    household: &'w Household,
    today: Date,
    grows: Grows,
    types: Vec<TypeId>,
    sources: Vec<Source>,
    /// Whether what is said becomes what the next alert is compared with.
    notes: bool,
    past: &'w mut Kit,
}

impl<'d> Writer<'d, '_> {
    /// The signals, highest level first, then by rule; notes what was published.
    fn signals(&mut self, case: &mut Case, desk: &mut Desk<'d>) -> Vec<Signal<'d>> {
        let mut stand: Vec<(usize, RuleAt, Severity)> = Vec::with_capacity(case.standings.len());
        for (place, standing) in case.standings.iter_mut().enumerate() {
            standing.published = standing.shown;
            if standing.shown > Severity::None
                && let Some(slot) = desk.book.slot(standing.rule)
                && let (Some(at), _) = desk.holds(slot)
            {
                stand.push((place, at, standing.shown));
            }
        }
        stand.sort_by(|(_, a, high), (_, b, level)| {
            level.cmp(high).then_with(|| desk.rule(*a).id.cmp(&desk.rule(*b).id))
        });
        let mut signals = Vec::with_capacity(stand.len());
        for (place, at, _) in stand {
            let standing = &mut case.standings[place];
            let pack = desk.book.pack(at);
            // The watch for relapse may have ended since, by an outcome that was revoked.
            let present = self.household.changed_on == self.today
                && self.household.changed_watch == desk.sight.watched_until;
            let kept = pack.evaluate == Evaluate::OnEvent && !present;
            signals.push(if kept {
                self.kept_signal(standing, desk, at)
            } else {
                self.signal(standing, desk, at, pack.evaluate == Evaluate::Daily)
            });
        }
        signals
    }

    /// A rule decided only on events keeps the values of the last change of data: nothing changed
    /// since, so the same expressions on that date give the same values. Where it is held from
    /// before its pack came into force, the pack's own expressions are taken on that date.
    fn kept_signal(&mut self, standing: &mut Standing, desk: &Desk<'d>, at: RuleAt) -> Signal<'d> {
        let (pack, known) = (desk.book.pack(at), desk.sight.known);
        let kept = kept_rule(self.world, self.household, known, standing.rule, pack);
        let (book, then) = kept.unwrap_or((desk.book, at));
        let sight = self.household.last_change(&desk.sight);
        let mut past = Desk::new(book, sight, std::mem::take(self.past));
        let signal = self.signal(standing, &mut past, then, false);
        *self.past = past.finish();
        signal
    }

    fn signal(
        &mut self,
        standing: &mut Standing,
        desk: &mut Desk<'d>,
        at: RuleAt,
        daily: bool,
    ) -> Signal<'d> {
        let (book, rule, today) = (desk.book, desk.rule(at), desk.sight.today);
        let measures = toolbox::measures(book.pack(at), &rule.risk, desk);
        let (pack, view, memo) = desk.pack(at.pack);
        self.types.extend(rule.reads.types.iter().copied());
        if let Some(material) = rule.material.filter(|_| self.notes) {
            standing.baseline = None;
            if let Outcome::Number(number) = pack.evaluate(material.value, view, memo) {
                let baseline = number.value / material.step;
                standing.baseline = Some(baseline);
                let grows = grows(number, material.step, baseline, today).min(number.sure);
                let first = if daily { &mut self.grows.daily } else { &mut self.grows.on_event };
                *first = grows.min(*first);
            }
        }
        let level = rule.levels.iter().find(|l| l.severity == standing.shown);
        let (events, events_total) =
            level.map_or((Vec::new(), 0), |level| self.events(view, level));
        Signal {
            rule: &rule.id,
            pack: &pack.id,
            digest: book.digest(at),
            level: standing.shown,
            risk: &rule.risk,
            values: level.map_or_else(Values::default, |l| values(pack, view, memo, l)),
            why: why(pack, rule, view, memo),
            events,
            events_total,
            measures,
        }
    }

    fn events(&mut self, view: &mut View<'d>, level: &LevelExpr) -> (Vec<Evidence<'d>>, usize) {
        let mut places: Vec<usize> = Vec::new();
        for fact in &level.reads.facts {
            looked_at(view, *fact, &mut places);
        }
        places.sort_unstable();
        places.dedup();
        let mut rows: Vec<&Row<'d>> = places.into_iter().map(|at| view.sight.rows.at(at)).collect();
        let key = |row: &Row<'_>| (row.record.source(), row.slot, row.type_id);
        rows.sort_by(|a, b| b.cmp_recency(a).then_with(|| key(a).cmp(&key(b))));
        // An event about two areas of a household stands in its rows twice.
        rows.dedup_by(|a, b| a.cmp_recency(b).is_eq() && key(a) == key(b));
        let total = rows.len();
        for source in rows.iter().map(|row| row.record.source()) {
            if let Err(at) = self.sources.binary_search(&source) {
                self.sources.insert(at, source);
            }
        }
        let feeds = &self.world.feeds;
        (rows.iter().take(EVENTS).map(|row| evidence(row, feeds)).collect(), total)
    }

    /// The largest priority of the packs whose rules stand.
    fn priority(&self, case: &Case, desk: &mut Desk<'_>) -> i64 {
        let mut packs: Vec<u16> = Vec::new();
        for standing in case.standings.iter().filter(|s| s.shown > Severity::None) {
            let slot = desk.book.slot(standing.rule);
            let holds = slot.and_then(|s| desk.holds(s).0);
            packs.extend(holds.map(|at| at.pack));
        }
        packs.sort_unstable();
        packs.dedup();
        let values = packs.into_iter().filter_map(|at| {
            let (pack, view, memo) = desk.pack(at);
            pack.evaluate(pack.priority?, view, memo).as_int()
        });
        values.max().unwrap_or(0)
    }
}

fn shown<'p, S: Scope>(pack: &'p Pack, scope: &S, outcome: Outcome) -> Option<Value<'p>> {
    match outcome {
        Outcome::Number(number) => Some(Value::Int(number.value)),
        Outcome::Truth(truth) => truth.now().map(Value::Bool),
        Outcome::Text(text) => Some(Value::Text(match text.symbol {
            Symbol::Literal(at) => Cow::Borrowed(pack.literal(at)),
            Symbol::Scope(at) => Cow::Owned(scope.text(at).to_owned()),
        })),
        Outcome::Failed(_) => None,
    }
}

/// The value of a name today; nothing where it fails.
pub(crate) fn value<'p>(
    pack: &'p Pack,
    view: &mut View<'_>,
    memo: &mut Memo,
    name: Name,
) -> Option<Value<'p>> {
    let outcome = pack.value(name, view, memo);
    shown(pack, view, outcome)
}

fn values<'p>(
    pack: &'p Pack,
    view: &mut View<'_>,
    memo: &mut Memo,
    level: &LevelExpr,
) -> Values<'p> {
    let mut values = Vec::with_capacity(level.names.len());
    for name in &level.names {
        values.extend(value(pack, view, memo, *name).map(|value| (pack.name(*name), value)));
    }
    Values(values)
}

fn why(pack: &Pack, rule: &Rule, view: &mut View<'_>, memo: &mut Memo) -> Why {
    let mut render = |template: &Option<rules::Template>| {
        template.as_ref().map_or_else(String::new, |template| {
            template.render(|name| {
                value(pack, view, memo, name).map(|value| match value {
                    Value::Int(n) => Literal::Int(n),
                    Value::Bool(b) => Literal::Bool(b),
                    Value::Text(text) => Literal::Text(text.into_owned()),
                })
            })
        })
    };
    Why { zh: render(&rule.why_zh), en: render(&rule.why_en) }
}
