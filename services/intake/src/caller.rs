//! Who calls: an account's region, role and feeds, and how a request proves it.
//!
//! It compares tokens in constant time and refuses to know where accounts are kept.

use axum::http::{HeaderMap, Method, header};
use proto::{
    codes::Code,
    event::{Event, Refusal, Subject},
    region::{Area, Prefix, Region},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The cookie that carries a session of the pages.
pub const SESSION_COOKIE: &str = "levee_session";

/// What an account may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Everything within its region, rule packs included.
    Operator,
    /// Sends events and profiles.
    Feed,
    /// Reads households, cases and alerts, and says what was done about them.
    Worker,
}

/// An authenticated caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The account's name: counts its open requests; never shown.
    pub account: Box<str>,
    /// The area whose households it may read and write.
    pub region: Prefix,
    /// What it may do there.
    pub role: Role,
    /// The feeds (`source`) it may send for; `None`: all of its region.
    pub feeds: Option<Box<[Box<str>]>>,
}

/// The accounts, behind tokens and sessions.
pub trait Accounts: Send + Sync + 'static {
    /// The caller of a bearer token.
    fn bearer(&self, token: &str) -> Option<Caller>;
    /// The caller of a session cookie's value.
    fn session(&self, cookie: &str) -> Option<Caller>;
}

impl Caller {
    /// The operator: every region, every role, every feed.
    #[must_use]
    pub fn operator() -> Caller {
        Caller {
            account: "operator".into(),
            region: Prefix::ALL,
            role: Role::Operator,
            feeds: None,
        }
    }

    /// Whether it may send events and profiles.
    #[must_use]
    pub fn sends(&self) -> bool {
        matches!(self.role, Role::Operator | Role::Feed)
    }

    /// Whether it may read households, cases and alerts.
    #[must_use]
    pub fn reads(&self) -> bool {
        matches!(self.role, Role::Operator | Role::Worker)
    }

    /// Whether it may say what was done about a case.
    #[must_use]
    pub fn works(&self) -> bool {
        matches!(self.role, Role::Operator | Role::Worker)
    }

    /// Whether it may put rule packs in force.
    #[must_use]
    pub fn rules(&self) -> bool {
        self.role == Role::Operator
    }

    /// Whether a household registered there may be read and written.
    #[must_use]
    pub fn may_touch(&self, region: Region) -> bool {
        self.region.contains(region)
    }

    /// The check that an event comes from a feed of this caller and reaches no other region.
    ///
    /// # Errors
    /// `auth.forbidden` at `/source` or `/subject`.
    pub fn check_event(&self, event: &Event) -> Result<(), Refusal> {
        let forbidden = |pointer: &str| Err(Refusal::new(Code::AuthForbidden, pointer));
        if !self.sends_for(&event.source) {
            return forbidden("/source");
        }
        match &event.subject {
            Subject::Area(Area::Prefix(area)) if !self.region.covers(*area) => {
                forbidden("/subject")
            }
            _ => Ok(()),
        }
    }

    /// Whether it may send for a feed.
    #[must_use]
    pub fn sends_for(&self, feed: &str) -> bool {
        let known = |feeds: &[Box<str>]| feeds.iter().any(|own| **own == *feed);
        let prefix = feed.split_once('/').and_then(|(prefix, _)| Prefix::parse(prefix));
        self.feeds.as_deref().is_none_or(known) && self.region_covers(prefix)
    }

    fn region_covers(&self, prefix: Option<Prefix>) -> bool {
        self.region == Prefix::ALL || prefix.is_some_and(|prefix| self.region.covers(prefix))
    }
}

/// The one account of a fresh installation: the operator's token, of which only a digest is kept.
#[derive(Clone)]
pub struct OperatorToken {
    digest: [u8; 32],
}

impl OperatorToken {
    /// The account of this token.
    #[must_use]
    pub fn new(token: &str) -> OperatorToken {
        OperatorToken { digest: Sha256::digest(token).into() }
    }

    /// Whether a token is the operator's. Digests are compared, in constant time, so neither the
    /// length nor a common beginning shows.
    #[must_use]
    pub fn is(&self, token: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        digest.ct_eq(&self.digest).into()
    }
}

impl std::fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorToken")
    }
}

impl Accounts for OperatorToken {
    fn bearer(&self, token: &str) -> Option<Caller> {
        self.is(token).then(Caller::operator)
    }

    fn session(&self, _cookie: &str) -> Option<Caller> {
        None
    }
}

/// Finds the caller of a request: a bearer token, or on GET and HEAD a session cookie.
///
/// # Errors
/// `auth.required` when neither is there or none is known.
pub fn authenticate(
    accounts: &dyn Accounts,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Caller, Code> {
    let found = match headers.get(header::AUTHORIZATION) {
        Some(value) => value.to_str().ok().and_then(bearer).and_then(|t| accounts.bearer(t)),
        None if matches!(*method, Method::GET | Method::HEAD) => {
            cookie(headers).and_then(|value| accounts.session(value))
        }
        None => None,
    };
    found.ok_or(Code::AuthRequired)
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Desk;

    impl Accounts for Desk {
        fn bearer(&self, token: &str) -> Option<Caller> {
            OperatorToken::new("secret").bearer(token)
        }

        fn session(&self, cookie: &str) -> Option<Caller> {
            (cookie == "s1").then(Caller::operator)
        }
    }

    fn with(name: header::HeaderName, value: &'static str, method: &Method) -> bool {
        let headers = HeaderMap::from_iter([(name, header::HeaderValue::from_static(value))]);
        authenticate(&Desk, method, &headers).is_ok()
    }

    #[test]
    fn a_token_opens_every_method_and_a_session_only_reading() {
        assert!(with(header::AUTHORIZATION, "Bearer secret", &Method::POST));
        assert!(with(header::AUTHORIZATION, "bearer secret", &Method::GET));
        assert!(with(header::COOKIE, "a=b; levee_session=s1", &Method::GET));
        assert!(!with(header::COOKIE, "levee_session=s1", &Method::POST));
        for none in ["Bearer secre", "Bearer secrett", "Bearer", "Basic secret", "secret", ""] {
            assert!(!with(header::AUTHORIZATION, none, &Method::GET), "{none}");
        }
        assert_eq!(authenticate(&Desk, &Method::GET, &HeaderMap::new()), Err(Code::AuthRequired));
    }
}
