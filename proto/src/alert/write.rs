//! The bytes of an alert: what `serde_json` writes of it, several times sooner.
//!
//! Alerts are the largest part of what the fold puts out, so their texts are copied whole where
//! nothing in them must be escaped, and their dates are written as digits. It refuses to know what
//! an alert means.

use std::io::Write as _;

use super::{Clocks, Data, Evidence, Offer, Signal, TYPE, Value};
use crate::{
    date::{Date, Instant},
    ids,
};

/// Adds the CloudEvent as one JSON line without a line end.
pub(super) fn write(time: Instant, data: &Data<'_>, page: &mut Vec<u8>) {
    let region = data.region.digits();
    let region = std::str::from_utf8(&region).unwrap_or_default();
    let mut out = Out(page);
    out.raw(r#"{"specversion":"1.0","id":"#);
    out.word(&ids::alert_id(data.case, data.revision));
    out.raw(r#","source":"levee/"#);
    out.raw(region.get(..2).unwrap_or_default());
    out.raw(r#"","type":"#);
    out.word(TYPE);
    out.raw(r#","time":"#);
    out.instant(time);
    out.raw(r#","subject":"household/"#);
    out.escaped(data.household);
    out.raw(r#"","data":{"case":"#);
    out.case(data, region);
    out.raw(r#","signals":["#);
    out.list(&data.signals, Out::signal);
    out.rest(data);
    out.raw("}}");
}

/// Whether surely nothing in a text must be escaped; eight bytes are looked at in one step.
fn plain(text: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    // The high bit of each byte that is below `least`; bits of bytes above it may be set as well.
    let below = |word: u64, least: u64| word.wrapping_sub(ONES * least) & !word & HIGH;
    let escapes = |word: u64| {
        let quote = word ^ (ONES * u64::from(b'"'));
        let slash = word ^ (ONES * u64::from(b'\\'));
        (below(word, 0x20) | below(quote, 1) | below(slash, 1)) != 0
    };
    let Some(last) = text.last_chunk::<8>() else {
        return text.iter().all(|byte| *byte >= 0x20 && !matches!(byte, b'"' | b'\\'));
    };
    // The last eight bytes overlap with those before them where eight does not divide the length.
    let (words, _) = text.as_chunks::<8>();
    !words.iter().any(|word| escapes(u64::from_le_bytes(*word)))
        && !escapes(u64::from_le_bytes(*last))
}

struct Out<'o>(&'o mut Vec<u8>);

impl Out<'_> {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, text: &str) {
        self.0.push(b'"');
        self.escaped(text);
        self.0.push(b'"');
    }

    /// A text of ours in which nothing is to be escaped.
    fn word(&mut self, text: &str) {
        self.0.push(b'"');
        self.raw(text);
        self.0.push(b'"');
    }

    fn escaped(&mut self, text: &str) {
        if plain(text.as_bytes()) {
            self.raw(text);
            return;
        }
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.0.extend([b'\\', byte]),
                0x08 => self.raw("\\b"),
                0x09 => self.raw("\\t"),
                0x0a => self.raw("\\n"),
                0x0c => self.raw("\\f"),
                0x0d => self.raw("\\r"),
                0x00..0x20 => self.shown(format_args!("\\u{byte:04x}")),
                _ => self.0.push(byte),
            }
        }
    }

    fn shown(&mut self, what: std::fmt::Arguments<'_>) {
        // Writing into memory cannot fail.
        let _ = self.0.write_fmt(what);
    }

    fn int(&mut self, value: i64) {
        self.raw(itoa::Buffer::new().format(value));
    }

    fn count(&mut self, value: usize) {
        self.int(i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn date(&mut self, date: Date) {
        self.0.push(b'"');
        match date.digits() {
            Some(digits) => self.0.extend_from_slice(&digits),
            None => self.shown(format_args!("{date}")),
        }
        self.0.push(b'"');
    }

    fn instant(&mut self, instant: Instant) {
        match instant.digits() {
            Some(digits) => {
                self.0.push(b'"');
                self.0.extend_from_slice(&digits);
                self.raw("+08:00\"");
            }
            None => self.shown(format_args!("\"{instant}\"")),
        }
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        for (at, each) in items.iter().enumerate() {
            if at > 0 {
                self.0.push(b',');
            }
            item(self, each);
        }
        self.0.push(b']');
    }

    fn texts(&mut self, texts: &[&str]) {
        self.list(texts, |out, text| out.text(text));
    }

    fn case(&mut self, data: &Data<'_>, region: &str) {
        self.word(data.case);
        self.raw(r#","episode":"#);
        self.int(data.episode.into());
        self.raw(r#","revision":"#);
        self.int(data.revision.into());
        self.raw(r#","change":"#);
        self.word(data.change.word());
        self.raw(r#","level":"#);
        self.word(data.level.word());
        self.raw(r#","previous_level":"#);
        self.word(data.previous_level.word());
        self.raw(r#","household":"#);
        self.text(data.household);
        self.raw(r#","region":"#);
        self.word(region);
        self.raw(r#","site":"#);
        match data.site {
            Some(site) => self.text(site),
            None => self.raw("null"),
        }
        self.raw(r#","as_of":"#);
        self.date(data.as_of);
        self.raw(r#","risks":["#);
        self.texts(&data.risks);
    }

    fn signal(&mut self, signal: &Signal<'_>) {
        self.raw(r#"{"rule":"#);
        self.text(signal.rule);
        self.raw(r#","pack":"#);
        self.text(signal.pack);
        self.raw(r#","digest":"#);
        self.word(signal.digest);
        self.raw(r#","level":"#);
        self.word(signal.level.word());
        self.raw(r#","risk":"#);
        self.text(signal.risk);
        self.raw(r#","values":{"#);
        for (at, (name, value)) in signal.values.0.iter().enumerate() {
            if at > 0 {
                self.0.push(b',');
            }
            self.text(name);
            self.0.push(b':');
            match value {
                Value::Bool(value) => self.raw(if *value { "true" } else { "false" }),
                Value::Int(value) => self.int(*value),
                Value::Text(value) => self.text(value),
            }
        }
        self.raw(r#"},"why":{"zh":"#);
        self.text(&signal.why.zh);
        self.raw(r#","en":"#);
        self.text(&signal.why.en);
        self.raw(r#"},"events":["#);
        self.list(&signal.events, Out::evidence);
        self.raw(r#","events_total":"#);
        self.count(signal.events_total);
        self.raw(r#","measures":["#);
        self.texts(&signal.measures);
        self.0.push(b'}');
    }

    fn evidence(&mut self, evidence: &Evidence<'_>) {
        self.raw(r#"{"source":"#);
        self.text(evidence.source);
        self.raw(r#","id":"#);
        self.text(evidence.id);
        self.raw(r#","occurred_on":"#);
        self.date(evidence.occurred_on);
        self.0.push(b'}');
    }

    fn offer(&mut self, offer: &Offer<'_>) {
        self.raw(r#"{"code":"#);
        self.text(offer.code);
        self.raw(r#","zh":"#);
        self.text(offer.zh);
        self.raw(r#","en":"#);
        self.text(offer.en);
        self.0.push(b'}');
    }

    fn clocks(&mut self, clocks: &Clocks) {
        let Clocks { acknowledge_by, visit_by, decide_by, steps } = clocks;
        let first = [
            (r#""acknowledge_by":"#, acknowledge_by),
            (r#""visit_by":"#, visit_by),
            (r#""decide_by":"#, decide_by),
        ];
        let mut comma = "";
        for (name, by) in first.into_iter().filter_map(|(name, by)| Some((name, (*by)?))) {
            self.raw(comma);
            self.raw(name);
            self.instant(by);
            comma = ",";
        }
        if !steps.is_empty() {
            self.raw(comma);
            self.raw(r#""steps":["#);
            self.list(steps, |out, due| {
                out.raw(r#"{"step":"#);
                out.word(due.step.word());
                out.raw(r#","by":"#);
                out.instant(due.by);
                out.0.push(b'}');
            });
        }
    }

    /// What follows the signals.
    fn rest(&mut self, data: &Data<'_>) {
        if !data.measures.is_empty() {
            self.raw(r#","measures":["#);
            self.list(&data.measures, Out::offer);
        }
        if !data.contradictions.is_empty() {
            self.raw(r#","contradictions":["#);
            self.texts(&data.contradictions);
        }
        self.raw(r#","priority":"#);
        self.int(data.priority);
        self.raw(r#","route":["#);
        self.texts(&data.route);
        self.raw(r#","clocks":{"#);
        self.clocks(&data.clocks);
        self.0.push(b'}');
        if let Some(overdue) = &data.overdue {
            self.raw(r#","overdue":{"clock":"#);
            self.word(overdue.clock.word());
            self.raw(r#","from":"#);
            self.text(overdue.from);
            self.raw(r#","to":"#);
            self.text(overdue.to);
            self.0.push(b'}');
        }
        self.raw(r#","profile_at":"#);
        self.instant(data.profile_at);
        self.raw(r#","feeds":["#);
        self.list(&data.feeds, |out, feed| {
            out.raw(r#"{"source":"#);
            out.text(feed.source);
            out.raw(r#","seen_to":"#);
            out.date(feed.seen_to);
            out.0.push(b'}');
        });
        if let Some(reason) = data.reason {
            self.raw(r#","reason":"#);
            self.word(reason);
        }
        if data.history {
            self.raw(r#","history":true"#);
        }
        self.raw(r#","notice":"#);
        self.word(data.notice);
    }
}
