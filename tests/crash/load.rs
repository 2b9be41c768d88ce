//! What a platform sends: profiles that move persons, events of households and persons. A call
//! without a 2xx is sent again until it has one, as every sender must.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use proto::{
    catalogue::Catalogue,
    date::Instant,
    event::Event,
    frame::Entry,
    household::Profile,
    json::Json,
    person::{Persons, TokenKey},
};
use system_tests::server::agent;

pub(crate) const HOUSEHOLDS: u64 = 40;

pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A synthetic ID number of region prefix 99, without a valid checksum.
fn person(n: u64) -> String {
    format!("9900001990010{n:05}")
}

pub(crate) fn profile(dice: &mut Dice, household: u64, second: u64) -> String {
    let members: Vec<String> = (0..2)
        .map(|_| format!(r#"{{"person":"{}"}}"#, person(dice.below(HOUSEHOLDS * 2))))
        .collect();
    format!(
        r#"{{"household":"H{household}","updated_at":"2026-01-05T08:{:02}:{:02}+08:00","region":"990102003004","class":"ordinary","size":2,"net_income_fen":5,"members":[{}]}}"#,
        second / 60 % 60,
        second % 60,
        members.join(",")
    )
}

fn event(dice: &mut Dice, sender: u64, number: u64) -> String {
    let subject = match dice.below(2) {
        0 => format!("household/H{}", dice.below(HOUSEHOLDS)),
        _ => format!("person/{}", person(dice.below(HOUSEHOLDS * 2))),
    };
    format!(
        r#"{{"specversion":"1.0","id":"e{sender}-{number}","source":"99/zxb","type":"clue.reported","time":"2026-03-04T10:20:30+08:00","subject":"{subject}","data":{{"channel":"self"}}}}"#
    )
}

/// Posts lines until they are taken; gives up only when nobody needs them any more.
pub(crate) fn send(address: SocketAddr, path: &str, lines: &[String], over: &AtomicBool) -> bool {
    let agent = agent();
    loop {
        let call = agent
            .post(format!("http://{address}/v1/{path}"))
            .header("authorization", "Bearer secret")
            .content_type("application/x-ndjson");
        match call.send(lines.join("\n")) {
            Ok(answer) if answer.status() == 200 => return true,
            _ if over.load(Ordering::Acquire) => return false,
            _ => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// One sender; gives the lines that were answered with 200: profiles, then events.
pub(crate) fn run(address: SocketAddr, seed: u64, over: &AtomicBool) -> (Vec<String>, Vec<String>) {
    let mut dice = Dice(seed);
    let (mut profiles, mut events) = (Vec::new(), Vec::new());
    for number in 0.. {
        if over.load(Ordering::Acquire) {
            break;
        }
        if dice.below(6) == 0 {
            let household = dice.below(HOUSEHOLDS);
            let line = [profile(&mut dice, household, seed * 500 + number)];
            if send(address, "households", &line, over) {
                profiles.extend(line);
            }
            continue;
        }
        let count = 1 + dice.below(20);
        let lines: Vec<String> =
            (0..count).map(|n| event(&mut dice, seed, number * 100 + n)).collect();
        if send(address, "events", &lines, over) {
            events.extend(lines);
        }
    }
    (profiles, events)
}

/// The entries that lines become at the door.
pub(crate) fn entries(profiles: &[String], events: &[String], key: &TokenKey) -> Vec<Entry> {
    let known = Catalogue::shipped();
    let profile = |line: &String| {
        let json = Json::parse(line.as_bytes()).unwrap();
        let read = Profile::parse(&json, Instant(0), Persons::Tokens(key));
        Entry::Profile(Box::new(read.unwrap().0))
    };
    let event = |line: &String| {
        let json = Json::parse(line.as_bytes()).unwrap();
        Entry::Event(Box::new(Event::parse(&json, &known, Persons::Tokens(key)).unwrap().0))
    };
    profiles.iter().map(profile).chain(events.iter().map(event)).collect()
}
