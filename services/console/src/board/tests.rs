//! Tests of the board: the fold, the lists and their cursors.

mod queue;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proto::date::Date;
use proto::ids;

use super::*;

/// A revision as the tests write it.
#[derive(Debug, Clone)]
struct Made {
    household: u32,
    revision: u32,
    level: Severity,
    closed: bool,
    region: String,
    day: i32,
    rules: Vec<&'static str>,
    priority: i64,
}

impl Made {
    fn case(&self) -> String {
        ids::case_id(&format!("H{}", self.household), 1)
    }

    fn line(&self) -> Vec<u8> {
        let case = self.case();
        let signals: Vec<_> =
            self.rules.iter().map(|rule| serde_json::json!({"rule": rule})).collect();
        let change = if self.closed { "closed" } else { "changed" };
        let line = serde_json::json!({
            "id": ids::alert_id(&case, self.revision), "type": proto::alert::TYPE,
            "time": Date(20_000 + self.day).midnight().to_string(),
            "data": {"case": case, "episode": 1, "revision": self.revision, "change": change,
                "level": self.level, "household": format!("H{}", self.household),
                "region": self.region, "risks": ["illness"], "signals": signals,
                "priority": self.priority,
                "clocks": {"visit_by": Date(20_002 + self.day).midnight().to_string()}},
        });
        line.to_string().into_bytes()
    }
}

fn made(household: u32, revision: u32, level: Severity, day: i32) -> Made {
    let closed = level == Severity::None;
    let region = format!("99010{}00100{}", household % 3, household % 7);
    Made { household, revision, level, closed, region, day, rules: vec!["big-bills"], priority: 0 }
}

fn board(lines: &[Made]) -> Board {
    let mut board = Board::default();
    for (seq, line) in (0..).zip(lines) {
        board.fold(seq, &line.line()).unwrap();
    }
    board
}

fn everything() -> Filter {
    Filter { area: Prefix::ALL, site: None, level: None, state: None, rule: None }
}

fn all_pages(board: &Board, filter: &Filter, limit: usize) -> Vec<Item> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = board.list(filter, after, limit);
        items.extend(page.items);
        match page.next {
            // Through its text, as over HTTP.
            Some(next) => after = Some(Cursor::parse(&next.to_string()).unwrap()),
            None => return items,
        }
    }
}

#[test]
fn a_case_is_its_latest_revision_and_keeps_its_opening() {
    let mut second = made(1, 2, Severity::Red, 5);
    second.region = "990999001001".into();
    let board = board(&[made(1, 1, Severity::Green, 1), made(2, 1, Severity::Red, 2), second]);
    let key = Key::parse(&made(1, 1, Severity::Green, 1).case()).unwrap();
    let item = board.case(key).unwrap();
    assert_eq!((item.revision, item.level, item.state), (2, Severity::Red, State::Open));
    assert_eq!(item.opened_at, Date(20_001).midnight().to_string());
    assert_eq!(item.changed_at, Date(20_005).midnight().to_string());
    assert_eq!(board.revisions(key, 10), [0, 2]);
    assert_eq!(board.revisions(key, 1), [2], "the latest");
    let moved = Filter { area: Prefix::parse("990999").unwrap(), ..everything() };
    assert_eq!(board.list(&moved, None, 10).items, [item]);
    let left = Filter { area: Prefix::parse("990101").unwrap(), ..everything() };
    assert_eq!(board.list(&left, None, 10).items, []);
}

#[test]
fn an_id_that_came_before_changes_nothing() {
    let line = made(1, 1, Severity::Red, 1);
    let mut board = board(std::slice::from_ref(&line));
    board.fold(1, &line.line()).unwrap();
    board.fold(0, &made(2, 1, Severity::Red, 1).line()).unwrap();
    assert_eq!((board.end(), board.cases()), (2, 1));
    let id = Key::parse(&ids::alert_id(&line.case(), 1)).unwrap();
    assert_eq!(board.seq_of(id), Some(0));
}

#[test]
fn a_line_that_is_no_alert_is_passed_over() {
    let mut board = Board::default();
    assert_eq!(board.fold(0, b"<script>"), Err(FoldError::Line(LineError::Shape)));
    board.fold(1, &made(1, 1, Severity::Red, 1).line()).unwrap();
    assert_eq!((board.end(), board.cases()), (2, 1));
}

#[test]
fn a_filter_takes_state_level_rule_and_area() {
    let mut other = made(3, 1, Severity::Yellow, 3);
    other.rules = vec!["job-lost", "big-bills"];
    let lines = [made(1, 1, Severity::Red, 1), made(2, 1, Severity::Yellow, 2), other];
    let mut lines = lines.to_vec();
    lines.push(made(1, 2, Severity::None, 4));
    let board = board(&lines);
    let households = |filter: Filter| {
        let items = board.list(&filter, None, 10).items;
        items.into_iter().map(|item| item.household).collect::<Vec<_>>()
    };
    assert_eq!(households(everything()), ["H1", "H3", "H2"]);
    let open = Filter { state: Some(State::Open), ..everything() };
    assert_eq!(households(open.clone()), ["H3", "H2"]);
    assert_eq!(households(Filter { state: Some(State::Closed), ..everything() }), ["H1"]);
    assert_eq!(households(Filter { level: Some(Severity::Yellow), ..open.clone() }), ["H3", "H2"]);
    assert_eq!(households(Filter { level: Some(Severity::Red), ..open.clone() }).len(), 0);
    assert_eq!(households(Filter { rule: Some("job-lost".into()), ..open.clone() }), ["H3"]);
    let area = Prefix::parse("990102").unwrap();
    assert_eq!(households(Filter { area, ..open.clone() }), ["H2"]);
    assert_eq!(households(Filter { site: Some("site-7".into()), ..open }).len(), 0);
}

#[test]
fn the_newest_alerts_are_paged_by_number() {
    let lines: Vec<Made> = (1..=5).map(|h| made(h, 1, Severity::Yellow, 1)).collect();
    let board = board(&lines);
    assert_eq!(board.newest(Prefix::ALL, None, Severity::None, None, 2), (vec![4, 3], Some(3)));
    assert_eq!(board.newest(Prefix::ALL, None, Severity::None, Some(1), 2), (vec![0], None));
    assert_eq!(board.newest(Prefix::ALL, None, Severity::Red, None, 2), (vec![], None));
    let area = Prefix::parse("990102").unwrap();
    assert_eq!(board.newest(area, None, Severity::None, None, 9), (vec![4, 1], None));
}

fn revisions() -> impl Strategy<Value = Vec<Made>> {
    let one = (1u32..40, 0usize..4, 0i32..6, 0usize..3);
    proptest::collection::vec(one, 0..120).prop_map(|steps| {
        let levels = [Severity::None, Severity::Green, Severity::Yellow, Severity::Red];
        let rules = [vec!["a"], vec!["a", "b"], vec!["c"]];
        let mut at = std::collections::HashMap::new();
        let revision = |(household, level, forward, rule): (u32, usize, i32, usize)| {
            let (revision, day) = at.entry(household).or_insert((0, 0));
            *revision += 1;
            *day += forward;
            let mut made = made(household, *revision, levels[level], *day);
            made.rules = rules[rule].clone();
            made
        };
        steps.into_iter().map(revision).collect()
    })
}

proptest! {
    /// Against the plain way: all latest revisions, filtered and sorted.
    #[test]
    fn a_list_is_the_sorted_list_of_what_the_filter_takes(
        lines in revisions(),
        limit in 1usize..9,
        (level, state, rule, area) in (0usize..5, 0usize..3, 0usize..4, 0usize..4),
    ) {
        let filter = Filter {
            area: [Prefix::ALL, Prefix::parse("99").unwrap(), Prefix::parse("990101").unwrap(),
                Prefix::parse("990102001").unwrap()][area],
            site: None,
            level: [None, Some(Severity::None), Some(Severity::Green), Some(Severity::Yellow),
                Some(Severity::Red)][level],
            state: [None, Some(State::Open), Some(State::Closed)][state],
            rule: [None, Some("a"), Some("b"), Some("x")][rule].map(str::to_owned),
        };
        let mut latest = std::collections::BTreeMap::new();
        for line in &lines {
            latest.insert(line.household, line);
        }
        let mut plain: Vec<&Made> = latest.into_values().filter(|m| {
            filter.area.contains(Region::parse(&m.region).unwrap())
                && filter.level.is_none_or(|l| l == m.level)
                && filter.state.is_none_or(|s| (s == State::Closed) == m.closed)
                && filter.rule.as_deref().is_none_or(|r| m.rules.contains(&r))
        }).collect();
        plain.sort_by_key(|m| (std::cmp::Reverse(m.day), m.case()));
        let listed = all_pages(&board(&lines), &filter, limit);
        let listed: Vec<String> = listed.into_iter().map(|item| item.case).collect();
        prop_assert_eq!(listed, plain.iter().map(|m| m.case()).collect::<Vec<_>>());
    }

    /// Changes between pages never hide a case that did not change, nor show one twice unchanged.
    #[test]
    fn a_cursor_skips_no_unchanged_case(
        lines in revisions(),
        later in proptest::collection::vec(1u32..60, 0..30),
        limit in 1usize..9,
    ) {
        let mut board = board(&lines);
        let before: BTreeSet<String> = lines.iter().map(Made::case).collect();
        let mut changed = BTreeSet::new();
        let mut later = later.into_iter();
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = board.list(&everything(), after, limit);
            seen.extend(page.items.into_iter().map(|item| item.case));
            after = page.next;
            if after.is_none() {
                break;
            }
            for household in later.by_ref().take(2) {
                let next = made(household, 1_000, Severity::Red, 2_000);
                changed.insert(next.case());
                let seq = board.end();
                board.fold(seq, &next.line()).unwrap();
            }
        }
        for case in before.difference(&changed) {
            prop_assert_eq!(seen.iter().filter(|c| *c == case).count(), 1);
        }
    }
}
