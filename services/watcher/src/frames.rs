//! A call's entries as a journal record. It knows no log and no fold.

use prost::Message;
use proto::{
    catalogue::Catalogue,
    codes::Code,
    date::Instant,
    frame::{Entry, VERSION, seal, wire},
};

/// What one call brought, stamped.
#[derive(Debug)]
pub(crate) struct Framed {
    /// Never smaller than that of the frame before.
    pub(crate) at: Instant,
    /// Whether it is of a past that is being filled in.
    pub(crate) history: bool,
    /// The entries with their instants; none: only the clock moves.
    pub(crate) entries: Vec<(Instant, Entry)>,
    /// What the door refused of the same call.
    pub(crate) refused: Vec<(Code, u64)>,
}

impl Framed {
    /// The record's bytes.
    pub(crate) fn encode(&self, catalogue: &Catalogue) -> Vec<u8> {
        let sealed = self.entries.iter().map(|(at, entry)| seal(entry, *at, self.at, catalogue));
        let refused = self.refused.iter();
        let refused = refused
            .map(|(code, count)| wire::Refused { code: code.name().to_owned(), count: *count });
        wire::Frame {
            version: VERSION,
            at_us: self.at.0,
            history: self.history,
            entries: sealed.collect(),
            refused: refused.collect(),
            ..wire::Frame::default()
        }
        .encode_to_vec()
    }
}
