//! The ways of writing an address as a URL's host, and of hiding an IPv4 address in IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Every form of an address as a host.
pub(crate) fn hosts(address: IpAddr) -> Vec<String> {
    match address {
        IpAddr::V4(v4) => {
            let mut hosts = numbers(v4);
            hosts.extend(letters(v4));
            hosts.extend(hidden(v4).into_iter().flat_map(bracketed));
            hosts.push(format!("[::ffff:{v4}]"));
            hosts.push(format!("[::{v4}]"));
            hosts.push(format!("[64:ff9b::{v4}]"));
            hosts
        }
        IpAddr::V6(v6) => bracketed(v6),
    }
}

/// The address, and where it is IPv4 the IPv6 addresses that stand for it.
pub(crate) fn addresses(address: IpAddr) -> Vec<IpAddr> {
    match address {
        IpAddr::V4(v4) => {
            std::iter::once(address).chain(hidden(v4).into_iter().map(IpAddr::V6)).collect()
        }
        IpAddr::V6(_) => vec![address],
    }
}

/// Decimal, octal and hexadecimal, in one to four parts.
fn numbers(v4: Ipv4Addr) -> Vec<String> {
    let bits = v4.to_bits();
    let [a, b, c, d] = v4.octets();
    let (two, three) = (bits & 0x00ff_ffff, bits & 0xffff);
    vec![
        v4.to_string(),
        format!("{bits}"),
        format!("0x{bits:x}"),
        format!("0X{bits:X}"),
        format!("0x{bits:016x}"),
        format!("0{bits:o}"),
        format!("00000{bits:o}"),
        format!("{a}.{two}"),
        format!("{a}.{b}.{three}"),
        format!("0x{a:x}.{two}"),
        format!("0{a:o}.0x{two:x}"),
        format!("{a}.{b}.0x{three:04X}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0{a:03o}.00{b:o}.0x{c:02X}.{d}"),
        format!("{a}.{b}.{c}.0x{d:x}"),
        format!("{v4}."),
        format!("{bits}."),
        format!("0x{bits:x}."),
    ]
}

/// Percent-encoded, and with letters and dots that IDNA maps to digits and dots.
fn letters(v4: Ipv4Addr) -> Vec<String> {
    let text = v4.to_string();
    let mapped = |first: char| {
        let digit = |c: char| c.to_digit(10).and_then(|n| char::from_u32(u32::from(first) + n));
        text.chars().map(|c| digit(c).unwrap_or(c)).collect::<String>()
    };
    let encoded = |upper: bool| {
        let one = |b: u8| if upper { format!("%{b:02X}") } else { format!("%{b:02x}") };
        text.bytes().map(one).collect::<String>()
    };
    vec![
        encoded(true),
        encoded(false),
        text.replace('.', "%2e"),
        text.replace('.', "。"),
        text.replace('.', "．"),
        text.replace('.', "｡"),
        text.replace('.', "%E3%80%82"),
        mapped('０'),
        mapped('𝟎'),
        mapped('𝟘'),
        mapped('𝟶'),
        mapped('０').replace('.', "。"),
        text.replacen('.', "\u{200b}.", 1).replace('\u{200b}', "\u{ad}"),
        text.replace('1', "①").replace('2', "②"),
    ]
}

/// IPv6 addresses that lead to an IPv4 one.
fn hidden(v4: Ipv4Addr) -> Vec<Ipv6Addr> {
    let bits = v4.to_bits();
    let [high, low] = [(bits >> 16) as u16, (bits & 0xffff) as u16];
    vec![
        v4.to_ipv6_mapped(),
        Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x2002, 0x0808, 0x0808, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2001, 0, high, low, 0, 0xffff, !0x0808, !0x0808),
        Ipv6Addr::new(0x2001, 0, 0x0808, 0x0808, 0, 0xffff, !high, !low),
        Ipv6Addr::new(0x2400, 0x3200, 0, 0, 0, 0x5efe, high, low),
        Ipv6Addr::new(0x2400, 0x3200, 0, 0, 0x0200, 0x5efe, high, low),
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5efe, high, low),
    ]
}

/// An IPv6 address short, whole, in capitals and padded.
fn bracketed(v6: Ipv6Addr) -> Vec<String> {
    let parts = |one: fn(u16) -> String| v6.segments().map(one).join(":");
    vec![
        format!("[{v6}]"),
        format!("[{}]", v6.to_string().to_uppercase()),
        format!("[{}]", parts(|part| format!("{part:x}"))),
        format!("[{}]", parts(|part| format!("{part:04X}"))),
    ]
}

/// `\t`, `\n`, `\r`, `\0` and `\u{...}` as the characters they stand for.
pub(crate) fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let (character, left) = match after.strip_prefix("u{") {
            Some(hex) => {
                let (hex, left) = hex.split_once('}').expect("a closed escape");
                let value = u32::from_str_radix(hex, 16).expect("hexadecimal");
                (char::from_u32(value).expect("a character"), left)
            }
            None => {
                let known = [("t", '\t'), ("n", '\n'), ("r", '\r'), ("0", '\0')];
                let found =
                    known.iter().find_map(|(name, c)| Some((*c, after.strip_prefix(name)?)));
                found.unwrap_or(('\\', after))
            }
        };
        plain.push(character);
        rest = left;
    }
    plain + rest
}
