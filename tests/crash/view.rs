//! What is asked about households while watchers carry them, fall, and carry them again.
//!
//! A household that is known is never answered as unknown, a sum never without one of its parts, and
//! a watcher tells nothing to who brings no token.

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use proto::outcome::CaseId;
use serde_json::{Value, json};
use system_tests::server::agent;

use crate::{
    PACK,
    load::{Dice, HOUSEHOLDS, profile, send},
    services::{Province, Service},
    until,
};

/// Status, code of a refusal, body, and whether it says when to come again.
struct Told {
    status: u16,
    code: String,
    body: Value,
    text: String,
    again: bool,
}

fn ask(request: ureq::http::Request<String>) -> Told {
    let mut answer = agent().run(request).unwrap();
    let again = answer.headers().contains_key("retry-after");
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    Told { status, code, body, text, again }
}

fn get(service: &Service, path: &str) -> Told {
    let request = ureq::http::Request::get(format!("http://{}{path}", service.address));
    ask(request.header("authorization", "Bearer secret").body(String::new()).unwrap())
}

/// Asks a watcher itself.
fn view(watcher: &Service, token: &str, question: &Value) -> Told {
    let request = ureq::http::Request::post(format!("http://{}/view", watcher.view.unwrap()));
    ask(request.header("authorization", token).body(question.to_string()).unwrap())
}

fn households() -> impl Iterator<Item = String> {
    (0..HOUSEHOLDS).map(|n| format!("H{n}"))
}

/// Events of household n: as many as its number says.
fn events() -> Vec<String> {
    let event = |household: u64, n: u64| {
        format!(
            r#"{{"specversion":"1.0","id":"e{household}-{n}","source":"99/zxb","type":"clue.reported","time":"2026-03-04T10:20:30+08:00","subject":"household/H{household}","data":{{"channel":"self"}}}}"#
        )
    };
    let all = (0..HOUSEHOLDS).flat_map(|h| (0..h % 14).map(move |n| (h, n)));
    all.map(|(household, n)| event(household, n)).collect()
}

fn level(household: u64) -> &'static str {
    match household % 14 {
        0 => "none",
        1..6 => "green",
        6..12 => "yellow",
        _ => "red",
    }
}

/// Which households each watcher answers for, all others being refused by name.
fn shares(province: &Province) -> Vec<Vec<String>> {
    let share = |watcher: &Service| {
        let mine = |id: &String| {
            let told = view(watcher, "Bearer secret", &json!({"household": id}));
            let elsewhere = (told.status, told.code.as_str()) == (421, "partition.elsewhere");
            let restoring = (told.status, told.code.as_str()) == (503, "service.starting");
            assert!(told.status == 200 || elsewhere || restoring, "{} {}", told.status, told.code);
            told.status == 200
        };
        households().filter(mine).collect()
    };
    province.watchers.iter().map(share).collect()
}

fn fill(province: &Province) {
    let never = AtomicBool::new(false);
    let profiles: Vec<String> = (0..HOUSEHOLDS).map(|n| profile(&mut Dice(n), n, n)).collect();
    assert!(send(province.intake.address, "households", &profiles, &never));
    assert!(send(province.intake.address, "events", &events(), &never));
}

/// The state of every household as intake's door tells it.
fn states(province: &Province) -> BTreeMap<String, Told> {
    let of = |id: String| {
        let told = get(&province.intake, &format!("/v1/households/{id}"));
        (id, told)
    };
    households().map(of).collect()
}

fn all_right(states: &BTreeMap<String, Told>) -> bool {
    (0..HOUSEHOLDS).all(|n| {
        let told = &states[&format!("H{n}")];
        told.status == 200
            && told.body["level"] == level(n)
            && told.body["events"].as_array().is_some_and(|e| e.len() as u64 == n % 14)
    })
}

#[test]
fn a_watcher_that_falls_takes_no_household_with_it() {
    let Some(mut province) = Province::start(PACK) else { return };
    province.watchers.iter_mut().for_each(Service::wait_until_ready);
    province.console.start();
    fill(&province);
    until("every household is shown as its events say", || all_right(&states(&province)));
    let mut both = Vec::new();
    until("both watchers carry households", || {
        both = shares(&province);
        both.iter().all(|share| !share.is_empty())
            && both.iter().map(Vec::len).sum::<usize>() as u64 == HOUSEHOLDS
    });
    strangers_are_told_nothing(&province);
    province.console.wait_until_ready();
    a_visit_is_known_to_the_queue(&province);

    let fell = both.remove(0);
    let before = states(&province);
    province.watchers[0].kill();
    let mut refused = 0;
    until("the other watcher carries them", || {
        let now = states(&province);
        for (id, told) in &now {
            let away = (told.status, told.code.as_str()) == (503, "partition.uncarried");
            assert!(
                told.status == 200 || away && told.again,
                "{id}: {} {}",
                told.status,
                told.code
            );
            if away {
                assert!(fell.contains(id), "{id} is carried by the other one");
                refused += 1;
            } else {
                assert_eq!(told.body, before[id].body, "{id}");
            }
        }
        let sum = get(&province.intake, "/v1/quality");
        let part = (sum.status, sum.code.as_str()) == (503, "partition.uncarried");
        let whole = sum.status == 200 && sum.body["all"]["no_risk"] == 1;
        assert!(whole || part && sum.again, "{} {}", sum.status, sum.text);
        let queue = get(&province.console, "/v1/queue?region=99");
        let known = queue.body["visits_known"] == true;
        assert!(!known || made(&queue.body) == 1, "{}", queue.text);
        whole && known && now.values().all(|told| told.status == 200)
    });
    assert!(refused > 0, "nobody was asked while the partitions were nobody's");
    let told = get(&province.intake, "/v1/households/H999");
    assert_eq!((told.status, told.code.as_str()), (404, "household.unknown"));
}

fn strangers_are_told_nothing(province: &Province) {
    for watcher in &province.watchers {
        for token in ["", "Bearer", "Bearer secre", "Basic secret", "secret"] {
            for question in [json!({"household": "H13"}), json!({"quality": ""}), json!("H13")] {
                let told = view(watcher, token, &question);
                assert_eq!((told.status, told.code.as_str()), (401, "auth.required"));
                assert!(!told.text.contains("H13") && !told.text.contains("990102"));
            }
        }
        for question in [json!({"household": "990000199001010017"}), json!({"all": ["H13"]})] {
            let told = view(watcher, "Bearer secret", &question);
            assert_eq!((told.status, told.code.as_str()), (400, "query.invalid"));
            assert!(!told.text.contains("H13") && !told.text.contains("990000199001010017"));
        }
    }
}

/// Posts a visit of this week and a verdict, and waits until the lists know them.
fn a_visit_is_known_to_the_queue(province: &Province) {
    let outcome = |household: &str, id: &str, kind: &str| {
        let case = CaseId::of(household, 1);
        let now = get(&province.intake, &format!("/v1/households/{household}"));
        assert_eq!(now.body["case"], case.to_string(), "{}", now.text);
        let at = chassis::Clock::now_unix_micros(&chassis::SystemClock::new());
        let at = proto::date::Instant(at).to_string();
        let body = json!({"id": id, "household": household, "kind": kind, "at": at, "by": "w-1"});
        let path = format!("http://{}/v1/cases/{case}/outcomes", province.intake.address);
        let request = ureq::http::Request::post(path).header("content-type", "application/json");
        let request = request.header("authorization", "Bearer secret");
        let told = ask(request.body(body.to_string()).unwrap());
        assert_eq!(told.status, 200, "{}", told.text);
        case
    };
    let case = outcome("H13", "o1", "visited");
    outcome("H12", "o2", "no_risk");
    until("the queue knows the visit", || {
        let queue = get(&province.console, "/v1/queue?region=99");
        queue.body["visits_known"] == true && made(&queue.body) == 1
    });
    until("the case tells who was there", || {
        let told = get(&province.console, &format!("/v1/cases/{case}"));
        told.body["outcomes"][0]["kind"] == "visited"
    });
    let page = get(&province.console, "/households/H13?lang=en");
    assert!(page.status == 200 && page.text.contains("99/zxb"), "{}", page.text);
    until("the verdict is counted", || {
        let sum = get(&province.intake, "/v1/quality");
        sum.status == 200 && sum.body["all"]["no_risk"] == 1
    });
    let page = get(&province.console, "/quality?lang=en");
    assert!(page.status == 200 && page.text.contains("99/zxb"), "{}", page.text);
}

/// Visits of this week, over all desks.
fn made(queue: &Value) -> u64 {
    let desks = queue["desks"].as_array().into_iter().flatten();
    desks.filter_map(|desk| desk["made"].as_u64()).sum()
}
