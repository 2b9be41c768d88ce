//! The group robot of WeCom 企业微信: a card in Chinese, in the robot's Markdown.
//!
//! The robot takes 20 messages a minute and 4,096 bytes a message. More than 20 are not sent,
//! however many subscriptions share a robot: what is over says how long the robot wants to be left
//! alone. Another process may send to it as well, so its own refusal is understood too. It does not
//! know a message that it got before: one that is sent again is shown again.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use outbound::{Bytes, Client, Fault, HeaderMap, header::CONTENT_TYPE, header::HeaderValue};
use planner::Notice;
use proto::{alert::Severity, codes::Code, date::Instant};
use serde::{Deserialize, Serialize};

use crate::{
    channel::{
        BoxFuture, Channel, Kind, Outgoing, Secrets, Target, Verdict,
        webhook::{answered, failed},
    },
    text::{Lang, Said, digest_title, plain, said},
};

/// Where the robots of the public WeCom listen; an installation of one's own listens elsewhere.
pub const PUBLIC: &str = "https://qyapi.weixin.qq.com";
/// Most messages that one robot takes in a minute.
pub const PER_MINUTE: u16 = 20;
/// Most bytes of a card's text.
pub const LIMIT: usize = 4_096;
/// A minute in microseconds.
const MINUTE_US: i64 = 60_000_000;
/// Bytes kept for the lines below the alerts.
const TAIL: usize = 512;

/// Posts cards to group robots.
#[derive(Debug)]
pub struct Wecom {
    client: Client,
    base: String,
    console: Option<String>,
    sent: Sent,
}

impl Wecom {
    /// `base` is [`PUBLIC`] or the address of an installation; the client's list must hold it.
    /// `console` is the beginning of the pages' address, for links.
    #[must_use]
    pub fn new(client: Client, base: &str, console: Option<&str>) -> Wecom {
        let console = console.map(|console| console.trim_end_matches('/').to_owned());
        let base = base.trim_end_matches('/').to_owned();
        Wecom { client, base, console, sent: Sent::default() }
    }

    fn url(&self, target: &Target) -> Result<String, Code> {
        let Target::Wecom { key } = target else { return Err(Code::ChannelTarget) };
        let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !(8..=128).contains(&key.len()) || !key.bytes().all(known) {
            return Err(Code::ChannelKey);
        }
        Ok(format!("{}/cgi-bin/webhook/send?key={key}", self.base))
    }

    async fn post(&self, target: &Target, message: &Outgoing) -> Verdict {
        let url = match self.url(target) {
            Ok(url) => url,
            Err(code) => return Verdict::Refused { code },
        };
        let endpoint = match self.client.check(&url) {
            Ok(endpoint) => endpoint,
            Err(fault) => return failed(fault),
        };
        if let Some(after) = self.sent.rest(&url, message.at) {
            return Verdict::Retry { code: Code::ReceiverBusy, after: Some(after) };
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = body(&card(message, self.console.as_deref()));
        match self.client.post(&endpoint, headers, body).await {
            Ok(answer) if answer.status == 200 => meaning(&answer.body),
            Ok(answer) => answered(&answer, message.at),
            Err(fault) => failed(fault),
        }
    }
}

/// When each robot was called within the last minute.
#[derive(Default)]
struct Sent(Mutex<HashMap<String, VecDeque<i64>>>);

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sent")
    }
}

impl Sent {
    /// How long a robot must be left alone; nothing where it may be called now, which then counts.
    fn rest(&self, robot: &str, now: Instant) -> Option<Duration> {
        let mut robots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let young = |at: &i64| (0..MINUTE_US).contains(&now.0.saturating_sub(*at));
        robots.retain(|_, calls| {
            calls.retain(young);
            !calls.is_empty()
        });
        let calls = robots.entry(robot.to_owned()).or_default();
        if calls.len() < usize::from(PER_MINUTE) {
            calls.push_back(now.0);
            return None;
        }
        let oldest = calls.front().copied().unwrap_or(now.0);
        let over = oldest.saturating_add(MINUTE_US).saturating_sub(now.0);
        Some(Duration::from_micros(u64::try_from(over).unwrap_or(0)))
    }
}

impl Channel for Wecom {
    fn kind(&self) -> Kind {
        Kind::Wecom
    }

    fn check(&self, target: &Target) -> Result<(), Code> {
        let url = self.url(target)?;
        self.client.check(&url).map(|_| ()).map_err(Fault::code)
    }

    fn send<'a>(
        &'a self,
        target: &'a Target,
        _: &'a Secrets,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Verdict> {
        Box::pin(self.post(target, message))
    }
}

fn body(card: &str) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        msgtype: &'static str,
        markdown: Content<'a>,
    }
    #[derive(Serialize)]
    struct Content<'a> {
        content: &'a str,
    }
    let body = Body { msgtype: "markdown", markdown: Content { content: card } };
    // Writing two texts into memory cannot fail.
    serde_json::to_vec(&body).unwrap_or_default().into()
}

/// What the robot's answer means. The codes are those of the robot's page and the global ones that
/// a message can provoke (developer.work.weixin.qq.com, documents 91770 and 90313; 9499 is seen in
/// the field); the text beside a code changes without notice and is not read.
fn meaning(answer: &[u8]) -> Verdict {
    #[derive(Deserialize)]
    struct Said {
        errcode: i64,
    }
    let Ok(said) = serde_json::from_slice::<Said>(answer) else {
        return Verdict::Retry { code: Code::OutboundAnswer, after: None };
    };
    match said.errcode {
        0 => Verdict::Delivered(None),
        // More than 20 messages in this minute.
        45009 => {
            let after = Some(Duration::from_secs(60));
            Verdict::Retry { code: Code::ReceiverBusy, after }
        }
        // Busy, too many calls at once.
        -1 | 45033 => Verdict::Retry { code: Code::ReceiverBusy, after: None },
        // No such key; the robot is switched off; the robot is no longer in the group.
        93000 | 93004 | 93008 => Verdict::Gone { code: Code::ReceiverGone },
        // Kind, parameter, missing or empty text, length, form of the message.
        9499
        | 40008
        | 40035
        | 40058
        | 40063
        | 41001..=41999
        | 44001..=44999
        | 45002..=45008
        | 47001 => Verdict::Refused { code: Code::ReceiverRefused },
        _ => Verdict::Retry { code: Code::ReceiverStatus, after: None },
    }
}

/// The card of one alert or of a group, at most [`LIMIT`] bytes. The most serious alerts stand
/// first; how many more there are is said where they do not fit.
fn card(message: &Outgoing, console: Option<&str>) -> String {
    let mut alerts: Vec<&Notice> = message.alerts.iter().map(AsRef::as_ref).collect();
    alerts.sort_by_key(|alert| std::cmp::Reverse(alert.data.level));
    let mut card = String::new();
    if alerts.len() > 1 {
        card.push_str(&format!("## {}\n", digest_title(&message.alerts, Lang::Zh)));
    }
    let mut shown = 0_usize;
    for alert in &alerts {
        let block = block(alert, console);
        if card.len().saturating_add(block.len()) > LIMIT - TAIL {
            break;
        }
        card.push_str(&block);
        shown = shown.saturating_add(1);
    }
    let left = alerts.len().saturating_sub(shown);
    if left > 0 {
        card.push_str(&format!("**另有 {left} 条未列出，请到系统查看**\n"));
    }
    card.push_str(&format!("<font color=\"comment\">{}</font>", Lang::Zh.notice()));
    card
}

fn block(alert: &Notice, console: Option<&str>) -> String {
    let Said { title, lines } = said(alert, Lang::Zh);
    let colour = match alert.data.level {
        Severity::Red | Severity::Yellow => "warning",
        Severity::Green => "info",
        Severity::None => "comment",
    };
    let mut block = format!("### <font color=\"{colour}\">{}</font>\n", escaped(&title));
    for (label, text) in lines {
        block.push_str(&format!("> {label}：{}\n", escaped(&text)));
    }
    if let (Some(console), false) = (console, alert.data.case.is_empty()) {
        block.push_str(&format!("> [查看个案]({console}/cases/{})\n", escaped(&alert.data.case)));
    }
    block.push('\n');
    block
}

/// The robot's Markdown has no escape of its own: what would mark is written in its full width, as
/// Chinese text does.
fn escaped(text: &str) -> String {
    let wide = |c: char| match c {
        '!' | '#' | '&' | '(' | ')' | '*' | '<' | '>' | '@' | '[' | '\\' | ']' | '^' | '_'
        | '`' | '{' | '|' | '}' | '~' => {
            char::from_u32(u32::from(c).saturating_add(0xfee0)).unwrap_or(' ')
        }
        c => c,
    };
    plain(text).replace("://", "：//").chars().map(wide).collect()
}

#[cfg(test)]
mod tests;
