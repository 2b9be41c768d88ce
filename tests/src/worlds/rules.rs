//! Rule packs of a small world: random but well typed, so that every one of them loads. Knows what
//! names an expression may use, not what it will give.

use super::Frame;
use super::draw::Draw;
use super::people::{CLASSES, REGIONS};
use crate::reference::show_date;
use serde_json::{Map, Value, json};

/// A whole number that an expression may name, and about how large it gets.
#[derive(Clone, Debug)]
struct Number {
    name: String,
    scale: i64,
}

/// What the expressions of one pack may name.
#[derive(Default)]
struct Names {
    numbers: Vec<Number>,
    truths: Vec<String>,
    words: Vec<String>,
}

/// How the packs of a world stand to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Together {
    /// No rule id in common.
    Apart,
    /// The same rule ids under scopes of different length.
    Layered,
    /// The same rule ids under one scope, one period after the other.
    Successive,
}

/// Draws the packs of a world.
pub(crate) fn draw(d: &mut Draw, frame: &Frame) -> Vec<Value> {
    let n = 1 + d.below(3);
    let together = d.pick(&[Together::Apart, Together::Layered, Together::Successive]);
    let mut scopes = ["99", "9901", "990102", "990102003", "990103000000"].to_vec();
    if together == Together::Successive {
        scopes.remove(0);
    }
    let cut = frame.start + d.between(5, frame.length);
    let mut packs = Vec::new();
    for at in 0..n {
        let (scope, period) = match together {
            Together::Successive if at == 0 => ("99", (frame.start - 200, Some(cut))),
            Together::Successive if at == 1 => ("99", (cut + 1, None)),
            _ => {
                let of = if at == 0 && d.chance(70) { 0 } else { d.below(scopes.len()) };
                (scopes.remove(of), period(d, frame))
            }
        };
        let mut pack = Pack { d, frame, names: Names::default(), body: Map::new() };
        let name = format!("pack-{}", ["a", "b", "c"][at]);
        packs.push(pack.draw(&name, scope, period, together != Together::Apart));
    }
    packs
}

fn period(d: &mut Draw, frame: &Frame) -> (i64, Option<i64>) {
    let from =
        if d.chance(30) { frame.start + d.between(1, frame.length) } else { frame.start - 300 };
    let to = d.chance(35).then(|| from.max(frame.start) + d.between(1, frame.length));
    (from, to)
}

struct Pack<'a> {
    d: &'a mut Draw,
    frame: &'a Frame,
    names: Names,
    body: Map<String, Value>,
}

impl Pack<'_> {
    fn put(&mut self, key: &str, value: Value) {
        self.body.insert(key.to_owned(), value);
    }

    fn draw(
        &mut self,
        name: &str,
        scope: &str,
        (from, to): (i64, Option<i64>),
        shared: bool,
    ) -> Value {
        self.put("pack", name.into());
        self.put("title", json!({"zh": "规则", "en": "rules"}));
        self.put("scope", scope.into());
        let mut effective = json!({"from": show_date(from)});
        if let Some(to) = to {
            effective["to"] = show_date(to).into();
        }
        self.put("effective", effective);
        let on_event = !self.frame.lawful && self.d.chance(30);
        if on_event || self.d.chance(50) {
            self.put("evaluate", if on_event { "on_event" } else { "daily" }.into());
        }
        if !self.frame.lawful && self.d.chance(50) {
            let hold = self.d.pick(&["0d", "1d", "5d", "20d"]);
            self.put("close_after", hold.into());
        }
        if self.d.chance(20) {
            self.put("retain", "550d".into());
        }
        if name == "pack-a" && self.d.chance(60) {
            let score = json!({"kind": "int", "min": 0, "max": 9, "required": true});
            let title = json!({"zh": "走访", "en": "visit"});
            let added = json!({"x.visit": {"risk": "illness", "title": title,
                "fields": {"score": score, "by": {"kind": "enum", "of": ["a", "b"]}}}});
            self.put("event_types", added);
            let fact = json!({"sum": "x.visit.score", "over": "90d"});
            self.fact("f0", fact, 6);
        }
        self.times(name);
        self.tables(scope);
        self.facts();
        self.lets();
        self.rules(name, shared);
        Value::Object(std::mem::take(&mut self.body))
    }

    /// Clocks, quiet days and a calendar; in a chained world the steps after them.
    fn times(&mut self, name: &str) {
        // A stream of its own, so that what else a seed draws stays.
        let day = self.frame.start * 1_000 + self.frame.length * 7;
        let own = u64::try_from(day).unwrap_or(0) * 256 + u64::from(name.as_bytes()[5]);
        let d = &mut Draw::new(own);
        let spans = ["1h", "24h", "36h", "3d", "10d", "1wd", "5wd"];
        let routes = [
            json!(["village", "township"]),
            json!(["village", "township", "county"]),
            json!(["township"]),
            json!(["village", "township", "county", "city", "province"]),
        ];
        let mut clocks = json!({});
        for level in ["red", "yellow", "green"] {
            if !d.chance(60) {
                continue;
            }
            let mut entry = json!({});
            for clock in ["acknowledge", "visit", "decide"] {
                if d.chance(65) {
                    entry[clock] = d.pick(&spans).into();
                }
            }
            if d.chance(85) {
                entry["route"] = d.pick(&routes);
            }
            clocks[level] = entry;
        }
        self.put("clocks", clocks);
        if d.chance(60) {
            let days = d.pick(&[1, 2, 7, 30, 90]);
            self.put("quiet_days", days.into());
        }
        if d.chance(50) {
            let start = self.frame.start;
            let date = |d: &mut Draw| show_date(start + d.between(0, 120));
            let holidays: Vec<String> = (0..12).map(|_| date(d)).collect();
            let make_up: Vec<String> = (0..6).map(|_| date(d)).collect();
            self.put("calendar", json!({"holidays": holidays, "make_up": make_up}));
        }
        if self.frame.chained {
            self.chain(d);
        }
    }

    fn chain(&mut self, d: &mut Draw) {
        let steps = [
            ("comparison", "visit"),
            ("meeting", "comparison"),
            ("posting", "meeting"),
            ("township", "posting"),
            ("county", "township"),
            ("entry", "county"),
            ("measures", "entry"),
        ];
        let mut rows = Vec::new();
        for (step, after) in steps {
            let mut row = json!({"step": step, "after": after});
            if d.chance(80) {
                row["within"] = d.pick(&["1h", "2d", "3wd", "10d"]).into();
            }
            if step == "posting" {
                row["lasts"] = d.pick(&["5d", "5wd"]).into();
            }
            rows.push(row);
        }
        self.put("chain", rows.into());
        if d.chance(60) {
            self.put("green_channel", json!({"risks": ["disaster"], "measures": "72h"}));
        }
    }

    fn tables(&mut self, scope: &str) {
        let mut rows: Vec<Value> = Vec::new();
        let year = crate::reference::civil(self.frame.start).0;
        for at in 0..1 + self.d.below(5) {
            let region =
                if at == 0 { scope } else { self.d.pick(&["99", "9901", "990102", REGIONS[0]]) };
            let mut row = json!({"region": region, "year": year + self.d.between(-1, 1)});
            if self.d.chance(35) {
                row["class"] = self.d.pick(&CLASSES).into();
            }
            let key = |r: &Value| [r["region"].clone(), r["year"].clone(), r["class"].clone()];
            if rows.iter().all(|r| key(r) != key(&row)) {
                row["value"] = (self.d.between(1, 20) * 50_000).into();
                rows.push(row);
            }
        }
        self.put("tables", json!({"line": {"rows": rows}}));
    }

    fn fact(&mut self, name: &str, fact: Value, scale: i64) {
        let facts = self.body.entry("facts").or_insert_with(|| json!({}));
        facts[name] = fact;
        self.names.numbers.push(Number { name: name.to_owned(), scale });
    }

    fn facts(&mut self) {
        for at in 1..=2 + self.d.below(5) {
            let (mut fact, kind, scale) = self.shape();
            self.window(&mut fact);
            self.filter(&mut fact, kind);
            if self.d.chance(20) {
                fact["default"] = self.d.pick(&[-7, 0, 3, 600_000]).into();
            }
            self.fact(&format!("f{at}"), fact, scale);
        }
        if self.d.chance(50) {
            let mut fact = json!({"last": "medical.settlement.setting"});
            self.window(&mut fact);
            if self.d.chance(30) {
                fact["default"] = "chronic".into();
            }
            self.word("t1", fact);
        }
        if self.d.chance(30) {
            self.body.entry("facts").or_insert_with(|| json!({}))["b1"] =
                json!({"last": "civil.death.earner"});
            self.names.truths.push("b1".into());
        }
        if self.d.chance(20) {
            self.word("t2", json!({"last": "disaster.warning.onset", "over": "60d"}));
        }
    }

    fn word(&mut self, name: &str, fact: Value) {
        self.body.entry("facts").or_insert_with(|| json!({}))[name] = fact;
        self.names.words.push(name.to_owned());
    }

    /// A fact without window, the type that `where` may speak of, and its scale.
    fn shape(&mut self) -> (Value, &'static str, i64) {
        let money = [
            ("medical.settlement.self_paid_fen", "medical.settlement"),
            ("medical.settlement.fund_paid_fen", "medical.settlement"),
            ("income.credited.amount_fen", "income.credited"),
            ("disaster.impact.loss_fen", "disaster.impact"),
        ];
        let counted = [
            "medical.settlement",
            "employment.loss",
            "disaster.warning",
            "income.credited",
            "water.interrupted",
            "market.price_drop",
            "accident.injury",
            "civil.birth",
        ];
        let pairs = [
            ("employment.loss", "employment.start"),
            ("water.interrupted", "water.restored"),
            ("housing.unsafe", "housing.repaired"),
            ("education.dropout", "education.return"),
        ];
        let (path, kind) = self.d.pick(&money);
        match self.d.below(10) {
            0..=2 => (json!({"sum": path}), kind, 700_000),
            3 => (json!({"max": path}), kind, 600_000),
            4 => (json!({"last": path}), kind, 500_000),
            5 => {
                let kind = self.d.pick(&counted);
                (json!({"count": kind}), kind, 2)
            }
            6 => {
                let mut types = counted.to_vec();
                super::people::shuffle(self.d, &mut types);
                (json!({"distinct": types[..2 + self.d.below(4)]}), "", 3)
            }
            7 => {
                let kind = self.d.pick(&counted);
                (json!({"days_since": kind}), kind, 30)
            }
            8 => {
                let (from, until) = self.d.pick(&pairs);
                (json!({"open_days": from, "until": until}), from, 30)
            }
            _ => (json!({"active": "disaster.warning"}), "disaster.warning", 1),
        }
    }

    fn window(&mut self, fact: &mut Value) {
        let days = [1, 7, 30, 60, 90, 365, 400];
        let over = match self.d.below(12) {
            0..=4 => format!("{}d", self.d.pick(&days)),
            // the end side of `open_days` has no contract for a window that ends before today
            5 | 6 if fact.get("open_days").is_none() => {
                format!("{}m", self.d.pick(&[1, 2, 3, 6, 12]))
            }
            7 => "calendar_year".to_owned(),
            8 => "calendar_month".to_owned(),
            9 => "school_year".to_owned(),
            10 if fact.get("open_days").is_none() => "last_calendar_year".to_owned(),
            _ => return,
        };
        fact["over"] = over.into();
    }

    fn filter(&mut self, fact: &mut Value, kind: &str) {
        if !self.d.chance(35) {
            return;
        }
        let filters: &[&str] = match kind {
            "medical.settlement" => &[
                "self_paid_fen >= 300000 && setting == \"inpatient\"",
                "setting in ['chronic', 'pharmacy'] || fund_paid_fen == 0",
                "!(total_fen < 100000)",
            ],
            "income.credited" => &["kind == 'wage'", "amount_fen > 0 && kind != \"dibao\""],
            "disaster.impact" => &["house == 'damaged'", "loss_fen >= 100000"],
            "disaster.warning" => &[
                "colour in ['orange', 'red']",
                "status == ''",
                "hazard == 'flood' || onset != \"\"",
            ],
            "employment.loss" => &["reason == 'layoff'", "monthly_wage_fen > 200000"],
            "market.price_drop" => &["drop_permille >= 200"],
            "accident.injury" => &["at_work", "!at_work && cost_fen > 0"],
            _ => return,
        };
        fact["where"] = self.d.pick(filters).into();
    }

    fn lets(&mut self) {
        let mut lets = Map::new();
        lets.insert("v0".into(), "table(\"line\")".into());
        self.names.numbers.push(Number { name: "v0".into(), scale: 500_000 });
        for at in 1..=self.d.below(5) {
            let name = format!("v{at}");
            if self.d.chance(25) {
                let truth = self.truth(1);
                lets.insert(name.clone(), truth.into());
                self.names.truths.push(name);
            } else {
                let (text, scale) = self.number(2);
                lets.insert(name.clone(), text.into());
                self.names.numbers.push(Number { name, scale });
            }
        }
        self.put("let", lets.into());
    }

    /// An expression for a whole number.
    fn number(&mut self, depth: usize) -> (String, i64) {
        let n = self.d.pick(&self.names.numbers);
        if depth == 0 || self.d.chance(25) {
            return (n.name, n.scale);
        }
        let (a, scale) = self.number(depth - 1);
        let (b, other) = self.number(depth - 1);
        match self.d.below(13) {
            0 => (format!("{a} - {b}"), scale),
            1 => (format!("min({a}, {b})"), scale.min(other)),
            2 => (format!("max({a}, {b})"), scale.max(other)),
            3 => (format!("({a}) / ({b})"), 2),
            4 => (format!("({a}) % ({b} - 1)"), scale),
            5 => (format!("({a}) * ({b}) * 1000000"), scale),
            6 => (format!("(household.net_income_fen - ({a})) / household.size"), 500_000),
            7 => (format!("household.class in [\"low_income\", \"marginal\"] ? {a} : {b}"), scale),
            8 => (format!("-({a}) + {}", n.name), scale),
            9 => (format!("household.savings_fen + household.support_fen - ({a})"), 500_000),
            10 => (format!("{a} + household.{}", self.counted_member()), scale),
            11 => (format!("{a} + today.{}", self.d.pick(&["month", "day"])), scale),
            _ => (format!("({a}) * 8 / 10"), scale),
        }
        .wrap()
    }

    fn counted_member(&mut self) -> &'static str {
        let counted = ["members", "away", "workers", "students", "disabled", "chronic"];
        match self.d.below(8) {
            0 => "age_days",
            1 => "watch_days",
            _ => self.d.pick(&counted),
        }
    }

    /// An expression that is true or false.
    fn truth(&mut self, depth: usize) -> String {
        if depth > 0 && self.d.chance(45) {
            let (a, b) = (self.truth(depth - 1), self.truth(depth - 1));
            return match self.d.below(5) {
                0 | 1 => format!("({a}) && ({b})"),
                2 | 3 => format!("{a} || {b}"),
                _ => format!("!({a})"),
            };
        }
        match self.d.below(14) {
            0 => {
                let asked = ["is(\"watch\")", "is('relapse_watch')", "aid('dibao')", "insured"];
                format!("household.{}", self.d.pick(&asked))
            }
            1 => format!("household.labour {} \"full\"", self.d.pick(&["==", "!="])),
            2 => format!("household.housing == \"{}\"", self.d.pick(&["safe", "unknown", "c"])),
            3 => "household.site != \"\" || household.region >= \"990102004\"".to_owned(),
            4 => format!("today.month in [1, 2, {}]", self.d.between(3, 12)),
            5 => format!("today.year > {}", crate::reference::civil(self.frame.start).0),
            6 => format!("household.{} > {}", self.counted_member(), self.d.between(0, 3)),
            7 if !self.names.words.is_empty() => {
                let word = self.d.pick(&self.names.words);
                format!("{word} {} \"inpatient\"", self.d.pick(&["==", "!=", "<"]))
            }
            8 if !self.names.truths.is_empty() => self.d.pick(&self.names.truths),
            _ => {
                let (n, scale) = self.number(1);
                self.compare(&n, scale)
            }
        }
    }

    fn compare(&mut self, number: &str, scale: i64) -> String {
        let line = self.d.between(0, 8) * scale / 4;
        format!("{number} {} {line}", self.d.pick(&[">", ">=", ">", ">=", "<", "!="]))
    }

    fn rules(&mut self, pack: &str, shared: bool) {
        let mut rules = Vec::new();
        for at in 1..=1 + self.d.below(if shared { 3 } else { 5 }) {
            let id = if shared { format!("rule-{at}") } else { format!("{pack}-{at}") };
            let main = self.d.pick(&self.names.numbers);
            let mut rule =
                json!({"id": id, "risk": self.d.pick(&["illness", "employment", "disaster"])});
            let unit = main.scale.max(2);
            if self.d.chance(70) {
                rule["red"] = format!("{} > {} && ({})", main.name, unit, self.truth(1)).into();
            }
            if self.d.chance(80) {
                rule["yellow"] = format!("{} > {}", main.name, unit / 2).into();
            }
            if self.d.chance(75) {
                rule["green"] = self.truth(2).into();
            } else {
                rule["green"] = format!("{} > {}", main.name, unit / 8).into();
            }
            if !shared && self.d.chance(45) {
                rule["material"] = json!({"value": main.name, "step": (unit / 3).max(1)});
            }
            if self.d.chance(60) {
                let n = &main.name;
                rule["why"] =
                    json!({"zh": format!("数值{{{n}:yuan}}元"), "en": format!("{{{n}}} is high")});
            }
            rules.push(rule);
        }
        self.put("rules", rules.into());
    }
}

/// Brackets around a compound number, so that it can stand anywhere.
trait Wrap {
    fn wrap(self) -> Self;
}

impl Wrap for (String, i64) {
    fn wrap(self) -> Self {
        (format!("({})", self.0), self.1)
    }
}
