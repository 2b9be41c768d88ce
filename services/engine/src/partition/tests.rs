//! Several partitions and a person log against one engine: whatever is late or told twice, in the
//! end every household has the same live events, facts and level.

use std::collections::{BTreeMap, VecDeque};

use proto::{
    belonging::person_key, date::Date, event::Event, event::Subject, json::Json, mark::Mark,
    person::Persons,
};

use super::*;
use crate::{OneHand, PersonFold};

const PACK: &str = r#"
pack: test
title: {zh: 测试, en: Test}
scope: "99"
effective: {from: 2024-01-01}
close_after: 2d
facts:
  clues: {count: clue.reported, over: 40d}
  oop: {sum: medical.settlement.self_paid_fen, over: 90d}
rules:
  - {id: clues, risk: illness, red: clues >= 4, green: clues >= 1}
  - {id: bills, risk: illness, red: oop > 5000, yellow: oop > 2000}
"#;

const HOUSEHOLDS: u64 = 6;
const PERSONS: u64 = 5;

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn day(days: u64) -> Instant {
    Date::parse("2026-03-01").unwrap().plus(i32::try_from(days).unwrap()).midnight()
}

fn profile(dice: &mut Dice, days: u64) -> Entry {
    let members: Vec<String> = (0..PERSONS)
        .filter(|_| dice.below(3) == 0)
        .map(|p| format!(r#"{{"person":"p{p}"}}"#))
        .collect();
    let text = format!(
        r#"{{"household":"H{}","updated_at":"{}","region":"990102003004","class":"ordinary","size":2,"net_income_fen":5,"members":[{}]}}"#,
        dice.below(HOUSEHOLDS),
        day(dice.below(days + 2)),
        members.join(",")
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    Entry::Profile(Box::new(Profile::parse(&json, Instant(0), Persons::AsGiven).unwrap().0))
}

fn event(dice: &mut Dice, days: u64) -> Entry {
    let subject = match dice.below(3) {
        0 => format!("household/H{}", dice.below(HOUSEHOLDS)),
        _ => format!("person/p{}", dice.below(PERSONS)),
    };
    let id = dice.below(60);
    let supersedes = match dice.below(5) {
        0 => format!(r#","supersedes":"e{}""#, dice.below(60)),
        _ => String::new(),
    };
    let (kind, data) = match dice.below(2) {
        0 => ("clue.reported", r#"{"channel":"self"}"#.to_owned()),
        _ => {
            let paid = 500 * (1 + dice.below(3));
            let data = format!(
                r#"{{"setting":"inpatient","total_fen":{},"self_paid_fen":{paid}}}"#,
                2 * paid
            );
            ("medical.settlement", data)
        }
    };
    let text = format!(
        r#"{{"specversion":"1.0","id":"e{id}","source":"99/zxb","type":"{kind}","time":"{}","subject":"{subject}"{supersedes},"data":{data}}}"#,
        day(days)
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    Entry::Event(Box::new(Event::parse(&json, &Catalogue::shipped(), Persons::AsGiven).unwrap().0))
}

fn pack() -> Entry {
    Entry::Pack { name: "test".into(), yaml: PACK.as_bytes().into(), withdrawn: false }
}

/// Where entries wait on their way; each lane keeps its order, and any entry may come again later.
#[derive(Default)]
struct Lanes {
    waiting: BTreeMap<(usize, Target), VecDeque<Entry>>,
    landed: Vec<(Target, Entry)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Target {
    Journal(u32),
    Persons(u32),
}

struct Province {
    journals: Vec<Partition>,
    persons: Vec<PersonFold>,
    lanes: Lanes,
    clock: Instant,
}

impl Province {
    fn new(journals: u32, persons: u32) -> Province {
        Province {
            journals: (0..journals).map(|_| Partition::default()).collect(),
            persons: (0..persons).map(|_| PersonFold::default()).collect(),
            lanes: Lanes::default(),
            clock: day(0),
        }
    }

    fn all(&self) -> Vec<Target> {
        let journals = (0..self.journals.len()).map(|n| Target::Journal(n as u32));
        journals.chain((0..self.persons.len()).map(|n| Target::Persons(n as u32))).collect()
    }

    fn send(&mut self, from: usize, entry: Entry) {
        let journals = self.journals.len() as u32;
        let persons = self.persons.len() as u32;
        let key = Stamped::new(self.clock, entry.clone()).key;
        let targets = match &entry {
            Entry::Event(event) => match &event.subject {
                Subject::Person(token) => {
                    vec![Target::Persons(person_key(token).partition(persons))]
                }
                _ => vec![Target::Journal(key.partition(journals))],
            },
            Entry::Claim(_) => vec![Target::Persons(key.partition(persons))],
            Entry::Pack { .. } | Entry::Tick => self.all(),
            _ => vec![Target::Journal(key.partition(journals))],
        };
        for target in targets {
            self.lanes.waiting.entry((from, target)).or_default().push_back(entry.clone());
        }
    }

    /// Lands one entry, or one that landed before. Says whether any was there.
    fn land(&mut self, dice: &mut Dice) -> bool {
        if dice.below(4) == 0 && !self.lanes.landed.is_empty() {
            let at = dice.below(self.lanes.landed.len() as u64) as usize;
            let (target, entry) = self.lanes.landed[at].clone();
            self.deliver(target, entry);
            return true;
        }
        let lanes: Vec<(usize, Target)> = self.lanes.waiting.keys().copied().collect();
        if lanes.is_empty() {
            return false;
        }
        let lane = lanes[dice.below(lanes.len() as u64) as usize];
        let waiting = self.lanes.waiting.get_mut(&lane).unwrap();
        let entry = waiting.pop_front().unwrap();
        if waiting.is_empty() {
            self.lanes.waiting.remove(&lane);
        }
        if matches!(entry, Entry::Claim(_) | Entry::Adopt(_) | Entry::Release(_)) {
            self.lanes.landed.push((lane.1, entry.clone()));
        }
        self.deliver(lane.1, entry);
        true
    }

    fn deliver(&mut self, target: Target, entry: Entry) {
        let stamped = [Stamped::new(self.clock, entry)];
        let mut out = Output::default();
        let from = match target {
            Target::Journal(n) => {
                self.journals[n as usize].apply(&OneHand, &stamped, &mut out);
                1 + n as usize
            }
            Target::Persons(n) => {
                self.persons[n as usize].apply(&OneHand, &stamped, &mut out);
                1_000 + n as usize
            }
        };
        assert!(out.refused.is_empty());
        for told in out.told {
            self.send(from, told.entry);
        }
    }

    fn restart(&mut self, dice: &mut Dice) {
        let n = dice.below(self.journals.len() as u64) as usize;
        let sections = self.journals[n].snapshot(&OneHand).unwrap();
        self.journals[n] = Partition::restore(&OneHand, &sections).unwrap();
        assert_eq!(self.journals[n].snapshot(&OneHand).unwrap(), sections);
        let n = dice.below(self.persons.len() as u64) as usize;
        let sections = self.persons[n].snapshot(&OneHand).unwrap();
        self.persons[n] = PersonFold::restore(&OneHand, &sections).unwrap();
        assert_eq!(self.persons[n].snapshot(&OneHand).unwrap(), sections);
    }
}

/// What must be the same: level, rules, facts and live events, in no order.
fn essence(portrait: Option<crate::Portrait>) -> String {
    let Some(mut portrait) = portrait else { return String::new() };
    portrait.events.sort_by(|a, b| format!("{a:?}").cmp(&format!("{b:?}")));
    portrait.rules.sort_by(|a, b| a.rule.cmp(&b.rule));
    format!("{:?} {:?} {:?} {:?}", portrait.level, portrait.rules, portrait.facts, portrait.events)
}

#[test]
fn partitions_and_a_person_log_end_where_one_engine_ends() {
    let (mut moved, mut live) = (0, 0);
    for seed in 0..300 {
        let dice = &mut Dice(seed);
        let mut whole = Engine::new(3);
        let mut province = Province::new(1 + dice.below(3) as u32, 1 + dice.below(2) as u32);
        let mut out = Output::default();
        let mut days = 0;
        for step in 0..80 {
            let entry = match (step, dice.below(12)) {
                (0, _) => pack(),
                (_, 0..=3) => profile(dice, days),
                (_, 4) => Entry::Removal {
                    household: format!("H{}", dice.below(HOUSEHOLDS)).into(),
                    updated_at: day(dice.below(days + 2)),
                },
                (_, 5) => {
                    days += dice.below(3);
                    province.clock = day(days);
                    Entry::Tick
                }
                _ => event(dice, days),
            };
            whole.apply(&OneHand, &[Stamped::new(day(days), entry.clone())], &mut out);
            province.send(0, entry);
            // The pack is everywhere before anything else enters.
            while step == 0 && province.land(dice) {}
            for _ in 0..dice.below(5) {
                province.land(dice);
            }
            if dice.below(20) == 0 {
                province.restart(dice);
            }
        }
        while !province.lanes.waiting.is_empty() {
            province.land(dice);
        }
        moved += province.lanes.landed.len();
        days += 10;
        province.clock = day(days);
        province.send(0, Entry::Tick);
        while !province.lanes.waiting.is_empty() {
            province.land(dice);
        }
        whole.apply(&OneHand, &[Stamped::new(day(days), Entry::Tick)], &mut out);
        while whole.work(&OneHand, 10, &mut out) {}
        for partition in &mut province.journals {
            while partition.work(&OneHand, 10, &mut out) {}
        }
        for household in (0..HOUSEHOLDS).map(|n| format!("H{n}")) {
            let key = HouseholdKey::of(&household);
            let n = key.partition(province.journals.len() as u32);
            let got = province.journals[n as usize].engine().portrait(&household);
            let want = whole.portrait(&household);
            live += want.as_ref().map_or(0, |want| want.events.len());
            assert_eq!(essence(got), essence(want), "seed {seed} {household}");
        }
    }
    assert!(moved > 5_000 && live > 1_000, "the worlds say too little: {moved} {live}");
}

fn told(turn: u64, ids: &[&str]) -> Entry {
    let event = |id: &&str| {
        let text = format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"99/zxb","type":"clue.reported","time":"{}","subject":"person/p1","data":{{"channel":"self"}}}}"#,
            day(1)
        );
        let json = Json::parse(text.as_bytes()).unwrap();
        Event::parse(&json, &Catalogue::shipped(), Persons::AsGiven).unwrap().0
    };
    let events = ids.iter().map(event).collect();
    let (person, household) = ("p1".into(), "H1".into());
    Entry::Adopt(Box::new(Adopt { person, household, updated_at: day(1), turn, events }))
}

#[test]
fn the_largest_turn_holds_and_one_turn_adds_up() {
    let names = br#"{"household":"H1","region":"990102003004","class":"ordinary","size":2,"net_income_fen":5,"members":[{"person":"p1"}]}"#;
    let json = Json::parse(names).unwrap();
    let names = Profile::parse(&json, day(1), Persons::AsGiven).unwrap().0;
    let mut partition = Partition::default();
    let mut step = |entry: Entry| {
        let mut out = Output::default();
        partition.apply(&OneHand, &[Stamped::new(day(1), entry)], &mut out);
        let portrait = partition.engine().portrait("H1").unwrap();
        let mut ids: Vec<String> = portrait.events.into_iter().map(|held| held.id).collect();
        ids.sort();
        (out.outcomes[0], ids.join(" "))
    };
    let release = |turn| {
        let (person, household) = ("p1".into(), "H1".into());
        Entry::Release(Box::new(Release { person, household, updated_at: day(1), turn }))
    };
    let (yes, no) = (Outcome::Accepted, Outcome::Duplicate);
    step(Entry::Profile(Box::new(names)));
    for (entry, outcome, ids) in [
        (told(5, &["b"]), yes, "b"),
        (told(5, &["a", "b"]), yes, "a b"),
        (told(4, &["x"]), no, "a b"),
        (release(4), no, "a b"),
        (told(5, &["a"]), no, "a b"),
        (release(5), yes, ""),
        (release(5), no, ""),
        (told(5, &["a"]), no, ""),
        (release(8), yes, ""),
        (told(7, &["a"]), no, ""),
        (told(9, &["c"]), yes, "c"),
        (told(11, &["d"]), yes, "d"),
    ] {
        assert_eq!(step(entry), (outcome, ids.to_owned()));
    }
}

#[test]
fn an_alert_says_how_far_feeds_are_that_other_partitions_see() {
    let catalogue = Catalogue::shipped();
    let mark = |days, kind: &str| {
        let types = [catalogue.type_id(kind).unwrap()];
        Mark { source: "99/ybj".into(), seen: day(days), types: types.into() }
    };
    let mut dice = Dice(7);
    let clue = |dice: &mut Dice, source: &str| loop {
        let entry = event(dice, 3);
        let Entry::Event(mut event) = entry else { continue };
        if event.type_id == catalogue.type_id("clue.reported").unwrap() {
            event.source = source.into();
            event.subject = Subject::Household("H1".into());
            break Entry::Event(event);
        }
    };
    let names = loop {
        match profile(&mut dice, 3) {
            Entry::Profile(profile) if &*profile.household == "H1" => break profile,
            _ => {}
        }
    };
    let mut partition = Partition::default();
    let mut step = |entry: Entry| {
        let mut out = Output::default();
        partition.apply(&OneHand, &[Stamped::new(day(5), entry)], &mut out);
        let feeds = |alert: &proto::alert::Alert| {
            let json = Json::parse(alert.json()).unwrap();
            let text = |feed: &Json<'_>, name| match feed.get(name) {
                Some(Json::Text(text)) => text.to_string(),
                other => panic!("{name} is {other:?}"),
            };
            let Some(Json::List(feeds)) = json.get("data").and_then(|data| data.get("feeds"))
            else {
                panic!("no feeds")
            };
            let seen =
                feeds.iter().map(|f| format!("{} {}", text(f, "source"), text(f, "seen_to")));
            seen.collect::<Vec<_>>().join(", ")
        };
        (out.outcomes[0], out.alerts.iter().map(feeds).collect::<Vec<_>>())
    };
    step(pack());
    step(Entry::Profile(names));
    let marks = |days, kind| Entry::Marks([mark(days, kind)].into());
    assert_eq!(step(marks(2, "clue.reported")).0, Outcome::Accepted);
    assert_eq!(step(marks(2, "clue.reported")).0, Outcome::Duplicate);
    assert_eq!(step(marks(1, "clue.reported")).0, Outcome::Duplicate, "an older one says nothing");
    let (_, alerts) = step(clue(&mut dice, "99/zxb"));
    assert_eq!(alerts, ["99/ybj 2026-03-03"]);
}

/// What is stored must be read by the next version, or refused by a new version of the fold.
#[test]
fn the_stored_form_is_frozen() {
    let mut dice = Dice(7);
    let mut partition = Partition::default();
    let mut entries = vec![pack()];
    entries.extend((0..4).map(|_| profile(&mut dice, 3)));
    let own = |entry: &Entry| !matches!(entry, Entry::Event(e) if matches!(e.subject, Subject::Person(_)));
    entries.extend((0..40).map(|_| event(&mut dice, 3)).filter(own));
    let mut out = Output::default();
    let adopted = (0..9).map(|_| event(&mut dice, 3)).find_map(|entry| match entry {
        Entry::Event(event) if matches!(&event.subject, Subject::Person(p) if &**p == "p1") => {
            Some(*event)
        }
        _ => None,
    });
    entries.push(Entry::Adopt(Box::new(Adopt {
        person: "p1".into(),
        household: "H1".into(),
        updated_at: day(1),
        turn: 3,
        events: adopted.into_iter().collect(),
    })));
    let entries: Vec<Stamped> = entries.into_iter().map(|e| Stamped::new(day(4), e)).collect();
    partition.apply(&OneHand, &entries, &mut out);
    assert!(!out.alerts.is_empty() && !out.told.is_empty());
    let sections = partition.snapshot(&OneHand).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/partition/golden.bin");
    if std::env::var_os("LEVEE_REGENERATE").is_some() {
        std::fs::write(path, sections.concat()).unwrap();
    }
    assert!(
        sections.concat() == std::fs::read(path).unwrap(),
        "the form of snapshots changed: raise the version of the partition's fold with the golden file"
    );
    assert!(Partition::restore(&OneHand, &sections).is_some());
    assert!(Partition::restore(&OneHand, &sections[1..]).is_none());
}
