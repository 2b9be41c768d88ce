//! Outlooks against day-by-day evaluation: never later than the truth, and exact where it matters.

use proto::{catalogue::Catalogue, date::Date};
use rules::{Attr, Memo, Name, Number, Outcome, Pack, Scope, Symbol, Text, Truth};

use crate::random::{Random, WORDS, pack};

/// How many days each household is followed.
const DAYS: i32 = 800;
/// The first of them.
const START: i32 = 20_500;

/// What a name is from a day on.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Piece {
    Line(i64, i64),
    Bool(bool),
    Word(usize),
    Fail,
}

/// Pieces with the days they begin on; the last one lasts for ever.
struct Course(Vec<(i32, Piece)>);

impl Course {
    fn random(r: &mut Random, piece: impl Fn(&mut Random) -> Piece) -> Course {
        let mut pieces = vec![(0, piece(r))];
        while r.below(4) > 0 && pieces.len() < 6 {
            let begin = pieces.last().unwrap().0 + 1 + i32::try_from(r.below(250)).unwrap();
            let fails = r.below(12) == 0;
            pieces.push((begin, if fails { Piece::Fail } else { piece(r) }));
        }
        Course(pieces)
    }

    fn at(&self, day: i32) -> (usize, Piece) {
        let at = self.0.partition_point(|(begin, _)| *begin <= day) - 1;
        let (begin, piece) = self.0[at];
        match piece {
            Piece::Line(value, slope) => {
                (at, Piece::Line(value + slope * i64::from(day - begin), slope))
            }
            other => (at, other),
        }
    }

    fn next(&self, at: usize) -> Date {
        self.0.get(at + 1).map_or(Date::MAX, |(begin, _)| Date(START + begin))
    }

    /// The tightest true outlook on a day.
    fn outcome(&self, fact: usize, day: i32) -> Outcome {
        let (at, piece) = self.at(day);
        let until = self.next(at);
        let fails = |(_, p): &&(i32, Piece)| *p == Piece::Fail;
        let failing = self.0[at..].iter().find(fails);
        let sure = failing.map_or(Date::MAX, |(begin, _)| Date(START + begin));
        match piece {
            Piece::Fail => Outcome::failed(until),
            // A truth or text that may fail later is told as one that may change then.
            Piece::Bool(value) => Outcome::Truth(Truth::until(value, until)),
            Piece::Word(_) => Outcome::Text(Text::scope(u32::try_from(fact).unwrap(), until)),
            Piece::Line(value, slope) => {
                let line = |d: i32| i128::from(value) + i128::from(slope) * i128::from(d - day);
                let ends = (at + 1..self.0.len()).flat_map(|later| {
                    let last = self.0.get(later + 1).map_or(DAYS * 3, |(begin, _)| begin - 1);
                    [self.0[later].0, last]
                });
                let gaps: Vec<i128> = ends
                    .filter_map(|d| match self.at(d).1 {
                        Piece::Line(value, _) => Some(i128::from(value) - line(d)),
                        _ => None,
                    })
                    .collect();
                let rise = gaps.iter().any(|gap| *gap > 0);
                let fall = gaps.iter().any(|gap| *gap < 0);
                Outcome::Number(Number { sure, ..Number::sloping(value, slope, until, rise, fall) })
            }
        }
    }
}

/// A household whose data do not change, on one day.
struct Household {
    courses: Vec<Course>,
    day: i32,
}

impl Household {
    fn random(r: &mut Random) -> Household {
        let line = |r: &mut Random| {
            let slope = r.pick(&[0, 0, 0, 1, 1, -1, 3, -7]);
            Piece::Line(if slope == 0 { r.number() } else { r.number() % (1 << 50) }, slope)
        };
        let mut courses: Vec<Course> = (0..4).map(|_| Course::random(r, line)).collect();
        // A fact that may fail says so only as a number: truths and texts never fail here.
        let whole = |r: &mut Random, piece: fn(&mut Random) -> Piece| {
            let mut course = Course::random(r, piece);
            course.0.retain(|(begin, piece)| *begin == 0 || *piece != Piece::Fail);
            course
        };
        courses.extend((0..2).map(|_| whole(r, |r| Piece::Bool(r.below(2) == 0))));
        courses.extend(
            (0..2).map(|_| whole(r, |r| Piece::Word(usize::try_from(r.below(4)).unwrap()))),
        );
        Household { courses, day: 0 }
    }
}

impl Scope for Household {
    fn today(&self) -> Date {
        Date(START + self.day)
    }

    fn fact(&mut self, fact: usize) -> Outcome {
        self.courses[fact].outcome(fact, self.day)
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
        match self.courses[symbol as usize].at(self.day).1 {
            Piece::Word(at) => WORDS[at],
            _ => unreachable!("a text course holds words"),
        }
    }
}

/// A value without its outlook.
#[derive(Clone, PartialEq, Debug)]
enum Plain {
    Int(i64),
    Bool(bool),
    Text(String),
    Fail,
}

fn plain(pack: &Pack, outcome: Outcome, household: &Household) -> Plain {
    match outcome {
        Outcome::Number(number) => Plain::Int(number.value),
        Outcome::Truth(truth) => truth.now().map_or(Plain::Fail, Plain::Bool),
        Outcome::Text(text) => Plain::Text(match text.symbol {
            Symbol::Literal(at) => pack.literal(at).to_owned(),
            Symbol::Scope(at) => household.text(at).to_owned(),
        }),
        Outcome::Failed(_) => Plain::Fail,
    }
}

/// Whether what is seen on a later day is allowed by an outlook.
fn allowed(outlook: Outcome, today: i32, was: &Plain, day: i32, is: &Plain) -> bool {
    let date = Date(START + day);
    match (outlook, is) {
        (Outcome::Number(number), Plain::Fail) => date >= number.sure,
        (Outcome::Number(number), Plain::Int(value)) => {
            let line =
                i128::from(number.value) + i128::from(number.slope) * i128::from(day - today);
            let gap = i128::from(*value) - line;
            gap == 0 || (date >= number.until && if gap > 0 { number.rise } else { number.fall })
        }
        (Outcome::Truth(truth), _) => was == is || date >= truth.changes(),
        (Outcome::Text(text), Plain::Fail) => date >= text.sure,
        (Outcome::Text(text), _) => was == is || date >= text.until,
        (Outcome::Failed(failed), _) => *is == Plain::Fail || date >= failed.until,
        _ => false,
    }
}

#[test]
fn no_outlook_promises_more_than_comes_true() {
    for seed in 0..150 {
        let mut r = Random(seed);
        let lets: Vec<String> = (0..30)
            .map(|i| {
                if i % 3 == 0 {
                    r.int(2)
                } else if i % 3 == 1 {
                    r.bool(3)
                } else {
                    r.text(3)
                }
            })
            .collect();
        let text = pack(&lets, &[]);
        let pack = Pack::load("random", text.as_bytes(), &Catalogue::shipped()).unwrap();
        let mut household = Household::random(&mut r);
        let mut memo = Memo::new();
        let mut days: Vec<Vec<(Outcome, Plain)>> = Vec::new();
        for day in 0..DAYS {
            household.day = day;
            memo.begin();
            days.push(
                (0..lets.len())
                    .map(|at| {
                        let outcome = pack.value(Name::Let(at), &mut household, &mut memo);
                        (outcome, plain(&pack, outcome, &household))
                    })
                    .collect(),
            );
        }
        for (at, source) in lets.iter().enumerate() {
            for today in (0..DAYS).step_by(19) {
                let (outlook, was) = &days[today as usize][at];
                for day in today..DAYS {
                    let (_, is) = &days[day as usize][at];
                    assert!(
                        allowed(*outlook, today, was, day, is),
                        "seed {seed}: {source}\non day {today} {outlook:?}\non day {day} {is:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn levels_stay_until_the_date_they_name() {
    let mut looked = 0u32;
    for seed in 1_000..1_100 {
        let mut r = Random(seed);
        let mut text = pack(&[], &[]) + "rules:\n";
        for i in 0..10 {
            let (red, green) = (r.bool(3), r.bool(2));
            text += &format!("- {{id: r{i}, risk: x, red: '{red}', green: '{green}'}}\n");
        }
        let pack = Pack::load("random", text.as_bytes(), &Catalogue::shipped()).unwrap();
        let mut household = Household::random(&mut r);
        let mut memo = Memo::new();
        for rule in &pack.rules {
            let mut held = None;
            for day in 0..DAYS {
                household.day = day;
                memo.begin();
                let now = pack.level(rule, &mut household, &mut memo);
                if let Some((level, until)) = held
                    && household.today() < until
                {
                    assert_eq!(now.level, level, "seed {seed} day {day}: {text}");
                    continue;
                }
                looked += 1;
                held = Some((now.level, now.until));
                assert!(now.until > household.today());
            }
        }
    }
    assert!(looked > 10_000, "{looked}");
}

/// One rule over one or two facts, decided on day 0.
fn until(condition: &str, ints: [Outcome; 2]) -> (Option<bool>, Date) {
    struct Two([Outcome; 2]);
    impl Scope for Two {
        fn today(&self) -> Date {
            Date(START)
        }
        fn fact(&mut self, fact: usize) -> Outcome {
            self.0[fact]
        }
        fn attr(&mut self, attr: Attr) -> Outcome {
            Outcome::int(if attr == Attr::Size { 4 } else { 3_000_000 })
        }
        fn is(&mut self, _: &str) -> Truth {
            Truth::until(true, Date(START + 180))
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
    let decision = pack.level(&pack.rules[0], &mut Two(ints), &mut Memo::new());
    let level = (decision.failed == 0).then_some(decision.deciding.is_some());
    (level, decision.until)
}

#[test]
fn the_common_cases_are_exact() {
    let falling = |value| Outcome::Number(Number::stepping(value, Date(START + 30), false, true));
    let growing = |value, left| {
        Outcome::Number(Number::sloping(value, 1, Date(START + left), false, true).within(40))
    };
    let steady = Outcome::int(0);
    let after = |days| Date(START + days);
    let never = Date::MAX;
    for (condition, facts, now, date) in [
        // A sum that can only lose events never rises above a cut, and stays below it.
        ("i0 > 100", [falling(50), steady], false, never),
        ("i0 > 100", [falling(150), steady], true, after(30)),
        ("i0 < 100", [falling(50), steady], true, never),
        ("i0 > 100 && i1 > 0", [falling(50), falling(5)], false, never),
        ("i0 > 100 || i1 > 3", [falling(50), falling(5)], true, after(30)),
        ("!(i0 > 100)", [falling(50), steady], true, never),
        // Days since something: the exact day, and never again once it may only end.
        ("i0 >= 60", [growing(10, 390), steady], false, after(50)),
        ("i0 > 60", [growing(10, 390), steady], false, after(51)),
        ("i0 >= 60", [growing(70, 330), steady], true, after(330)),
        ("i0 == 60", [growing(10, 390), steady], false, after(50)),
        ("i0 != 10", [growing(10, 390), steady], false, after(1)),
        ("i0 + 5 >= 60", [growing(10, 390), steady], false, after(45)),
        ("i0 * 2 >= 60", [growing(10, 390), steady], false, after(20)),
        ("60 - i0 < 0", [growing(10, 390), steady], false, after(51)),
        ("i0 >= 60", [growing(10, 20), steady], false, after(50)),
        ("max(i0, 30) >= 60", [growing(10, 390), steady], false, after(20)),
        // What does not depend on time never turns.
        ("household.size > 3", [steady, steady], true, never),
        ("household.net_income_fen / household.size < 900000", [steady, steady], true, never),
        ("household.is(\"relapse_watch\")", [steady, steady], true, after(180)),
        ("household.is(\"relapse_watch\") && household.size > 9", [steady, steady], false, never),
        (
            "(household.net_income_fen - i0) / household.size < 1",
            [falling(50), steady],
            false,
            never,
        ),
    ] {
        assert_eq!(until(condition, facts), (Some(now), date), "{condition}");
    }
    let failed = Outcome::failed(Date(START + 7));
    assert_eq!(until("i0 > 0", [failed, steady]), (None, after(7)));
    assert_eq!(until("i0 > 0 && i1 > 0", [failed, steady]), (Some(false), never));
    assert_eq!(until("today.day >= 20", [steady, steady]).1, after(4));
}
