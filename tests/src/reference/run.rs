//! The run of a backtest: the clock, what enters at which instant, who is decided then. Recomputes
//! what is live and whose it is from everything accepted after each entry. Knows no expression.

use super::case::{Case, Published, Standing};
use super::catalogue::Catalogue;
use super::civil::{DAY, Day, Instant, date_of, midnight};
use super::coverage::Coverage;
use super::decide::{Level, View, level_word};
use super::deeds::{Deeds, Outcome};
use super::event::{Event, check, corrects, live_flags};
use super::facts::Evidence;
use super::pack::{Pack, in_force};
use super::profile::{Profile, area_prefix, holds};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Days after which an event's `time` is too far behind the clock.
const REMEMBERED: i64 = 800;

/// A household as the run keeps it.
pub(super) struct Kept {
    pub(super) profile: Profile,
    /// Indices into the accepted events, in order of acceptance.
    pub(super) live: Vec<usize>,
    pub(super) case: Case,
    /// Per rule id: the pack in force and the decision that found it in force first.
    pub(super) force: BTreeMap<String, (usize, u64)>,
    pub(super) published: BTreeMap<String, Published>,
    /// The decision, the date and the end of the relapse watch at the last change of data.
    pub(super) last_change: Option<(u64, Day, Day)>,
    pub(super) deeds: Deeds,
}

/// Everything that a run has.
pub(crate) struct Run<'a> {
    pub(super) packs: &'a [Pack],
    pub(super) catalogue: &'a Catalogue,
    until: Option<Day>,
    pub(super) kept: BTreeMap<String, Kept>,
    waiting: Vec<Profile>,
    /// Outcomes that have not entered, in order.
    pub(super) outcomes: Vec<Outcome>,
    pub(super) accepted: Vec<Event>,
    owners: BTreeMap<String, String>,
    pub(super) clock: Option<Instant>,
    decisions: u64,
    pub(crate) alerts: Vec<Value>,
    pub(crate) refused: BTreeMap<String, u64>,
    pub(crate) duplicates: u64,
    pub(crate) coverage: Coverage,
}

impl<'a> Run<'a> {
    pub(crate) fn new(packs: &'a [Pack], catalogue: &'a Catalogue, until: Option<Day>) -> Run<'a> {
        Run {
            packs,
            catalogue,
            until,
            kept: BTreeMap::new(),
            waiting: Vec::new(),
            outcomes: Vec::new(),
            accepted: Vec::new(),
            owners: BTreeMap::new(),
            clock: None,
            decisions: 0,
            alerts: Vec::new(),
            refused: BTreeMap::new(),
            duplicates: 0,
            coverage: Coverage::new(),
        }
    }

    pub(super) fn refuse(&mut self, code: &'static str) {
        *self.refused.entry(code.to_owned()).or_insert(0) += 1;
        self.coverage.hit(match code {
            "id.personal" => "refused.id.personal",
            "id.conflict" => "refused.id.conflict",
            "type.unknown" => "refused.type.unknown",
            "field.required" => "refused.field.required",
            "field.enum" => "refused.field.enum",
            "field.kind" => "refused.field.kind",
            "field.range" => "refused.field.range",
            "time.order" => "refused.time.order",
            "time.ancient" => "refused.time.ancient",
            "case.unknown" | "outcome.unknown" => "outcome.unknown_case",
            _ => "refused.profile",
        });
    }

    /// One line of the households file. The first of a household counts from the beginning, the
    /// others wait.
    pub(crate) fn profile_line(&mut self, line: &Value) {
        let profile = match Profile::check(line) {
            Ok(profile) => profile,
            Err(code) => return self.refuse(code),
        };
        self.coverage.hit_if(profile.undated, "profile.undated");
        if self.kept.contains_key(&profile.household) {
            if self.until.is_some_and(|u| date_of(profile.updated_at) > u) {
                self.coverage.hit("profile.left_out");
            } else {
                self.waiting.push(profile);
            }
            return;
        }
        let kept = Kept {
            profile,
            live: Vec::new(),
            case: Case::default(),
            force: BTreeMap::new(),
            published: BTreeMap::new(),
            last_change: None,
            deeds: Deeds::default(),
        };
        self.kept.insert(kept.profile.household.clone(), kept);
    }

    /// One line of the events file. Call after every profile line.
    pub(crate) fn event_line(&mut self, line: &Value) {
        let event = match check(line, self.catalogue, &self.coverage) {
            Ok(event) => event,
            Err(code) => {
                self.coverage.hit_if(self.clock.is_none(), "refused.first_lines");
                return self.refuse(code);
            }
        };
        if self.until.is_some_and(|u| date_of(event.time) > u) {
            return self.coverage.hit("event.left_out");
        }
        if let Some(first) = self.accepted.iter().find(|e| e.identity() == event.identity()) {
            if *first == event {
                self.duplicates += 1;
                return self.coverage.hit("event.duplicate");
            }
            return self.refuse("id.conflict");
        }
        if self.clock.is_some_and(|c| event.time < c - REMEMBERED * DAY) {
            return self.refuse("time.ancient");
        }
        match self.clock {
            None => self.start(event.time),
            Some(clock) => {
                self.coverage.hit_if(event.time < clock, "event.late");
                self.advance(event.time);
            }
        }
        self.coverage.hit_if(
            self.packs.iter().any(|p| p.event_types.get(&event.kind).is_some()),
            "event.pack_type",
        );
        let person = event.subject_of("person");
        self.coverage.hit_if(person.is_some_and(|p| !self.owners.contains_key(p)), "event.parked");
        self.accepted.push(event);
        self.settle(None);
    }

    /// The clock starts: first lines and further ones up to now, then every household is decided
    /// once.
    fn start(&mut self, now: Instant) {
        while self.outcomes.first().is_some_and(|o| o.entered < now) {
            self.outcomes.remove(0);
            self.refuse("case.unknown");
        }
        self.clock = Some(now);
        // a stable sort keeps the file's order among equal instants
        self.waiting.sort_by_key(|p| p.updated_at);
        while self.waiting.first().is_some_and(|p| p.updated_at <= now) {
            let line = self.waiting.remove(0);
            self.replace(line);
        }
        self.owners = self.find_owners();
        self.recompute();
        let households: Vec<String> = self.kept.keys().cloned().collect();
        for household in households {
            self.decide(&household, true);
        }
    }

    /// Midnights and further profile lines up to an instant, midnight first where they coincide.
    fn advance(&mut self, to: Instant) {
        while let Some(clock) = self.clock {
            let deadline = self.next_deadline();
            let line = self.waiting.first().map(|p| p.updated_at);
            let outcome = self.outcomes.first().map(|o| o.entered);
            // At one instant: the midnight, clocks, profile lines, (events,) outcomes.
            let all = [Some(midnight(date_of(clock) + 1)), deadline, line, outcome];
            let first = all.into_iter().enumerate().filter_map(|(what, at)| Some((at?, what)));
            let Some((next, what)) = first.min() else { return };
            if next > to || (what == 3 && next == to) {
                self.clock = Some(clock.max(to));
                return;
            }
            self.clock = Some(clock.max(next));
            match what {
                0 => {
                    let households: Vec<String> = self.kept.keys().cloned().collect();
                    for household in households {
                        self.decide(&household, false);
                    }
                }
                1 => self.run_out(next),
                2 => {
                    let line = self.waiting.remove(0);
                    let household = line.household.clone();
                    if self.replace(line) {
                        self.settle(Some(&household));
                    }
                }
                _ => {
                    let outcome = self.outcomes.remove(0);
                    self.outcome(&outcome);
                }
            }
        }
    }

    /// The clock runs to the end of the last day.
    pub(crate) fn finish(&mut self) {
        if let Some(clock) = self.clock {
            let last = self.until.unwrap_or(date_of(clock));
            self.advance(midnight(last + 1) - 1);
        }
    }

    /// Puts a line in place of the present profile if it is the later one.
    fn replace(&mut self, line: Profile) -> bool {
        let Some(kept) = self.kept.get_mut(&line.household) else { return false };
        let old = &kept.profile;
        let c = &self.coverage;
        let tie = line.updated_at == old.updated_at;
        if tie && line.digest == old.digest {
            c.hit("profile.same");
            return false;
        }
        let wins = (line.updated_at, &line.digest) > (old.updated_at, &old.digest);
        c.hit(match (tie, wins) {
            (true, true) => "profile.tie_won",
            (true, false) => "profile.tie_lost",
            (false, true) => "profile.newer",
            (false, false) => "profile.older",
        });
        if wins {
            c.hit_if(old.region != line.region, "profile.region_changed");
            kept.profile = line;
        }
        wins
    }

    /// After an entry: every household whose data changed is decided.
    fn settle(&mut self, replaced: Option<&str>) {
        let before: Vec<Vec<usize>> = self.kept.values().map(|k| k.live.clone()).collect();
        if replaced.is_some() {
            self.move_persons();
        }
        self.recompute();
        let mut changed: Vec<String> = Vec::new();
        for ((household, kept), before) in self.kept.iter().zip(&before) {
            if kept.live != *before || replaced == Some(household) {
                changed.push(household.clone());
            }
        }
        for household in changed {
            self.decide(&household, true);
        }
    }

    /// The live events of every household, from nothing but profiles and accepted events.
    fn recompute(&mut self) {
        let owners = &self.owners;
        let live = live_flags(&self.accepted, &self.coverage);
        let c = &self.coverage;
        for (household, kept) in &mut self.kept {
            let p = &kept.profile;
            let belongs = |e: &Event| {
                if let Some(person) = e.subject_of("person") {
                    return owners.get(person) == Some(household);
                }
                if let Some(area) = e.subject_of("area") {
                    return holds(area, &p.region, p.site.as_deref());
                }
                e.subject_of("household") == Some(household)
            };
            let mine = self.accepted.iter().enumerate().filter(|(i, e)| live[*i] && belongs(e));
            kept.live = mine.map(|(i, _)| i).collect();
            let areas = kept.live.iter().filter_map(|i| self.accepted[*i].subject_of("area"));
            for area in areas {
                c.hit(if area_prefix(area) != area {
                    "event.area_padded"
                } else if p.site.as_deref() == Some(area) {
                    "event.area_site"
                } else {
                    "event.area_region"
                });
            }
        }
    }

    /// Owners anew, after a profile was replaced: nothing else can change them.
    fn move_persons(&mut self) {
        let owners = self.find_owners();
        let c = &self.coverage;
        for person in self.accepted.iter().filter_map(|e| e.subject_of("person")) {
            let (old, new) = (self.owners.get(person), owners.get(person));
            c.hit_if(old.is_none() && new.is_some(), "event.unparked");
            c.hit_if(old.is_some() && new.is_none(), "event.parked_again");
            c.hit_if(old.is_some() && new.is_some() && old != new, "event.moved_with_person");
        }
        c.hit_if(self.owners != owners, "owner.changed");
        self.owners = owners;
    }

    /// A person belongs to the household whose present profile names the person: the later
    /// `updated_at`, then the smaller id.
    fn find_owners(&self) -> BTreeMap<String, String> {
        let persons: BTreeSet<&str> =
            self.kept.values().flat_map(|k| k.profile.persons()).collect();
        let mut owners = BTreeMap::new();
        for person in persons {
            let mut best: Option<&Profile> = None;
            for p in self.kept.values().map(|k| &k.profile).filter(|p| p.names(person)) {
                let Some(other) = best else {
                    best = Some(p);
                    continue;
                };
                self.coverage.hit("owner.contested");
                self.coverage.hit_if(other.updated_at == p.updated_at, "owner.tie");
                let later = p.updated_at > other.updated_at;
                let smaller = p.updated_at == other.updated_at && p.household < other.household;
                if later || smaller {
                    best = Some(p);
                }
            }
            if let Some(p) = best {
                owners.insert(person.to_owned(), p.household.clone());
            }
        }
        owners
    }

    /// One decision for one household.
    pub(super) fn decide(&mut self, household: &str, changed: bool) {
        let (Some(now), Some(kept)) = (self.clock, self.kept.get_mut(household)) else { return };
        let (today, c) = (date_of(now), &self.coverage);
        self.decisions += 1;
        let watched = kept.deeds.watched_until();
        if changed {
            kept.last_change = Some((self.decisions, today, watched));
        }
        let (change, change_day, watched_then) = kept.last_change.unwrap_or((0, today, Day::MIN));
        let force = in_force(self.packs, &kept.profile.region, today, c);
        let left = |rule: &String, p: &mut Published| {
            c.hit_if(!force.contains_key(rule) && p.stands(), "close.left_at_once");
            force.contains_key(rule)
        };
        kept.published.retain(left);
        kept.force.retain(|rule, _| force.contains_key(rule));
        let live: Vec<&Event> = kept.live.iter().map(|i| &self.accepted[*i]).collect();
        let evidence =
            |today| Evidence { live: &live, today, catalogue: self.catalogue, coverage: c };
        let as_of =
            |pack: &Pack| if pack.on_event { (change_day, watched_then) } else { (today, watched) };
        let view = |pack| {
            let (day, watched) = as_of(pack);
            View::new(&kept.profile, pack, evidence(day), watched)
        };
        let views: Vec<View> = self.packs.iter().map(view).collect();
        c.hit_if(mixed(self.packs, &force), "on_event.mixed");
        let mut standing = Vec::new();
        for (id, (p, r)) in &force {
            let since = count_force(kept.force.get(id), *p, self.decisions, c);
            kept.force.insert(id.clone(), (*p, since));
            let (pack, rule) = (&self.packs[*p], &self.packs[*p].rules[*r]);
            let unseen = pack.on_event && change < since;
            c.hit_if(unseen, "on_event.no_level_yet");
            c.hit_if(pack.on_event && change_day < today, "on_event.kept");
            let computed = if unseen { 0 } else { views[*p].level(rule) };
            let quotient = views[*p].quotient(rule);
            c.hit_if(kept.deeds.is_over(id, today), "outcome.silence_over");
            if kept.deeds.silences(id, computed, quotient, today) {
                c.hit("outcome.silent");
                kept.published.insert(id.clone(), Published::new());
                continue;
            }
            let published = kept.published.entry(id.clone()).or_insert_with(Published::new);
            let level: Level = published.step(computed, today, pack.close_after, c);
            if level > 0 {
                standing.push(Standing { rule, level, view: &views[*p] });
            }
        }
        let alert = kept.case.publish(&kept.profile, &standing, now, &kept.deeds, c);
        self.alerts.extend(alert);
    }

    /// The published level of every household.
    pub(crate) fn levels(&self) -> BTreeMap<String, String> {
        self.kept.iter().map(|(h, k)| (h.clone(), level_word(k.case.level()).to_owned())).collect()
    }

    /// Accepted events whose person or household no profile names.
    pub(crate) fn parked(&self) -> u64 {
        let parked = |e: &&Event| match (e.subject_of("person"), e.subject_of("household")) {
            (Some(person), _) => !self.owners.contains_key(person),
            (_, Some(household)) => !self.kept.contains_key(household),
            _ => false,
        };
        self.accepted.iter().filter(parked).count() as u64
    }

    /// Accepted corrections whose target has another subject or type and that correct nothing.
    pub(crate) fn unmatched(&self) -> u64 {
        let unmatched = |e: &&Event| {
            let named = |t: &&Event| t.source == e.source && e.supersedes.as_ref() == Some(&t.id);
            let mut targets = self.accepted.iter().filter(named).peekable();
            targets.peek().is_some() && !targets.any(|t| corrects(e, t))
        };
        let n = self.accepted.iter().filter(unmatched).count() as u64;
        self.coverage.hit_if(n > 0, "correction.unmatched");
        n
    }
}

fn mixed(packs: &[Pack], force: &BTreeMap<String, (usize, usize)>) -> bool {
    let kinds: BTreeSet<bool> = force.values().map(|(p, _)| packs[*p].on_event).collect();
    kinds.len() == 2
}

/// The decision since which this pack's rule is in force.
fn count_force(old: Option<&(usize, u64)>, pack: usize, now: u64, c: &Coverage) -> u64 {
    match old {
        Some((q, since)) if *q == pack => *since,
        Some(_) => {
            c.hit("pack.takeover");
            now
        }
        None => {
            c.hit_if(now > 1, "pack.begins_inside");
            now
        }
    }
}
