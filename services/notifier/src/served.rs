//! The subscriptions of one moment, as the planning loop and the sending loop need them.

use std::{collections::BTreeMap, sync::Arc};

use planner::{Directory, Timing};
use proto::{
    codes::Code,
    region::{Area, Prefix},
};
use store::Subscription;

use crate::{
    channel::{Secrets, Target},
    seal::{self, SealKey},
    spec::Spec,
};

/// One subscription.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) id: Box<str>,
    pub(crate) first: Target,
    pub(crate) second: Option<Target>,
    pub(crate) state: i64,
    /// Why it is disabled.
    pub(crate) code: Option<Box<str>>,
    pub(crate) timing: Timing,
    newest: Option<[u8; 32]>,
    former: Option<([u8; 32], i64)>,
    /// Whether there is a secret that cannot be read here: nothing is sent unsigned.
    pub(crate) shut: bool,
}

impl Served {
    /// What it signs with at this instant.
    pub(crate) fn secrets(&self, now_ms: i64) -> Secrets {
        let former = self.former.filter(|(_, until)| now_ms < *until).map(|(secret, _)| secret);
        Secrets::new(self.newest.into_iter().chain(former))
    }

    pub(crate) fn target(&self, channel: i64) -> Option<&Target> {
        if channel == 0 { Some(&self.first) } else { self.second.as_ref() }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Roll {
    pub(crate) directory: Directory,
    pub(crate) served: BTreeMap<i64, Arc<Served>>,
}

impl Roll {
    /// Of the rows of one moment. A row that this program does not understand serves nobody, which
    /// is told in the log at each load. `seal` opens the secrets that it sealed.
    pub(crate) fn of(rows: &[Subscription], seal: Option<&SealKey>) -> Roll {
        let mut roll = Roll::default();
        let mut wishes = Vec::new();
        for row in rows {
            let Ok(spec) = Spec::parse(row.body.as_bytes()) else {
                tracing::error!(subscription = row.id, "a stored subscription is not understood");
                continue;
            };
            let wish = spec.wish(row.key, &row.id, within(row));
            let key = |bytes: &Option<Vec<u8>>| {
                bytes.as_deref().and_then(|bytes| seal::read(seal, &row.id, bytes))
            };
            let newest = key(&row.secret);
            let shut = row.secret.is_some() && newest.is_none();
            if shut {
                let code = Code::SecretSealed.name();
                tracing::error!(subscription = row.id, code, "a secret cannot be read");
            }
            let served = Served {
                id: row.id.as_str().into(),
                first: spec.channel,
                second: spec.escalate_to,
                state: row.state,
                code: row.code.as_deref().map(Into::into),
                timing: wish.timing,
                newest,
                former: key(&row.former_secret).zip(row.former_until),
                shut,
            };
            wishes.push(wish);
            roll.served.insert(row.key, Arc::new(served));
        }
        roll.directory = Directory::new(wishes);
        roll
    }
}

/// What a subscription's owner may see.
pub(crate) fn within(row: &Subscription) -> Prefix {
    if row.within.is_empty() {
        return Prefix::ALL;
    }
    // An area that cannot be read holds nobody's households.
    let nowhere = || Prefix::parse("00").unwrap_or(Prefix::ALL);
    Prefix::parse(&row.within).unwrap_or_else(nowhere)
}

/// Whether a caller of this region may ask for this area.
pub(crate) fn may_ask(caller: Prefix, area: &Area) -> bool {
    match area {
        Area::Prefix(prefix) => caller.covers(*prefix),
        // Whoever asks for a site gets of it what lies in the own area.
        Area::Site(_) => true,
    }
}
