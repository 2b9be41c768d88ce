//! What `/metrics` shows, in the text format of Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use system_tests::server::agent;

type Labels = BTreeMap<String, String>;

/// One scrape.
pub(crate) struct Scrape {
    samples: Vec<(String, Labels, f64)>,
    /// Metrics by their `# TYPE` lines.
    families: BTreeSet<String>,
}

impl Scrape {
    pub(crate) fn of(base: &str) -> Scrape {
        let mut answer = agent().get(format!("{base}/metrics")).call().unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.body_mut().read_to_string().unwrap();
        let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let families = families.filter_map(|l| l.split(' ').next()).map(str::to_owned).collect();
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(sample).collect();
        Scrape { samples, families }
    }

    /// The labels of every sample of this name.
    pub(crate) fn named(&self, name: &str) -> Vec<&Labels> {
        let samples = self.samples.iter().filter(|(found, ..)| found == name);
        samples.map(|(_, labels, _)| labels).collect()
    }

    /// The value of the sample with this label.
    pub(crate) fn value(&self, name: &str, label: &str, value: &str) -> f64 {
        let wanted = |labels: &Labels| labels.get(label).is_some_and(|v| v == value);
        let found = self.samples.iter().find(|(n, labels, _)| n == name && wanted(labels));
        found.unwrap_or_else(|| panic!("no {name} with {label} {value}")).2
    }

    /// Every metric but those that the client library makes of any process.
    pub(crate) fn own_names(&self) -> BTreeSet<String> {
        self.families.iter().filter(|name| !name.starts_with("process_")).cloned().collect()
    }
}

fn sample(line: &str) -> (String, Labels, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let value = value.parse().unwrap();
    let Some((name, labels)) = series.split_once('{') else {
        return (series.to_owned(), Labels::new(), value);
    };
    // No label that is exported holds a quote or a comma within its value.
    let labels = labels.trim_end_matches('}').split("\",").map(|label| {
        let (key, value) = label.split_once("=\"").unwrap();
        (key.to_owned(), value.trim_end_matches('"').to_owned())
    });
    (name.to_owned(), labels.collect(), value)
}
