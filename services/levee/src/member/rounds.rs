//! What follows a topic does so in rounds, on a thread of its service, until that stops.

use std::time::Duration;

use ::log::LogError;
use chassis::{Failure, Service};

/// Bytes of one read.
pub(super) const READ: usize = 1 << 20;
/// How long to sleep where no partition has anything new.
const ROUND: Duration = Duration::from_millis(100);
/// How long to wait before what failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Does one round after the other; each gives the number of records that it took. The service's
/// component `alerts` is ready when a round finds nothing new, and failing by the error's code.
///
/// # Errors
/// The thread cannot be started.
pub(super) fn keep<C>(
    service: &Service<C>,
    mut round: impl FnMut() -> Result<u64, LogError> + Send + 'static,
) -> Result<(), Failure> {
    let (shutdown, component) = (service.shutdown(), service.health().component("alerts"));
    let body = move || {
        while !shutdown.is_requested() {
            match round() {
                Ok(0) => {
                    component.ready();
                    std::thread::sleep(ROUND);
                }
                Ok(_) => {}
                Err(error) => {
                    component.failing(error.code());
                    std::thread::sleep(AGAIN);
                }
            }
        }
    };
    service.threads().spawn("alerts", body).map_err(|e| Failure::new(1, e.to_string()))
}
