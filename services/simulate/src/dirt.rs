//! What is wrong with real registers: failing checksums, old region codes, persons on two lists
//! and persons on none. It refuses to repair it.

use crate::{
    draw::{Draw, Topic},
    population::Person,
};

/// ID numbers whose check character is wrong.
const BAD_NUMBERS: f64 = 0.003;
/// Households filed under a merged village; a tenth of the villages have swallowed one.
const STALE_REGIONS: f64 = 0.05;
/// Persons named by the neighbours too.
const TWO_LISTS: f64 = 0.002;
/// Persons no profile names.
const NO_LIST: f64 = 0.04;

/// What is wrong with one household's entry.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Dirt {
    /// Filed under the code of a village that is no more, where there is one.
    pub(crate) stale_region: bool,
    /// The neighbours name this member too.
    pub(crate) lent: Option<u8>,
}

/// Spoils the members' entries. The head stays named: somebody answers the door.
pub(crate) fn assign(seed: u64, index: u32, people: &mut [Person]) -> Dirt {
    let mut draw = Draw::new(seed, Topic::Dirt, u64::from(index));
    let mut dirt = Dirt { stale_region: draw.chance(STALE_REGIONS), lent: None };
    // The head carries the others' share of not being named.
    for person in people {
        person.bad_number = draw.chance(BAD_NUMBERS);
        let lent = draw.chance(TWO_LISTS);
        if lent && person.slot > 0 {
            dirt.lent = Some(person.slot);
        }
        person.named = !draw.chance(NO_LIST * 1.45) || person.slot == 0;
    }
    dirt
}

/// The household that names a lent member too.
pub(crate) fn neighbour(index: u32) -> u32 {
    if index.is_multiple_of(2) { index - 1 } else { index + 1 }
}
