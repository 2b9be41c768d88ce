//! Topics that platforms write, carried into the journal beside the door. It only puts the parts
//! together.

use std::{sync::Arc, time::Duration};

use ::log::LogError;
use chassis::{Failure, Service};
use intake::{Caller, Journal as _, door::Noun, feed};
use log_kafka::{Feed, FeedSettings};
use tokio::task::JoinHandle;

use super::{
    config,
    journal::SpreadJournal,
    topics::{self, Province},
};

/// After so long without a sign of life a member's partitions go to others.
const SESSION: Duration = Duration::from_secs(10);

/// Feeds that are carried over; nothing where none is configured.
pub(super) type Fed = Option<JoinHandle<Result<(), LogError>>>;

/// Starts carrying over, until the service is to stop.
///
/// # Errors
/// A topic is missing, or no broker answers.
pub(super) fn start(
    service: &Service<config::Intake>,
    province: &Province,
    journal: &Arc<SpreadJournal>,
) -> Result<Fed, Failure> {
    let config::Feeds { events, households, group, hold_after } = service.config().feeds.clone();
    let nouns = events.iter().map(|topic| (topic.clone(), Noun::Event));
    let nouns = nouns.chain(households.iter().map(|topic| (topic.clone(), Noun::Household)));
    let topics: Vec<String> = events.iter().chain(&households).cloned().collect();
    if topics.is_empty() {
        return Ok(None);
    }
    let settings = FeedSettings { group, topics, instance: None, session: SESSION };
    let known = Arc::clone(journal);
    let feeds = feed::Feeds {
        source: Box::new(Feed::open(&province.cluster, &settings).map_err(topics::failure)?),
        nouns: nouns.collect(),
        journal: Arc::clone(&province.journal),
        persons: Arc::clone(&province.persons),
        dead: Arc::clone(&province.dead),
        key: province.key.key.clone(),
        caller: Caller::operator(),
        clock: service.clock(),
        known: Arc::new(move || known.catalogue()),
        hold_after,
    };
    let meters = feed::Meters::new(service.registry())?;
    let (shutdown, telling) = (service.shutdown(), Arc::clone(journal));
    Ok(Some(tokio::task::spawn_blocking(move || {
        feeds.run(&|| shutdown.is_requested(), &mut |told| {
            meters.count(told);
            telling.saw(&told.seen);
        })
    })))
}

/// Serves until the end, and ends with the feeds where they fail: what was read and not committed
/// is read again by whoever comes next.
pub(super) async fn beside<T>(fed: Fed, served: impl Future<Output = T>) -> Result<(), Failure> {
    let Some(mut fed) = fed else {
        served.await;
        return Ok(());
    };
    let ended = tokio::select! {
        _ = served => fed.await,
        ended = &mut fed => ended,
    };
    ended.map_err(Failure::from)?.map_err(topics::failure)
}
