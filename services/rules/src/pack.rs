//! A rule pack: what its file says, checked and compiled.
//!
//! A pack that exists is correct. It refuses to know households, clocks and other packs.

use std::{collections::BTreeMap, sync::Arc};

use proto::{
    alert::Severity,
    catalogue::{Catalogue, EventType, Title, TypeId},
    chain::Step,
    date::Date,
    region::{Prefix, Region},
};

use crate::{
    calendar::{Calendar, Term},
    error::PackError,
    eval::{self, Memo, Scope},
    expr::{
        names::Name,
        program::{Expr, Program, Type},
    },
    filter::{self, Record, WordTest},
    gate::Gate,
    outlook::Outcome,
    reads::Reads,
    table::Table,
    template::{Literal, Template},
    window::Window,
};

mod circle;
mod clocks;
mod events;
mod facts;
mod header;
mod load;
mod rules;
mod service;
mod shape;
mod tables;

/// When the rules of a pack are decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evaluate {
    /// At each change of the household's data and at each midnight.
    Daily,
    /// Only when the household's data change.
    OnEvent,
}

/// How a fact is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FactKind {
    /// The sum of a field.
    Sum,
    /// The largest value of a field.
    Max,
    /// How many events.
    Count,
    /// A field of the latest event.
    Last,
    /// How many of the types have at least one event.
    Distinct,
    /// Days since the latest event.
    DaysSince,
    /// The longest a person has been without the closing event.
    OpenDays,
    /// Whether an area's warning is on.
    Active,
}

/// A fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// How it is taken.
    pub kind: FactKind,
    /// The event types it looks at: one, or several with [`FactKind::Distinct`].
    pub types: Vec<TypeId>,
    /// What ends an open one ([`FactKind::OpenDays`]).
    pub until: Option<TypeId>,
    /// The place of the field among the type's fields (sum, max, last).
    pub field: Option<usize>,
    /// The type of its value.
    pub value_type: Type,
    /// Which dates it looks at.
    pub window: Window,
    /// `where`; evaluate with [`Pack::passes`].
    pub filter: Option<Expr>,
    /// Its answers by word, where it asks for one enum field.
    pub words: Option<WordTest>,
    /// The value without any event, if not the usual one.
    pub default: Option<Literal>,
    /// Whether money that comes adds to it, at most its amount and at least nothing: a sum or
    /// maximum of money over events that are not about areas, its `where` never failing.
    pub grows: bool,
    /// Whether it looks at events about areas, be it as what ends another.
    pub of_areas: bool,
}

impl Fact {
    /// The value without any event: the default given, else −1, 0, false or "" by kind and type.
    #[must_use]
    pub fn absent(&self) -> Literal {
        self.default.clone().unwrap_or(match (self.kind, self.value_type) {
            (FactKind::DaysSince | FactKind::OpenDays, _) => Literal::Int(-1),
            (_, Type::Int) => Literal::Int(0),
            (_, Type::Bool) => Literal::Bool(false),
            (_, Type::Text) => Literal::Text(String::new()),
        })
    }
}

/// A named expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Let {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub expr: Expr,
}

/// One level of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LevelExpr {
    /// The level it gives.
    pub severity: Severity,
    /// The condition.
    pub expr: Expr,
    /// The facts and lets in it and in the lets among them, all the way down: facts first, each
    /// in the order of the file. These are the alert's `values`.
    pub names: Vec<Name>,
    /// All it needs.
    pub reads: Reads,
    /// The facts of which one alone makes it false.
    pub gates: Vec<Gate>,
}

/// Publishes a change when `value / step` grows at the same level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Material {
    /// The number that is watched.
    pub value: Expr,
    /// The step, above 0.
    pub step: i64,
}

/// A rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Its id, unique in the pack; the same id in another pack is the same rule.
    pub id: Arc<str>,
    /// The risk it points to.
    pub risk: String,
    /// Its levels, the most severe first; at least one.
    pub levels: Vec<LevelExpr>,
    /// Why, in Chinese.
    pub why_zh: Option<Template>,
    /// Why, in English.
    pub why_en: Option<Template>,
    /// When a change within a level is published.
    pub material: Option<Material>,
    /// All that its levels and `material` need.
    pub reads: Reads,
    /// Whether it can be without a level whatever its facts are.
    pub settles: bool,
}

/// A line of the toolbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tool {
    /// For signals of this risk.
    pub risk: String,
    /// For households with this labour; any without it.
    pub labour: Option<String>,
    /// What can be offered.
    pub measures: Vec<String>,
}

/// A measure by its code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Measure {
    /// The code.
    pub code: String,
    /// What people call it.
    pub title: Title,
    /// Programmes of which a family that has one needs the measure no more; the code by itself.
    pub aid: Vec<String>,
}

/// What must not be true of a household in which a risk stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contradiction {
    /// Its id.
    pub id: String,
    /// The risk.
    pub risk: String,
    /// The condition.
    pub when: Expr,
}

/// How long each step may take at one level, and who is asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clocks {
    /// The clocks that begin with the level.
    pub steps: Vec<(Step, Term)>,
    /// The levels of government, nearest first.
    pub route: Vec<String>,
}

/// A later step of the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The step.
    pub step: Step,
    /// It begins when this step is answered.
    pub after: Step,
    /// How long it may take; without it nobody is reminded.
    pub within: Option<Term>,
    /// How long a posting hangs; clocks stand still meanwhile.
    pub lasts: Option<Term>,
}

/// Help first, forms later: for some risks measures are due before anything else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GreenChannel {
    /// The risks.
    pub risks: Vec<String>,
    /// How long measures may take from the opening of the case.
    pub measures: Term,
}

/// A rule pack.
#[derive(Debug)]
pub struct Pack {
    /// Its id.
    pub id: String,
    /// The name of the file it came from.
    pub file: String,
    /// What people call it.
    pub title: Title,
    /// The area it is for.
    pub scope: Prefix,
    /// The first day in force.
    pub from: Date,
    /// The last day in force.
    pub to: Option<Date>,
    /// When its rules are decided.
    pub evaluate: Evaluate,
    /// How long a fall must last before it is published.
    pub close_after_days: u32,
    /// What a fact without `over` looks back on, in days.
    pub retain_days: u32,
    /// What its facts can look back on, in days: the longest window, at least `retain_days`.
    pub reach_days: u32,
    /// SHA-256 of the file.
    pub digest: [u8; 32],
    /// The file.
    pub source: Vec<u8>,
    /// The event types it adds.
    pub event_types: Vec<EventType>,
    /// The catalogue it was loaded with and its additions; [`TypeId`]s of the pack belong to it.
    pub catalogue: Catalogue,
    /// Its tables.
    pub tables: Vec<Table>,
    /// Its facts.
    pub facts: Vec<Fact>,
    /// Its lets.
    pub lets: Vec<Let>,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// The place in queues; larger first.
    pub priority: Option<Expr>,
    /// What can be offered.
    pub toolbox: Vec<Tool>,
    /// Measures with their titles.
    pub measures: Vec<Measure>,
    /// What contradicts a risk.
    pub contradictions: Vec<Contradiction>,
    /// Deadlines by level.
    pub clocks: BTreeMap<Severity, Clocks>,
    /// Which days are worked.
    pub calendar: Calendar,
    /// The steps after the first clocks.
    pub chain: Vec<Row>,
    /// For which risks help comes first.
    pub green_channel: Option<GreenChannel>,
    /// How long rules of a case that people closed stay quiet, in days.
    pub quiet_days: i32,
    program: Program,
}

/// The level of a rule, and how long it stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The level.
    pub level: Severity,
    /// With the household's data unchanged, the first date on which the level may differ.
    pub until: Date,
    /// How many level expressions failed on the way.
    pub failed: u8,
    /// The place in [`Rule::levels`] of the one that is true.
    pub deciding: Option<usize>,
}

impl Pack {
    /// Reads, checks and compiles a pack. Load the next pack with the [`Pack::catalogue`] of the
    /// one before, so that all agree on [`TypeId`]s.
    ///
    /// # Errors
    /// All mistakes found, by line; at most 100.
    pub fn load(file: &str, bytes: &[u8], catalogue: &Catalogue) -> Result<Pack, Vec<PackError>> {
        load::load(file, bytes, catalogue)
    }

    /// Whether it is in force on a date.
    #[must_use]
    pub fn in_force(&self, date: Date) -> bool {
        self.from <= date && self.to.is_none_or(|to| date <= to)
    }

    /// Whether it is for a registered region.
    #[must_use]
    pub fn covers(&self, region: Region) -> bool {
        self.scope.contains(region)
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// The name of a fact or let of this pack.
    #[must_use]
    pub fn name(&self, name: Name) -> &str {
        match name {
            Name::Fact(at) => &self.facts[at].name,
            Name::Let(at) => &self.lets[at].name,
        }
    }

    /// Decides a rule of this pack.
    pub fn level<S: Scope>(&self, rule: &Rule, scope: &mut S, memo: &mut Memo) -> Decision {
        let mut until = Date::MAX;
        let mut failed = 0u8;
        for (at, level) in rule.levels.iter().enumerate() {
            if level.gates.iter().any(|gate| scope.lacks(gate.fact)) {
                continue;
            }
            let truth = eval::truth(&self.program, level.expr, scope, memo);
            match truth.now() {
                Some(true) => {
                    let until = until.min(truth.ends());
                    let (level, deciding) = (level.severity, Some(at));
                    return Decision { level, until, failed, deciding };
                }
                Some(false) => {}
                None => failed += 1,
            }
            until = until.min(truth.holds());
        }
        Decision { level: Severity::None, until, failed, deciding: None }
    }

    /// Until when the rule has no level whatever money and events about areas come, as long as no
    /// event comes that one of its [`Pack::rest_gates`] looks at, and none goes that ended another:
    /// each level has a gate that is shut. Nothing where that is not known.
    pub fn rests<S: Scope>(&self, rule: &Rule, scope: &mut S) -> Option<Date> {
        let mut rests = Date::MAX;
        for level in &rule.levels {
            let gates = level.gates.iter().filter(|gate| self.may_rest(gate.fact));
            let mut shut = None;
            for gate in gates {
                shut = shut.max(scope.shut(*gate));
                if shut == Some(Date::MAX) {
                    break;
                }
            }
            rests = rests.min(shut?);
        }
        Some(rests)
    }

    /// The places of the facts for whose events a rule may rest; another never ends its rest.
    pub fn rest_gates(&self, rule: &Rule) -> impl Iterator<Item = usize> {
        let gates = rule.levels.iter().flat_map(|level| level.gates.iter().map(|gate| gate.fact));
        gates.filter(|at| self.may_rest(*at))
    }

    fn may_rest(&self, fact: usize) -> bool {
        let fact = &self.facts[fact];
        !fact.of_areas && !fact.grows
    }

    /// The value of a fact or let of this pack.
    pub fn value<S: Scope>(&self, name: Name, scope: &mut S, memo: &mut Memo) -> Outcome {
        let expr = match name {
            Name::Fact(at) => self.program.fact_expr(at),
            Name::Let(at) => self.lets.get(at).map(|found| found.expr),
        };
        expr.map_or(Outcome::failed(Date::MAX), |expr| self.evaluate(expr, scope, memo))
    }

    /// The value of an expression of this pack (`priority`, `material`).
    pub fn evaluate<S: Scope>(&self, expr: Expr, scope: &mut S, memo: &mut Memo) -> Outcome {
        eval::outcome(&self.program, expr, scope, memo)
    }

    /// Whether an event passes a fact's `where`; nothing where that fails: then the fact fails.
    #[must_use]
    pub fn passes<R: Record>(&self, fact: &Fact, record: &R) -> Option<bool> {
        let Some(filter) = fact.filter else { return Some(true) };
        let known = fact.words.as_ref().and_then(|words| words.answer(record));
        known.or_else(|| filter::passes(&self.program, filter, record))
    }

    /// The characters of a literal that an [`Outcome`] names.
    #[must_use]
    pub fn literal(&self, at: u32) -> &str {
        self.program.texts.get(at as usize).map_or("", |text| text)
    }
}
