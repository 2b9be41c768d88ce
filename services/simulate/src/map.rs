//! A map of the province: every village a square cell, townships, counties and cities as blocks of
//! them, on an empty grid in the Gulf of Guinea. It refuses to look like any real place.

use std::io::{self, Write};

use crate::layout::{self, Layout};

/// Side of a village cell in hundredths of a degree.
const CELL: u32 = 2;

/// Writes a GeoJSON FeatureCollection; coordinates are exact hundredths of a degree.
pub(crate) fn write(layout: &Layout, out: &mut impl Write) -> io::Result<()> {
    let grid = Grid::new(layout);
    write!(out, "{{\"type\":\"FeatureCollection\",\"features\":[")?;
    let all = Square { x: 0, y: 0, side: grid.city * side(layout.cities()) };
    feature(out, "", "990000000000", "示范省", "province", &all)?;
    for city in 0..layout.cities() {
        let at = place(city, layout.cities(), grid.city, &Square { x: 0, y: 0, side: 0 });
        let code = format!("{}00000000", layout.city_code(city));
        feature(out, ",", &code, &layout::city_name(city), "city", &at)?;
        let counties = layout.counties_of(city);
        for county in counties.clone() {
            let at = place(county - counties.start, grid.counties, grid.county, &at);
            let code = format!("{}000000", layout.county_code(county));
            feature(out, ",", &code, &layout::county_name(county), "county", &at)?;
            let townships = layout.townships_of(county);
            for township in townships.clone() {
                let at = place(township - townships.start, grid.townships, grid.township, &at);
                let code = format!("{}000", layout.township_code(township));
                feature(out, ",", &code, &layout::township_name(township), "township", &at)?;
                let villages = layout.villages_of(township);
                for village in villages.clone() {
                    let at = place(village - villages.start, grid.villages, CELL, &at);
                    let code = layout.village_code(village).to_string();
                    feature(out, ",", &code, &layout::village_name(village), "village", &at)?;
                }
            }
        }
    }
    writeln!(out, "]}}")
}

/// How many areas a parent may hold, and the side of each kind of area.
struct Grid {
    counties: u32,
    townships: u32,
    villages: u32,
    city: u32,
    county: u32,
    township: u32,
}

impl Grid {
    fn new(layout: &Layout) -> Grid {
        let villages = layout.villages_of(0).len() as u32;
        let townships = layout.townships_of(0).len() as u32;
        let counties = layout.counties_of(0).len() as u32;
        let township = CELL * side(villages);
        let county = township * side(townships);
        Grid { counties, townships, villages, city: county * side(counties), county, township }
    }
}

struct Square {
    x: u32,
    y: u32,
    side: u32,
}

/// The smallest square grid with room for so many.
fn side(count: u32) -> u32 {
    (1..).find(|n| n * n >= count).unwrap_or(1)
}

/// Cell `n` of `of` within the parent, row by row.
fn place(n: u32, of: u32, size: u32, within: &Square) -> Square {
    let row = side(of);
    Square { x: within.x + n % row * size, y: within.y + n / row * size, side: size }
}

fn feature(
    out: &mut impl Write,
    comma: &str,
    code: &str,
    name: &str,
    level: &str,
    at: &Square,
) -> io::Result<()> {
    let (x, y, s) = (at.x, at.y, at.side);
    let corner =
        |x: u32, y: u32| format!("[{}.{:02},{}.{:02}]", x / 100, x % 100, y / 100, y % 100);
    let corners =
        [(x, y), (x + s, y), (x + s, y + s), (x, y + s), (x, y)].map(|(x, y)| corner(x, y));
    write!(
        out,
        "{comma}\n{{\"type\":\"Feature\",\"properties\":{{\"code\":\"{code}\",\"name\":\"{name}\",\
         \"level\":\"{level}\"}},\"geometry\":{{\"type\":\"Polygon\",\"coordinates\":[[{}]]}}}}",
        corners.join(",")
    )
}
