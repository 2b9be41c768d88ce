//! The one order of start and stop, for every service.
//!
//! | step | why here |
//! |---|---|
//! | 1 panic hook | whatever breaks later must end the process, not one task of it |
//! | 2 telemetry | a fault of the configuration must be told in the form that was asked for |
//! | 3 configuration | nothing may start before it is known to be complete; else exit 64 |
//! | 4 clock, registry, health | the parts below register there |
//! | 5 ops listener | a long restore must be visible while it runs |
//! | 6 body | the service itself |
//! | 7 on SIGTERM or SIGINT: not ready | the load balancer turns away first |
//! | 8 shutdown token | the body stops taking in, drains, and returns |
//! | 9 threads joined, stop hooks | flush what the drain produced, newest hook first |
//! | 10 "drained" or "drain timed out" | the last line; the exit code follows it |
//!
//! Steps 8 and 9 share one deadline. It knows what a service is and not what it does.

mod failure;
mod service;

use std::fmt::Debug;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use self::failure::Failure;
pub use self::service::{Service, Shutdown};
use crate::config::ConfigError;
use crate::serve;
use crate::telemetry::{Telemetry, announce};

/// Exit code of a process that ended by a panic: `EX_SOFTWARE` of sysexits.h.
pub const EXIT_PANIC: u8 = 70;

/// Who is running.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// One word; the name of the service.
    pub name: &'static str,
    /// `env!("CARGO_PKG_VERSION")` of the caller.
    pub version: &'static str,
}

/// What `run` itself needs of a configuration. `Debug` is logged: secrets must be
/// [`SecretString`](crate::SecretString).
pub trait Settings: Debug + Send + Sync + 'static {
    /// Where `/livez`, `/readyz` and `/metrics` are served; `None`: the body mounts
    /// [`Service::ops`] itself.
    fn ops(&self) -> Option<SocketAddr> {
        None
    }

    /// How long a stop may take. 25 s stays below the 30 s that supervisors usually allow.
    fn grace(&self) -> Duration {
        Duration::from_secs(25)
    }
}

/// Runs a service from its configuration to its exit code. Call it first in `main`.
///
/// `load` gives the configuration, usually by [`config::load`](crate::config::load); `body` ends
/// when it has drained after [`Shutdown::requested`], or by itself when its work is done.
pub fn run<C, L, B, F>(program: Program, load: L, body: B) -> ExitCode
where
    C: Settings,
    L: FnOnce() -> Result<C, ConfigError>,
    B: FnOnce(Service<C>) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    end_process_on_panic();
    match start(program, load, body) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!(exit = failure.exit(), "{failure}");
            ExitCode::from(failure.exit())
        }
    }
}

fn start<C, L, B, F>(program: Program, load: L, body: B) -> Result<(), Failure>
where
    C: Settings,
    L: FnOnce() -> Result<C, ConfigError>,
    B: FnOnce(Service<C>) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let telemetry = Telemetry::from_environment();
    telemetry.clone().unwrap_or_default().install();
    telemetry.map_err(Failure::usage)?;
    let config = load().map_err(Failure::usage)?;
    announce(program.name, program.version, &config);
    let service = Service::new(program, config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name(program.name)
        .build()?;
    let ended = runtime.block_on(live(&service, body));
    // A task that ignores the token must not hold the exit; blocking ones are left behind.
    runtime.shutdown_background();
    ended
}

async fn live<C, B, F>(service: &Service<C>, body: B) -> Result<(), Failure>
where
    C: Settings,
    B: FnOnce(Service<C>) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    // Listening before the body starts: a signal during a restore is obeyed as well.
    let mut signals = Signals::listen()?;
    if let Some(address) = service.config().ops() {
        let listener = TcpListener::bind(address).await?;
        let options = serve::Options::default();
        // It serves until the process ends: a drain must be visible.
        tokio::spawn(serve::serve(listener, service.ops(), options, Shutdown::default()));
    }
    let mut body = std::pin::pin!(body(service.clone()));
    let early = tokio::select! {
        ended = &mut body => Some(ended),
        name = signals.next() => {
            tracing::info!(signal = name, "stopping");
            None
        }
    };
    service.health().stopping();
    service.shutdown().request();
    let grace = service.config().grace();
    let begun = service.clock().monotonic();
    let ended = match early {
        Some(ended) => ended,
        None => tokio::select! {
            ended = tokio::time::timeout(grace, &mut body) => ended.unwrap_or_else(|_| late()),
            name = signals.next() => {
                tracing::warn!(signal = name, "asked again, the drain is cut short");
                late()
            }
        },
    };
    let left = grace.saturating_sub(service.clock().monotonic().saturating_sub(begun));
    let flushed = service.flush(left).await;
    let stopped = ended.and(flushed);
    if stopped.is_ok() {
        tracing::info!("drained");
    }
    stopped
}

fn late() -> Result<(), Failure> {
    Err(Failure::new(1, "drain timed out"))
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// From now on a panic in any task or thread ends the process with [`EXIT_PANIC`].
///
/// The line names the place and not the message, which may show data. It goes past the
/// subscriber, since that may be what broke.
pub fn end_process_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(io::stderr(), "panic at {place} in thread {name}; the process ends");
        std::process::exit(i32::from(EXIT_PANIC));
    }));
}
