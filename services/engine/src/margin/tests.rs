//! The same past with margins and with every event decided: the same alerts.

use proto::{
    alert::Alert,
    date::{DAY_US, Date, Instant},
    event::{Event, Subject},
    frame::Entry,
    household::Profile,
    json::Json,
    person::Persons,
};

use super::Margin;
use crate::{Engine, OneHand, Output, Stamped, household::Household};

/// Rules close to what the events below add up to, in every kind of fact and window.
const PACK: &str = r#"pack: near
title: {zh: 近, en: near}
scope: "99"
effective: {from: 2026-01-01}
close_after: 3d
tables:
  line: {rows: [{region: "99", year: 2025, value: 9000}, {region: "99", year: 2027, value: 12000}]}
facts:
  oop: {sum: medical.settlement.self_paid_fen, over: 60d}
  ward: {sum: medical.settlement.self_paid_fen, over: 2m, where: 'setting == "inpatient"'}
  worst: {max: medical.settlement.self_paid_fen, over: 30d}
  visits: {count: medical.settlement, over: 20d, where: 'self_paid_fen > 1500'}
  school: {sum: education.cost.self_paid_fen, over: school_year}
  jobless: {open_days: employment.loss, until: employment.start}
  warned: {active: disaster.warning, where: 'colour == "red"'}
  drop: {max: market.price_drop.drop_permille, over: 40d}
  latest: {last: medical.settlement.self_paid_fen, over: 50d}
  age: {days_since: medical.settlement}
  kinds: {distinct: [education.cost, employment.loss, employment.start], over: 25d}
let:
  left: (household.net_income_fen - oop - school) / household.size
rules:
  - {id: a, risk: illness, red: oop > 20000 && left < table("line"), green: oop > 9000, material: {value: oop, step: 4000}}
  - {id: b, risk: illness, yellow: worst > 2400 || visits >= 5, green: ward * 3 > 20000}
  - {id: c, risk: education, green: school > 6000 && left < 12000}
  - {id: d, risk: employment, green: jobless >= 20 && left < 14000}
  - {id: e, risk: disaster, green: warned > 0 && (left < 12000 || worst > 1500)}
  - {id: f, risk: industry, yellow: drop > 300 && ward > 5000, green: drop > 100 && jobless >= 0}
  - {id: g, risk: illness, green: household.size > 5 && (latest > 900 || age < 3)}
  - {id: k, risk: labour, yellow: kinds >= 3, green: kinds >= 2 && left < 14000}
"#;

/// Beside it, decided only on events.
const BESIDE: &str = r#"pack: beside
title: {zh: 旁, en: beside}
scope: "99"
effective: {from: 2026-09-01, to: 2027-03-01}
evaluate: on_event
facts:
  school: {sum: education.cost.self_paid_fen, over: 40d}
  bills: {sum: medical.settlement.self_paid_fen, over: 45d}
rules:
  - {id: x, risk: education, yellow: school > 2500, green: school > 1200, material: {value: school, step: 700}}
  - {id: y, risk: illness, green: bills < 6000 && bills > 0}
"#;

/// A rule that every bill may change.
const HEARS: &str = "  - {id: h, risk: illness, green: latest > 1500 && age <= 9}\n";

struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn entries(engine: &Engine, seed: u64) -> Vec<Stamped> {
    let mut draw = Draw(seed);
    let first = Date::ymd(2026, 8, 1).unwrap();
    let text = r#"{"household":"H1","region":"990102003004","size":3,"class":"ordinary","net_income_fen":60000,
        "updated_at":"2026-01-05T08:00:00+08:00","members":[{"person":"p1","birth_year":1967}]}"#;
    let json = Json::parse(text.as_bytes()).unwrap();
    let profile = Profile::parse(&json, Instant::EPOCH_SHANGHAI, Persons::AsGiven).unwrap().0;
    let hears = if seed % 4 == 1 { HEARS } else { "" };
    let evaluate = if seed.is_multiple_of(3) { "on_event" } else { "daily" };
    let terms = format!("close_after: {}d\nevaluate: {evaluate}", seed % 5);
    let near = format!("{PACK}{hears}").replace("close_after: 3d", &terms);
    let pack = |name: &str, yaml: String| {
        let yaml = yaml.into_bytes().into();
        let pack = Entry::Pack { name: name.into(), yaml, withdrawn: false };
        Stamped::new(first.midnight(), pack)
    };
    let mut all = vec![
        pack("near.yaml", near),
        Stamped::new(first.midnight(), Entry::Profile(Box::new(profile))),
    ];
    if seed.is_multiple_of(4) {
        all.push(pack("beside.yaml", BESIDE.into()));
    }
    for n in 0..160u64 {
        let day = first.plus(i32::try_from(n * 2 + draw.below(2)).unwrap());
        let at =
            day.midnight().plus_us(i64::try_from(draw.below(86_400)).unwrap() * (DAY_US / 86_400));
        let fen =
            i64::try_from(draw.below(1_700)).unwrap() + if draw.below(20) == 0 { 900 } else { 0 };
        let fen = if draw.below(25) == 0 { -fen } else { fen };
        let (kind, data) = match draw.below(14) {
            12 => {
                let colour = if draw.below(2) == 0 { "red" } else { "blue" };
                let ends = day.plus(i32::try_from(draw.below(9)).unwrap());
                let data = format!(r#""hazard":"flood","colour":"{colour}","expires":"{ends}""#);
                ("disaster.warning", data)
            }
            13 => ("market.price_drop", format!(r#""product":"p","drop_permille":{}"#, fen / 3)),
            0 => ("education.cost", format!(r#""stage":"senior","self_paid_fen":{fen}"#)),
            1 => ("employment.loss", r#""reason":"layoff""#.to_owned()),
            2 => ("employment.start", String::new()),
            k => {
                let setting = if k % 2 == 0 { "inpatient" } else { "outpatient" };
                let data = format!(r#""setting":"{setting}","total_fen":1,"self_paid_fen":{fen}"#);
                ("medical.settlement", data)
            }
        };
        let lag = if draw.below(6) == 0 { draw.below(80) } else { draw.below(3) };
        let on = day.plus(-i32::try_from(lag).unwrap());
        let corrects = match draw.below(12) {
            0 if n > 0 => format!(r#","supersedes":"e{}""#, draw.below(n)),
            _ => String::new(),
        };
        let comma = if data.is_empty() { "" } else { "," };
        let areas = ["disaster.warning", "market.price_drop"];
        let subject = if areas.contains(&kind) { "area/990102" } else { "person/p1" };
        let text = format!(
            r#"{{"specversion":"1.0","type":"{kind}","id":"e{n}","source":"99/ybj","time":"{at}",
            "subject":"{subject}"{corrects},"data":{{"occurred_on":"{on}"{comma}{data}}}}}"#
        );
        let json = Json::parse(text.as_bytes()).unwrap();
        let event = Event::parse(&json, engine.catalogue(), Persons::AsGiven).unwrap().0;
        all.push(Stamped::new(at, Entry::Event(Box::new(event))));
    }
    all
}

/// The alerts, and how many events were taken without deciding: of money, and about areas.
fn alerts(seed: u64, margins: bool) -> (Vec<String>, [usize; 2]) {
    let mut engine = Engine::new(1);
    engine.set_eager(true);
    let mut out = Output::default();
    let mut passed = [0; 2];
    for entry in entries(&engine, seed) {
        let held =
            |engine: &Engine| engine.folds[0].households.first().map_or(Margin::NONE, |h| h.margin);
        if !margins {
            engine.folds[0].households.iter_mut().for_each(Household::doubt);
        }
        let before = held(&engine);
        let area = matches!(&entry.entry, Entry::Event(event) if matches!(event.subject, Subject::Area(_)));
        let today = entry.at.date();
        engine.apply(&OneHand, &[entry], &mut out);
        let after = held(&engine);
        passed[0] += usize::from(after.end == before.end && after.left < before.left);
        passed[1] += usize::from(area && before.calm && today < before.end && after == before);
    }
    let text = |alert: &Alert| String::from_utf8(alert.json().to_vec()).unwrap();
    (out.alerts.iter().map(text).collect(), passed)
}

#[test]
fn nothing_is_said_later_or_otherwise_for_having_decided_less() {
    let (mut passed, mut told) = ([0; 2], 0);
    for seed in 0..100 {
        let (every, _) = alerts(seed, false);
        let (fewer, by) = alerts(seed, true);
        let differs = fewer.iter().zip(&every).find(|(fewer, every)| fewer != every);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(fewer.len(), every.len(), "seed {seed}");
        passed = [passed[0] + by[0], passed[1] + by[1]];
        told += every.len();
    }
    assert!(passed[0] > 1_000 && passed[1] > 100 && told > 2_000, "{passed:?} {told}");
}
