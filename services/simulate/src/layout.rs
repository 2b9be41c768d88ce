//! Where people live: villages of about 400 households, townships, counties, cities, resettlement
//! sites, and villages merged away whose codes are still in use. It refuses to know who lives
//! there.

use std::io::{self, Write};

use crate::draw::{Draw, Topic};

/// Every tenth village has swallowed another one, whose code still turns up.
const MERGED_EVERY: u32 = 10;
/// Added to a village number to get the code of the village it swallowed.
const MERGED_OFFSET: u64 = 500;
const NAMES: [&str; 24] = [
    "柳", "清", "石", "桃", "云", "泉", "榆", "梅", "竹", "沙", "枣", "杏", "松", "溪", "莲", "鹤",
    "岭", "桥", "塘", "井", "坪", "湾", "槐", "禾",
];
const TAILS: [&str; 16] = [
    "河", "山", "坡", "沟", "林", "原", "口", "泉", "岗", "坝", "台", "川", "洼", "浦", "堡", "溪",
];

/// The areas of a province.
pub(crate) struct Layout {
    /// First household of each village, and one past the last household at the end.
    starts: Vec<u32>,
    villages_per_township: u32,
    townships_per_county: u32,
    counties_per_city: u32,
}

impl Layout {
    pub(crate) fn new(households: u32, seed: u64) -> Layout {
        let mut draw = Draw::new(seed, Topic::Layout, 0);
        let (mut starts, mut next) = (vec![1], 1u32);
        while next <= households {
            // Narrower than real villages, because the visiting budget is stated per 400
            // households.
            let size = draw.lognormal(396.0, 0.12).clamp(250.0, 600.0) as u32;
            let left = households + 1 - next;
            next += if left < size + 200 { left } else { size };
            starts.push(next);
        }
        let villages = starts.len() as u32 - 1;
        let villages_per_township = (villages / 30).clamp(2, 18);
        let townships = villages.div_ceil(villages_per_township);
        let townships_per_county = (townships / 5).clamp(2, 15);
        let counties = townships.div_ceil(townships_per_county);
        let counties_per_city = (counties / 2).clamp(2, 9);
        Layout { starts, villages_per_township, townships_per_county, counties_per_city }
    }

    pub(crate) fn villages(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    pub(crate) fn townships(&self) -> u32 {
        self.villages().div_ceil(self.villages_per_township)
    }

    pub(crate) fn counties(&self) -> u32 {
        self.townships().div_ceil(self.townships_per_county)
    }

    pub(crate) fn cities(&self) -> u32 {
        self.counties().div_ceil(self.counties_per_city)
    }

    /// The village of a household.
    pub(crate) fn village_of(&self, household: u32) -> u32 {
        self.starts.partition_point(|start| *start <= household) as u32 - 1
    }

    /// The households of a village.
    #[cfg(test)]
    pub(crate) fn households_of(&self, village: u32) -> std::ops::Range<u32> {
        self.starts[village as usize]..self.starts[village as usize + 1]
    }

    pub(crate) fn township_of(&self, village: u32) -> u32 {
        village / self.villages_per_township
    }

    pub(crate) fn county_of(&self, village: u32) -> u32 {
        self.township_of(village) / self.townships_per_county
    }

    fn city_of_county(&self, county: u32) -> u32 {
        county / self.counties_per_city
    }

    /// The villages of a township.
    pub(crate) fn villages_of(&self, township: u32) -> std::ops::Range<u32> {
        let first = township * self.villages_per_township;
        first..(first + self.villages_per_township).min(self.villages())
    }

    /// The townships of a county.
    pub(crate) fn townships_of(&self, county: u32) -> std::ops::Range<u32> {
        let first = county * self.townships_per_county;
        first..(first + self.townships_per_county).min(self.townships())
    }

    /// The counties of a city.
    pub(crate) fn counties_of(&self, city: u32) -> std::ops::Range<u32> {
        let first = city * self.counties_per_city;
        first..(first + self.counties_per_city).min(self.counties())
    }

    /// 4 digits.
    pub(crate) fn city_code(&self, city: u32) -> u64 {
        9901 + u64::from(city)
    }

    /// 6 digits.
    pub(crate) fn county_code(&self, county: u32) -> u64 {
        let city = self.city_of_county(county);
        self.city_code(city) * 100 + u64::from(county % self.counties_per_city) + 1
    }

    /// 9 digits.
    pub(crate) fn township_code(&self, township: u32) -> u64 {
        let county = township / self.townships_per_county;
        self.county_code(county) * 1000 + u64::from(township % self.townships_per_county) + 1
    }

    /// 12 digits.
    pub(crate) fn village_code(&self, village: u32) -> u64 {
        let township = self.township_of(village);
        self.township_code(township) * 1000 + u64::from(village % self.villages_per_township) + 1
    }

    /// The code of the village that this one swallowed, if it did.
    pub(crate) fn merged_code(&self, village: u32) -> Option<u64> {
        village.is_multiple_of(MERGED_EVERY).then(|| self.village_code(village) + MERGED_OFFSET)
    }

    /// `code,name,level,successor`, codes of 12 digits with zero tails.
    pub(crate) fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "code,name,level,successor")?;
        writeln!(out, "990000000000,示范省,province,")?;
        for city in 0..self.cities() {
            let code = self.city_code(city) * 100_000_000;
            writeln!(out, "{code},{},city,", city_name(city))?;
            for county in self.counties_of(city) {
                let code = self.county_code(county) * 1_000_000;
                writeln!(out, "{code},{},county,", county_name(county))?;
                for township in self.townships_of(county) {
                    let code = self.township_code(township) * 1000;
                    writeln!(out, "{code},{},township,", township_name(township))?;
                    for village in self.villages_of(township) {
                        let code = self.village_code(village);
                        writeln!(out, "{code},{},village,", village_name(village))?;
                    }
                }
                writeln!(out, "{},{}安置区,site,", site_code(county), county_name(county))?;
            }
        }
        for village in 0..self.villages() {
            if let Some(old) = self.merged_code(village) {
                let (name, to) = (village_name(village + 7), self.village_code(village));
                writeln!(out, "{old},旧{name},village,{to}")?;
            }
        }
        Ok(())
    }
}

/// The resettlement site of a county.
pub(crate) fn site_code(county: u32) -> String {
    format!("S-{:03}", county + 1)
}

pub(crate) fn city_name(n: u32) -> String {
    format!("{}市", name(n.wrapping_mul(5) + 3))
}

pub(crate) fn county_name(n: u32) -> String {
    format!("{}县", name(n.wrapping_mul(7) + 11))
}

pub(crate) fn township_name(n: u32) -> String {
    format!("{}{}", name(n.wrapping_mul(11) + 29), if n.is_multiple_of(3) { "乡" } else { "镇" })
}

pub(crate) fn village_name(n: u32) -> String {
    format!("{}村", name(n.wrapping_mul(13) + 5))
}

fn name(n: u32) -> String {
    let tail = (n / 24 + n) % 16;
    let head = NAMES[(n % 24) as usize];
    match n / 384 {
        0 => format!("{head}{}", TAILS[tail as usize]),
        more => format!("{head}{}{}", NAMES[(more % 24) as usize], TAILS[tail as usize]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_household_has_a_village_and_villages_hold_about_400() {
        for households in [1, 399, 2000, 100_000] {
            let layout = Layout::new(households, 1);
            let ranges: Vec<_> = (0..layout.villages()).map(|v| layout.households_of(v)).collect();
            assert_eq!(ranges.iter().map(|r| r.len()).sum::<usize>(), households as usize);
            for (village, range) in ranges.iter().enumerate() {
                assert!(range.len() <= 800);
                assert_eq!(layout.village_of(range.start) as usize, village);
                assert_eq!(layout.village_of(range.end - 1) as usize, village);
            }
        }
        let mean = 100_000.0 / f64::from(Layout::new(100_000, 1).villages());
        assert!((380.0..420.0).contains(&mean), "{mean}");
    }

    #[test]
    fn codes_nest_and_are_unique_up_to_a_large_province() {
        let layout = Layout::new(18_700_000, 1);
        assert!(layout.cities() < 99 && layout.counties() > 100);
        let codes: Vec<u64> = (0..layout.villages()).map(|v| layout.village_code(v)).collect();
        assert!(codes.windows(2).all(|w| w[0] < w[1]));
        assert!(codes.iter().all(|c| c.to_string().len() == 12 && c.to_string().starts_with("99")));
        let small = Layout::new(100_000, 1);
        assert!(small.counties() >= 4 && small.townships() >= 20 && small.cities() >= 2);
    }
}
