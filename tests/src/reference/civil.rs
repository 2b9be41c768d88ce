//! Civil dates in Asia/Shanghai (fixed +08:00) and instants, as whole numbers. Knows no event and
//! no household.

/// Days since 1970-01-01.
pub(crate) type Day = i64;
/// Nanoseconds since 1970-01-01T00:00:00Z.
pub(crate) type Instant = i64;

const SECOND: i64 = 1_000_000_000;
/// Nanoseconds of a day.
pub(crate) const DAY: i64 = 86_400 * SECOND;
const SHANGHAI: i64 = 8 * 3600 * SECOND;

/// The day of a year, month (1..12) and day of month.
pub(crate) fn day_of(year: i64, month: i64, dom: i64) -> Day {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let shifted = (month + 9) % 12;
    let doy = (153 * shifted + 2) / 5 + dom - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// Year, month and day of month of a day.
pub(crate) fn civil(day: Day) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let shifted = (5 * doy + 2) / 153;
    let dom = doy - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, dom)
}

/// The first day of a month; months before 1 and after 12 carry over into other years.
pub(crate) fn first_of_month(year: i64, month: i64) -> Day {
    let months = year * 12 + month - 1;
    day_of(months.div_euclid(12), months.rem_euclid(12) + 1, 1)
}

/// The same calendar day two years earlier; 29 February becomes 28 February.
pub(crate) fn two_years_before(day: Day) -> Day {
    let (y, m, d) = civil(day);
    if m == 2 && d == 29 { day_of(y - 2, 2, 28) } else { day_of(y - 2, m, d) }
}

/// `YYYY-MM-DD`, only if such a day exists.
pub(crate) fn parse_date(text: &str) -> Option<Day> {
    let b = text.as_bytes();
    if b.len() != 10 || b[4] != b'-' || b[7] != b'-' {
        return None;
    }
    let (y, m, d) = (number(&b[..4])?, number(&b[5..7])?, number(&b[8..])?);
    let day = day_of(y, m, d);
    (civil(day) == (y, m, d)).then_some(day)
}

/// An RFC 3339 instant.
pub(crate) fn parse_instant(text: &str) -> Option<Instant> {
    let b = text.as_bytes();
    if !text.is_ascii() || b.len() < 20 || !matches!(b[10], b'T' | b't') {
        return None;
    }
    if b[13] != b':' || b[16] != b':' {
        return None;
    }
    let day = parse_date(&text[..10])?;
    let (h, m, s) = (number(&b[11..13])?, number(&b[14..16])?, number(&b[17..19])?);
    if h > 23 || m > 59 || s > 59 {
        return None;
    }
    let (nanos, zone) = fraction(&text[19..])?;
    let offset = parse_offset(zone)?;
    Some(day * DAY + (h * 3600 + m * 60 + s - offset) * SECOND + nanos)
}

fn fraction(rest: &str) -> Option<(i64, &str)> {
    let Some(digits) = rest.strip_prefix('.') else { return Some((0, rest)) };
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    if end == 0 {
        return None;
    }
    let nine: String = digits[..end].chars().chain("000000000".chars()).take(9).collect();
    Some((number(nine.as_bytes())?, &digits[end..]))
}

fn parse_offset(zone: &str) -> Option<i64> {
    let b = zone.as_bytes();
    if zone == "Z" || zone == "z" {
        return Some(0);
    }
    if b.len() != 6 || b[3] != b':' {
        return None;
    }
    let (h, m) = (number(&b[1..3])?, number(&b[4..])?);
    if h > 23 || m > 59 {
        return None;
    }
    match b[0] {
        b'+' => Some(h * 3600 + m * 60),
        b'-' => Some(-(h * 3600 + m * 60)),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    let mut n = 0;
    for d in digits {
        if !d.is_ascii_digit() {
            return None;
        }
        n = n * 10 + i64::from(d - b'0');
    }
    Some(n)
}

/// The civil date of an instant.
pub(crate) fn date_of(instant: Instant) -> Day {
    (instant + SHANGHAI).div_euclid(DAY)
}

/// The instant at which a day begins.
pub(crate) fn midnight(day: Day) -> Instant {
    day * DAY - SHANGHAI
}

/// `YYYY-MM-DD`.
pub(crate) fn show_date(day: Day) -> String {
    let (y, m, d) = civil(day);
    format!("{y:04}-{m:02}-{d:02}")
}

/// RFC 3339 with +08:00; a fraction only where there is one.
pub(crate) fn show_instant(instant: Instant) -> String {
    let day = date_of(instant);
    let rest = instant - midnight(day);
    let (s, nanos) = (rest / SECOND, rest % SECOND);
    let clock = format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    let fraction = if nanos == 0 {
        String::new()
    } else {
        format!(".{nanos:09}").trim_end_matches('0').to_owned()
    };
    format!("{}T{clock}{fraction}+08:00", show_date(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_a_century_comes_back() {
        for day in day_of(1969, 1, 1)..day_of(2070, 1, 1) {
            let (y, m, d) = civil(day);
            assert_eq!(day_of(y, m, d), day);
            assert_eq!(parse_date(&show_date(day)), Some(day));
        }
        assert_eq!(show_date(two_years_before(day_of(2028, 2, 29))), "2026-02-28");
        assert_eq!(show_date(first_of_month(2026, -1)), "2025-11-01");
    }

    #[test]
    fn instants_are_compared_whatever_their_zone() {
        let a = parse_instant("2026-03-04T10:20:30+08:00").unwrap();
        assert_eq!(parse_instant("2026-03-04T02:20:30Z"), Some(a));
        assert_eq!(parse_instant("2026-03-03T22:50:30.000-03:30"), Some(a));
        assert_eq!(show_instant(a), "2026-03-04T10:20:30+08:00");
        assert_eq!(
            show_date(date_of(parse_instant("2026-03-03T16:00:00Z").unwrap())),
            "2026-03-04"
        );
        for bad in ["2026-02-29T00:00:00Z", "2026-03-04 10:20:30Z", "2026-03-04T24:00:00Z", ""] {
            assert_eq!(parse_instant(bad), None, "{bad}");
        }
    }
}
