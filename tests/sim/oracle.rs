//! What must hold in the end of a simulated run.

use system_tests::province::{Province, Seen, Topics};

use crate::{
    cluster::{Cluster, letter},
    happenings::HOUSEHOLDS,
};

/// Judges a cluster that has come to rest.
///
/// # Errors
/// The first law that does not hold, in words.
pub(crate) fn judge(cluster: &mut Cluster) -> Result<(), String> {
    let [journal, persons, alerts, dead] = [0, 1, 2, 3].map(|topic| cluster.broker.topic(topic));
    let topics = Topics { journal: &*journal, persons: &*persons, alerts: &*alerts, dead: &*dead };
    let province = Province::read(topics, &letter)?;
    let Seen { adopts_known, claims_known, moves, letters, .. } = province.seen;
    cluster.coverage.add("adopt known already", adopts_known);
    cluster.coverage.add("claim known already", claims_known);
    cluster.coverage.add("person changed hands", moves);
    cluster.coverage.add("letter written", letters);
    province.holds(&cluster.answered)?;
    province.alerts(cluster.options.zombies)?;
    province.letters()?;
    let households: Vec<String> = (0..HOUSEHOLDS).map(|n| format!("H{n}")).collect();
    province.one_engine(&households)?;
    if cluster.removals {
        return Ok(());
    }
    let lines =
        cluster.sent.iter().filter_map(|sent| Some((sent.entry.clone(), sent.line.clone()?)));
    province.reference_model(&households, &lines.collect::<Vec<_>>())
}
