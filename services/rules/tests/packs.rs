//! Whole packs load, say what they read, and are refused in bounded time where they are hostile.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

use proto::{catalogue::Catalogue, chain::Step};
use rules::{
    Attr, Evaluate, FactKind, Name, Pack, PackCode, Severity, Term, Type, Window, describe,
};

const CONTRACT: &str = include_str!("packs/contract.yaml");
const SHARE: &str = include_str!("packs/share-of-income.yaml");
const PAYERS: &str = include_str!("packs/after-three-payers.yaml");
const BENCH: &str = include_str!("packs/bench.yaml");

fn load(text: &str) -> Pack {
    Pack::load("pack.yaml", text.as_bytes(), &Catalogue::shipped())
        .unwrap_or_else(|errors| panic!("{}", errors[0]))
}

fn names(pack: &Pack, rule: usize, level: usize) -> Vec<&str> {
    pack.rules[rule].levels[level].names.iter().map(|name| pack.name(*name)).collect()
}

#[test]
fn the_pack_of_the_contract_is_read_in_full() {
    let pack = load(CONTRACT);
    assert_eq!((pack.id.as_str(), pack.scope.to_string().as_str()), ("cn-medical-2026", "99"));
    assert_eq!(pack.title.zh, "大额自付医疗预警");
    assert_eq!(pack.from.to_string(), "2026-01-01");
    assert_eq!(pack.to.unwrap().to_string(), "2026-12-31");
    assert!(pack.in_force(pack.from) && pack.in_force(pack.to.unwrap()));
    assert!(!pack.in_force(pack.to.unwrap().plus(1)) && !pack.in_force(pack.from.plus(-1)));
    assert_eq!(pack.evaluate, Evaluate::Daily);
    assert_eq!((pack.close_after_days, pack.retain_days, pack.reach_days), (0, 400, 400));
    let [oop, big, jobless] = &pack.facts[..] else { panic!("three facts") };
    assert_eq!((oop.kind, oop.window, oop.field), (FactKind::Sum, Window::Days(365), Some(6)));
    assert_eq!((big.kind, big.filter.is_some()), (FactKind::Count, true));
    assert_eq!((jobless.kind, jobless.window), (FactKind::OpenDays, Window::Retain(400)));
    assert_eq!(jobless.until, pack.catalogue.type_id("employment.start"));
    let rule = &pack.rules[0];
    assert_eq!((&*rule.id, rule.risk.as_str()), ("medical-burden", "illness"));
    let levels: Vec<_> = rule.levels.iter().map(|l| l.severity).collect();
    assert_eq!(levels, [Severity::Red, Severity::Yellow, Severity::Green]);
    assert_eq!(names(&pack, 0, 0), ["oop", "line", "per_head", "cut"]);
    assert_eq!(names(&pack, 0, 1), ["oop", "cut"]);
    assert_eq!(rule.reads.attrs, [Attr::Class, Attr::Size, Attr::NetIncome]);
    assert_eq!(rule.reads.tables, [0]);
    assert_eq!(rule.reads.types, [pack.catalogue.type_id("medical.settlement").unwrap()]);
    assert_eq!(rule.material.map(|m| (m.step, m.value.kind())), Some((500_000, Type::Int)));
    assert_eq!(pack.priority.map(rules::Expr::kind), Some(Type::Int));
    assert_eq!(pack.toolbox[0].measures.len(), 3);
    let clocks = &pack.clocks[&Severity::Red];
    let steps = [(Step::Acknowledge, 24), (Step::Visit, 48), (Step::Decide, 360)];
    assert_eq!(clocks.steps, steps.map(|(step, hours)| (step, Term::Seconds(hours * 3_600))));
    assert_eq!(pack.quiet_days, 90);
    assert_eq!(clocks.route, ["village", "township", "county"]);
    let why = rule.why_zh.as_ref().unwrap();
    let text = why.render(|name| match name {
        Name::Fact(_) => Some(rules::Literal::Int(2_712_050)),
        Name::Let(_) => Some(rules::Literal::Int(2_600_000)),
    });
    assert_eq!(text, "近12个月合规自付27120.50元，超过26000元");
}

#[test]
fn the_sample_packs_load_and_say_what_they_read() {
    let share = load(SHARE);
    assert_eq!(names(&share, 0, 0), ["oop", "cut", "line", "per_head"]);
    assert_eq!(names(&share, 3, 0), ["warned"]);
    assert!(share.rules[1].reads.today, "labour depends on the year");
    let payers = load(PAYERS);
    assert_eq!(names(&payers, 3, 0), ["dearest", "wage"]);
    assert_eq!(names(&payers, 0, 2), ["total", "fund", "serious", "aid", "own", "cut"]);
    assert_eq!(load(BENCH).evaluate, Evaluate::OnEvent);
    let words = describe(&share);
    for part in ["pack sample-hebei", "fact losses: distinct of industry.failure,", "rule jobless"]
    {
        assert!(words.contains(part), "{part} in\n{words}");
    }
}

#[test]
fn the_digest_is_of_the_bytes() {
    let digest: String = load("pack: a\nscope: 99\neffective: {from: 2026-01-01}\n")
        .digest
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(digest, "5f2bf0c4834eb59dd1cbfc34b116466339cb7d27f49e256a2da4220da3247de7");
}

fn refused(text: &str) -> PackCode {
    Pack::load("pack.yaml", text.as_bytes(), &Catalogue::shipped())
        .map(|_| ())
        .expect_err("a hostile pack is refused")[0]
        .code
}

#[test]
fn hostile_packs_are_refused() {
    let head = "pack: a\nscope: 99\neffective: {from: 2026-01-01}\n";
    for nested in ["[", "{a: ", "- "] {
        let code = refused(&nested.repeat(4096));
        assert!(matches!(code, PackCode::Limit | PackCode::Yaml), "{nested}");
    }
    assert_eq!(refused(&format!("{head}priority: '{}'", "(".repeat(4000))), PackCode::Limit);
    assert_eq!(refused(&format!("{head}priority: '{}'", "1+".repeat(3000))), PackCode::Limit);
    assert_eq!(refused(&" ".repeat(rules::limits::FILE_BYTES + 1)), PackCode::Limit);
    let row = "{region: 99,year: 2026,value: 1},";
    let rows = format!("{head}tables: {{t: {{rows: [{}]}}}}", row.repeat(210_000));
    assert_eq!(refused(&rows), PackCode::Limit);
    let rules: String =
        (0..1_001).map(|i| format!("- {{id: r{i}, risk: x, red: true}}\n")).collect();
    assert_eq!(refused(&format!("{head}rules:\n{rules}")), PackCode::Limit);
}

#[test]
fn lets_that_use_one_another_cannot_multiply_the_work() {
    let head = "pack: a\nscope: 99\neffective: {from: 2026-01-01}\nlet:\n  a0: 1\n";
    let lets = |n: usize, operand: &str| -> String {
        (1..n)
            .map(|i| format!("  a{i}: {}\n", operand.replace('@', &format!("a{}", i - 1))))
            .collect()
    };
    let doubling = format!("{head}{}", lets(150, "min(@, @ + 1)"));
    load(&doubling);
    assert_eq!(refused(&format!("{head}{}", lets(900, "@ + 1"))), PackCode::Limit);
    let wide: String =
        (0..900).map(|i| format!("  b{i}: {}\n", vec!["1"; 250].join("+"))).collect();
    assert_eq!(refused(&format!("{head}{wide}")), PackCode::Limit);
}
