//! Every mistake is told with its line, its column, and a hint where one helps.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use proto::{catalogue::Catalogue, date::Date, region::Region};
use rules::{Pack, PackCode, PackError, PackSet};

const HEAD: &str = "pack: a\nscope: \"99\"\neffective: {from: 2026-01-01}\n";

fn errors(text: &str) -> Vec<PackError> {
    Pack::load("p", text.as_bytes(), &Catalogue::shipped()).map(|_| ()).unwrap_err()
}

/// The first error of the head (three lines) and these lines after it.
fn first(lines: &str) -> String {
    errors(&format!("{HEAD}{lines}\n"))[0].to_string()
}

#[test]
fn mistakes_in_expressions_are_placed_to_the_character() {
    let facts = "facts:\n  oop: {sum: medical.settlement.self_paid_fen}\n";
    for (lines, message) in [
        ("let:\n  a: oop + oops", "p:7:12: there is no `oops` (did you mean `oop`?)"),
        ("let:\n  a: 'oop + oops'", "p:7:13: there is no `oops` (did you mean `oop`?)"),
        ("let:\n  a: \"oop\n    + oops\"", "p:8:7: there is no `oops` (did you mean `oop`?)"),
        ("let:\n  a: >\n    oop\n    + oops", "p:9:7: there is no `oops` (did you mean `oop`?)"),
        (
            "let:\n  a: houshold.size",
            "p:7:6: `houshold` has no members (did you mean `household`?)",
        ),
        ("let:\n  a: household.sze", "p:7:16: household has no `sze` (did you mean `size`?)"),
        ("let:\n  a: size + 1", "p:7:6: there is no `size` (did you mean `household.size`?)"),
        ("let:\n  a: mim(1, 2)", "p:7:6: there is no function `mim` (did you mean `min`?)"),
        ("let:\n  a: oop + household.class", "p:7:12: `+` takes int, this is string"),
        ("let:\n  a: '\"x\" + \"y\"'", "p:7:7: `+` takes int, this is string"),
        ("let:\n  a: oop == household.class", "p:7:10: `==` compares int with string"),
        ("let:\n  a: 1 < oop < 3", "p:7:14: `<` compares bool with int"),
        (
            "let:\n  a: oop && true",
            "p:7:6: `&&` takes bool, this is int (compare it, for example `… > 0`)",
        ),
        ("let:\n  a: 'oop > 0 ? 1 : true'", "p:7:21: the branches of `?:` are int and bool"),
        ("let:\n  a: oop in [1, true]", "p:7:17: this list holds bool, what is looked for is int"),
        ("let:\n  a: b + 1\n  b: a", "p:7:6: `b` cannot be found: it needs this `let` itself"),
        (
            "let:\n  a: b + 1\n  b: 2",
            "p:7:6: `b` is defined later (a `let` sees only those above it: move it up)",
        ),
        ("let:\n  oop: 1", "p:7:3: `oop` is both a fact and a `let`"),
        ("let:\n  table: 1", "p:7:3: this word is reserved"),
        ("let:\n  a: table(\"x\")", "p:7:6: there is no table `x`"),
        ("priority: oop > 1", "p:6:11: priority must be int, this is bool"),
        ("rules: [{id: r, risk: x, red: oop}]", "p:6:31: red must be bool, this is int"),
    ] {
        assert_eq!(first(&format!("{facts}{lines}")), message, "{lines}");
    }
}

#[test]
fn where_yaml_bites_the_hint_says_so() {
    let rule = "rules:\n- id: r\n  risk: x\n  red: ";
    for (lines, part) in [
        ("let:\n  a: true ? 1 : 2", "holds `: ` must be quoted as a whole"),
        (&format!("{rule}\"low\" == household.class"), "starts with a quote must be quoted"),
        (&format!("{rule}!household.insured"), "quote an expression that starts with `!`"),
        (&format!("{rule}[1]"), "starts with `[` or `{` must be quoted"),
        (
            "rules: [{id: r, risk: x, red: max(1, 2) > 1}]",
            "quote an expression that holds `,` inside `{…}`",
        ),
        ("let: {a: &x 1}", "anchors are not allowed"),
        ("let: {a: *x}", "yaml"),
        ("let: {a: 1}\n---\npack: b", "a pack is one document"),
        ("let: {a: 1, a: 2}", "this key stands twice"),
    ] {
        let all: Vec<String> =
            errors(&format!("{HEAD}{lines}\n")).iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|error| error.contains(part)), "{lines}: {all:?}");
    }
}

#[test]
fn mistakes_in_the_head_and_in_facts_are_placed() {
    for (lines, message) in [
        ("rulez: []", "p:4:1: a pack has no key `rulez` (did you mean `rules`?)"),
        ("close_after: 5", "p:4:14: close_after is 0d to 3660d"),
        ("retain: 30d", "p:4:9: retain is 400d to 3660d"),
        ("evaluate: dayly", "p:4:11: evaluate is one of daily, on_event (did you mean `daily`?)"),
        (
            "facts: {a: {sum: medical.setlement.total_fen}}",
            "p:4:18: there is no event type `medical.setlement` (did you mean `medical.settlement`?)",
        ),
        (
            "facts: {a: {sum: medical.settlement.total}}",
            "p:4:18: `medical.settlement` has no field `total`",
        ),
        (
            "facts: {a: {max: medical.settlement.setting}}",
            "p:4:18: max takes money or int, `setting` is neither",
        ),
        (
            "facts: {a: {sum: medical.settlement}}",
            "p:4:18: sum needs a field: `type.field` (for example medical.settlement.setting)",
        ),
        (
            "facts: {a: {count: medical.settlement, over: calender_year}}",
            "p:4:46: a window is `Nd`, `Nm` or a named period (did you mean `calendar_year`?)",
        ),
        (
            "facts: {a: {count: medical.settlement, where: total > 1}}",
            "p:4:47: medical.settlement has no field `total` (`where` sees the fields of the event only)",
        ),
        (
            "facts: {a: {distinct: [civil.death, civil.birth], where: earner}}",
            "p:4:58: `where` goes with one event type (use a `count` for each type)",
        ),
        (
            "facts: {a: {active: medical.settlement}}",
            "p:4:21: `medical.settlement` is no area event (active takes an event type of areas)",
        ),
        ("facts: {a: {open_days: employment.loss}}", "p:4:12: open_days needs `until`"),
        (
            "facts: {a: {count: civil.death, default: x}}",
            "p:4:42: default must be a whole number (digits only, within 64 bits; money is in fen)",
        ),
    ] {
        assert_eq!(first(lines), message, "{lines}");
    }
}

#[test]
fn mistakes_in_tables_rules_and_clocks_are_placed() {
    for (lines, message) in [
        (
            "tables: {t: {rows: [{region: 98, year: 2026, value: 1}]}}",
            "p:4:10: no row of `t` can hold in the scope (a row's region must begin with the scope's digits, or the scope with it)",
        ),
        ("tables: {t: {rows: [{region: 99, value: 1}]}}", "p:4:21: a row needs `year`"),
        ("rules: [{id: r, risk: x}]", "p:4:9: a rule needs red, yellow or green"),
        ("rules: [{id: r, red: true}]", "p:4:9: a rule needs `risk`"),
        (
            "rules: [{id: R, risk: x, red: true}]",
            "p:4:14: the id of a rule is made of 1 to 64 of a-z, 0-9 and `-`",
        ),
        (
            "rules: [{id: r, risk: x, red: true}, {id: r, risk: x, red: true}]",
            "p:4:38: rule `r` stands twice",
        ),
        (
            "rules: [{id: r, risk: x, red: true, why: {en: \"a {b}\"}}]",
            "p:4:51: there is no `b` (a text shows facts and `let`s)",
        ),
        (
            "rules: [{id: r, risk: x, red: true, material: {value: 1, step: 0}}]",
            "p:4:64: step must be above 0",
        ),
        (
            "clocks: {red: {visit: 2w}}",
            "p:4:23: a duration is written like 24h, 15d or 5wd (working days)",
        ),
        ("chain: [{step: meeting, after: posting}]", "p:4:9: meeting comes after no step above it"),
        (
            "chain: [{step: meeting, after: visit}, {step: meeting, after: visit}]",
            "p:4:40: the step meeting stands twice",
        ),
        ("chain: [{step: visit, after: decide}]", "p:4:9: the step visit stands twice"),
        ("chain: [{step: entry, after: visit, lasts: 5d}]", "p:4:37: only a posting lasts"),
        (
            "chain: [{step: follow_up, after: visit, within: 5d}]",
            "p:4:41: a follow_up has no clock",
        ),
        ("calendar: {holidays: [2026-02-30]}", "p:4:23: a date is written YYYY-MM-DD"),
        (
            "quiet_days: 90d",
            "p:4:13: quiet_days must be a whole number (digits only, within 64 bits; money is in fen)",
        ),
        ("quiet_days: 4000", "p:4:13: quiet_days is 1 to 3660"),
        ("green_channel: {risks: [disaster]}", "p:4:16: green_channel needs `measures`"),
        ("contradictions: [{id: a, risk: b, when: 1}]", "p:4:41: when must be bool, this is int"),
        ("measures: {dibao: {zh: a, aid: dibao}}", "p:4:32: a programme must be a list"),
        ("clocks: {red: {route: [county, village]}}", "p:4:32: a route goes upwards"),
        (
            "event_types: {medical.settlement: {fields: {}}}",
            "p:4:15: `medical.settlement` is defined differently elsewhere (give it another name)",
        ),
        ("event_types: {a.b: {fields: {c: {kind: enum}}}}", "p:4:33: an enum needs `of`"),
    ] {
        assert_eq!(first(lines), message, "{lines}");
    }
}

#[test]
fn mistakes_of_the_whole_file_are_placed() {
    assert_eq!(errors("pack: a\nscope: 9\n")[0].to_string(), "p:1:1: a pack needs `effective`");
    assert_eq!(errors("")[0].code, PackCode::Yaml);
    let all = errors(&format!("{HEAD}let:\n  a: x\n  b: y\nrules: [{{id: r}}]\n"));
    assert_eq!(all.len(), 4, "every independent mistake is told: {all:?}");
    let bad = Pack::load("p", b"pack: a\nsco\xffpe: 9", &Catalogue::shipped()).unwrap_err();
    assert_eq!((bad[0].line, bad[0].column), (2, 4));
}

#[test]
fn no_message_repeats_what_could_be_an_identity_number() {
    let number = "9".repeat(18);
    for lines in [format!("let: {{a: x{number}}}"), format!("'{number}': 1")] {
        assert!(!first(&lines).contains(&number), "{lines}");
    }
}

fn pack(text: &str) -> Arc<Pack> {
    Arc::new(Pack::load("p", text.as_bytes(), &Catalogue::shipped()).unwrap())
}

#[test]
fn packs_that_contradict_each_other_are_refused() {
    let make = |id: &str, scope: &str, dates: &str, rule: &str| {
        pack(&format!(
            "pack: {id}\nscope: {scope}\neffective: {{{dates}}}\nrules: [{{id: {rule}, risk: x, red: true}}]\n"
        ))
    };
    let wide = make("a", "99", "from: 2026-01-01, to: 2026-12-31", "r");
    let same = make("b", "99", "from: 2026-12-31", "r");
    let later = make("b", "99", "from: 2027-01-01", "r");
    let narrow = make("c", "9901", "from: 2026-01-01", "r");
    let refused = PackSet::new(vec![wide.clone(), same]).unwrap_err();
    assert_eq!(refused[0].code, PackCode::Conflict);
    let twin = make("a", "9902", "from: 2026-01-01", "q");
    assert!(PackSet::new(vec![wide.clone(), twin]).is_err(), "one id, two files");
    assert_eq!(PackSet::new(vec![wide.clone(), wide.clone()]).unwrap().packs().len(), 1);
    let set = PackSet::new(vec![wide, later, narrow]).unwrap();
    let holds = |region: &str, date: &str| -> Vec<usize> {
        let (region, date) = (Region::parse(region).unwrap(), Date::parse(date).unwrap());
        set.in_force(region, date).iter().map(|rule| rule.pack).collect()
    };
    assert_eq!(holds("990101001001", "2026-06-01"), [2], "the longest scope wins");
    assert_eq!(holds("990201001001", "2026-12-31"), [0]);
    assert_eq!(holds("990201001001", "2027-01-01"), [1]);
    assert!(holds("980201001001", "2027-01-01").is_empty());
    let own = |kind: &str| {
        pack(&format!(
            "pack: {kind}\nscope: 99\neffective: {{from: 2026-01-01}}\nevent_types: {{a.b: {{fields: {{c: {{kind: {kind}}}}}}}}}\n"
        ))
    };
    assert!(PackSet::new(vec![own("int"), own("money")]).is_err());
}

#[test]
fn each_kind_of_mistake_has_its_code() {
    for (lines, code) in [
        ("let:\n  a: b + 1\n  b: 2", PackCode::Name),
        ("let:\n  a: (1", PackCode::Syntax),
        ("let:\n  a: 1 + true", PackCode::Type),
        ("let:\n  a: a + 1", PackCode::Cycle),
        ("rules: [{id: r, risk: x, red: true}, {id: r, risk: x, red: true}]", PackCode::Duplicate),
        ("ruls: []", PackCode::Key),
        ("rules: [{risk: x, red: true}]", PackCode::Missing),
        ("close_after: soon", PackCode::Value),
        (
            "tables: {t: {rows: [{region: 98, year: 2026, value: 1}]}}\n\
             rules: [{id: r, risk: x, red: 'table(\"t\") > 0'}]",
            PackCode::Table,
        ),
    ] {
        let found = errors(&format!("{HEAD}{lines}\n"));
        assert!(found.iter().any(|error| error.code == code), "{lines}: {found:?}");
    }
}
