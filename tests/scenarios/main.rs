//! Scenarios that people can read: what enters at which minute, and what is wanted in between.
//!
//! A file of `cases/` is a list of lines. `at` pushes something in, `want` is an alert, in the order
//! in which they come, `due` a clock as it stands there, `refused` what came of the last push,
//! `quality` how often a rule, a feed or an area was right. An alert that nobody wants fails, and
//! one that does not come. The rules stand in `pack.yaml`, or in the shipped pack where the file
//! begins with `rules default`. It refuses to know how an alert is made.

#![expect(clippy::unwrap_used, reason = "a test stops where a scenario cannot be read")]

use engine::{Engine, OneHand, Outcome, Output, Stamped};
use proto::{
    alert::{Alert, Change},
    date::Instant,
    event::Event,
    frame::Entry,
    household::Profile,
    json::Json,
    outcome::{CaseId, CaseOutcome},
    person::Persons,
    region::Prefix,
};

/// A scenario while it is played.
struct Play {
    engine: Engine,
    alerts: Vec<Alert>,
    last: Outcome,
    pushed: usize,
}

/// A family of four with 10,000 yuan a head.
fn profile(at: Instant, household: &str) -> Entry {
    let text = format!(
        r#"{{"household":"{household}","region":"990102003004","class":"ordinary","size":4,"net_income_fen":4000000}}"#
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    Entry::Profile(Box::new(Profile::parse(&json, at, Persons::AsGiven).unwrap().0))
}

fn instant(date: &str, time: &str) -> Instant {
    Instant::parse(&format!("{date}T{time}:00+08:00")).unwrap()
}

impl Play {
    fn new(rules: &[u8]) -> Play {
        let engine = Engine::new(4);
        let mut play = Play { engine, alerts: Vec::new(), last: Outcome::Accepted, pushed: 0 };
        let at = instant("2026-01-01", "00:00");
        let yaml = rules.into();
        play.push(at, Entry::Pack { name: "pack.yaml".into(), yaml, withdrawn: false });
        play.push(at, profile(at, "H1"));
        play
    }

    fn push(&mut self, at: Instant, entry: Entry) {
        let mut out = Output::default();
        self.engine.apply(&OneHand, &[Stamped::new(at, entry)], &mut out);
        while self.engine.work(&OneHand, 1, &mut out) {}
        self.last = *out.outcomes.first().unwrap();
        self.alerts.append(&mut out.alerts);
    }

    fn until(&mut self, at: Instant) {
        let mut out = Output::default();
        self.engine.advance(&OneHand, at, &mut out);
        while self.engine.work(&OneHand, 1, &mut out) {}
        self.alerts.append(&mut out.alerts);
    }

    /// The event of the last push, which may correct that of an earlier one: `e` and its number.
    fn event(
        &self,
        at: Instant,
        subject: &str,
        kind: &str,
        data: &str,
        corrects: Option<&str>,
    ) -> Entry {
        let id = self.pushed;
        let corrects = corrects.map_or("null".to_owned(), |id| format!("\"{id}\""));
        let text = format!(
            r#"{{"specversion":"1.0","id":"e{id}","source":"99/x","type":"{kind}","time":"{at}","subject":"{subject}","supersedes":{corrects},"data":{data}}}"#
        );
        let json = Json::parse(text.as_bytes()).unwrap();
        let event = Event::parse(&json, self.engine.catalogue(), Persons::AsGiven).unwrap().0;
        Entry::Event(Box::new(event))
    }

    fn outcome(&self, at: Instant, household: &str, kind: &str, rest: &[&str]) -> Entry {
        let get =
            |key: &str| rest.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let own = format!("o{}", self.pushed);
        let id = get("id").unwrap_or(&own);
        let mut text = format!(
            r#"{{"id":"{id}","household":"{household}","kind":"{kind}","at":"{at}","by":"w-1""#
        );
        for key in ["category", "revokes"] {
            get(key).iter().for_each(|value| text.push_str(&format!(r#","{key}":"{value}""#)));
        }
        get("measures").iter().for_each(|m| text.push_str(&format!(r#","measures":["{m}"]"#)));
        text.push('}');
        let episode = get("episode").map_or(1, |n| n.parse().unwrap());
        let json = Json::parse(text.as_bytes()).unwrap();
        let outcome = CaseOutcome::parse(&json, CaseId::of(household, episode)).unwrap().0;
        Entry::Outcome(Box::new(outcome))
    }

    /// `at DATE TIME HOUSEHOLD WHAT …`
    fn at(&mut self, words: &[&str]) {
        let (at, household, what) = (instant(words[0], words[1]), words[2], words[3]);
        let subject = format!("household/{household}");
        self.pushed += 1;
        let entry = match what {
            "bill" => {
                let fen = words[4].parse::<i64>().unwrap() * 100;
                let data =
                    format!(r#"{{"setting":"inpatient","total_fen":{fen},"self_paid_fen":{fen}}}"#);
                self.event(at, &subject, "medical.settlement", &data, None)
            }
            "house_lost" => {
                let data = r#"{"hazard":"flood","house":"collapsed"}"#;
                self.event(at, &subject, "disaster.impact", data, None)
            }
            "hurt" => {
                let data = r#"{"severity":"injury"}"#;
                self.event(at, &subject, "accident.injury", data, None)
            }
            "lost_work" | "found_work" => {
                let kind = if what == "lost_work" { "employment.loss" } else { "employment.start" };
                let reason = if what == "lost_work" { r#","reason":"layoff""# } else { "" };
                let data = format!(r#"{{"occurred_on":"{}"{reason}}}"#, words[4]);
                let corrects = words.get(5).and_then(|word| word.strip_prefix("corrects="));
                self.event(at, &subject, kind, &data, corrects)
            }
            "warning" => {
                let data = r#"{"hazard":"flood","colour":"orange"}"#;
                self.event(at, "area/990102", "disaster.warning", data, None)
            }
            "profile" => profile(at, household),
            kind => self.outcome(at, household, kind, &words[4..]),
        };
        self.push(at, entry);
    }

    /// How often a rule, a feed or an area was right, as `quality` writes it.
    fn quality(&self, kind: &str, name: &str) -> String {
        let quality = self.engine.quality(Prefix::parse("990102").unwrap());
        let counts = match kind {
            "rule" => quality.rules.get(name),
            "feed" => quality.sources.get(name),
            _ => quality.regions.get(name),
        };
        let counts = counts.copied().unwrap_or_default();
        let share = counts.precision().map_or(String::new(), |share| {
            let (low, high) = (share.low_permille, share.high_permille);
            format!(", {low} to {high} permille")
        });
        format!("{kind} {name} {} of {}{share}", counts.helped, counts.decided())
    }

    /// The clocks that run, as `due` writes them.
    fn due(&self) -> Vec<String> {
        let dossier = self.engine.dossier("H1").unwrap();
        let runs = dossier.clocks.iter().filter(|clock| !clock.answered && !clock.spent);
        runs.map(|clock| format!("{} {}", clock.step.word(), minute(clock.by))).collect()
    }
}

fn minute(at: Instant) -> String {
    at.to_string()[..16].replace('T', " ")
}

/// An alert as `want` writes it.
fn told(alert: &Alert) -> String {
    let json: serde_json::Value = serde_json::from_slice(alert.json()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let (time, overdue) = (minute(alert.time), &json["data"]["overdue"]);
    match alert.change {
        Change::Overdue => {
            let [clock, from, to] = ["clock", "from", "to"].map(|name| text(&overdue[name]));
            format!("{time} overdue {clock} {from} to {to}")
        }
        Change::Closed => format!("{time} closed none {}", text(&json["data"]["reason"])),
        change => format!("{time} {} {}", change.word(), alert.level.word()),
    }
}

fn refused(last: Outcome) -> String {
    match last {
        Outcome::Refused(code) => code.name().to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Plays a file; what goes wrong, in words.
fn play(text: &str) -> Result<(), String> {
    let shipped = text.lines().any(|line| line == "rules default");
    let shipped: Option<&[u8]> =
        shipped.then_some(include_bytes!("../../deploy/packs/default.yaml"));
    let mut play = Play::new(shipped.unwrap_or(include_bytes!("pack.yaml")));
    let mut wanted: Vec<String> = Vec::new();
    let lines = text.lines().enumerate().filter(|(_, l)| !l.is_empty() && !l.starts_with('#'));
    for (n, line) in lines {
        let (word, rest) = line.split_once(' ').unwrap();
        let words: Vec<&str> = rest.split(' ').collect();
        match word {
            "at" => play.at(&words),
            "until" => play.until(instant(words[0], words[1])),
            "want" => wanted.push(rest.to_owned()),
            "rules" => {}
            "quality" if play.quality(words[0], words[1]) == rest => {}
            "quality" => {
                return Err(format!("line {}: {}", n + 1, play.quality(words[0], words[1])));
            }
            "due" if play.due().iter().any(|due| due == rest) => {}
            "due" => return Err(format!("line {}: {rest} is not among {:?}", n + 1, play.due())),
            "refused" if refused(play.last) == rest => {}
            "refused" => return Err(format!("line {}: {:?}", n + 1, play.last)),
            other => return Err(format!("line {}: {other}?", n + 1)),
        }
    }
    let got: Vec<String> = play.alerts.iter().map(told).collect();
    if got == wanted { Ok(()) } else { Err(format!("wanted {wanted:#?}\ngot {got:#?}")) }
}

#[test]
fn every_scenario_goes_as_it_is_written() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/cases");
    let mut played = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(error) = play(&text) {
            panic!("{}: {error}", path.display());
        }
        played += 1;
    }
    assert!(played >= 14, "{played} scenarios");
}
