//! What clients send: profiles, removals, events of households, persons and areas, corrections,
//! conflicts, duplicates, packs. Small on purpose, so that everything meets.

use proto::{
    catalogue::Catalogue,
    date::{Date, Instant},
    event::Event,
    frame::Entry,
    household::Profile,
    json::Json,
    person::Persons,
};

use crate::dice::Dice;

pub(crate) const HOUSEHOLDS: usize = 6;
const PERSONS: usize = 5;

pub(crate) const PACK: &str = r#"
pack: test
title: {zh: 测试, en: Test}
scope: "99"
effective: {from: 2024-01-01}
close_after: 2d
facts:
  clues: {count: clue.reported, over: 40d}
  oop: {sum: medical.settlement.self_paid_fen, over: 90d}
rules:
  - {id: clues, risk: illness, red: clues >= 4, green: clues >= 1, why: {zh: "{clues}", en: "{clues}"}}
  - {id: bills, risk: illness, red: oop > 5000, yellow: oop > 2000}
"#;

pub(crate) const SECOND: &str = r#"
pack: second
title: {zh: 二, en: Second}
scope: "9901"
effective: {from: 2024-01-01}
facts:
  flood: {active: disaster.warning}
  size: {count: clue.reported, over: 3d}
rules:
  - {id: flood, risk: disaster, yellow: flood == 1 && household.size > 1}
  - {id: burst, risk: illness, yellow: size >= 2}
"#;

/// One thing that a client sends, and the line that it is made of.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub(crate) entry: Entry,
    /// Nothing for what no file can say.
    pub(crate) line: Option<String>,
}

pub(crate) fn start() -> Instant {
    Date::parse("2026-03-01").expect("a date").midnight()
}

pub(crate) fn pack(name: &str, yaml: &str) -> Entry {
    Entry::Pack { name: name.into(), yaml: yaml.as_bytes().into(), withdrawn: false }
}

/// Something that a client sends at an instant; removals only where they are wished for.
pub(crate) fn draw(dice: &mut Dice, now: Instant, removals: bool) -> Happening {
    match dice.below(12) {
        0..=2 => profile(dice, now),
        3 if removals => {
            let household = format!("H{}", dice.below(HOUSEHOLDS)).into();
            let entry = Entry::Removal { household, updated_at: some_time(dice, now) };
            Happening { entry, line: None }
        }
        4 if dice.once_in(3) => warning(dice, now),
        _ => event(dice, now),
    }
}

fn some_time(dice: &mut Dice, now: Instant) -> Instant {
    let hours = i64::try_from(dice.below(200)).unwrap_or(0);
    now.plus_us(-hours * 3_600_000_000)
}

fn profile(dice: &mut Dice, now: Instant) -> Happening {
    let members: Vec<String> = (0..PERSONS)
        .filter(|_| dice.once_in(3))
        .map(|n| format!(r#"{{"person":"p{n}"}}"#))
        .collect();
    let line = format!(
        r#"{{"household":"H{}","updated_at":"{}","region":"990{}02003004","class":"ordinary","size":{},"net_income_fen":5,"members":[{}]}}"#,
        dice.below(HOUSEHOLDS),
        some_time(dice, now),
        1 + dice.below(2),
        1 + dice.below(3),
        members.join(",")
    );
    let json = Json::parse(line.as_bytes()).expect("json");
    let profile = Profile::parse(&json, now, Persons::AsGiven).expect("a profile").0;
    Happening { entry: Entry::Profile(Box::new(profile)), line: Some(line) }
}

fn event(dice: &mut Dice, now: Instant) -> Happening {
    let subject = match dice.below(3) {
        0 => format!("household/H{}", dice.below(HOUSEHOLDS)),
        _ => format!("person/p{}", dice.below(PERSONS)),
    };
    let supersedes = match dice.below(6) {
        0 => format!(r#","supersedes":"e{}""#, dice.below(80)),
        _ => String::new(),
    };
    let (kind, data) = match dice.below(2) {
        0 => ("clue.reported", r#"{"channel":"self"}"#.to_owned()),
        _ => {
            let paid = 500 * (1 + dice.below(3));
            let data =
                format!(r#"{{"setting":"inpatient","total_fen":9000,"self_paid_fen":{paid}}}"#);
            ("medical.settlement", data)
        }
    };
    let id = dice.below(80);
    line(&format!(
        r#"{{"specversion":"1.0","id":"e{id}","source":"99/zxb","type":"{kind}","time":"{}","subject":"{subject}"{supersedes},"data":{data}}}"#,
        some_time(dice, now)
    ))
}

/// Its id is a function of its content: which of two contents came first is not the same everywhere.
fn warning(dice: &mut Dice, now: Instant) -> Happening {
    let time = some_time(dice, now);
    let area = ["99", "9901", "9902"][dice.below(3)];
    line(&format!(
        r#"{{"specversion":"1.0","id":"w{}","source":"99/qxj","type":"disaster.warning","time":"{time}","subject":"area/{area}","data":{{"hazard":"flood","colour":"red","expires":"{}"}}}}"#,
        time.0,
        time.date().plus(4)
    ))
}

fn line(line: &str) -> Happening {
    let json = Json::parse(line.as_bytes()).expect("json");
    let event = Event::parse(&json, &Catalogue::shipped(), Persons::AsGiven).expect("an event").0;
    Happening { entry: Entry::Event(Box::new(event)), line: Some(line.to_owned()) }
}
