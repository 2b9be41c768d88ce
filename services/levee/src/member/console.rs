//! `levee console`: the pages and lists over the alerts of all partitions.

use std::sync::Arc;

use chassis::{Failure, Service, Shutdown, serve};
use console::board::Visit;
use console::{Answer, Caller, Console, Desk, Follower, Households, SignIn};
use intake::caller::OperatorToken;
use proto::{catalogue::Catalogue, codes::Code, region::Prefix};
use serde_json::Value;

use super::{
    config,
    intake::{listen, token},
    merged::{Merged, MergedAlerts},
    topics,
    view::Watchers,
};

pub(super) async fn body(service: Service<config::Console>) -> Result<(), Failure> {
    let config = service.config().clone();
    let listener = listen(config.http.address).await?;
    let address = listener.local_addr()?;
    let opening = config.clone();
    let open = move || {
        let province = topics::Province::open("console", &opening.kafka, &opening.key)?;
        let mark = province.key.mark();
        let partitions = (province.journal.partitions(), province.persons.partitions());
        let watchers = Watchers::of(&opening.view, &opening.http.token, partitions)?;
        let merged = Merged::open(&opening.model.folder, mark, province.alerts);
        Ok::<_, Failure>((merged.map_err(topics::failure)?, watchers))
    };
    let (merged, watchers) = tokio::task::spawn_blocking(open).await.map_err(Failure::from)??;
    let alerts = merged.alerts();
    merged.start(&service)?;
    let sign_in = Arc::new(SignIn::new(service.clock()));
    let code = sign_in.mint(Caller { region: Prefix::ALL })?;
    println!("sign in: http://{address}/sign-in/{code}");
    let desk = Arc::new(Desk::default());
    let operator = Operator(OperatorToken::new(&token(&config.http.token)?));
    let pages = console::router(Console {
        desk: Arc::clone(&desk),
        alerts: Arc::new(alerts.clone()),
        households: Arc::new(Asking(watchers)),
        accounts: Arc::new(operator),
        sign_in,
        catalogue: Arc::new(Catalogue::shipped()),
        clock: service.clock(),
        budget: console::board::Budget::default(),
    });
    service.ready();
    serve_all(&service, listener, pages.merge(service.ops()), desk, alerts).await
}

async fn serve_all(
    service: &Service<config::Console>,
    listener: tokio::net::TcpListener,
    router: axum::Router,
    desk: Arc<Desk>,
    alerts: MergedAlerts,
) -> Result<(), Failure> {
    let stop = Shutdown::default();
    let options = serve::Options::default();
    let mut served = tokio::spawn(serve::serve(listener, router, options, stop.clone()));
    let board = service.health().component("board");
    let follower = Follower::new(desk, Arc::new(alerts));
    let mut followed = tokio::spawn(follower.run(stop.clone(), move |progress| {
        if progress.live { board.ready() } else { board.starting(progress.done, progress.total) }
    }));
    let ended = tokio::select! {
        () = async { service.shutdown().requested().await } => Ok(()),
        ended = &mut followed => ended.map_err(Failure::from)?.map_err(Failure::from),
    };
    stop.request();
    // What still runs after the listener's own limit is cut by it.
    let _ = (&mut served).await;
    ended
}

/// A household's state is with the watcher that carries its partition.
struct Asking(Option<Watchers>);

impl Asking {
    fn watchers(&self) -> Result<&Watchers, Code> {
        self.0.as_ref().ok_or(Code::ViewElsewhere)
    }
}

impl Households for Asking {
    fn household(&self, id: String) -> Answer<'_, Result<Option<Value>, Code>> {
        Box::pin(async move { self.watchers()?.household(&id).await })
    }

    fn dossier(&self, id: String) -> Answer<'_, Result<Option<Value>, Code>> {
        Box::pin(async move { self.watchers()?.dossier(&id).await })
    }

    fn visits(&self, households: Vec<String>) -> Answer<'_, Result<Vec<Visit>, Code>> {
        Box::pin(async move { self.watchers()?.visits(households).await })
    }

    fn quality(&self, area: Prefix) -> Answer<'_, Result<Value, Code>> {
        Box::pin(async move { self.watchers()?.quality(area).await })
    }
}

struct Operator(OperatorToken);

impl console::Accounts for Operator {
    fn bearer(&self, token: &str) -> Option<Caller> {
        self.0.is(token).then_some(Caller { region: Prefix::ALL })
    }
}
