//! A subscription as the API has it: read, checked once, and turned into a planner's wish.

use planner::{DAY_MIN, Digest, Quiet, Timing, Wish};
use proto::{
    alert::Severity,
    codes::Code,
    date::Instant,
    person::holds_id_number,
    region::{Area, Prefix},
};
use serde::{Deserialize, Serialize};

use crate::channel::{Kind, Target, wecom};

/// Letters of a name.
const NAME: usize = 200;
/// Entries of a list.
const LIST: usize = 50;
/// Bytes of a word in a list.
const WORD: usize = 40;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What people call it.
    pub name: String,
    /// A region prefix, or a resettlement site's id; empty: everything that the owner may see.
    #[serde(default)]
    pub region: String,
    /// The lowest level.
    #[serde(default = "green")]
    pub min_level: Severity,
    /// Only these risks; empty: any.
    #[serde(default)]
    pub risks: Vec<Box<str>>,
    /// Only these changes; empty: any.
    #[serde(default)]
    pub changes: Vec<Box<str>>,
    /// Alerts of one window go together; 0: each alone.
    #[serde(default)]
    pub group_minutes: u16,
    /// What is collected for a fixed time.
    #[serde(default)]
    pub digest: Option<DigestSpec>,
    /// When nothing may come that can wait.
    #[serde(default)]
    pub quiet: Option<QuietSpec>,
    /// Nothing before this instant, RFC 3339.
    #[serde(default)]
    pub mute_until: Option<String>,
    /// Messages a minute at most; 0: any number.
    #[serde(default)]
    pub rate_per_minute: u16,
    /// Where to.
    pub channel: Target,
    /// Where to when that fails for good.
    #[serde(default)]
    pub escalate_to: Option<Target>,
    /// What it begins with.
    #[serde(default)]
    pub start: Start,
}

fn green() -> Severity {
    Severity::Green
}

/// What a subscription begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The present cases of its filter.
    #[default]
    Open,
    /// The next alert.
    Now,
}

/// Alerts collected for a fixed time of the day, or of one day of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigestSpec {
    /// `HH:MM` in Asia/Shanghai.
    pub at: String,
    /// 1 Monday … 7 Sunday; absent: every day.
    #[serde(default)]
    pub weekday: Option<u8>,
    /// What stands above it is not collected.
    #[serde(default = "green")]
    pub up_to: Severity,
}

/// Hours in which messages wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietSpec {
    /// The first quiet minute, `HH:MM` in Asia/Shanghai.
    pub from: String,
    /// The first minute that is no longer quiet.
    pub to: String,
    /// Whether red comes nevertheless.
    #[serde(default = "yes")]
    pub red_breaks: bool,
}

fn yes() -> bool {
    true
}

/// Why a subscription is not taken, and where it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Why.
    pub code: Code,
    /// The JSON pointer of the field.
    pub pointer: String,
}

fn invalid(code: Code, pointer: &str) -> Invalid {
    Invalid { code, pointer: pointer.to_owned() }
}

impl Spec {
    /// Reads the body of a call, or the wish of a row.
    ///
    /// # Errors
    /// [`Invalid`] with the place of what is wrong.
    pub fn parse(text: &[u8]) -> Result<Spec, Invalid> {
        let mut json = serde_json::Deserializer::from_slice(text);
        let spec: Spec = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let code = match error.inner().classify() {
                serde_json::error::Category::Data => Code::SubscriptionInvalid,
                _ => Code::JsonSyntax,
            };
            let path = error.path().to_string();
            let pointer = if path == "." { String::new() } else { pointer(&path) };
            Invalid { code, pointer }
        })?;
        json.end().map_err(|_| invalid(Code::JsonSyntax, ""))?;
        spec.check()?;
        Ok(spec)
    }

    fn check(&self) -> Result<(), Invalid> {
        let wrong = |field| Err(invalid(Code::SubscriptionInvalid, field));
        let letters = self.name.chars().count();
        if letters == 0 || letters > NAME || self.name.chars().any(char::is_control) {
            return wrong("/name");
        }
        if holds_id_number(&self.name) {
            return Err(invalid(Code::IdPersonal, "/name"));
        }
        if !self.region.is_empty() && Area::parse(&self.region).is_none() {
            return wrong("/region");
        }
        for (list, field) in [(&self.risks, "/risks"), (&self.changes, "/changes")] {
            let word = |word: &str| {
                (1..=WORD).contains(&word.len())
                    && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            };
            if list.len() > LIST || !list.iter().all(|one| word(one)) {
                return wrong(field);
            }
        }
        if self.group_minutes > DAY_MIN {
            return wrong("/group_minutes");
        }
        if let Some(digest) = &self.digest {
            if minute(&digest.at).is_none() {
                return wrong("/digest/at");
            }
            if digest.weekday.is_some_and(|day| !(1..=7).contains(&day)) {
                return wrong("/digest/weekday");
            }
        }
        if let Some(quiet) = &self.quiet {
            if minute(&quiet.from).is_none() {
                return wrong("/quiet/from");
            }
            if minute(&quiet.to).is_none() {
                return wrong("/quiet/to");
            }
        }
        let until = self.mute_until.as_deref();
        if until.is_some_and(|until| Instant::parse(until).is_none()) {
            return wrong("/mute_until");
        }
        Ok(())
    }

    /// The area, which [`Spec::parse`] has checked.
    #[must_use]
    pub fn area(&self) -> Area {
        Area::parse(&self.region).unwrap_or(Area::Prefix(Prefix::ALL))
    }

    /// Messages a minute: a robot takes no more than its own limit.
    fn per_minute(&self) -> u16 {
        match (self.channel.kind(), self.rate_per_minute) {
            (Kind::Wecom, 0) => wecom::PER_MINUTE,
            (Kind::Wecom, asked) => asked.min(wecom::PER_MINUTE),
            (_, asked) => asked,
        }
    }

    /// The planner's form.
    #[must_use]
    pub fn wish(&self, key: i64, id: &str, within: Prefix) -> Wish {
        let digest = self.digest.as_ref().map(|digest| Digest {
            at: minute(&digest.at).unwrap_or_default(),
            weekday: digest.weekday,
            up_to: digest.up_to,
        });
        let quiet = self.quiet.as_ref().map(|quiet| Quiet {
            from: minute(&quiet.from).unwrap_or_default(),
            to: minute(&quiet.to).unwrap_or_default(),
            red_breaks: quiet.red_breaks,
        });
        Wish {
            key,
            id: id.into(),
            area: self.area(),
            within,
            min_level: self.min_level,
            risks: self.risks.clone(),
            changes: self.changes.clone(),
            muted_until: self.mute_until.as_deref().and_then(Instant::parse),
            timing: Timing {
                group_minutes: self.group_minutes,
                digest,
                quiet,
                per_minute: self.per_minute(),
            },
        }
    }
}

/// `HH:MM` as a minute of the day.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// `digest.at` and `risks[2]` as `/digest/at` and `/risks/2`.
fn pointer(path: &str) -> String {
    let parts = path.split(['.', '[']).map(|part| part.trim_end_matches(']'));
    parts.map(|part| format!("/{part}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn example() -> Value {
        json!({"name": "village desk", "region": "990102003004", "min_level": "yellow",
            "risks": [], "changes": [], "group_minutes": 0,
            "channel": {"kind": "webhook", "url": "https://a.example/x"}, "escalate_to": null})
    }

    #[test]
    fn the_contracts_example_is_taken() {
        let spec = Spec::parse(example().to_string().as_bytes()).unwrap();
        assert_eq!((spec.min_level, spec.start), (Severity::Yellow, Start::Open));
        let again = Spec::parse(&serde_json::to_vec(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
        let wish = spec.wish(3, "s", Prefix::ALL);
        assert_eq!((wish.key, wish.timing), (3, Timing::default()));
    }

    #[test]
    fn each_mistake_is_told_with_its_place() {
        for (field, value, pointer) in [
            ("name", json!(""), "/name"),
            ("name", json!("a\u{7}"), "/name"),
            ("region", json!("123"), "/region"),
            ("min_level", json!("pink"), "/min_level"),
            ("risks", json!(["Illness"]), "/risks"),
            ("risks", json!([1]), "/risks/0"),
            ("changes", json!(["a b"]), "/changes"),
            ("group_minutes", json!(1_441), "/group_minutes"),
            ("group_minutes", json!(-1), "/group_minutes"),
            ("digest", json!({"at": "8:00"}), "/digest/at"),
            ("digest", json!({"at": "08:00", "weekday": 8}), "/digest/weekday"),
            ("quiet", json!({"from": "22:00", "to": "24:00"}), "/quiet/to"),
            ("quiet", json!({"from": "x", "to": "07:00"}), "/quiet/from"),
            ("mute_until", json!("tomorrow"), "/mute_until"),
            ("channel", json!({"kind": "fax"}), "/channel"),
            ("start", json!("never"), "/start"),
        ] {
            let mut body = example();
            body[field] = value.clone();
            let told = Spec::parse(body.to_string().as_bytes()).unwrap_err();
            let kind = told.pointer == pointer || told.pointer.starts_with(&format!("{pointer}/"));
            assert!(told.code == Code::SubscriptionInvalid && kind, "{field} {value}: {told:?}");
        }
        let mut body = example();
        body["name"] = json!("990000199001010017");
        assert_eq!(Spec::parse(body.to_string().as_bytes()).unwrap_err().code, Code::IdPersonal);
        assert_eq!(Spec::parse(b"{").unwrap_err().code, Code::JsonSyntax);
        let unknown = json!({"colour": 1}).to_string();
        assert_eq!(Spec::parse(unknown.as_bytes()).unwrap_err().code, Code::SubscriptionInvalid);
    }
}
