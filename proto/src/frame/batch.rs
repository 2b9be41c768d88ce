//! Which call a frame is a part of: in a journal of several partitions a call stands in several
//! frames, and one of them accounts for the whole of it. It refuses to know what becomes of a call.

use prost::Message;

use super::{FrameReader, wire};
use crate::{codes::Code, date::Instant};

/// The call that a frame is a part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchPart {
    /// The call's id, never 0.
    pub id: u64,
    /// In the frame that accounts for the whole call: its records, the refused ones included.
    pub rows: Option<u64>,
}

/// Says in a frame which call it is a part of; once for each frame. In the one that accounts for the
/// call, `whole` are its records and what the door refused of them, by code.
pub fn mark_batch(frame: &mut Vec<u8>, id: u64, whole: Option<(u64, &[(Code, u64)])>) {
    let (rows, refused) = whole.unwrap_or_default();
    let refused = refused
        .iter()
        .map(|(code, count)| wire::Refused { code: code.name().to_owned(), count: *count });
    let batch = wire::Batch { id, whole: whole.is_some(), rows };
    // Messages whose bytes follow each other are one message.
    let rest =
        wire::Frame { refused: refused.collect(), batch: Some(batch), ..wire::Frame::default() };
    frame.extend_from_slice(&rest.encode_to_vec());
}

/// A frame without entries: only the clock moves.
#[must_use]
pub fn empty(at: Instant) -> Vec<u8> {
    wire::Frame { version: super::VERSION, at_us: at.0, ..wire::Frame::default() }.encode_to_vec()
}

impl FrameReader<'_> {
    /// The call that the frame is a part of.
    #[must_use]
    pub fn batch(&self) -> Option<BatchPart> {
        self.batch
    }
}

pub(super) fn read(bytes: &[u8]) -> Option<BatchPart> {
    let wire::Batch { id, whole, rows } = wire::Batch::decode(bytes).ok()?;
    Some(BatchPart { id, rows: whole.then_some(rows) })
}

/// What the door refused, as a frame's bytes have it.
pub(super) fn refused(bytes: &[u8]) -> Option<(String, u64)> {
    let wire::Refused { code, count } = wire::Refused::decode(bytes).ok()?;
    Some((code, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex;

    #[test]
    fn a_part_of_a_call_survives_its_bytes_and_they_are_frozen() {
        let mut part = empty(Instant(1_000_000));
        let mut whole = part.clone();
        mark_batch(&mut part, 7, None);
        mark_batch(&mut whole, 7, Some((5, &[(Code::JsonSyntax, 2)])));
        let golden: Vec<&str> = include_str!("../../golden/batch.v1.hex").lines().collect();
        assert_eq!([hex(&part), hex(&whole)], golden[..]);
        let read = |frame: &[u8]| {
            let frame = FrameReader::new(frame).unwrap();
            (frame.at(), frame.batch(), frame.refused())
        };
        let at = Instant(1_000_000);
        assert_eq!(read(&part), (at, Some(BatchPart { id: 7, rows: None }), Vec::new()));
        let refused = vec![("json.syntax".to_owned(), 2)];
        assert_eq!(read(&whole), (at, Some(BatchPart { id: 7, rows: Some(5) }), refused));
        assert_eq!(read(&empty(at)), (at, None, Vec::new()));
    }
}
