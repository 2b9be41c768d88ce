//! The pure core: bytes, a shape, a catalogue and a clock become entries, refusals, dead letters.
//!
//! It decides record by record whether it is well formed and whether its caller may send it. It
//! refuses to do I/O, to read a clock, and to repeat what it refused.

use proto::{
    catalogue::Catalogue,
    codes::Code,
    date::{DAY_US, Instant},
    event::{AHEAD_FLAGGED_US, Event, Noticed, Refusal},
    frame::Entry,
    household::Profile,
    ids::household_id,
    json::Json,
    outcome::{CaseId, CaseOutcome},
    person::{Persons, TokenKey, holds_id_number},
};

use crate::{
    caller::Caller,
    dead_letter::{DeadLetter, scrub},
    port::Submission,
};

mod split;

pub use split::{Shape, Whole};

/// Most records in one call.
pub const RECORDS: usize = 10_000;

/// What the records are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Noun {
    /// CloudEvents.
    Event,
    /// Household profiles.
    Household,
    /// An outcome of this case.
    Outcome(CaseId),
}

/// What a call is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    /// The event types in force.
    pub catalogue: &'a Catalogue,
    /// Turns ID numbers into tokens.
    pub key: &'a TokenKey,
    /// The receiver's clock.
    pub now: Instant,
    /// Who sends.
    pub caller: &'a Caller,
}

/// One record of a call and what the door found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its place: of an array the element, of lines the line, from 0.
    pub index: u64,
    /// The event's or household's id where it is fit to be repeated.
    pub id: Option<String>,
    /// Why it is refused; nothing when it has become an entry.
    pub refused: Option<Refused>,
}

/// Why a record is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The stable code.
    pub code: Code,
    /// RFC 6901 pointer into the record, for what is well-formed JSON.
    pub pointer: Option<String>,
    /// The byte of the record where the JSON breaks a rule.
    pub offset: Option<usize>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused { code: refusal.code, pointer: Some(refusal.pointer), offset: None }
    }
}

/// What was noticed in the records of a call that were taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Unknown or personal fields that were dropped.
    pub dropped: u64,
    /// Records with an ID number whose checksum does not hold.
    pub unverified: u64,
    /// Events more than 5 minutes ahead of the clock.
    pub ahead: u64,
}

/// A call that has been looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// The well-formed records, in order.
    pub entries: Vec<Entry>,
    /// One for each record, in order; those not refused are the entries, in order.
    pub records: Vec<Record>,
    /// One for each refused record.
    pub dead: Vec<DeadLetter>,
    /// What was noticed.
    pub tally: Tally,
}

impl Checked {
    /// How many records were refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.records.len() - self.entries.len()
    }

    /// Splits off what goes to the journal.
    #[must_use]
    pub fn into_submission(self) -> (Submission, Vec<Record>) {
        let mut refused: Vec<(Code, u64)> = Vec::new();
        for code in self.records.iter().filter_map(|r| r.refused.as_ref()).map(|r| r.code) {
            match refused.binary_search_by_key(&code, |(code, _)| *code) {
                Ok(at) => refused[at].1 += 1,
                Err(at) => refused.insert(at, (code, 1)),
            }
        }
        (Submission { entries: self.entries, refused, dead: self.dead }, self.records)
    }

    /// Refuses a record that had become the `entry`-th entry, for a reason found outside.
    pub fn refuse_entry(&mut self, entry: usize, code: Code, pointer: &str, now: Instant) {
        let mut taken = self.records.iter_mut().filter(|r| r.refused.is_none());
        if let Some(record) = taken.nth(entry) {
            record.refused = Some(Refusal::new(code, pointer).into());
            let body = match self.entries.remove(entry) {
                Entry::Profile(profile) => Some(profile.canonical.into_vec()),
                Entry::Outcome(outcome) => Some(outcome.to_json().canonical()),
                _ => None,
            };
            let length = body.as_ref().map_or(0, Vec::len);
            self.dead.push(DeadLetter {
                code,
                pointer: Some(pointer.to_owned()),
                received_at: now,
                index: record.index,
                length: u64::try_from(length).unwrap_or(u64::MAX),
                body,
                altered: false,
                origin: None,
            });
        }
    }
}

impl Door<'_> {
    /// Looks at every record of a call.
    ///
    /// # Errors
    /// [`Whole`] when the call cannot be taken apart, or has too many records.
    pub fn check(&self, body: &[u8], shape: Shape, noun: Noun) -> Result<Checked, Whole> {
        let mut checked = Checked::default();
        for (index, record) in split::records(body, shape, RECORDS)? {
            self.record(index, record, noun, &mut checked);
        }
        Ok(checked)
    }

    fn record(&self, index: u64, bytes: &[u8], noun: Noun, checked: &mut Checked) {
        let (id, read) = match Json::parse(bytes) {
            Ok(json) => {
                let id = fit_to_repeat(&json, noun);
                match self.read(&json, noun) {
                    Ok(read) => (id, Ok(read)),
                    Err(refusal) => {
                        let scrubbed = scrub(&json, Persons::Tokens(self.key));
                        (id, Err((Refused::from(refusal), Some(scrubbed))))
                    }
                }
            }
            Err(e) => {
                let refused = Refused { code: e.code, pointer: None, offset: Some(e.offset) };
                (None, Err((refused, None)))
            }
        };
        let refused = match read {
            Ok((entry, noticed)) => {
                checked.tally.dropped += u64::from(noticed.dropped);
                checked.tally.unverified += u64::from(noticed.unverified);
                checked.tally.ahead += u64::from(self.ahead(&entry));
                checked.entries.push(entry);
                None
            }
            Err((refused, scrubbed)) => {
                let (body, altered) = scrubbed.map_or((None, false), |(b, a)| (Some(b), a));
                checked.dead.push(DeadLetter {
                    code: refused.code,
                    pointer: refused.pointer.clone(),
                    received_at: self.now,
                    index,
                    length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                    body,
                    altered,
                    origin: None,
                });
                Some(refused)
            }
        };
        checked.records.push(Record { index, id, refused });
    }

    fn read(&self, json: &Json<'_>, noun: Noun) -> Result<(Entry, Noticed), Refusal> {
        let persons = Persons::Tokens(self.key);
        match noun {
            Noun::Event => {
                let (event, noticed) = Event::parse(json, self.catalogue, persons)?;
                event.check_clock(self.now)?;
                self.caller.check_event(&event)?;
                Ok((Entry::Event(Box::new(event)), noticed))
            }
            Noun::Household => {
                let (profile, noticed) = Profile::parse(json, self.now, persons)?;
                self.check_updated_at(profile.updated_at)?;
                if !self.caller.may_touch(profile.region) {
                    return Err(Refusal::new(Code::AuthForbidden, "/region"));
                }
                Ok((Entry::Profile(Box::new(profile)), noticed))
            }
            Noun::Outcome(case) => {
                let (outcome, dropped) = CaseOutcome::parse(json, case)?;
                outcome.check_clock(self.now)?;
                let noticed = Noticed { dropped, ..Noticed::default() };
                Ok((Entry::Outcome(Box::new(outcome)), noticed))
            }
        }
    }

    /// The check that a profile or removal does not claim a far future: nothing later could ever
    /// take its place.
    ///
    /// # Errors
    /// `time.future` at `/updated_at` when it lies more than 24 hours ahead.
    pub fn check_updated_at(&self, updated_at: Instant) -> Result<(), Refusal> {
        if updated_at > self.now.plus_us(DAY_US) {
            return Err(Refusal::new(Code::TimeFuture, "/updated_at"));
        }
        Ok(())
    }

    fn ahead(&self, entry: &Entry) -> bool {
        let limit = self.now.plus_us(AHEAD_FLAGGED_US);
        matches!(entry, Entry::Event(event) if event.time > limit)
    }
}

/// The record's id, if repeating it tells nothing: a short plain text without an ID number.
fn fit_to_repeat(json: &Json<'_>, noun: Noun) -> Option<String> {
    let key = match noun {
        Noun::Event | Noun::Outcome(_) => "id",
        Noun::Household => "household",
    };
    let id = json.get(key)?.text()?;
    let plain = match noun {
        Noun::Household => household_id(id),
        Noun::Event | Noun::Outcome(_) => {
            (1..=256).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/+=@#-".contains(&b))
                && !holds_id_number(id)
        }
    };
    plain.then(|| id.to_owned())
}
