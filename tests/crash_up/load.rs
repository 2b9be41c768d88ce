//! What is sent, and a sender that repeats a call until it is answered.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde_json::Value;
use ureq::Agent;

/// Numbers by seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A household's profile; it names one person.
pub(crate) fn profile(n: u64) -> String {
    format!(
        r#"{{"household":"H{n}","updated_at":"2026-01-01T08:00:00+08:00","region":"990102003004","class":"ordinary","size":2,"net_income_fen":500000,"members":[{{"person":"t{n}"}}]}}"#
    )
}

fn event(sender: u64, number: u64, household: u64, dice: &mut Dice) -> String {
    let subject = match dice.below(4) {
        0 => format!("person/t{household}"),
        _ => format!("household/H{household}"),
    };
    let day = 1 + dice.below(28);
    format!(
        r#"{{"specversion":"1.0","id":"s{sender}-{number}","source":"99/zxb","type":"clue.reported","time":"{}","subject":"{subject}","data":{{"channel":"self","occurred_on":"{}"}}}}"#,
        day_of(day, "T10:00:00+08:00"),
        day_of(day, ""),
    )
}

/// A day of a month that is neither in the future nor out of the pack's window for long: the
/// window ends with the clock, so days are taken back from it.
fn day_of(back: u64, rest: &str) -> String {
    use std::sync::OnceLock;
    static TODAY: OnceLock<proto::date::Date> = OnceLock::new();
    let today = TODAY.get_or_init(|| {
        let clock = chassis::SystemClock::new();
        proto::date::Instant(chassis::Clock::now_unix_micros(&clock)).date()
    });
    format!("{}{rest}", today.plus(-i32::try_from(back).unwrap()))
}

/// Sends calls with one token.
pub(crate) struct Sender {
    agent: Agent,
    base: String,
    authorization: String,
}

impl Sender {
    pub(crate) fn new(base: &str, token: &str) -> Sender {
        let authorization = format!("Bearer {token}");
        Sender { agent: system_tests::server::agent(), base: base.to_owned(), authorization }
    }

    /// Repeats a call until it is answered with 200. Says whether it was, before `given_up`.
    pub(crate) fn send_until_taken(
        &self,
        path: &str,
        lines: &[String],
        given_up: &AtomicBool,
    ) -> bool {
        while !given_up.load(Ordering::Acquire) {
            let answer = self
                .agent
                .post(format!("{}/v1/{path}", self.base))
                .header("authorization", &self.authorization)
                .content_type("application/x-ndjson")
                .send(lines.join("\n"));
            if let Ok(mut answer) = answer
                && answer.status() == 200
                && let Ok(told) = answer.body_mut().read_json::<Value>()
            {
                assert_eq!(told["rejected"], 0, "{told}");
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

/// Sends batch after batch until it is over; gives every line sent. What was not answered by then is
/// sent once more, as a department would.
pub(crate) fn run(
    base: &str,
    token: &str,
    seed: u64,
    number: u64,
    households: u64,
    over: &AtomicBool,
) -> Vec<String> {
    let sender = Sender::new(base, token);
    let mut dice = Dice(seed);
    let mut sent = Vec::new();
    let mut next = 0;
    while !over.load(Ordering::Acquire) {
        let batch: Vec<String> = (0..1 + dice.below(40))
            .map(|_| {
                next += 1;
                let household = dice.below(households);
                event(number, next, household, &mut dice)
            })
            .collect();
        if !sender.send_until_taken("events", &batch, over) {
            assert!(sender.send_until_taken("events", &batch, &AtomicBool::new(false)));
        }
        sent.extend(batch);
    }
    sent
}
