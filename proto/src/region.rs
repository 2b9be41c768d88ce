//! Region codes, area prefixes and the versioned region table.
//!
//! A code says where a household is registered; it refuses to know who lives there.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// A 12-digit region code: province 2, city 2, county 2, township 3, village 3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Region(u64);

impl Region {
    /// Reads exactly 12 digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Region> {
        (text.len() == 12).then(|| number(text)).flatten().map(Region)
    }

    /// The code as a number below 10^12.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The code of a number that [`Region::number`] gave.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Region> {
        (number < 1_000_000_000_000).then_some(Region(number))
    }

    /// The prefix of `level` that holds this code.
    #[must_use]
    pub fn prefix(self, level: Level) -> Prefix {
        Prefix {
            number: self.0 / 10u64.pow(12 - u32::from(level.digits())),
            digits: level.digits(),
        }
    }

    /// Its digits in ASCII.
    #[must_use]
    pub fn digits(self) -> [u8; 12] {
        let mut digits = [0; 12];
        let mut left = self.0;
        for digit in digits.iter_mut().rev() {
            // A digit of a number is below ten.
            *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
            left /= 10;
        }
        digits
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One of the five levels that act.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// 省, 2 digits.
    Province,
    /// 市, 4 digits.
    City,
    /// 县, 6 digits.
    County,
    /// 乡, 9 digits.
    Township,
    /// 村, 12 digits.
    Village,
}

impl Level {
    /// How many digits a prefix of this level has.
    #[must_use]
    pub fn digits(self) -> u8 {
        match self {
            Level::Province => 2,
            Level::City => 4,
            Level::County => 6,
            Level::Township => 9,
            Level::Village => 12,
        }
    }

    /// The level of a prefix with so many digits.
    #[must_use]
    pub fn of_digits(digits: usize) -> Option<Level> {
        match digits {
            2 => Some(Level::Province),
            4 => Some(Level::City),
            6 => Some(Level::County),
            9 => Some(Level::Township),
            12 => Some(Level::Village),
            _ => None,
        }
    }
}

/// An area: all codes that begin with the same 0, 2, 4, 6, 9 or 12 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Prefix {
    number: u64,
    digits: u8,
}

impl Prefix {
    /// Every region.
    pub const ALL: Prefix = Prefix { number: 0, digits: 0 };

    /// Reads 2, 4, 6, 9 or 12 digits; of 12 digits an unused tail of zeros is cut.
    #[must_use]
    pub fn parse(text: &str) -> Option<Prefix> {
        let level = Level::of_digits(text.len())?;
        let number = number(text)?;
        if level != Level::Village {
            return Some(Prefix { number, digits: level.digits() });
        }
        let shortest = [Level::Province, Level::City, Level::County, Level::Township]
            .into_iter()
            .find(|l| number % 10u64.pow(12 - u32::from(l.digits())) == 0);
        Some(Region(number).prefix(shortest.unwrap_or(Level::Village)))
    }

    /// Whether the region lies in this area.
    #[must_use]
    pub fn contains(self, region: Region) -> bool {
        region.0 / 10u64.pow(12 - u32::from(self.digits)) == self.number
    }

    /// Whether `other` lies in this area or is the same.
    #[must_use]
    pub fn covers(self, other: Prefix) -> bool {
        other.digits >= self.digits
            && other.number / 10u64.pow(u32::from(other.digits - self.digits)) == self.number
    }

    /// How many digits are fixed.
    #[must_use]
    pub fn digits(self) -> u8 {
        self.digits
    }

    /// The half-open range of code numbers in this area.
    #[must_use]
    pub fn numbers(self) -> std::ops::Range<u64> {
        let width = 10u64.pow(12 - u32::from(self.digits));
        self.number * width..(self.number + 1) * width
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digits {
            0 => Ok(()),
            digits => write!(f, "{:0width$}", self.number, width = usize::from(digits)),
        }
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an area event or a subscription points at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Area {
    /// All registered regions under a prefix.
    Prefix(Prefix),
    /// A resettlement site by its id, which is not made of digits only.
    Site(String),
}

impl Area {
    /// Reads a prefix (digits only) or a site id (`[A-Za-z0-9._-]{1,64}`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Area> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return Prefix::parse(text).map(Area::Prefix);
        }
        site_id(text).then(|| Area::Site(text.to_owned()))
    }

    /// Whether a household with this registered region and site is in the area.
    #[must_use]
    pub fn holds(&self, region: Region, site: Option<&str>) -> bool {
        match self {
            Area::Prefix(prefix) => prefix.contains(region),
            Area::Site(id) => site == Some(id.as_str()),
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Area::Prefix(p) => p.fmt(f),
            Area::Site(s) => f.write_str(s),
        }
    }
}

/// Whether a text can be the id of a resettlement site: like a household id, not digits only.
#[must_use]
pub fn site_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !text.bytes().all(|b| b.is_ascii_digit())
}

fn number(text: &str) -> Option<u64> {
    text.bytes().try_fold(0u64, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))
}

/// A row of the region table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegionRow {
    /// The code.
    pub code: Region,
    /// The name people use.
    pub name: String,
    /// `province | city | county | township | village`.
    pub level: String,
    /// The code that replaced this one.
    pub successor: Option<Region>,
}

/// Why a region table is refused; `line` counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegionTableError {
    /// The header is not `code,name,level,successor`.
    #[error("line 1: the header must be code,name,level,successor")]
    Header,
    /// A row does not have four columns, or a code is not 12 digits.
    #[error("line {line}: four columns with 12-digit codes are expected")]
    Row {
        /// The line of the file.
        line: usize,
    },
    /// A code stands twice.
    #[error("line {line}: this code stands in an earlier line")]
    Twice {
        /// The line of the file.
        line: usize,
    },
    /// Successors lead back to where they began.
    #[error("the successors of {code} go in a circle")]
    Circle {
        /// Where the circle was found.
        code: Region,
    },
}

/// Names and successors of region codes (CSV `code,name,level,successor`).
#[derive(Clone, Debug, Default)]
pub struct RegionTable {
    rows: BTreeMap<Region, RegionRow>,
}

impl RegionTable {
    /// Reads the CSV text; names hold no commas or quotes.
    ///
    /// # Errors
    /// [`RegionTableError`] with the line.
    pub fn parse(csv: &str) -> Result<RegionTable, RegionTableError> {
        let mut lines = csv.trim_start_matches('\u{feff}').lines().map(str::trim_end);
        if lines.next() != Some("code,name,level,successor") {
            return Err(RegionTableError::Header);
        }
        let mut table = RegionTable::default();
        for (n, text) in lines.enumerate().filter(|(_, text)| !text.is_empty()) {
            let line = n + 2;
            let row = parse_row(text).ok_or(RegionTableError::Row { line })?;
            if table.rows.insert(row.code, row).is_some() {
                return Err(RegionTableError::Twice { line });
            }
        }
        match table.rows.keys().find(|code| table.follow(**code).is_none()) {
            Some(code) => Err(RegionTableError::Circle { code: *code }),
            None => Ok(table),
        }
    }

    /// The code that stands for `code` today: successors followed to the end.
    #[must_use]
    pub fn current(&self, code: Region) -> Region {
        self.follow(code).unwrap_or(code)
    }

    /// The row of a code.
    #[must_use]
    pub fn row(&self, code: Region) -> Option<&RegionRow> {
        self.rows.get(&code)
    }

    fn follow(&self, code: Region) -> Option<Region> {
        let mut at = code;
        for _ in 0..=self.rows.len() {
            match self.rows.get(&at).and_then(|row| row.successor) {
                Some(next) => at = next,
                None => return Some(at),
            }
        }
        None
    }
}

fn parse_row(text: &str) -> Option<RegionRow> {
    let mut columns = text.split(',');
    let code = Region::parse(columns.next()?)?;
    let name = columns.next()?.to_owned();
    let level = columns.next()?.to_owned();
    let successor = match columns.next()? {
        "" => None,
        code => Some(Region::parse(code)?),
    };
    columns.next().is_none().then_some(RegionRow { code, name, level, successor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_holds_the_codes_that_begin_with_it() {
        let village = Region::parse("990102003004").unwrap();
        for (text, holds) in [
            ("99", true),
            ("9901", true),
            ("990102", true),
            ("990102003", true),
            ("990102003004", true),
            ("9902", false),
            ("990102000000", true),
            ("990000000000", true),
            ("990103000000", false),
        ] {
            assert_eq!(Prefix::parse(text).unwrap().contains(village), holds, "{text}");
        }
        assert!(Prefix::ALL.contains(village));
        assert_eq!(Prefix::parse("990102000000").unwrap().to_string(), "990102");
        for none in ["", "9", "990", "99010", "99x1", "9901020030"] {
            assert_eq!(Prefix::parse(none), None, "{none}");
        }
        assert!(Prefix::parse("99").unwrap().covers(Prefix::parse("9901").unwrap()));
        assert!(!Prefix::parse("9901").unwrap().covers(Prefix::parse("99").unwrap()));
        assert!(Prefix::parse("9901").unwrap().numbers().contains(&village.number()));
    }

    #[test]
    fn an_area_of_letters_is_a_site() {
        let village = Region::parse("990102003004").unwrap();
        assert!(Area::parse("site-7").unwrap().holds(village, Some("site-7")));
        assert!(!Area::parse("site-7").unwrap().holds(village, None));
        assert_eq!(Area::parse("123"), None);
        assert_eq!(Area::parse("a b"), None);
    }

    #[test]
    fn a_replaced_code_leads_to_its_successor() {
        let csv = "code,name,level,successor\n990101001009,旧店村,village,990101001001\n990101001001,上庄村,village,\n";
        let table = RegionTable::parse(csv).unwrap();
        let old = Region::parse("990101001009").unwrap();
        assert_eq!(table.current(old).to_string(), "990101001001");
        assert_eq!(table.row(old).unwrap().name, "旧店村");
        let circle = "code,name,level,successor\n990101001009,a,village,990101001001\n990101001001,b,village,990101001009\n";
        assert!(matches!(RegionTable::parse(circle), Err(RegionTableError::Circle { .. })));
        assert_eq!(RegionTable::parse("code,name\n").err(), Some(RegionTableError::Header));
        assert_eq!(
            RegionTable::parse("code,name,level,successor\n99,x,province,\n").err(),
            Some(RegionTableError::Row { line: 2 })
        );
    }
}
