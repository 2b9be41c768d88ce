//! Sign-in codes and sessions: who may look, and until when.
//!
//! The instants and the random bytes come from the caller. Only digests are kept, so that a copy
//! of the memory opens nothing and a look-up takes the same time whatever was sent.

use std::collections::VecDeque;

use proto::ids;

use crate::ports::Caller;

/// How long a sign-in code is valid, in microseconds: 15 minutes.
pub(crate) const CODE_US: i64 = 15 * 60 * 1_000_000;
/// How long a session lasts, in microseconds: 12 hours.
pub(crate) const SESSION_US: i64 = 12 * 3_600 * 1_000_000;
/// Codes that may wait at a time; the oldest gives way.
const CODES: usize = 64;
/// Sessions at a time; the oldest gives way.
const SESSIONS: usize = 1_024;

/// 128 random bits.
pub(crate) type Entropy = [u8; 16];

#[derive(Debug)]
struct Grant {
    digest: [u8; 32],
    caller: Caller,
    until: i64,
}

/// The codes and sessions of one process.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    codes: VecDeque<Grant>,
    sessions: VecDeque<Grant>,
}

impl Sessions {
    /// A code that opens one session for `caller`.
    pub(crate) fn mint(&mut self, caller: Caller, now: i64, entropy: Entropy) -> String {
        admit(&mut self.codes, CODES, caller, now, now.saturating_add(CODE_US), entropy)
    }

    /// Takes a code and gives the session's token; nothing for a code that is unknown, used or old.
    pub(crate) fn redeem(&mut self, code: &str, now: i64, entropy: Entropy) -> Option<String> {
        let at = position(&self.codes, code, now)?;
        let caller = self.codes.remove(at)?.caller;
        let until = now.saturating_add(SESSION_US);
        Some(admit(&mut self.sessions, SESSIONS, caller, now, until, entropy))
    }

    /// Whose session a token is.
    pub(crate) fn caller(&self, token: &str, now: i64) -> Option<Caller> {
        let at = position(&self.sessions, token, now)?;
        self.sessions.get(at).map(|grant| grant.caller)
    }
}

fn admit(
    grants: &mut VecDeque<Grant>,
    most: usize,
    caller: Caller,
    now: i64,
    until: i64,
    entropy: Entropy,
) -> String {
    grants.retain(|grant| now < grant.until);
    if grants.len() >= most {
        grants.pop_front();
    }
    let text = ids::hex(&entropy);
    grants.push_back(Grant { digest: ids::sha256(text.as_bytes()), caller, until });
    text
}

fn position(grants: &VecDeque<Grant>, text: &str, now: i64) -> Option<usize> {
    let digest = ids::sha256(text.as_bytes());
    grants.iter().position(|grant| grant.digest == digest && now < grant.until)
}

#[cfg(test)]
mod tests {
    use proto::region::Prefix;

    use super::*;

    const ALL: Caller = Caller { region: Prefix::ALL };

    #[test]
    fn a_code_opens_one_session_within_15_minutes() {
        let mut sessions = Sessions::default();
        let code = sessions.mint(ALL, 0, [1; 16]);
        let late = sessions.mint(ALL, 0, [2; 16]);
        let token = sessions.redeem(&code, CODE_US - 1, [3; 16]).unwrap();
        assert_eq!(sessions.caller(&token, CODE_US), Some(ALL));
        assert_eq!(sessions.redeem(&code, CODE_US - 1, [4; 16]), None, "used");
        assert_eq!(sessions.redeem(&late, CODE_US, [5; 16]), None, "too old");
        assert_eq!(sessions.redeem("", 0, [6; 16]), None);
        assert_eq!(sessions.caller(&code, CODE_US), None, "a code is no token");
    }

    #[test]
    fn a_session_ends_after_12_hours() {
        let mut sessions = Sessions::default();
        let county = Caller { region: Prefix::parse("990102").unwrap() };
        let code = sessions.mint(county, 0, [1; 16]);
        let token = sessions.redeem(&code, 0, [2; 16]).unwrap();
        assert_eq!(sessions.caller(&token, SESSION_US - 1), Some(county));
        assert_eq!(sessions.caller(&token, SESSION_US), None);
    }

    #[test]
    fn the_oldest_code_gives_way() {
        let mut sessions = Sessions::default();
        let first = sessions.mint(ALL, 0, [0; 16]);
        for n in 1..=CODES {
            sessions.mint(ALL, 0, [u8::try_from(n).unwrap(); 16]);
        }
        assert_eq!(sessions.codes.len(), CODES);
        assert_eq!(sessions.redeem(&first, 0, [99; 16]), None);
    }
}
