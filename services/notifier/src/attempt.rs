//! One attempt: from a claimed row to the channel's verdict, and what follows from it.

use std::{sync::Arc, time::Duration};

use chassis::SharedClock;
use planner::retry;
use proto::{alert::Severity, codes::Code, date::Instant};
use store::{Claimed, End, Lane, Store};

use crate::{
    channel::{Channel, Kind, Outgoing, Verdict},
    message::{self, Line, Lines},
    meters::Meters,
    planning::{at, ms},
    served::Served,
};

/// An attempt ends by then, whatever the channel does.
const LIMIT: Duration = Duration::from_secs(30);

/// What every attempt needs.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) lines: Arc<Lines>,
    pub(crate) channels: Arc<[Arc<dyn Channel>]>,
    pub(crate) clock: SharedClock,
    pub(crate) meters: Meters,
}

/// An attempt that ended.
pub(crate) struct Ended {
    pub(crate) claimed: Claimed,
    /// Whether its lane was one that failed lately.
    pub(crate) suspect: bool,
    served: Option<Arc<Served>>,
    verdict: Verdict,
}

impl Attempt {
    /// Whether what waits for a receiver can be sent from here now.
    pub(crate) fn ready(&self, served: &Served, channel: i64) -> bool {
        let kind = served.target(channel).map(crate::channel::Target::kind);
        let channel = self.channels.iter().find(|one| Some(one.kind()) == kind);
        channel.is_none_or(|channel| channel.ready(&served.id))
    }

    /// Makes the attempt.
    pub(crate) async fn make(
        &self,
        claimed: Claimed,
        served: Option<Arc<Served>>,
        suspect: bool,
    ) -> Ended {
        let begun = self.clock.monotonic();
        let target = served.as_ref().and_then(|served| served.target(claimed.channel));
        let kind = target.map(crate::channel::Target::kind);
        let verdict = match served.as_deref() {
            Some(served) => self.verdict(&claimed, served, kind).await,
            // Its subscription is being deleted.
            None => Verdict::Refused { code: Code::SubscriptionUnknown },
        };
        if let Some(kind) = kind {
            let spent = self.clock.monotonic().saturating_sub(begun);
            self.meters.attempt(kind, &verdict, spent);
        }
        Ended { claimed, suspect, served, verdict }
    }

    async fn verdict(&self, claimed: &Claimed, served: &Served, kind: Option<Kind>) -> Verdict {
        let none = Verdict::Refused { code: Code::SubscriptionChannel };
        let Some(target) = served.target(claimed.channel) else { return none };
        let Some(channel) = self.channels.iter().find(|one| Some(one.kind()) == kind) else {
            return none;
        };
        let Some(message) = self.message(claimed, served).await else {
            return Verdict::Refused { code: Code::DeliveryUnreadable };
        };
        if served.shut && kind == Some(Kind::Webhook) {
            return Verdict::Retry { code: Code::SecretSealed, after: None };
        }
        let secrets = served.secrets(ms(message.at));
        let sent = channel.send(target, &secrets, &message);
        let late = Verdict::Retry { code: Code::OutboundTimeout, after: None };
        tokio::time::timeout(LIMIT, sent).await.unwrap_or(late)
    }

    async fn message(&self, claimed: &Claimed, served: &Served) -> Option<Outgoing> {
        let lines = match &claimed.parcel {
            None => vec![self.line((claimed.partition, claimed.position)).await?],
            Some(parcel) => {
                let lane = Lane { subscription: claimed.subscription, channel: claimed.channel };
                let members = self.store.members(lane, parcel).await.ok()?;
                let mut lines = Vec::with_capacity(members.len());
                for member in members {
                    lines.push(self.line((member.partition, member.position)).await?);
                }
                lines
            }
        };
        let id = claimed.parcel.as_deref().unwrap_or(&claimed.alert);
        let body = match (&claimed.parcel, lines.first()) {
            (None, Some(line)) => Arc::clone(&line.bytes),
            _ => message::group(id, &served.id, &lines)?.into(),
        };
        Some(Outgoing {
            subscription: served.id.clone(),
            id: id.into(),
            at: Instant(self.clock.now_unix_micros()),
            attempt: u32::try_from(claimed.attempt).unwrap_or(u32::MAX),
            body,
            alerts: lines.into_iter().map(|line| line.notice).collect(),
        })
    }

    async fn line(&self, (partition, position): (i64, i64)) -> Option<Line> {
        let place = (u32::try_from(partition).ok()?, u64::try_from(position).ok()?);
        if let Some(line) = self.lines.kept(place) {
            return Some(line);
        }
        let lines = Arc::clone(&self.lines);
        tokio::task::spawn_blocking(move || lines.get(place)).await.ok()?
    }
}

impl Ended {
    /// Whether the receiver answered at all, also with a refusal of this one message.
    pub(crate) fn answered(&self) -> bool {
        matches!(self.verdict, Verdict::Delivered(_) | Verdict::Refused { .. })
    }

    /// Whether there was nobody to be sent to.
    pub(crate) fn away(&self) -> bool {
        self.verdict == Verdict::Away
    }

    /// How long the receiver wants to be left alone.
    pub(crate) fn after_ms(&self) -> Option<i64> {
        let Verdict::Retry { after, .. } = self.verdict else { return None };
        let longest = Duration::from_secs(24 * 3_600);
        i64::try_from(after?.min(longest).as_millis()).ok()
    }

    /// Why the first channel's receiver is no more.
    pub(crate) fn gone(&self) -> Option<Code> {
        match self.verdict {
            Verdict::Gone { code } if self.claimed.channel == 0 => Some(code),
            _ => None,
        }
    }

    /// What is written. `failing_since`: since when its lane took nothing before this attempt.
    pub(crate) fn end(&self, now: i64, failing_since: Option<i64>) -> End {
        let second = self.claimed.channel == 0
            && self.served.as_ref().is_some_and(|served| served.second.is_some());
        match self.verdict {
            Verdict::Delivered(at) => End::Delivered { at: at.map_or(now, ms) },
            Verdict::Away => End::Again { due: now, code: Code::ReceiverAway.name() },
            Verdict::Gone { code } | Verdict::Refused { code } => {
                End::Escalated { code: code.name(), second }
            }
            Verdict::Retry { code, after } => match self.again(now, failing_since, after) {
                Some(due) => End::Again { due, code: code.name() },
                None => End::Escalated { code: Code::DeliveryExhausted.name(), second },
            },
        }
    }

    fn again(&self, now: i64, failing_since: Option<i64>, after: Option<Duration>) -> Option<i64> {
        let give_up = retry::GIVE_UP_US / 1_000;
        let since = failing_since.map(|since| since.max(self.claimed.born));
        if since.is_some_and(|since| now.saturating_sub(since) >= give_up) {
            return None;
        }
        let id = self.claimed.parcel.as_deref().unwrap_or(&self.claimed.alert);
        let attempt = u32::try_from(self.claimed.attempt).unwrap_or(u32::MAX);
        let due = retry::next(id, attempt, at(now), after)?;
        let timing = self.served.as_ref().map(|served| served.timing).unwrap_or_default();
        let level = match self.claimed.level {
            3 => Severity::Red,
            2 => Severity::Yellow,
            1 => Severity::Green,
            _ => Severity::None,
        };
        Some(ms(timing.released(due, level)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_is_there_for_is_due_at_once_when_somebody_is() {
        let claimed = Claimed {
            id: 1,
            subscription: 1,
            channel: 0,
            alert: "a".into(),
            partition: 0,
            position: 0,
            level: 3,
            parcel: None,
            born: 0,
            attempt: 9,
        };
        let ended = Ended { claimed, suspect: false, served: None, verdict: Verdict::Away };
        assert!(ended.away() && !ended.answered());
        assert_eq!(ended.end(7, Some(0)), End::Again { due: 7, code: "receiver.away" });
    }
}
