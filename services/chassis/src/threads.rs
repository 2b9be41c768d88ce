//! Named threads of the operating system, for loops that block. They are joined at stop.
//!
//! A panic in one ends the process: the hook that `run` installs sees to that. Where no hook
//! is installed, [`Threads::join_all`] names the thread that panicked.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// The threads of one process. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Threads {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    threads: Mutex<Vec<Named>>,
    ended: Condvar,
}

#[derive(Debug)]
struct Named {
    name: String,
    done: Arc<AtomicBool>,
    handle: JoinHandle<()>,
}

/// Rings when its thread ends, by return or by panic.
#[derive(Debug)]
struct Bell {
    shared: Arc<Shared>,
    done: Arc<AtomicBool>,
}

impl Drop for Bell {
    fn drop(&mut self) {
        // Under the lock: a waiter between its look and its sleep must not miss the ring.
        let threads = self.shared.threads.lock().unwrap_or_else(PoisonError::into_inner);
        self.done.store(true, Ordering::Release);
        drop(threads);
        self.shared.ended.notify_all();
    }
}

impl Named {
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}

/// Why the threads could not all be joined.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// These were still running when the time was over.
    #[error("threads still running: {}", .0.join(", "))]
    StillRunning(Vec<String>),
    /// These ended by a panic.
    #[error("threads panicked: {}", .0.join(", "))]
    Panicked(Vec<String>),
}

impl Threads {
    /// Starts `body` on a thread called `name` (the first 15 bytes show in the system's tools).
    ///
    /// # Errors
    /// The system refused another thread.
    pub fn spawn(
        &self,
        name: impl Into<String>,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let name = name.into();
        let done = Arc::new(AtomicBool::new(false));
        let bell = Bell { shared: Arc::clone(&self.shared), done: Arc::clone(&done) };
        let handle = Builder::new().name(name.clone()).spawn(move || {
            let _bell = bell;
            body();
        })?;
        self.threads().push(Named { name, done, handle });
        Ok(())
    }

    /// Waits until every thread has ended, for at most `within`.
    ///
    /// # Errors
    /// Some still run, or some panicked.
    pub fn join_all(&self, within: Duration) -> Result<(), JoinError> {
        let running = |threads: &mut Vec<Named>| threads.iter().any(|t| !t.is_done());
        let (mut threads, _) = self
            .shared
            .ended
            .wait_timeout_while(self.threads(), within, running)
            .unwrap_or_else(PoisonError::into_inner);
        let (ended, alive): (Vec<_>, Vec<_>) = threads.drain(..).partition(Named::is_done);
        let late: Vec<_> = alive.iter().map(|t| t.name.clone()).collect();
        *threads = alive;
        drop(threads);
        let panicked: Vec<_> =
            ended.into_iter().filter_map(|t| t.handle.join().is_err().then_some(t.name)).collect();
        if !panicked.is_empty() {
            return Err(JoinError::Panicked(panicked));
        }
        if !late.is_empty() {
            return Err(JoinError::StillRunning(late));
        }
        Ok(())
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Named>> {
        self.shared.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_thread_carries_its_name_and_is_joined() {
        let threads = Threads::default();
        let (tell, told) = channel();
        threads
            .spawn("poll-0", move || {
                tell.send(std::thread::current().name().map(str::to_owned)).unwrap();
            })
            .unwrap();
        assert_eq!(told.recv().unwrap().as_deref(), Some("poll-0"));
        assert_eq!(threads.join_all(Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn a_thread_that_does_not_end_is_named_and_can_be_joined_later() {
        let threads = Threads::default();
        let (release, wait) = channel::<()>();
        threads
            .spawn("stuck", move || {
                let _ = wait.recv();
            })
            .unwrap();
        let late = threads.join_all(Duration::from_millis(1));
        assert_eq!(late, Err(JoinError::StillRunning(vec!["stuck".to_owned()])));
        drop(release);
        assert_eq!(threads.join_all(Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn a_panic_is_reported_by_name() {
        let threads = Threads::default();
        threads.spawn("breaks", || panic!("on purpose")).unwrap();
        let joined = threads.join_all(Duration::from_secs(60));
        assert_eq!(joined, Err(JoinError::Panicked(vec!["breaks".to_owned()])));
    }
}
