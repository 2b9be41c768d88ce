//! `kill -9` while messages are on their way: every receiver has everything in the end, those that
//! fail at first included, and what comes twice carries the same id.

use std::{thread, time::Duration};

use crate::field::{Field, has_all, until};

fn volume() -> (u64, u64) {
    match std::env::var("LEVEE_VOLUME").as_deref() {
        Ok("full") => (500, 30),
        _ => (8, 60),
    }
}

/// A number below `n` that follows from the seed and the step.
fn dice(step: u64, n: u64) -> u64 {
    let seed: u64 = std::env::var("LEVEE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let digest = proto::ids::sha256(format!("{seed}|{step}").as_bytes());
    u64::from(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])) % n
}

#[test]
fn a_killed_notifier_loses_nothing() {
    let (kills, families) = volume();
    let mut field = Field::new();
    let mut server = field.start();
    server.wait_until_ready();
    field.families(&server, families);
    let paths: Vec<String> = (0..12)
        .map(|n| format!("ok/{n}"))
        .chain((0..8).map(|n| {
            let fault = ["once-500", "once-429", "once-reset"][n % 3];
            format!("{fault}/{n}")
        }))
        .collect();
    for path in &paths {
        field.subscribe(&server, path);
    }
    for kill in 0..kills {
        let some = dice(kill, 3);
        field.clues(&server, (0..families).filter(|n| n % 3 == some));
        thread::sleep(Duration::from_millis(dice(kill + 1_000, 300)));
        server.kill();
        server = field.start();
        server.wait_until_ready();
    }
    let alerts = field.alerts(&server);
    let books = || server.call("GET", "/v1/operators/books", None).1["items"].clone();
    until(|| {
        let books = books();
        books.as_array().unwrap().iter().all(|b| b["alerts"] == alerts.len() && b["pending"] == 0)
    });
    let calls = field.receiver.calls();
    let twice: usize = paths.iter().map(|path| has_all(&calls, &format!("/{path}"), &alerts)).sum();
    // 256 are on their way at once at most, so each kill may double so many and no more.
    let bound = usize::try_from(kills).unwrap() * 256;
    println!("{kills} kills, {} alerts to {} receivers, {twice} twice", alerts.len(), paths.len());
    assert!(twice <= bound, "{twice} came twice, at most {bound} were on their way");
    let books = books();
    assert_eq!(books.as_array().unwrap().len(), paths.len());
    for book in books.as_array().unwrap() {
        assert_eq!((&book["missing"], &book["escalated"]), (&0.into(), &0.into()), "{book}");
    }
    server.kill();
}
