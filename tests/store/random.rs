//! Whatever is done in whatever order, every subscription's books add up to its rows.
//! `LEVEE_SEED` chooses the order.

use store::{Claimed, End, Lane, Store, Sweep};

use crate::suite::{claim, create, delivery, lane, plan, settle};

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

pub(crate) async fn books_add_up_whatever_happens(store: &dyn Store) {
    let seed = std::env::var("LEVEE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut dice = Dice(seed);
    let keys = [create(store, "a").await, create(store, "b").await];
    let mut flying: Vec<Claimed> = Vec::new();
    let mut seq = 0;
    for step in 0..400 {
        let now = 100 + step * 10;
        let key = keys[dice.below(2) as usize];
        match dice.below(7) {
            0 | 1 => {
                let to = seq + 1 + dice.below(5) as i64;
                let rows = (seq..to).filter(|_| dice.below(3) > 0);
                let rows = rows.map(|seq| delivery(key, seq, now)).collect();
                assert!(plan(store, rows, to).await);
                seq = to;
            }
            2 => {
                let lane = lane(key, dice.below(2) as i64);
                flying.extend(claim(store, lane, now, 3).await.claimed);
            }
            3 | 4 if !flying.is_empty() => {
                let one = flying.swap_remove(dice.below(flying.len() as u64) as usize);
                let end = match dice.below(3) {
                    0 => End::Delivered { at: now },
                    1 => End::Again { due: now + 30, code: "test.again" },
                    _ => End::Escalated { code: "test.dead", second: one.channel == 0 },
                };
                assert_eq!(settle(store, &one, now, end).await, 0);
            }
            5 => {
                let Lane { subscription, .. } = lane(key, 0);
                let second = dice.below(2) == 0;
                let lane = lane(subscription, 0);
                let sweep = Sweep { lane, born_by: now - 200, code: "test.dead", second, now };
                store.sweep(&sweep, 2).await.unwrap();
            }
            6 => {
                let lane = lane(key, dice.below(2) as i64);
                let some = format!("{:032x}", dice.below(1 + seq as u64));
                store.again_after(lane, &some, now).await.unwrap();
            }
            _ => {
                store.clear(now - 300, 3).await.unwrap();
            }
        }
        let (progress, accounts) = store.accounts().await.unwrap();
        assert_eq!(progress.seq, seq);
        for account in accounts {
            assert_eq!(account.missing(), (0, 0), "seed {seed} step {step}: {account:?}");
        }
    }
}
