//! How far a feed was seen: what the door tells every partition of a journal that has several, so
//! that each alert can say how complete its data were. This file refuses to know who is late.

use crate::{
    catalogue::{Catalogue, TypeId},
    date::Instant,
    frame::{FrameError, wire},
};

/// A feed, how far it was seen, and what it sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The feed.
    pub source: Box<str>,
    /// The largest `time` of its events.
    pub seen: Instant,
    /// The types of its events.
    pub types: Box<[TypeId]>,
}

impl Mark {
    pub(crate) fn message(&self, catalogue: &Catalogue) -> wire::Mark {
        let types = self.types.iter().map(|type_id| catalogue.get(*type_id).name.clone());
        wire::Mark { source: self.source.to_string(), seen_us: self.seen.0, types: types.collect() }
    }

    pub(crate) fn open(message: wire::Mark, catalogue: &Catalogue) -> Result<Mark, FrameError> {
        let known = |name: &String| catalogue.type_id(name).ok_or(FrameError::UnknownType);
        let types = message.types.iter().map(known).collect::<Result<_, _>>()?;
        Ok(Mark { source: message.source.into(), seen: Instant(message.seen_us), types })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        frame::{Entry, FrameReader, encode},
        ids::hex,
    };

    #[test]
    fn marks_survive_their_bytes_and_they_are_frozen() {
        let catalogue = Catalogue::shipped();
        let types = ["medical.settlement", "medical.diagnosis"];
        let types = types.map(|name| catalogue.type_id(name).unwrap());
        let mark = Mark { source: "99/ybj".into(), seen: Instant(9), types: types.into() };
        let entry = Entry::Marks([mark].into());
        let at = Instant(1_000_000);
        let bytes = encode(at, [(at, &entry)].into_iter(), &catalogue);
        assert_eq!(hex(&bytes), include_str!("../golden/marks.v1.hex").trim_end());
        let mut frame = FrameReader::new(&bytes).unwrap();
        let opened = frame.next().unwrap().unwrap().open(at, &catalogue).unwrap();
        assert_eq!(opened, (at, entry));
        let strange = wire::Mark { types: vec!["no.such".into()], ..wire::Mark::default() };
        assert_eq!(Mark::open(strange, &catalogue), Err(FrameError::UnknownType));
    }
}
