//! `levee up` under load and `kill -9`: nothing that was answered is lost, nothing stands twice.
//!
//! `LEVEE_SEED` chooses the moments, `LEVEE_VOLUME=full` makes it longer.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

mod judge;
mod load;

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use load::{Dice, Sender};
use system_tests::server::Server;

const PACK: &str = r#"
pack: crash
title: {zh: 测试, en: Test}
scope: "99"
effective: {from: 2024-01-01}
facts:
  clues: {count: clue.reported, over: 365d}
rules:
  - id: clues
    risk: illness
    red: clues >= 12
    yellow: clues >= 6
    green: clues >= 1
    why: {zh: "{clues}", en: "{clues}"}
    material: {value: clues, step: 4}
"#;

struct Volume {
    kills: usize,
    senders: u64,
    households: u64,
}

fn volume() -> Volume {
    match std::env::var("LEVEE_VOLUME").as_deref() {
        Ok("full") => Volume { kills: 100, senders: 8, households: 2_000 },
        _ => Volume { kills: 20, senders: 3, households: 300 },
    }
}

#[test]
fn a_killed_process_loses_nothing_and_doubles_nothing() {
    let seed = std::env::var("LEVEE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let Volume { kills, senders, households } = volume();
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("crash.yaml");
    fs::write(&rules, PACK).unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data, &rules);
    server.wait_until_ready();
    let (base, token) = (server.base(), server.token());
    let profiles: Vec<String> = (0..households).map(load::profile).collect();
    Sender::new(&base, &token).send_until_taken("households", &profiles, &AtomicBool::new(false));
    let over = AtomicBool::new(false);
    let mut dice = Dice(seed);
    let sent: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..senders)
            .map(|n| {
                let (base, token, over) = (&base, &token, &over);
                scope.spawn(move || load::run(base, token, seed * 100 + n, n, households, over))
            })
            .collect();
        for kill in 0..kills {
            // Some rounds die while they restore, the others under load.
            if kill % 4 != 3 {
                server.wait_until_ready();
            }
            thread::sleep(Duration::from_millis(dice.below(400)));
            server.kill();
            server = Server::start_on(&data, &rules, server.address());
        }
        server.wait_until_ready();
        over.store(true, Ordering::Release);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let address = server.address();
    server.stop();
    // Begun anew, the lists hold every alert that there is as soon as they are ready.
    let mut server = Server::start_on(&data, &rules, address);
    server.wait_until_ready();
    let levels = server.levels();
    server.stop();
    println!("seed {seed}: {kills} kills, {} events sent", sent.len());
    judge::nothing_is_lost_or_doubled(&data, PACK, &profiles, &sent, &levels);
}
