//! What every way to a receiver has in common: one message in, one verdict out.
//!
//! A channel says whether its own failure is worth another attempt and never makes one: when to
//! try again, how long, and what then, is decided in one place for all of them. It keeps no
//! state between sends but connections and what a receiver's own limit needs, and reads neither the
//! store nor the clock.

pub mod kafka;
pub mod smtp;
pub(crate) mod sse;
pub mod webhook;
pub mod wecom;

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use planner::Notice;
use proto::{codes::Code, date::Instant};
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Serialize};

/// A future behind a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to receivers: a file of this folder each.
pub trait Channel: Send + Sync + 'static {
    /// Which targets it serves.
    fn kind(&self) -> Kind;

    /// Whether a subscription may name this target: form, allow-lists, what is configured here.
    /// It resolves no name and opens no connection; [`Channel::send`] looks again.
    ///
    /// # Errors
    /// The code of the answer to whoever subscribes; nothing of the target is in it.
    fn check(&self, target: &Target) -> Result<(), Code>;

    /// The public keys that its messages can be verified with, the newest first.
    fn public_keys(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether a subscription's messages can be sent from this process now; until they can they wait
    /// in the ledger, and no attempt is made.
    fn ready(&self, _subscription: &str) -> bool {
        true
    }

    /// Makes one attempt and says what came of it, within 15 seconds of its own. What is sent may
    /// arrive although the verdict says otherwise; it is then sent again with the same id.
    fn send<'a>(
        &'a self,
        target: &'a Target,
        secrets: &'a Secrets,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Verdict>;
}

/// One message to one receiver, complete: what a channel needs and nothing else.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Whose it is: the subscription's id.
    pub subscription: Box<str>,
    /// The same in every attempt: the alert's id, or that of the group of alerts.
    pub id: Box<str>,
    /// When this attempt is made; signatures carry it.
    pub at: Instant,
    /// 1, 2, …
    pub attempt: u32,
    /// The CloudEvent: the alert's as it stands on the alerts topic, or the group's.
    pub body: Arc<[u8]>,
    /// What the body holds: one alert, or those of a group in the order of the log.
    pub alerts: Vec<Arc<Notice>>,
}

/// What came of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The receiver has it, since this instant where the channel knows it.
    Delivered(Option<Instant>),
    /// Not now.
    Retry {
        /// Why.
        code: Code,
        /// How long the receiver wants to be left alone.
        after: Option<Duration>,
    },
    /// Nobody is there to be sent to: it waits until [`Channel::ready`] says otherwise.
    Away,
    /// The receiver is no more and wants nothing again.
    Gone {
        /// Why.
        code: Code,
    },
    /// This message will never be taken, however often it is sent.
    Refused {
        /// Why.
        code: Code,
    },
}

/// Where a subscription's messages go: the `channel` object of the API.
///
/// Some targets open a door by themselves (a group robot's key), so none is ever printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Target {
    /// Standard Webhooks.
    Webhook {
        /// An absolute address whose host is on the allow-list.
        url: String,
    },
    /// A mail.
    Smtp {
        /// The mailbox.
        to: String,
    },
    /// The group robot of WeCom 企业微信.
    Wecom {
        /// The robot's key.
        key: String,
    },
    /// A Kafka topic.
    Kafka {
        /// Its name.
        topic: String,
    },
    /// A stream of server-sent events that the subscriber opens.
    Sse {},
}

/// The kind of a target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// [`Target::Webhook`].
    Webhook,
    /// [`Target::Smtp`].
    Smtp,
    /// [`Target::Wecom`].
    Wecom,
    /// [`Target::Kafka`].
    Kafka,
    /// [`Target::Sse`].
    Sse,
}

impl Kind {
    /// The word on the wire and in metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Webhook => "webhook",
            Kind::Smtp => "smtp",
            Kind::Wecom => "wecom",
            Kind::Kafka => "kafka",
            Kind::Sse => "sse",
        }
    }
}

impl Target {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Target::Webhook { .. } => Kind::Webhook,
            Target::Smtp { .. } => Kind::Smtp,
            Target::Wecom { .. } => Kind::Wecom,
            Target::Kafka { .. } => Kind::Kafka,
            Target::Sse {} => Kind::Sse,
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().word())
    }
}

/// The secrets that a subscription signs with now, the newest first: one, or two while a rotation
/// lasts. Each is 32 random bytes; `whsec_` and their base64 is what the subscriber was shown.
#[derive(Default)]
pub struct Secrets(Vec<SecretBox<[u8; 32]>>);

impl Secrets {
    /// Of these, the newest first.
    #[must_use]
    pub fn new(newest_first: impl IntoIterator<Item = [u8; 32]>) -> Secrets {
        Secrets(newest_first.into_iter().map(|bytes| SecretBox::new(Box::new(bytes))).collect())
    }

    /// Each, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.0.iter().map(ExposeSecret::expose_secret)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_as_the_api_writes_it_and_never_printed() {
        let text = r#"{"kind":"webhook","url":"https://a.example/x"}"#;
        let target: Target = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&target).unwrap(), text);
        assert_eq!(format!("{target:?}"), "webhook");
        let robot: Target = serde_json::from_str(r#"{"kind":"wecom","key":"k1"}"#).unwrap();
        assert!(!format!("{robot:?}").contains("k1"));
        for bad in [r#"{"kind":"fax"}"#, r#"{"kind":"smtp"}"#, r#"{"kind":"sse","to":"a"}"#] {
            assert!(serde_json::from_str::<Target>(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{:?}", Secrets::new([[7; 32]])), "1 secrets");
    }
}
