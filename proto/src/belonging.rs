//! Whose is a person: what the partitions of a journal and the person log tell each other.
//!
//! A profile's naming of a person is a *claim*; it goes to the person log. There one place decides
//! which claim wins and gives the person's events to that household's partition with an *adopt*,
//! and ends an earlier one with a *release*. Each change of hands is a *turn* of the person. This
//! file refuses to know who wins.

use crate::{
    catalogue::Catalogue,
    date::Instant,
    event::Event,
    frame::{FrameError, event_message, open_event, wire},
    ids::HouseholdKey,
};

/// A profile names a person, or names the person no longer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The person's token.
    pub person: Box<str>,
    /// Who claims.
    pub household: Box<str>,
    /// The profile's. The later one wins, then the smaller household id.
    pub updated_at: Instant,
    /// The profile names the person no longer, or is gone.
    pub removed: bool,
    /// Grows with each claim that the household's partition makes: of two claims of one household
    /// the one with the larger number is the later one.
    pub number: u64,
}

/// A person belongs to a household, and these events of the person count there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adopt {
    /// The person's token.
    pub person: Box<str>,
    /// The new owner.
    pub household: Box<str>,
    /// Of the claim that won.
    pub updated_at: Instant,
    /// Grows each time the person changes hands, also to nobody. Of what a partition is told about
    /// a person the largest turn holds; the events of one turn add up.
    pub turn: u64,
    /// Events of the person, in the order in which they were accepted.
    pub events: Vec<Event>,
}

/// A person's events count in a household no longer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// The person's token.
    pub person: Box<str>,
    /// The former owner.
    pub household: Box<str>,
    /// Of the claim that had won.
    pub updated_at: Instant,
    /// The turn that is over.
    pub turn: u64,
}

/// The first 16 bytes of SHA-256 of `person/<token>`: the person's key in routing headers, and what
/// decides the partition of the person log.
#[must_use]
pub fn person_key(token: &str) -> HouseholdKey {
    HouseholdKey::of(&format!("person/{token}"))
}

impl Claim {
    pub(crate) fn message(&self) -> wire::Claim {
        wire::Claim {
            person: self.person.to_string(),
            household: self.household.to_string(),
            updated_us: self.updated_at.0,
            removed: self.removed,
            number: self.number,
        }
    }
}

impl From<wire::Claim> for Claim {
    fn from(message: wire::Claim) -> Claim {
        Claim {
            person: message.person.into(),
            household: message.household.into(),
            updated_at: Instant(message.updated_us),
            removed: message.removed,
            number: message.number,
        }
    }
}

impl Adopt {
    pub(crate) fn message(&self, catalogue: &Catalogue) -> wire::Adopt {
        wire::Adopt {
            person: self.person.to_string(),
            household: self.household.to_string(),
            updated_us: self.updated_at.0,
            turn: self.turn,
            events: self.events.iter().map(|event| event_message(event, catalogue)).collect(),
        }
    }

    pub(crate) fn open(message: wire::Adopt, catalogue: &Catalogue) -> Result<Adopt, FrameError> {
        let events = message.events.into_iter().map(|event| open_event(event, catalogue));
        Ok(Adopt {
            events: events.collect::<Result<_, _>>()?,
            person: message.person.into(),
            household: message.household.into(),
            updated_at: Instant(message.updated_us),
            turn: message.turn,
        })
    }
}

impl Release {
    pub(crate) fn message(&self) -> wire::Release {
        wire::Release {
            person: self.person.to_string(),
            household: self.household.to_string(),
            updated_us: self.updated_at.0,
            turn: self.turn,
        }
    }
}

impl From<wire::Release> for Release {
    fn from(message: wire::Release) -> Release {
        Release {
            person: message.person.into(),
            household: message.household.into(),
            updated_at: Instant(message.updated_us),
            turn: message.turn,
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::{
        frame::{Entry, VERSION, decode, open, seal},
        ids::{hex, sha256},
        json::Json,
        person::Persons,
    };

    const EVENT: &str = r#"{"specversion":"1.0","id":"99-ybj-000000000001","source":"99/ybj","type":"medical.settlement","time":"2026-03-04T10:20:30+08:00","subject":"person/t1","data":{"occurred_on":"2026-03-03","setting":"inpatient","total_fen":1834500,"self_paid_fen":734500}}"#;

    fn entries(catalogue: &Catalogue) -> Vec<Entry> {
        let json = Json::parse(EVENT.as_bytes()).unwrap();
        let event = Event::parse(&json, catalogue, Persons::AsGiven).unwrap().0;
        let (person, household) = (Box::from("t1"), Box::from("H1"));
        let updated_at = Instant(9);
        vec![
            Entry::Claim(Box::new(Claim {
                person: Box::clone(&person),
                household: Box::clone(&household),
                updated_at,
                removed: true,
                number: 3,
            })),
            Entry::Adopt(Box::new(Adopt {
                person: Box::clone(&person),
                household: Box::clone(&household),
                updated_at,
                turn: 7,
                events: vec![event],
            })),
            Entry::Release(Box::new(Release { person, household, updated_at, turn: 7 })),
        ]
    }

    #[test]
    fn what_is_told_of_persons_survives_its_bytes_and_they_are_frozen() {
        let catalogue = Catalogue::shipped();
        let at = Instant(1_000_000);
        let sealed = entries(&catalogue).iter().map(|e| seal(e, at, at, &catalogue)).collect();
        let frame = wire::Frame {
            version: VERSION,
            at_us: at.0,
            history: false,
            entries: sealed,
            ..wire::Frame::default()
        };
        let bytes = frame.encode_to_vec();
        let golden = include_str!("../golden/belonging.v1.hex");
        assert_eq!(hex(&bytes), golden.trim_end());
        let back = decode(&bytes).unwrap();
        let opened: Vec<Entry> =
            back.entries.iter().map(|e| open(e, at, &catalogue).unwrap().1).collect();
        assert_eq!(opened, entries(&catalogue));
        let keys: Vec<&[u8]> =
            back.entries.iter().map(|e| &*e.header.as_ref().unwrap().subject_key).collect();
        assert_eq!(keys, [&sha256(b"person/t1")[..16], &sha256(b"H1")[..16], &sha256(b"H1")[..16]]);
    }
}
