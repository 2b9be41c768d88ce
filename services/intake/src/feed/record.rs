//! One record of a topic, judged: an entry, or a scrubbed dead letter that says where it stands. It
//! does no I/O and reads no clock.

use std::borrow::Cow;
use std::collections::BTreeMap;

use log::Record;
use proto::{
    catalogue::Catalogue,
    codes::Code,
    date::Instant,
    event::Event,
    frame::Entry,
    ids::household_id,
    person::{Persons, TokenKey},
};

use super::Told;
use crate::{
    caller::Caller,
    dead_letter::{DeadLetter, Origin},
    door::{Door, Noun, Shape},
    marks::Marks,
    pack::Packer,
};

/// The content type of a CloudEvent that stands whole in the record's value.
const STRUCTURED: &[u8] = b"application/cloudevents";
/// What the names of a CloudEvent's attributes begin with where they stand in headers.
const ATTRIBUTE: &str = "ce_";

/// What records are judged by, and where they go.
pub(super) struct Judge {
    pub(super) nouns: BTreeMap<String, Noun>,
    pub(super) key: TokenKey,
    pub(super) caller: Caller,
    pub(super) packer: Packer,
    /// How far the feeds were seen since they were taken off.
    pub(super) seen: Marks,
    /// Partitions of the dead letters.
    pub(super) dead: u32,
}

impl Judge {
    pub(super) fn take(
        &mut self,
        record: &Record<'_>,
        now: Instant,
        catalogue: &Catalogue,
        told: &mut Told,
        dead: &mut Vec<(u32, Vec<u8>)>,
    ) {
        let noun = self.nouns.get(record.topic).copied().unwrap_or(Noun::Event);
        let value = match (noun, record.value) {
            (Noun::Household, None) => {
                let taken = self.removal(record, now, catalogue);
                return count(taken, record, self.dead, told, dead);
            }
            (_, value) => whole(record, value.unwrap_or_default()),
        };
        if noun == Noun::Event && self.short_way(&value, now, catalogue) {
            told.taken += 1;
            return;
        }
        // A profile without an instant of its own has the one at which it was written: the same
        // however often it is read.
        let now = if noun == Noun::Household { written(record, now) } else { now };
        let door = Door { catalogue, key: &self.key, now, caller: &self.caller };
        let taken = match door.check(&value, Shape::One, noun) {
            Ok(mut checked) => match checked.dead.pop() {
                Some(letter) => Err(letter),
                None => {
                    for entry in &checked.entries {
                        self.packer.add(entry, catalogue);
                        if let Entry::Event(event) = entry {
                            self.seen.note(event);
                        }
                    }
                    Ok(())
                }
            },
            Err(whole) => Err(bare(whole.code, value.len(), now)),
        };
        count(taken, record, self.dead, told, dead);
    }

    /// Takes the lines that feeds send by the million; whatever is unusual is left to the door.
    fn short_way(&mut self, value: &[u8], now: Instant, catalogue: &Catalogue) -> bool {
        let Some(event) = Event::plain(value, catalogue, Persons::Tokens(&self.key)) else {
            return false;
        };
        let fits = event.check_clock(now).is_ok() && self.caller.check_event(&event).is_ok();
        if fits {
            self.packer.add_event(&event, catalogue);
            self.seen.note(&event);
        }
        fits
    }

    /// A tombstone removes the household that its key names, as of the instant it was written.
    fn removal(
        &mut self,
        record: &Record<'_>,
        now: Instant,
        catalogue: &Catalogue,
    ) -> Result<(), DeadLetter> {
        let id = record.key.and_then(|key| std::str::from_utf8(key).ok());
        let Some(household) = id.filter(|id| household_id(id)) else {
            return Err(bare(Code::SchemaRequired, 0, now));
        };
        let updated_at = written(record, now);
        self.packer.add(&Entry::Removal { household: household.into(), updated_at }, catalogue);
        Ok(())
    }
}

/// When the record was written, never later than now: a writer's clock that is ahead must not make
/// its record the latest for ever.
fn written(record: &Record<'_>, now: Instant) -> Instant {
    record.written_us.map_or(now, Instant).min(now)
}

fn bare(code: Code, length: usize, now: Instant) -> DeadLetter {
    DeadLetter {
        code,
        pointer: None,
        received_at: now,
        index: 0,
        length: u64::try_from(length).unwrap_or(u64::MAX),
        body: None,
        altered: false,
        origin: None,
    }
}

fn count(
    taken: Result<(), DeadLetter>,
    record: &Record<'_>,
    partitions: u32,
    told: &mut Told,
    dead: &mut Vec<(u32, Vec<u8>)>,
) {
    let Err(mut letter) = taken else {
        told.taken += 1;
        return;
    };
    *told.refused.entry(letter.code).or_default() += 1;
    letter.origin = Some(Origin {
        topic: record.topic.to_owned(),
        partition: record.partition,
        offset: record.offset,
    });
    dead.push((record.partition % partitions.max(1), letter.to_json().into_bytes()));
}

/// The whole CloudEvent in JSON: as it stands, or put together from the headers of binary mode.
fn whole<'r>(record: &Record<'r>, value: &'r [u8]) -> Cow<'r, [u8]> {
    let named = |name: &str| {
        let mut headers = record.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    };
    let structured = named("content-type").is_some_and(|kind| kind.starts_with(STRUCTURED));
    if structured || named("ce_specversion").is_none() {
        return Cow::Borrowed(value);
    }
    let mut json = vec![b'{'];
    for (key, value) in record.headers {
        if let Some(name) = key.strip_prefix(ATTRIBUTE) {
            write_text(name.as_bytes(), &mut json);
            json.push(b':');
            write_text(value, &mut json);
            json.push(b',');
        }
    }
    json.extend_from_slice(b"\"data\":");
    json.extend_from_slice(if value.is_empty() { b"null" } else { value });
    json.push(b'}');
    Cow::Owned(json)
}

/// A JSON string; bytes that are not UTF-8 stay as they are, and the door refuses them by name.
fn write_text(text: &[u8], into: &mut Vec<u8>) {
    match std::str::from_utf8(text) {
        Ok(text) => into.extend(serde_json::to_vec(text).unwrap_or_default()),
        Err(_) => {
            into.push(b'"');
            into.extend_from_slice(text);
            into.push(b'"');
        }
    }
}
