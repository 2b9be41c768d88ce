//! The partitions that this process carries, a thread for each. A group says which they are; this
//! file refuses to know the group.
//!
//! A thread opens its partition's machine, steps it, and sleeps where there is nothing to do. One
//! partition's restore never stops another's work: they share nothing but the topics. Who asks about
//! a partition's households has its machine between two steps.

mod held;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chassis::{Component, Health, Pulse, SharedClock, Threads};
use engine::Engine;
use prometheus::{IntGaugeVec, Opts, Registry};
use proto::date::Instant;

use held::Held;
pub use held::{NotHeld, Told};

use crate::{Fault, Limits, Part, PartitionMachine, Ports, Progress, Step, Topic, meters::whole};

/// How long a partition without news sleeps before it looks at the clock.
const ROUND: Duration = Duration::from_millis(500);
/// How long to wait before what failed is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a partition that another has taken over rests before it is taken over again, if it is still
/// this member's. A member that lost its place hears of it within its session, 6 s unless configured;
/// one that slept may have taken what is another's.
const REST: Duration = Duration::from_secs(10);
/// Steps within which a partition that is given up keeps its snapshot.
const LAST_STEPS: u32 = 2_000;
/// How long a step may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the carrier stands on.
pub struct CarrierParts {
    /// The topics and the store.
    pub ports: Ports,
    /// How much is done in one step.
    pub limits: Limits,
    /// Where its threads are joined.
    pub threads: Threads,
    /// Where each partition tells its state.
    pub health: Health,
    /// Where its metrics are registered.
    pub registry: Registry,
    /// The wall clock.
    pub clock: SharedClock,
    /// Unlike that of any other process, also of one on this machine before.
    pub process: String,
}

/// A handle on the partitions that are carried. Clones share them.
#[derive(Clone)]
pub struct Carrier {
    shared: Arc<Shared>,
}

struct Shared {
    parts: CarrierParts,
    meters: Meters,
    taken: AtomicU64,
    carried: Mutex<BTreeMap<(Topic, u32), Arc<Carried>>>,
    ended: tokio::sync::watch::Sender<Option<&'static str>>,
}

/// What thread and handle of one partition share.
#[derive(Default)]
struct Carried {
    over: AtomicBool,
    gone: AtomicBool,
    next: AtomicU64,
    held: Held,
}

impl Carrier {
    /// A carrier of nothing yet.
    ///
    /// # Errors
    /// A metric cannot be registered.
    pub fn new(parts: CarrierParts) -> Result<Carrier, Fault> {
        let meters = Meters::new(&parts.registry).map_err(|e| Fault::Start(e.to_string()))?;
        let shared = Shared {
            parts,
            meters,
            taken: AtomicU64::new(0),
            carried: Mutex::default(),
            ended: tokio::sync::watch::Sender::new(None),
        };
        Ok(Carrier { shared: Arc::new(shared) })
    }

    /// Begins to carry a partition; one that is carried goes on.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn carry(&self, topic: Topic, partition: u32) -> Result<(), Fault> {
        let part = (topic, partition);
        let mut carried = self.shared.carried();
        if carried.get(&part).is_some_and(|known| !known.over.load(Ordering::Acquire)) {
            return Ok(());
        }
        let state = Arc::new(Carried::default());
        carried.insert(part, Arc::clone(&state));
        drop(carried);
        let shared = Arc::clone(&self.shared);
        let name = format!("{}-{partition:04}", topic.name());
        let number = self.shared.taken.fetch_add(1, Ordering::Relaxed);
        let body = move || {
            let owner = format!("{} {number}", shared.parts.process);
            let component = shared.parts.health.component(&name);
            let mut thread = Carrying { shared: &shared, part, state: &state, component, name };
            thread.run(&owner);
            state.held.let_go();
            state.over.store(true, Ordering::Release);
            state.gone.store(true, Ordering::Release);
        };
        let spawned = self.shared.parts.threads.spawn(format!("part-{partition}"), body);
        spawned.map_err(|e| Fault::Start(e.to_string()))
    }

    /// Gives partitions up: each keeps a last snapshot if it can, and its thread ends. Waits for
    /// them, at most `within`; who takes over later is safe in any case.
    pub fn let_go(&self, parts: &[(Topic, u32)], within: Duration) {
        let going: Vec<Arc<Carried>> = {
            let mut carried = self.shared.carried();
            parts.iter().filter_map(|part| carried.remove(part)).collect()
        };
        going.iter().for_each(|state| state.over.store(true, Ordering::Release));
        let clock = &self.shared.parts.clock;
        let begun = clock.monotonic();
        while going.iter().any(|state| !state.gone.load(Ordering::Acquire)) {
            if clock.monotonic().saturating_sub(begun) > within {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The partitions that are carried, with the first record that each has not folded.
    #[must_use]
    pub fn places(&self) -> Vec<(Topic, u32, u64)> {
        let carried = self.shared.carried();
        let place = |((topic, partition), state): (&(Topic, u32), &Arc<Carried>)| {
            (*topic, *partition, state.next.load(Ordering::Acquire))
        };
        carried.iter().map(place).collect()
    }

    /// Asks a partition of the journal about its households. Blocks while the partition does a step.
    ///
    /// # Errors
    /// It is not carried here, or not restored yet.
    pub fn ask<T>(
        &self,
        partition: u32,
        question: impl FnOnce(&Engine) -> T,
    ) -> Result<Told<T>, NotHeld> {
        self.machine((Topic::Journal, partition), |machine| {
            machine.partition().map(|partition| question(partition.engine()))
        })?
        .whole()
    }

    /// Asks a partition what became of a call in it.
    ///
    /// # Errors
    /// As [`Carrier::ask`].
    pub fn part(
        &self,
        topic: Topic,
        partition: u32,
        call: u64,
    ) -> Result<Told<Option<Part>>, NotHeld> {
        self.machine((topic, partition), |machine| machine.part(call))
    }

    fn machine<T>(
        &self,
        part: (Topic, u32),
        question: impl FnOnce(&PartitionMachine) -> T,
    ) -> Result<Told<T>, NotHeld> {
        let carried = self.shared.carried().get(&part).cloned();
        let carried = carried.filter(|carried| !carried.over.load(Ordering::Acquire));
        carried.ok_or(NotHeld::Elsewhere)?.held.ask(question)
    }

    /// Ends everything for this reason: whoever waits for [`Carrier::ended`] is told.
    pub fn end(&self, code: &'static str) {
        self.shared.ended.send_replace(Some(code));
    }

    /// Tells the code of the fault that stopped a partition for good.
    #[must_use]
    pub fn ended(&self) -> tokio::sync::watch::Receiver<Option<&'static str>> {
        self.shared.ended.subscribe()
    }
}

impl Shared {
    fn carried(&self) -> MutexGuard<'_, BTreeMap<(Topic, u32), Arc<Carried>>> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One partition on its thread.
struct Carrying<'s> {
    shared: &'s Shared,
    part: (Topic, u32),
    state: &'s Carried,
    component: Component,
    name: String,
}

impl Carrying<'_> {
    fn run(&mut self, owner: &str) {
        let pulse = self.shared.parts.health.pulse(self.name.as_str(), PATIENCE);
        let mut opened = false;
        while !self.state.over.load(Ordering::Acquire) {
            pulse.beat();
            let ended = if opened {
                self.step()
            } else {
                self.open(owner).map(|machine| {
                    self.state.held.hold(machine);
                    opened = true;
                })
            };
            match ended {
                Err(Fault::Superseded) => {
                    self.rest(&pulse);
                    opened = false;
                }
                Err(fault) if !self.survives(&fault) => return,
                _ => {}
            }
        }
        // Another member may have it from here on: nobody is answered from it any more.
        if let Some(mut machine) = self.state.held.let_go() {
            self.last_snapshot(&mut machine);
        }
        // It is another member's to be ready for.
        self.component.ready();
        self.shared.meters.forget(&self.name);
    }

    fn open(&self, owner: &str) -> Result<PartitionMachine, Fault> {
        let CarrierParts { ports, limits, .. } = &self.shared.parts;
        let mut refused = |name: &str, code: &'static str| {
            tracing::warn!(code, snapshot = name, "a snapshot is not used");
        };
        let (topic, partition) = self.part;
        let machine =
            PartitionMachine::open(topic, partition, ports.clone(), *limits, owner, &mut refused)?;
        tracing::info!(partition = self.name, next = machine.next(), "partition taken over");
        Ok(machine)
    }

    fn step(&self) -> Result<(), Fault> {
        let parts = &self.shared.parts;
        let now = Instant(parts.clock.now_unix_micros());
        let stepped = self.state.held.each_step(|machine| {
            let step = machine.step(now)?;
            Ok::<_, Fault>((step, machine.progress(), machine.next(), machine.tally().alerts))
        });
        let Some(stepped) = stepped else { return Ok(()) };
        let (step, Progress { live, done, total }, next, alerts) = stepped?;
        self.state.next.store(next, Ordering::Release);
        self.shared.meters.progress(&self.name, live, done, total, alerts);
        if live {
            self.component.ready()
        } else {
            self.component.starting(done, total)
        }
        if step == Step::Idle {
            let (topic, partition) = self.part;
            parts.ports.wait(topic, partition, next, ROUND)?;
        }
        Ok(())
    }

    /// Nobody is answered from a partition that another has taken over, until it is taken over again.
    fn rest(&self, pulse: &Pulse) {
        let fault = Fault::Superseded;
        tracing::warn!(code = fault.code(), partition = self.name, "{fault}");
        self.state.held.let_go();
        self.component.ready();
        self.shared.meters.forget(&self.name);
        let clock = &self.shared.parts.clock;
        let begun = clock.monotonic();
        while !self.state.over.load(Ordering::Acquire)
            && clock.monotonic().saturating_sub(begun) < REST
        {
            pulse.beat();
            std::thread::sleep(AGAIN);
        }
    }

    /// Says whether the thread goes on.
    fn survives(&self, fault: &Fault) -> bool {
        if fault.retryable() {
            tracing::warn!(code = fault.code(), partition = self.name, "{fault}");
            self.component.failing(fault.code());
            std::thread::sleep(AGAIN);
            return true;
        }
        tracing::error!(code = fault.code(), partition = self.name, "{fault}");
        self.component.failing(fault.code());
        self.shared.ended.send_replace(Some(fault.code()));
        false
    }

    fn last_snapshot(&self, machine: &mut PartitionMachine) {
        if !machine.progress().live {
            return;
        }
        machine.wish_snapshot();
        for _ in 0..LAST_STEPS {
            let now = Instant(self.shared.parts.clock.now_unix_micros());
            let stepped = if machine.wishes() { machine.step(now) } else { break };
            if let Err(fault) = stepped {
                tracing::warn!(code = fault.code(), partition = self.name, "no last snapshot");
                break;
            }
        }
    }
}

/// What is told of each partition. No label holds anything of a record.
struct Meters {
    done: IntGaugeVec,
    total: IntGaugeVec,
    live: IntGaugeVec,
    alerts: IntGaugeVec,
}

impl Meters {
    fn new(registry: &Registry) -> Result<Meters, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["partition"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(Meters {
            done: gauge(
                "levee_partition_restore_records",
                "Records behind the snapshot that are folded.",
            )?,
            total: gauge(
                "levee_partition_restore_records_expected",
                "Records that were behind the snapshot when the partition was taken over.",
            )?,
            live: gauge("levee_partition_live", "1 where the partition's state is restored.")?,
            alerts: gauge("levee_partition_alerts", "Alerts of the partition so far.")?,
        })
    }

    fn progress(&self, name: &str, live: bool, done: u64, total: u64, alerts: u64) {
        self.done.with_label_values(&[name]).set(whole(done));
        self.total.with_label_values(&[name]).set(whole(total));
        self.live.with_label_values(&[name]).set(i64::from(live));
        self.alerts.with_label_values(&[name]).set(whole(alerts));
    }

    /// Another member tells of it now.
    fn forget(&self, name: &str) {
        for gauge in [&self.done, &self.total, &self.live, &self.alerts] {
            // Where nothing was told yet there is nothing to forget.
            let _ = gauge.remove_label_values(&[name]);
        }
    }
}

#[cfg(test)]
mod tests;
