//! Our evaluators against the `cel` crate: equal values, or both fail.

use cel::{Context, Program, Value, parser::PrattParser};
use proto::{catalogue::Catalogue, date::Date};
use rules::{Attr, Memo, Name, Number, Outcome, Pack, Record, Scope, Symbol, Text, Truth};

use crate::random::{BOOLS, INTS, Random, TEXTS, WORDS, pack};

/// How many expressions are compared.
const EXPRESSIONS: usize = 100_000;
/// How many of them share a pack.
const BATCH: usize = 500;

/// One value for each name, in the order ints, bools, texts.
#[derive(Clone, Copy)]
struct Values {
    ints: [i64; 4],
    bools: [bool; 2],
    texts: [&'static str; 2],
}

impl Values {
    fn random(r: &mut Random) -> Values {
        Values {
            ints: [r.number(), r.number(), r.number(), r.number()],
            bools: [r.below(2) == 0, r.below(2) == 0],
            texts: [r.pick(&WORDS), r.pick(&WORDS)],
        }
    }

    fn context(&self) -> Context<'static, 'static> {
        let mut context = Context::default();
        context.add_function("min", |a: i64, b: i64| a.min(b)).unwrap();
        context.add_function("max", |a: i64, b: i64| a.max(b)).unwrap();
        INTS.iter().zip(self.ints).for_each(|(n, v)| context.add_variable_from_value(*n, v));
        BOOLS.iter().zip(self.bools).for_each(|(n, v)| context.add_variable_from_value(*n, v));
        TEXTS.iter().zip(self.texts).for_each(|(n, v)| context.add_variable_from_value(*n, v));
        context
    }
}

impl Record for Values {
    fn int(&self, field: usize) -> i64 {
        self.ints[field]
    }

    fn bool(&self, field: usize) -> bool {
        self.bools[field - 4]
    }

    fn text(&self, field: usize) -> &str {
        self.texts[field - 6]
    }
}

impl Scope for Values {
    fn today(&self) -> Date {
        Date(20_500)
    }

    fn fact(&mut self, fact: usize) -> Outcome {
        match fact {
            0..4 => Outcome::Number(Number::steady(self.ints[fact])),
            4 | 5 => Outcome::Truth(Truth::steady(self.bools[fact - 4])),
            _ => Outcome::Text(Text::scope(u32::try_from(fact).unwrap(), Date::MAX)),
        }
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
        self.texts[symbol as usize - 6]
    }
}

/// A value of either side; nothing for a failure.
fn ours(pack: &Pack, outcome: Outcome, values: &Values) -> Option<Value> {
    match outcome {
        Outcome::Number(number) => Some(Value::Int(number.value)),
        Outcome::Truth(truth) => truth.now().map(Value::Bool),
        Outcome::Text(text) => Some(match text.symbol {
            Symbol::Literal(at) => pack.literal(at).into(),
            Symbol::Scope(at) => Scope::text(values, at).into(),
        }),
        Outcome::Failed(_) => None,
    }
}

/// What cel gives; its full parser is a hundred times slower than the rest, its small one is not.
fn cel_value(source: &str, full: bool, context: &Context<'_, '_>) -> Option<Value> {
    if full {
        return Program::compile(source).unwrap().execute(context).ok();
    }
    let tree = PrattParser::new().parse(source).unwrap();
    Value::resolve(&tree, context).ok()
}

#[test]
fn random_expressions_have_the_values_that_cel_gives() {
    let mut r = Random(20_260_105);
    let mut memo = Memo::new();
    let (mut valued, mut failed) = (0, 0);
    for _ in 0..EXPRESSIONS / BATCH {
        let bools: Vec<String> = (0..BATCH / 2).map(|_| r.bool(3)).collect();
        let others = (0..BATCH / 2).map(|i| if i % 5 == 0 { r.text(3) } else { r.int(3) });
        let lets: Vec<String> = bools.iter().cloned().chain(others).collect();
        let text = pack(&lets, &bools);
        let pack = Pack::load("random", text.as_bytes(), &Catalogue::shipped())
            .unwrap_or_else(|errors| panic!("{}\n{text}", errors[0]));
        let mut values = Values::random(&mut r);
        let context = values.context();
        memo.begin();
        for (at, source) in lets.iter().enumerate() {
            let theirs = cel_value(source, at % 50 == 0, &context);
            let outcome = pack.value(Name::Let(at), &mut values, &mut memo);
            let got = ours(&pack, outcome, &values);
            assert_eq!(got, theirs, "{source} with {:?} {:?}", values.ints, values.bools);
            *if got.is_some() { &mut valued } else { &mut failed } += 1;
            if let Some(fact) = pack.facts[8..].get(at) {
                let passes = pack.passes(fact, &values).map(Value::Bool);
                assert_eq!(passes, theirs, "where {source}");
            }
        }
    }
    assert!(valued > EXPRESSIONS / 2 && failed > EXPRESSIONS / 50, "{valued} {failed}");
}

#[test]
fn texts_of_expressions_are_read_as_cel_reads_them() {
    for source in [
        r#""\x41\u4e2d\101\n" == 'A中A\n'"#,
        r#"r'a\n' == "a\\n""#,
        "0x10 + 007",
        "-9223372036854775808",
        "-9223372036854775808 / -1",
        "-9223372036854775808 % -1",
        "9223372036854775807 + 1",
        "-7 / 2",
        "-7 % 3",
        "7 % -3",
        "1 - 2 - 3",
        "2 + 3 * 4 % 5",
        "true || false && false",
        "!true == false",
        "1 < 2 == true",
        "1 in [1, 2] && !(3 in [])",
        "false && 1 / 0 > 0",
        "1 / 0 > 0 && false",
        "true || 1 / 0 > 0",
        "1 / 0 > 0 || true",
        "1 / 0 > 0 || false",
        "true ? 1 : 1 / 0",
        "false ? 1 / 0 : 2",
        "1 in [1, 1 / 0]",
        "- -5",
        "'b' > 'ab'",
        "'é' < 'z'",
    ] {
        let quoted = source.replace('\'', "''");
        let text = pack(&[], &[]) + &format!("  e: '{quoted}'\n");
        let pack = Pack::load("one", text.as_bytes(), &Catalogue::shipped()).unwrap();
        let mut values = Values::random(&mut Random(1));
        let outcome = pack.value(Name::Let(0), &mut values, &mut Memo::new());
        let theirs = Program::compile(source).unwrap().execute(&values.context()).ok();
        assert_eq!(ours(&pack, outcome, &values), theirs, "{source}");
    }
}
