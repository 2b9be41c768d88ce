//! A household's case from decision to decision: what each rule stays published at, when an alert
//! leaves, and what it says. Knows the levels that a decision found; not how they were found.

use super::civil::{Day, Instant, date_of, show_date, show_instant};
use super::clocks::{Clocks, Now, RanOut, Times};
use super::coverage::Coverage;
use super::decide::{Level, View, level_word, short_id};
use super::deeds::Deeds;
use super::pack::Rule;
use super::profile::Profile;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where a rule is with one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    /// Not published at it: never reached, or left long enough ago.
    Out,
    /// At it or above.
    At,
    /// Below it since a decision of this day, and still published at it.
    Below(Day),
}

/// What is published of one rule: for green, yellow, red where it is with that level.
#[derive(Clone, Debug)]
pub(crate) struct Published([Since; 3]);

impl Published {
    pub(crate) fn new() -> Published {
        Published([Since::Out; 3])
    }

    /// One decision found `computed`; returns the level at which the rule stands published.
    pub(crate) fn step(&mut self, computed: Level, today: Day, hold: i64, c: &Coverage) -> Level {
        for (at, since) in self.0.iter_mut().enumerate() {
            let level = at + 1;
            if computed >= level {
                c.hit_if(matches!(since, Since::Below(_)), "close.recovered");
                *since = Since::At;
                continue;
            }
            if *since == Since::At {
                *since = Since::Below(today);
            }
            if let Since::Below(day) = *since
                && today >= day + hold
            {
                *since = Since::Out;
            }
        }
        let stands = (1..=3).rev().find(|l| self.0[l - 1] != Since::Out).unwrap_or(0);
        c.hit_if(stands > computed, "close.held");
        c.hit_if(stands > computed && stands < 3 && self.0[2] == Since::Out, "close.stepped");
        stands
    }

    /// Whether it stands at any level.
    pub(crate) fn stands(&self) -> bool {
        self.0.iter().any(|s| *s != Since::Out)
    }
}

/// A rule that stands above none at this decision, with what it is read from.
pub(crate) struct Standing<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) level: Level,
    pub(crate) view: &'a View<'a>,
}

/// The open case as last published.
#[derive(Debug)]
pub(crate) struct Open {
    level: Level,
    pub(crate) rules: BTreeMap<String, Level>,
    quotients: BTreeMap<String, i64>,
    pub(crate) clocks: Clocks,
}

/// A household's case.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) episode: u64,
    revision: u64,
    pub(crate) open: Option<Open>,
}

impl Case {
    /// The published level.
    pub(crate) fn level(&self) -> Level {
        self.open.as_ref().map_or(0, |o| o.level)
    }

    /// Publishes at most one alert.
    pub(crate) fn publish(
        &mut self,
        profile: &Profile,
        standing: &[Standing],
        at: Instant,
        deeds: &Deeds,
        c: &Coverage,
    ) -> Option<Value> {
        let level = standing.iter().map(|s| s.level).max().unwrap_or(0);
        let rules: BTreeMap<String, Level> =
            standing.iter().map(|s| (s.rule.id.clone(), s.level)).collect();
        let quotient = |s: &Standing| Some((s.rule.id.clone(), s.view.quotient(s.rule)?));
        let quotients: BTreeMap<String, i64> = standing.iter().filter_map(quotient).collect();
        let previous = self.level();
        let change = self.change(level, &rules, &quotients, c)?;
        if change == "opened" {
            self.episode += 1;
            self.revision = 0;
            c.hit_if(self.episode > 1, "alert.new_episode");
        }
        self.revision += 1;
        let clocks = self.open.take().map(|o| o.clocks).unwrap_or_default();
        let route = clocks.route.clone();
        self.open = (level > 0).then_some(Open { level, rules, quotients, clocks });
        if let Some(open) = &mut self.open {
            let packs: BTreeMap<String, &Times> =
                standing.iter().map(|s| (s.view.pack.name.clone(), &s.view.pack.times)).collect();
            let rose = change == "opened" || change == "raised";
            let first = |s: &Standing| s.view.pack.times.helps_first(&s.rule.risk);
            let help_first = standing.iter().any(first);
            let now = Now { packs: &packs, level, deeds, episode: self.episode, at };
            open.clocks.published(rose, help_first, &now);
        }
        c.hit_if(standing.len() > 1, "alert.two_signals");
        let mut alert = self.alert(profile, standing, at, change, (level, previous));
        if change == "closed" {
            closed_on(&mut alert, route);
        }
        Some(alert)
    }

    /// The alert of a clock that ran out.
    pub(crate) fn overdue(
        &mut self,
        profile: &Profile,
        standing: &[Standing],
        at: Instant,
        ran_out: &RanOut,
    ) -> Value {
        self.revision += 1;
        let level = self.level();
        let mut alert = self.alert(profile, standing, at, "overdue", (level, level));
        let RanOut { clock, from, to } = ran_out;
        alert["data"]["overdue"] = json!({"clock": clock, "from": from, "to": to});
        alert
    }

    /// The alert of a case that people closed.
    pub(crate) fn close(&mut self, profile: &Profile, at: Instant, kind: &str) -> Value {
        let previous = self.level();
        let route = self.open.take().map(|o| o.clocks.route).unwrap_or_default();
        self.revision += 1;
        let mut alert = self.alert(profile, &[], at, "closed", (0, previous));
        closed_on(&mut alert, route);
        alert["data"]["reason"] = kind.into();
        alert
    }

    fn change(
        &self,
        level: Level,
        rules: &BTreeMap<String, Level>,
        quotients: &BTreeMap<String, i64>,
        c: &Coverage,
    ) -> Option<&'static str> {
        let (change, counter) = match &self.open {
            None if level == 0 => return None,
            None => ("opened", "alert.opened"),
            Some(_) if level == 0 => ("closed", "alert.closed"),
            Some(o) if level > o.level => ("raised", "alert.raised"),
            Some(o) if level < o.level => ("lowered", "alert.lowered"),
            Some(o) if *rules != o.rules => ("changed", "alert.changed_set"),
            Some(o) => {
                let base = |rule: &String| o.quotients.get(rule).copied();
                let larger = quotients.iter().any(|(rule, q)| base(rule).is_some_and(|b| *q > b));
                if !larger {
                    c.hit_if(*quotients != o.quotients, "material.not_larger");
                    return None;
                }
                ("changed", "alert.material")
            }
        };
        c.hit(counter);
        Some(change)
    }

    fn alert(
        &self,
        profile: &Profile,
        standing: &[Standing],
        at: Instant,
        change: &str,
        (level, previous): (Level, Level),
    ) -> Value {
        let household = &profile.household;
        let case = short_id(&format!("levee.case.v1|{household}|{}", self.episode));
        let id = short_id(&format!("levee.alert.v1|{case}|{}", self.revision));
        let mut ordered: Vec<&Standing> = standing.iter().collect();
        ordered.sort_by(|a, b| b.level.cmp(&a.level).then(a.rule.id.cmp(&b.rule.id)));
        let mut risks: Vec<&str> = Vec::new();
        for s in &ordered {
            if !risks.contains(&s.rule.risk.as_str()) {
                risks.push(&s.rule.risk);
            }
        }
        let signals: Vec<Value> = ordered.iter().map(|s| s.view.signal(s.rule, s.level)).collect();
        let mut alert = json!({
            "specversion": "1.0", "id": id, "source": format!("levee/{}", &profile.region[..2]),
            "type": "levee.alert.v1", "time": show_instant(at),
            "subject": format!("household/{household}"),
            "data": {
                "case": case, "episode": self.episode, "revision": self.revision, "change": change,
                "level": level_word(level), "previous_level": level_word(previous),
                "household": household, "region": profile.region, "site": profile.site,
                "as_of": show_date(date_of(at)), "risks": risks, "signals": signals,
                "profile_at": show_instant(profile.updated_at), "notice": "signal_not_decision",
            },
        });
        if let Some(open) = &self.open {
            alert["data"]["route"] = open.clocks.route.clone().into();
            alert["data"]["clocks"] = open.clocks.json();
        }
        alert
    }
}

/// The route of a closed case stays; no clock runs.
fn closed_on(alert: &mut Value, route: Vec<String>) {
    if !route.is_empty() {
        alert["data"]["route"] = route.into();
        alert["data"]["clocks"] = json!({});
    }
}
