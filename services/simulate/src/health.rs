//! Frailty: a health class per person by age, and who holds a disability certificate.
//!
//! The classes' shares over all ages are 70, 21.5, 7 and 1.5 %. It refuses to know what an
//! illness costs.

use crate::{
    draw::{Draw, Topic},
    population::{Health, Labour, Person, School, Work},
};

const CLASSES: [Health; 4] = [Health::Good, Health::Chronic, Health::Severe, Health::Catastrophic];

/// Gives every member a health class, a certificate where it fits, and lets illness take labour
/// away.
pub(crate) fn assign(seed: u64, index: u32, people: &mut [Person]) {
    let mut draw = Draw::new(seed, Topic::Health, u64::from(index));
    for person in people {
        let shares = match person.age {
            ..15 => [0.927, 0.060, 0.010, 0.003],
            15..60 => [0.748, 0.190, 0.050, 0.012],
            _ => [0.447, 0.371, 0.153, 0.029],
        };
        person.health = CLASSES[draw.weighted(&shares)];
        let certified = match person.health {
            Health::Good => 0.010,
            Health::Chronic => 0.035,
            Health::Severe => 0.12,
            Health::Catastrophic => 0.30,
        };
        let lost = draw.chance(match person.health {
            Health::Good | Health::Chronic => 0.0,
            Health::Severe => 0.35,
            Health::Catastrophic => 0.75,
        });
        if draw.chance(certified) {
            person.disability = [1, 2, 3, 4][draw.weighted(&[0.12, 0.28, 0.30, 0.30])];
        }
        if lost || person.disability == 1 {
            person.labour = Labour::None;
            person.work = Work::None;
        } else if person.disability == 2 && person.labour == Labour::Full {
            person.labour = Labour::Weak;
        }
        if person.disability == 1 && person.school != School::Compulsory {
            person.school = School::None;
        }
    }
}
