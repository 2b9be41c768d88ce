//! Margins against what comes: as long as no more comes than a margin says, on whatever days and to
//! whichever numbers, a level stays and nothing fails; where it eases, whatever goes meanwhile.

use proto::{catalogue::Catalogue, date::Date};
use rules::{Attr, Horizon, Leeway, Memo, Open, Outcome, Pack, Scope, Span, Text, Truth};

use crate::random::{Random, WORDS, pack};

const START: i32 = 20_500;
const DAYS: usize = 12;

/// A household's numbers, truths and words day by day, with what came on top of the first two.
struct Household {
    ints: [[Option<i64>; DAYS]; 4],
    bools: [[bool; DAYS]; 2],
    words: [[usize; DAYS]; 2],
    came: [[i64; DAYS]; 2],
    day: usize,
}

/// How many of the numbers money adds to.
const GROWING: usize = 2;

fn daily<T: Copy>(r: &mut Random, mut draw: impl FnMut(&mut Random) -> T) -> [T; DAYS] {
    let mut days = [draw(r); DAYS];
    for day in 1..DAYS {
        days[day] = if r.below(6) == 0 { draw(r) } else { days[day - 1] };
    }
    days
}

impl Household {
    fn random(r: &mut Random) -> Household {
        let number = |r: &mut Random| (r.below(60) > 0).then(|| r.number());
        Household {
            ints: std::array::from_fn(|_| daily(r, number)),
            bools: std::array::from_fn(|_| daily(r, |r| r.below(2) == 0)),
            words: std::array::from_fn(|_| daily(r, |r| r.below(4).try_into().unwrap())),
            came: [[0; DAYS]; 2],
            day: 0,
        }
    }

    /// Lets at most `most` come and `gone` go, on each day any part of it.
    fn let_come(&mut self, r: &mut Random, most: u64, gone: u64) {
        let part = |r: &mut Random, most: u64| match r.below(3) {
            0 => 0,
            1 => i64::try_from(most).unwrap(),
            _ => i64::try_from(r.below(most + 1)).unwrap(),
        };
        for came in &mut self.came {
            *came = daily(r, |r| part(r, most) - part(r, gone));
        }
    }

    fn int(&self, fact: usize) -> Option<i64> {
        let came = self.came.get(fact).map_or(0, |came| came[self.day]);
        self.ints[fact][self.day]?.checked_add(came)
    }

    fn days(end: Date) -> usize {
        usize::try_from(end.0 - START).unwrap()
    }
}

impl Scope for Household {
    fn today(&self) -> Date {
        Date(START + i32::try_from(self.day).unwrap())
    }

    fn fact(&mut self, fact: usize) -> Outcome {
        let tomorrow = self.today().plus(1);
        match fact {
            0..4 => self.int(fact).map_or(Outcome::failed(tomorrow), |value| {
                let known = rules::Number::stepping(value, tomorrow, true, true);
                Outcome::Number(rules::Number { sure: tomorrow, ..known })
            }),
            4..6 => {
                let days = &self.bools[fact - 4];
                let turn = (self.day..DAYS).find(|day| days[*day] != days[self.day]);
                let until = turn.map_or(Date::MAX, |day| Date(START + i32::try_from(day).unwrap()));
                Outcome::Truth(Truth::until(days[self.day], until))
            }
            _ => {
                let days = &self.words[fact - 6];
                let turn = (self.day..DAYS).find(|day| days[*day] != days[self.day]);
                let until = turn.map_or(Date::MAX, |day| Date(START + i32::try_from(day).unwrap()));
                Outcome::Text(Text::scope(u32::try_from(fact - 6).unwrap(), until))
            }
        }
    }

    fn span(&mut self, fact: usize, end: Date) -> Option<Span> {
        let days = self.ints[fact][self.day..Household::days(end)].iter();
        let values: Vec<i64> = days.copied().collect::<Option<_>>()?;
        let (low, high) = (*values.iter().min()?, *values.iter().max()?);
        Some(Span { low, high, grows: fact < GROWING })
    }

    fn attr(&mut self, _: Attr) -> Outcome {
        unreachable!("no expression asks the household")
    }

    fn is(&mut self, _: &str) -> Truth {
        unreachable!("no expression asks the household")
    }

    fn aid(&mut self, _: &str) -> Truth {
        unreachable!("no expression asks the household")
    }

    fn table(&mut self, _: usize) -> Outcome {
        unreachable!("no expression asks a table")
    }

    fn text(&self, symbol: u32) -> &str {
        WORDS[self.words[symbol as usize][self.day]]
    }
}

#[test]
fn a_level_stays_while_no_more_than_its_margin_comes() {
    let (mut told, mut between, mut easing) = (0u32, 0u32, 0u32);
    for seed in 0..3_000 {
        let mut r = Random(seed);
        let mut text = pack(&[r.int(2), r.bool(2)], &[]) + "rules:\n";
        for i in 0..8 {
            let (red, green) = (r.bool(3), r.bool(2));
            text += &format!("- {{id: r{i}, risk: x, red: '{red}', green: '{green} || e1'}}\n");
        }
        let pack = Pack::load("random", text.as_bytes(), &Catalogue::shipped()).unwrap();
        let mut household = Household::random(&mut r);
        let mut memo = Memo::new();
        let end = Date(START + 1 + i32::try_from(r.below(DAYS as u64 - 1)).unwrap());
        let horizon = Horizon { end, open: Open::Nothing };
        for rule in &pack.rules {
            (household.day, household.came) = (0, [[0; DAYS]; 2]);
            memo.begin();
            let level = pack.level(rule, &mut household, &mut memo).level;
            let enough = [u32::MAX, 40, 1][usize::try_from(seed % 3).unwrap()];
            let Some(Leeway { fen, eases }) =
                pack.margin(rule, level, horizon, enough, &mut household, &mut memo)
            else {
                continue;
            };
            told += 1;
            between += u32::from((1..1_000).contains(&fen));
            easing += u32::from(eases && fen < 1_000);
            let fen = u64::from(fen);
            for most in [fen, fen / 2, fen.min(40)] {
                let gone = if eases { [40, 1_000, 1 << 31][(most % 3) as usize] } else { 0 };
                household.let_come(&mut r, most, gone);
                for day in 0..Household::days(end) {
                    household.day = day;
                    memo.begin();
                    let now = pack.level(rule, &mut household, &mut memo);
                    let case = (now.level, now.failed);
                    assert_eq!(case, (level, 0), "seed {seed} {most} {}: {text}", rule.id);
                }
            }
        }
    }
    assert!(told > 5_000 && between > 300 && easing > 100, "{told} {between} {easing}");
}

#[test]
fn a_material_value_grows_past_no_step_within_its_margin() {
    let mut told = 0u32;
    for seed in 0..6_000 {
        let mut r = Random(seed);
        let step = 1 + r.below(9);
        let text = pack(&[], &[])
            + &format!(
                "rules:\n- {{id: r, risk: x, red: 'true', material: {{value: '{}', step: {step}}}}}\n",
                r.int(3)
            );
        let pack = Pack::load("random", text.as_bytes(), &Catalogue::shipped()).unwrap();
        let mut household = Household::random(&mut r);
        let mut memo = Memo::new();
        let end = Date(START + 1 + i32::try_from(r.below(DAYS as u64 - 1)).unwrap());
        let horizon = Horizon { end, open: Open::Nothing };
        let material = pack.rules[0].material.unwrap();
        memo.begin();
        let value = pack.evaluate(material.value, &mut household, &mut memo).as_int();
        let Some(value) = value else { continue };
        let more = i64::try_from(r.below(3)).unwrap();
        let baseline = (value / material.step).saturating_add(more);
        let margin = pack.material_margin(material, baseline, horizon, &mut household, &mut memo);
        let Some(Leeway { fen, eases }) = margin else { continue };
        told += u32::from(fen > 0);
        let gone = if eases { [40, 1_000][r.below(2) as usize] } else { 0 };
        household.let_come(&mut r, fen.into(), gone);
        for day in 0..Household::days(end) {
            household.day = day;
            memo.begin();
            let value = pack.evaluate(material.value, &mut household, &mut memo).as_int().unwrap();
            assert!(value / material.step <= baseline, "seed {seed} {fen}: {text}");
        }
    }
    assert!(told > 500, "{told}");
}

/// The margin of one condition over `i0`, to which money adds and which stands at `value`.
fn margin(condition: &str, value: i64) -> Option<Leeway> {
    struct One(i64);
    impl Scope for One {
        fn today(&self) -> Date {
            Date(START)
        }
        fn fact(&mut self, _: usize) -> Outcome {
            Outcome::int(self.0)
        }
        fn span(&mut self, fact: usize, _: Date) -> Option<Span> {
            Some(Span { low: self.0, high: self.0, grows: fact == 0 })
        }
        fn attr(&mut self, attr: Attr) -> Outcome {
            Outcome::int(if attr == Attr::Size { 4 } else { 3_000_000 })
        }
        fn is(&mut self, _: &str) -> Truth {
            Truth::steady(false)
        }
        fn aid(&mut self, _: &str) -> Truth {
            Truth::steady(false)
        }
        fn table(&mut self, _: usize) -> Outcome {
            Outcome::failed(Date::MAX)
        }
        fn text(&self, _: u32) -> &str {
            ""
        }
    }
    let text = pack(&[], &[]) + &format!("rules: [{{id: r, risk: x, red: '{condition}'}}]\n");
    let pack = Pack::load("one", text.as_bytes(), &Catalogue::shipped()).unwrap();
    let (mut scope, mut memo) = (One(value), Memo::new());
    let level = pack.level(&pack.rules[0], &mut scope, &mut memo).level;
    let horizon = Horizon { end: Date::MAX, open: Open::Nothing };
    pack.margin(&pack.rules[0], level, horizon, u32::MAX, &mut scope, &mut memo)
}

#[test]
fn the_common_cases_are_exact() {
    const ANY: u32 = u32::MAX;
    for (condition, value, told) in [
        ("i0 > 300", 100, Some((200, true))),
        ("i0 >= 300", 100, Some((199, true))),
        ("i0 > 300", 301, Some((ANY, false))),
        ("i0 < 300", 100, Some((199, true))),
        ("i0 == 300", 100, Some((199, true))),
        ("i0 == 300", 300, Some((0, false))),
        ("i0 != 300", 301, Some((ANY, false))),
        ("i0 > 300 && i0 > 800", 100, Some((700, true))),
        ("i0 > 300 && household.is(\"a\")", 100, Some((ANY, true))),
        ("i0 > 300 || i0 > 800", 100, Some((200, true))),
        ("!(i0 > 300)", 100, Some((200, true))),
        ("i0 * 2 > 300", 100, Some((50, true))),
        ("household.net_income_fen - i0 < 2000000", 100, Some((999_900, true))),
        ("household.net_income_fen - i0 < 5000000", 100, Some((ANY, false))),
        ("(household.net_income_fen - i0) / household.size < 500000", 100, Some((999_896, true))),
        ("max(i0, i1) > 300", 100, Some((200, true))),
        ("i0 > 300 ? i1 > 50 : i1 > 500", 100, Some((200, true))),
        ("i0 > 30 ? i1 > 50 : i1 > 500", 100, Some((ANY, false))),
        ("100 / i0 > 5", 100, None),
        ("i0 * i0 > 5", 100, None),
    ] {
        let told = told.map(|(fen, eases)| Leeway { fen, eases });
        assert_eq!(margin(condition, value), told, "{condition}");
    }
}
