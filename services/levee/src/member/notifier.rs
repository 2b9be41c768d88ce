//! `levee notifier`: carries the alerts of all partitions to those who asked for them. Any number of
//! them may run on one PostgreSQL: they share the work by its rows. It only puts the parts together.

use std::sync::Arc;

use ::log::Log;
use axum::http::{HeaderMap, Method};
use chassis::{ExposeSecret, Failure, Service, Shutdown, serve};
use intake::caller::OperatorToken;
use notifier::{Notifier, Parts, signature::SigningKey};
use store::Postgres;

use super::{
    config,
    followed::Followed,
    intake::{listen, token},
    topics,
};
use crate::channels::{self, Channels};

pub(super) async fn body(service: Service<config::Notifier>) -> Result<(), Failure> {
    let config = service.config().clone();
    let listener = listen(config.http.address).await?;
    let opening = config.clone();
    let open = move || {
        let province = topics::Province::open("notifier", &opening.kafka, &opening.key)?;
        // One that follows the ends and one that reads again what waits: a topic has one reader.
        let follows: Arc<dyn Log> = Arc::clone(&province.alerts);
        Followed::open(follows, province.reader(watcher::ALERTS)?).map_err(topics::failure)
    };
    let followed = tokio::task::spawn_blocking(open).await.map_err(Failure::from)??;
    let store = Postgres::open(config.store.url.expose_secret())
        .await
        .map_err(|error| Failure::new(1, format!("{}: {error}", error.code().name())))?;
    let token = token(&config.http.token)?;
    let config::Receivers { webhook_allow, channels, signing_key } = config.notifier;
    let key = signing_key.as_deref().map(channels::signing_key).transpose()?;
    let seal = key.as_ref().map(SigningKey::sealing);
    let notifier = Notifier::new(Parts {
        store: Arc::new(store),
        alone: false,
        alerts: Arc::new(followed.clone()),
        cases: Arc::new(followed.clone()),
        accounts: Arc::new(Operator(OperatorToken::new(&token))),
        channels: Channels::read(channels.as_deref())?.open(webhook_allow, key).await?,
        seal,
        clock: service.clock(),
        shutdown: service.shutdown(),
        health: service.health().clone(),
        registry: service.registry().clone(),
    })?;
    followed.follow(&service)?;
    let router = notifier.router().merge(service.ops());
    service.ready();
    let stop = Shutdown::default();
    let told = tokio::spawn(notifier.run(stop.clone()));
    let options = serve::Options::default();
    serve::serve(listener, intake::closed(router), options, service.shutdown()).await;
    stop.request();
    // What is still being sent then is sent again by whoever runs next, under the same id.
    let _ = tokio::time::timeout(crate::up::LAST_WORDS, told).await;
    Ok(())
}

struct Operator(OperatorToken);

impl notifier::Accounts for Operator {
    fn caller(&self, method: &Method, headers: &HeaderMap) -> Option<notifier::Caller> {
        let caller = intake::caller::authenticate(&self.0, method, headers).ok()?;
        let (reads, operator) = (caller.reads(), caller.rules());
        Some(notifier::Caller { account: caller.account, region: caller.region, reads, operator })
    }
}
