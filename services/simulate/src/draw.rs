//! Random numbers: one ChaCha stream per household and phenomenon, and the few distributions
//! needed.
//!
//! The samplers stand here because a library's may change between versions, and the bytes of a
//! province must not. It refuses to know what is drawn.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// What a stream is for; a new phenomenon gets a new number and moves nobody else's draws.
#[derive(Clone, Copy)]
pub(crate) enum Topic {
    Layout = 1,
    Population,
    Income,
    Health,
    Bills,
    Employment,
    Storms,
    Impacts,
    Accidents,
    Education,
    Civil,
    Disability,
    Housing,
    Aid,
    Industry,
    Clues,
    Dirt,
    Duplicates,
    Credits,
    Insurance,
    Live,
}

/// A stream of draws.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of `seed` for `topic` of the household or other thing numbered `of`.
    pub(crate) fn new(seed: u64, topic: Topic, of: u64) -> Draw {
        let mut key = *b"levee.simulate.1........00000000";
        key[16..24].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream((of << 8) | topic as u64);
        Draw(rng)
    }

    /// Uniform in 0 <= x < 1, 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / 9_007_199_254_740_992.0;
        (self.0.next_u64() >> 11) as f64 * SCALE
    }

    /// Uniform in `from <= x < to`.
    pub(crate) fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// Uniform whole number in `0 <= n < limit`; 0 where the limit is 0.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(limit)) >> 32) as u32
    }

    /// Uniform whole number in `from ..= to`.
    pub(crate) fn whole(&mut self, from: i32, to: i32) -> i32 {
        from + self.below((to - from + 1).max(0).cast_unsigned()).cast_signed()
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// The place of a weight, by weight.
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut rest = self.unit() * weights.iter().sum::<f64>();
        for (place, weight) in weights.iter().enumerate() {
            rest -= weight;
            if rest < 0.0 {
                return place;
            }
        }
        weights.len().saturating_sub(1)
    }

    /// One of the choices, by weight.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[(T, f64)]) -> T {
        let mut rest = self.unit() * choices.iter().map(|(_, w)| w).sum::<f64>();
        let mut chosen = choices[0].0;
        for (choice, weight) in choices {
            chosen = *choice;
            rest -= weight;
            if rest < 0.0 {
                break;
            }
        }
        chosen
    }

    /// Standard normal (Box-Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Lognormal with this median and this standard deviation of the logarithm.
    pub(crate) fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }

    /// Exponential with this mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// Poisson, by multiplying uniforms; meant for means below a few hundred.
    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        let floor = libm::exp(-mean);
        let (mut count, mut product) = (0, self.unit());
        while product > floor && count < 10_000 {
            count += 1;
            product *= self.unit();
        }
        count
    }

    /// Gamma with scale 1, shape at least 1 (Marsaglia and Tsang).
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            if v <= 0.0 {
                continue;
            }
            let v = v * v * v;
            if libm::log(1.0 - self.unit()) < 0.5 * x * x + d * (1.0 - v + libm::log(v)) {
                return d * v;
            }
        }
    }

    /// Beta, both parameters at least 1.
    pub(crate) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let x = self.gamma(a);
        x / (x + self.gamma(b))
    }
}

/// Yuan as fen, rounded to the nearest and never below 0.
pub(crate) fn fen(yuan: f64) -> i64 {
    (yuan.max(0.0) * 100.0 + 0.5) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(n: u32, mut of: impl FnMut() -> f64) -> f64 {
        (0..n).map(|_| of()).sum::<f64>() / f64::from(n)
    }

    #[test]
    fn the_samplers_have_the_means_of_their_distributions() {
        let mut d = Draw::new(7, Topic::Bills, 1);
        assert!((mean(200_000, || d.normal())).abs() < 0.01);
        assert!((mean(200_000, || d.beta(4.0, 5.2)) - 4.0 / 9.2).abs() < 0.003);
        assert!((mean(200_000, || f64::from(d.poisson(1.4))) - 1.4).abs() < 0.02);
        assert!((mean(200_000, || d.exponential(3.0)) - 3.0).abs() < 0.05);
        let lognormal = mean(400_000, || d.lognormal(1.0, 0.5));
        assert!((lognormal - libm::exp(0.125)).abs() < 0.01);
        assert!((mean(200_000, || f64::from(d.whole(3, 6))) - 4.5).abs() < 0.02);
    }

    #[test]
    fn a_stream_is_its_seed_topic_and_number_and_nothing_else() {
        let first = |seed, topic, of| Draw::new(seed, topic, of).0.next_u64();
        assert_eq!(first(1, Topic::Bills, 1), first(1, Topic::Bills, 1));
        let others =
            [first(2, Topic::Bills, 1), first(1, Topic::Health, 1), first(1, Topic::Bills, 2)];
        assert!(others.iter().all(|o| *o != first(1, Topic::Bills, 1)));
        // The first draw of seed 1, frozen: a change here changes every province ever written.
        assert_eq!(first(1, Topic::Layout, 0), 6_901_346_201_863_592_654);
    }
}
