//! Webhooks by Standard Webhooks: the CloudEvent as it stands on the alerts topic, signed.
//!
//! It writes nothing of its own into the body. Where a call may go is the `outbound` crate's
//! business.

use std::time::Duration;

use outbound::{
    Answer, Bytes, Client, Fault, HeaderMap,
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, USER_AGENT},
};
use proto::{codes::Code, date::Instant};

use crate::{
    channel::{BoxFuture, Channel, Kind, Outgoing, Secrets, Target, Verdict},
    signature::{self, SigningKey},
};

/// Posts signed CloudEvents to listed hosts.
#[derive(Debug)]
pub struct Webhook {
    client: Client,
    keys: Vec<SigningKey>,
}

impl Webhook {
    /// `keys` sign beside each subscription's own secrets, the newest first; there may be none.
    #[must_use]
    pub fn new(client: Client, keys: Vec<SigningKey>) -> Webhook {
        Webhook { client, keys }
    }

    async fn post(&self, target: &Target, secrets: &Secrets, message: &Outgoing) -> Verdict {
        let Target::Webhook { url } = target else {
            return Verdict::Refused { code: Code::ChannelTarget };
        };
        let endpoint = match self.client.check(url) {
            Ok(endpoint) => endpoint,
            Err(fault) => return failed(fault),
        };
        let headers = headers(message, secrets, &self.keys);
        let body = Bytes::copy_from_slice(&message.body);
        match self.client.post(&endpoint, headers, body).await {
            Ok(answer) => answered(&answer, message.at),
            Err(fault) => failed(fault),
        }
    }
}

impl Channel for Webhook {
    fn kind(&self) -> Kind {
        Kind::Webhook
    }

    fn check(&self, target: &Target) -> Result<(), Code> {
        let Target::Webhook { url } = target else { return Err(Code::ChannelTarget) };
        self.client.check(url).map(|_| ()).map_err(Fault::code)
    }

    fn public_keys(&self) -> Vec<String> {
        self.keys.iter().map(SigningKey::public).collect()
    }

    fn send<'a>(
        &'a self,
        target: &'a Target,
        secrets: &'a Secrets,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Verdict> {
        Box::pin(self.post(target, secrets, message))
    }
}

fn headers(message: &Outgoing, secrets: &Secrets, keys: &[SigningKey]) -> HeaderMap {
    let timestamp = message.at.0.div_euclid(1_000_000);
    let signature = signature::sign(&message.id, timestamp, &message.body, secrets, keys);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/cloudevents+json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("levee"));
    headers.insert("webhook-timestamp", HeaderValue::from(timestamp));
    let texts = [("webhook-id", &*message.id), ("webhook-signature", &signature)];
    for (name, value) in texts {
        // Ids and base64 are visible ASCII.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers
}

/// What a call without an answer means: a URL or an address that is not permitted now will not be
/// permitted by calling again, everything else may pass.
pub(crate) fn failed(fault: Fault) -> Verdict {
    let code = fault.code();
    if code.retryable() { Verdict::Retry { code, after: None } } else { Verdict::Refused { code } }
}

/// What an answer's status means. Only 410 ends a subscription: everything else may be a mistake
/// that somebody corrects.
pub(crate) fn answered(answer: &Answer, at: Instant) -> Verdict {
    let after = answer.headers.get(RETRY_AFTER).and_then(|value| retry_after(value, at));
    let code = match answer.status {
        200..=299 => return Verdict::Delivered(None),
        410 => return Verdict::Gone { code: Code::ReceiverGone },
        300..=399 => Code::ReceiverRedirect,
        429 | 502..=504 => Code::ReceiverBusy,
        _ => Code::ReceiverStatus,
    };
    Verdict::Retry { code, after }
}

/// Seconds, or until a date (RFC 9110 §10.2.3).
fn retry_after(value: &HeaderValue, at: Instant) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = std::time::UNIX_EPOCH.checked_add(Duration::from_micros(at.0.try_into().ok()?))?;
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, header: Option<&'static str>) -> Verdict {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        }
        let answer = Answer { status, headers, body: Bytes::new(), cut: false };
        let at = Instant::parse("2026-03-04T10:20:30+08:00").unwrap();
        answered(&answer, at)
    }

    #[test]
    fn a_status_has_one_meaning() {
        let retry = |code| Verdict::Retry { code, after: None };
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(verdict(status, None), Verdict::Delivered(None));
        }
        assert_eq!(verdict(410, Some("9")), Verdict::Gone { code: Code::ReceiverGone });
        for status in [300, 301, 302, 303, 304, 307, 308] {
            assert_eq!(verdict(status, None), retry(Code::ReceiverRedirect));
        }
        for status in [429, 502, 503, 504] {
            assert_eq!(verdict(status, None), retry(Code::ReceiverBusy));
        }
        for status in [100, 101, 400, 401, 403, 404, 413, 422, 451, 500, 501, 505, 599, 999] {
            assert_eq!(verdict(status, None), retry(Code::ReceiverStatus));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (header, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("999999999", Some(999_999_999)),
            ("Wed, 04 Mar 2026 02:21:30 GMT", Some(60)),
            ("Wed, 04 Mar 2026 02:20:29 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let after = seconds.map(Duration::from_secs);
            let expected = Verdict::Retry { code: Code::ReceiverBusy, after };
            assert_eq!(verdict(503, Some(header)), expected, "{header}");
        }
    }

    #[test]
    fn a_fault_that_calling_again_cannot_cure_is_final() {
        assert_eq!(failed(Fault::Address), Verdict::Refused { code: Code::OutboundAddress });
        let (code, after) = (Code::OutboundTimeout, None);
        assert_eq!(failed(Fault::Timeout), Verdict::Retry { code, after });
    }
}
