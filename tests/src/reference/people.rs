//! What people do, and what they leave undone: outcomes enter, clocks run out. The other part of
//! the run; knows no line of a file but an outcome's.

use super::case::{Published, Standing};
use super::civil::{Day, Instant, date_of};
use super::clocks::{Clocks, Now, Times};
use super::decide::View;
use super::deeds::{Outcome, closes};
use super::event::Event;
use super::facts::Evidence;
use super::pack::Pack;
use super::run::{Kept, Run};
use serde_json::Value;
use std::collections::BTreeMap;

impl<'a> Run<'a> {
    /// One line of outcomes; call before the first event line.
    pub(crate) fn outcome_line(&mut self, line: &Value) {
        self.outcomes.extend(Outcome::read(line));
        self.outcomes.sort_by_key(|outcome| outcome.entered);
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let open = self.kept.values().filter_map(|kept| kept.case.open.as_ref());
        open.filter_map(|open| open.clocks.next()).min()
    }

    /// Clocks run out at an instant, household by household.
    pub(super) fn run_out(&mut self, at: Instant) {
        let times: BTreeMap<String, &Times> =
            self.packs.iter().map(|pack| (pack.name.clone(), &pack.times)).collect();
        let households: Vec<String> = self.kept.keys().cloned().collect();
        for household in households {
            while let Some(kept) = self.kept.get_mut(&household) {
                let Some(open) = kept.case.open.as_mut() else { break };
                if open.clocks.next().is_none_or(|next| next > at) {
                    break;
                }
                let Some(ran_out) = open.clocks.run_out(at, &times) else {
                    self.coverage.hit("clock.spent");
                    continue;
                };
                self.coverage.hit("clock.overdue");
                self.coverage.hit_if(ran_out.is_of_chain(), "clock.chain");
                let alert = self.overdue(&household, at, &ran_out);
                self.alerts.extend(alert);
            }
        }
    }

    fn overdue(
        &mut self,
        household: &str,
        at: Instant,
        ran_out: &super::clocks::RanOut,
    ) -> Option<Value> {
        let mut kept = self.kept.remove(household)?;
        let mut case = std::mem::take(&mut kept.case);
        let rules = case.open.as_ref().map(|open| open.rules.clone()).unwrap_or_default();
        let live: Vec<&Event> = kept.live.iter().map(|i| &self.accepted[*i]).collect();
        let views = self.views(&kept, &live, date_of(at));
        let standing: Vec<Standing> = rules
            .iter()
            .filter_map(|(id, level)| {
                let (pack, _) = *kept.force.get(id)?;
                let rule = self.packs[pack].rules.iter().find(|rule| rule.id == *id)?;
                Some(Standing { rule, level: *level, view: &views[pack] })
            })
            .collect();
        let alert = case.overdue(&kept.profile, &standing, at, ran_out);
        drop(standing);
        drop(views);
        kept.case = case;
        self.kept.insert(household.to_owned(), kept);
        Some(alert)
    }

    fn views<'v>(&'v self, kept: &'v Kept, live: &'v [&'v Event], today: Day) -> Vec<View<'v>> {
        let (_, change_day, watched_then) = kept.last_change.unwrap_or((0, today, Day::MIN));
        let view = |pack: &'v Pack| {
            let present = (today, kept.deeds.watched_until());
            let (today, watched) = if pack.on_event { (change_day, watched_then) } else { present };
            let (catalogue, coverage) = (self.catalogue, &self.coverage);
            let evidence = Evidence { live, today, catalogue, coverage };
            View::new(&kept.profile, pack, evidence, watched)
        };
        self.packs.iter().map(view).collect()
    }

    /// An outcome enters.
    pub(super) fn outcome(&mut self, outcome: &Outcome) {
        let Some(at) = self.clock else { return };
        let household = &outcome.household;
        let (packs, help_first) = self.standing_packs(household);
        let Some(kept) = self.kept.get_mut(household) else { return self.refuse("case.unknown") };
        let Some(episode) = outcome.episode(kept.case.episode) else {
            return self.refuse("case.unknown");
        };
        let undone = match kept.deeds.note(outcome, episode) {
            Ok(undone) => undone,
            Err("") => return self.coverage.hit("outcome.duplicate"),
            Err(code) => return self.refuse(code),
        };
        let here = episode == kept.case.episode && kept.case.open.is_some();
        let level = kept.case.level();
        match undone {
            Some((kind, _)) if closes(&kind) => {
                self.coverage.hit("outcome.lifted");
                if !kept.deeds.is_closed(episode) {
                    kept.deeds.lift(episode);
                }
                self.decide(household, false);
            }
            Some((_, still)) => {
                self.coverage.hit("outcome.revoked");
                if let Some(open) = kept.case.open.as_mut().filter(|_| here) {
                    let now = Now { packs: &packs, level, deeds: &kept.deeds, episode, at };
                    open.clocks.revoked(still, help_first, &now);
                }
            }
            None if closes(&outcome.kind) => {
                if here {
                    self.coverage.hit("outcome.closes");
                    self.close(outcome, at);
                }
            }
            None => {
                self.coverage.hit("outcome.answers");
                if let Some(open) = kept.case.open.as_mut().filter(|_| here) {
                    let posted = outcome.kind == "posted";
                    let still = if posted { Clocks::hangs(&packs, at) } else { 0 };
                    self.coverage.hit_if(still > 0, "clock.stood_still");
                    self.coverage.hit_if(help_first, "clock.help_first");
                    kept.deeds.stands_still(still);
                    let now = Now { packs: &packs, level, deeds: &kept.deeds, episode, at };
                    open.clocks.answered(&outcome.kind, still, help_first, &now);
                }
            }
        }
    }

    /// The packs of the rules that stand in a household's case, and whether one of them helps first.
    fn standing_packs(&self, household: &str) -> (BTreeMap<String, &'a Times>, bool) {
        let packs: &'a [Pack] = self.packs;
        let (mut times, mut help_first) = (BTreeMap::new(), false);
        let Some(kept) = self.kept.get(household) else { return (times, false) };
        for id in kept.case.open.iter().flat_map(|open| open.rules.keys()) {
            let Some((pack, _)) = kept.force.get(id).copied() else { continue };
            let pack = &packs[pack];
            times.insert(pack.name.clone(), &pack.times);
            let rule = pack.rules.iter().find(|rule| rule.id == *id);
            help_first |= rule.is_some_and(|rule| pack.times.helps_first(&rule.risk));
        }
        (times, help_first)
    }

    fn close(&mut self, outcome: &Outcome, at: Instant) {
        let Some(mut kept) = self.kept.remove(&outcome.household) else { return };
        let today = date_of(at);
        let rules = kept.case.open.as_ref().map(|open| open.rules.clone()).unwrap_or_default();
        let mut quiet = Vec::new();
        {
            let live: Vec<&Event> = kept.live.iter().map(|i| &self.accepted[*i]).collect();
            let views = self.views(&kept, &live, today);
            for (id, level) in &rules {
                let Some((pack, _)) = kept.force.get(id).copied() else { continue };
                let rule = self.packs[pack].rules.iter().find(|rule| rule.id == *id);
                let quotient = rule.and_then(|rule| views[pack].quotient(rule));
                quiet.push((id, *level, self.packs[pack].times.quiet_days, quotient));
            }
        }
        let episode = kept.case.episode;
        for (id, level, days, quotient) in quiet {
            kept.deeds.hush(id, level, today + days, quotient, episode);
            kept.published.insert(id.clone(), Published::new());
        }
        self.alerts.push(kept.case.close(&kept.profile, at, &outcome.kind));
        self.kept.insert(outcome.household.clone(), kept);
    }
}
