//! Server-sent events: the subscriber opens `GET /v1/subscriptions/{id}/stream` and hears its messages.
//!
//! While nobody listens at this process nothing is sent by it: messages wait in the ledger, or go from
//! the instance where somebody listens. A connection that took a message has it; what was lost with a
//! connection comes again when the listener is back and says which message it had last.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use proto::{codes::Code, date::Instant};
use tokio::sync::{mpsc, oneshot};

use super::{BoxFuture, Channel, Kind, Outgoing, Secrets, Target, Verdict};

/// Messages that wait for a connection to take the one before.
const QUEUE: usize = 16;

/// A message on its way into a connection.
pub(crate) struct Heard {
    /// The alert's id or the group's.
    pub(crate) id: Box<str>,
    /// The CloudEvent, one line.
    pub(crate) text: String,
    /// Told when the connection took it: what comes after a message is found by it.
    pub(crate) taken: oneshot::Sender<Instant>,
}

/// The listeners of this process: one for each subscription.
#[derive(Default)]
pub(crate) struct Sse {
    listeners: Mutex<HashMap<Box<str>, mpsc::Sender<Heard>>>,
}

impl Sse {
    /// Listens to a subscription; whoever did so before hears nothing more.
    pub(crate) fn listen(&self, subscription: &str) -> mpsc::Receiver<Heard> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut listeners = self.listeners();
        listeners.retain(|_, listener| !listener.is_closed());
        listeners.insert(subscription.into(), sender);
        receiver
    }

    /// Lets whoever listens go.
    pub(crate) fn let_go(&self, subscription: &str) {
        self.listeners().remove(subscription);
    }

    fn listeners(&self) -> MutexGuard<'_, HashMap<Box<str>, mpsc::Sender<Heard>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell(&self, message: &Outgoing) -> Verdict {
        // JSON in one line has no line ends; another form would break the framing.
        let text = String::from_utf8(message.body.to_vec()).ok();
        let Some(text) = text.filter(|text| !text.trim_end().contains(['\r', '\n'])) else {
            return Verdict::Refused { code: Code::DeliveryUnreadable };
        };
        let listener = self.listeners().get(&message.subscription).cloned();
        let Some(listener) = listener else { return Verdict::Away };
        let (taken, took) = oneshot::channel();
        let text = text.trim_end().to_owned();
        let heard = Heard { id: message.id.clone(), text, taken };
        if listener.send(heard).await.is_err() {
            return Verdict::Away;
        }
        // Dropped with a connection that ended before it took the message.
        took.await.map_or(Verdict::Away, |at| Verdict::Delivered(Some(at)))
    }
}

impl Channel for Sse {
    fn kind(&self) -> Kind {
        Kind::Sse
    }

    fn check(&self, target: &Target) -> Result<(), Code> {
        match target {
            Target::Sse {} => Ok(()),
            _ => Err(Code::SubscriptionChannel),
        }
    }

    fn ready(&self, subscription: &str) -> bool {
        self.listeners().get(subscription).is_some_and(|listener| !listener.is_closed())
    }

    fn send<'a>(
        &'a self,
        _target: &'a Target,
        _secrets: &'a Secrets,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Verdict> {
        Box::pin(self.tell(message))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn message(body: &str) -> Outgoing {
        Outgoing {
            subscription: "s1".into(),
            id: "a1".into(),
            at: Instant(0),
            attempt: 1,
            body: Arc::from(body.as_bytes()),
            alerts: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_message_is_delivered_when_the_connection_took_it() {
        let sse = Sse::default();
        let one = message("{}\n");
        assert!(!sse.ready("s1"));
        assert_eq!(sse.tell(&one).await, Verdict::Away);
        let mut connection = sse.listen("s1");
        assert!(sse.ready("s1") && !sse.ready("s2"));
        let takes = async {
            let heard = connection.recv().await.unwrap();
            assert_eq!((&*heard.id, &*heard.text), ("a1", "{}"));
            heard.taken.send(Instant(7)).unwrap();
        };
        assert_eq!(tokio::join!(sse.tell(&one), takes).0, Verdict::Delivered(Some(Instant(7))));
        let breaks = async { drop(connection.recv().await) };
        assert_eq!(tokio::join!(sse.tell(&one), breaks).0, Verdict::Away);
        let mut again = sse.listen("s1");
        assert!(connection.recv().await.is_none(), "the former listener is let go");
        again.close();
        assert!(!sse.ready("s1"));
        assert_eq!(sse.tell(&one).await, Verdict::Away);
        let refused = Verdict::Refused { code: Code::DeliveryUnreadable };
        assert_eq!(sse.tell(&message("{\n}")).await, refused);
    }
}
