//! Health as metrics: what `/readyz` and `/livez` say, for who looks at many processes over time.
//!
//! It reads [`Health`] when it is scraped and keeps nothing of its own.

use std::sync::{Mutex, PoisonError};

use prometheus::{
    GaugeVec, IntGaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use crate::health::{Health, State};

/// `component_ready{component}` and `loop_silent_seconds{loop}`.
#[derive(Debug)]
pub(crate) struct Vitals {
    health: Health,
    /// Emptied and filled at each scrape, by one scrape at a time.
    gauges: Mutex<Gauges>,
    descs: Vec<Desc>,
}

#[derive(Debug)]
struct Gauges {
    ready: IntGaugeVec,
    silent: GaugeVec,
}

impl Vitals {
    pub(crate) fn new(health: Health) -> Result<Vitals, prometheus::Error> {
        let ready = Opts::new("component_ready", "1 while the component is usable, else 0.");
        let ready = IntGaugeVec::new(ready, &["component"])?;
        let silent = "Time since the loop made its last round; /livez fails beyond its patience.";
        let silent = GaugeVec::new(Opts::new("loop_silent_seconds", silent), &["loop"])?;
        let descs = ready.desc().into_iter().chain(silent.desc()).cloned().collect();
        Ok(Vitals { health, gauges: Mutex::new(Gauges { ready, silent }), descs })
    }
}

impl Collector for Vitals {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        let Gauges { ready, silent } = &*gauges;
        ready.reset();
        silent.reset();
        for (component, state) in self.health.report().components {
            let usable = i64::from(matches!(state, State::Ready));
            ready.with_label_values(&[&component]).set(usable);
        }
        for (name, since) in self.health.silences() {
            silent.with_label_values(&[&name]).set(since.as_secs_f64());
        }
        ready.collect().into_iter().chain(silent.collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use prometheus::{Encoder, Registry, TextEncoder};

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_scrape_shows_health_as_it_is_then() {
        let clock = ManualClock::at_unix_micros(0);
        let health = Health::new(Arc::new(clock.clone()));
        let registry = Registry::new();
        registry.register(Box::new(Vitals::new(health.clone()).unwrap())).unwrap();
        let scrape = || {
            let mut text = Vec::new();
            TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            let samples = text.lines().filter(|line| !line.starts_with('#'));
            samples.map(str::to_owned).collect::<Vec<_>>()
        };
        let (log, fold) = (health.component("log"), health.component("fold"));
        let pulse = health.pulse("poll", Duration::from_secs(5));
        log.ready();
        fold.starting(3, 10);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(
            scrape(),
            [
                "component_ready{component=\"fold\"} 0",
                "component_ready{component=\"log\"} 1",
                "loop_silent_seconds{loop=\"poll\"} 1.5",
            ]
        );
        log.failing("log.unreachable");
        fold.ready();
        drop(pulse);
        assert_eq!(
            scrape(),
            ["component_ready{component=\"fold\"} 1", "component_ready{component=\"log\"} 0"]
        );
    }
}
