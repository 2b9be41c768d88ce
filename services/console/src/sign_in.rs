//! Signing in from a browser: codes and sessions with the clock and the system's randomness.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chassis::SharedClock;

use crate::ports::Caller;
use crate::sessions::{Entropy, SESSION_US, Sessions};

/// The name of the session cookie.
pub const COOKIE: &str = "levee_session";

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoEntropy;

/// The sign-in of one process. Its sessions end with it.
pub struct SignIn {
    clock: SharedClock,
    sessions: Mutex<Sessions>,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").finish_non_exhaustive()
    }
}

impl SignIn {
    /// A sign-in without codes and sessions.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, sessions: Mutex::default() }
    }

    /// A code for the link `/sign-in/CODE`: valid once, for 15 minutes, with the rights of
    /// `caller`.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn mint(&self, caller: Caller) -> Result<String, NoEntropy> {
        let entropy = entropy()?;
        Ok(self.sessions().mint(caller, self.clock.now_unix_micros(), entropy))
    }

    /// Who has the session of this `Cookie` header.
    #[must_use]
    pub fn session(&self, cookie_header: &str) -> Option<Caller> {
        let token = cookie_header
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| (name == COOKIE).then_some(value))?;
        self.sessions().caller(token, self.clock.now_unix_micros())
    }

    /// Takes a code; the session's token, or nothing for a code that is unknown, used or old.
    pub(crate) fn redeem(&self, code: &str) -> Result<Option<String>, NoEntropy> {
        let entropy = entropy()?;
        Ok(self.sessions().redeem(code, self.clock.now_unix_micros(), entropy))
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `Set-Cookie` value of a session's token.
#[must_use]
pub fn cookie(token: &str) -> String {
    let seconds = SESSION_US / 1_000_000;
    format!("{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}")
}

fn entropy() -> Result<Entropy, NoEntropy> {
    let mut bytes = Entropy::default();
    getrandom::fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(bytes)
}
