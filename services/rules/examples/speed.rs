//! How fast levels are decided: `cargo run --release -p rules --example speed`.
//!
//! Prints one JSON object per measure. The scope answers at once, so that only the rules count.

use std::{hint::black_box, time::Instant};

use proto::{catalogue::Catalogue, date::Date};
use rules::{Attr, Memo, Number, Outcome, Pack, Scope, Text, Truth};

/// A household whose values are known.
struct Known {
    spent: i64,
    until: Date,
}

impl Scope for Known {
    fn today(&self) -> Date {
        Date(20_500)
    }

    fn fact(&mut self, _: usize) -> Outcome {
        Outcome::Number(Number::stepping(self.spent, self.until, false, true).within(40))
    }

    fn attr(&mut self, attr: Attr) -> Outcome {
        match attr.kind() {
            rules::Type::Int => Outcome::int(if attr == Attr::Size { 4 } else { 4_200_000 }),
            rules::Type::Bool => Outcome::Truth(Truth::steady(true)),
            rules::Type::Text => Outcome::Text(Text::scope(0, Date::MAX)),
        }
    }

    fn is(&mut self, _: &str) -> Truth {
        Truth::steady(false)
    }

    fn aid(&mut self, _: &str) -> Truth {
        Truth::steady(false)
    }

    fn table(&mut self, _: usize) -> Outcome {
        Outcome::int(880_000)
    }

    fn text(&self, _: u32) -> &str {
        "low_income"
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement needs the real clock")]
fn main() {
    for (name, text) in [
        ("bench", include_str!("../tests/packs/bench.yaml")),
        ("share_of_income", include_str!("../tests/packs/share-of-income.yaml")),
        ("after_three_payers", include_str!("../tests/packs/after-three-payers.yaml")),
    ] {
        let pack = match Pack::load(name, text.as_bytes(), &Catalogue::shipped()) {
            Ok(pack) => pack,
            Err(errors) => return errors.iter().for_each(|error| eprintln!("{error}")),
        };
        let mut memo = Memo::new();
        let mut decided = 0u64;
        let start = Instant::now();
        for spent in 0..2_000_000 {
            let mut scope = Known { spent: black_box(spent), until: Date(20_600) };
            memo.begin();
            for rule in &pack.rules {
                black_box(pack.level(rule, &mut scope, &mut memo));
                decided += 1;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = decided as f64 / seconds;
        println!(
            "{{\"name\":\"rules.{name}\",\"decisions\":{decided},\"seconds\":{seconds:.3},\
             \"decisions_per_s\":{rate:.0}}}"
        );
    }
}
