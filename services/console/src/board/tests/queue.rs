//! Tests of the queue: its order, its budget, and that nobody is dropped.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::queue::*;
use super::*;

/// A Monday; the lines of [`made`] begin three days before it.
const MONDAY: Date = Date(20_003);

fn sought(area: &str, by: By, budget: u32) -> Sought {
    let area = Prefix::parse(area).unwrap_or(Prefix::ALL);
    Sought { area, site: None, by, monday: MONDAY, budget }
}

fn waits(household: u32, village: u32, level: Severity, priority: i64) -> Made {
    let region = format!("9901010010{village:02}");
    Made { region, priority, ..made(household, 1, level, 0) }
}

fn visit(made: &Made, day: i32) -> Visit {
    Visit { case: Key::parse(&made.case()).unwrap(), on: Some(MONDAY.plus(day)) }
}

fn queue(board: &Board, sought: &Sought, visits: &[Visit]) -> Queue {
    board.rank(sought, board.groups(sought, None, 1_000), visits, None, 1_000)
}

fn places(queue: &Queue) -> Vec<(&str, usize, bool, &str)> {
    let places = queue.places.iter();
    places.map(|w| (&*w.desk, w.place, w.inside, &*w.item.household)).collect()
}

fn all_pages(board: &Board, sought: &Sought, visits: &[Visit], limit: usize) -> Vec<Waiting> {
    let (mut found, mut from) = (Vec::new(), None);
    for _ in 0..10_000 {
        let queue = board.rank(sought, board.groups(sought, from, limit), visits, from, limit);
        assert!(queue.places.len() <= limit, "a page is not larger than asked for");
        found.extend(queue.places);
        match queue.next {
            // Through its text, as over HTTP.
            Some(next) => from = Some(Stand::parse(&next.to_string()).unwrap()),
            None => return found,
        }
    }
    panic!("the pages do not end")
}

#[test]
fn a_week_begins_on_monday() {
    assert_eq!(MONDAY.to_string(), "2024-10-07");
    for day in 0..7 {
        assert_eq!(monday(MONDAY.plus(day)), MONDAY);
    }
    assert_eq!(monday(MONDAY.plus(-1)), MONDAY.plus(-7));
    assert_eq!(monday(Date(0)).to_string(), "1969-12-29");
}

#[test]
fn the_larger_priority_comes_first_and_the_budget_cuts_the_week() {
    let lines = [
        waits(1, 1, Severity::Yellow, 5),
        waits(2, 1, Severity::Red, 0),
        waits(3, 1, Severity::Yellow, 0),
        waits(4, 1, Severity::Yellow, 90),
        waits(5, 1, Severity::Green, 99),
        waits(6, 2, Severity::Red, 1),
    ];
    let board = board(&lines);
    let queue = queue(&board, &sought("99", By::Village, 2), &[]);
    assert_eq!(
        places(&queue),
        [
            ("990101001001", 1, true, "H4"),
            ("990101001001", 2, true, "H1"),
            ("990101001001", 3, false, "H2"),
            ("990101001001", 4, false, "H3"),
            ("990101001002", 1, true, "H6"),
        ],
        "green is watched and asks for no visit"
    );
    let weeks: Vec<_> = queue.weeks.iter().map(|w| (&*w.desk, w.made, w.waiting)).collect();
    assert_eq!(weeks, [("990101001001", 0, 4), ("990101001002", 0, 1)]);
    assert_eq!(queue.next, None);
}

#[test]
fn a_visit_of_this_week_takes_a_place_and_one_of_last_week_takes_none() {
    let mut lines: Vec<Made> =
        (1..=4).map(|h| waits(h, 1, Severity::Yellow, -i64::from(h))).collect();
    let visits = [visit(&lines[0], 2), visit(&lines[1], -1)];
    let village = sought("990101001001", By::Village, 2);
    let left = queue(&board(&lines), &village, &visits);
    let households: Vec<_> = left.places.iter().map(|w| (&*w.item.household, w.inside)).collect();
    assert_eq!(households, [("H3", true), ("H4", false)], "one of two visits is made");
    // The visited case is closed: the visit was made nevertheless.
    lines.push(Made { revision: 2, day: 4, ..waits(1, 1, Severity::None, 0) });
    let closed = queue(&board(&lines), &village, &visits);
    assert_eq!(closed.weeks[0].made, 1);
    assert_eq!(closed.places.len(), 2);
}

#[test]
fn a_township_ranks_its_villages_together() {
    let lines = [waits(1, 1, Severity::Yellow, 1), waits(2, 2, Severity::Yellow, 2)];
    let queue = queue(&board(&lines), &sought("990101001", By::Township, 1), &[]);
    assert_eq!(places(&queue), [("990101001", 1, true, "H2"), ("990101001", 2, false, "H1")]);
}

#[test]
fn a_place_that_is_none_is_refused() {
    for text in ["", "1", "1.2.pink.3.4.00", "a.0.red.0.0.00000000000000000000000000000000"] {
        assert_eq!(Stand::parse(text), None, "{text}");
    }
}

proptest! {
    /// Against the plain way: whoever stands at yellow or red and was not visited, by desk and rank.
    #[test]
    fn pages_hold_everyone_once_in_order(
        rows in proptest::collection::vec((0u32..4, 0usize..4, -2i64..3, any::<bool>()), 0..60),
        limit in 1usize..9,
        budget in 0u32..4,
        township in any::<bool>(),
    ) {
        let levels = [Severity::None, Severity::Green, Severity::Yellow, Severity::Red];
        let lines: Vec<Made> = (1..)
            .zip(&rows)
            .map(|(h, (village, level, priority, _))| waits(h, *village, levels[*level], *priority))
            .collect();
        let visited = lines.iter().zip(&rows).filter(|(_, row)| row.3);
        let visits: Vec<Visit> = visited.map(|(made, _)| visit(made, 1)).collect();
        let by = if township { By::Township } else { By::Village };
        let sought = sought("99", by, budget);
        let board = board(&lines);
        let mut plain: Vec<(&Made, &str)> = lines
            .iter()
            .zip(&rows)
            .filter(|(made, row)| made.level >= Severity::Yellow && !row.3)
            .map(|(made, _)| (made, &made.region[..if township { 9 } else { 12 }]))
            .collect();
        plain.sort_by_key(|(made, desk)| {
            let rank = (std::cmp::Reverse(made.priority), std::cmp::Reverse(made.level));
            (desk.to_owned(), rank, made.case())
        });
        let found = all_pages(&board, &sought, &visits, limit);
        let cases: Vec<&str> = found.iter().map(|w| &*w.item.case).collect();
        prop_assert_eq!(cases, plain.iter().map(|(made, _)| made.case()).collect::<Vec<_>>());
        let mut inside: BTreeMap<&str, u32> = BTreeMap::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for waiting in &found {
            let place = places.entry(&waiting.desk).or_default();
            *place += 1;
            prop_assert_eq!(waiting.place, *place);
            *inside.entry(&waiting.desk).or_default() += u32::from(waiting.inside);
        }
        for week in &queue(&board, &sought, &visits).weeks {
            let waiting = u32::try_from(week.waiting).unwrap();
            let left = budget.saturating_sub(week.made).min(waiting);
            prop_assert_eq!(inside.get(&*week.desk).copied().unwrap_or(0), left);
        }
    }
}
