//! `levee up`: all services in one process on a folder.
//!
//! It only puts the parts together: the door, the watcher, the pages, and one listener.

mod demo;
mod links;
mod notify;
mod ports;

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::Router;
use chassis::{Component, Failure, Program, Service, Settings, Shutdown, serve};
use console::{Console, Desk, Follower, SignIn, board::Budget};
use intake::{Intake, Limits, caller::OperatorToken};
use proto::region::Prefix;
use tokio::net::TcpListener;
use watcher::{Phase, Submission, Watcher};

use crate::{
    folder::{Folder, Stand},
    packs, volume,
};
use ports::{AlertsPort, Callers, HouseholdsPort, JournalPort};
pub(crate) use ports::{outcome, report, submission};

/// From the wish to stop until messages that are being sent are let go.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  levee up --demo
  levee up --data /srv/levee --listen 127.0.0.1:8080 --rules province.yaml
  levee up --allow-webhook hooks.example.gov http://127.0.0.1:9000

A new folder begins with the packs of --rules, or with the shipped ones. Later --rules adds or
replaces those whose content differs. The first call needs the token in DIR/operator.token.

Exit codes: 0 stopped in order, 1 a part failed, 64 bad usage or pack, 75 the folder is in use";

/// Run all services in one process on a folder, without a broker
#[derive(clap::Args, Clone)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where everything is kept; made if it is not there
    #[arg(long, default_value = "./levee-data", value_name = "DIR")]
    data: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
    /// Rule packs to put in force
    #[arg(long, num_args = 1.., value_name = "PACK")]
    rules: Vec<PathBuf>,
    /// Mail, Kafka topics of subscribers, links in messages (sample: deploy/config/channels.toml)
    #[arg(long, value_name = "FILE")]
    channels: Option<PathBuf>,
    /// Hosts that webhooks may go to: HOST for https, or scheme://HOST[:PORT]
    #[arg(long, num_args = 1.., value_name = "HOST_OR_URL")]
    allow_webhook: Vec<String>,
    /// Subscriptions and deliveries in this PostgreSQL instead of a file of the folder
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Visits that a village can make in a week, for the queue
    #[arg(long, value_name = "N", default_value_t = Budget::default().village)]
    village_visits: u32,
    /// Visits that a township can make in a week
    #[arg(long, value_name = "N", default_value_t = Budget::default().township)]
    township_visits: u32,
    /// Begin with a synthetic province and its past year, then add about 2 events a second
    #[arg(long)]
    demo: bool,
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Args { data, listen, rules, demo, allow_webhook, store, .. } = self;
        let Args { village_visits, township_visits, .. } = self;
        let (rules, hosts, folder) = (rules.len(), allow_webhook.len(), data.display());
        let store = if store.is_some() { "postgres" } else { "sqlite" };
        write!(f, "data={folder} listen={listen} rules={rules} demo={demo} ")?;
        write!(f, "allow_webhook={hosts} store={store} ")?;
        write!(f, "village_visits={village_visits} township_visits={township_visits}")
    }
}

impl Settings for Args {}

/// Runs until a signal.
pub(crate) fn run(args: Args) -> ExitCode {
    let program = Program { name: "levee", version: env!("CARGO_PKG_VERSION") };
    chassis::run(program, || Ok(args), body)
}

async fn body(service: Service<Args>) -> Result<(), Failure> {
    let args = service.config();
    let folder = Arc::new(Folder::make(&args.data)?);
    // A mistake in a pack is told before anything else begins.
    packs::named_or_shipped(&args.rules)?;
    let token = folder.token()?;
    let topics = folder.topics()?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|e| Failure::new(64, format!("cannot listen on {}: {e}", args.listen)))?;
    let address = listener.local_addr()?;
    volume::register(service.registry(), folder.dir())?;
    let watcher = folder.watcher(Stand {
        topics,
        threads: service.threads().clone(),
        health: service.health().clone(),
        registry: service.registry().clone(),
        clock: service.clock(),
    })?;
    let sign_in = Arc::new(SignIn::new(service.clock()));
    let journal = Arc::new(JournalPort::new(watcher.clone()));
    let desk = Arc::new(Desk::default());
    let callers = Arc::new(Callers::new(OperatorToken::new(&token), Arc::clone(&sign_in)));
    let notifier = notify::notifier(&service, &folder, &watcher, &desk, &callers).await?;
    let router = router(&service, &folder, callers, &journal, &desk, &sign_in)?;
    let router = intake::closed(router.merge(notifier.router()));
    folder.listens(&address.to_string())?;
    greet(&folder, address, &sign_in)?;
    // Named before the process can be ready: calls are refused until the packs are in force.
    let rules = service.health().component("packs");
    service.ready();
    let begin = begin(service.clone(), rules, Arc::clone(&folder), Arc::clone(&journal), address);
    let stop = Shutdown::default();
    let told = tokio::spawn(notifier.run(stop.clone()));
    let ended = serve_all(&service, listener, router, &watcher, desk, begin).await;
    stop.request();
    // What is still being sent then is sent again after the next start, under the same id.
    let _ = tokio::time::timeout(LAST_WORDS, told).await;
    folder.silent();
    watcher.stop();
    let mut phases = watcher.phases();
    let over = phases.wait_for(|phase| matches!(phase, Phase::Ended(_))).await;
    let code =
        over.ok().and_then(|phase| if let Phase::Ended(code) = *phase { code } else { None });
    match code {
        Some(code) => Err(Failure::new(1, format!("{code}: the fold has stopped"))),
        None => ended,
    }
}

/// Serves until a stop is wished or a part ends.
async fn serve_all(
    service: &Service<Args>,
    listener: TcpListener,
    router: Router,
    watcher: &Watcher,
    desk: Arc<Desk>,
    begin: impl Future<Output = Result<(), Failure>> + Send + 'static,
) -> Result<(), Failure> {
    let stop = Shutdown::default();
    let options =
        serve::Options { slow_body: Some(intake::http::slow_body()), ..Default::default() };
    let mut served = tokio::spawn(serve::serve(listener, router, options, stop.clone()));
    let board = service.health().component("board");
    let follower = Follower::new(desk, Arc::new(AlertsPort(watcher.alerts())));
    let mut followed = tokio::spawn(follower.run(stop.clone(), move |progress| {
        if progress.live { board.ready() } else { board.starting(progress.done, progress.total) }
    }));
    let mut begun = tokio::spawn(begin);
    let mut phases = watcher.phases();
    let mut begins = true;
    let ended = loop {
        tokio::select! {
            () = async { service.shutdown().requested().await } => break Ok(()),
            _ = phases.wait_for(|phase| matches!(phase, Phase::Ended(_))) => break Ok(()),
            ended = &mut followed => break ended.map_err(Failure::from)?.map_err(Failure::from),
            ended = &mut begun, if begins => match ended.map_err(Failure::from)? {
                Ok(()) => begins = false,
                Err(failure) => break Err(failure),
            },
        }
    };
    stop.request();
    // What still runs after the listener's own limit is cut by it.
    let _ = (&mut served).await;
    ended
}

fn router(
    service: &Service<Args>,
    folder: &Folder,
    callers: Arc<Callers>,
    journal: &Arc<JournalPort>,
    desk: &Arc<Desk>,
    sign_in: &Arc<SignIn>,
) -> Result<Router, Failure> {
    let watcher = journal.watcher();
    let intake = Intake::new(
        Arc::clone(journal) as Arc<dyn intake::Journal>,
        Arc::clone(&callers) as Arc<dyn intake::Accounts>,
        folder.key().clone(),
        service.registry(),
        Limits::default(),
    )?;
    let console = console::router(Console {
        desk: Arc::clone(desk),
        alerts: Arc::new(AlertsPort(watcher.alerts())),
        households: Arc::new(HouseholdsPort(watcher.clone())),
        accounts: Arc::clone(&callers) as Arc<dyn console::Accounts>,
        sign_in: Arc::clone(sign_in),
        catalogue: Arc::new(proto::catalogue::Catalogue::shipped()),
        clock: service.clock(),
        budget: Budget {
            village: service.config().village_visits,
            township: service.config().township_visits,
        },
    });
    let links = links::router(callers, Arc::clone(sign_in));
    Ok(intake.router().merge(console).merge(links).merge(service.ops()))
}

fn greet(folder: &Folder, address: SocketAddr, sign_in: &SignIn) -> Result<(), Failure> {
    let code = sign_in.mint(console::Caller { region: Prefix::ALL })?;
    println!("listening on http://{address}");
    println!("sign in: http://{address}/sign-in/{code}");
    println!("data folder: {}", folder.dir().display());
    println!("operator token: {}", folder.token_file().display());
    Ok(())
}

/// Once the state is restored: the packs, then the demonstration, then calls are taken.
async fn begin(
    service: Service<Args>,
    rules: Component,
    folder: Arc<Folder>,
    journal: Arc<JournalPort>,
    address: SocketAddr,
) -> Result<(), Failure> {
    let watcher = journal.watcher().clone();
    let mut phases = watcher.phases();
    let restored = phases.wait_for(|phase| *phase != Phase::Restoring).await;
    if !restored.is_ok_and(|phase| *phase == Phase::Live) {
        return Ok(());
    }
    let demo = service.config().demo;
    let (config, filled) = (service.clone(), watcher.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        let args = config.config();
        if demo && filled.is_empty() {
            return demo::fill(&config, &folder, &filled, &args.rules).map(|()| folder);
        }
        let first = filled.is_empty();
        put_in_force(&filled, &args.rules, first).map(|()| folder)
    });
    let folder = prepared.await.map_err(Failure::from)??;
    journal.open.store(true, Ordering::Release);
    rules.ready();
    if demo {
        demo::live(&service, &folder, address)?;
    }
    Ok(())
}

/// Enters packs that are not in force yet: the shipped ones in a new folder where none is named.
fn put_in_force(watcher: &Watcher, paths: &[PathBuf], first: bool) -> Result<(), Failure> {
    let wanted = if first {
        packs::named_or_shipped(paths)?
    } else {
        packs::read(paths, watcher.catalogue().as_ref().clone())?
    };
    let present = watcher.packs();
    let known = |pack: &::rules::Pack| {
        present.iter().any(|known| known.id == pack.id && known.digest == pack.digest)
    };
    for pack in wanted.packs.iter().filter(|pack| !known(pack)) {
        let entries = vec![packs::entry(pack)];
        let receipt = watcher.submit_and_wait(Submission { entries, ..Submission::default() })?;
        if let Some(engine::Outcome::Refused(code)) = receipt.outcomes.first() {
            return Err(Failure::new(64, format!("{}: {}", pack.file, code.name())));
        }
        tracing::info!(pack = pack.id, "pack put in force");
    }
    Ok(())
}
